"""A run's report: the balance of each dataset, and for stage 1 what became of each file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from tui_etl import storage
from tui_etl.ledger import spell


class Unbalanced(AssertionError):
    """The books don't balance: the run must not commit."""


@dataclass
class DatasetBalance:
    """Numbers of one dataset in one run; what a stage does not know stays 0."""

    dataset: str
    files: int = 0
    bytes: int = 0
    records_in: int = 0
    records_out: int = 0
    quarantined: int = 0
    legacy: int = 0
    secured: int = 0
    superseded: int = 0
    conformed: int = 0
    rescued: int = 0
    tables: list[str] = field(default_factory=list)


@dataclass
class FileOutcome:
    """What became of one file: `ingested`, `quarantined` (the file as a whole), `empty` or `vanished`."""

    file_id: str
    dataset: str | None
    outcome: str
    records: int = 0
    quarantined: int = 0
    reason: str | None = None


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
    balanced: bool = True

    def counts(self, items: int) -> dict[str, int]:
        """The totals that the RUN item carries."""
        names = ("records_in", "records_out", "quarantined", "superseded")
        return {"items": items} | {name: sum(getattr(row, name) for row in self.datasets) for name in names}


def uri(state_bucket: str, stage: int, run_id: str) -> str:
    """Where a run's report lies."""
    return f"s3://{state_bucket}/reports/stage={stage}/run={run_id}.json"


def build(
    stage: int,
    job: str,
    run_id: str,
    started_by: str,
    started_at: datetime,
    datasets: Iterable[DatasetBalance],
    files: Iterable[FileOutcome] = (),
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
    )
    assert_balanced(report)
    return report


def assert_balanced(report: Report) -> None:
    """Records in = out + quarantined + superseded for each dataset, and what each stage promises on top of it."""
    problems = [problem for row in report.datasets for problem in _problems(report.stage, row)]
    if report.files:
        problems += _file_problems(report)
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


def to_json(report: Report) -> bytes:
    """The report as JSON."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1).encode()


def write(s3: Any, place: str, report: Report) -> None:
    """Put the report where it belongs."""
    storage.write(s3, place, to_json(report))
