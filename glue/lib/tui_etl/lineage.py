"""Following one landed file through the ledger and the runs' books: which runs took it, what became of its records.

    seen = lineage.follow(file_id, lineage.connect(ledger, s3, state_bucket))
    seen.standing()  # rows of it that the tables have now

Runs are found from the FILE item onwards, by `assigned_to`, and by the rule of the protocol: a run has taken an item if
it is COMMITTED and its manifest lists it. No item leads to the later Glue 3 runs that replaced rows of the file: these
are found by looking into the numbers by file of all of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pyarrow import parquet

from tui_etl import manifest, protocol, report, storage
from tui_etl.ledger import Ledger
from tui_etl.protocol import LAST_STAGE

Numbers = Mapping[str, int]


@dataclass(frozen=True)
class Source:
    """Where to look.

    `get`: an item by its partition key. `report`, `items`: a report, and the items of a manifest, by URI.
    `numbers`: those of one file by files URI, dataset and file id; empty if it has none.
    `conform_runs`: the ids of all Glue 3 runs that wrote numbers by file, committed or not.
    """

    get: Callable[[str], Mapping[str, Any] | None]
    report: Callable[[str], Mapping[str, Any]]
    items: Callable[[str, int, str], Set[str]]
    numbers: Callable[[str, str, str], Numbers]
    conform_runs: Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Step:
    """A run that took the file, or holds it. The numbers are the file's; there are none before COMMITTED."""

    stage: int
    run_id: str
    state: str
    started_by: str | None = None
    committed_at: str | None = None
    outcome: str | None = None
    reason: str | None = None
    tables: tuple[str, ...] = ()
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """A file's way.

    `item`: its FILE item, with the batch that brought it in as `taken_in_by` and `taken_in_at`, if that is known.
    `steps`: the run of each stage that took it, the last of which may not have committed yet.
    `later`: Glue 3 runs that replaced rows of it.
    """

    file_id: str
    item: Mapping[str, Any] | None
    steps: tuple[Step, ...] = ()
    later: tuple[Step, ...] = ()

    def number(self, stage: int, name: str) -> int:
        """A number of the run that took the file at a stage; 0 as long as none has committed."""
        return sum(step.numbers.get(name, 0) for step in self.steps if step.stage == stage)

    def records(self) -> int:
        """Records that Glue 1 found in the file."""
        return self.number(1, "records") + self.number(1, "quarantined")

    def conformed(self) -> int:
        """Rows that the run which took the file brought into a table."""
        return self.number(3, "legacy") + self.number(3, "secured")

    def standing(self) -> int:
        """Rows of the file that the tables have now: those that had to make room for later ones are gone."""
        return self.conformed() - sum(step.numbers["replaced"] for step in self.later)

    def problems(self) -> list[str]:
        """What does not add up from stage to stage."""
        committed = {step.stage for step in self.steps if step.state == protocol.COMMITTED}
        classified, read = (self.number(stage, "records_in") for stage in (2, 3))
        out = self.number(3, "superseded") + self.number(3, "quarantined")
        comparisons = [
            (2, "records by Glue 1", self.number(1, "records"), "into Glue 2", classified),
            (2, "into Glue 2", classified, "legacy + secured", self.number(2, "legacy") + self.number(2, "secured")),
            (3, "into Glue 2", classified, "into Glue 3", read),
            (3, "into Glue 3", read, "conformed + superseded + quarantined", self.conformed() + out),
        ]
        found = [
            f"{self.file_id}: {left} {left_name}, {right} {right_name}"
            for stage, left_name, left, right_name, right in comparisons
            if stage in committed and left != right
        ]
        if self.standing() < 0:
            found.append(f"{self.file_id}: {-self.standing()} more rows replaced than conformed")
        return found


