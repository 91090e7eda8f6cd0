"""One lab for all fault cases of a session; its folder (target/test-faults) stays, for its logs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.lab import Lab, opened


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with opened() as lab:
        yield lab
