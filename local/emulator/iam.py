"""IAM: the conditions of AWS, Glue's resources, and a log of every decision about a role."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import athena, sts

from local.emulator import resources
from local.emulator.journal import Journal

_matched: ContextVar[list[str] | None] = ContextVar("matched_statements", default=None)
_more_resources: ContextVar[tuple[str, ...]] = ContextVar("more_resources", default=())

_TABLE_ACTIONS = ("Table", "Partition", "ColumnStatistics")


def install(journal: Journal) -> None:
    _match_any_character_as_aws_does()
    _resolve_conditions_as_aws_does()
    _name_actions_as_aws_does()
    _name_resources_as_aws_does()
    _know_the_sources_of_events()
    _remember_matched_statements()
    _log_decisions(journal)


def role_arn(principal_arn: str) -> str:
    """`arn:aws:iam::<account>:role/<name>` for a role's session, any other ARN as it is."""
    if ":assumed-role/" not in principal_arn:
        return principal_arn
    account = principal_arn.split(":")[4]
    return f"arn:aws:iam::{account}:role/{principal_arn.split(':assumed-role/')[1].split('/')[0]}"


def more_resources(service: str) -> tuple[str, ...]:
    """The resources besides the first that the next decision about a call to Glue or KMS is going to be taken on."""
    return _more_resources.get() if service in ("glue", "kms") else ()


def _match_any_character_as_aws_does() -> None:
    original = iam_evaluator._fnmatch_compile

    @lru_cache(maxsize=4096)
    def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        # The emulator's wildcards stop at a line feed, and its patterns overlook one at the end; a key may hold both.
        found = original(pattern, ignore_case)
        return re.compile(found.pattern.removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = compiled


def _resolve_conditions_as_aws_does() -> None:
    original = iam_evaluator._resolve_condition_key

    def resolve(key: str, ctx: iam_evaluator.EvalContext) -> Any:
        name = key.lower()
        # The emulator compares aws:PrincipalArn with the session's ARN; AWS compares it with the role's.
        if name == "aws:principalarn":
            return role_arn(ctx.principal_arn)
        # The emulator speaks plain HTTP on loopback. A policy that wants TLS is met on AWS by every SDK.
        if name == "aws:securetransport":
            return "true"
        return original(key, ctx)

    iam_evaluator._resolve_condition_key = resolve


def _name_actions_as_aws_does() -> None:
    original = iam_actions.extract_iam_action

    def extract(*call: Any) -> str | None:
        action = original(*call)
        # The emulator makes an action of each operation of SQS. On AWS a batch is that of its messages.
        if action and action.startswith("sqs:"):
            return action.removesuffix("Batch")
        return action

    iam_actions.extract_iam_action = extract


def _name_resources_as_aws_does() -> None:
    original = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: dict, body: bytes, params: dict, region: str, account: str
    ) -> str:
        _more_resources.set(())
        if service == "athena":
            return athena_workgroup(body, region, account)
        if service == "scheduler" and path.startswith("/schedules/"):
            # The emulator takes every schedule for one of the default group.
            name = path.removeprefix("/schedules/")
            return f"arn:aws:scheduler:{region}:{account}:schedule/{schedule_group(body, params)}/{name}"
        if service != "glue" or path.startswith("/iceberg"):
            found = original(service, method, path, headers, body, params, region, account)
            arns = resources.mend(
                service, found, path, headers.get("x-amz-target", "").rpartition(".")[2], body, params
            )
            _more_resources.set(tuple(arns[1:]))
            return arns[0]
        # The emulator takes GetDatabase for a call on a table and checks a table's calls on its database alone.
        # AWS checks the catalog, the database and the table.
        arns = glue_resources(headers.get("x-amz-target", "").rpartition(".")[2], body, region, account)
        _more_resources.set(tuple(arns[1:]))
        return arns[0]

    iam_actions.extract_resource_arn = extract


def _know_the_sources_of_events() -> None:
    original = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, params: dict) -> dict[str, Any]:
        found = dict(original(service, action, body, params) or {})
        # The emulator doesn't know this condition key of PutEvents, and so refuses whoever is held to a source.
        if action == "events:PutEvents":
            found["events:source"] = event_sources(body)
        return found

    iam_actions.request_tag_context = context


def event_sources(body: bytes) -> str | list[str]:
    """The source of the entries of a PutEvents request; all of them if they differ."""
    try:
        entries = json.loads(body or b"{}").get("Entries") or []
    except (ValueError, AttributeError):
        entries = []
    sources = sorted({str(entry.get("Source")) for entry in entries if isinstance(entry, dict)})
    return sources[0] if len(sources) == 1 else sources