def follow(file_id: str, source: Source) -> Lineage:
    """The way of a landed version up to now; without an item nothing is known of it yet."""
    file = source.get(protocol.file_pk(file_id))
    steps: list[Step] = []
    pk: str = protocol.file_pk(file_id)
    item: Mapping[str, Any] = file or {}
    dataset: str | None = None
    for stage in range(1, LAST_STAGE + 1):
        run_id = item.get("assigned_to")
        taker = source.get(protocol.run_pk(stage, run_id)) if run_id else None
        if run_id is None or taker is None:
            break
        if taker["state"] != protocol.COMMITTED:
            steps.append(Step(stage, run_id, taker["state"], taker.get("started_by")))
            break
        if pk not in source.items(taker["manifest"], stage, run_id):
            break  # it held the item, and left it to the next run
        document = source.report(taker["report"])
        if stage == 1:
            outcome = next(entry for entry in document["files"] if entry["file_id"] == file_id)
            dataset = outcome["dataset"]
            numbers = {name: outcome[name] for name in ("records", "quarantined")}
            steps.append(_step(stage, run_id, taker, numbers, outcome["outcome"], outcome["reason"]))
        else:
            numbers = _numbers(source, document, dataset, file_id)
            steps.append(_step(stage, run_id, taker, numbers, tables=_tables(document, dataset)))
        pk, item = protocol.run_pk(stage, run_id), taker
    seen = Lineage(file_id, file, tuple(steps))
    later = tuple(_later(source, seen, dataset)) if seen.conformed() else ()
    return Lineage(file_id, file, seen.steps, later)


def _later(source: Source, seen: Lineage, dataset: str | None) -> Iterable[Step]:
    for run_id in sorted(set(source.conform_runs()) - {step.run_id for step in seen.steps}):
        taker = source.get(protocol.run_pk(LAST_STAGE, run_id))
        if taker is not None and taker["state"] == protocol.COMMITTED:
            document = source.report(taker["report"])
            numbers = _numbers(source, document, dataset, seen.file_id)
            if numbers.get("replaced"):
                yield _step(LAST_STAGE, run_id, taker, numbers, tables=_tables(document, dataset))


def _numbers(source: Source, document: Mapping[str, Any], dataset: str | None, file_id: str) -> dict[str, int]:
    """A file's numbers; a run that had no records of its dataset wrote none."""
    if dataset is None or all(row["dataset"] != dataset for row in document["datasets"]):
        return {}
    return dict(source.numbers(document["files_uri"], dataset, file_id))


def _tables(document: Mapping[str, Any], dataset: str | None) -> tuple[str, ...]:
    return tuple(table for row in document["datasets"] if row["dataset"] == dataset for table in row["tables"])


def _step(
    stage: int,
    run_id: str,
    taker: Mapping[str, Any],
    numbers: Numbers,
    outcome: str | None = None,
    reason: str | None = None,
    tables: tuple[str, ...] = (),
) -> Step:
    started_by, committed_at = taker.get("started_by"), taker.get("committed_at")
    return Step(stage, run_id, taker["state"], started_by, committed_at, outcome, reason, tables, numbers)


def connect(ledger: Ledger, s3: Any, state_bucket: str) -> Source:
    """The ledger and the state bucket themselves; documents are read once."""
    return Source(
        ledger.get,
        cache(lambda uri: json.loads(storage.read(s3, uri))),
        cache(lambda uri, stage, run_id: manifest.read_items(s3, uri, stage, run_id)),
        lambda files_uri, dataset, file_id: read_numbers(s3, files_uri, dataset, file_id),
        lambda: _runs(s3, state_bucket),
    )


def read_numbers(s3: Any, files_uri: str, dataset: str, file_id: str) -> Numbers:
    """The numbers of one file; of each Parquet file only the row groups that may have it are unpacked."""
    for part in storage.parquet_files(s3, report.files_of(files_uri, dataset)):
        content = io.BytesIO(storage.read(s3, part.uri))
        for row in parquet.read_table(content, filters=[("file_id", "==", file_id)]).to_pylist():
            return {name: value for name, value in row.items() if name != "file_id"}
    return {}


def _runs(s3: Any, state_bucket: str) -> list[str]:
    folder = storage.split_uri(report.files_uri(state_bucket, LAST_STAGE, ""))[1]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=state_bucket, Prefix=folder, Delimiter="/")
    return [
        entry["Prefix"].removeprefix(folder).rstrip("/") for page in pages for entry in page.get("CommonPrefixes", ())
    ]
