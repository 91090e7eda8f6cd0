"""Start a server in the background; find and end what an instance has started, also after a crash."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.settings import INSTANCE_VARIABLE, Instance


class NotStarted(Exception):
    """A server ended, or did not answer in time; the message says where its log is."""


def start(instance: Instance, module: str, variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Runs `python -m <module>` from the repository's root, detached from the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=instance.repository,
            env={**variables, INSTANCE_VARIABLE: str(instance.folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if server.poll() is not None:
            raise NotStarted(f"the server ended with status {server.returncode}; see {log}\n{_last_lines(log)}")
        if time.monotonic() > deadline:
            raise NotStarted(f"the server does not answer after {seconds:.0f} seconds; see {log}")
        time.sleep(0.1)


def _last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]) if log.exists() else ""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def of_instance(folder: Path, recorded: dict[int, str]) -> list[int]:
    """The process ids that belong to an instance: its descendants carry its folder in their environment.

    Where there is no /proc, the recorded ids are taken whose start time is still the recorded one.
    """
    marker = f"{INSTANCE_VARIABLE}={folder}".encode()
    if not Path("/proc/self/environ").exists():
        return [pid for pid, started in recorded.items() if start_time(pid) == started]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def start_time(pid: int) -> str:
    """Tells a process from a later one with the same id; empty when there is none."""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def end(pids: list[int], alive: Callable[[], list[int]], patience_seconds: float = 10) -> None:
    """Asks the processes to end, and after a while makes them."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, name)
        deadline = time.monotonic() + patience_seconds
        while pids and time.monotonic() < deadline:
            time.sleep(0.1)
            pids = alive()
        if not pids:
            return
