"""Those who are told are away: ServiceNow, SNS. An alarm is never lost, and a run has one incident."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.evidence import CORRELATION
from tests.faults.lab import Lab
from tests.faults.registry import case

FUNCTION = "success-fail-event"
#: The SDK tries a request three times, and Lambda an event as often.
ALL_RETRIES = 9


def failed_run(lab: Lab) -> str:
    """A Glue 1 run that failed; the next one does its work."""
    lab.order(1, "fail")
    lab.land_some(files=2)
    lab.reach(1, "FAILED")
    return lab.runs(1, "FAILED")[0]


def incidents(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    wanted = CORRELATION + run_id
    return [entry for entry in lab.journal("incidents") if entry["correlation_id"] == wanted]


def alerts(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    return [alert for alert in lab.alerts() if run_id in alert["message"]]


def mails(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    return [mail for mail in lab.mails() if run_id in mail["message"]]


def failing_calls(lab: Lab, number: int) -> None:
    """Waits until the function has failed so often since the case began."""
    before = len(failures(lab))
    lab.wait("failing call", lambda: len(failures(lab)) >= before + number)


def failures(lab: Lab) -> list[dict[str, Any]]:
    name = lab.outputs["functions"][FUNCTION]
    return [entry for entry in lab.journal("invocations") if entry["function"] == name and not entry["ok"]]


def desk(lab: Lab, mode: str) -> None:
    """The operators get one alert; there is one incident as soon as ServiceNow can be told."""
    lab.service_desk(mode)
    lab.injected += 1
    run_id = failed_run(lab)
    lab.wait("alert", lambda: alerts(lab, run_id))
    failing_calls(lab, 1)
    assert incidents(lab, run_id) == []
    lab.service_desk("ok")
    lab.rest()
    assert len(incidents(lab, run_id)) == 1, "one run, one incident"
    assert len(alerts(lab, run_id)) == 1, "one run, one alert"


@case(9, "ServiceNow is down", seed=901, quick=True)
def down(lab: Lab) -> None:
    desk(lab, "down")


@case(9, "ServiceNow is too slow", seed=902)
def slow(lab: Lab) -> None:
    desk(lab, "slow")


@case(9, "ServiceNow refuses the password", seed=903)
def unauthorized(lab: Lab) -> None:
    desk(lab, "401")


@case(9, "ServiceNow limits requests", seed=904)
def limited(lab: Lab) -> None:
    desk(lab, "429")


@case(9, "ServiceNow answers with a page of HTML", seed=905)
def hibernating(lab: Lab) -> None:
    """Its status is 200 all the same."""
    desk(lab, "html")


@case(9, "three learn of a failed run at once", seed=906)
def three_at_once(lab: Lab) -> None:
    """ServiceNow takes its time, so each would find no incident and raise one; the lease lets one of them."""
    lab.service_desk("slow", seconds=3)
    run_id = failed_run(lab)
    with ThreadPoolExecutor(3) as callers:
        list(callers.map(lambda _: lab.state_change(1, run_id, "FAILED"), range(3)))
    lab.rest()
    assert len(incidents(lab, run_id)) == 1, "one run, one incident"


@case(9, "SNS is throttled when a mail is due", seed=907)
def throttled_mail(lab: Lab) -> None:
    """Through all retries of the SDK and of Lambda; reconcile finds the run that nobody was told of."""
    publish = throttle(lab)
    lab.land_some(files=2)
    [run_id, *_] = lab.committed(1)
    lab.wait("end of the retries", lambda: lab.edge.status()[publish]["injected"] >= ALL_RETRIES)
    assert mails(lab, run_id) == []
    lab.stop_faults()
    lab.rest()
    assert len(mails(lab, run_id)) == 1


@case(9, "SNS is throttled while ServiceNow is down", seed=908)
def throttled_alert(lab: Lab) -> None:
    """Neither way is open: the alarm waits for the first that opens, and then for the other."""
    publish = throttle(lab)
    lab.service_desk("down")
    run_id = failed_run(lab)
    lab.wait("end of the retries", lambda: lab.edge.status()[publish]["injected"] >= ALL_RETRIES)
    assert alerts(lab, run_id) == [] and incidents(lab, run_id) == []
    lab.injected += lab.edge.clear()

    def alerted() -> list[dict[str, Any]]:
        lab.tick()
        return alerts(lab, run_id)

    lab.wait("alert", alerted)
    assert incidents(lab, run_id) == []
    lab.service_desk("ok")
    lab.rest()
    assert len(incidents(lab, run_id)) == 1, "one run, one incident"


def throttle(lab: Lab) -> str:
    rule = {"role": lab.outputs["roles"][FUNCTION], "action": "sns:Publish", "times": None}
    return lab.edge.inject("error", status=400, code="Throttling", **rule)
