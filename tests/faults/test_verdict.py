"""Each verdict can be a bad one: evidence that is in order, and then one thing about it that is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.verdict import LEGACY, SECURED, Ended, Evidence, Record, Row, Verdict, Version, judge

PLAIN = Version("b/plain#1", "plain", (Record("p1", LEGACY), Record("p2", None), Record("p3", broken=True)))
OLD_PLAIN = Version("b/old_plain#1", "plain", (Record("o1", LEGACY), Record("o2", "secured")))
WHOLE = Version("b/whole#1", "plain", (Record("w1", LEGACY),), deleted=True)
OLD = Version("b/old#1", "t_keyed", (Record("k1", LEGACY, "a", 1), Record("k2", LEGACY, "b", 2)))
NEW = Version("b/new#1", "t_keyed", (Record("k3", "secured", "a", 3),))
BAD = Version("b/bad#1", "t_keyed", (Record("k4", None, "a", broken=True),))
#: Of one key, and told by their events in another order than the records' own.
FIRST = Version(
    "b/l#1",
    "t_landed_keyed",
    (Record("l4", LEGACY, "a", 5), Record("l5", LEGACY, "a", 6), Record("l1", LEGACY, "a", 9)),
    landed=("2026-05-08T12:00:00.000Z", "02"),
)
LAST = Version(
    "b/l#2",
    "t_landed_keyed",
    (Record("l2", LEGACY, "a", 8), Record("l3", LEGACY, "a", 7)),
    landed=("2026-05-08T12:00:00.000Z", "03"),
)


def event(run_id: str) -> str:
    return json.dumps({"detail-type": "Glue Job State Change", "detail": {"jobRunId": run_id}})


def wrapped(run_id: str) -> str:
    """As Lambda hands on what a function has given up."""
    return json.dumps({"requestPayload": json.loads(event(run_id)), "version": "1.0"})


def in_order() -> Evidence:
    """Everything where it belongs; the key `a` has come secured."""
    return Evidence(
        versions=[PLAIN, OLD_PLAIN, WHOLE, OLD, NEW, BAD, FIRST, LAST],
        tables=[
            Row("plain", LEGACY, "p1", PLAIN.file_id),
            Row("plain", SECURED, "p2", PLAIN.file_id),
            Row("plain", LEGACY, "o1", OLD_PLAIN.file_id),
            Row("plain", SECURED, "o2", OLD_PLAIN.file_id),
            Row("t_keyed", LEGACY, "k2", OLD.file_id),
            Row("t_keyed", SECURED, "k3", NEW.file_id),
            Row("t_landed_keyed", LEGACY, "l3", LAST.file_id),
        ],
        classified=[Row("plain", LEGACY, "p1", PLAIN.file_id), Row("plain", SECURED, "p2", PLAIN.file_id)],
        quarantined=[(PLAIN.file_id, "p3"), (WHOLE.file_id, None), (BAD.file_id, "k4")],
        accounted=Counter({"plain": 4, "t_keyed": 3, "t_landed_keyed": 5}),
        listed=Counter({"FILE#b/plain#1": 1, "RUN#1#good": 1}),
        temp={"open", "attempt"},
        temp_wanted={"open"},
        temp_listed={"open", "consumed"},
        runs=[
            Ended(1, "good", "COMMITTED", None, "SUCCEEDED"),
            Ended(1, "empty", "VOID", "EMPTY", "SUCCEEDED"),
            Ended(2, "idle", "VOID", "EMPTY", "SUCCEEDED"),
            Ended(2, "bad", "VOID", "ENDED", "FAILED"),
            Ended(3, "late", "COMMITTED", None, "FAILED"),
            Ended(3, "never", None, None, "ERROR"),
        ],
        mails={"good", "idle"},
        tickets={"bad", "late", "never"},
        hopeless=["no JSON"],
        set_aside={"no JSON": "it is no JSON"},
        dead_events=[event("good"), wrapped("earlier"), '{"JobName": "j"}', '{"detail-type": "Scheduled Event"}'],
        settled={"good", "earlier"},
    )


def test_what_is_in_order_is_clean() -> None:
    verdict = judge(in_order())
    assert (verdict.findings, verdict.records, verdict.clean) == ([], 15, True)
    assert verdict.attempts == ["attempt"]


def without(place: str, identity: str) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        setattr(evidence, place, [row for row in getattr(evidence, place) if row.id != identity])

    return change


def added(place: str, *rows: object) -> Callable[[Evidence], None]:
    return lambda evidence: getattr(evidence, place).extend(rows)


def replaced(old: str, new: Row) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.tables = [new if row.id == old else row for row in evidence.tables]

    return change


def books(number: int, dataset: str = "t_keyed") -> Callable[[Evidence], None]:
    return lambda evidence: evidence.accounted.update({dataset: number})


def moved_to_quarantine(identity: str, version: Version) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        without("tables", identity)(evidence)
        evidence.quarantined.append((version.file_id, identity))

    return change


def set_aside_whole(version: Version) -> Callable[[Evidence], None]:
    """All of a good file in quarantine and none of it in a table, with books that say so."""

    def change(evidence: Evidence) -> None:
        evidence.tables = [row for row in evidence.tables if row.file_id != version.file_id]
        evidence.quarantined.append((version.file_id, None))
        evidence.accounted[version.dataset] -= len(version.records)

    return change


CASES: dict[str, tuple[str, Callable[[Evidence], None]]] = {
    "a row is missing": ("lost", without("tables", "p1")),
    "a row is there twice": ("doubled", added("tables", Row("plain", LEGACY, "p1", PLAIN.file_id))),
    "a row is in quarantine too": ("doubled", added("quarantined", (PLAIN.file_id, "p1"))),
    "a bad line is in no quarantine": ("lost", lambda evidence: evidence.quarantined.remove((PLAIN.file_id, "p3"))),
    "a vanished file is in no quarantine": (
        "lost",
        lambda evidence: evidence.quarantined.remove((WHOLE.file_id, None)),
    ),
    "a vanished file is there twice": ("doubled", added("quarantined", (WHOLE.file_id, None))),
    "a good file is in quarantine": ("lost", set_aside_whole(NEW)),
    "a good file without keys is in quarantine": ("lost", set_aside_whole(OLD_PLAIN)),
    "a good record is in quarantine and not in its table": (
        "lost",
        moved_to_quarantine("p1", PLAIN),
    ),
    "a superseded record is in quarantine": ("lost", added("quarantined", (OLD.file_id, "k1"))),
    "a bad line of a keyed file is in no quarantine": ("lost", lambda e: e.quarantined.remove((BAD.file_id, "k4"))),
    "a bad line of a keyed file is there twice": ("doubled", added("quarantined", (BAD.file_id, "k4"))),
    "the first to land stands": ("lost", replaced("l3", Row("t_landed_keyed", LEGACY, "l1", FIRST.file_id))),
    "an earlier line of the last file stands": (
        "lost",
        replaced("l3", Row("t_landed_keyed", LEGACY, "l2", LAST.file_id)),
    ),
    "the books lack a record without a key": ("lost", books(-1, "plain")),
    "the books have a record without a key twice": ("doubled", books(1, "plain")),
    "a key has no row": ("lost", without("tables", "k2")),
    "a key has two rows": ("doubled", added("tables", Row("t_keyed", LEGACY, "k2", OLD.file_id))),
    "a key's older record stands": ("lost", replaced("k3", Row("t_keyed", SECURED, "k1", OLD.file_id))),
    "the books lack a record": ("lost", books(-1)),
    "the books have a record twice": ("doubled", books(1)),
    "two committed runs have the same work": ("doubled", lambda evidence: evidence.listed.update({"RUN#1#good": 1})),
    "a secured record is in a legacy table": ("misplaced", replaced("p2", Row("plain", LEGACY, "p2", PLAIN.file_id))),
    "a secured record is in the legacy bucket": (
        "misplaced",
        added("classified", Row("plain", LEGACY, "p2", PLAIN.file_id)),
    ),
    "a legacy record is hidden": ("misplaced", replaced("p1", Row("plain", SECURED, "p1", PLAIN.file_id))),
    "a secured key stands in legacy": ("misplaced", replaced("k3", Row("t_keyed", LEGACY, "k3", NEW.file_id))),
    "a legacy key stands in secured": ("misplaced", replaced("k2", Row("t_keyed", SECURED, "k2", OLD.file_id))),
    "a row has never landed": ("misplaced", added("tables", Row("plain", SECURED, "x", PLAIN.file_id))),
    "temp lacks what is open": ("misplaced", lambda evidence: evidence.temp.remove("open")),
    "temp has what is consumed": ("misplaced", lambda evidence: evidence.temp.add("consumed")),
    "a committed run has no mail": ("unreported", lambda evidence: evidence.mails.remove("good")),
    "a failed run has no ticket": ("unreported", lambda evidence: evidence.tickets.remove("bad")),
    "a run that failed after its commit has no ticket": (
        "unreported",
        lambda evidence: evidence.tickets.remove("late"),
    ),
    "a run that never began has no ticket": ("unreported", lambda evidence: evidence.tickets.remove("never")),
    "a hopeless message is nowhere": ("unreported", lambda evidence: setattr(evidence, "set_aside", {})),
    "a good message is a dead letter": (
        "unreported",
        lambda evidence: setattr(evidence, "set_aside", {"no JSON": "it is no JSON", "good": "why?"}),
    ),
    "an event died before its run was told": ("unreported", added("dead_events", event("late"))),
    "an event that Lambda gave up died untold": ("unreported", added("dead_events", wrapped("late"))),
    "a dead event can't be read": ("unreported", added("dead_events", "what")),
    "a week without work has no mail": ("unreported", lambda evidence: evidence.mails.remove("idle")),
    "a failed run has a mail of success": ("unreported", lambda evidence: evidence.mails.add("bad")),
    "a run that found nothing has a mail of success": ("unreported", lambda evidence: evidence.mails.add("empty")),
    "a good run has a ticket": ("unreported", lambda evidence: evidence.tickets.add("good")),
    "a dead letter has no reason": ("unreported", lambda evidence: setattr(evidence, "set_aside", {"no JSON": ""})),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_in_order_is_seen(name: str) -> None:
    kind, change = CASES[name]
    evidence = in_order()
    change(evidence)
    verdict = judge(evidence)
    assert getattr(verdict, kind) > 0, name
    others = {other: getattr(verdict, other) for other in ("lost", "doubled", "misplaced", "unreported")}
    # A row of the wrong record is a missing one as well.
    assert [other for other, number in others.items() if number and other not in (kind, "misplaced", "lost")] == []
    assert not verdict.clean


def test_what_is_found_is_told() -> None:
    verdict = Verdict()
    verdict.add("lost", 2, "two records")
    verdict.add("lost", -1, "nothing")
    assert (verdict.lost, verdict.findings) == (2, ["lost: two records"])
