"""A run's report: the balance of each dataset, and what became of each file.

Stage 1 takes a limited number of files a run, and lists them in the report. The other stages take whatever has come
together; their numbers by file are Parquet (see `by_file`), of which the report names the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from tui_etl import storage
from tui_etl.ledger import spell
from tui_etl.quarantine import Aside

CLASSIFY, CONFORM = 2, 3


class Unbalanced(AssertionError):
    """The books don't balance: the run must not commit."""


@dataclass
class DatasetBalance:
    """Numbers of one dataset in one run; what a stage does not know stays 0.

    `reingested`: of the records that came in, those that had been in quarantine before.
    """

    dataset: str
    files: int = 0
    bytes: int = 0
    records_in: int = 0
    records_out: int = 0
    quarantined: int = 0
    legacy: int = 0
    secured: int = 0
    superseded: int = 0
    replaced: int = 0
    conformed: int = 0
    rescued: int = 0
    reingested: int = 0
    tables: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


@dataclass
class FileOutcome:
    """What became of one file: `ingested`, `quarantined` (the file as a whole), `empty` or `vanished`."""

    file_id: str
    dataset: str | None
    outcome: str
    records: int = 0
    quarantined: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class FileTotals:
    """The numbers by file of one dataset, summed up; `unbalanced` files have more or fewer records out than in."""

    dataset: str
    files: int = 0
    unbalanced: int = 0
    records_in: int = 0
    legacy: int = 0
    secured: int = 0
    superseded: int = 0
    replaced: int = 0
    rescued: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class ByFile:
    """Where a run's numbers by file are, and what they come to for each dataset."""

    uri: str
    totals: Sequence[FileTotals]


@dataclass
class Report:
    """The JSON document below `reports/`."""

    stage: int
    job: str
    run_id: str
    started_by: str
    started_at: str
    finished_at: str
    seconds: float
    datasets: list[DatasetBalance]
    files: list[FileOutcome]
    files_uri: str | None = None
    quarantine: Aside | None = None
    balanced: bool = True

    def counts(self, items: int) -> dict[str, int]:
        """The totals that the RUN item carries."""
        names = ("records_in", "records_out", "quarantined", "superseded")
        return {"items": items} | {name: sum(getattr(row, name) for row in self.datasets) for name in names}


def uri(state_bucket: str, stage: int, run_id: str) -> str:
    """Where a run's report lies."""
    return f"s3://{state_bucket}/reports/stage={stage}/run={run_id}.json"


def files_uri(state_bucket: str, stage: int, run_id: str) -> str:
    """Where a run's numbers by file lie: not below its report, which no job may delete."""
    return f"s3://{state_bucket}/lineage/stage={stage}/run={run_id}"


def files_of(place: str, dataset: str) -> str:
    """The folder with the numbers of one dataset's files."""
    return f"{place}/dataset={dataset}"


def build(
    stage: int,
    job: str,
    run_id: str,
    started_by: str,
    started_at: datetime,
    datasets: Iterable[DatasetBalance],
    files: Iterable[FileOutcome] = (),
    by_file: ByFile | None = None,
    quarantine: Aside | None = None,
) -> Report:
    """A report that is finished now; raises `Unbalanced` if it doesn't balance."""
    finished_at = datetime.now(UTC)
    report = Report(
        stage,
        job,
        run_id,
        started_by,
        spell(started_at),
        spell(finished_at),
        round((finished_at - started_at).total_seconds(), 3),
        sorted(datasets, key=lambda row: row.dataset),
        list(files),
        by_file.uri if by_file else None,
        quarantine,
    )
    assert_balanced(report, by_file)
    return report


def assert_balanced(report: Report, by_file: ByFile | None = None) -> None:
    """Records in = out + quarantined + superseded for each dataset, and what each stage promises on top of it.

    The same numbers by file must add up to those of their dataset.
    """
    problems = [problem for row in report.datasets for problem in _problems(report.stage, row)]
    if report.files:
        problems += _file_problems(report)
    if by_file:
        problems += _total_problems(report, by_file)
    if problems:
        raise Unbalanced("; ".join(problems))


def _problems(stage: int, row: DatasetBalance) -> list[str]:
    problems = []
    accounted = row.records_out + row.quarantined + row.superseded
    if row.records_in != accounted:
        problems.append(f"{row.dataset}: {row.records_in} records in, {accounted} accounted for ({row})")
    if stage == 2 and row.legacy + row.secured != row.records_out:
        problems.append(f"{row.dataset}: {row.legacy} legacy + {row.secured} secured, {row.records_out} records out")
    if stage == 3 and row.conformed != row.records_out:
        problems.append(f"{row.dataset}: {row.conformed} conformed, {row.records_out} records out")
    return problems


def _file_problems(report: Report) -> list[str]:
    problems = []
    for row in report.datasets:
        files = [file for file in report.files if (file.dataset or "_none") == row.dataset]
        seen = (len(files), sum(file.records for file in files), sum(file.quarantined for file in files))
        if seen != (row.files, row.records_out, row.quarantined):
            told = (row.files, row.records_out, row.quarantined)
            problems.append(f"{row.dataset}: (files, records, quarantined) are {seen} by file and {told} by dataset")
    return problems


def _total_problems(report: Report, by_file: ByFile) -> list[str]:
    names = ["records_in", "legacy", "secured"]
    if report.stage == CONFORM:
        names += ["superseded", "replaced", "rescued", "quarantined"]
    totals = {total.dataset: total for total in by_file.totals}
    problems = [
        f"{name}: has no numbers by file" for name in sorted({row.dataset for row in report.datasets} - {*totals})
    ]
    for row in report.datasets:
        total = totals.get(row.dataset, FileTotals(row.dataset))
        if total.unbalanced:
            problems.append(f"{row.dataset}: {total.unbalanced} files have not as many records out as in")
        told, seen = ([getattr(one, name) for name in names] for one in (row, total))
        if row.dataset in totals and told != seen:
            problems.append(f"{row.dataset}: {', '.join(names)} are {seen} by file and {told} by dataset")
    return problems


def to_json(report: Report) -> bytes:
    """The report as JSON."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1).encode()


def write(s3: Any, place: str, report: Report) -> None:
    """Put the report where it belongs."""
    storage.write(s3, place, to_json(report))
