"""One job run of the protocol, for all three stages: start, take, process, commit, drop the markers.

    context = run.open_context(2, arguments)
    run.execute(context, lambda work: process(spark, params, work))

`process` gets the items that this run holds (never none) and returns an `Outcome`. Whatever it raises ends the run as a
failure: its RUN item stays STARTED, is given up by whoever learns that Glue ended the run, and the next run takes its
items over. What it wrote below `run=<run id>/` is then never read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from tui_etl import manifest, protocol, quarantine, report, storage
from tui_etl.ledger import Ledger, Marker
from tui_etl.protocol import AfterCommit, AfterTaking, Begin, Decision, Write

logger = logging.getLogger(__name__)


class RunRefused(RuntimeError):
    """This run was given up for dead, or never had the right to work: it must delete nothing and end as a failure."""


@dataclass(frozen=True)
class Context:
    """Who runs, and what it talks to."""

    stage: int
    job: str
    run_id: str
    started_by: str
    state_bucket: str
    ledger: Ledger
    clients: storage.Clients
    started_at: datetime

    @property
    def s3(self) -> Any:
        return self.clients.s3

    @property
    def pk(self) -> str:
        return protocol.run_pk(self.stage, self.run_id)


@dataclass(frozen=True)
class Work:
    """An item that this run holds: its partition key and its attributes."""

    pk: str
    item: dict[str, Any]


@dataclass
class Outcome:
    """What `process` did: the files that downstream may read, the books, and what it refused."""

    outputs: Sequence[manifest.Output]
    datasets: Sequence[report.DatasetBalance]
    files: Sequence[report.FileOutcome] = field(default_factory=list)
    by_file: report.ByFile | None = None
    quarantine: quarantine.Aside | None = None


def open_context(stage: int, arguments: dict[str, str], clients: storage.Clients | None = None) -> Context:
    """The context of a job that was given `arguments` (of `arguments.parse`)."""
    clients = clients or storage.connect()
    return Context(
        stage,
        arguments["JOB_NAME"],
        arguments["JOB_RUN_ID"],
        arguments["started_by"],
        arguments["state_bucket"],
        Ledger(clients.dynamodb, arguments["ledger_table"]),
        clients,
        datetime.now(UTC),
    )


def execute(
    context: Context, process: Callable[[list[Work]], Outcome], max_items: int | None = None
) -> report.Report | None:
    """The whole run: its report, or None if there was nothing to do; raises `RunRefused` if given up for dead."""
    start(context)
    if context.stage in quarantine.STAGES:
        quarantine.publish_left(context.s3, context.ledger, context.stage)
    work = take_open(context, max_items)
    if protocol.decide_after_taking(len(work)) is AfterTaking.END_EMPTY:
        end_empty(context)
        return None
    outcome = process(work)
    result = report.build(
        context.stage,
        context.job,
        context.run_id,
        context.started_by,
        context.started_at,
        outcome.datasets,
        outcome.files,
        outcome.by_file,
        outcome.quarantine,
    )
    commit(context, [item.pk for item in work], outcome.outputs, result)
    return result


def start(context: Context) -> None:
    """Step 1: put the RUN item as STARTED, if absent; refused if this run has already been given up or has ended."""
    item = context.ledger.put_run(context.stage, context.run_id, context.job, context.started_by)
    if protocol.decide_begin(item["state"]) is Begin.REFUSE:
        raise RunRefused(f"{context.pk} is {item['state']} already")


def take_open(context: Context, max_items: int | None = None) -> list[Work]:
    """Step 2: take what is open, the longest waiting first, `max_items` at most."""
    taker = Taker(context)
    markers = sorted(context.ledger.markers(context.stage), key=lambda marker: (marker.at, marker.item_pk))
    taken: dict[str, Work] = {}
    position = 0
    with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
        while position < len(markers) and (max_items is None or len(taken) < max_items):
            wanted = 4 * storage.IN_FLIGHT if max_items is None else min(4 * storage.IN_FLIGHT, max_items - len(taken))
            batch = markers[position : position + wanted]
            position += len(batch)
            taken |= {work.pk: work for work in pool.map(taker.take, batch) if work is not None}
    logger.info("took open work", extra=_fields(context) | {"markers": len(markers), "items": len(taken)})
    return list(taken.values())


class Taker:
    """Takes one marked item at a time; remembers what it learned about other runs.

    A remembered answer is never wrong in a harmful way: COMMITTED and VOID last for ever, and 'still running' only
    means that the item is left to a later run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.holders: dict[str, protocol.Holder | None] = {}
        self.manifests: dict[str, set[str]] = {}
        self.ended: dict[str, bool | None] = {}

    def take(self, marker: Marker) -> Work | None:
        """The item of a marker if this run holds it afterwards."""
        ledger, me = self.context.ledger, self.context.run_id
        item = ledger.get(marker.item_pk)
        decision = self.decide(marker.item_pk, item)
        if decision is Decision.DROP_MARKER:
            ledger.drop_marker(marker.stage, marker.item_pk)
        if item is None or decision in (Decision.SKIP, Decision.DROP_MARKER):
            return None
        holder = item.get("assigned_to")
        if decision is Decision.VOID_HOLDER and not self.void(str(holder)):
            return None
        if decision is Decision.HELD or self.assign(marker.item_pk, holder):
            return Work(marker.item_pk, item | {"assigned_to": me})
        return None

    def assign(self, item_pk: str, holder: str | None) -> bool:
        """Take an item over from its holder.

        An SDK that lost the answer asks again and is refused by its own write. So an item that is refused is read once
        more: unnoticed, it would be left to the next run, which for stage 2 is next week's.
        """
        ledger, me = self.context.ledger, self.context.run_id
        if ledger.assign(item_pk, me, holder):
            return True
        found = ledger.get(item_pk)
        return found is not None and found.get("assigned_to") == me

    def decide(self, item_pk: str, item: dict[str, Any] | None) -> Decision:
        """Gather what `protocol.decide_take` wants to know, and no more than that."""
        me = self.context.run_id
        if item is None:
            return protocol.decide_take(me, None)
        kind = item_pk.partition("#")[0]
        seen = protocol.Item(kind, item.get("state"), item.get("assigned_to"))
        if seen.assigned_to in (None, me) or (kind == protocol.RUN and seen.state != protocol.COMMITTED):
            return protocol.decide_take(me, seen)
        holder = self.holder(seen.assigned_to)
        lists = ended = None
        if holder is not None and holder.state == protocol.COMMITTED:
            lists = item_pk in self.manifests[holder.run_id]
        if holder is not None and holder.state == protocol.STARTED:
            ended = self.ended[holder.run_id]
        return protocol.decide_take(me, seen, holder, lists, ended)

    def holder(self, run_id: str) -> protocol.Holder | None:
        """Another run of this stage: its state, and (in `manifests`, `ended`) what that state asks for."""
        if run_id not in self.holders:
            found = self.context.ledger.get(protocol.run_pk(self.context.stage, run_id))
            if found is not None and found["state"] == protocol.COMMITTED:
                self.manifests[run_id] = manifest.read_items(
                    self.context.s3, found["manifest"], self.context.stage, run_id
                )
            if found is not None and found["state"] == protocol.STARTED:
                self.ended[run_id] = job_run_ended(self.context.clients.glue, found["job"], run_id)
            self.holders[run_id] = protocol.Holder(run_id, found["state"]) if found is not None else None
        return self.holders[run_id]

    def void(self, run_id: str) -> bool:
        """Give a run up that Glue says has ended; True if it is VOID now."""
        stage, ledger = self.context.stage, self.context.ledger
        voided = ledger.void(stage, run_id, protocol.ENDED)
        if not voided:
            found = ledger.get(protocol.run_pk(stage, run_id))
            voided = found is not None and found["state"] == protocol.VOID
        if voided:
            self.holders[run_id] = protocol.Holder(run_id, protocol.VOID)
        return voided


