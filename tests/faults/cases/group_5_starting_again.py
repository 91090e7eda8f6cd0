"""Any job can be started at any time, any number of times, by anyone; a failed run's work is done by the next."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.lab import Lab
from tests.faults.registry import case

STAGES = (1, 2, 3)
STARTERS = ("copy-prefix", "optimization-trigger", "reconcile")


def work(lab: Lab) -> None:
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


@case(5, "any job started by anyone at any moment while work goes on", seed=521)
def at_any_moment(lab: Lab) -> None:
    """Too early, while its turn is another's, twice, in vain: whoever finds something does it, once."""
    for _ in range(3):
        work(lab)
        anyone(lab, lab.rng.choices(STAGES, k=4))
    lab.all_ingested()
    lab.friday()
    anyone(lab, (2, 3, 1, 2))
    lab.committed(2)
    anyone(lab, (3, 1, 3, 2))
    lab.rest()
    done = {stage: lab.look().run_ids(stage) for stage in STAGES}
    anyone(lab, STAGES)
    lab.rest()
    assert {stage: lab.look().run_ids(stage) for stage in STAGES} == done, "a start without work made work"


def anyone(lab: Lab, stages: Iterable[int]) -> None:
    for stage in stages:
        lab.start_if_room(stage)


@case(5, "a failed run's work is done by the next, whoever starts it", seed=522, quick=True)
def by_hand_only(lab: Lab) -> None:
    """None of those that start jobs by themselves can: a person starts each job until it no longer fails."""
    for function in STARTERS:
        role = lab.outputs["roles"][function]
        lab.edge.inject(
            "error", role=role, action="glue:StartJobRun", status=400, code="ThrottlingException", times=None
        )
    versions = lab.land_some(files=3) + lab.land_some(files=2, dataset="d_keyed")
    lab.wait("intake", lambda: {version.file_id for version in versions} <= set(lab.look().files))
    for stage in STAGES:
        lab.order(stage, "fail")
        failed = lab.start(stage)
        lab.reach(stage, "FAILED", run_id=failed)
        lab.order(stage, "timeout")
        cut_off = lab.start(stage)
        lab.reach(stage, "TIMEOUT", run_id=cut_off)
        heir = lab.start(stage)
        lab.reach(stage, "SUCCEEDED", run_id=heir)
        lab.void(stage, "ENDED", cut_off)
    lab.rest()
