"""What became of every record: pure functions over what was read (see `evidence`).

A record is *lost* if it is neither in a table nor superseded nor, being bad, in quarantine; *doubled* if it is there
more than once; *misplaced* if a secured one is in a legacy place (or temp holds what it should not, or lacks what it
should); and an end or a message is *unreported* if nobody was told, or somebody was told what is not so.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.demo.observe import ENDED_BADLY

LEGACY, SECURED = "legacy", "secured"
KEYED = "_keyed"
#: Such a dataset's rows are ranked by their landing alone, whatever their own `order` says.
LANDED_KEYED = "_landed_keyed"


@dataclass(frozen=True)
class Record:
    """One line of a landed file. What has no zone is secured; a broken one is no JSON."""

    id: str
    zone: str | None = None
    key: str = ""
    order: int = 0
    broken: bool = False

    @property
    def secured(self) -> bool:
        return self.zone != LEGACY


@dataclass(frozen=True)
class Version:
    """A landed version of a file, with all its records. `deleted`: it was removed before any run can have read it.
    `landed`: the time and the sequencer that its event tells, both as texts whose order is theirs."""

    file_id: str
    dataset: str
    records: tuple[Record, ...]
    deleted: bool = False
    landed: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Row:
    """A record where it was found."""

    dataset: str
    zone: str
    id: str
    file_id: str = ""


@dataclass(frozen=True)
class Ended:
    """A job run that is over: what the ledger says (no state: it knows nothing of it), and what Glue says."""

    stage: int
    run_id: str
    state: str | None
    reason: str | None
    glue: str | None


@dataclass
class Evidence:
    """All that is judged, of one case."""

    versions: list[Version] = field(default_factory=list)
    tables: list[Row] = field(default_factory=list)
    #: What lies in the classified buckets, whichever run wrote it.
    classified: list[Row] = field(default_factory=list)
    #: Quarantined records of committed runs; no id for a file that is quarantined as a whole.
    quarantined: list[tuple[str, str | None]] = field(default_factory=list)
    #: Records that the reports of committed Glue 3 runs account for, by dataset: conformed or superseded.
    accounted: Counter[str] = field(default_factory=Counter)
    #: In how many manifests of committed runs each item is.
    listed: Counter[str] = field(default_factory=Counter)
    #: Keys in temp; those that committed, unconsumed runs list; those that any committed run lists.
    temp: set[str] = field(default_factory=set)
    temp_wanted: set[str] = field(default_factory=set)
    temp_listed: set[str] = field(default_factory=set)
    runs: list[Ended] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    mails: set[str] = field(default_factory=set)
    hopeless: list[str] = field(default_factory=list)
    set_aside: Mapping[str, str] = field(default_factory=dict)
    #: Events that are dead letters; runs, of whichever case, whose end is told and whose temp files are cleaned up.
    dead_events: list[str] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)


@dataclass
class Verdict:
    """The numbers, what they mean, and temp objects of attempts that did not commit (no fault, but listed)."""

    records: int = 0
    lost: int = 0
    doubled: int = 0
    misplaced: int = 0
    unreported: int = 0
    findings: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.misplaced or self.unreported)

    def add(self, kind: str, number: int, finding: str) -> None:
        if number > 0:
            setattr(self, kind, getattr(self, kind) + number)
            self.findings.append(f"{kind}: {finding}")


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict(records=sum(len(version.records) for version in evidence.versions))
    by_dataset: defaultdict[str, list[Version]] = defaultdict(list)
    for version in evidence.versions:
        by_dataset[version.dataset].append(version)
    for dataset, versions in by_dataset.items():
        if dataset.endswith(KEYED):
            _judge_keyed(verdict, evidence, dataset, versions)
        else:
            _judge_each(verdict, evidence, dataset, versions)
    for item, times in evidence.listed.items():
        verdict.add("doubled", times - 1, f"{item} is the work of {times} committed runs")
    _judge_strangers(verdict, evidence)
    _judge_places(verdict, evidence)
    _judge_temp(verdict, evidence)
    _judge_telling(verdict, evidence)
    _judge_dead_letters(verdict, evidence)
    return verdict


def _quarantined(evidence: Evidence) -> Counter[tuple[str, str]]:
    """How often each record of each version is in quarantine, alone or with its whole file."""
    alone = Counter((file_id, record) for file_id, record in evidence.quarantined if record is not None)
    whole = Counter(file_id for file_id, record in evidence.quarantined if record is None)
    for version in evidence.versions:
        for record in version.records:
            alone[version.file_id, record.id] += whole[version.file_id]
    return alone


def _is_bad(version: Version, record: Record) -> bool:
    """Whether quarantine is where it belongs."""
    return record.broken or version.deleted


def _judge_each(verdict: Verdict, evidence: Evidence, dataset: str, versions: Iterable[Version]) -> None:
    rows, set_aside = Counter((row.file_id, row.id) for row in evidence.tables), _quarantined(evidence)
    good = 0
    for version in versions:
        for record in version.records:
            there, aside = rows[version.file_id, record.id], set_aside[version.file_id, record.id]
            what = f"record {record.id} of {version.file_id}"
            if _is_bad(version, record):
                verdict.add("lost", 1 - there - aside, what)
            else:
                good += 1
                verdict.add("lost", 1 - there, what + (", in quarantine though nothing is wrong with it" * bool(aside)))
            verdict.add("doubled", there + aside - 1, f"{what}, {there + aside} times")
    _judge_books(verdict, evidence, dataset, good)


def _judge_books(verdict: Verdict, evidence: Evidence, dataset: str, good: int) -> None:
    """Every record that is not in quarantine is in the books of one committed Glue 3 run."""
    accounted = evidence.accounted[dataset]
    finding = f"{dataset}: {good} records, {accounted} in the books"
    verdict.add("lost", good - accounted, finding)
    verdict.add("doubled", accounted - good, finding)


def _judge_keyed(verdict: Verdict, evidence: Evidence, dataset: str, versions: Iterable[Version]) -> None:
    """Of each key the latest record stands, once, and every record is in the books of one committed Glue 3 run."""
    set_aside = _quarantined(evidence)
    keys: defaultdict[str, list[tuple[tuple[Any, ...], Record]]] = defaultdict(list)
    good = 0
    for version in versions:
        for position, record in enumerate(version.records, 1):
            aside = set_aside[version.file_id, record.id]
            what = f"record {record.id} of {version.file_id}"
            if _is_bad(version, record):
                verdict.add("lost", 1 - aside, what)
                verdict.add("doubled", aside - 1, f"{what}, {aside} times in quarantine")
                continue
            verdict.add("lost", aside, f"{what} is in quarantine though nothing is wrong with it")
            by_landing = dataset.endswith(LANDED_KEYED)
            rank = (*version.landed, position) if by_landing else (record.order,)
            keys[record.key].append((rank, record))
            good += 1
    standing = Counter(row.id for row in evidence.tables if row.dataset == dataset)
    for key, ranked in keys.items():
        _, last = max(ranked, key=lambda one: one[0])
        verdict.add("lost", 1 - standing[last.id], f"record {last.id}, which should stand for the key {key}")
        rows = sum(standing[record.id] for _, record in ranked)
        verdict.add("doubled", rows - 1, f"the key {key} of {dataset}: {rows} rows")
    _judge_books(verdict, evidence, dataset, good)


def _judge_strangers(verdict: Verdict, evidence: Evidence) -> None:
    """Rows of versions that never landed, or not in this dataset, have come from somewhere else."""
    known = {
        (version.file_id, version.dataset, record.id) for version in evidence.versions for record in version.records
    }
    strangers = [row for row in evidence.tables if (row.file_id, row.dataset, row.id) not in known]
    verdict.add("misplaced", len(strangers), f"rows that no landed file has: {strangers[:5]}")


def _judge_places(verdict: Verdict, evidence: Evidence) -> None:
    records = {record.id: record for version in evidence.versions for record in version.records}
    secured_keys = {
        (version.dataset, record.key)
        for version in evidence.versions
        for record in version.records
        if record.secured and not record.broken and not version.deleted and version.dataset.endswith(KEYED)
    }
    for where, rows in (("a table", evidence.tables), ("a classified bucket", evidence.classified)):
        for row in rows:
            record = records.get(row.id)
            if record is None:
                continue
            leak = record.secured and row.zone == LEGACY
            hidden = not record.secured and row.zone == SECURED and not row.dataset.endswith(KEYED)
            verdict.add("misplaced", int(leak or hidden), f"{row.id} ({record.zone}) is in {where} that is {row.zone}")
    for row in evidence.tables:
        record = records.get(row.id)
        if record is None or not row.dataset.endswith(KEYED) or record.secured:
            continue
        wanted = SECURED if (row.dataset, record.key) in secured_keys else LEGACY
        verdict.add("misplaced", int(row.zone != wanted), f"the key {record.key} is {wanted}, its row is {row.zone}")


def _judge_temp(verdict: Verdict, evidence: Evidence) -> None:
    missing = evidence.temp_wanted - evidence.temp
    verdict.add("misplaced", len(missing), f"gone from temp though no Glue 2 run has consumed it: {sorted(missing)}")
    left = evidence.temp & evidence.temp_listed - evidence.temp_wanted
    verdict.add("misplaced", len(left), f"consumed, and still in temp: {sorted(left)}")
    verdict.attempts = sorted(evidence.temp - evidence.temp_listed)


def _judge_telling(verdict: Verdict, evidence: Evidence) -> None:
    for run in evidence.runs:
        failed = run.glue in ENDED_BADLY or (run.state != "COMMITTED" and run.reason != "EMPTY")
        told = run.run_id in (evidence.tickets if failed else evidence.mails)
        idle = not failed and run.state != "COMMITTED"
        # Of a week in which there was nothing to classify there is a mail, of other runs that found nothing none.
        quiet = idle and run.stage != 2
        what = f"Glue {run.stage} run {run.run_id} ({run.state} {run.reason or ''}, Glue: {run.glue})"
        verdict.add("unreported", int(not told and not quiet), f"{what} has no {'ticket' if failed else 'mail'}")
        praised = run.run_id in evidence.mails and run.state != "COMMITTED" and (failed or quiet)
        verdict.add("unreported", int(praised), f"{what} has a mail that tells of a success")
        blamed = run.run_id in evidence.tickets and not failed
        verdict.add("unreported", int(blamed), f"{what} has a ticket, and did not fail")


def _judge_dead_letters(verdict: Verdict, evidence: Evidence) -> None:
    """What can never work is set aside with its reason, nothing else is, and no event dies with its matter undone."""
    for body in evidence.hopeless:
        verdict.add("unreported", int(not evidence.set_aside.get(body)), f"no dead letter with a reason: {body[:200]}")
    good = [body for body in evidence.set_aside if body not in evidence.hopeless]
    verdict.add("unreported", len(good), f"dead letters of messages that are good: {[body[:200] for body in good[:5]]}")
    for body in evidence.dead_events:
        verdict.add("unreported", int(not _is_done(body, evidence.settled)), f"an event died undone: {body[:300]}")


def _is_done(event: str, settled: set[str]) -> bool:
    """Whether the end that an event tells of is settled. One of no run is a clock's, whose matter is that the pipeline
    comes to rest; that it does is asked apart."""
    try:
        told = json.loads(event)
    except ValueError:
        return False
    told = told.get("requestPayload", told)  # as Lambda wraps what a function has given up
    run_id = told.get("detail", {}).get("jobRunId")
    if run_id is not None:
        return run_id in settled
    return "JobName" in told or told.get("detail-type") == "Scheduled Event"
