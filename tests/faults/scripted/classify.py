"""Glue 2 without Spark: a record whose `zone` is `legacy` goes to the legacy bucket, any other to the secured one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tui_etl import arguments, log, run, storage
from tui_etl.manifest import Output
from tui_etl.report import DatasetBalance

ARGUMENTS = ("raw_bucket", "legacy_bucket", "secured_bucket", "classified_prefix", "rules_uri")
ZONES = ("secured", "legacy")


def process(context: run.Context, given: dict[str, str], work: Sequence[run.Work]) -> run.Outcome:
    """Exactly the files that the manifests of the held runs list, by dataset and zone."""
    listed = [output for item in work for output in run.read_manifest(context, item).outputs]
    outputs, balances = [], []
    for dataset in sorted({output.dataset for output in listed}):
        mine = [output for output in listed if output.dataset == dataset]
        records = [record for output in mine for record in read(context.s3, output)]
        written = {zone: [record for record in records if zone_of(record) == zone] for zone in ZONES}
        for zone, rows in written.items():
            if rows:
                folder = f"s3://{given[f'{zone}_bucket']}/{given['classified_prefix'].strip('/')}"
                place = f"{folder}/{dataset}/run={context.run_id}/part-00000.jsonl"
                outputs.append(write(context.s3, place, dataset, zone, rows))
        row = DatasetBalance(dataset, files=len(mine), bytes=sum(output.size for output in mine))
        row.records_in = sum(output.records for output in mine)
        row.legacy, row.secured = len(written["legacy"]), len(written["secured"])
        row.records_out = row.legacy + row.secured
        balances.append(row)
    return run.Outcome(outputs, balances)


def zone_of(record: dict[str, Any]) -> str:
    """Unknown means secured."""
    return "legacy" if record.get("zone") == "legacy" else "secured"


def read(s3: Any, output: Output) -> list[dict[str, Any]]:
    """The records of a listed file; one that is not there is a failure."""
    return [json.loads(line) for line in storage.read(s3, output.uri).splitlines()]


def write(s3: Any, uri: str, dataset: str, zone: str, records: Iterable[dict[str, Any]]) -> Output:
    rows = [json.dumps(record).encode() + b"\n" for record in records]
    body = b"".join(rows)
    storage.write(s3, uri, body, "application/x-ndjson")
    bucket, key = storage.split_uri(uri)
    return Output(bucket, key, dataset, zone, len(rows), len(body))


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, ARGUMENTS)
    context = run.open_context(2, given)
    run.execute(context, lambda work: process(context, given, work))


if __name__ == "__main__":
    main(sys.argv)
