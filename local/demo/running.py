"""Starting and stopping a local AWS for as long as something needs it."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from local import up
from local.settings import Instance

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = range(4566, 4766, 10)
COMMAND_SECONDS = 1800
#: In an instance's record: whoever started it has left it running on purpose.
KEPT = "kept"

_ELSEWHERE = "name another folder with TUI_LOCAL_DIR"
_claims: list[TextIO] = []


class LocalFailed(Exception):
    """A command of the local AWS failed; it has said why."""


def own_instance(folder: Path) -> Instance:
    """An AWS of one's own, so that one left running by `make up` is not disturbed; on a free pair of ports.

    TUI_LOCAL_DIR and TUI_LOCAL_PORT, where they are set, have the last word. Folder and ports are this process's as
    long as it lives; raises LocalFailed where they are somebody else's, whose AWS would end otherwise.
    """
    folder = Path(os.environ.get("TUI_LOCAL_DIR") or folder).resolve()
    if not _claim(folder.with_name(f"{folder.name}.lock")):
        raise LocalFailed(f"another process is using the AWS in {folder}; wait for it, or {_ELSEWHERE}")
    named = os.environ.get("TUI_LOCAL_PORT")
    port = int(named) if named else _free_port()
    instance = Instance(REPOSITORY, folder, port)
    record = up.read(instance)
    if record.get(KEPT) and up.is_up(replace(instance, port=record["port"])):
        stop = f"TUI_LOCAL_DIR={folder} .venv/bin/python -m local down"
        raise LocalFailed(f"an AWS that was to be kept is running in {folder}; stop it ({stop}), or {_ELSEWHERE}")
    return instance


def _free_port() -> int:
    """The first port that is free, and the next one too. Claimed, for whoever starts now may see it free as well."""
    locks = Path(tempfile.gettempdir())
    for port in PORTS:
        if is_free(port) and is_free(port + 1) and _claim(locks / f"tui-local-{os.getuid()}-{port}.lock"):
            return port
    raise LocalFailed(f"no pair of ports from {PORTS.start} to {PORTS.stop} is free; name a port with TUI_LOCAL_PORT")


def _claim(lock: Path) -> bool:
    """Whether this process has the lock now. The system lets go of it when the process ends, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _claims.append(file)
    return True


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running(
    instance: Instance, keep: bool = False, variables: Mapping[str, str] | None = None, empty: bool = False
) -> Iterator[None]:
    """The local AWS while the block runs; it goes down however the block ends, unless it is to be kept.

    `variables` are added to the environment in which it goes up; into an `empty` one nothing is deployed.
    """
    try:
        run_local(instance, "up", *(["--empty"] if empty else []), variables=variables)
        yield
    finally:
        if keep and up.is_up(instance):
            up.write(instance, up.read(instance) | {KEPT: True})
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
        names = ("terraform.log", "emulator.log") if command[0] == "up" else ("emulator.log",)
        logs = " and ".join(str(instance.folder / name) for name in names if (instance.folder / name).exists())
        raise LocalFailed(
            f"`python -m local {' '.join(command)}` ended with status {status}, for the reason above"
            + (f"; see also {logs}" if logs else "")
        )
