"""Every function and job killed between any two of its steps.

What a step has written stays, whoever made it is gone without a word, and what calls it next finds half of the work.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from tests.faults.kills import Kill, failed_calls, struck, ticks_until
from tests.faults.lab import Lab
from tests.faults.registry import case

GET, PUT, UPDATE, DELETE = (f"dynamodb:{name}Item" for name in ("Get", "Put", "Update", "Delete"))
START = "glue:StartJobRun"
CORRELATION = "tui-etl-dev-"

KilledAct = Callable[[Lab, Kill], None]


def work(lab: Lab) -> None:
    """Something to do for every stage, keyed and not."""
    lab.land_some(files=4)
    lab.land_some(files=2, dataset="d_keyed")


# --- copy-prefix: read, marker, item, dead letter, start, answer ---

COPY_PREFIX = {
    "after it has read the ledger": Kill("dynamodb:BatchGetItem"),
    "between markers": Kill(PUT, "OPEN#1", after=2),
    "between a file's marker and its item": Kill(PUT, "landed_at", made=False),
    "between items": Kill(PUT, "landed_at", after=2),
    "between a dead letter and its acknowledgement": Kill("sqs:SendMessage"),
    "before the start of Glue 1": Kill(START, made=False),
    "between the start of Glue 1 and the acknowledgement": Kill(START),
}


def copy_prefix_killed(lab: Lab, kill: Kill) -> None:
    """Its messages are not acknowledged, and so come again."""
    before = failed_calls(lab, "copy-prefix")
    rule = kill.arm(lab, "copy-prefix")
    work(lab)
    lab.send_hopeless("no JSON at all")
    lab.wait("killed copy-prefix", lambda: struck(lab, rule) and failed_calls(lab, "copy-prefix") > before)
    lab.edge.redeliver(lab.outputs["queue_url"])
    lab.all_ingested()


FOR_GOOD = {
    "between a file's marker and its item, its messages lost": Kill(PUT, "landed_at", made=False),
    "between items, its messages lost": Kill(PUT, "landed_at", after=2),
    "before the start of Glue 1, its messages lost": Kill(START, made=False),
}


def copy_prefix_killed_for_good(lab: Lab, kill: Kill) -> None:
    """Its messages never come again: what is half taken in is completed by reconcile or the next run."""
    rule = kill.arm(lab, "copy-prefix")
    before = failed_calls(lab, "copy-prefix")
    work(lab)
    lab.wait("killed copy-prefix", lambda: struck(lab, rule) and failed_calls(lab, "copy-prefix") > before)
    lab.sqs.purge_queue(QueueUrl=lab.outputs["queue_url"])


# --- clean-prefix: run, manifests, deletions, cleaned ---

CLEAN_PREFIX = {
    "after it has read the run": Kill(GET, "RUN#2"),
    "after it has read the run's manifest": Kill("s3:GetObject", resource="*/manifests/*"),
    "after it has read the ingest runs": Kill("dynamodb:BatchGetItem", "RUN#1"),
    "before it deletes": Kill("s3:DeleteObject", made=False),
    "after it has deleted": Kill("s3:DeleteObject"),
    "after it has said that it cleaned": Kill(UPDATE, "cleaned_at"),
}

# --- optimization-trigger: run, start, answer ---

OPTIMIZATION_TRIGGER = {
    "after it has read the run": Kill(GET, "RUN#2"),
    "before the start of Glue 3": Kill(START, made=False),
    "between the start of Glue 3 and its answer": Kill(START),
}


def weekly(crate: str) -> KilledAct:
    """Kills a function that the end of a Glue 2 run calls."""

    def act(lab: Lab, kill: Kill) -> None:
        rule = kill.arm(lab, crate)
        work(lab)
        lab.rest()
        assert struck(lab, rule), f"no {crate} was killed"

    return act


# --- success-fail-event: run, lease, mail or ticket, told ---

MAIL = {
    "after it has read the run": Kill(GET, "RUN#"),
    "between its lease and the mail": Kill(UPDATE, "telling_at"),
    "after it has read the report": Kill("s3:GetObject", resource="*/reports/*"),
    "before the mail": Kill("sns:Publish", resource="{notifications}", made=False),
    "between the mail and told": Kill("sns:Publish", resource="{notifications}"),
    "after told": Kill(UPDATE, "SET told_at"),
}
TICKET = {
    "between writing that the run never started and the lease": Kill(PUT, "NEVER_STARTED"),
    "between the ticket and told": Kill(UPDATE, "SET told_at", made=False),
}
CREDENTIALS = {
    "between the credentials and the ticket": Kill("secretsmanager:GetSecretValue"),
}
ALERT = {
    "between the alert and its record": Kill("sns:Publish", resource="{alerts}"),
    "between the alert's record and the release of its lease": Kill(UPDATE, "alerted_at"),
    "after the release of its lease": Kill(UPDATE, "REMOVE telling_at"),
}


def ticket(lab: Lab, kill: Kill) -> None:
    """There is one ticket in the end, however often it was tried to open it."""
    rule = kill.arm(lab, "success-fail-event")
    lab.order(1, "fail")
    work(lab)
    lab.rest()
    assert struck(lab, rule), "no success-fail-event was killed"
    failed = [f"{CORRELATION}{run_id}" for run_id in lab.runs(1, "FAILED")]
    told = [entry["correlation_id"] for entry in lab.journal("incidents") if entry["correlation_id"] in failed]
    assert sorted(told) == sorted(failed), f"{len(told)} tickets for {len(failed)} failed runs"


def desk(mode: str) -> KilledAct:
    """ServiceNow is out of order; when it no longer is, the ticket comes. Refused credentials are read anew."""

    def act(lab: Lab, kill: Kill) -> None:
        rule = kill.arm(lab, "success-fail-event")
        lab.service_desk(mode)
        lab.order(1, "fail")
        work(lab)
        lab.wait("killed success-fail-event", lambda: struck(lab, rule))
        lab.service_desk("ok")
        lab.rest()

    return act


# --- reconcile: settle, resend, drop, start, listing ---

RECONCILE = {
    "between the marker and the item of a file that no event brought": Kill(PUT, "OPEN#1"),
    "between that item and the listing's cursor": Kill(PUT, "landed_at"),
    "after the listing's cursor": Kill(PUT, "CURSOR#"),
    "after it has asked Glue": Kill("glue:GetJobRuns"),
    "after it has read the markers": Kill("dynamodb:Query", "OPEN#"),
    "before it settles a run": Kill(UPDATE, ":void", made=False),
    "after it has settled a run": Kill(UPDATE, ":void"),
    "after it has settled a run that never started": Kill(PUT, "NEVER_STARTED"),
    "before it sends an event again": Kill("events:PutEvents", made=False),
    "after it has sent an event again": Kill("events:PutEvents"),
    "before it drops a marker": Kill(DELETE, "OPEN#", made=False),
    "after it has dropped a marker": Kill(DELETE, "OPEN#"),
    "after it has said up to when every run is settled": Kill(UPDATE, "settled_before"),
    "before it starts a run": Kill(START, made=False),
    "between the start of a run and its answer": Kill(START),
}


def reconcile_killed(lab: Lab, kill: Kill) -> None:
    """It has to do all that it can have to: files without events, a run that died, one that vanished, no start."""
    # It says only every few hours up to when every run is settled; forgotten, it has to say so again.
    forgotten = {"pk": {"S": "CURSOR#runs#1"}, "sk": {"S": "ITEM"}}
    lab.dynamodb.delete_item(TableName=lab.outputs["ledger_table"], Key=forgotten)
    rule = kill.arm(lab, "reconcile")
    # Whoever tells of a run settles it, too; and leaves that to reconcile if it can't.
    teller = lab.outputs["roles"]["success-fail-event"]
    lab.edge.inject(
        "error", role=teller, action=UPDATE, body=":void", times=None, status=500, code="InternalServerError"
    )
    # Not told by the run itself, and so VOID by reconcile's hand: its marker for Glue 2 stands for nothing then.
    Kill(UPDATE, ":committed", made=False).arm(lab, "ingest")
    lab.land_some(files=2)
    lab.reach(1, "FAILED")
    lab.order(1, "refuse")
    lab.order(1, "vanish")
    lab.land_some(files=2, dataset="d_keyed")
    with lab.without_events():
        lab.land_some(files=2)
    ticks_until(lab, "killed reconcile", lambda: struck(lab, rule))


# --- the jobs: STARTED, take, write, manifest, report, next marker, commit, drop ---

STATE = "*:{state}/"
HALF = "the job's own output"
OUTPUT = {
    "ingest": "*:{raw}/tui/legacy/temp/*",
    "classify": "*:grp2-raw-tui-*",
    "conform": "*:{conformed}/*",
}
JOBS: dict[str, Kill] = {
    "after it is STARTED": Kill(PUT, "STARTED"),
    "after it has taken its first item": Kill(UPDATE, "SET assigned_to"),
    "after half its output": Kill("s3:PutObject", resource=HALF, after=1),
    "after all its output, before its manifest": Kill("s3:PutObject", resource=STATE + "manifests/*", made=False),
    "between its manifest and its report": Kill("s3:PutObject", resource=STATE + "manifests/*"),
    "between its report and the next stage's marker": Kill("s3:PutObject", resource=STATE + "reports/*"),
    "between the next stage's marker and its commit": Kill(UPDATE, ":committed", made=False),
    "between its commit and dropping markers": Kill(UPDATE, ":committed"),
    "after it has dropped its first marker": Kill(DELETE, "OPEN#"),
}


def jobs_killed(lab: Lab, kill: Kill) -> None:
    """A run of each stage dies at the same step; the next one does its work, or finds it done."""
    rules = [
        replace(kill, resource=output if kill.resource == HALF else kill.resource).arm(lab, job)
        for job, output in OUTPUT.items()
    ]
    work(lab)
    lab.rest()
    assert struck(lab, *rules), f"not every job was killed: {json.dumps(lab.edge.status())}"


CLAIM = {
    "before it has claimed a dataset's name": Kill(PUT, "DATASET#", made=False),
    "after it has claimed a dataset's name": Kill(PUT, "DATASET#"),
}


def ingest_killed(lab: Lab, kill: Kill) -> None:
    """The name is free, or its folder's for good: the next run decides as this one did, and takes the files in."""
    rule = kill.arm(lab, "ingest")
    work(lab)
    lab.rest()
    assert struck(lab, rule), f"no run was killed: {json.dumps(lab.edge.status())}"


