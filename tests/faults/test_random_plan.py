"""A seed is a combination of faults, whatever happens while it is carried out."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from random import Random
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from tests.faults.random_plan import BEHAVIOURS, FAMILIES, drawn
from tests.faults.random_walk import act
from tests.faults.verdict import Version

SEEDS = range(300)


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_the_same_seed_is_the_same_plan(seed: int) -> None:
    assert drawn(Random(seed)) == drawn(Random(seed))


def test_different_seeds_are_different_plans() -> None:
    assert len({str(astuple(drawn(Random(seed)))) for seed in SEEDS}) == len(SEEDS)


def test_every_fault_is_drawn_by_some_seed() -> None:
    wanted = {name for family in FAMILIES.values() for name in family}
    assert {name for seed in range(3000) for name in drawn(Random(seed)).faults} == wanted


def test_every_fault_of_a_plan_is_in_it() -> None:
    for seed in SEEDS:
        plan = drawn(Random(seed))
        steps = {step.fault for landing in plan.rounds for step in landing.steps}
        certain = {name for name, _ in plan.armed} | steps | plan.made
        # Few events can come out of a shuffle or a loss as they went in, and keyed versions are not deleted.
        assert set(plan.faults) - certain <= {"events shuffled", "events lost", "versions deleted"}


def test_of_a_deleted_version_an_event_tells() -> None:
    plans = [drawn(Random(seed)) for seed in range(3000)]
    rounds = [landing for plan in plans for landing in plan.rounds if landing.deleted]
    assert rounds and all(set(landing.deleted) <= set(landing.events) for landing in rounds)


class Bystander:
    """A lab that writes down what it is told, and whose runs go on as somebody says."""

    outputs: Any = {
        "buckets": {name: name for name in ("landing", "raw", "state", "conformed")},
        "topics": {name: name for name in ("notifications", "alerts")},
        "roles": defaultdict(str),
        "functions": defaultdict(str),
        "queue_url": "queue",
    }

    def __init__(self, seed: int, ended: list[str]) -> None:
        self.rng, self.ended, self.told = Random(seed), ended, list[Any]()
        self.notes, self.injected, self.versions = list[str](), 0, list[Version]()
        self.prefix, self.edge = "p_", MagicMock()
        self.edge.status.side_effect = lambda: defaultdict(lambda: {"injected": 1})
        for verb in ("order", "batch", "send", "send_hopeless", "delete_version"):
            setattr(self, verb, partial(self._tell, verb))

    def _tell(self, verb: str, *what: Any) -> None:
        self.told.append((verb, *what))

    def land(self, name: str, records: Any) -> Version:
        self.versions.append(Version(f"b/{self.prefix}{name}#{len(self.versions)}", "d", tuple(records)))
        return self.versions[-1]

    def runs(self, *_: Any) -> list[str]:
        return self.ended

    def start_if_room(self, stage: int) -> str | None:
        self._tell("start", stage)
        return next(iter(self.ended), None)

    def records(self, number: int, keys: int = 0) -> list[Any]:
        return [self.rng.random() for _ in range(number)]

    def land_some(self, files: int, records: int, dataset: str) -> list[Version]:
        return [self.land(f"{dataset}/{n}", self.records(records)) for n in range(files)]

    def event_of(self, version: Version) -> str:
        return version.file_id

    def pending(self, stage: int) -> list[str]:
        return []

    def __getattr__(self, verb: str) -> Any:
        return MagicMock()


@pytest.mark.parametrize("seed", range(40))
def test_what_a_walk_does_depends_on_no_run(seed: int) -> None:
    """Whether runs have ended by then decides if an old end is told again, and nothing that is drawn."""
    slow, fast = Bystander(seed, []), Bystander(seed, ["jr_1", "jr_2"])
    for lab in (slow, fast):
        with suppress(AssertionError):
            act(cast(Any, lab))
    assert slow.told and slow.told == fast.told
    assert slow.versions and slow.versions == fast.versions
    assert slow.rng.getstate() == fast.rng.getstate()


def armed_only() -> int:
    """A seed all of whose faults wait for somebody who may not come."""
    plans = ((seed, drawn(Random(seed))) for seed in range(3000))
    return next(seed for seed, plan in plans if len({name for name, _ in plan.armed}) == len(plan.faults) > 1)


def test_a_walk_without_any_of_its_faults_fails_and_says_so() -> None:
    lab = Bystander(armed_only(), [])
    lab.edge.status.side_effect = lambda: defaultdict(lambda: {"injected": 0})
    lab.pending = lambda stage: [name for name in BEHAVIOURS for _ in range(2)]  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="none of the faults happened"):
        act(cast(Any, lab))
    names = [note for note in lab.notes if not note.startswith("never happened: ")]
    assert lab.notes == [*names, *(f"never happened: {name}" for name in names)]
    assert lab.injected == 0


def test_a_walk_counts_the_faults_that_happened_and_no_message() -> None:
    lab = Bystander(armed_only(), [])
    act(cast(Any, lab))
    faults = {name for name in lab.notes if not name.startswith("never happened: ")}
    desk = {"service desk down"}  # no alert came of it
    assert lab.injected == len(faults - desk)
