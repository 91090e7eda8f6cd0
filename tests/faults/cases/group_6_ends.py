"""The events of runs' ends: lost, doubled, out of order, and ends that send none."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.registry import case

STAGES = (1, 2, 3)


def work(lab: Lab) -> None:
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


@case(6, "the end of a run of each stage is not told", seed=601)
def silent(lab: Lab) -> None:
    """reconcile misses the mail and the cleaning, and starts what should have followed."""
    for stage in STAGES:
        lab.order(stage, "silent")
    work(lab)
    lab.rest()


@case(6, "a run of each stage ends as ERROR, which sends no event", seed=602)
def vanished(lab: Lab) -> None:
    for stage in STAGES:
        lab.order(stage, "vanish")
    work(lab)
    lab.rest()
    for stage in STAGES:
        lab.void(stage, "NEVER_STARTED", *lab.runs(stage, "ERROR"))


@case(6, "a run of each stage ends as EXPIRED, which sends no event", seed=608)
def expired(lab: Lab) -> None:
    """Only reconcile learns of it: it gives the run up, tells it, and starts another."""
    for stage in STAGES:
        lab.order(stage, "expire")
    work(lab)
    lab.rest()
    for stage in STAGES:
        lab.void(stage, "NEVER_STARTED", *lab.runs(stage, "EXPIRED"))


@case(6, "the end of each run is told three times", seed=603, quick=True)
def doubled(lab: Lab) -> None:
    work(lab)
    lab.rest()
    for stage in STAGES:
        for run_id in lab.runs(stage, "SUCCEEDED"):
            lab.state_change(stage, run_id, "SUCCEEDED", times=3)


@case(6, "SUCCEEDED of an old run after a new one", seed=604, quick=True)
def old_after_new(lab: Lab) -> None:
    """The second week's input is in temp when the first week's end is told once more: it must stay there."""
    work(lab)
    lab.rest()
    old = lab.runs(2, "SUCCEEDED")
    work(lab)
    lab.all_ingested()
    for run_id in old:
        lab.state_change(2, run_id, "SUCCEEDED", times=2)
    gate = lab.at_take(2, "hold-after")
    holding = lab.friday_run()
    lab.held(gate)
    assert lab.held_by(2, holding), "the new run holds nothing"
    lab.state_change(2, old[0], "SUCCEEDED")
    lab.stop(2, holding)


@case(6, "SUCCEEDED of a run that found nothing while another still works", seed=605, quick=True)
def found_nothing(lab: Lab) -> None:
    """It says nothing about the other's input, which must stay."""
    work(lab)
    lab.all_ingested()
    gate = lab.hold("classify", "dynamodb:UpdateItem", body=":committed")
    first = lab.friday_run()
    lab.held(gate)
    temp = f"{lab.outputs['prefixes']['temp']}{lab.prefix}"
    before = list(lab.keys(lab.bucket("raw"), temp))
    second = lab.start(2)
    lab.reach(2, "SUCCEEDED", run_id=second)
    lab.void(2, "EMPTY", second)
    lab.state_change(2, second, "SUCCEEDED")
    assert lab.runs(2, "RUNNING") == [first] and lab.held_by(2, first), "the first run no longer works"
    assert before and list(lab.keys(lab.bucket("raw"), temp)) == before, "another's input is gone from temp"
    lab.edge.release(gate)
    lab.reach(2, "SUCCEEDED", run_id=first)


@case(6, "SUCCEEDED is told of a run that failed", seed=606, quick=True)
def told_the_contrary(lab: Lab) -> None:
    """What an event says counts for nothing where the ledger says otherwise: nothing is cleaned, nothing is lost."""
    work(lab)
    lab.all_ingested()
    lab.order(2, "fail")
    failed = lab.friday_run()
    lab.reach(2, "FAILED", run_id=failed)
    lab.state_change(2, failed, "SUCCEEDED", times=2)
