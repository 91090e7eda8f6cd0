"""From starting a function's process to the answer to its first event."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench import environment, events
from bench.aws import Aws
from bench.process import PEERS, PYTHON, Function
from bench.report import Row, mib

TIMES = 10
#: When all is told and cleaned, a function reads the run and has nothing more to do: one call, the same for all.
DONE = "2026-05-08T12:00:00.000Z"


def event_of(name: str) -> Any:
    """The smallest event that has the function ask AWS for something."""
    if name == "copy-prefix":
        return events.landed(1)
    if name == "reconcile":
        return {}
    return events.state_change(environment.VALUES["CLASSIFY_JOB"], events.CLASSIFY_RUN)


def of_each(aws: Aws) -> list[Row]:
    """Each function, and a Python function that makes the one call that they begin with; taking turns."""
    starters: dict[str, Callable[[], Function]] = {
        name: partial(Function, aws, name)
        for name in ("clean-prefix", "copy-prefix", "optimization-trigger", "reconcile", "success-fail-event")
    }
    in_python = [PYTHON, PEERS / "handler.py"]
    starters["Python and boto3"] = partial(Function, aws, "clean-prefix", command=in_python)
    measured: dict[str, list[tuple[float, int, int]]] = {name: [] for name in starters}
    for _ in range(TIMES):
        for name, start in starters.items():
            measured[name].append(first_answer(aws, start, event_of(name)))
    own = {name: statistics.median(seconds for seconds, _, _ in times) for name, times in measured.items()}
    return [
        {
            "who": name,
            "median ms": round(own[name] * 1e3, 1),
            "fastest ms": round(min(seconds for seconds, _, _ in times) * 1e3, 1),
            "Python takes so many times": round(own["Python and boto3"] / own[name], 1),
            "requests": times[0][1],
            "peak MiB": mib(max(peak for _, _, peak in times)),
        }
        for name, times in measured.items()
    ]


def first_answer(aws: Aws, start: Callable[[], Function], event: Any) -> tuple[float, int, int]:
    """Seconds, requests and memory of one cold start."""
    aws.reset()
    aws.put_items([events.committed_run(2, events.CLASSIFY_RUN, cleaned_at=DONE, told_at=DONE)])
    with start() as function:
        function.invoke(event)
        seconds = time.perf_counter() - function.started_at
        return seconds, sum(aws.requests().values()), function.peak_kib()
