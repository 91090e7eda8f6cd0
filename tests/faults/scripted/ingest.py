"""Glue 1 without Spark: real staging, then one JSON Lines file below `temp/` for each landed file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tui_etl import arguments, log, run, storage
from tui_etl.ingest import staging
from tui_etl.ingest.staging import Landed
from tui_etl.manifest import Output
from tui_etl.report import DatasetBalance, FileOutcome

ARGUMENTS = (
    "landing_bucket",
    "landing_prefix",
    "raw_bucket",
    "staging_prefix",
    "temp_prefix",
    "quarantine_prefix",
    "max_files",
)


def process(context: run.Context, given: dict[str, str], work: Sequence[run.Work]) -> run.Outcome:
    """Each file's records to temp, what is none to quarantine."""
    prefix = given["landing_prefix"]
    claimed = staging.claim(context.ledger, context.run_id, staging.spellings(work, prefix))
    files = staging.describe(work, prefix, claimed)
    root = f"s3://{given['raw_bucket']}/"
    staging.stage(context.s3, files, f"{root}{given['staging_prefix'].strip('/')}/run={context.run_id}", prefix)
    outputs: list[Output] = []
    balances: dict[str, DatasetBalance] = {}
    outcomes = []
    for file in files:
        good, bad, seen = split(context, file)
        place = f"{file.place}/run={context.run_id}/part-{file.number:05d}.jsonl"
        if good:
            outputs.append(write(context.s3, f"{root}{given['temp_prefix']}{place}", file.place, good))
        if bad:
            write(context.s3, f"{root}{given['quarantine_prefix']}{place}", file.place, bad)
        row = balances.setdefault(file.place, DatasetBalance(file.place))
        row.files, row.bytes, row.records_in = row.files + 1, row.bytes + file.size, row.records_in + seen
        row.records_out, row.quarantined = row.records_out + len(good), row.quarantined + len(bad)
        outcomes.append(outcome(file, len(good), len(bad)))
    return run.Outcome(outputs, list(balances.values()), outcomes)


def split(context: run.Context, file: Landed) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """A file's records, its bad lines, and how many of both were read."""
    if file.refused is not None:
        return [], [{"_file_id": file.file_id, "reason": file.refused}], 1
    lines = storage.read(context.s3, file.uri).splitlines() if file.uri else []
    lineage = {"_file_id": file.file_id, "_landed_at": file.landed_at, "_sequencer": file.sequencer or ""}
    good, bad = [], []
    for position, line in enumerate(lines, 1):
        own = lineage | {"_position": position, "_run_id": context.run_id}
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            good.append(record | own)
        else:
            bad.append(own | {"_line": line.decode(errors="replace")})
    return good, bad, len(lines)


def outcome(file: Landed, good: int, bad: int) -> FileOutcome:
    """What the report says of a file."""
    if file.refused is not None:
        word = "vanished" if file.vanished else "quarantined"
        return FileOutcome(file.file_id, file.dataset, word, 0, 1, file.refused)
    return FileOutcome(file.file_id, file.dataset, "ingested" if good or bad else "empty", good, bad)


def write(s3: Any, uri: str, dataset: str, records: Iterable[dict[str, Any]]) -> Output:
    """One JSON Lines file, as the manifest lists it."""
    rows = [json.dumps(record).encode() + b"\n" for record in records]
    body = b"".join(rows)
    storage.write(s3, uri, body, "application/x-ndjson")
    bucket, key = storage.split_uri(uri)
    return Output(bucket, key, dataset, "temp", len(rows), len(body))


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, ARGUMENTS)
    context = run.open_context(1, given)
    run.execute(context, lambda work: process(context, given, work), int(given["max_files"]))


if __name__ == "__main__":
    main(sys.argv)