def athena_workgroup(body: bytes, region: str, account: str) -> str:
    """The workgroup that a call is about; the emulator knows none for calls that name a query, and checks `*`."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = {}
    execution = athena._executions.get(request.get("QueryExecutionId") or "") or {}
    saved = [request.get("NamedQueryId"), *(request.get("NamedQueryIds") or [])]
    for query in (athena._named_queries.get(one or "") for one in saved):
        execution = query or execution
    arn = request.get("ResourceARN")  # calls about tags
    if arn:
        return str(arn)
    # CreateWorkGroup has a Name; so has CreateNamedQuery, which is about the WorkGroup that it also has.
    name = execution.get("WorkGroup") or request.get("WorkGroup") or request.get("Name") or "primary"
    return f"arn:aws:athena:{region}:{account}:workgroup/{name}"


def schedule_group(body: bytes, params: dict) -> str:
    """The group of the schedule that a call is about."""
    named = params.get("groupName") or _json_object(body).get("GroupName") or "default"
    return named[0] if isinstance(named, list) else named


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def glue_resources(operation: str, body: bytes, region: str, account: str) -> list[str]:
    """The resources that AWS checks a Glue operation on."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = {}
    prefix = f"arn:aws:glue:{region}:{account}:"
    if "Job" in operation:
        name = request.get("JobName") or request.get("Name")
        return [f"{prefix}job/{name}" if name else f"{prefix}job/*"]
    if operation in ("GetTags", "TagResource", "UntagResource"):
        return [request.get("ResourceArn") or "*"]
    catalog = f"{prefix}catalog"
    database = request.get("DatabaseName")
    if database is None and "Database" in operation:
        database = request.get("Name") or (request.get("DatabaseInput") or {}).get("Name") or "*"
    if database is None:
        return [catalog]
    arns = [catalog, f"{prefix}database/{database}"]
    if any(noun in operation for noun in _TABLE_ACTIONS):
        named = request.get("TableName") or request.get("Name") or (request.get("TableInput") or {}).get("Name")
        arns.append(f"{prefix}table/{database}/{named or '*'}")
    if "UserDefinedFunction" in operation:
        arns.append(f"{prefix}userDefinedFunction/{database}/{request.get('FunctionName') or '*'}")
    return arns


def _remember_matched_statements() -> None:
    original = iam_evaluator.evaluate

    def evaluate(*args: Any) -> iam_evaluator.EvalResult:
        result = original(*args)
        matched = _matched.get()
        if matched is not None and result.decision != "ImplicitDeny":
            matched.append(f"{result.decision} {result.matched_sid or '(no sid)'}")
        return result

    iam_evaluator.evaluate = evaluate


def _log_decisions(journal: Journal) -> None:
    original = iam_evaluator.enforce

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        checked = (resource_arn, *more_resources(service))
        _more_resources.set(())
        denied = None
        for resource in checked:
            denied = _decide(journal, original, access_key_id, iam_action, service, region, resource, service_context)
            if denied is not None:
                break
        return denied

    iam_evaluator.enforce = enforce


def _decide(
    journal: Journal,
    original: Callable[..., Any],
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource: str,
    service_context: dict[str, Any] | None,
) -> Any:
    token = _matched.set([])
    try:
        denied = original(access_key_id, action, service, region, resource, service_context)
        matched = _matched.get() or []
    finally:
        _matched.reset(token)
    session = sts._sessions.get(access_key_id or "") or {}
    principal = str(session.get("Arn", ""))
    if ":assumed-role/" in principal:
        journal.write(
            role=role_arn(principal).rsplit("/", 1)[-1],
            principal=principal,
            action=action,
            resource=resource,
            decision="Allow" if denied is None else "Deny",
            reason=_reason(denied, matched),
        )
    return denied


def _reason(denied: Any, matched: list[str]) -> str:
    if denied is None:
        return ", ".join(dict.fromkeys(matched)) or "always allowed"
    if isinstance(denied, iam_evaluator.AuthError):
        return f"{denied.code}: {denied.message}"
    if denied.decision == "Deny":
        return f"explicit deny by {denied.matched_sid or 'a statement without sid'}"
    if any(entry.startswith("Allow") for entry in matched):
        return "the role's policy allows it, the resource's policy does not"
    return "no statement of the role's policies allows it"
