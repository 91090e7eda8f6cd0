"""The server process: ministack, patched, on the loopback interface. `local.up` starts it with the right variables."""

from __future__ import annotations

import asyncio
import logging
import signal

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core import lambda_runtime

from local.emulator import (
    alarms,
    athena,
    control,
    events,
    functions,
    glue,
    iam,
    injection,
    keys,
    moving,
    polling,
    s3,
    schedules,
    sns,
)
from local.emulator.journal import Journal
from local.settings import Instance


def install(instance: Instance) -> None:
    """Puts every patch in place; each module says what the emulator does and what AWS does."""
    folder = instance.folder
    iam.install(Journal(folder / "iam.jsonl"))
    keys.install()
    s3.install()
    sns.install(Journal(folder / "notifications.jsonl"))
    events.install()
    functions.install(Journal(folder / "invocations.jsonl"))
    polling.install()
    moving.install()
    schedules.install(instance)
    glue.install(instance)
    athena.install(instance)
    alarms.install()
    injection.install()


async def _serve(instance: Instance) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{instance.port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    application = control.with_control(instance, injection.with_lost_answers(ministack.app))
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await serve(application, config, shutdown_trigger=stopped.wait)
    glue.stop_all()
    await asyncio.to_thread(lambda_runtime.reset)


def main() -> None:
    logging.getLogger("local").setLevel(logging.INFO)
    for noisy in ("botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    instance = Instance.from_environment()
    install(instance)
    asyncio.run(_serve(instance))


if __name__ == "__main__":
    main()
