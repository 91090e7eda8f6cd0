"""Small resources for tests: buckets, roles, functions, and waiting for a condition."""

from __future__ import annotations

import io
import itertools
import json
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT, REGION, ROOT_SECRET, Instance

_numbers = itertools.count(1)

BOOTSTRAP = """#!{python}
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime"
{imports}
def handler(event):
{body}
while True:
    with urllib.request.urlopen(api + "/invocation/next") as answer:
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(answer.read())
    try:
        kind, result = "response", handler(event)
    except Exception as error:
        kind, result = "error", {{"errorMessage": str(error), "errorType": type(error).__name__}}
    urllib.request.urlopen(api + "/invocation/" + request_id + "/" + kind, data=json.dumps(result).encode()).read()
"""


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The condition's value as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"still not so after {seconds} seconds: {condition.__name__}"
        time.sleep(0.1)


def statement(actions: str | list[str], resources: str | list[str], effect: str = "Allow", **more: Any) -> dict:
    return {"Sid": "Test", "Effect": effect, "Action": actions, "Resource": resources, **more}


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class Cloud:
    """Clients of both accounts' roots, and makers of small things with names of their own."""

    instance: Instance

    def client(
        self, service: str, account: str = APPLICATION_ACCOUNT, patience_seconds: float = 60, **credentials: str
    ) -> Any:
        given = credentials or {"aws_access_key_id": account, "aws_secret_access_key": ROOT_SECRET}
        return boto3.client(
            service,
            endpoint_url=self.instance.endpoint,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=patience_seconds),
            **given,
        )

    def name(self, kind: str) -> str:
        return f"{kind}-{next(_numbers)}"

    def bucket(self, account: str = APPLICATION_ACCOUNT) -> str:
        name = self.name("bucket")
        self.client("s3", account).create_bucket(Bucket=name)
        return name

    def role(self, *statements: dict, service: str = "lambda.amazonaws.com") -> str:
        """A role of the application account that a service (and its root) may assume; its ARN."""
        iam, name = self.client("iam"), self.name("role")
        principals = {"Service": service, "AWS": f"arn:aws:iam::{APPLICATION_ACCOUNT}:root"}
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principals}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return arn

    def as_role(self, arn: str, service: str, patience_seconds: float = 60) -> Any:
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return self.client(
            service,
            patience_seconds=patience_seconds,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def function(self, body: str, role: str, **settings: Any) -> str:
        """A custom runtime whose handler is `body`, the lines of a Python function of `event`; its ARN."""
        lines = "\n".join("    " + line for line in body.strip().splitlines())
        source = BOOTSTRAP.format(python=sys.executable, imports="", body=lines)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            zipped.writestr(entry, source)
        given = {"Timeout": 10, **settings}
        created = self.client("lambda").create_function(
            FunctionName=self.name("function"),
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=role,
            Code={"ZipFile": archive.getvalue()},
            **given,
        )
        return created["FunctionArn"]

    def queue(self, **attributes: str) -> tuple[str, str]:
        """URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name("queue"), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def messages(self, queue_url: str) -> list[dict]:
        received = self.client("sqs").receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        return received.get("Messages", [])

    def journal(self, name: str, **wanted: Any) -> list[dict]:
        """The lines of a journal with these values."""
        path = self.instance.folder / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

    def decisions(self, role_arn: str, **wanted: Any) -> list[dict]:
        return self.journal("iam", role=role_arn.rsplit("/", 1)[-1], **wanted)

    def put_bucket_policy(self, bucket: str, account: str, *statements: dict) -> None:
        self.client("s3", account).put_bucket_policy(Bucket=bucket, Policy=policy(*statements))


def for_role(role_arn: str) -> dict[str, Any]:
    """The part of a bucket policy's statement that names a role of the other account."""
    return {
        "Principal": {"AWS": f"arn:aws:iam::{APPLICATION_ACCOUNT}:root"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": role_arn}},
    }


__all__ = ["APPLICATION_ACCOUNT", "DATA_ACCOUNT", "Cloud", "for_role", "policy", "statement", "wait_for"]
