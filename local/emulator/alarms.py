"""CloudWatch alarms: read back as they were written."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

_TEXTS = (
    "AlarmName",
    "AlarmArn",
    "AlarmDescription",
    "StateValue",
    "StateReason",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def install() -> None:
    describe, put = cloudwatch._describe_alarms, cloudwatch._put_metric_alarm

    def describe_alarms(params: dict, data: Any, is_cbor: bool, is_json: bool = False) -> tuple:
        # In the Query protocol, which Terraform's provider speaks, the emulator answers with half of an alarm: no
        # actions, dimensions, period or statistic. Each `terraform plan` would want to change every alarm.
        if is_cbor or is_json:
            return describe(params, data, is_cbor, is_json)
        status, headers, body = describe(params, _query(params), False, True)
        if status != 200:
            return describe(params, data, is_cbor, is_json)
        answer = json.loads(body)
        metric = "".join(_member(alarm) for alarm in answer["MetricAlarms"])
        token = f"<NextToken>{escape(answer['NextToken'])}</NextToken>" if answer.get("NextToken") else ""
        result = f"<MetricAlarms>{metric}</MetricAlarms><CompositeAlarms></CompositeAlarms>{token}"
        wrapped = f"<DescribeAlarmsResult>{result}</DescribeAlarmsResult>"
        return cloudwatch._xml(200, "DescribeAlarmsResponse", wrapped)

    def put_metric_alarm(params: dict, data: Any, is_cbor: bool, is_json: bool = False) -> tuple:
        # The Query protocol's InsufficientDataActions are dropped.
        answer = put(params, data, is_cbor, is_json)
        alarm = cloudwatch._alarms.get(cloudwatch._p(params, "AlarmName")) if not (is_cbor or is_json) else None
        if alarm is not None:
            alarm["InsufficientDataActions"] = _members(params, "InsufficientDataActions")
        return answer

    cloudwatch._describe_alarms, cloudwatch._put_metric_alarm = describe_alarms, put_metric_alarm


def _members(params: dict, name: str) -> list[str]:
    found = (cloudwatch._p(params, f"{name}.member.{number}") for number in range(1, 101))
    return [value for value in found if value]


def _query(params: dict) -> dict[str, Any]:
    """A Query request as the JSON protocol would carry it."""
    data: dict[str, Any] = {"AlarmNames": _members(params, "AlarmNames"), "AlarmTypes": _members(params, "AlarmTypes")}
    for name in ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken"):
        if cloudwatch._p(params, name):
            data[name] = cloudwatch._p(params, name)
    return data


def _member(alarm: dict[str, Any]) -> str:
    parts = [f"<{name}>{escape(str(alarm[name]))}</{name}>" for name in _TEXTS if alarm.get(name) not in (None, "")]
    parts.append(f"<ActionsEnabled>{str(bool(alarm.get('ActionsEnabled', True))).lower()}</ActionsEnabled>")
    for name in _ACTIONS:
        actions = "".join(f"<member>{escape(action)}</member>" for action in alarm.get(name) or [])
        parts.append(f"<{name}>{actions}</{name}>")
    dimensions = "".join(
        f"<member><Name>{escape(d['Name'])}</Name><Value>{escape(d['Value'])}</Value></member>"
        for d in alarm.get("Dimensions") or []
    )
    parts.append(f"<Dimensions>{dimensions}</Dimensions>")
    return f"<member>{''.join(parts)}</member>"
