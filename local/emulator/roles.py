"""Temporary credentials of a role, as an AWS service gets them, and decisions taken in a role's name."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import iam, sts

from local.settings import REGION, Instance


class NotAuthorized(Exception):
    """IAM refuses an action to a role, or refuses the role to a service."""


@dataclass(frozen=True)
class Session:
    """Credentials of a role; `arn` is the assumed role's."""

    account: str
    role: str
    arn: str
    access_key: str
    secret_key: str
    token: str

    def environment(self, instance: Instance) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
            "AWS_ENDPOINT_URL": instance.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, instance: Instance) -> Any:
        """A client that talks to this instance under the role, for work on threads of the emulator itself."""
        return boto3.client(
            service,
            endpoint_url=instance.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.token,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def role_parts(role_arn: str) -> tuple[str, str]:
    """Account and name of `arn:aws:iam::<account>:role/<path>/<name>`."""
    account = role_arn.split(":")[4]
    return account, role_arn.rsplit("/", 1)[-1]


def trusts(role_arn: str, service: str) -> bool:
    """Whether the role's trust policy lets this service (`glue.amazonaws.com`) assume it."""
    account, name = role_parts(role_arn)
    role = iam._roles.get_scoped(account, None, name)
    document = (role or {}).get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(document)
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        is_named = service in ([services] if isinstance(services, str) else services)
        if statement.get("Effect") == "Allow" and is_named and _is_for(statement, account):
            return True
    return False


def _is_for(statement: dict[str, Any], account: str) -> bool:
    """Whether the statement lets the service act for this account, which is where its function, job or schedule is.

    No other condition is asked: which function, job or schedule it is (`aws:SourceArn`) is not known here.
    """
    for operator, expected in statement.get("Condition", {}).items():
        for key, values in expected.items():
            if key.lower() != "aws:sourceaccount":
                continue
            values = [values] if isinstance(values, str) else values
            if operator != "StringEquals" or account not in values:
                return False
    return True


def assume(role_arn: str, service: str, session_name: str) -> Session:
    """A fresh session of the role for an AWS service that acts in its name."""
    if not trusts(role_arn, service):
        raise NotAuthorized(f"{service} is not authorized to assume {role_arn}")
    account, name = role_parts(role_arn)
    session = Session(
        account=account,
        role=name,
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        access_key="ASIA" + secrets.token_hex(8).upper(),
        secret_key=secrets.token_hex(20),
        token=secrets.token_hex(32),
    )
    sts.register_session(
        session.access_key,
        {
            "Arn": session.arn,
            "UserId": f"{name}:{session_name}",
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.token,
        },
    )
    return session


_service_sessions: dict[tuple[str, str], Session] = {}


def authorize(role_arn: str, service: str, action: str, resource: str) -> None:
    """Evaluates one call that a service makes under a role; raises `NotAuthorized` for a Deny.

    The decision is taken and logged like that of a call that came over the wire.
    """
    key = (role_arn, service)
    session = _service_sessions.get(key)
    if session is None:
        session = _service_sessions[key] = assume(role_arn, service, service.split(".")[0])
    namespace = action.split(":")[0]
    with request_scope(session.account, REGION), signed_by_the_service():
        denied = iam_evaluator.enforce(session.access_key, action, namespace, REGION, resource_arn=resource)
    if denied is not None:
        raise NotAuthorized(f"{session.arn} is not authorized to perform {action} on {resource}")


class signed_by_the_service:
    """No HTTP request is behind a decision: neither its signature nor its absence counts meanwhile."""

    def __enter__(self) -> None:
        self._signed = iam_evaluator._signed_request.set(None)
        self._anonymous = iam_evaluator._anonymous.set(False)

    def __exit__(self, *_: object) -> None:
        iam_evaluator._signed_request.reset(self._signed)
        iam_evaluator._anonymous.reset(self._anonymous)
