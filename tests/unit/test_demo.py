"""The parts of the demo that decide something: what is missing, whether the books balance, what is told."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.demo import books, conditions
from local.demo.display import Display
from local.demo.flow import Demo
from local.demo.landing import Input, Landed, LocalFile
from local.demo.observe import GlueRun, Snapshot, TimedOut, read_journal, until
from local.demo.running import REPOSITORY
from local.demo.summary import print_summary
from local.settings import Instance

FILE_ID = "grp2-landing-dev/tui/legacy/hotels/a.json#v1"


def run(stage: int, run_id: str, state: str = "COMMITTED", **more: Any) -> dict[str, Any]:
    return {"stage": stage, "run_id": run_id, "state": state, "told_at": "2026-05-08T12:00:00.000Z"} | more


def finished() -> Snapshot:
    """A pipeline in which one file has gone all the way."""
    return Snapshot(
        files={FILE_ID: {"assigned_to": "r1"}},
        runs=[
            run(1, "r1", assigned_to="r2"),
            run(2, "r2", assigned_to="r3", cleaned_at="2026-05-08T12:00:00.000Z"),
            run(3, "r3"),
        ],
        glue=[GlueRun(stage, "job", f"r{stage}", "SUCCEEDED", 1.0) for stage in (1, 2, 3)],
    )


def test_a_finished_flow_misses_nothing() -> None:
    assert conditions.not_ingested(finished(), [FILE_ID]) == []
    assert conditions.not_conformed(finished()) == []
    assert conditions.not_quiet(finished()) == []
    assert conditions.given_up(finished()) is None


def _drop(snapshot: Snapshot, index: int, name: str) -> None:
    del snapshot.runs[index][name]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: s.markers.update({3: 1}), "open markers"),
        (lambda s: _drop(s, 0, "assigned_to"), "Glue 1 runs are in no committed Glue 2 run"),
        (lambda s: _drop(s, 1, "assigned_to"), "Glue 2 runs are in no committed Glue 3 run"),
        (lambda s: _drop(s, 1, "cleaned_at"), "not cleaned up after"),
        (lambda s: _drop(s, 2, "told_at"), "nobody was told"),
        (lambda s: s.runs[2].update(state="STARTED"), "neither committed nor been given up"),
        (lambda s: s.runs.pop(), "not in the ledger"),
        (lambda s: s.glue.append(GlueRun(3, "job", "r4", "RUNNING", 0)), "active"),
        (lambda s: setattr(s, "temp_objects", 2), "objects in temp"),
    ],
)
def test_each_thing_that_is_missing_is_named(spoil: Any, told: str) -> None:
    snapshot = finished()
    spoil(snapshot)
    assert told in "; ".join(conditions.not_conformed(snapshot))


def test_nothing_is_conformed_before_friday() -> None:
    snapshot = Snapshot(runs=[run(1, "r1")])
    assert any("no Glue 2 run" in line for line in conditions.not_conformed(snapshot))


def test_a_file_is_ingested_when_a_committed_run_holds_it() -> None:
    snapshot = finished()
    assert conditions.not_ingested(snapshot, [FILE_ID, "other#v1"]) == ["1 of 2 files are not in the ledger yet"]
    snapshot.runs[0]["state"] = "VOID"
    assert conditions.not_ingested(snapshot, [FILE_ID]) == ["1 of 1 files are in no committed Glue 1 run yet"]
    snapshot = finished()
    snapshot.markers = Counter({1: 4})
    assert conditions.not_ingested(snapshot, [FILE_ID]) == ["4 open markers of stage 1"]


def test_waiting_ends_when_a_stage_keeps_failing() -> None:
    snapshot = finished()
    snapshot.glue.append(GlueRun(1, "glue-1", "f1", "FAILED", 1.0, "no table"))
    assert conditions.given_up(snapshot) is None
    newer = [GlueRun(1, "glue-1", f"f{n}", "FAILED", 1.0, error) for n, error in ((3, "no space"), (2, "no heap"))]
    snapshot.glue = newer + snapshot.glue  # as Glue lists them: the newest first
    assert conditions.given_up(snapshot) == "glue-1 has failed 3 time(s), the last time: no space"
    friday = Snapshot(glue=[GlueRun(2, "glue-2", "f1", "TIMEOUT", 1.0)])
    assert conditions.given_up(friday) == "glue-2 has failed 1 time(s), the last time: no message"


# --- the books ---


def landed(tmp_path: Path, name: str, data: bytes) -> Landed:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Landed(LocalFile(path, name), f"bucket/tui/legacy/{name}#v", len(data))


def stage_report(stage: int, dataset: str, **numbers: Any) -> dict[str, Any]:
    row = {"dataset": dataset, "records_in": 0, "quarantined": 0, "legacy": 0, "secured": 0, "superseded": 0}
    return {"stage": stage, "files": [], "datasets": [row | {"conformed": 0} | numbers]}


def hotels(**changes: int) -> list[books.Account]:
    """Three records of one dataset: one in quarantine, one superseded, one in the table."""
    numbers = {"rows": 1, "quarantined": 1, "superseded": 1, "conformed": 1, "records_in": 3} | changes
    reports = [
        stage_report(1, "hotels", records_in=numbers["records_in"], quarantined=1),
        stage_report(2, "hotels", legacy=2),
        stage_report(3, "hotels", legacy=1, superseded=numbers["superseded"], conformed=numbers["conformed"]),
    ]
    counted = {"hotels": (2, books.Count(2, 1))}
    return books.accounts(
        counted, reports, {"hotels": numbers["quarantined"]}, {"tui_legacy_dev.hotels": numbers["rows"]}
    )


def test_books_that_balance() -> None:
    [account] = hotels()
    assert account.problems() == []
    assert account.row() == {
        "dataset": "hotels",
        "files": 2,
        "records": 3,
        "quarantined": 1,
        "legacy": 2,
        "secured": 0,
        "superseded": 1,
        "conformed": 1,
        "reingested": 0,
        "tables": ["tui_legacy_dev.hotels"],
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": 0}, "2 conformed + quarantined + superseded"),
        ({"rows": 2, "conformed": 2}, "4 conformed + quarantined + superseded"),
        ({"conformed": 2}, "conformed by Glue 3's reports"),
        ({"quarantined": 0}, "quarantined by the reports"),
        ({"superseded": 0}, "2 conformed + quarantined + superseded"),
        ({"records_in": 2}, "records in by Glue 1's reports"),
    ],
)
def test_a_record_lost_or_doubled_anywhere_is_noticed(changes: dict[str, int], told: str) -> None:
    [account] = hotels(**changes)
    assert told in "; ".join(account.problems())


def test_a_record_from_quarantine_is_no_record_of_the_input() -> None:
    counted = {"hotels": (1, books.Count(2, 1))}
    reports = [
        stage_report(1, "hotels", records_in=3, quarantined=1),
        stage_report(1, "hotels", records_in=1, reingested=1),
        stage_report(3, "hotels", conformed=3),
    ]
    [account] = books.accounts(counted, reports, {"hotels": 1}, {"tui_legacy_dev.hotels": 3})
    assert (account.problems(), account.reingested) == ([], 1)
    reports[1] = stage_report(1, "hotels", records_in=1)
    [account] = books.accounts(counted, reports, {"hotels": 1}, {"tui_legacy_dev.hotels": 3})
    assert "4 records in by Glue 1's reports" in "; ".join(account.problems())


def test_a_dataset_that_only_the_input_knows_is_a_problem() -> None:
    [account] = books.accounts({"lost": (1, books.Count(5, 0))}, [], {}, {})
    assert account.dataset == "lost"
    assert account.problems()


def test_a_file_without_a_dataset_is_one_quarantined_record(tmp_path: Path) -> None:
    file = landed(tmp_path, "secured/a.jsonl", b'{"a":1}\n{"a":2}\n')
    assert books.by_dataset(books.expected_of_files([file], {})) == {"_none": (1, books.Count(0, 1))}


def test_of_folders_with_one_table_name_only_the_one_that_has_it_is_read(tmp_path: Path) -> None:
    kept = landed(tmp_path, "foo_bar/a.jsonl", b'{"a":1}\n{"a":2}\n')
    refused = landed(tmp_path, "Foo-Bar/a.jsonl", b'{"a":1}\n{"a":2}\n')
    assert books.by_dataset(books.expected_of_files([kept, refused], {"foo_bar": "foo_bar"})) == {
        "foo_bar": (2, books.Count(2, 1))
    }
    # Who has it is all that the ledger is asked: not whether a lone folder is read, or none of several.
    for folders in ({}, {"foo_bar": "somebody else's"}):
        assert books.by_dataset(books.expected_of_files([kept, refused], folders)) == {
            "foo_bar": (2, books.Count(4, 0))
        }
    assert books.by_dataset(books.expected_of_files([kept], {"foo_bar": "Foo-Bar"})) == {
        "foo_bar": (1, books.Count(2, 0))
    }


# --- watching ---


def test_waiting_returns_what_it_waited_for_and_says_what_never_came() -> None:
    answers = iter([None, 0, "here"])
    assert until(lambda: next(answers), 10, "an answer", interval_seconds=0.001) == "here"
    with pytest.raises(TimedOut, match=r"no parcel within 0 s; last seen: an empty box"):
        until(lambda: None, 0.01, "parcel", interval_seconds=0.001, explain=lambda: "an empty box")


class Watching:
    """A demo's pipeline, of which only the folder is asked for."""

    instance = Instance(REPOSITORY, Path("/aws"), 1)


