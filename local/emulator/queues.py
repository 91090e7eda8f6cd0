"""Messages that AWS services put into queues by themselves: under a role, or as a service that the queue admits."""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import sqs

from local.emulator import keys, roles
from local.settings import REGION


class NotDelivered(Exception):
    """The queue is missing, or does not admit the sender; `code` is what AWS reports."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def send_as_service(queue_arn: str, body: str, attributes: dict[str, str], service: str, source_arn: str) -> None:
    """Delivers as EventBridge or S3 do: the queue's own policy has to admit the service for this source."""
    queue = _queue(queue_arn)
    account = source_arn.split(":")[4]
    policy = queue["attributes"].get("Policy")
    if not admits(policy, service, "sqs:SendMessage", queue_arn, source_arn, account):
        raise NotDelivered("NO_PERMISSIONS", f"the policy of {queue_arn} does not admit {service} for {source_arn}")
    if not keys.admits_service(queue_arn, service, source_arn, account):
        raise NotDelivered("NO_PERMISSIONS", f"the key of {queue_arn} does not admit {service} for {source_arn}")
    _send(queue_arn, body, attributes)


def send_as_role(role_arn: str, service: str, queue_arn: str, body: str, attributes: dict[str, str]) -> None:
    """Delivers in the name of a role that the service holds."""
    _queue(queue_arn)
    try:
        roles.authorize(role_arn, service, "sqs:SendMessage", queue_arn)
    except roles.NotAuthorized as refused:
        raise NotDelivered("NO_PERMISSIONS", str(refused)) from refused
    _send(queue_arn, body, attributes)


def admits(
    policy: str | dict | None, service: str, action: str, resource: str, source_arn: str, source_account: str
) -> bool:
    """Whether a resource's policy lets a service principal act for a source."""
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=source_account,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": source_account},
    )
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"


def _queue(queue_arn: str) -> dict[str, Any]:
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        raise NotDelivered("RESOURCE_NOT_FOUND", f"there is no queue {queue_arn}")
    return queue


def _send(queue_arn: str, body: str, attributes: dict[str, str]) -> None:
    account, name = queue_arn.split(":")[4:6]
    with request_scope(account, REGION):
        sqs._act_send_message(
            {
                "QueueUrl": sqs._queue_url(name),
                "MessageBody": body,
                "MessageAttributes": {
                    key: {"DataType": "String", "StringValue": value} for key, value in attributes.items() if value
                },
            },
            sqs._queue_url(name),
        )


def text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)
