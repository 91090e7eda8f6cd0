"""What the pipeline stands on gives way: DynamoDB, S3, clocks, secrets."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from tests.faults.cases.group_9_telling import alerts, failed_run, incidents
from tests.faults.lab import Lab, parts
from tests.faults.registry import case

FUNCTIONS = ("copy-prefix", "clean-prefix", "success-fail-event", "reconcile")
JOBS = ("ingest", "classify", "conform")
#: More than the SDK of a function tries (three times), and that of a job (nine times, eight of them again).
BEYOND_RETRIES = {**dict.fromkeys(FUNCTIONS, 4), **dict.fromkeys(JOBS, 10)}
#: Objects that each asks for after it has taken its work.
S3_OF_JOBS = {"classify": "{raw}/*", "conform": "{state}/*", "clean-prefix": "{state}/*"}
SKEWS = (timedelta(days=-1), timedelta(hours=-1), timedelta(hours=1), timedelta(days=1))


def everywhere(lab: Lab, do: str, *actions: str, **rule: object) -> None:
    """One such fault for each role and action, at a request that the seed draws."""
    for name in (*FUNCTIONS, *JOBS):
        for action in actions:
            after = lab.rng.randrange(2)
            lab.edge.inject(do, role=lab.outputs["roles"][name], action=action, after=after, **rule)


def beyond_retries(lab: Lab, action: str, status: int, code: str) -> None:
    """An error in a row for each role that neither its SDK nor its first attempt survives."""
    for name, times in BEYOND_RETRIES.items():
        role = lab.outputs["roles"][name]
        lab.edge.inject("error", role=role, action=action, status=status, code=code, times=times)


def all_met(lab: Lab, by: str, *needed: str) -> None:
    """Asserts that each of these (roles, or actions) has met with a fault; what none met is noted anyway."""
    met = {rule[by] for rule in lab.edge.status().values() if rule["injected"]}
    missing = sorted(set(needed) - met)
    assert not missing, f"no fault was injected into {missing}"


def all_spent(lab: Lab) -> None:
    """Asserts that each rule has been met so often that nobody's retries were enough."""
    left = [f"{rule['role']}: {rule['injected']} of {rule['times']}" for rule in lab.edge.status().values()
            if rule["injected"] < rule["times"]]  # fmt: skip
    assert not left, f"the retries were not used up: {left}"


def roles(lab: Lab, names: tuple[str, ...]) -> list[str]:
    return [lab.outputs["roles"][name] for name in names]


def work(lab: Lab) -> None:
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


def wait_no_longer(lab: Lab) -> None:
    """A message that a failed call left comes back now, and not when its time-out is over."""

    def acknowledged() -> bool:
        lab.edge.redeliver(lab.outputs["queue_url"].rpartition("/")[2])
        return lab.queue_depth(lab.outputs["queue_url"]) == 0

    lab.wait("acknowledged messages", acknowledged)


@case(10, "the answers to conditional writes are lost", seed=1001, quick=True)
def lost_answers(lab: Lab) -> None:
    """The write was made, the SDK makes it again, and now its own condition is against it."""
    everywhere(lab, "lose-answer", "dynamodb:PutItem", "dynamodb:UpdateItem")
    work(lab)
    lab.rest()
    all_met(lab, "action", "dynamodb:PutItem", "dynamodb:UpdateItem")
    all_met(lab, "role", *roles(lab, JOBS))


@case(10, "the answer to each commit is lost", seed=1002)
def lost_commits(lab: Lab) -> None:
    """The run reads its item once more, finds that it has committed, and nothing is done twice."""
    for job in JOBS:
        role = lab.outputs["roles"][job]
        lab.edge.inject("lose-answer", role=role, action="dynamodb:UpdateItem", body=":committed")
    work(lab)
    lab.rest()
    all_met(lab, "role", *roles(lab, JOBS))
    states = [run["state"] for run in lab.look().runs if run["run_id"] in lab.runs(run["stage"], "SUCCEEDED", "FAILED")]
    assert "VOID" not in states, "a run that has committed took itself for dead"


@case(10, "conditional writes are refused once", seed=1003)
def refused(lab: Lab) -> None:
    """Whoever is refused has to take it that another was there; what nobody did is found by reconcile."""
    rule = {"status": 400, "code": "ConditionalCheckFailedException", "body": '"ConditionExpression"'}
    everywhere(lab, "error", "dynamodb:PutItem", "dynamodb:UpdateItem", **rule)
    work(lab)
    lab.rest()
    all_met(lab, "action", "dynamodb:PutItem", "dynamodb:UpdateItem")
    all_met(lab, "role", *roles(lab, JOBS))


@case(10, "DynamoDB throttles everyone beyond all retries", seed=1004)
def throttled(lab: Lab) -> None:
    beyond_retries(lab, "dynamodb:*", 400, "ProvisionedThroughputExceededException")
    work(lab)
    wait_no_longer(lab)
    lab.rest()
    all_spent(lab)


@case(10, "DynamoDB answers 500 to everyone now and then", seed=1005)
def internal(lab: Lab) -> None:
    actions = [f"dynamodb:{name}" for name in ("GetItem", "PutItem", "UpdateItem", "Query", "DeleteItem")]
    everywhere(lab, "error", *actions, status=500, code="InternalServerError", times=2)
    work(lab)
    wait_no_longer(lab)
    lab.rest()
    all_met(lab, "action", *actions)
    all_met(lab, "role", *roles(lab, (*FUNCTIONS, *JOBS)))