def test_a_failed_run_is_told_at_once_and_once() -> None:
    written = io.StringIO()
    demo = Demo(Watching(), Display(Console(file=written, soft_wrap=True)), Input(), fire=lambda _: None)  # type: ignore[arg-type]
    demo.snapshot.glue = [GlueRun(1, "glue-1", "f1", "FAILED", 1.0, "no space")]
    demo.tell_failures()
    demo.snapshot.glue.insert(0, GlueRun(1, "glue-1", "f2", "TIMEOUT", 1.0))
    demo.snapshot.glue.insert(0, GlueRun(1, "glue-1", "f3", "SUCCEEDED", 1.0))
    demo.tell_failures()
    demo.tell_failures()
    first, second = written.getvalue().splitlines()
    assert "glue-1 ended FAILED: no space (log: /aws/glue/f1.log)" in first
    assert "glue-1 ended TIMEOUT: no message (log: /aws/glue/f2.log)" in second


def test_a_journal_is_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "iam.jsonl"
    assert read_journal(path) == []
    path.write_text(json.dumps({"decision": "Allow"}) + "\n" + '{"decision": "De')
    assert read_journal(path) == [{"decision": "Allow"}]


# --- the summary ---


def test_the_summary_names_every_dataset_mail_ticket_and_problem() -> None:
    row = {"dataset": "hotels", "files": 1, "records": 1234, "quarantined": 0, "legacy": 0, "secured": 0}
    result = {
        "ok": False,
        "problems": ["hotels: 2 records in the input, 1 accounted for"],
        "left_out": [{"name": f"{number}.txt", "why": "in no dataset folder"} for number in range(12)],
        "remarks": ["glue-2-dev jr_2 ended FAILED"],
        "datasets": [row | {"superseded": 0, "conformed": 1233, "tables": []}],
        "totals": {"records": 1234},
        "files": [
            {
                "file": "hotels/a\nb.json",
                "outcome": "quarantined",
                "records": 0,
                "quarantined": 1,
                "reason": "[no] JSON",
            }
        ],
        "outcomes": {"quarantined": 1},
        "runs": [{"job": "glue-2-dev", "run_id": "jr_1", "state": "SUCCEEDED", "seconds": 3.5}],
        "queries": [{"sql": "SELECT", "rows": 1233, "counts": "tui_legacy_dev.hotels"}],
        "lambda_invocations": {"copy": 2},
        "sent": [{"subject": "Glue 1 [OK]", "message": "all is well"}],
        "incidents": [{"number": "INC1", "short_description": "Glue 2 failed"}],
        "notifications": 1,
        "tickets": 1,
        "temp_objects_left": 0,
    }
    written = io.StringIO()
    print_summary(result, Path("report.json"), Path("files.csv"), Console(file=written))
    for expected in (
        "hotels/a\\nb.json",
        "[no] JSON",
        "Files: 1 quarantined. Every file: files.csv",
        "1,234",
        "WRONG: hotels: 2 records",
        "note: glue-2-dev jr_2",
        "left out: 12: 0.txt (in no dataset folder), 1.txt",
        "9.txt (in no dataset folder), and 2 more",
        "tui_legacy_dev.hotels 1,233",
        "mail: Glue 1 [OK]",
        "ticket INC1: Glue 2 failed",
        "The books do not balance. 1 notifications, 1 tickets",
    ):
        assert expected in written.getvalue()
