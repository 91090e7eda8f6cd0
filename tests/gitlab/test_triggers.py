"""The trigger stage: jobs that an engineer starts by hand. A failed run of each Glue job is made good by jobs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo import conditions
from tests.end_to_end.input import lines
from tests.faults import rest
from tests.faults.edge import Edge
from tests.gitlab.conftest import GitLab
from tests.pipeline_under_test import Watched

DATASET = "by_gitlab"


@pytest.fixture(scope="module")
def pipeline(gitlab: GitLab) -> Watched:
    return gitlab.deployed()


def failed_run(pipeline: Watched, stage: int, count: int) -> str:
    """Waits for so many failed runs of a stage that everyone was told of; the id of the last."""

    def failed() -> list[str]:
        runs = [run.run_id for run in conditions.failed_runs(pipeline.look()) if run.stage == stage]
        return runs if len(runs) >= count else []

    found = pipeline.wait_for(failed, f"{count} failed Glue {stage} runs")
    pipeline.settle(conditions.not_quiet, "quiet after the failed runs")
    return found[0]


def test_a_failed_run_of_each_job_is_made_good_by_jobs_alone(gitlab: GitLab, pipeline: Watched, tmp_path: Path) -> None:
    # reconcile starts a failed Glue 1 or 3 once, and then makes a pause.
    pipeline.order(1, "fail", times=2)
    # Of two datasets, so that Glue 2 writes two files, and dies between them.
    files = {f"{DATASET}/{n}.jsonl": lines({"id": n}) for n in (1, 2)} | {f"{DATASET}_too/1.jsonl": lines({"id": 1})}
    landed = pipeline.drop(tmp_path, files)
    failed_run(pipeline, 1, 2)
    again = gitlab.run("trigger copyglue: [dev]", REASON="Glue 1 failed")
    assert again.status == 0, again.output
    pipeline.ingested(landed)

    role, places = pipeline.outputs["roles"]["classify"], pipeline.outputs["prefixes"]["classified"]
    Edge(pipeline.instance).inject("kill", role=role, action="s3:PutObject", resource=f"*/{places}*", after=1)
    pipeline.friday()
    dead = failed_run(pipeline, 2, 1)
    pipeline.order(3, "fail", times=2)
    again = gitlab.run("trigger glue2: [dev]", REASON="Glue 2 failed")
    assert again.status == 0, again.output
    failed_run(pipeline, 3, 2)
    again = gitlab.run("trigger optimization: [dev]", REASON="Glue 3 failed")
    assert again.status == 0, again.output
    pipeline.settle(rest.not_at_rest, "rest")
    assert int(pipeline.query(f'SELECT count(*) FROM "tui_secured_dev"."{DATASET}"')[0][0] or 0) == 2

    clean_up_and_undo(gitlab, pipeline, dead)


def clean_up_and_undo(gitlab: GitLab, pipeline: Watched, dead: str) -> None:
    """What the dead Glue 2 run left is listed, removed and put back."""

    def left() -> set[str]:
        return {key for key in pipeline.keys(pipeline.bucket("secured")) if f"run={dead}/" in key}

    before = left()
    assert before
    run = {"STAGE": "2", "RUN_ID": dead, "REASON": "left by a killed run"}
    listed = gitlab.run("trigger cleanup: [dev]", **run)
    assert listed.status == 0, listed.output
    assert left() == before
    removed = gitlab.run("trigger cleanup: [dev]", **run, EXECUTE="true", MODE="quarantine", REQUEST_ID="tidy")
    assert removed.status == 0, removed.output
    assert not left()
    undone = gitlab.run("trigger cleanup: [dev]", UNDO="tidy", REASON="it was wanted", EXECUTE="true")
    assert undone.status == 0, undone.output
    assert left() == before


@pytest.mark.parametrize(
    ("job", "fields", "reason"),
    [
        ("trigger copyglue: [dev]", {"RELAND": "true"}, "--key <KEY>"),
        ("trigger glue2: [dev]", {"REASON": ""}, "--reason"),
        ("trigger optimization: [dev]", {"REQUEST_ID": "not an id"}, "request_id"),
        ("trigger cleanup: [dev]", {"STAGE": "1", "RUN_ID": "jr_nobody"}, "jr_nobody"),
    ],
)
def test_a_refused_trigger_fails_its_job_with_the_reason(
    gitlab: GitLab, pipeline: Watched, job: str, fields: dict[str, str], reason: str
) -> None:
    refused = gitlab.run(job, **{"REASON": "a test", **fields})
    assert refused.status != 0
    assert reason in refused.output


@pytest.mark.parametrize(("branch", "environment"), [("feature/x", "dev"), ("main", None), ("main", "prod")])
def test_another_branch_or_environment_drops_no_trigger_file(
    gitlab: GitLab, pipeline: Watched, branch: str, environment: str | None
) -> None:
    stranger = gitlab.token(branch, environment)
    refused = gitlab.run("trigger glue2: [dev]", trusted=stranger, REASON="a test")
    assert refused.status != 0
    assert "AssumeRoleWithWebIdentity" in " ".join(refused.output.split())
