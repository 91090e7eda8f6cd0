"""The week's Friday that never comes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.faults.kills import ticks_until
from tests.faults.lab import Lab
from tests.faults.registry import case

MINUTE, LONG_AGO = timedelta(minutes=1), timedelta(days=8)


@case(6, "the Friday run that never came", seed=611)
def never_came(lab: Lab) -> None:
    """The schedule starts nothing, and the case doesn't either: what ran is reconcile's."""
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")
    for run in lab.all_ingested().runs:
        if run["run_id"] in lab.runs(1, "SUCCEEDED"):
            waiting_since_last_week(lab, run["run_id"])
    assert lab.runs(2, "STARTING", "RUNNING", "SUCCEEDED") == []
    with missed(lab, first_minute_without_run(lab)):
        ticks_until(lab, "Glue 2 run of reconcile's", lambda: bool(lab.runs(2, "SUCCEEDED")))
    runs = {run["run_id"]: run.get("started_by") for run in lab.look().runs}
    found = {run_id: runs.get(run_id) for run_id in lab.runs(2, "SUCCEEDED")}
    assert list(found.values()) == ["reconcile"], f"Glue 2 was started by {found}"


def waiting_since_last_week(lab: Lab, run_id: str) -> None:
    """Stamps the marker by which a committed Glue 1 run asks for Glue 2 with a time before the last Friday."""
    pk = f"RUN#1#{run_id}"
    digest = hashlib.sha256(pk.encode()).hexdigest()
    key = {"pk": {"S": f"OPEN#2#{digest[0]}"}, "sk": {"S": digest}}
    stamped = (datetime.now(UTC) - LONG_AGO).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lab.dynamodb.put_item(
        TableName=lab.outputs["ledger_table"],
        Item=key | {"item": {"S": pk}, "at": {"S": stamped}},
        ConditionExpression="attribute_exists(pk)",
    )
    lab.injected += 1


def first_minute_without_run(lab: Lab) -> datetime:
    """The first full minute after the last start of Glue 2: earlier cases have had runs since the real Friday."""
    newest = lab.glue.get_job_runs(JobName=lab.job(2), MaxResults=1)["JobRuns"]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    last = max([yesterday, *(run["StartedOn"].astimezone(UTC) for run in newest)])
    return last.replace(second=0, microsecond=0) + MINUTE


@contextmanager
def missed(lab: Lab, moment: datetime) -> Iterator[None]:
    """For reconcile, the week's run is due at this moment; nobody else knows of it."""
    name = lab.outputs["functions"]["reconcile"]
    before = lab.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    due = {
        "CLASSIFY_ENABLED": "true",
        "CLASSIFY_WEEKDAY": moment.strftime("%a").upper(),
        "CLASSIFY_TIME": moment.strftime("%H:%M"),
        "CLASSIFY_TIMEZONE": "UTC",
    }
    lab.functions.update_function_configuration(FunctionName=name, Environment={"Variables": before | due})
    try:
        yield
    finally:
        lab.functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})
