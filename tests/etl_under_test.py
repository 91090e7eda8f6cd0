"""The built `etl`, run as people run it: with profiles of its own, and no terminal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local.demo.running import REPOSITORY
from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT, REGION
from tests.pipeline_under_test import Watched

BINARY = REPOSITORY / "target" / "release" / "etl"
FINE, BAD, USAGE, REFUSED, NOT_FOUND, TIMED_OUT, UNREACHABLE = range(7)
SYNC_ROLE = "landing-sync"
#: What docs/etl.md says that who syncs needs.
SYNC_OBJECTS = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
SYNC_BUCKET = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
SYNC_KEY = ["kms:GenerateDataKey", "kms:Decrypt"]
SECONDS = 300


@dataclass(frozen=True)
class Told:
    """What a call of it left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Etl:
    """Calls it in an environment that has nothing of the person who runs the tests."""

    pipeline: Watched
    home: Path
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(
        self,
        *arguments: str,
        profile: str = "operator",
        code: int = FINE,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Told:
        """Runs it to its end, which has to be this one."""
        process = self.begin(*arguments, profile=profile, variables=variables)
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == code, f"etl {arguments} ended {process.returncode}, not {code}:\n{out}\n{err}"
        return Told(process.returncode, out, err)

    def begin(
        self, *arguments: str, profile: str = "operator", variables: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(BINARY), *arguments, "--profile", profile],
            env=self.environment() | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun.append(process)
        return process

    def end(self) -> None:
        """What a failed test has left running."""
        for process in self.begun:
            process.kill()
            process.wait()

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AWS_CONFIG_FILE": str(self.home / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.pipeline.instance.aws_credentials),
            "AWS_EC2_METADATA_DISABLED": "true",
            "ETL_DATA_PROFILE": "sync",
        }

    def write_profiles(self) -> None:
        """Each is a role that is taken from an account's administrator."""
        roles = {
            "operator": (APPLICATION_ACCOUNT, self.pipeline.outputs["operator_role"], "application"),
            "secured-reader": (APPLICATION_ACCOUNT, self.pipeline.outputs["roles"]["secured-reader"], "application"),
            "sync": (DATA_ACCOUNT, SYNC_ROLE, "data"),
        }
        common = f"region = {REGION}\nendpoint_url = {self.pipeline.instance.endpoint}\n"
        sections = [f"[profile {name}]\n{common}" for name in ("application", "data")]
        sections += [
            f"[profile {name}]\nrole_arn = arn:aws:iam::{account}:role/{role}\nsource_profile = {source}\n{common}"
            for name, (account, role, source) in roles.items()
        ]
        (self.home / "config").write_text("\n".join(sections), encoding="utf-8")


def make_sync_role(pipeline: Watched) -> None:
    """Somebody of the data account who may do what docs/etl.md says, and no more."""
    iam = as_data_account(pipeline, "iam")
    bucket, key = f"arn:aws:s3:::{pipeline.bucket('landing')}", f"arn:aws:kms:{REGION}:{DATA_ACCOUNT}:key/*"
    trust = statement(["sts:AssumeRole"], Principal={"AWS": f"arn:aws:iam::{DATA_ACCOUNT}:root"})
    grants = [
        statement(SYNC_OBJECTS, Resource=f"{bucket}/*"),
        statement(SYNC_BUCKET, Resource=bucket),
        statement(SYNC_KEY, Resource=key),
    ]
    iam.create_role(RoleName=SYNC_ROLE, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName=SYNC_ROLE, PolicyName="sync", PolicyDocument=document(*grants))


def as_data_account(pipeline: Watched, service: str) -> Any:
    """A client of the data account's administrator."""
    return pipeline.client(service, aws_access_key_id=DATA_ACCOUNT, aws_secret_access_key="test")


def statement(actions: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
