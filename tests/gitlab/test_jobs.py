"""Each job of the pipeline, in the order of its stages: the tests build on one another, as a pipeline does."""

from __future__ import annotations

import json
import re

import pytest

from local.demo.running import REPOSITORY
from tests.gitlab.conftest import PROJECT, GitLab, token


def test_each_part_of_make_test_is_a_job(gitlab: GitLab) -> None:
    lines = re.findall(r"^(?:test:|LANE_\d :=) (.*?)(?: ##|$)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert len(lines) == 4
    parts = {name.removeprefix("test-") for name in " ".join(lines).split() if name.startswith("test-")}
    jobs = gitlab.jobs(CI_COMMIT_BRANCH="main")
    assert {name[len("test: [") : -1] for name in jobs if name.startswith("test: [")} == parts
    assert {"lint", "build"} <= set(jobs)


@pytest.mark.parametrize(
    ("pipeline", "has", "has_not"),
    [
        (
            {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": ""},
            {"lint", "build", "plan dev", "plan test", "plan prod"},
            {"apply dev", "apply prod", "trigger glue2: [dev]", "drift: [dev]"},
        ),
        (
            {"CI_COMMIT_BRANCH": "main"},
            {"lint", "plan prod", "apply dev", "apply test", "apply prod", "trigger cleanup: [prod]"},
            {"drift: [dev]"},
        ),
        (
            {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"},
            {"build", "drift: [dev]", "drift: [test]", "drift: [prod]", "trigger glue2: [dev]"},
            {"lint", "plan dev", "apply dev", "apply prod"},
        ),
    ],
    ids=["merge request", "main", "schedule"],
)
def test_a_pipeline_has_the_jobs_of_its_occasion(
    gitlab: GitLab, pipeline: dict[str, str], has: set[str], has_not: set[str]
) -> None:
    names = set(gitlab.jobs(DEPLOY_ACCOUNTS="true", **pipeline))
    assert has <= names and not has_not & names


def test_without_accounts_nothing_goes_to_aws(gitlab: GitLab) -> None:
    assert {job["stage"] for job in gitlab.jobs(CI_COMMIT_BRANCH="main").values()} == {"lint", "test", "build"}


@pytest.mark.parametrize("source", ["push", "schedule"])
def test_a_trigger_waits_for_somebody_and_for_the_build_alone(gitlab: GitLab, source: str) -> None:
    jobs = gitlab.jobs(CI_COMMIT_BRANCH="main", CI_PIPELINE_SOURCE=source, DEPLOY_ACCOUNTS="true")
    triggers = [job for job in jobs.values() if job["stage"] == "trigger"]
    assert len(triggers) == 12
    for job in triggers:
        assert (job["when"], job["allow_failure"]) == ("manual", True)
        assert [need["job"] for need in job["needs"]] == ["build"]


def test_only_dev_is_applied_by_itself(gitlab: GitLab) -> None:
    jobs = gitlab.jobs(CI_COMMIT_BRANCH="main", DEPLOY_ACCOUNTS="true")
    when = {name: job["when"] for name, job in jobs.items() if job["stage"] in ("apply", "trigger")}
    assert when.pop("apply dev") == "on_success"
    assert set(when.values()) == {"manual"}


@pytest.mark.parametrize("job", ["lint", "build"])
def test_a_job_that_needs_no_aws_passes(gitlab: GitLab, job: str) -> None:
    done = gitlab.run(job)
    assert done.status == 0, done.output


def test_a_merge_request_shows_its_plan(gitlab: GitLab) -> None:
    done = gitlab.run("plan dev", branch="feature/x", source="merge_request_event")
    assert done.status == 0, done.output
    planned = re.search(r"Plan: (\d+) to add, 0 to change, 0 to destroy", done.output)
    assert planned is not None
    report = json.loads((REPOSITORY / "target" / "plan" / "dev.json").read_text())
    assert report == {"create": int(planned.group(1)), "update": 0, "delete": 0}


@pytest.mark.parametrize(
    "stranger",
    [token(PROJECT, "feature/x"), token("tui/another", "main"), token(PROJECT, "main", audience="https://example.com")],
    ids=["another branch", "another project", "another audience"],
)
def test_a_stranger_does_not_deploy(gitlab: GitLab, stranger: str) -> None:
    done = gitlab.run("plan dev", trusted=stranger)
    assert done.status != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in " ".join(done.output.split())


@pytest.mark.parametrize("environment", [None, "prod"], ids=["none", "another"])
def test_a_job_of_another_environment_does_not_deploy(gitlab: GitLab, environment: str | None) -> None:
    done = gitlab.run("apply dev", trusted=gitlab.token("main", environment))
    assert done.status != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in " ".join(done.output.split())


def test_what_was_planned_is_applied(gitlab: GitLab) -> None:
    planned = gitlab.run("plan dev")
    assert planned.status == 0, planned.output
    applied = gitlab.run("apply dev")
    assert applied.status == 0, applied.output
    assert gitlab.deployed().outputs["workgroup"] == "tui-etl-dev"


def test_drift_is_none_at_first_and_then_seen(gitlab: GitLab) -> None:
    none = gitlab.run("drift: [dev]", source="schedule")
    assert none.status == 0, none.output
    functions = gitlab.deployed().client("lambda")
    memory = functions.get_function_configuration(FunctionName="tui-etl-reconcile-dev")["MemorySize"]
    functions.update_function_configuration(FunctionName="tui-etl-reconcile-dev", MemorySize=memory + 1)
    seen = gitlab.run("drift: [dev]", source="schedule")
    functions.update_function_configuration(FunctionName="tui-etl-reconcile-dev", MemorySize=memory)
    assert seen.status != 0
    assert "memory_size" in seen.output and "dev is not as the code says" in seen.output
