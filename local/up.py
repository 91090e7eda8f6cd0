"""Bring an instance up: servers, credentials, Spark, Terraform; and take it down again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

from local import credentials, incidents, prerequisites, processes, terraform
from local.glue import spark
from local.settings import APPLICATION_ACCOUNT, REGION, Instance
from local.whole import written_whole

_KEPT_OVER_A_START = ("terraform",)
_INHERITED = ("PATH", "JAVA_HOME", "LANG", "LC_ALL", "TMPDIR", "ICEBERG_SPARK_JAR")
_INHERITED_PREFIX = "TUI_LOCAL_"


class Unable(Exception):
    """`up` cannot begin or go on; the message is for the person who called it."""


def up(instance: Instance, say: Callable[[str], None]) -> dict[str, Any]:
    """Leaves a running instance with everything deployed. On one that runs already, deploys what has changed."""
    absent = prerequisites.missing(instance)
    if absent:
        raise Unable("these are missing:\n" + "\n".join(f"  - {line}" for line in absent))
    begun = time.monotonic()
    record = read(instance) if is_up(instance) else start(instance, say)
    try:
        record["outputs"] = deploy(instance, record["incident_password"], say)
    except terraform.Failed as failed:
        raise Unable(str(failed)) from failed
    record["up_seconds"] = round(time.monotonic() - begun, 1)
    write(instance, record)
    say(f"up after {record['up_seconds']} seconds")
    return record


def start(instance: Instance, say: Callable[[str], None]) -> dict[str, Any]:
    """Starts both servers on an empty state, without Terraform."""
    down(instance)
    for port in (instance.port, instance.incident_port):
        if not processes.is_free(port):
            raise Unable(f"port {port} of 127.0.0.1 is in use; choose another with TUI_LOCAL_PORT")
    clear(instance)
    password = secrets.token_urlsafe(18)
    credentials.write(instance)
    say("preparing Spark (its s3:// file system is compiled the first time)")
    spark.prepare(instance)
    say(f"starting the emulator on {instance.endpoint}, and the incident receiver on {instance.incident_url}")
    record: dict[str, Any] = {
        "endpoint": instance.endpoint,
        "port": instance.port,
        "incident_url": instance.incident_url,
        "incident_username": incidents.USERNAME,
        "incident_password": password,
        "pids": {},
        "started": {},
    }
    servers = {
        "emulator": ("local.emulator", emulator_environment(instance), f"{instance.endpoint}/_local/ready"),
        "incidents": (
            "local.incidents",
            {**base_environment(instance), incidents.PASSWORD_VARIABLE: password},
            f"{instance.incident_url}/_control",
        ),
    }
    started = {}
    for name, (module, variables, _) in servers.items():
        log = instance.folder / f"{name}.log"
        started[name] = processes.start(instance, module, variables, log)
        record["pids"][name] = started[name].pid
        record["started"][name] = processes.start_time(started[name].pid)
        write(instance, record)
    for name, (_, _, probe) in servers.items():
        try:
            processes.wait_until(partial(answers, probe), started[name], instance.folder / f"{name}.log")
        except processes.NotStarted as failed:
            down(instance)
            raise Unable(f"{name}: {failed}") from failed
    return record


def deploy(instance: Instance, incident_password: str, say: Callable[[str], None]) -> dict[str, Any]:
    """terraform init and apply; the root's outputs."""
    root = terraform.copy_root(instance)
    say("terraform init")
    terraform.init(instance, root)
    say("terraform apply (a minute or two, most of it waiting)")
    begun = time.monotonic()
    terraform.apply(instance, root, incident_password)
    say(f"applied in {time.monotonic() - begun:.0f} seconds")
    return terraform.outputs(instance, root)


def down(instance: Instance) -> int:
    """Ends every process of the instance; how many there were."""
    record = read(instance)
    recorded = {pid: record.get("started", {}).get(name, "") for name, pid in record.get("pids", {}).items()}

    def alive() -> list[int]:
        return processes.of_instance(instance.folder, recorded)

    servers = [pid for pid in recorded if pid in alive()]
    count = len(alive())
    # The servers go first, so that they end their children in good order; then whatever is left over.
    processes.end(servers, lambda: [pid for pid in servers if pid in alive()])
    processes.end(alive(), alive)
    instance.record.unlink(missing_ok=True)
    return count


def clear(instance: Instance) -> None:
    """Empties the state folder but for what takes long to make; the emulator's resources ended with it."""
    instance.folder.mkdir(parents=True, exist_ok=True)
    for entry in instance.folder.iterdir():
        if entry.name in _KEPT_OVER_A_START:
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for state in (instance.folder / "terraform").glob("terraform.tfstate*"):
        state.unlink()


def base_environment(instance: Instance) -> dict[str, str]:
    """What the servers get of the caller's environment: none of its AWS settings, keys or proxies."""
    inherited = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIX)
    }
    return {
        **inherited,
        "HOME": str(instance.folder / "home"),
        "TUI_LOCAL_DIR": str(instance.folder),
        "TUI_LOCAL_PORT": str(instance.port),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def emulator_environment(instance: Instance) -> dict[str, str]:
    """ministack's settings. Functions inherit them, so nothing in here may be a secret."""
    from local.emulator.athena import copy_extensions

    home, temporary = instance.folder / "home", instance.folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    absent = copy_extensions(home)
    if absent:
        raise Unable(f"these are missing: {', '.join(absent)}; run `make setup`")
    return {
        **base_environment(instance),
        "TMPDIR": str(temporary),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(instance.port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": APPLICATION_ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": instance.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ATHENA_ENGINE": "duckdb",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "DOCKER_HOST": f"unix://{temporary}/no-docker.sock",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "0",
        "LOG_LEVEL": "INFO",
    }


def read(instance: Instance) -> dict[str, Any]:
    try:
        return json.loads(instance.record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def write(instance: Instance, record: dict[str, Any]) -> None:
    with written_whole(instance.record) as aside:
        aside.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def is_up(instance: Instance) -> bool:
    """Whether this very instance answers on its port."""
    if not read(instance).get("incident_password"):
        return False
    answer = ask(f"{instance.endpoint}/_local/ready")
    return bool(answer) and answer.get("folder") == str(instance.folder)


def answers(url: str) -> bool:
    return ask(url) is not None


def ask(url: str, body: dict[str, Any] | None = None, seconds: float = 5) -> Any:
    """The JSON answer of one of the instance's servers, or None."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=seconds) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as refused:
        return json.loads(refused.read() or b"{}")
    except (OSError, ValueError):
        return None
