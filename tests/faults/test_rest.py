"""What counts as rest: each thing that is still to happen is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.demo.observe import GlueRun, Snapshot
from tests.faults import rest


def run(stage: int, run_id: str, **more: Any) -> dict[str, Any]:
    return {"stage": stage, "run_id": run_id, "state": "COMMITTED", "told_at": "now"} | more


def at_rest() -> Snapshot:
    """One file that has gone all the way, a marker whose item never came, and a run that found nothing."""
    return Snapshot(
        files={"f": {"assigned_to": "one"}},
        runs=[
            run(1, "one", assigned_to="two"),
            run(2, "two", assigned_to="three", cleaned_at="now"),
            run(3, "three"),
            run(3, "empty", state="VOID"),
        ],
        marked={"FILE#on its way"},
        glue=[GlueRun(1, "job", "one", "SUCCEEDED", 1.0)],
    )


def update(number: int, **changed: Any) -> Callable[[Snapshot], None]:
    return lambda snapshot: snapshot.runs[number].update(changed)


CASES: dict[str, Callable[[Snapshot], None]] = {
    "a file without an item": lambda snapshot: snapshot.files.clear(),
    "a file in no committed run": update(0, state="VOID"),
    "a marked file": lambda snapshot: snapshot.marked.add("FILE#f"),
    "a marked run": lambda snapshot: snapshot.marked.add("RUN#1#one"),
    "a Glue 1 run in no committed Glue 2 run": update(0, assigned_to="empty"),
    "a Glue 2 run in no committed Glue 3 run": update(1, assigned_to=None),
    "a Glue 2 run that is not cleaned up after": lambda snapshot: snapshot.runs[1].pop("cleaned_at"),
    "a run that nobody was told of": lambda snapshot: snapshot.runs[2].pop("told_at"),
    "a run that is STARTED": update(3, state="STARTED"),
    "an active run": lambda snapshot: snapshot.glue.append(GlueRun(2, "job", "x", "RUNNING", 1.0)),
    "an ended run that is not in the ledger": lambda s: s.glue.append(GlueRun(2, "job", "x", "ERROR", 1.0)),
    "a queued message": lambda snapshot: setattr(snapshot, "queued", 1),
}


def test_rest_is_rest() -> None:
    assert rest.not_at_rest(at_rest(), ["f"]) == []
    assert not rest.waits_for_friday(at_rest())


@pytest.mark.parametrize("name", CASES)
def test_what_is_to_happen_is_seen(name: str) -> None:
    snapshot = at_rest()
    CASES[name](snapshot)
    assert rest.not_at_rest(snapshot, ["f"]) != [], name


def test_friday_is_wanted_by_what_waits_and_never_beside_an_active_run() -> None:
    snapshot = at_rest()
    snapshot.runs[0].pop("assigned_to")
    assert rest.waits_for_friday(snapshot)
    snapshot.glue.append(GlueRun(2, "job", "x", "RUNNING", 1.0))
    assert not rest.waits_for_friday(snapshot)


def test_friday_is_wanted_by_a_marker_that_a_dead_run_has_left() -> None:
    snapshot = at_rest()
    snapshot.marked.add("RUN#1#one")
    assert rest.waits_for_friday(snapshot)
