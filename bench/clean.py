"""clean-prefix beside s5cmd and boto3, and its memory over ever more keys."""

from __future__ import annotations

from collections.abc import Callable

from bench import environment, events
from bench.aws import Aws
from bench.process import PEERS, PYTHON, S5CMD, Function, Measured, run
from bench.report import Row, mib

KEYS = 100_000
TEMP = "s3://raw/tui/legacy/temp/*"


def delete_with_function(aws: Aws) -> Measured:
    """Start clean-prefix, and let it clean up after the classify run."""
    aws.put_items([events.committed_run(2, events.CLASSIFY_RUN)])
    with Function(aws, "clean-prefix") as function:
        return function.measure(events.state_change(environment.VALUES["CLASSIFY_JOB"], events.CLASSIFY_RUN))


def peers(runs: int) -> dict[str, Callable[[Aws], Measured]]:
    """Who deletes, by name."""
    by_manifest = PEERS / "delete_objects.py"
    return {
        "clean-prefix": delete_with_function,
        "s5cmd rm": lambda aws: run(aws, [S5CMD, "--endpoint-url", aws.url, "rm", TEMP]),
        "boto3 delete_objects": lambda aws: run(aws, [PYTHON, by_manifest, 1, runs]),
        "boto3 delete_objects, 16 threads": lambda aws: run(aws, [PYTHON, by_manifest, 16, runs]),
        "boto3 filter().delete()": lambda aws: run(aws, [PYTHON, PEERS / "filter_delete.py"]),
    }


def beside_others(aws: Aws) -> list[Row]:
    """100,000 keys, as the outputs of one run and of a thousand, without and with latency."""
    rows: list[Row] = []
    for latency in (0, 20):
        for runs in (1, 1_000):
            measured = {}
            for name, delete in peers(runs).items():
                aws.reset(latency_ms=latency, runs=runs, keys_per_run=KEYS // runs)
                measured[name] = delete(aws)
                check_all_gone(aws, name)
            own = measured["clean-prefix"]
            rows += [
                {
                    "ms a request": latency,
                    "runs": runs,
                    "who": name,
                    "seconds": round(one.seconds, 3),
                    "times clean-prefix": round(one.seconds / own.seconds, 1),
                    "requests": one.calls,
                    "peak MiB": mib(one.peak_kib),
                    "times its memory": round(one.peak_kib / own.peak_kib, 1),
                }
                for name, one in measured.items()
            ]
    return rows


def over_more_keys(aws: Aws) -> list[Row]:
    """Ten times the keys, and again: the memory is that of the first."""
    rows: list[Row] = []
    for latency in (0, 20):
        first = 0
        for keys in (10_000, 100_000, 1_000_000):
            aws.reset(latency_ms=latency, runs=1, keys_per_run=keys)
            one = delete_with_function(aws)
            check_all_gone(aws, "clean-prefix")
            first = first or one.peak_kib
            rows.append(
                {
                    "ms a request": latency,
                    "keys": keys,
                    "seconds": round(one.seconds, 3),
                    "keys a second": round(keys / one.seconds),
                    "requests": one.calls,
                    "peak MiB": mib(one.peak_kib),
                    "times the first's memory": round(one.peak_kib / first, 2),
                }
            )
    return rows


def check_all_gone(aws: Aws, who: str) -> None:
    left = aws.state()["keys_left"]
    if left:
        raise RuntimeError(f"{who} left {left} keys")
