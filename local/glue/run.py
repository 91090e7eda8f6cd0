"""One Glue run: fetch the script as the job's role, run it in a process of its own, read how it ended."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local.emulator.roles import Session
from local.glue import spark
from local.settings import INSTANCE_VARIABLE, Instance

_GLUE_OWN = {
    "--extra-py-files",
    "--extra-jars",
    "--extra-files",
    "--datalake-formats",
    "--conf",
    "--job-language",
    "--TempDir",
    "--class",
    "--python-modules-installer-option",
    "--additional-python-modules",
}
"""Arguments that Glue itself acts on; `--enable-*` and the rest go to the script as well, as on AWS."""


@dataclass
class Workspace:
    """Files of one run."""

    instance: Instance
    run_id: str
    script: Path = field(init=False)

    @property
    def folder(self) -> Path:
        return self.instance.runs / "work" / self.run_id

    @property
    def log(self) -> Path:
        return self.instance.runs / f"{self.run_id}.log"


def fetch(workspace: Workspace, session: Session, script_location: str, arguments: dict[str, str]) -> list[Path]:
    """Downloads the script and its extra Python files with the role's own credentials."""
    s3 = session.client("s3", workspace.instance)
    workspace.folder.mkdir(parents=True, exist_ok=True)

    def download(uri: str) -> Path:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = workspace.folder / key.rsplit("/", 1)[-1]
        path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return path

    workspace.script = download(script_location)
    extra = arguments.get("--extra-py-files", "")
    return [download(uri.strip()) for uri in extra.split(",") if uri.strip()]


def script_arguments(job: str, run_id: str, arguments: dict[str, str]) -> list[str]:
    """`--name value` pairs as a Glue script finds them in sys.argv."""
    pairs = {"--JOB_NAME": job, "--JOB_RUN_ID": run_id}
    pairs |= {name: value for name, value in arguments.items() if name not in _GLUE_OWN}
    return [text for name, value in pairs.items() for text in (name, value)]


def environment(
    workspace: Workspace, session: Session, modules: list[Path], arguments: dict[str, str]
) -> dict[str, str]:
    """The process's variables: the role's credentials, Spark, and nothing of the person who started the emulator."""
    instance = workspace.instance
    jars = spark.find_jars()
    conf = spark.local_conf(spark.split_conf(arguments.get("--conf", "")), instance.endpoint, jars.iceberg is None)
    conf["spark.hadoop.fs.s3.spool.dir"] = str(workspace.folder / "spool")
    conf["spark.local.dir"] = str(workspace.folder / "tmp")
    conf["spark.sql.warehouse.dir"] = str(workspace.folder / "warehouse")
    temporary = workspace.folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    submit = " ".join(f"--conf {shlex.quote(f'{key}={value}')}" for key, value in conf.items())
    inherited = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG", "LC_ALL") if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **inherited,
        **session.environment(instance),
        INSTANCE_VARIABLE: str(instance.folder),
        "HOME": str(workspace.folder),
        "TMPDIR": str(temporary),
        "PYTHONPATH": os.pathsep.join(str(path) for path in modules),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": f"{submit} pyspark-shell",
        "SPARK_CONF_DIR": str(instance.spark / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def start(
    workspace: Workspace, command: list[str], variables: dict[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts the script as the leader of a process group of its own, so that its JVM ends with it."""
    return subprocess.Popen(
        command,
        cwd=workspace.folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the run's processes, and waits for them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def error_message(log: Path, status: int) -> str:
    """What Glue gives as ErrorMessage: the last exception of the script, or its exit status."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    for start in range(len(lines) - 1, -1, -1):
        if not lines[start].startswith("Traceback (most recent call last)"):
            continue
        for line in lines[start + 1 :]:
            if line and not line[0].isspace():
                return line[:2000]
    return f"Command failed with exit code {status}"
