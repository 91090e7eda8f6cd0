"""Starting, stopping, side by side, after a crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from local import __main__ as command
from local import prerequisites, processes, terraform, up
from local.settings import INSTANCE_VARIABLE, Instance
from local.tests.conftest import free_ports
from local.tests.support import Cloud, wait_for
from local.tests.test_glue import Job


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Instance]:
    other = replace(Instance.from_environment(), folder=Path(os.path.realpath(tmp_path)) / "second", port=free_ports())
    up.start(other, lambda line: None)
    yield other
    up.down(other)


def test_two_instances_know_nothing_of_each_other(cloud: Cloud, second: Instance) -> None:
    bucket = cloud.bucket()
    there = Cloud(second).client("s3").list_buckets()["Buckets"]
    assert bucket not in [entry["Name"] for entry in there]
    assert up.is_up(second) and up.is_up(cloud.instance)
    up.down(second)
    assert not up.is_up(second) and up.is_up(cloud.instance)


def test_down_ends_what_a_crash_left_behind(second: Instance) -> None:
    job = Job(Cloud(second), "import time\ntime.sleep(600)")
    run_id = job.start()
    wait_for(lambda: job.run(run_id)["JobRunState"] == "RUNNING")
    emulator = up.read(second)["pids"]["emulator"]
    os.kill(emulator, signal.SIGKILL)
    assert processes.of_instance(second.folder, {}), "the job's process is gone without being ended"
    assert up.down(second) >= 2
    assert processes.of_instance(second.folder, {}) == []
    assert processes.is_free(second.port)


def test_down_ends_a_terraform_whose_caller_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: ThreadPoolExecutor
) -> None:
    fake_terraform(tmp_path, monkeypatch, "exec sleep 60")
    instance = Instance(tmp_path, tmp_path / "state", 1)
    instance.folder.mkdir()
    applied = threads.submit(terraform.apply, instance, tmp_path, "")
    [orphan] = wait_for(lambda: processes.of_instance(instance.folder, {}))
    assert up.down(instance) == 1
    with pytest.raises(terraform.Failed, match=f"status -{signal.SIGTERM}"):
        applied.result(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(orphan, 0)


def test_a_terraform_that_fails_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, monkeypatch, "echo no such role >&2; exit 1")
    with pytest.raises(terraform.Failed, match=rf"see {tmp_path}/terraform.log\nno such role"):
        terraform.apply(Instance(tmp_path, tmp_path, 1), tmp_path, "")
    assert "no such role" in (tmp_path / "terraform.log").read_text()


def fake_terraform(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "bin" / "terraform"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


def test_a_port_in_use_is_named(second: Instance, tmp_path: Path) -> None:
    third = replace(second, folder=tmp_path / "third")
    with pytest.raises(up.Unable, match=f"port {second.port}"):
        up.start(third, lambda line: None)


def test_servers_listen_on_loopback_only(second: Instance) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
    ours = {f"{second.port:04X}", f"{second.incident_port:04X}"}
    assert {entry.split(":")[0] for entry in listening if entry.split(":")[1] in ours} == {"0100007F"}


def test_functions_do_not_inherit_the_callers_keys(monkeypatch: pytest.MonkeyPatch, instance: Instance) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("AWS_PROFILE", "work")
    variables = up.emulator_environment(instance)
    assert "mine" not in variables.values() and "AWS_PROFILE" not in variables
    assert INSTANCE_VARIABLE not in os.environ


def test_what_is_missing_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repository = tmp_path / "clone"
    (repository / "crates" / "copy-prefix").mkdir(parents=True)
    (repository / "crates" / "copy-prefix" / "environment.txt").touch()
    monkeypatch.setattr(prerequisites.shutil, "which", lambda name: None)
    lines = "\n".join(prerequisites.missing(Instance(repository, tmp_path / "state", 1)))
    for expected in ("java 17", "javac 17", "terraform 1.11", "copy-prefix.zip: run `make build`", "tui_etl.zip"):
        assert expected in lines


def test_without_an_instance_env_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUI_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("TUI_LOCAL_PORT", str(free_ports()))
    assert command.main(["env"]) == 1
    assert "no local AWS is up" in capsys.readouterr().err
