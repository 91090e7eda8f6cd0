"""The SQS event source mapping: whole batches, the batching window, partial batch responses."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import lambda_svc, sqs

from local.emulator import roles
from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT, REGION

logger = logging.getLogger("local.polling")

_SERVICE = "lambda.amazonaws.com"
_PAYLOAD_BYTES = 6 * 1024 * 1024
_RECORD_BYTES = 700
"""About what Lambda's envelope adds to a message."""


@dataclass
class Gathering:
    """Messages received for the next call; AWS holds them the same way, invisible to others."""

    messages: list[dict] = field(default_factory=list)
    size: int = 0
    since: float = 0.0


_gathering: dict[str, Gathering] = {}


def install() -> None:
    # The emulator takes ten messages a call and ignores the window, so that 300 files make 30 calls at once.
    # AWS gathers up to BatchSize (10,000 at most, or 6 MB) for MaximumBatchingWindowInSeconds, calls once, and
    # receives and deletes under the function's role.
    lambda_svc._poll_sqs = poll


def poll() -> bool:
    """Gathers for every mapping, and calls where a batch is due; True if one was."""
    called = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        if mapping.get("Enabled", True) and ":sqs:" in mapping.get("EventSourceArn", ""):
            with request_scope(account, region):
                called = _poll_mapping(mapping) or called
    return called


def _poll_mapping(mapping: dict) -> bool:
    function, config = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    queue_arn = mapping["EventSourceArn"]
    queue = sqs._queue_by_arn(queue_arn)
    uuid = mapping["UUID"]
    if function is None or queue is None or lambda_svc._esm_backoff_until.get(uuid, 0) > time.time():
        return False
    if lambda_svc._esm_inflight.get(uuid, 0) >= lambda_svc._sqs_esm_concurrency(mapping, function, config, queue):
        return False
    gathering = _gathering.setdefault(uuid, Gathering())
    try:
        full = _gather(gathering, mapping, queue, (config or {}).get("Role", ""))
    except roles.NotAuthorized as refused:
        mapping["LastProcessingResult"] = f"PROBLEM: {refused}"
        lambda_svc._esm_backoff_until[uuid] = time.time() + 5
        return False
    window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if not gathering.messages or not (full or time.monotonic() - gathering.since >= window):
        return False
    del _gathering[uuid]
    lambda_svc._dispatch_esm_batch(uuid, _call, mapping, function, config, queue, gathering.messages)
    return True


def _gather(gathering: Gathering, mapping: dict, queue: dict, role: str) -> bool:
    """Adds what the queue has now; True when no more fits."""
    room = min(int(mapping.get("BatchSize") or 10), 10_000) - len(gathering.messages)
    if not any(message.get("visible_at", 0) <= time.time() for message in list(queue["messages"])):
        return room <= 0
    queue_arn = mapping["EventSourceArn"]
    for action in ("sqs:ReceiveMessage", "sqs:GetQueueAttributes"):
        roles.authorize(role, _SERVICE, action, queue_arn)
    while room > 0 and gathering.size < _PAYLOAD_BYTES:
        received = _receive(queue, min(room, 10))
        if not received:
            return False
        if not gathering.messages:
            gathering.since = time.monotonic()
        gathering.messages += received
        gathering.size += sum(len(message["body"].encode()) + _RECORD_BYTES for message in received)
        room -= len(received)
    return True


def _receive(queue: dict, most: int) -> list[dict]:
    with sqs._queues_lock:
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        return sqs._collect_msgs(queue, most, int(queue["attributes"].get("VisibilityTimeout", "30")))


def redeliver(name_or_url: str) -> int:
    """Ends the visibility time-out of every message that a receiver has; how many there were.

    What is gathered for a call that has not been made yet is left alone: nobody has seen it.
    """
    gathered = {id(message) for gathering in _gathering.values() for message in gathering.messages}
    queues = _named(name_or_url)
    if not queues:
        raise KeyError(name_or_url)
    with sqs._queues_lock:
        now = time.time()
        ended = [
            message
            for queue in queues
            for message in queue["messages"]
            if message.get("receive_count") and message["visible_at"] > now and id(message) not in gathered
        ]
        for message in ended:
            message["visible_at"] = now
    return len(ended)


def _named(name_or_url: str) -> list[dict]:
    """The queue of a URL, or those of a name in either account."""
    account, _, name = name_or_url.rpartition("/")
    accounts = [account.rpartition("/")[2]] if account else [APPLICATION_ACCOUNT, DATA_ACCOUNT]
    found = [sqs._queue_by_arn(f"arn:aws:sqs:{REGION}:{account}:{name}") for account in accounts]
    return [queue for queue in found if queue is not None]


def record(message: dict, queue_arn: str, account: str) -> dict[str, Any]:
    """A message as a function gets it."""
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": {
            "ApproximateReceiveCount": str(message.get("receive_count", 1)),
            "SentTimestamp": str(int(message["sent_at"] * 1000)),
            "SenderId": (message.get("sys") or {}).get("SenderId") or account,
            "ApproximateFirstReceiveTimestamp": str(int((message.get("first_receive_at") or time.time()) * 1000)),
        },
        "messageAttributes": lambda_svc._sqs_message_attributes_to_camel_case(message.get("message_attributes", {})),
        "md5OfBody": message.get("md5_body") or message.get("md5") or "",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _call(mapping: dict, function: dict, config: dict, queue: dict, messages: list[dict]) -> None:
    queue_arn = mapping["EventSourceArn"]
    account = queue_arn.split(":")[4]
    # A message that is received again meanwhile gets a new handle, and the old one doesn't delete it any more.
    handles = {message["id"]: message["receipt_handle"] for message in messages}
    records = [record(message, queue_arn, account) for message in messages]
    records = lambda_svc._apply_filter_criteria(records, mapping)
    result = lambda_svc._execute_function(function, {"Records": records}) if records else {}
    failed = failures(mapping, result, set(handles))
    done = {handle for message_id, handle in handles.items() if message_id not in failed}
    if result.get("error"):
        lambda_svc._esm_backoff_until[mapping["UUID"]] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
    mapping["LastProcessingResult"] = f"OK - {len(done)} of {len(messages)} messages"
    logger.info("%s: %d messages, %d failed", mapping["FunctionName"], len(messages), len(failed))
    if done:
        try:
            roles.authorize((config or {}).get("Role", ""), _SERVICE, "sqs:DeleteMessage", queue_arn)
        except roles.NotAuthorized as refused:
            mapping["LastProcessingResult"] = f"PROBLEM: {refused}"
            return
        _delete(queue, done)


def failures(mapping: dict, result: dict, message_ids: set[str]) -> set[str]:
    """The messages that stay in the queue, by the rules for partial batch responses.

    An error fails the whole batch, and so does an answer with an unknown or empty item; an answer that names
    nothing, or `null`, fails none. Without ReportBatchItemFailures the answer is not read.
    """
    if result.get("error"):
        return set(message_ids)
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return set()
    answer = result.get("body")
    if isinstance(answer, (str, bytes)):
        try:
            answer = json.loads(answer or "null")
        except ValueError:
            return set(message_ids)
    if not isinstance(answer, dict):
        return set()
    named = answer.get("batchItemFailures") or []
    identifiers = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in named}
    return identifiers if identifiers <= message_ids else set(message_ids)


def _delete(queue: dict, receipt_handles: set[str]) -> None:
    with sqs._queues_lock:
        queue["messages"] = [m for m in queue["messages"] if m.get("receipt_handle") not in receipt_handles]
