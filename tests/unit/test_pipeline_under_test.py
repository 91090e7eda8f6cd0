"""How tests wait: for what they want, and no longer once IAM has refused what they did not ask it to refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.demo.observe import GlueRun, Snapshot, TimedOut
from local.settings import Instance
from tests.pipeline_under_test import Refused, Watched

ROLES = {"ingest": "glue1-role", "classify": "other-role", "legacy-reader": "analyst"}
BUCKET = "arn:aws:s3:::raw"


class Still(Watched):
    """A pipeline in which nothing moves but what the test writes into the journal."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Instance(folder, folder, 1))
        self.looks = 0
        self.failed: list[GlueRun] = []
        self.instance.record.write_text(json.dumps({"outputs": {"roles": ROLES}}))

    def look(self) -> Snapshot:
        self.looks += 1
        return Snapshot()

    def glue_runs(self) -> list[GlueRun]:
        return self.failed

    def note(self, role: str, action: str, decision: str = "Deny") -> None:
        entry = {"role": role, "action": action, "resource": BUCKET, "decision": decision, "reason": "no statement"}
        with (self.instance.folder / "iam.jsonl").open("a") as journal:
            journal.write(json.dumps(entry) + "\n")


@pytest.fixture
def still(tmp_path: Path) -> Still:
    return Still(tmp_path)


def never(_: Snapshot) -> list[str]:
    return ["1 of 1 files is nowhere"]


def test_a_refusal_ends_the_waiting_at_once_and_is_named_with_its_reason(still: Still) -> None:
    still.note("glue1-role", "s3:GetObject", "Allow")
    for _ in range(2):  # told once, however often it was tried
        still.note("glue1-role", "s3:ListBucket")
    with pytest.raises(Refused, match=rf"no ingested files[^\n]*\n  glue1-role s3:ListBucket {BUCKET}: no statement$"):
        still.settle(never, "ingested files", seconds=0)
    assert still.looks == 0


def test_what_came_before_a_refusal_does_not_hide_it(still: Still) -> None:
    still.note("glue1-role", "s3:ListBucket")
    with pytest.raises(Refused):
        still.settle(lambda _: [], "ingested files", seconds=0)


def test_a_refusal_that_the_test_ordered_ends_no_waiting_then_or_later(still: Still) -> None:
    with still.refusals_ordered("glue1-role", "s3:PutObject"):
        still.note("glue1-role", "s3:PutObject")
        still.settle(lambda _: [], "ingested files", seconds=0)
        still.note("glue1-role", "s3:PutObject")
    still.settle(lambda _: [], "ingested files", seconds=0)
    assert still.unordered_refusals() == []
    assert len(still.refusals()) == 2


def test_a_refusal_counts_once_its_line_is_whole(still: Still) -> None:
    still.note("glue1-role", "s3:ListBucket")
    journal = still.instance.folder / "iam.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:50])
    assert len(still.refusals()) == 1
    journal.write_bytes(whole + whole)
    assert len(still.refusals()) == 2


@pytest.mark.parametrize(("role", "action"), [("glue1-role", "s3:ListBucket"), ("other-role", "s3:PutObject")])
def test_an_order_covers_its_own_role_and_action_only(still: Still, role: str, action: str) -> None:
    with still.refusals_ordered("glue1-role", "s3:PutObject"):
        still.note(role, action)
        with pytest.raises(Refused, match=f"{role} {action}"):
            still.settle(never, "ingested files", seconds=0)


@pytest.mark.parametrize("early", [True, False])
def test_an_order_covers_its_own_time_only(still: Still, early: bool) -> None:
    if early:
        still.note("glue1-role", "s3:PutObject")
    with still.refusals_ordered("glue1-role", "s3:PutObject"):
        still.note("glue1-role", "s3:PutObject")
    if not early:
        still.note("glue1-role", "s3:PutObject")
    with pytest.raises(Refused):
        still.settle(never, "ingested files", seconds=0)
    assert len(still.unordered_refusals()) == 1


def test_what_was_refused_in_one_case_does_not_end_the_next(still: Still) -> None:
    still.note("glue1-role", "s3:PutObject")
    still.forget_refusals()
    still.settle(lambda _: [], "ingested files", seconds=0)
    still.note("glue1-role", "s3:ListBucket")
    with pytest.raises(Refused, match="s3:ListBucket"):
        still.settle(never, "ingested files", seconds=0)


def test_what_analysts_are_refused_is_no_part_of_the_flow(still: Still) -> None:
    still.note("analyst", "s3:GetObject")
    still.settle(lambda _: [], "ingested files", seconds=0)


def test_waiting_in_vain_tells_what_is_missing_and_the_last_error_of_each_job(still: Still) -> None:
    still.failed = [
        GlueRun(1, "glue-1", "r3", "SUCCEEDED", 1.0),
        GlueRun(1, "glue-1", "r2", "FAILED", 1.0, "no space left"),
        GlueRun(1, "glue-1", "r1", "FAILED", 1.0, "an older error"),
        GlueRun(3, "glue-3", "r4", "TIMEOUT", 1.0),
    ]
    with pytest.raises(TimedOut) as late:
        still.settle(never, "ingested files", seconds=0)
    assert str(late.value) == (
        "no ingested files within 0 s; last seen: 1 of 1 files is nowhere; "
        "glue-1 has failed 2 time(s), the last time: no space left; "
        "glue-3 has failed 1 time(s), the last time: no message"
    )
