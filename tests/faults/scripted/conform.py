"""Glue 3 without Spark. A table is one object that lists its rows; a commit replaces it only if it is what was read.

A dataset whose name ends in `_keyed` is merged by `key`, the greatest (`order`, landing) standing, and if it ends
in `_landed_keyed` the last landed; any other is appended to, each file once. The order of writes is the product's:
secured, then legacy, then a sweep.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tui_etl import arguments, log, run, storage
from tui_etl.manifest import Output
from tui_etl.report import DatasetBalance

ARGUMENTS = ("conformed_bucket", "legacy_prefix", "secured_prefix", "legacy_bucket", "secured_bucket")
ZONES = ("secured", "legacy")
KEYED = "_keyed"
LANDED_KEYED = "_landed_keyed"
_RUN = "RUN#1#"

Row = dict[str, Any]


@dataclass
class Table:
    """One zone's table of a dataset, as it was read: its rows, and the ETag that a commit is bound to."""

    s3: Any
    bucket: str
    key: str
    rows: list[Row]
    etag: str | None

    @classmethod
    def read(cls, s3: Any, bucket: str, key: str) -> Table:
        """The table as it is now; without any rows if it is not there. Asked by a listing: a role that may list only
        below a prefix is told 403 of an object that is absent."""
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        if key not in [entry["Key"] for entry in listed]:
            return cls(s3, bucket, key, [], None)
        answer = s3.get_object(Bucket=bucket, Key=key)
        return cls(s3, bucket, key, json.loads(answer["Body"].read()), answer["ETag"])

    def commit(self, rows: list[Row]) -> None:
        """Put the rows in place of those that were read; S3 refuses it if another commit came between."""
        if rows == self.rows:
            return
        condition = {"IfNoneMatch": "*"} if self.etag is None else {"IfMatch": self.etag}
        body = json.dumps(rows).encode()
        self.etag = self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body, **condition)["ETag"]
        self.rows = rows


@dataclass(frozen=True)
class Tables:
    """Where the tables are."""

    s3: Any
    bucket: str
    prefixes: dict[str, str]

    def read(self, zone: str, dataset: str) -> Table:
        return Table.read(self.s3, self.bucket, f"{self.prefixes[zone]}{dataset}/rows.json")

    def keyed(self) -> list[str]:
        """Every keyed dataset that has a secured table."""
        prefix = self.prefixes["secured"]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return sorted({name for key in keys if (name := key[len(prefix) :].partition("/")[0]).endswith(KEYED)})


def process(context: run.Context, given: dict[str, str], work: Sequence[run.Work]) -> run.Outcome:
    """Everything that the held runs classified into the tables."""
    manifests = [run.read_manifest(context, item) for item in work]
    listed = [output for manifest in manifests for output in manifest.outputs]
    runs = {item.removeprefix(_RUN) for manifest in manifests for item in manifest.items}
    prefixes = {zone: given[f"{zone}_prefix"].strip("/") + "/" for zone in ZONES}
    tables = Tables(context.s3, given["conformed_bucket"], prefixes)
    for dataset in tables.keyed():
        sweep(tables, dataset)
    balances = []
    for dataset in sorted({output.dataset for output in listed}):
        mine = [output for output in listed if output.dataset == dataset]
        arrived = {zone: read(context.s3, [output for output in mine if output.zone == zone]) for zone in ZONES}
        superseded = (merge if dataset.endswith(KEYED) else append)(tables, dataset, arrived)
        balances.append(balance(tables, dataset, mine, superseded, runs))
    return run.Outcome([], balances)


def read(s3: Any, outputs: Iterable[Output]) -> list[Row]:
    return [json.loads(line) for output in outputs for line in storage.read(s3, output.uri).splitlines()]


def append(tables: Tables, dataset: str, arrived: dict[str, list[Row]]) -> int:
    """The rows of files that the table does not have."""
    for zone in ZONES:
        table = tables.read(zone, dataset)
        known = {row["_file_id"] for row in table.rows}
        table.commit(table.rows + [row for row in arrived[zone] if row["_file_id"] not in known])
    return 0


def merge(tables: Tables, dataset: str, arrived: dict[str, list[Row]]) -> int:
    """One row a key, the latest, in one table; how many of the arrived were superseded."""
    secured, legacy = (tables.read(zone, dataset) for zone in ZONES)
    arriving = {row["key"] for row in arrived["secured"]}
    keys = arriving | {row["key"] for row in secured.rows}
    late = [row for row in legacy.rows if row["key"] in arriving]
    routed = [row for row in arrived["legacy"] if row["key"] in keys]
    secured.commit(latest(dataset, [*secured.rows, *arrived["secured"], *late, *routed]))
    kept = [row for row in arrived["legacy"] if row["key"] not in keys]
    legacy.commit(latest(dataset, [*legacy.rows, *kept]))
    ours = [identity(row) for rows in arrived.values() for row in rows]
    standing = {identity(row) for table in (secured, legacy) for row in table.rows if row["key"] not in arriving}
    standing |= {identity(row) for row in secured.rows if row["key"] in arriving}
    sweep(tables, dataset)
    return sum(one not in standing for one in ours)


def sweep(tables: Tables, dataset: str) -> None:
    """Empty the legacy table of every key that the secured one has; a later row of such a key is moved."""
    secured, legacy = (tables.read(zone, dataset) for zone in ZONES)
    keys = {row["key"] for row in secured.rows}
    stray = [row for row in legacy.rows if row["key"] in keys]
    secured.commit(latest(dataset, [*secured.rows, *stray]))
    legacy.commit([row for row in legacy.rows if row["key"] not in keys])


def latest(dataset: str, rows: Iterable[Row]) -> list[Row]:
    by_order = not dataset.endswith(LANDED_KEYED)
    standing: dict[str, Row] = {}
    for row in rows:
        there = standing.get(row["key"])
        if there is None or rank(row, by_order) > rank(there, by_order):
            standing[row["key"]] = row
    return list(standing.values())


def rank(row: Row, by_order: bool) -> tuple[Any, ...]:
    sequencer = row["_sequencer"].upper().rstrip("0")
    first = (row["order"],) if by_order else ()
    return (*first, row["_landed_at"], sequencer, row["_position"], row["_file_id"])


def identity(row: Row) -> tuple[str, int]:
    return row["_file_id"], row["_position"]


def balance(tables: Tables, dataset: str, files: Sequence[Output], superseded: int, runs: set[str]) -> DatasetBalance:
    """The books: what arrived, and what the tables hold of the Glue 1 runs by which it came."""
    held = {zone: sum(row["_run_id"] in runs for row in tables.read(zone, dataset).rows) for zone in ZONES}
    row = DatasetBalance(dataset, files=len(files), bytes=sum(file.size for file in files))
    row.legacy, row.secured = held["legacy"], held["secured"]
    row.records_in = sum(file.records for file in files)
    row.records_out = row.conformed = sum(held.values())
    row.superseded = superseded
    return row


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, ARGUMENTS)
    context = run.open_context(3, given)
    run.execute(context, lambda work: process(context, given, work))


if __name__ == "__main__":
    main(sys.argv)