def job_run_ended(glue: Any, job: str, run_id: str) -> bool | None:
    """Whether Glue says that a job run has ended; None if Glue doesn't know it."""
    try:
        state = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]["JobRunState"]
    except glue.exceptions.EntityNotFoundException:
        return None
    return state in protocol.ENDED_STATES


def end_empty(context: Context) -> None:
    """A run that found nothing ends VOID, and successfully."""
    context.ledger.void(context.stage, context.run_id, protocol.EMPTY)
    logger.info("found nothing to do", extra=_fields(context))


def commit(context: Context, items: Sequence[str], outputs: Iterable[manifest.Output], result: report.Report) -> None:
    """Steps 3 to 5: manifest and report, the next stage's marker, the commit on condition, and then the markers.

    What the run refused is shown to people after that.
    """
    stage, run_id, ledger = context.stage, context.run_id, context.ledger
    manifest_uri = manifest.uri(context.state_bucket, stage, run_id)
    report_uri = report.uri(context.state_bucket, stage, run_id)
    counts = result.counts(len(items))

    def commit_or_refuse() -> None:
        accepted = ledger.commit(stage, run_id, manifest_uri, report_uri, counts)
        found = None if accepted else (ledger.get(context.pk) or {}).get("state")
        if protocol.decide_after_commit(accepted, found) is AfterCommit.REFUSE:
            raise RunRefused(f"{context.pk} was given up for dead while it worked: {found}")

    def drop_markers() -> None:
        with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
            list(pool.map(lambda item: ledger.drop_marker(stage, item), items))

    writes: dict[Write, Callable[[], object]] = {
        Write.MANIFEST: lambda: manifest.write(context.s3, manifest_uri, stage, run_id, context.job, items, outputs),
        Write.REPORT: lambda: report.write(context.s3, report_uri, result),
        Write.NEXT_MARKER: lambda: ledger.put_marker(stage + 1, context.pk),
        Write.COMMIT: commit_or_refuse,
        Write.DROP_MARKERS: drop_markers,
    }
    if result.quarantine:
        ledger.put_quarantine_note(stage, run_id)
    for write in protocol.commit_order(stage):
        writes[write]()
    logger.info("committed", extra=_fields(context) | counts)
    if result.quarantine:
        quarantine.publish(context.s3, asdict(result))
        ledger.drop_quarantine_note(stage, run_id)


def read_manifest(context: Context, work: Work) -> manifest.Manifest:
    """The manifest of a committed run that this run took as its work."""
    run_id = work.pk.split("#", 2)[2]
    return manifest.read(context.s3, work.item["manifest"], context.stage - 1, run_id)


def _fields(context: Context) -> dict[str, Any]:
    return {"stage": context.stage, "run_id": context.run_id, "job": context.job}
