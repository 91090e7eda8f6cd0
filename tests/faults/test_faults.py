"""The quick ones of the faults; `make faults` runs them all."""

from __future__ import annotations

import pytest

from tests.faults.lab import Lab
from tests.faults.random_walk import walk_case
from tests.faults.registry import Case, cases
from tests.faults.runner import run_case

QUICK = [case for case in [*cases(), walk_case(1)] if case.quick]


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.slug)
def test_nothing_is_lost_or_doubled(lab: Lab, case: Case) -> None:
    result = run_case(lab, case)
    assert result.problems() == [], f"seed {result.seed}: {'; '.join([*result.notes, *result.problems()])}"
