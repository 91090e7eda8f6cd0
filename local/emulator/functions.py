"""Lambda: a log of invocations, asynchronous retries and destinations, and log writes under the function's role."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from typing import Any

from ministack.core.lambda_runtime import _account_region_from_function_config
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, lambda_svc

from local.emulator import queues, roles
from local.emulator.journal import Journal, now

logger = logging.getLogger("local.functions")

_SERVICE = "lambda.amazonaws.com"
_event = threading.local()  # the request id of the event that this thread delivers


def install(invocations: Journal) -> None:
    _log_invocations(invocations)
    _write_logs_under_the_role()
    lambda_svc.invoke_async_with_retry = invoke_async


def _log_invocations(invocations: Journal) -> None:
    original = lambda_svc._execute_function_dispatch

    def dispatch(func: dict, config: dict, event: dict, request_id: str, started: float) -> dict:
        # The emulator gives each attempt at an event an id of its own; with AWS they share one.
        request_id = getattr(_event, "request_id", request_id)
        result = original(func, config, event, request_id, started)
        failed = bool(result.get("error"))
        invocations.write(
            function=config.get("FunctionName"),
            request_id=request_id,
            ok=not failed,
            error=(result.get("body") if failed else None),
        )
        return result

    lambda_svc._execute_function_dispatch = dispatch


def _write_logs_under_the_role() -> None:
    original = lambda_svc._emit_lambda_logs

    def emit(func: dict, request_id: str, *args: Any, **kwargs: Any) -> None:
        # The emulator writes a function's log whatever its role may do. On AWS the role has to be allowed to.
        config = func.get("config") or func
        account, region = _account_region_from_function_config(config)
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
        if may_write_logs(config.get("Role", ""), _SERVICE, account, region, group, request_id):
            original(func, request_id, *args, **kwargs)

    lambda_svc._emit_lambda_logs = emit


def may_write_logs(role_arn: str, service: str, account: str, region: str, group: str, stream: str) -> bool:
    """Asks IAM for the two or three calls with which a service writes a log stream."""
    arn = f"arn:aws:logs:{region}:{account}:log-group:{group}"
    with request_scope(account, region):
        exists = group in cloudwatch_logs._log_groups
    try:
        if not exists:
            roles.authorize(role_arn, service, "logs:CreateLogGroup", arn)
        roles.authorize(role_arn, service, "logs:CreateLogStream", f"{arn}:log-stream:{stream}")
        roles.authorize(role_arn, service, "logs:PutLogEvents", f"{arn}:log-stream:{stream}")
    except roles.NotAuthorized as refused:
        logger.warning("log of %s is not written: %s", group, refused)
        return False
    return True


def invoke_async(func: dict, event: Any) -> None:
    """Calls a function as AWS does for an event: two retries unless configured, then its destination or queue."""
    # The emulator counts a throttled call as an attempt, so that a burst on a function with a reserved concurrency
    # of one loses events after three seconds. AWS keeps trying until the event is too old.
    threading.Thread(target=_deliver, args=(func, event), daemon=True, name="local-async-invoke").start()


def _deliver(func: dict, event: Any) -> None:
    config = func.get("config") or func
    settings = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    retries = settings.get("MaximumRetryAttempts")
    retries = 2 if retries is None else int(retries)
    oldest = time.monotonic() + int(settings.get("MaximumEventAgeInSeconds") or 21600)
    account, region = _account_region_from_function_config(config)
    _event.request_id = str(uuid.uuid4())
    attempts, pause, result = 0, lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS, {}
    with request_scope(account, region):
        while time.monotonic() < oldest:
            result = lambda_svc._execute_function(func, event)
            if not result.get("error"):
                return
            attempts += 0 if result.get("throttle") else 1
            if attempts > retries:
                break
            time.sleep(pause)
            pause = min(pause * 2, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS)
        _report_failure(config, settings, event, result, attempts)


def _report_failure(config: dict, settings: dict, event: Any, result: dict, attempts: int) -> None:
    """Sends the event on failure to the destination (with what happened) and to the queue (as it came)."""
    role = config.get("Role", "")
    destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    dead_letters = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    error = result.get("body") if isinstance(result.get("body"), dict) else {"errorMessage": str(result.get("body"))}
    envelope = {
        "version": "1.0",
        "timestamp": now(),
        "requestContext": {
            "functionArn": config.get("FunctionArn", ""),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": error,
    }
    attributes = {"ErrorCode": "200", "ErrorMessage": str((error or {}).get("errorMessage", ""))[:1024]}
    for target, body, extra in ((destination, json.dumps(envelope), {}), (dead_letters, json.dumps(event), attributes)):
        if not target:
            continue
        try:
            if target.split(":")[2] != "sqs":
                lambda_svc._route_async_failure(target, config.get("FunctionName", ""), event, result)
            else:
                queues.send_as_role(role, _SERVICE, target, body, extra)
        except queues.NotDelivered as lost:
            logger.error("failed event of %s is lost: %s", config.get("FunctionName"), lost)
