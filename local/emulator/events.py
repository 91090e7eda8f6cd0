"""EventBridge: who may be called, asynchronous calls with retries, dead letters, and Glue's own events."""

from __future__ import annotations

import json
import logging
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc

from local.emulator import queues
from local.settings import REGION

logger = logging.getLogger("local.events")

_SERVICE = "events.amazonaws.com"


def install() -> None:
    original = eventbridge._invoke_target

    def invoke_target(target: dict, event: dict, rule: dict, view: Any = None) -> None:
        # The emulator calls any function once, whatever its policy says, forgets a failure, and knows no dead letters.
        # AWS asks the policy of the target, calls functions asynchronously (with retries), and sends what it
        # cannot deliver to the target's own queue.
        if rule.get("Arn", "").split(":")[2:3] != ["events"]:
            return original(target, event, rule, view)
        view = view or eventbridge._pattern_event_view(event)
        payload = target_payload(target, rule, view)
        try:
            service = parse_arn(target.get("Arn", "")).service
        except ArnParseError:
            service = ""
        try:
            if service == "lambda":
                _call_function(target["Arn"], payload, rule["Arn"])
            elif service == "sqs":
                queues.send_as_service(target["Arn"], payload, {}, _SERVICE, rule["Arn"])
            else:
                return original(target, event, rule, view)
        except queues.NotDelivered as failed:
            logger.warning("rule %s: %s", rule.get("Name"), failed)
            _bury(target, payload, rule["Arn"], failed)
        return None

    eventbridge._invoke_target = invoke_target


def target_payload(target: dict, rule: dict, view: Any) -> str:
    """What the target gets: the event, or what its input settings make of it."""
    if target.get("InputTransformer"):
        return eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)
    if target.get("Input"):
        return target["Input"]
    value = view.event_with_detail()
    for part in (target.get("InputPath") or "").strip("$.").split("."):
        if part and isinstance(value, dict):
            value = value.get(part, {})
    return json.dumps(value)


def _call_function(function_arn: str, payload: str, rule_arn: str) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function or not config:
        raise queues.NotDelivered("RESOURCE_NOT_FOUND", f"there is no function {name}")
    policy, _ = lambda_svc.function_policy_for_arn(function_arn) or (None, None)
    if not queues.admits(policy, _SERVICE, "lambda:InvokeFunction", function_arn, rule_arn, rule_arn.split(":")[4]):
        raise queues.NotDelivered("NO_PERMISSIONS", f"the policy of {name} does not admit {_SERVICE} for {rule_arn}")
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _bury(target: dict, payload: str, rule_arn: str, failed: queues.NotDelivered) -> None:
    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead_letters:
        return
    attributes = {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": failed.code,
        "ERROR_MESSAGE": str(failed),
        "RETRY_ATTEMPTS": "0",
    }
    try:
        queues.send_as_service(dead_letters, payload, attributes, _SERVICE, rule_arn)
    except queues.NotDelivered as lost:
        logger.error("dead letter of %s is lost: %s", rule_arn, lost)


def emit_from_aws(account: str, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    """Puts an event of an AWS service on the account's default bus; PutEvents itself refuses such sources."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    with request_scope(account, REGION):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
