"""Moving the messages of a dead-letter queue, which the emulator doesn't know: StartMessageMoveTask and its list."""

from __future__ import annotations

import json
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.router import extract_access_key_id
from ministack.services import sqs

from local.emulator.roles import signed_by_the_service
from local.settings import REGION

_access_key: ContextVar[str] = ContextVar("access_key_of_a_call_to_sqs", default="")


@dataclass(frozen=True)
class Task:
    """A move that is over: there is nothing between its beginning and its end here."""

    handle: str
    source: str
    destination: str | None
    moved: int
    started_at: float


_tasks: list[Task] = []


def install() -> None:
    _remember_who_calls()
    _name_the_queue_that_is_moved()
    sqs._HANDLERS["StartMessageMoveTask"] = start
    sqs._HANDLERS["ListMessageMoveTasks"] = tasks


def start(request: dict[str, Any], _url: str) -> dict[str, Any]:
    """Moves all messages that nobody has, with what the caller may do on both queues."""
    source_arn, destination_arn = request.get("SourceArn", ""), request.get("DestinationArn")
    source = _queue(source_arn)
    if not _fed_by_queues(source_arn):
        raise sqs._Err("AWS.SimpleQueueService.UnsupportedOperation", "Source queue must be configured as a DLQ.", 400)
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
        _authorize(action, source_arn)
    now = time.time()
    with sqs._queues_lock:
        free = [message for message in source["messages"] if message["visible_at"] <= now]
        for message in free:
            arn = destination_arn or (message.get("sys") or {}).get("DeadLetterQueueSourceArn", "")
            target = _queue(arn)
            _authorize("sqs:SendMessage", arn)
            _move(message, source, target, now)
    task = Task(uuid.uuid4().hex, source_arn, destination_arn, len(free), now)
    _tasks.append(task)
    sqs.esm_wake.set()
    return {"TaskHandle": task.handle}


def tasks(request: dict[str, Any], _url: str) -> dict[str, Any]:
    """The last moves of a queue, the newest first."""
    source_arn = request.get("SourceArn", "")
    _queue(source_arn)
    known = [task for task in reversed(_tasks) if task.source == source_arn]
    return {"Results": [_told(task) for task in known[: int(request.get("MaxResults") or 1)]]}


def _told(task: Task) -> dict[str, Any]:
    told = {
        "Status": "COMPLETED",
        "SourceArn": task.source,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.moved,
        "StartedTimestamp": int(task.started_at * 1000),
    }
    return told | ({"DestinationArn": task.destination} if task.destination else {})


def _move(message: dict[str, Any], source: dict[str, Any], target: dict[str, Any], now: float) -> None:
    """As SQS does: a new message for the target's consumers, who get it as often as any other."""
    source["messages"].remove(message)
    moved = {**message, "receipt_handle": None, "visible_at": now, "receive_count": 0, "first_receive_at": None}
    target["messages"].append(moved)


def _fed_by_queues(arn: str) -> bool:
    """Whether a queue names this one in its redrive policy."""
    policies = (queue["attributes"].get("RedrivePolicy") for queue in sqs._queues._data.values())
    return any(policy and json.loads(policy).get("deadLetterTargetArn") == arn for policy in policies)


def _queue(arn: str) -> dict[str, Any]:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise sqs._Err("ResourceNotFoundException", f"there is no queue {arn!r}", 404)
    return queue


def _authorize(action: str, arn: str) -> None:
    with signed_by_the_service():
        denied = iam_evaluator.enforce(_access_key.get(), action, "sqs", REGION, resource_arn=arn)
    if denied is not None:
        raise sqs._Err("AccessDenied", f"not authorized to perform {action} on {arn}", 403)


def _remember_who_calls() -> None:
    original = sqs.handle_request

    async def handle(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> tuple:
        _access_key.set(extract_access_key_id(headers, query_params))
        return await original(method, path, headers, body, query_params)

    sqs.handle_request = handle


def _name_the_queue_that_is_moved() -> None:
    original = iam_actions.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: dict, body: bytes, *rest: Any) -> str:
        if service == "sqs" and headers.get("x-amz-target", "").endswith(("MessageMoveTask", "MessageMoveTasks")):
            return _source(body)
        return original(service, method, path, headers, body, *rest)

    iam_actions.extract_resource_arn = extract


def _source(body: bytes) -> str:
    try:
        return str(json.loads(body or b"{}").get("SourceArn") or "*")
    except ValueError:
        return "*"
