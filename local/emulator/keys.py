"""KMS: who reads or writes what a key encrypts needs the key too, by the role's policy and the key's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, request_scope
from ministack.services import dynamodb, kms, s3, secretsmanager, sns, sqs, sts

from local.settings import REGION

READ, WRITE = ("kms:Decrypt",), ("kms:GenerateDataKey",)
SEND = ("kms:GenerateDataKey", "kms:Decrypt")

_ON_OBJECTS = {"s3:GetObject": READ, "s3:GetObjectVersion": READ, "s3:PutObject": WRITE}
_ON_TABLES = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem")
_ON_MESSAGES = {
    "sqs:SendMessage": SEND,
    "sqs:ReceiveMessage": READ,
    "sns:Publish": SEND,
    "secretsmanager:GetSecretValue": READ,
}

_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


@dataclass(frozen=True)
class ObjectRequest:
    """What a request says of the object that it reads or writes, besides its name."""

    version_id: str = ""
    key_named: str | None = None


_request: ContextVar[ObjectRequest | None] = ContextVar("object_request", default=None)


def install() -> None:
    # The emulator encrypts nothing and so never asks about keys: a role without the key, or a key without the role,
    # works there and fails on AWS, where S3, DynamoDB, SQS, SNS and Secrets Manager use the key in the caller's name.
    _find_foreign_key_policies()
    _note_what_a_request_says_of_its_object()
    _ask_for_the_key()
    _ask_for_the_queues_key()


def needed(action: str, resource: str) -> list[tuple[str, str]]:
    """The KMS actions, each with its key's ARN, that a call takes besides its own action."""
    actions: tuple[str, ...] = _ON_OBJECTS.get(action) or _ON_MESSAGES.get(action) or ()
    if action.startswith("dynamodb:") and action.removeprefix("dynamodb:") in _ON_TABLES:
        actions = READ
    if not actions:
        return []
    key = key_of_object(action, resource) if action in _ON_OBJECTS else key_of(action.split(":")[0], resource)
    return [(kms_action, key) for kms_action in actions] if key else []


def key_of(service: str, resource: str) -> str | None:
    """The ARN of the customer's key that encrypts a bucket, table, queue, topic or secret."""
    if service == "s3":
        bucket = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
        owner = s3._bucket_owner_account(bucket)
        if owner is None:
            return None
        with request_scope(owner, REGION):
            named = s3._bucket_default_sse_headers(bucket).get(_KEY_HEADER)
            return _arn(named)
    account = resource.split(":")[4] if resource.count(":") >= 5 else ""
    if not account:
        return None
    with request_scope(account, REGION):
        return _arn(_named_key(service, resource))


def key_of_object(action: str, resource: str) -> str | None:
    """The ARN of the customer's key of an object: its own to read it, to write it the request's or the bucket's."""
    bucket, _, name = resource.removeprefix("arn:aws:s3:::").partition("/")
    owner, request = s3._bucket_owner_account(bucket), _request.get() or ObjectRequest()
    if owner is None:
        return None
    with request_scope(owner, REGION):
        if action == "s3:PutObject" and request.key_named:
            return _arn(request.key_named)
        stored = _stored(bucket, name, request.version_id) if action != "s3:PutObject" else None
        if stored is not None:
            return _arn(s3._stored_sse_headers(stored).get(_KEY_HEADER))
    return key_of("s3", resource)


def _stored(bucket: str, name: str, version_id: str) -> dict[str, Any] | None:
    if version_id:
        versions = s3._object_versions.get((bucket, name), [])
        return next((version for version in versions if version["version_id"] == version_id), None)
    return (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name)


def _named_key(service: str, resource: str) -> str | None:
    if service == "dynamodb":
        table = dynamodb._tables.get(resource.partition(":table/")[2].split("/")[0]) or {}
        return (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    if service == "sqs":
        return ((sqs._queue_by_arn(resource) or {}).get("attributes") or {}).get("KmsMasterKeyId")
    if service == "sns":
        return ((sns._topic_by_arn_any_scope(resource) or {}).get("attributes") or {}).get("KmsMasterKeyId")
    secret = secretsmanager._secrets.get(resource.partition(":secret:")[2][:-7]) or {}
    return secret.get("KmsKeyId")


def _arn(named: str | None) -> str | None:
    """The key's ARN for an id, an alias or an ARN; AWS's own keys need no grant."""
    if not named or named.startswith("alias/aws/"):
        return None
    record = kms._resolve_key(named)
    return record["Arn"] if record else None


def _find_foreign_key_policies() -> None:
    original = kms.key_policy_for_arn

    def key_policy_for_arn(resource_arn: str) -> tuple[str, str] | None:
        account = resource_arn.split(":")[4] if resource_arn.count(":") >= 5 else get_account_id()
        with request_scope(account, REGION):
            return original(resource_arn)

    kms.key_policy_for_arn = key_policy_for_arn


def _note_what_a_request_says_of_its_object() -> None:
    original = iam_actions.s3_service_context

    def context(
        iam_action: str, query_params: dict | None, path: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        # An object may be encrypted with another key than its bucket's: one named when it was put.
        source = iam_actions._s3_source_object(dict(headers or {}))
        version = iam_actions._query_param(query_params or {}, "versionId")
        _request.set(ObjectRequest(source[1] if source else version or "", (headers or {}).get(_KEY_HEADER)))
        return dict(original(iam_action, query_params, path, headers))

    iam_actions.s3_service_context = context


def _ask_for_the_key() -> None:
    inner: Callable[..., Any] = iam_evaluator.enforce

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = inner(access_key_id, iam_action, service, region, resource_arn, service_context)
        if denied is not None or (access_key_id or "") not in sts._sessions:
            return denied
        for action, key in needed(iam_action, resource_arn):
            context = {
                "kms:ViaService": f"{iam_action.split(':')[0]}.{region}.amazonaws.com",
                "kms:CallerAccount": get_account_id(),
            }
            denied = inner(access_key_id, action, "kms", region, key, context)
            if denied is not None:
                return denied
        return None

    iam_evaluator.enforce = enforce


def _ask_for_the_queues_key() -> None:
    original = sqs.queue_policy_allows

    def queue_policy_allows(queue_arn: str, service: str, source_arn: str, source_account: str) -> bool:
        allowed = original(queue_arn, service, source_arn, source_account)
        return bool(allowed) and admits_service(queue_arn, service, source_arn, source_account)

    sqs.queue_policy_allows = queue_policy_allows


def admits_service(queue_arn: str, service: str, source_arn: str, source_account: str) -> bool:
    """Whether the key of an encrypted queue lets a service write to it for a source."""
    key = key_of("sqs", queue_arn)
    if key is None:
        return True
    policy, _ = kms.key_policy_for_arn(key) or ("", "")
    for action in SEND:
        context = iam_evaluator.EvalContext(
            principal_arn=service,
            principal_type="Service",
            principal_account=source_account,
            action=action,
            resource_arn=key,
            region=REGION,
            service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": source_account},
        )
        if iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision != "Allow":
            return False
    return True
