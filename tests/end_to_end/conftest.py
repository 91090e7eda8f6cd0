"""One local AWS for all end-to-end tests of a session; its folder (target/test-local) stays, for its logs.

The modules run in the order of their names and build on one another's traces: what the flow and the failing run
exercised is what least privilege is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.demo.running import REPOSITORY, own_instance, running
from tests.pipeline_under_test import Watched, told


@pytest.fixture(scope="session")
def pipeline() -> Iterator[Watched]:
    instance = own_instance(REPOSITORY / "target" / "test-local")
    with running(instance):
        yield Watched(instance)


@pytest.fixture
def describe_refusals(pipeline: Watched) -> Any:
    return lambda: [told(refusal) for refusal in pipeline.unordered_refusals()]
