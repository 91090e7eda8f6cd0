"""What the jobs of .gitlab-ci.yml do, whoever starts them with whatever variables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.demo.running import REPOSITORY

JOBS: dict[str, dict[str, Any]] = yaml.safe_load((REPOSITORY / ".gitlab-ci.yml").read_text(encoding="utf-8"))
ENVIRONMENTS = ("dev", "test", "prod")
#: Stands for etl and for Terraform: writes down what it was called with and as whom it would go to AWS.
FAKE = """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps({"arguments": sys.argv[1:], "config": open(os.environ["AWS_CONFIG_FILE"]).read()}) + "\\n")
"""


def setting(job: dict[str, Any], name: str) -> Any:
    """A job's own setting, or that of the last of those it extends which has it."""
    if name in job:
        return job[name]
    parents = job.get("extends", [])
    found = [setting(JOBS[parent], name) for parent in ([parents] if isinstance(parents, str) else parents)]
    return next((value for value in reversed(found) if value is not None), None)


def jobs_of(*stages: str) -> dict[str, dict[str, Any]]:
    return {
        name: job
        for name, job in JOBS.items()
        if not name.startswith(".") and isinstance(job, dict) and setting(job, "stage") in stages
    }


def environment_of(name: str) -> str:
    return name.split()[-1].strip("[]")


@pytest.mark.parametrize("name", jobs_of("plan", "apply", "trigger", "drift"))
def test_no_variable_says_what_a_job_works_on(name: str) -> None:
    script = setting(JOBS[name], "script")
    assert "$" not in script
    assert script.split()[-1] == environment_of(name)
    assert setting(JOBS[name], "variables") is None


@pytest.mark.parametrize("name", jobs_of("apply", "trigger"))
def test_what_changes_an_environment_runs_in_it(name: str) -> None:
    job, environment = JOBS[name], environment_of(name)
    assert setting(job, "environment") == {"name": environment}
    assert environment in setting(job, "resource_group").split("-")


def test_each_kind_has_its_job_in_each_environment() -> None:
    kinds = ("copyglue", "glue2", "optimization", "cleanup")
    assert {name: setting(job, "script") for name, job in jobs_of("trigger").items()} == {
        f"trigger {kind}: [{environment}]": f"scripts/ci/trigger.sh {kind} {environment}"
        for kind in kinds
        for environment in ENVIRONMENTS
    }


class Checkout:
    """A checkout of the scripts, with fakes for what they start."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file = folder, folder / "calls"
        for part in ("scripts/ci", "terraform/envs"):
            shutil.copytree(REPOSITORY / part, folder / part)
        for fake in ("target/release/etl", "bin/terraform"):
            (folder / fake).parent.mkdir(parents=True)
            (folder / fake).write_text(FAKE)
            (folder / fake).chmod(0o755)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "CALLS": str(self.calls_file),
            "AWS_ID_TOKEN": "a token",
            **variables,
        }
        return subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def calls(self) -> list[dict[str, Any]]:
        return (
            [json.loads(line) for line in self.calls_file.read_text().splitlines()] if self.calls_file.exists() else []
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


#: What whoever starts a job of dev by hand might write into its form.
OVERRIDES = {
    "ENVIRONMENT": "prod",
    "KIND": "cleanup",
    "AWS_ROLE": "deploy",
    "environment": "prod",
    "kind": "cleanup",
    "role": "deploy",
    "what": "apply",
}


def test_a_trigger_job_of_dev_works_on_dev_with_its_kind_and_its_role(checkout: Checkout) -> None:
    script = setting(JOBS["trigger glue2: [dev]"], "script")
    done = checkout.run(script, CI_ENVIRONMENT_NAME="dev", REASON="a test", **OVERRIDES)
    assert done.returncode == 0, done.stderr
    [call] = checkout.calls()
    assert call["arguments"][:4] == ["--env", "dev", "trigger", "glue2"]
    assert "role/tui-etl-trigger-dev\n" in call["config"]
    assert "prod" not in call["config"] and "deploy" not in call["config"]


@pytest.mark.parametrize("kind", ["copyglue", "cleanup"])
def test_keys_are_taken_one_a_line_without_what_a_form_adds(checkout: Checkout, kind: str) -> None:
    keys = "tui/a b.json\r\n \t c.json \r\n\r\n  \r\nd\\e.json"
    done = checkout.run(f"scripts/ci/trigger.sh {kind} dev", CI_ENVIRONMENT_NAME="dev", REASON="a test", KEYS=keys)
    assert done.returncode == 0, done.stderr
    [call] = checkout.calls()
    given = [argument for argument in call["arguments"] if argument.startswith("--key=")]
    assert given == ["--key=tui/a b.json", "--key=c.json", "--key=d\\e.json"]


@pytest.mark.parametrize("script", ["scripts/ci/trigger.sh glue2 prod", "scripts/ci/terraform.sh apply prod"])
@pytest.mark.parametrize("environment", [{}, {"CI_ENVIRONMENT_NAME": "dev"}], ids=["none", "another"])
def test_what_changes_an_environment_is_refused_outside_of_it(
    checkout: Checkout, script: str, environment: dict[str, str]
) -> None:
    done = checkout.run(script, REASON="a test", **environment)
    assert done.returncode == 2
    assert "it may not change prod" in done.stderr
    assert checkout.calls() == []


def test_apply_applies_what_was_planned_for_its_environment(checkout: Checkout) -> None:
    script = setting(JOBS["apply dev"], "script")
    done = checkout.run(script, CI_ENVIRONMENT_NAME="dev", **OVERRIDES)
    assert done.returncode == 0, done.stderr
    initialised, applied = checkout.calls()
    assert "-backend-config=envs/dev.s3.tfbackend" in initialised["arguments"]
    assert applied["arguments"][-1].endswith("/target/plan/dev.tfplan")
    assert "role/tui-etl-deploy-dev\n" in applied["config"] and "prod" not in applied["config"]


@pytest.mark.parametrize(
    ("job", "source", "role"),
    [
        ("plan prod", "merge_request_event", "plan"),
        ("plan prod", "push", "look"),
        ("drift: [prod]", "schedule", "look"),
    ],
)
def test_what_only_compares_gets_no_role_that_changes(checkout: Checkout, job: str, source: str, role: str) -> None:
    checkout.run(setting(JOBS[job], "script"), CI_PIPELINE_SOURCE=source, **OVERRIDES)
    assert len(checkout.calls()) > 1
    for call in checkout.calls():
        assert call["config"].count(f"role/tui-etl-{role}-prod\n") == 2


@pytest.mark.parametrize("environment", ["", "production", "../prod"])
def test_an_environment_that_is_none_is_refused(checkout: Checkout, environment: str) -> None:
    done = checkout.run(f"scripts/ci/terraform.sh drift {environment}")
    assert done.returncode == 2
    assert "dev, test or prod is meant" in done.stderr
