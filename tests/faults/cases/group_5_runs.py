"""Glue runs that fail, are stopped, time out, go on after they were called dead, or come three at once."""

from __future__ import annotations

from local.demo.observe import STAGES as JOBS
from tests.faults.cases.group_5_overlaps import COMMIT, dead_while_held, held_run
from tests.faults.lab import Lab
from tests.faults.registry import case

STAGES = (1, 2, 3)
BEGIN = "STARTED"


def work(lab: Lab) -> None:
    """Something to do for every stage, keyed and not."""
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


def prepare(lab: Lab, stage: int) -> None:
    """Nothing goes on any more; a stage after the first has something to do as soon as it is Friday."""
    if stage > 1:
        work(lab)
        lab.all_ingested()


def rouse(lab: Lab, stage: int) -> None:
    """Lets a run of the stage come."""
    if stage == 1:
        work(lab)
    else:
        lab.friday()


def let_another_do_it(lab: Lab, stage: int) -> None:
    """Waits until what a dead run of a stage has left is done."""
    if stage == 1:
        lab.all_ingested()
    elif stage == 2:
        before = len(lab.look().run_ids(2))
        lab.friday()
        lab.wait("heir", lambda: len(lab.look().run_ids(2)) > before)
    else:
        lab.rest()


def each_stage(lab: Lab, behaviour: str, times: int = 1) -> None:
    for stage in STAGES:
        lab.order(stage, behaviour, times)
    work(lab)
    lab.rest()


@case(5, "a run of each stage fails at once", seed=501, quick=True)
def fails(lab: Lab) -> None:
    each_stage(lab, "fail")
    for stage in STAGES:
        lab.void(stage, "NEVER_STARTED", *lab.runs(stage, "FAILED"))


@case(5, "a run of each stage fails after its commit", seed=502, quick=True)
def fails_after(lab: Lab) -> None:
    """COMMITTED wins, its work is not done again, and there is a ticket all the same."""
    each_stage(lab, "fail-after")


@case(5, "a run of each stage is called dead before it begins", seed=503)
def dead_before_it_begins(lab: Lab) -> None:
    """It is VOID when its script comes to begin, and so it may not; another has done its work by then."""
    for stage in STAGES:
        prepare(lab, stage)
        gate = lab.hold(JOBS[stage], "dynamodb:PutItem", body=BEGIN)
        rouse(lab, stage)
        zombie = dead_while_held(lab, stage, gate)
        lab.void(stage, "NEVER_STARTED", zombie)
        let_another_do_it(lab, stage)
        lab.edge.release(gate)
        lab.over(zombie)
        lab.void(stage, "NEVER_STARTED", zombie)
    lab.rest()


@case(5, "a run of each stage times out", seed=504)
def times_out(lab: Lab) -> None:
    """Each has taken an item, which the next one takes over."""
    each_stage(lab, "timeout")
    for stage in STAGES:
        lab.void(stage, "ENDED", *lab.runs(stage, "TIMEOUT"))


@case(5, "a run of each stage hangs and is stopped", seed=505, quick=True)
def hangs(lab: Lab) -> None:
    """It hangs on to what it has taken; stopped, the next one does it all, and what was marked meanwhile."""
    for stage in STAGES:
        prepare(lab, stage)
        gate = lab.at_take(stage, "hold-after")
        rouse(lab, stage)
        run_id = held_run(lab, stage, gate)
        assert lab.held_by(stage, run_id), f"the Glue {stage} run that hangs holds nothing"
        if stage == 1:
            lab.land_some(files=1)
        lab.stop(stage, run_id)
        lab.reach(stage, "STOPPED", run_id=run_id)
        lab.void(stage, "ENDED", run_id)
    lab.rest()


@case(5, "three runs of Glue 1 and 2 at once, by event, schedule and hand", seed=506, quick=True)
def three_at_once(lab: Lab) -> None:
    """All three are about to begin when they are let go, so they look for the same work at the same time."""
    for stage in (1, 2):
        prepare(lab, stage)
        gate = lab.hold(JOBS[stage], "dynamodb:PutItem", body=BEGIN, times=3)
        rouse(lab, stage)
        lab.held(gate)
        for _ in range(2):
            lab.start_if_room(stage)
        lab.held(gate, 3)
        assert len(lab.runs(stage, "RUNNING")) >= 3
        lab.edge.release(gate)
    lab.order(3, "double")
    lab.rest()


@case(5, "a run of each stage fails three times in a row", seed=507)
def fails_and_fails(lab: Lab) -> None:
    """The pauses between runs that commit nothing are made longer, and still end."""
    each_stage(lab, "fail", times=3)
    for stage in STAGES:
        assert len(lab.runs(stage, "FAILED")) == 3


@case(5, "a zombie of each stage beside a run that took over", seed=508)
def zombie_and_heir(lab: Lab) -> None:
    """All is written but the commit when it is called dead; before it goes on, its heir has committed what it held."""
    for stage in STAGES:
        prepare(lab, stage)
        gate = lab.hold(JOBS[stage], "dynamodb:UpdateItem", body=COMMIT)
        rouse(lab, stage)
        held_run(lab, stage, gate)
        held = {run_id: lab.held_by(stage, run_id) for run_id in lab.runs(stage, "RUNNING")}
        zombie = dead_while_held(lab, stage, gate)
        assert held[zombie], f"the Glue {stage} zombie holds nothing"
        let_another_do_it(lab, stage)
        assert held[zombie] <= lab.committed_items(stage), f"nobody took over from the Glue {stage} zombie"
        lab.edge.release(gate)
        lab.over(zombie)
        lab.void(stage, "ENDED", zombie)
    lab.rest()


@case(5, "a run of each stage is called dead while it works, and goes on", seed=510)
def dead_at_work(lab: Lab) -> None:
    """Whichever comes first, its commit or its end in the ledger, nothing is done twice."""
    each_stage(lab, "zombie")
    for stage in STAGES:
        assert lab.runs(stage, "FAILED"), f"no Glue {stage} run was called dead"


@case(5, "every job started again and again by anyone", seed=509, quick=True)
def started_again(lab: Lab) -> None:
    """A start means 'look'; what is done is not done again."""
    work(lab)
    lab.rest()
    before = {stage: lab.look().run_ids(stage) for stage in STAGES}
    for stage in (1, 2, 3, 2, 1, 3):
        lab.start_if_room(stage)
    lab.rest()
    assert {stage: lab.look().run_ids(stage) for stage in STAGES} == before, "a start without work made work"
