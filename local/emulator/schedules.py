"""EventBridge Scheduler: time zones, universal targets under the schedule's role, retries, dead letters."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from ministack.services import eventbridge, scheduler

from local.emulator import queues, roles
from local.settings import Instance

logger = logging.getLogger("local.schedules")

_SERVICE = "scheduler.amazonaws.com"
_UNIVERSAL = re.compile(r"^arn:aws:scheduler:::aws-sdk:(?P<service>[a-z0-9-]+):(?P<operation>\w+)$")
_NOT_RETRIED = ("AccessDenied", "Validation", "EntityNotFound", "InvalidInput", "NotAuthorized", "ParamValidation")
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Attempt:
    """One execution of a target; `error` is None when it was accepted."""

    response: Any = None
    error: str | None = None
    message: str = ""


def install(instance: Instance) -> None:
    # The emulator reads every cron expression as UTC, runs no `aws-sdk:` target, no retry and no dead letter.
    scheduler._tick_schedules = lambda: tick(instance)


def tick(instance: Instance) -> None:
    """Starts each enabled schedule that is due; called by the emulator's own clock thread."""
    for key, schedule in list(scheduler._schedules._data.items()):
        if schedule.get("State") != "ENABLED":
            continue
        due = next_time(schedule, scheduler._schedule_last_fired.get(key))
        if due is None:
            scheduler._schedule_last_fired.setdefault(key, time.time())
        elif due <= time.time():
            scheduler._schedule_last_fired[key] = time.time()
            threading.Thread(target=execute, args=(instance, schedule, due), daemon=True).start()


def next_time(schedule: dict, last: float | None) -> float | None:
    """When the schedule is due next after `last` (its creation for a rate), as seconds of the epoch."""
    expression = schedule.get("ScheduleExpression", "")
    once = scheduler._at_time_epoch(expression)
    if once is not None:
        return None if last is not None else once
    every = eventbridge._parse_rate_seconds(expression)
    if every is not None:
        return (last or schedule.get("CreationDate", time.time())) + every
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None or last is None:
        return None
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    # The emulator's search works on wall clock times, so it is given those of the zone.
    wall = datetime.fromtimestamp(last, zone).replace(tzinfo=UTC)
    found = eventbridge._cron_next_fire(fields, wall)
    return found.replace(tzinfo=zone).timestamp() if found else None


def fire(instance: Instance, name: str) -> dict[str, Any]:
    """Runs a schedule's target now, as the schedule would; the answer says what the first attempt gave."""
    found = [s for s in scheduler._schedules._data.values() if name in (s["Name"], f"{s['GroupName']}/{s['Name']}")]
    if not found:
        raise KeyError(name)
    first = execute(instance, found[0], time.time(), in_background=True)
    return {"schedule": found[0]["Arn"], "response": first.response, "error": first.error, "message": first.message}


def execute(instance: Instance, schedule: dict, scheduled: float, in_background: bool = False) -> Attempt:
    """Calls the target until it accepts, the retries are used up or the event is too old; then the dead letter."""
    policy = schedule["Target"].get("RetryPolicy") or {}
    state = {
        "retries": int(policy.get("MaximumRetryAttempts", 185)),
        "until": time.time() + int(policy.get("MaximumEventAgeInSeconds", 86400)),
    }
    first = attempt(instance, schedule, scheduled)
    if first.error is None:
        return first
    rest = threading.Thread(target=_go_on, args=(instance, schedule, scheduled, first, state), daemon=True)
    rest.start()
    if not in_background:
        rest.join()
    return first


def _go_on(instance: Instance, schedule: dict, scheduled: float, last: Attempt, state: dict[str, Any]) -> None:
    pause, retried = _FIRST_PAUSE_SECONDS, 0
    while last.error and not last.error.startswith(_NOT_RETRIED):
        if retried >= state["retries"] or time.time() + pause > state["until"]:
            break
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        retried += 1
        last = attempt(instance, schedule, scheduled)
    if last.error:
        _bury(schedule, scheduled, last, retried, "MaximumRetryAttempts" if retried >= state["retries"] else "")


def attempt(instance: Instance, schedule: dict, scheduled: float) -> Attempt:
    """Calls the target once, under the schedule's role."""
    target = schedule["Target"]
    execution = str(uuid.uuid4())
    payload = with_context(target.get("Input") or "{}", schedule, scheduled, execution)
    universal = _UNIVERSAL.match(target["Arn"])
    try:
        session = roles.assume(target["RoleArn"], _SERVICE, execution.replace("-", "")[:32])
        if universal:
            response = _call(session, instance, universal["service"], universal["operation"], json.loads(payload))
        elif target["Arn"].split(":")[2] == "lambda":
            request = {"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": payload.encode()}
            response = _call(session, instance, "lambda", "invoke", request)
        elif target["Arn"].split(":")[2] == "sqs":
            queues.send_as_role(target["RoleArn"], _SERVICE, target["Arn"], payload, {})
            response = {}
        else:
            return Attempt(error="ValidationException", message=f"no such target here: {target['Arn']}")
    except ClientError as refused:
        return Attempt(error=refused.response["Error"]["Code"], message=refused.response["Error"]["Message"])
    except (roles.NotAuthorized, queues.NotDelivered) as refused:
        return Attempt(error="AccessDeniedException", message=str(refused))
    except (BotoCoreError, ValueError) as failed:
        return Attempt(error=type(failed).__name__.replace("Error", ""), message=str(failed))
    return Attempt(response=response)


def _call(session: roles.Session, instance: Instance, service: str, operation: str, request: dict) -> Any:
    client = session.client({"sfn": "stepfunctions"}.get(service, service), instance)
    response = getattr(client, xform_name(operation))(**request)
    response.pop("ResponseMetadata", None)
    return {key: value for key, value in response.items() if isinstance(value, (str, int, float, bool))}


def with_context(text: str, schedule: dict, scheduled: float, execution: str) -> str:
    """Replaces the context attributes that Scheduler knows."""
    at = datetime.fromtimestamp(scheduled, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, value in (
        ("schedule-arn", schedule.get("Arn", "")),
        ("scheduled-time", at),
        ("execution-id", execution),
        ("attempt-number", "1"),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _bury(schedule: dict, scheduled: float, last: Attempt, retried: int, exhausted: str) -> None:
    target = schedule["Target"]
    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead_letters:
        return
    attributes = {
        "SCHEDULE_ARN": schedule["Arn"],
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": last.error or "",
        "ERROR_MESSAGE": last.message[:1024],
        "RETRY_ATTEMPTS": str(retried),
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "SCHEDULED_TIME": datetime.fromtimestamp(scheduled, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    body = with_context(target.get("Input") or "{}", schedule, scheduled, "")
    try:
        queues.send_as_role(target["RoleArn"], _SERVICE, dead_letters, body, attributes)
    except (queues.NotDelivered, roles.NotAuthorized) as lost:
        logger.error("dead letter of %s is lost: %s", schedule["Name"], lost)
