"""The jobs of .gitlab-ci.yml, run for real: by gitlab-ci-local, in a shell, against an AWS of this machine that trusts
a GitLab project's tokens and into which nothing was deployed yet."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import up
from local.demo.observe import Pipeline
from local.demo.running import REPOSITORY, own_instance, running
from local.incidents import USERNAME
from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT, Instance
from tests.pipeline_under_test import Watched

FOLDER = REPOSITORY / "target" / "gitlab"
RUNNER = FOLDER / "node_modules" / ".bin" / "gitlab-ci-local"
SERVER = "https://gitlab.example.com"
PROJECT = "tui/tui-etl"
ROOT = REPOSITORY / "terraform" / "bootstrap"
#: The S3 backend asks for the last two by name.
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS")
#: What a test says on purpose although GitLab would.
SAID = "CI_COMMIT_BRANCH,CI_DEFAULT_BRANCH,CI_PIPELINE_SOURCE,CI_SERVER_URL"
#: What GitLab, set up as docs/ci.md says, adds to the subject for jobs that run in an environment.
CLAIMS = {
    "dev": "environment_protected:false:deployment_tier:development",
    "prod": "environment_protected:true:deployment_tier:production",
}


def token(project: str, branch: str, audience: str = SERVER, environment: str | None = None) -> str:
    """A job's token as GitLab makes it, but for the signature, which AWS would check and this AWS does not."""
    subject = f"project_path:{project}:ref_type:branch:ref:{branch}"
    if environment:
        subject += f":{CLAIMS[environment]}"
    claims = {"iss": SERVER, "aud": audience, "sub": subject}
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    )
    return ".".join((*parts, "unsigned"))


@dataclass(frozen=True)
class Done:
    """How a job ended, and what it printed."""

    status: int
    output: str


@dataclass(frozen=True)
class GitLab:
    """The project, as its pipelines see it."""

    instance: Instance

    def run(
        self, job: str, *, branch: str = "main", source: str = "push", trusted: str | None = None, **more: str
    ) -> Done:
        """Runs one job of a pipeline of `branch`; `trusted` is a token to use for its own, `more` are variables."""
        said = {
            "CI_COMMIT_BRANCH": branch,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PIPELINE_SOURCE": source,
            "CI_SERVER_URL": SERVER,
            "DEPLOY_ACCOUNTS": "true",
            "AWS_ID_TOKEN": trusted or self.token(branch, "dev" if job.startswith(("apply", "trigger")) else None),
            **more,
        }
        return self._call(job, said)

    def token(self, branch: str, environment: str | None = None) -> str:
        """The token of a job of a branch, which runs in an environment or in none."""
        return token(PROJECT, branch, environment=environment)

    def deployed(self) -> Watched:
        """What the project's pipeline has deployed."""
        state = Pipeline(self.instance).s3.get_object(Bucket="tui-etl-terraform-state-dev", Key="tui-etl/dev.tfstate")
        outputs = {name: output["value"] for name, output in json.load(state["Body"])["outputs"].items()}
        up.write(self.instance, up.read(self.instance) | {"outputs": outputs})
        return Watched(self.instance)

    def jobs(self, **said: str) -> dict[str, dict[str, Any]]:
        """The jobs of a pipeline, by name."""
        listed = self._call("--list-json", {"CI_DEFAULT_BRANCH": "main", **said}).output
        jobs = json.loads(listed[listed.index("[") :])
        return {job["name"]: job for job in jobs if job["when"] != "never"}

    def _call(self, what: str, said: dict[str, str]) -> Done:
        variables = [part for name, value in said.items() for part in ("--variable", f"{name}={value}")]
        done = subprocess.run(
            [str(RUNNER), what, "--force-shell-executor", "--state-dir", "target/gitlab/state", *variables],
            cwd=REPOSITORY,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if what != "--list-json" else subprocess.PIPE,
            text=True,
            check=False,
        )
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        # A job that may fail (one by hand) shows that it did, but is no failure of its pipeline.
        ended = re.search(r"finished in [^\n]* (?:FAIL|WARN) (\d+)", output)
        return Done(int(ended.group(1)) if ended else done.returncode, output)

    def _environment(self) -> dict[str, str]:
        """What a runner's machine would have: where AWS is (here: this one), the secrets of the deployment."""
        record = up.read(self.instance)
        ticket = {"url": self.instance.incident_url, "username": USERNAME, "password": record["incident_password"]}
        mirror = " ".join(provider_arguments(REPOSITORY / "terraform"))
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "TF_", "TUI_", "MAKE"))
            },
            **dict.fromkeys(
                ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"), self.instance.endpoint
            ),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "CHECKPOINT_DISABLE": "1",
            "GCL_IGNORE_PREDEFINED_VARS": SAID,
            "TF_CLI_ARGS_init": f"{mirror} -backend-config=use_path_style=true".strip(),
            "TF_VAR_servicenow_credentials": json.dumps(ticket),
            "TF_VAR_mask_salt": secrets.token_hex(32),
            "TF_VAR_gitlab": json.dumps({"url": SERVER, "project": PROJECT, "claims": CLAIMS["dev"]}),
        }


@pytest.fixture(scope="session")
def gitlab() -> Iterator[GitLab]:
    instance = own_instance(REPOSITORY / "target" / "test-gitlab")
    with running(instance, empty=True):
        prepare(instance)
        yield GitLab(instance)


def prepare(instance: Instance) -> None:
    """What an administrator does once: terraform/bootstrap."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
        **{name: value for name, value in instance.client_environment().items() if "KEY" not in name},
        "TF_DATA_DIR": str(instance.folder / "bootstrap"),
        "CHECKPOINT_DISABLE": "1",
    }
    mirror = provider_arguments(ROOT)
    variables = {
        "environment": "dev",
        "data_account_id": DATA_ACCOUNT,
        "application_account_id": APPLICATION_ACCOUNT,
        "data_profile": "data",
        "application_profile": "application",
        "gitlab_url": SERVER,
        "gitlab_project": PROJECT,
        "gitlab_claims": CLAIMS["dev"],
    }
    terraform(environment, "init", "-input=false", *mirror)
    state = Path(instance.folder / "bootstrap.tfstate")
    terraform(
        environment, "apply", "-input=false", "-auto-approve", f"-state={state}",
        *(f"-var={name}={value}" for name, value in variables.items()),
    )  # fmt: skip


def provider_arguments(root: Path) -> list[str]:
    """What `terraform init` is told of providers that lie on this machine."""
    command = [sys.executable, "scripts/provider_mirror.py", str(root)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()


def terraform(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["terraform", f"-chdir={ROOT}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