@case(10, "S3 answers 503 to everyone beyond all retries", seed=1006)
def slow_down(lab: Lab) -> None:
    """What a job itself asks of S3 when it has begun, and not the download of its script, which Glue asks for."""
    with lab.without_events():
        work(lab)
    # Glue 1 reads files side by side; if they shared the errors, each would survive its own.
    bucket, key, _ = parts(lab.versions[0].file_id)
    for name, place in (S3_OF_JOBS | {"ingest": f"{bucket}/{key}"}).items():
        rule = {"action": "s3:*", "resource": f"arn:aws:s3:::{place.format(**lab.outputs['buckets'])}"}
        role = lab.outputs["roles"][name]
        lab.edge.inject("error", role=role, status=503, code="SlowDown", times=BEYOND_RETRIES[name], **rule)
    lab.send(*map(lab.event_of, lab.versions))
    lab.rest()
    all_spent(lab)
    failed = {run_id for stage in (1, 2, 3) for run_id in lab.runs(stage, "FAILED")}
    ended = {run["stage"] for run in lab.look().runs if run["run_id"] in failed and run.get("reason") == "ENDED"}
    assert ended == {1, 2, 3}, f"only of the stages {sorted(ended)} has a run ended by what S3 answered"


@case(10, "S3 loses its answers to writes", seed=1007)
def lost_objects(lab: Lab) -> None:
    """The object is there and is written again."""
    for job in JOBS:
        for after in (0, 2):
            lab.edge.inject("lose-answer", role=lab.outputs["roles"][job], action="s3:PutObject", after=after)
    work(lab)
    lab.rest()
    all_met(lab, "role", *roles(lab, JOBS))


@case(10, "events whose clock is an hour or a day off", seed=1008)
def event_times(lab: Lab) -> None:
    """The later record of a key has an event that says it is older, and the other way round."""
    with lab.without_events():
        versions = [lab.land("d_keyed/same.jsonl", lab.records(3, keys=2)) for _ in SKEWS]
        versions += [lab.land(f"d/{number}.jsonl", lab.records(2)) for number, _ in enumerate(SKEWS)]
    skews = [*reversed(SKEWS), *SKEWS]
    events = [dated(lab.event_of(version), skew) for version, skew in zip(versions, skews, strict=True)]
    lab.send(*events)
    files = lab.rest().files
    told = {version.file_id: json.loads(event)["Records"][0]["eventTime"][:19]
            for version, event in zip(versions, events, strict=True)}  # fmt: skip
    wrong = [one for one, at in told.items() if not files[one]["landed_at"].startswith(at)]
    assert not wrong, f"the ledger has other times than the events told: {wrong}"


def dated(event: str, skew: timedelta) -> str:
    """The event as an S3 whose clock is off would send it."""
    told = json.loads(event)
    told["Records"][0]["eventTime"] = spell(skew)
    return json.dumps(told)


def spell(skew: timedelta) -> str:
    return (datetime.now(UTC) + skew).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@case(10, "markers whose clock is an hour or a day off", seed=1009)
def marker_times(lab: Lab) -> None:
    """One of an item that is open brings a run whatever it says; one of no item brings none, and is no obstacle."""
    lab.order(1, "refuse", times=12)
    versions = lab.land_some(files=len(SKEWS))
    pks = [f"FILE#{version.file_id}" for version in versions]
    lab.wait("intake", lambda: set(pks) <= lab.look().marked)
    for pk, skew in zip(pks, SKEWS, strict=True):
        mark(lab, pk, skew)
        mark(lab, f"{pk}-that-never-landed", skew)
    lab.stop_faults()
    lab.rest()
    runs = len(lab.runs(1, "SUCCEEDED"))
    for _ in range(3):
        lab.tick()
    assert len(lab.runs(1, "SUCCEEDED")) == runs, "a marker of nothing brings runs"
    for pk in pks:
        forget(lab, f"{pk}-that-never-landed")


def mark(lab: Lab, pk: str, skew: timedelta) -> None:
    """Stamps an item's marker with another time; makes one for an item that has none."""
    item = {"item": {"S": pk}, "at": {"S": spell(skew)}}
    lab.dynamodb.put_item(TableName=lab.outputs["ledger_table"], Item=marker_key(pk) | item)
    lab.injected += 1


def forget(lab: Lab, pk: str) -> None:
    lab.dynamodb.delete_item(TableName=lab.outputs["ledger_table"], Key=marker_key(pk))


def marker_key(pk: str) -> dict[str, dict[str, str]]:
    digest = hashlib.sha256(pk.encode()).hexdigest()
    return {"pk": {"S": f"OPEN#1#{digest[0]}"}, "sk": {"S": digest}}


@case(10, "the ServiceNow password is rotated between two calls", seed=1010, quick=True)
def rotated(lab: Lab) -> None:
    """The function still has the old one in its memory; there is a ticket at once, and no alert."""
    first = failed_run(lab)
    lab.wait("first ticket", lambda: incidents(lab, first))
    lab.rest()
    old = rotate(lab, f"rotated-{lab.rng.random()}")
    try:
        second = failed_run(lab)
        lab.wait("second ticket", lambda: incidents(lab, second))
        assert alerts(lab, second) == [], "the new password was not tried"
    finally:
        rotate(lab, old)
    third = failed_run(lab)
    lab.wait("third ticket", lambda: incidents(lab, third))


def rotate(lab: Lab, password: str) -> str:
    """Gives ServiceNow's user and the secret another password; the old one."""
    secrets, name = lab.client("secretsmanager"), lab.outputs["secret"]
    held = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    lab.service_desk("ok", password=password)
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(held | {"password": password}))
    lab.injected += 1
    return held["password"]