TABLES: list[tuple[str, dict[str, Kill], KilledAct]] = [
    ("copy-prefix", COPY_PREFIX, copy_prefix_killed),
    ("copy-prefix", FOR_GOOD, copy_prefix_killed_for_good),
    ("clean-prefix", CLEAN_PREFIX, weekly("clean-prefix")),
    ("optimization-trigger", OPTIMIZATION_TRIGGER, weekly("optimization-trigger")),
    ("success-fail-event", MAIL, weekly("success-fail-event")),
    ("success-fail-event", TICKET, ticket),
    ("success-fail-event", CREDENTIALS, desk("401")),
    ("success-fail-event", ALERT, desk("down")),
    ("reconcile", RECONCILE, reconcile_killed),
    ("a run of each stage", JOBS, jobs_killed),
    ("a run of Glue 1", CLAIM, ingest_killed),
]
QUICK = (
    "between items, its messages lost",
    "between the ticket and told",
    "between the next stage's marker and its commit",
)


def killed_by(act: KilledAct, kill: Kill) -> Callable[[Lab], None]:
    return lambda lab: act(lab, kill)


def register() -> None:
    """One case for each step of each."""
    for table, (who, steps, act) in enumerate(TABLES):
        for number, (step, kill) in enumerate(steps.items()):
            name, seed = f"{who} killed {step}", 300 + 20 * table + number
            case(3, name, seed, quick=step in QUICK)(killed_by(act, kill))


register()
