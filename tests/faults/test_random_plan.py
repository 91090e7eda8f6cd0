"""A seed is a combination of faults, whatever happens while it is carried out."""

from __future__ import annotations

from dataclasses import astuple
from random import Random

import pytest

from tests.faults import random_plan
from tests.faults.random_plan import FAMILIES, drawn

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
        # Few events can come out of a shuffle or a loss as they went in.
        assert set(plan.faults) - certain <= {"events shuffled", "events lost"}


def test_of_a_deleted_version_an_event_tells() -> None:
    plans = [drawn(Random(seed)) for seed in range(3000)]
    rounds = [landing for plan in plans for landing in plan.rounds if landing.deleted]
    assert rounds and all(set(landing.deleted) <= set(landing.events) for landing in rounds)


def test_a_walk_draws_nothing_but_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """No function that acts knows of a source of chance."""
    from tests.faults import random_walk

    assert not hasattr(random_walk, "Random") and not hasattr(random_walk, "random")
    assert random_walk.drawn is random_plan.drawn
