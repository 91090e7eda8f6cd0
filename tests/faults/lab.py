"""One local AWS with scripted Glue jobs, the verbs that faults are made of, and the case that runs on it now."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from local import up
from local.demo.observe import LANDING_PREFIX, STAGES, Snapshot, TimedOut
from local.demo.running import REPOSITORY, own_instance, running
from local.settings import Instance
from local.terraform import TFVARS_VARIABLE
from tests.faults import evidence, rest, verdict
from tests.faults.edge import Edge
from tests.faults.verdict import KEYED, LEGACY, Record, Verdict, Version
from tests.pipeline_under_test import Refused, Watched

FOLDER = REPOSITORY / "target" / "test-faults"
HERE = Path(__file__).resolve().parent
REST_SECONDS = 300
#: How often the clock's tick and the week's Friday come while a case waits for rest.
TICK_SECONDS, FRIDAY_SECONDS = 3.0, 5.0
LOOK_SECONDS = 0.5
#: What a script logs in the end, if it does not raise.
LAST_WORDS = ('"message": "committed"', '"message": "found nothing to do"')


class NotAtRest(Exception):
    """What an earlier case left behind."""


class Lab(Watched):
    """A pipeline that is being hurt. One case at a time, each with datasets of its own."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self.edge = Edge(instance)
        self.rng = random.Random()
        self.prefix = ""
        self.last_case = "the start"
        self.patience_seconds: float = REST_SECONDS
        self._forgiven: set[str] = set()
        self._names = 0
        self._sequencer = 0
        self._clear()

    def _clear(self) -> None:
        self.versions: list[Version] = []
        self.hopeless: list[str] = []
        self.notes: list[str] = []  # for whoever reads the report
        self.injected = 0
        self._ordered: Counter[int] = Counter()
        self._known_runs: set[str] = set()
        self._ticked = self._fired = 0.0

    # --- a case ---

    def begin(self, slug: str, seed: int) -> None:
        """A clean slate: nothing that an earlier case left may still be going on."""
        self._clear()
        self.forget_refusals()
        self.edge.clear()
        for stage in STAGES:
            self._ask("/_local/glue/next", {"job": self.job(stage), "behaviour": "normal"})
        snapshot = self.look()
        problems = self._unforgiven(rest.not_at_rest(snapshot))
        if problems:
            raise NotAtRest(f"after {self.last_case}: {'; '.join(problems[:5])}")
        self.last_case = slug
        self.rng = random.Random(seed)
        self._names += 1
        self.prefix = f"{slug}_{int(time.time() * 1000):x}_"
        self._known_runs = evidence.known_runs(snapshot)

    def finish(self) -> Verdict:
        """Faults stop; the pipeline comes to rest; what became of every record."""
        self.stop_faults()
        self.forget_refusals()  # those of the case itself: it has raised what it did not expect
        restless = ""
        try:
            self.rest()
        except (TimedOut, Refused) as late:
            restless = str(late)
        found = evidence.gather(self, self.look(), self._known_runs, self.prefix)
        found.versions, found.hopeless = self.versions, self.hopeless
        urls = self.outputs["dead_letter_queue_urls"]
        found.set_aside = evidence.drain(self.sqs, urls["landing"])
        found.dead_events = list(evidence.drain(self.sqs, urls["events"]))
        result = verdict.judge(found)
        if restless:
            result.findings.append(f"not at rest: {restless}")
        return result

    def forgive(self) -> None:
        """What is not at rest now never will be, for a protection was off: it is no longer waited for."""
        self._forgiven |= set(rest.not_at_rest(self.look()))

    def _unforgiven(self, problems: list[str]) -> list[str]:
        return [problem for problem in problems if problem not in self._forgiven]

    def stop_faults(self) -> None:
        """No fault is injected any more; counts those that were, and notes the rules that no request met."""
        for rule in self.edge.status().values():
            if not rule["injected"]:
                self.notes.append(f"never met: {rule['do']} of {rule['action']} by {rule['role']}")
        self.injected += self.edge.clear()
        for stage, number in self._ordered.items():
            answer = self._ask("/_local/glue/pending", {"job": self.job(stage)})
            self.injected += number - len(answer["behaviours"])
            self._ask("/_local/glue/next", {"job": self.job(stage), "behaviour": "normal"})
        self._ordered.clear()
        self.service_desk("ok")

    # --- landing ---

    def records(self, number: int, legacy: float = 0.5, keys: int = 0) -> list[Record]:
        """Records with ids of their own; a part of them legacy. With `keys`, they share so many keys."""
        made = []
        for _ in range(number):
            self._names += 1
            zone = LEGACY if self.rng.random() < legacy else self.rng.choice(["secured", None])
            key = f"k{self.rng.randrange(keys)}" if keys else ""
            made.append(Record(f"r{self._names}", zone, key, self._names))
        return made

    def land(self, name: str, records: Sequence[Record]) -> Version:
        """Puts one file; `name` is `<dataset>/<file>`, below the case's own prefix."""
        key = f"{LANDING_PREFIX}{self.prefix}{name}"
        bucket = self.bucket("landing")
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=b"".join(map(line, records)))
        dataset = f"{self.prefix}{name.partition('/')[0]}"
        version = Version(f"{bucket}/{key}#{answer['VersionId']}", dataset, tuple(records))
        self.versions.append(version)
        return version

    def land_some(self, files: int = 3, records: int = 4, dataset: str = "d") -> list[Version]:
        """Several files of a dataset; a keyed one's records share a few keys."""
        keys = 5 if dataset.endswith(KEYED) else 0
        self._names += 1
        return [self.land(f"{dataset}/{self._names}-{n}.jsonl", self.records(records, keys=keys)) for n in range(files)]

    @contextmanager
    def without_events(self) -> Iterator[None]:
        """What lands meanwhile sends no event."""
        bucket = self.bucket("landing")
        configured = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        configured.pop("ResponseMetadata", None)
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        try:
            yield
        finally:
            self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configured)

    def delete_version(self, version: Version, unread: bool = False) -> None:
        """`unread`: no run can have read it, so that it belongs into quarantine."""
        if unread:
            self.versions[self.versions.index(version)] = replace(version, deleted=True)
        bucket, key, version_id = parts(version.file_id)
        self.s3.delete_object(Bucket=bucket, Key=key, VersionId=version_id)

    # --- events ---

    def event_of(self, version: Version) -> str:
        """The S3 event of a landed version, as S3 would send it."""
        self._sequencer += 1
        return s3_event(version.file_id, f"{0x17F000000000 + self._sequencer:018X}")

    def tell(self, version: Version, landed_at: datetime, sequencer: str) -> str:
        """The event of a version that says so of its landing, by which records in `_landed_keyed` are ranked."""
        at = landed_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.versions[self.versions.index(version)] = replace(version, landed=(at, sequencer))
        event = json.loads(s3_event(version.file_id, sequencer))
        event["Records"][0]["eventTime"] = at
        return json.dumps(event)

    def send(self, *bodies: str) -> None:
        """Messages to the landing queue, in this order, each counted as injected."""
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            self.sqs.send_message_batch(QueueUrl=self.outputs["queue_url"], Entries=entries)
        self.injected += len(bodies)

    def send_hopeless(self, *bodies: str) -> None:
        """Messages that can never work: each must become a dead letter with its reason."""
        self.send(*bodies)
        self.hopeless += bodies

    def batch(self, *bodies: str) -> dict[str, Any]:
        """Calls copy-prefix with one batch of messages, as Lambda's poller would; its answer."""
        arn = f"arn:aws:sqs:us-east-1:222222222222:{self.outputs['queue_url'].rpartition('/')[2]}"
        records = [
            {"messageId": f"m{n}", "receiptHandle": f"h{n}", "body": body, "eventSource": "aws:sqs",
             "eventSourceARN": arn, "awsRegion": "us-east-1", "attributes": {}, "messageAttributes": {}}
            for n, body in enumerate(bodies)
        ]  # fmt: skip
        self.injected += 1
        return self.invoke("copy-prefix", {"Records": records})

    def invoke(self, crate: str, event: dict[str, Any]) -> dict[str, Any]:
        """Calls a function and waits for its answer."""
        answer = self.functions.invoke(FunctionName=self.outputs["functions"][crate], Payload=json.dumps(event))
        return json.loads(answer["Payload"].read() or b"null") or {}

    @property
    def functions(self) -> Any:
        if "functions_client" not in vars(self):
            vars(self)["functions_client"] = self.client("lambda")
        return vars(self)["functions_client"]

    def state_change(self, stage: int, run_id: str, state: str, times: int = 1) -> None:
        """Delivers the event of a run's end to every function that listens, as EventBridge would."""
        detail = {"jobName": self.job(stage), "severity": "INFO", "state": state, "jobRunId": run_id, "message": ""}
        event = {
            "version": "0", "id": run_id, "detail-type": "Glue Job State Change", "source": "aws.glue",
            "account": "222222222222", "time": "2026-05-08T12:00:00Z", "region": "us-east-1", "resources": [],
            "detail": detail,
        }  # fmt: skip
        for _ in range(times):
            for crate in ("success-fail-event", "clean-prefix", "optimization-trigger", "reconcile"):
                self.invoke(crate, event)
            self.injected += 1

    def tick(self) -> None:
        self.invoke(
            "reconcile", {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
        )

    # --- Glue ---

    def order(self, stage: int, behaviour: str, times: int = 1) -> None:
        """How the next runs of a stage go. `timeout` and `zombie` come to runs that hold work, with the first item."""
        if behaviour in ("timeout", "zombie"):
            self.at_take(stage, f"{behaviour}-after", times=times)
            return
        body = {"job": self.job(stage), "behaviour": behaviour, "times": times}
        self._ask("/_local/glue/next", body)
        self._ordered[stage] += times

    def at_take(self, stage: int, do: str, **rule: Any) -> str:
        """A fault at the request by which a run of a stage takes an item."""
        role = self.outputs["roles"][STAGES[stage]]
        return self.edge.inject(do, role=role, action="dynamodb:UpdateItem", body="SET assigned_to", **rule)

    def void(self, stage: int, reason: str, *run_ids: str) -> None:
        """Waits for the ledger's last word on these runs, and asserts that it is VOID, for this reason."""
        assert run_ids, f"there is no such Glue {stage} run"

        def last_words() -> dict[str, tuple[str, str]]:
            runs = [run for run in self.look().runs if run["stage"] == stage and run["state"] != "STARTED"]
            found = {run["run_id"]: (run["state"], run.get("reason", "")) for run in runs if run["run_id"] in run_ids}
            return found if len(found) == len(run_ids) else {}

        told = self.wait(f"last word on Glue {stage} runs", last_words)
        assert set(told.values()) == {("VOID", reason)}, f"want Glue {stage} VOID {reason}, not {told}"

    def held_by(self, stage: int, run_id: str) -> set[str]:
        """The items that a run holds."""
        snapshot = self.look()
        items = {f"FILE#{name}": item for name, item in snapshot.files.items()}
        if stage > 1:
            items = {f"RUN#{run['stage']}#{run['run_id']}": run for run in snapshot.runs if run["stage"] == stage - 1}
        return {name for name, item in items.items() if item.get("assigned_to") == run_id}

    def committed_items(self, stage: int) -> set[str]:
        """What this case's committed runs of a stage hold."""
        runs = self.look().run_ids(stage) - self._known_runs
        return {item for run_id in runs for item in self.held_by(stage, run_id)}

    def start(self, stage: int) -> str:
        """By hand."""
        return self.glue.start_job_run(JobName=self.job(stage))["JobRunId"]

    def start_if_room(self, stage: int) -> str | None:
        """By hand; a start that Glue refuses since too many run already is one that changes nothing."""
        try:
            run_id = self.start(stage)
        except self.glue.exceptions.ConcurrentRunsExceededException:
            return None
        self.injected += 1
        return run_id

    def stop(self, stage: int, run_id: str) -> None:
        self.glue.batch_stop_job_run(JobName=self.job(stage), JobRunIds=[run_id])

    def give_up(self, run_id: str) -> None:
        """Glue calls a running run FAILED, while its script goes on."""
        answer = self._ask("/_local/glue/give-up", {"run_id": run_id})
        if answer:
            raise ValueError(str(answer))
        self.injected += 1

    def friday(self) -> None:
        self.fire()

    def friday_run(self) -> str:
        """The run that the schedule has started."""
        return self.fire()["JobRunId"]

    def fire(self) -> dict[str, str]:
        self._fired = time.monotonic()
        answer = self._ask("/_local/fire", {"schedule": self.outputs["schedule"]})
        return answer.get("response") or {}

    def runs(self, stage: int, *states: str) -> list[str]:
        """This case's runs of a stage that Glue has in one of these states, the newest first."""
        return [
            run.run_id
            for run in self.glue_runs()
            if run.stage == stage and run.run_id not in self._known_runs and run.state in states
        ]

    def reach(self, stage: int, *states: str, run_id: str | None = None) -> None:
        """Waits until a run of this case (this one) is in one of these states."""

        def there() -> bool:
            found = self.runs(stage, *states)
            return run_id in found if run_id else bool(found)

        self.wait(f"Glue {stage} run that is {' or '.join(states)}", there)

    def committed(self, stage: int, number: int = 1) -> list[str]:
        """Waits for committed runs of this case."""

        def look() -> list[str]:
            found = [run for run in self.look().runs if run["stage"] == stage and run["state"] == "COMMITTED"]
            ids = [run["run_id"] for run in found if run["run_id"] not in self._known_runs]
            return ids if len(ids) >= number else []

        return self.wait(f"committed Glue {stage} run", look)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        return up.ask(f"{self.instance.endpoint}{path}", body, seconds=60)

    # --- single requests ---

    def hold(self, role: str, action: str, **rule: Any) -> str:
        """Holds the next such request of a role until it is released."""
        return self.edge.inject("hold", role=self.outputs["roles"][role], action=action, **rule)

    def held(self, gate: str, number: int = 1) -> None:
        """Waits until a rule holds a request (so many)."""
        self.wait("request to hold", lambda: self.edge.status()[gate]["holding"] >= number)

    def over(self, run_id: str) -> None:
        """Waits until a run's script has come to its end, whatever Glue says of the run."""
        log = self.instance.runs / f"{run_id}.log"

        def ended() -> bool:
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            return any(word in text for word in ("Traceback (most recent call last)", *LAST_WORDS))

        self.wait(f"end of the script of {run_id}", ended)

    # --- waiting ---

    def all_ingested(self, versions: Sequence[Version] | None = None) -> Snapshot:
        """Everything landed is in committed Glue 1 runs, and nothing goes on."""
        ids = [version.file_id for version in (self.versions if versions is None else versions)]
        return self._until(lambda s: rest.not_ingested(s, ids) + rest.conditions.not_quiet(s), "ingested files", False)

    def rest(self) -> Snapshot:
        """Everything landed is conformed, cleaned up after and told; Fridays come as often as they are needed."""
        ids = [version.file_id for version in self.versions]
        return self._until(lambda s: rest.not_at_rest(s, ids), "rest", True)

    def rest_or(self, done: Callable[[], Any]) -> None:
        """As `rest`, but at once if something has come true."""
        ids = [version.file_id for version in self.versions]
        self._until(lambda s: [] if done() else rest.not_at_rest(s, ids), "rest", True)

    def pending(self, stage: int) -> list[str]:
        """The behaviours that no run of a stage has shown yet."""
        return self._ask("/_local/glue/pending", {"job": self.job(stage)})["behaviours"]

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        return self.wait_for(condition, what, self.patience_seconds, LOOK_SECONDS)

    def _until(self, missing: Callable[[Snapshot], list[str]], what: str, fridays: bool) -> Snapshot:
        problems: list[str] = []
        self._ticked = time.monotonic()

        def look() -> Snapshot | None:
            nonlocal problems
            snapshot = self.look()
            problems = self._unforgiven(missing(snapshot))
            now = time.monotonic()
            if problems and fridays and now - self._fired > FRIDAY_SECONDS and rest.waits_for_friday(snapshot):
                self.friday()
            elif problems and now - self._ticked > TICK_SECONDS:
                self.tick()
                self._ticked = time.monotonic()
            return None if problems else snapshot

        return self.wait_for(look, what, self.patience_seconds, LOOK_SECONDS, lambda: problems[:8])


def line(record: Record) -> bytes:
    """A record as it lies in a file; a broken one is no JSON, but its id can be read."""
    if record.broken:
        return f"broken {record.id}\n".encode()
    fields = {"id": record.id, "zone": record.zone, "key": record.key, "order": record.order}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode() + b"\n"


def parts(file_id: str) -> tuple[str, str, str]:
    """Bucket, key and version id."""
    location, _, version_id = file_id.rpartition("#")
    bucket, _, key = location.partition("/")
    return bucket, key, version_id


def s3_event(file_id: str, sequencer: str, **changed: Any) -> str:
    """An ObjectCreated event as S3 puts it into a queue; `changed` replaces fields of the object."""
    bucket, key, version_id = parts(file_id)
    thing = {"key": quote_plus(key, safe="/"), "size": 1, "eTag": "0", "versionId": version_id, "sequencer": sequencer}
    event = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-05-08T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": thing | changed,
        },
    }
    return json.dumps({"Records": [event]})


def deploy_scripts(lab: Lab) -> None:
    """The scripted jobs take the places of the real ones; Terraform and the functions don't notice."""
    for job in STAGES.values():
        body = (HERE / "scripted" / f"{job}.py").read_bytes()
        lab.s3.put_object(Bucket=lab.bucket("scripts"), Key=f"jobs/{job}.py", Body=body)


@cache
def own() -> Instance:
    """One for all labs of the process: its folder and ports are claimed until the process ends."""
    return own_instance(FOLDER)


@contextmanager
def opened(as_is: bool = False) -> Iterator[Lab]:
    """A lab of its own; `as_is` takes the one that is up in TUI_LOCAL_DIR, and leaves it up."""
    if as_is:
        lab = Lab(Instance.from_environment())
        deploy_scripts(lab)
        yield lab
        return
    with running(own(), variables={TFVARS_VARIABLE: str(HERE / "faults.tfvars")}):
        lab = Lab(own())
        deploy_scripts(lab)
        lab.rest()  # the deployment's own test event is still on its way
        yield lab
