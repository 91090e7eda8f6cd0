"""Engineers step in by trigger files alone: runs of each job fail, are started by hand, and all books balance in the
end; what a dead run left is removed and put back; what breaks a rule is refused with the rule.

reconcile starts a failed Glue 1 or 3 once at once, and then makes a pause: what fails twice is left to the engineer.
This module comes before test_3_least_privilege.py, which judges what was exercised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.demo import conditions
from local.demo.landing import Landed
from local.demo.observe import LANDING_PREFIX, QUARANTINE_PREFIX, TEMP_PREFIX, GlueRun
from tests.end_to_end.input import lines
from tests.end_to_end.triggers import answered, done, ended, put, put_raw
from tests.faults import rest
from tests.faults.edge import Edge
from tests.pipeline_under_test import Watched

DATASET = "fifth_week"
MOVED = f"{QUARANTINE_PREFIX}_cleanup/"


def started_by(pipeline: Watched, stage: int, name: str) -> list[str]:
    """The runs that were asked for in that name."""
    runs = pipeline.glue.get_job_runs(JobName=pipeline.job(stage))["JobRuns"]
    return [run["Id"] for run in runs if run.get("Arguments", {}).get("--started_by") == name]


def rows(pipeline: Watched) -> int:
    return int(pipeline.query(f'SELECT count(*) FROM "tui_secured_dev"."{DATASET}"')[0][0] or 0)


def kill(pipeline: Watched, job: str, action: str, **rule: Any) -> None:
    """The next such request of a job ends its processes."""
    Edge(pipeline.instance).inject("kill", role=pipeline.outputs["roles"][job], action=action, **rule)


def failed(pipeline: Watched, stage: int) -> list[GlueRun]:
    return [run for run in conditions.failed_runs(pipeline.look()) if run.stage == stage]


def version_of(landed: Landed) -> str:
    return landed.file_id.rpartition("#")[2]


def newly_failed(pipeline: Watched, stage: int, known: list[GlueRun], count: int) -> list[str]:
    """Waits until so many more runs of a stage have failed, and everyone was told; their ids, the newest first."""
    ids = {run.run_id for run in known}

    def more() -> list[str]:
        new = [run.run_id for run in failed(pipeline, stage) if run.run_id not in ids]
        return new if len(new) >= count else []

    found = pipeline.wait_for(more, f"{count} failed Glue {stage} runs")
    pipeline.settle(conditions.not_quiet, "quiet after the failed runs")
    return found


def keys_of(pipeline: Watched, bucket: str, run_id: str) -> set[str]:
    return {key for key in pipeline.keys(pipeline.bucket(bucket)) if f"run={run_id}/" in key}


@contextmanager
def no_landing_events(pipeline: Watched) -> Iterator[None]:
    """The landing bucket tells nobody of what lands meanwhile."""
    bucket = pipeline.bucket("landing")
    told = pipeline.s3.get_bucket_notification_configuration(Bucket=bucket)
    told.pop("ResponseMetadata")
    pipeline.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        pipeline.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)


@pytest.mark.parametrize(
    ("kind", "content", "rule"),
    [
        ("copyglue", '{"request_id": "refused", "requested_by": "me", "reason": "a test", "key": "x"}', "`key`"),
        ("glue2", '{"request_id": "refused", "requested_by": "me"}', "`reason`"),
        ("optimization", "{", "not JSON"),
        (
            "cleanup",
            '{"request_id": "refused", "requested_by": "me", "reason": "a test", "keys": ["elsewhere/a"]}',
            "must lie below",
        ),
    ],
)
def test_a_trigger_that_breaks_a_rule_is_refused_with_the_rule(
    pipeline: Watched, kind: str, content: str, rule: str
) -> None:
    put_raw(pipeline, kind, "broken", content)
    refused = answered(pipeline, kind, "broken")
    assert refused["state"] == "REFUSED"
    assert rule in refused["why"]


def test_with_nothing_open_a_run_is_started_and_finds_nothing_to_do(pipeline: Watched) -> None:
    pipeline.settle(conditions.not_quiet, "quiet")
    for kind in ("copyglue", "optimization"):
        answer = done(pipeline, kind, f"idle-{kind}")
        assert answer["state"] == "NOTHING_TO_DO", answer
        assert answer["ended"]["ledger_state"] == "VOID"


def test_files_that_the_ledger_lacks_are_found_by_key_and_by_prefix(pipeline: Watched, tmp_path: Path) -> None:
    with no_landing_events(pipeline):
        landed = pipeline.drop(tmp_path, {f"{DATASET}/unseen/{n}.jsonl": lines({"id": f"unseen {n}"}) for n in (1, 2)})
        by_key = done(pipeline, "copyglue", "by-key", keys=[landed[0].file.key, f"{LANDING_PREFIX}{DATASET}/unseen/no"])
        assert by_key["state"] == "SUCCEEDED", by_key
        missing = [f"{LANDING_PREFIX}{DATASET}/unseen/no"]
        assert by_key["found"] == {"versions": 1, "known": 0, "taken_in": 1, "more": False, "missing": missing}
        assert by_key["ended"]["taken_by"] == {by_key["start"]["run_id"]: 1}
        assert by_key["ended"]["counts"]["records_in"] == 1
        by_prefix = done(
            pipeline,
            "copyglue",
            "by-prefix",
            prefix=f"{LANDING_PREFIX}{DATASET}/unseen/",
            **{"from": "2020-01-01T00:00:00Z"},
        )
        assert by_prefix["state"] == "SUCCEEDED", by_prefix
        assert by_prefix["found"] == {"versions": 2, "known": 1, "taken_in": 1, "more": False}
    pipeline.ingested(landed)


def test_one_request_under_two_names_is_one_request_with_one_answer(pipeline: Watched, tmp_path: Path) -> None:
    [landed] = pipeline.drop(tmp_path, {f"{DATASET}/twice.jsonl": lines({"id": "twice"})})
    pipeline.ingested([landed])
    reland = {"request_id": "twice", "keys": [landed.file.key, f"{LANDING_PREFIX}{DATASET}/never"], "reland": True}
    put(pipeline, "copyglue", "first-name", **reland)
    put(pipeline, "copyglue", "second-name", **reland)
    first, second = ended(pipeline, "copyglue", "first-name"), ended(pipeline, "copyglue", "second-name")
    assert first == second
    assert first["state"] == "SUCCEEDED", first
    assert first["found"]["missing"] == [f"{LANDING_PREFIX}{DATASET}/never"]
    [relanded] = first["found"]["relanded"]
    assert relanded["from_version_id"] == version_of(landed)
    again = f"{landed.file_id.rpartition('#')[0]}#{relanded['version_id']}"
    pipeline.settle(lambda s: conditions.not_ingested(s, [again]) + conditions.not_quiet(s), "file that landed again")
    versions = pipeline.s3.list_object_versions(Bucket=pipeline.bucket("landing"), Prefix=landed.file.key)["Versions"]
    assert {version["VersionId"] for version in versions} == {version_of(landed), relanded["version_id"]}
    put(pipeline, "copyglue", "third-name", request_id="twice", reason="something else")
    other = answered(pipeline, "copyglue", "third-name")
    assert other["state"] == "REFUSED"
    assert "request_id" in other["why"]
    asked = f"support/{reland['request_id']}"
    assert started_by(pipeline, 1, asked) == [first["start"]["run_id"]]


def test_a_function_that_dies_between_its_start_and_its_answer_goes_on_with_that_start(pipeline: Watched) -> None:
    pipeline.settle(conditions.not_quiet, "quiet")
    role = pipeline.outputs["roles"]["optimization-support"]
    for number, action in enumerate(("glue:StartJobRun", "dynamodb:UpdateItem", "s3:PutObject"), 1):
        name = f"killed-{number}"
        rule = Edge(pipeline.instance).inject("kill-after", role=role, action=action)
        answer = done(pipeline, "optimization", name)
        assert Edge(pipeline.instance).status()[rule]["injected"] == 1
        assert answer["state"] == "NOTHING_TO_DO", answer
        assert started_by(pipeline, 3, f"support/{name}") == [answer["start"]["run_id"]]


class TestFailedRuns:
    """In the order of the flow; each test goes on where the one before stopped."""

    dead: dict[int, str] = {}

    def test_glue_1(self, pipeline: Watched, tmp_path: Path) -> None:
        pipeline.settle(conditions.not_quiet, "quiet")
        known = failed(pipeline, 1)
        pipeline.order(1, "fail")
        kill(pipeline, "ingest", "s3:PutObject", resource=f"*/{TEMP_PREFIX}*", after=1)
        files = {f"{DATASET}/dead/{n}.jsonl": lines({"id": f"dead {n}"}) for n in (1, 2)}
        landed = pipeline.drop(tmp_path, files | {f"sixth week/{n}.jsonl": lines({"id": n}) for n in (1, 2)})
        self.dead[1] = newly_failed(pipeline, 1, known, 2)[0]
        assert keys_of(pipeline, "raw", self.dead[1]), "it had no output yet"
        answer = done(pipeline, "copyglue", "after-failure-1")
        assert answer["state"] == "SUCCEEDED", answer
        assert answer["open"]["count"] == len(landed)
        assert answer["ended"]["taken_by"] == {answer["start"]["run_id"]: len(landed)}
        snapshot = pipeline.ingested(landed)
        counts = answer["ended"]["counts"]
        assert counts["records_in"] == counts["records_out"] + counts["quarantined"] == 4
        assert {snapshot.files[file.file_id]["assigned_to"] for file in landed} == {answer["start"]["run_id"]}

    def test_glue_2(self, pipeline: Watched) -> None:
        known = failed(pipeline, 2)
        kill(pipeline, "classify", "s3:PutObject", resource=f"*/{pipeline.outputs['prefixes']['classified']}*", after=1)
        pipeline.friday()
        self.dead[2] = newly_failed(pipeline, 2, known, 1)[0]
        known = failed(pipeline, 3)
        pipeline.order(3, "fail", times=2)
        answer = done(pipeline, "glue2", "after-failure-2")
        assert answer["state"] == "SUCCEEDED", answer
        assert answer["open"]["count"] > 0
        assert answer["ended"]["taken_by"] == {answer["start"]["run_id"]: answer["open"]["count"]}
        newly_failed(pipeline, 3, known, 2)

    def test_glue_3(self, pipeline: Watched) -> None:
        answer = done(pipeline, "optimization", "after-failure-3")
        assert answer["state"] == "SUCCEEDED", answer
        assert answer["ended"]["taken_by"] == {answer["start"]["run_id"]: 1}
        pipeline.settle(rest.not_at_rest, "rest")
        # Two unseen, one that landed twice, two that a dead run had.
        assert rows(pipeline) == 6

    @pytest.mark.parametrize(("stage", "buckets"), [(1, ["raw"]), (2, ["legacy", "secured"])])
    def test_what_a_dead_run_left_is_removed_and_put_back(
        self, pipeline: Watched, stage: int, buckets: list[str]
    ) -> None:
        run_id = self.dead[stage]

        def left() -> set[str]:
            return {key for bucket in buckets for key in keys_of(pipeline, bucket, run_id)}

        before = left()
        assert before
        run = {"stage": stage, "run_id": run_id}
        dry = done(pipeline, "cleanup", f"dry-{stage}", **run)
        assert (dry["state"], dry["cleanup"]["dry_run"]) == ("SUCCEEDED", True)
        assert {entry["key"] for entry in dry["cleanup"]["list"]} == before == left()
        few = done(pipeline, "cleanup", f"few-{stage}", **run, limit=1, dry_run=False, mode="delete")
        assert len(before) == 1 or (few["state"] == "REFUSED" and str(len(before)) in few["why"])
        if len(before) == 1:
            done(pipeline, "cleanup", f"few-undo-{stage}", undo=f"few-{stage}", dry_run=False)
        assert left() == before
        for mode in ("quarantine", "delete"):
            removed = done(pipeline, "cleanup", f"{mode}-{stage}", **run, dry_run=False, mode=mode)
            assert removed["state"] == "SUCCEEDED", removed
            assert removed["cleanup"]["objects"] == len(before)
            assert left() == set()
            copies = set(pipeline.keys(pipeline.bucket("raw"), f"{MOVED}request={mode}-{stage}/"))
            assert len(copies) == (len(before) if mode == "quarantine" else 0)
            undone = done(pipeline, "cleanup", f"undo-{mode}-{stage}", undo=f"{mode}-{stage}", dry_run=False)
            assert undone["state"] == "SUCCEEDED", undone
            assert left() == before
        done(pipeline, "cleanup", f"at-last-{stage}", **run, dry_run=False, mode="delete")
        assert left() == set()

    def test_what_a_committed_run_wrote_is_not_touched(self, pipeline: Watched) -> None:
        for stage in (1, 2, 3):
            run_id = sorted(pipeline.look().run_ids(stage))[0]
            refused = done(
                pipeline, "cleanup", f"committed-{stage}", stage=stage, run_id=run_id, dry_run=False, mode="delete"
            )
            assert refused["state"] == "REFUSED"
            assert "has committed" in refused["why"]


@pytest.mark.parametrize("mode", ["quarantine", "delete"])
def test_landing_files_that_no_run_has_done_are_removed_and_put_back(
    pipeline: Watched, tmp_path: Path, mode: str
) -> None:
    pipeline.settle(conditions.not_quiet, "quiet")
    known = failed(pipeline, 1)
    pipeline.order(1, "fail", times=2)
    [landed] = pipeline.drop(tmp_path, {f"{DATASET}/faulty-{mode}.jsonl": lines({"id": f"faulty {mode}"})})
    newly_failed(pipeline, 1, known, 2)
    ours = {"keys": [landed.file.key, f"{LANDING_PREFIX}{DATASET}/twice.jsonl"]}
    removed = done(pipeline, "cleanup", f"batch-{mode}", **ours, dry_run=False, mode=mode)
    assert removed["state"] == "SUCCEEDED", removed
    by_key = {(entry["key"], entry["done"]) for entry in removed["cleanup"]["list"]}
    assert by_key == {(landed.file.key, "removed"), (f"{LANDING_PREFIX}{DATASET}/twice.jsonl", "left")}
    listing = pipeline.s3.list_object_versions(Bucket=pipeline.bucket("landing"), Prefix=landed.file.key)
    assert "Versions" not in listing
    # What is gone counts as one quarantined record; what comes back is a new version, and new work.
    vanished = done(pipeline, "copyglue", f"vanished-{mode}")
    assert vanished["state"] == "SUCCEEDED", vanished
    assert vanished["ended"]["counts"]["quarantined"] == 1
    undone = done(pipeline, "cleanup", f"undo-batch-{mode}", undo=f"batch-{mode}", dry_run=False)
    assert undone["state"] == "SUCCEEDED", undone
    [restored] = undone["cleanup"]["list"]
    file_id = f"{pipeline.bucket('landing')}/{landed.file.key}#{restored['restored_as']}"
    pipeline.settle(lambda s: conditions.not_ingested(s, [file_id]) + conditions.not_quiet(s), "restored file")
