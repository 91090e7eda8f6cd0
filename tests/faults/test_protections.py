"""The protections that are switched off on purpose are still there to be switched off."""

from __future__ import annotations

import pytest

from tests.faults.protections import PROTECTIONS
from tests.faults.registry import cases


@pytest.mark.parametrize("name", PROTECTIONS)
def test_a_protection_can_be_switched_off_and_has_its_case(name: str) -> None:
    protection = PROTECTIONS[name]
    compile(protection.switched_off(), protection.path.name, "exec")
    assert protection.case in {case.name for case in cases()}
