"""One emulator for all tests here: no Terraform, no Spark; each test makes the resources it needs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from local import up
from local.settings import Instance
from local.tests.injecting import Faults, Sender
from local.tests.support import Cloud


def free_ports() -> int:
    """The first of two ports in a row that nobody uses."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no two free ports in a row")


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("local-aws") / "instance"
    ours = replace(Instance.from_environment(), folder=Path(os.path.realpath(folder)), port=free_ports())
    up.start(ours, lambda line: None)
    yield ours
    up.down(ours)


@pytest.fixture
def cloud(instance: Instance) -> Cloud:
    return Cloud(instance)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def faults(cloud: Cloud, threads: ThreadPoolExecutor) -> Iterator[Faults]:
    # Ends before the threads do, so that they don't wait for a call that a failed test has left on hold.
    control = Faults(cloud)
    yield control
    control.ask("faults/clear", {})


@pytest.fixture
def sender(cloud: Cloud) -> Sender:
    return Sender(cloud)
