"""What became of each file of the input, by the jobs' word and by the reference's.

Glue 1's reports list every file that a run held. A file that none lists, or of which a report says something else than
the reference found in it, is a problem like a dataset that does not balance.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from local.demo.landing import Landed
from local.demo.reference import Count

INGESTED, UNKNOWN = "ingested", "unknown"


@dataclass(frozen=True)
class FileRow:
    """One file as `report.json` has it; `outcome` is Glue 1's word, `unknown` if no committed run has said anything.

    `records` and `quarantined` add up to what the file holds; a file that is quarantined as a whole is one record.
    """

    file: str
    file_id: str
    dataset: str
    outcome: str
    records: int
    quarantined: int
    reason: str

    @property
    def odd(self) -> bool:
        """Whether it was anything else than taken in whole."""
        return self.outcome != INGESTED or self.quarantined > 0


def file_rows(
    landed: Iterable[Landed], expected: Mapping[str, tuple[str, Count]], reports: Iterable[Mapping[str, Any]]
) -> list[FileRow]:
    """One row a landed file, in the order of their names; `expected` is of `books.expected_of_files`."""
    told = {file["file_id"]: file for report in reports if report["stage"] == 1 for file in report["files"]}
    rows = []
    for one in landed:
        file = told.get(one.file_id, {"outcome": UNKNOWN, "records": 0, "quarantined": 0})
        dataset, _ = expected[one.file_id]
        numbers = (file["records"], file["quarantined"])
        rows.append(FileRow(one.file.name, one.file_id, dataset, file["outcome"], *numbers, file.get("reason") or ""))
    return sorted(rows, key=lambda row: (row.file, row.file_id))


def problems(rows: Iterable[FileRow], expected: Mapping[str, tuple[str, Count]]) -> list[str]:
    """Files that nobody tells of, or of which another number of records is told than is in them."""
    found = []
    for row in rows:
        _, count = expected[row.file_id]
        if row.outcome == UNKNOWN:
            found.append(f"{row.file_id}: in the report of no committed run")
        elif Count(row.records, row.quarantined) != count:
            found.append(
                f"{row.file_id}: {count.records} records and {count.quarantined} to quarantine in the file, "
                f"{row.records} and {row.quarantined} by the report"
            )
    return found


def tally(rows: Sequence[FileRow]) -> dict[str, int]:
    """How many files had which outcome."""
    counts = Counter(row.outcome for row in rows)
    partly = sum(row.outcome == INGESTED and row.odd for row in rows)
    return dict(sorted(counts.items())) | ({"ingested but for some records": partly} if partly else {})


def write_files(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """The whole list as CSV, for a spreadsheet; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with aside.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(FileRow)])
        writer.writeheader()
        writer.writerows(rows)
    aside.replace(path)


def as_json(rows: Iterable[FileRow]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]
