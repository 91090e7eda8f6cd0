import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tui_etl import report
from tui_etl.report import ByFile, DatasetBalance, FileOutcome, FileTotals, Unbalanced


def build(
    stage: int, rows: list[DatasetBalance], files: Sequence[FileOutcome] = (), by_file: ByFile | None = None
) -> report.Report:
    return report.build(stage, "glue", "jr_1", "reconcile", datetime(2024, 1, 1, tzinfo=UTC), rows, files, by_file)


def test_a_balanced_report_is_json_with_every_number() -> None:
    rows = [DatasetBalance("b", 1, 10, 5, 3, 2), DatasetBalance("a", 1, 10, 1, 1, 0)]
    files = [
        FileOutcome("x/b#1", "b", "ingested", 3, 2),
        FileOutcome("x/a#1", "a", "ingested", 1, 0),
    ]
    document = json.loads(report.to_json(build(1, rows, files)))
    assert [row["dataset"] for row in document["datasets"]] == ["a", "b"]
    assert document["balanced"] is True
    assert document["started_at"] == "2024-01-01T00:00:00.000Z"
    assert document["datasets"][1] == {
        "dataset": "b",
        "files": 1,
        "bytes": 10,
        "records_in": 5,
        "records_out": 3,
        "quarantined": 2,
        "legacy": 0,
        "secured": 0,
        "superseded": 0,
        "replaced": 0,
        "conformed": 0,
        "rescued": 0,
        "reingested": 0,
        "tables": [],
        "breaches": [],
    }


def test_the_totals_are_those_of_the_run_item() -> None:
    rows = [
        DatasetBalance("a", records_in=5, records_out=3, quarantined=2),
        DatasetBalance("b", records_in=1, superseded=1),
    ]
    assert build(2, [DatasetBalance("a", records_in=3, records_out=3, legacy=1, secured=2)]).counts(7) == {
        "items": 7,
        "records_in": 3,
        "records_out": 3,
        "quarantined": 0,
        "superseded": 0,
    }
    assert build(1, rows).counts(2)["quarantined"] == 2


@pytest.mark.parametrize(
    ("stage", "row"),
    [
        (1, DatasetBalance("a", records_in=5, records_out=3, quarantined=1)),
        (1, DatasetBalance("a", records_in=5, records_out=6)),
        (2, DatasetBalance("a", records_in=5, records_out=5, legacy=3, secured=1)),
        (3, DatasetBalance("a", records_in=5, records_out=4, superseded=1, conformed=5)),
        (3, DatasetBalance("a", records_in=5, records_out=5, superseded=1, conformed=5)),
    ],
    ids=["lost", "doubled", "unclassified", "not conformed", "superseded and kept"],
)
def test_a_report_that_does_not_balance_is_refused(stage: int, row: DatasetBalance) -> None:
    with pytest.raises(Unbalanced, match="^a: "):
        build(stage, [row])


def test_files_that_do_not_add_up_to_their_dataset_are_refused() -> None:
    row = DatasetBalance("a", files=1, records_in=5, records_out=3, quarantined=2)
    with pytest.raises(Unbalanced, match="by file"):
        build(1, [row], [FileOutcome("x/a#1", "a", "ingested", 4, 1)])


@pytest.mark.parametrize(
    ("totals", "problem"),
    [
        ([FileTotals("a", 2, 0, records_in=4, legacy=1, secured=3)], "by file"),
        ([FileTotals("a", 2, 0, records_in=5, legacy=3, secured=2)], "by file"),
        ([FileTotals("a", 2, 1, records_in=5, legacy=2, secured=3)], "1 files have not as many"),
        ([], "no numbers by file"),
    ],
    ids=["lost", "moved to another zone", "moved to another file", "not told"],
)
def test_numbers_by_file_that_do_not_add_up_to_their_dataset_are_refused(
    totals: list[FileTotals], problem: str
) -> None:
    row = DatasetBalance("a", records_in=5, records_out=5, legacy=2, secured=3)
    with pytest.raises(Unbalanced, match=problem):
        build(2, [row], by_file=ByFile("s3://state/lineage", totals))


def test_a_superseded_record_is_of_some_file() -> None:
    row = DatasetBalance("a", records_in=5, records_out=4, legacy=4, conformed=4, superseded=1)
    total = FileTotals("a", 1, 0, records_in=5, legacy=4, superseded=1)
    built = build(3, [row], by_file=ByFile("s3://state/lineage", [total]))
    assert json.loads(report.to_json(built))["files_uri"] == "s3://state/lineage"
    with pytest.raises(Unbalanced, match="by file"):
        build(3, [row], by_file=ByFile("s3://state/lineage", [replace(total, superseded=0)]))


def test_a_quarantined_record_is_of_some_file() -> None:
    row = DatasetBalance("a", records_in=5, records_out=4, legacy=4, conformed=4, quarantined=1)
    total = FileTotals("a", 1, 0, records_in=5, legacy=4, quarantined=1)
    assert build(3, [row], by_file=ByFile("s3://state/lineage", [total])).balanced
    with pytest.raises(Unbalanced, match="by file"):
        build(3, [row], by_file=ByFile("s3://state/lineage", [replace(total, quarantined=0)]))


def test_files_without_a_dataset_are_in_the_books_of_none() -> None:
    row = DatasetBalance("_none", files=1, records_in=1, quarantined=1)
    assert build(1, [row], [FileOutcome("x/a#1", None, "quarantined", 0, 1, "no dataset")]).balanced
