"""Which process makes the calls under an access key, so that a test can kill the very process behind a request."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sts

_kill: dict[str, Callable[[], None]] = {}
_end_run: dict[str, Callable[[str], threading.Event]] = {}
_spawning = threading.local()


def install() -> None:
    # The emulator gives all execution environments of a function one access key, made of its name; AWS gives each
    # credentials of its own. With them, a request tells which of the function's processes has sent it.
    original = lambda_runtime.execution_credentials

    def execution_credentials(config: dict) -> dict[str, str]:
        credentials = original(config)
        worker = getattr(_spawning, "worker", None)
        return credentials if worker is None else _own_credentials(credentials, worker)

    lambda_runtime.execution_credentials = execution_credentials
    lambda_svc.execution_credentials = execution_credentials
    for environment in (lambda_runtime.Worker, lambda_runtime.ProvidedWorker):
        environment._spawn = _spawn_known(environment._spawn)


def _spawn_known(original: Callable[..., Any]) -> Callable[..., Any]:
    """Lets the credentials that are made during a start know whose they are."""

    def spawn(worker: Any, *args: Any, **kwargs: Any) -> Any:
        _spawning.worker = worker
        try:
            return original(worker, *args, **kwargs)
        finally:
            _spawning.worker = None

    return spawn


def _own_credentials(shared: dict[str, str], worker: Any) -> dict[str, str]:
    session = sts._sessions.get(shared["AWS_ACCESS_KEY_ID"])
    if session is None:
        return shared
    key, secret, token = "ASIA" + secrets.token_hex(8).upper(), secrets.token_hex(20), secrets.token_hex(32)
    sts.register_session(key, {**session, "SecretAccessKey": secret, "SessionToken": token})
    _kill.pop(getattr(worker, "access_key", ""), None)
    worker.access_key = key

    def kill() -> None:
        process = worker._proc
        if worker.access_key == key and process is not None:
            process.kill()

    _kill[key] = kill
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def is_group(access_key: str, leader: subprocess.Popen[bytes]) -> None:
    """Says that the processes of a group make the calls under an access key."""

    def kill() -> None:
        # A leader that has been waited for may have passed its number on to a stranger.
        if leader.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGKILL)

    _kill[access_key] = kill


def is_run(access_key: str, end: Callable[[str], threading.Event]) -> None:
    """Says that a Glue run makes the calls under an access key, and what gives it an end of a kind."""
    _end_run[access_key] = end


def has_run(access_key: str) -> bool:
    return access_key in _end_run


def end_run(access_key: str, kind: str) -> threading.Event:
    """Gives the calling run an end (`timeout` or `zombie`), and returns what is set once Glue has told it."""
    return _end_run[access_key](kind)


def has_process(access_key: str) -> bool:
    return access_key in _kill


def kill(access_key: str) -> None:
    """Sends SIGKILL to the caller: a function's process, or all processes of a Glue run."""
    _kill[access_key]()
