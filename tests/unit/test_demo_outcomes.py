"""The demo tells of every file what became of it, and of each whether it is what the reference found in it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.demo import books, outcomes
from local.demo.landing import Landed, LocalFile
from local.demo.summary import FILES_SHOWN, ODD_FILES_SHOWN, files_to_show, printable

CONTENTS = {
    "a/2.jsonl": b'{"n":1}\n{"n":NaN}\n',
    "a/1.jsonl": b'{"n":1}\n',
    "a/nothing.json": b"",
    "b/no json.json": b"Dear all,\n",
    "secured/x.json": b"{}",
}
TOLD = {
    "a/1.jsonl": ("ingested", 1, 0, None),
    "a/2.jsonl": ("ingested", 1, 1, "1 of 2 records are no JSON objects"),
    "a/nothing.json": ("empty", 0, 0, None),
    "b/no json.json": ("quarantined", 0, 1, "not JSON"),
    "secured/x.json": ("quarantined", 0, 1, "no dataset"),
}


@pytest.fixture
def landed(tmp_path: Path) -> list[Landed]:
    result = []
    for name, data in CONTENTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        result.append(Landed(LocalFile(path, name), f"bucket/tui/legacy/{name}#v", len(data)))
    return result


Told = tuple[str, int, int, str | None]


def report(changes: Mapping[str, Told | None] | None = None, stage: int = 1) -> dict[str, Any]:
    told = {name: row for name, row in {**TOLD, **(changes or {})}.items() if row}
    files = [
        {"file_id": f"bucket/tui/legacy/{name}#v", "outcome": row[0], "records": row[1], "quarantined": row[2]}
        | {"reason": row[3]}
        for name, row in told.items()
    ]
    return {"stage": stage, "files": files, "datasets": []}


def rows(landed: list[Landed], *reports: dict[str, Any]) -> tuple[list[outcomes.FileRow], list[str]]:
    expected = books.expected_of_files(landed, {})
    found = outcomes.file_rows(landed, expected, reports)
    return found, outcomes.problems(found, expected)


def test_every_file_has_its_outcome_with_numbers_and_reason(landed: list[Landed]) -> None:
    found, problems = rows(landed, report())
    assert [(row.file, row.outcome, row.records, row.quarantined, row.reason or None) for row in found] == [
        (name, *TOLD[name]) for name in sorted(TOLD)
    ]
    assert {row.file: row.dataset for row in found}["secured/x.json"] == "_none"
    assert [row.file for row in found if not row.odd] == ["a/1.jsonl"]
    assert problems == []
    assert outcomes.tally(found) == {"empty": 1, "ingested": 2, "quarantined": 2, "ingested but for some records": 1}


def test_a_file_that_no_report_lists_is_a_problem(landed: list[Landed]) -> None:
    # What Glue 2 says of a file is not what became of it on its way in.
    found, problems = rows(landed, report({"a/1.jsonl": None}), report(stage=2) | {"files": []})
    assert [row.outcome for row in found if row.file == "a/1.jsonl"] == ["unknown"]
    assert problems == ["bucket/tui/legacy/a/1.jsonl#v: in the report of no committed run"]


@pytest.mark.parametrize("told", [("ingested", 2, 0, None), ("vanished", 0, 1, "gone"), ("empty", 0, 0, None)])
def test_a_file_of_which_something_else_is_told_is_a_problem(
    landed: list[Landed], told: tuple[str, int, int, str | None]
) -> None:
    _, problems = rows(landed, report({"a/1.jsonl": told}))
    assert problems == [
        "bucket/tui/legacy/a/1.jsonl#v: 1 records and 0 to quarantine in the file, "
        f"{told[1]} and {told[2]} by the report"
    ]


def test_the_list_of_all_files_is_a_table_that_a_spreadsheet_reads(landed: list[Landed], tmp_path: Path) -> None:
    found, _ = rows(landed, report({"a/1.jsonl": ("ingested", 1, 0, 'a "reason",\nin two lines')}))
    outcomes.write_files(tmp_path / "new" / "files.csv", outcomes.as_json(found))
    with (tmp_path / "new" / "files.csv").open(newline="") as written:
        read = list(csv.DictReader(written))
    assert read == [{name: str(value) for name, value in row.items()} for row in outcomes.as_json(found)]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["files.csv"]


def test_of_many_files_the_summary_lists_the_odd_ones() -> None:
    def some(number: int, outcome: str, quarantined: int) -> list[dict[str, Any]]:
        return [{"file": str(n), "outcome": outcome, "quarantined": quarantined} for n in range(number)]

    few = some(FILES_SHOWN, "ingested", 0)
    assert files_to_show(few) == (few, 0)
    many = few + some(1, "empty", 0) + some(1, "ingested", 3)
    assert files_to_show(many) == (many[-2:], FILES_SHOWN)
    shown, left = files_to_show(some(ODD_FILES_SHOWN + 5, "quarantined", 1))
    assert (len(shown), left) == (ODD_FILES_SHOWN, 5)


def test_a_name_can_do_nothing_to_a_terminal() -> None:
    assert printable("é日 🏝\x1b[31m\n\u202e") == "é日 🏝\\x1b[31m\\n\\u202e"
