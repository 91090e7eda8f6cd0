"""Glue runs that fail, are stopped, time out, go on after they were called dead, or come three at once."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.registry import case

STAGES = (1, 2, 3)


def work(lab: Lab) -> None:
    """Something to do for every stage, keyed and not."""
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


def each_stage(lab: Lab, behaviour: str, times: int = 1) -> None:
    for stage in STAGES:
        lab.order(stage, behaviour, times)
    work(lab)
    lab.rest()


@case(5, "a run of each stage fails at once", seed=501, quick=True)
def fails(lab: Lab) -> None:
    each_stage(lab, "fail")


@case(5, "a run of each stage fails after its commit", seed=502, quick=True)
def fails_after(lab: Lab) -> None:
    """COMMITTED wins, its work is not done again, and there is a ticket all the same."""
    each_stage(lab, "fail-after")


@case(5, "a run of each stage is called dead before it begins", seed=503)
def zombies(lab: Lab) -> None:
    each_stage(lab, "zombie")


@case(5, "a run of each stage times out", seed=504)
def times_out(lab: Lab) -> None:
    each_stage(lab, "timeout")


@case(5, "a run of each stage hangs and is stopped", seed=505, quick=True)
def hangs(lab: Lab) -> None:
    """Work that is marked while a run hangs waits for it; stopped, the next one does it all."""
    work(lab)
    lab.all_ingested()
    for stage in STAGES:
        lab.order(stage, "hang")
        run_id = lab.friday_run() if stage == 2 else lab.start(stage)
        lab.land_some(files=1)
        lab.reach(stage, "RUNNING", run_id=run_id)
        lab.stop(stage, run_id)
        lab.reach(stage, "STOPPED", run_id=run_id)
    lab.rest()


@case(5, "three runs of Glue 1 and 2 at once, by event, schedule and hand", seed=506, quick=True)
def three_at_once(lab: Lab) -> None:
    work(lab)
    for _ in range(2):
        lab.start_if_room(1)
    lab.all_ingested()
    lab.friday()
    for _ in range(2):
        lab.start_if_room(2)
    lab.order(3, "double")
    lab.rest()


@case(5, "a run of each stage fails three times in a row", seed=507)
def fails_and_fails(lab: Lab) -> None:
    """The pauses between runs that commit nothing are made longer, and still end."""
    each_stage(lab, "fail", times=3)


@case(5, "a zombie of each stage beside a run that took over", seed=508)
def zombie_and_heir(lab: Lab) -> None:
    work(lab)
    for stage in STAGES:
        lab.order(stage, "zombie")
        if stage == 2:
            lab.friday()
        else:
            lab.start_if_room(stage)
        lab.start_if_room(stage)
        if stage == 1:
            lab.all_ingested()
        if stage == 2:
            lab.committed(2)
    lab.rest()


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
