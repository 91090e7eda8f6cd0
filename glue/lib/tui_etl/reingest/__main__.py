"""The command: says what would be landed again, and does it with `--yes`.

Exit status: 0 done, or told what would be; 1 there is nothing, or something could not be landed; 2 the command line
can't be meant; 6 AWS could not be asked.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tui_etl import protocol, storage
from tui_etl.ledger import Ledger
from tui_etl.reingest import bodies, land, select
from tui_etl.reingest.land import Places, Plan
from tui_etl.reingest.select import Wanted

_DEFAULTS = {
    "raw_bucket": "grp2-raw-{env}",
    "landing_bucket": "grp2-landing-{env}",
    "ledger_table": "tui-file-ledger-{env}",
    "landing_prefix": "tui/legacy/",
    "quarantine_prefix": "tui/legacy/quarantine/",
}


def main(argv: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    problem = _problem(given)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    try:
        return _run(given)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS can't be asked: {error}", file=sys.stderr)
        return 6


def _run(given: argparse.Namespace) -> int:
    s3 = boto3.client("s3", config=storage.CLIENT_CONFIG)
    ledger = Ledger(boto3.client("dynamodb", config=storage.CLIENT_CONFIG), _name(given, "ledger_table"))
    folder = select.folder_of(_name(given, "raw_bucket"), _name(given, "quarantine_prefix"))
    places = Places(_name(given, "landing_bucket"), _name(given, "landing_prefix"), folder, given.into)
    wanted = Wanted(given.file_id, given.dataset, given.run, given.stage, given.reason)
    found = select.find(s3, folder, wanted)
    if not found:
        print("nothing in quarantine is what you ask for", file=sys.stderr)
        return 1
    by = given.by or boto3.client("sts").get_caller_identity()["Arn"]
    plans = [land.plan(s3, ledger, places, refused, by) for refused in found]
    _tell(plans)
    if not given.yes:
        print("nothing was done: --yes does it")
        return 0
    return _carry_out(s3, ledger, places, plans)


def _carry_out(s3: Any, ledger: Ledger, places: Places, plans: Sequence[Plan]) -> int:
    failed = sum(plan.problem is not None for plan in plans)
    for plan in plans:
        try:
            for file_id in land.carry_out(s3, ledger, places, plan):
                print(f"landed {file_id}")
        except (bodies.Gone, land.Conflict, ClientError) as error:
            failed += 1
            print(f"not landed: {plan.refused.file_id}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _tell(plans: Sequence[Plan]) -> None:
    records = size = 0
    for plan in plans:
        refused = plan.refused
        head = f"{refused.dataset}: {refused.file_id}, refused by Glue {refused.stage} run {refused.run_id}"
        print(head)
        sizes = {row.position: row.size or 0 for row in refused.rows}
        for batch in plan.batches:
            what = "the whole file" if refused.whole else f"{len(batch.positions)} records"
            of_batch = sum(sizes.get(position, 0) for position in batch.positions)
            records, size = records + len(batch.positions), size + of_batch
            print(f"  {what}, {of_batch:,} bytes -> {batch.key}")
        for reason, number in _reasons(plan):
            print(f"    {number} x {reason}")
        if plan.done:
            print(f"  landed again before: {plan.done} {'record' if plan.done == 1 else 'records'}")
        if plan.problem:
            print(f"  can't be landed again: {plan.problem}")
    print(f"{records} records of {sum(bool(plan.batches) for plan in plans)} files, {size:,} bytes to land again")


def _reasons(plan: Plan) -> list[tuple[str, int]]:
    positions = {position for batch in plan.batches for position in batch.positions}
    reasons = [row.reason for row in plan.refused.rows if row.position in positions]
    return sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=lambda pair: -pair[1])[:5]


def _name(given: argparse.Namespace, name: str) -> str:
    return (getattr(given, name) or _DEFAULTS[name]).replace("{env}", given.environment)


def _problem(given: argparse.Namespace) -> str | None:
    if not given.file_id and not given.dataset:
        return "say which: --file-id, or --dataset (with --run or --reason, perhaps)"
    try:
        re.compile(given.reason or "")
    except re.error as error:
        return f"--reason {given.reason!r} is no regular expression: {error}"
    if given.into and protocol.dataset_of(f"x/{given.into}/y", "x/") is None:
        return f"--into {given.into!r}: no dataset can be called that"
    if given.into and "/" in given.into:
        return f"--into {given.into!r} must be one folder below the landing prefix"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tui_etl.reingest", description=__doc__)
    parser.add_argument("--environment", required=True, choices=("dev", "test", "prod"))
    parser.add_argument("--file-id", help="bucket/key#version, as the table quarantine has it")
    parser.add_argument("--dataset", help="all files of a dataset; _none for those that have none")
    parser.add_argument("--run", help="only what this job run refused")
    parser.add_argument("--stage", type=int, choices=(1, 3), help="only what Glue 1, or Glue 3, refused")
    parser.add_argument("--reason", help="only what was refused for a reason in which this regular expression is found")
    parser.add_argument("--into", help="folder below the landing prefix to land in, in place of the file's own")
    parser.add_argument("--by", help="who orders it; the caller's ARN if nothing is said")
    parser.add_argument("--yes", action="store_true", help="do it; without this, only say what would be done")
    for name, default in _DEFAULTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"if it isn't {default}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
