"""Starting and stopping a local AWS for as long as something needs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.settings import Instance

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = range(4566, 4766, 10)
COMMAND_SECONDS = 1800


class LocalFailed(Exception):
    """A command of the local AWS failed; it has said why."""


def own_instance(folder: Path) -> Instance:
    """An AWS of one's own, so that one left running by `make up` is not disturbed; on a free pair of ports.

    TUI_LOCAL_DIR and TUI_LOCAL_PORT, where they are set, have the last word.
    """
    named = os.environ.get("TUI_LOCAL_PORT")
    port = int(named) if named else next(port for port in PORTS if is_free(port) and is_free(port + 1))
    return Instance(REPOSITORY, Path(os.environ.get("TUI_LOCAL_DIR") or folder).resolve(), port)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running(instance: Instance, keep: bool = False, variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """The local AWS while the block runs; it goes down however the block ends, unless it is to be kept.

    `variables` are added to the environment in which it goes up.
    """
    try:
        run_local(instance, "up", variables=variables)
        yield
    finally:
        if keep:
            where = f"TUI_LOCAL_DIR={instance.folder} TUI_LOCAL_PORT={instance.port}"
            print(f"AWS is still running: {where} .venv/bin/python -m local env   (and `down` to stop it)")
        else:
            with undisturbed():
                run_local(instance, "down")


@contextmanager
def undisturbed() -> Iterator[None]:
    """No signal of a person or a supervisor cuts the block short: a second Ctrl-C must not leave servers behind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_local(instance: Instance, *command: str, variables: Mapping[str, str] | None = None) -> None:
    """Runs a command of the local AWS. In a session of its own: Ctrl-C is for the caller, who then says `down`."""
    environment = os.environ | {"TUI_LOCAL_DIR": str(instance.folder), "TUI_LOCAL_PORT": str(instance.port)}
    environment |= variables or {}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *command],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.DEVNULL,  # variables for a shell; what it does is told on stderr
        start_new_session=True,
    )
    try:
        status = process.wait(COMMAND_SECONDS)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status:
        log = instance.folder / "emulator.log"
        raise LocalFailed(f"`python -m local {' '.join(command)}` ended with status {status}; see {log}")
