"""An AWS of one's own: nobody else's folder, nobody else's ports, and no AWS that was to be kept."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from local import up
from local.demo import running
from local.demo.running import KEPT, REPOSITORY, LocalFailed, own_instance, run_local
from local.settings import Instance


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that no other process on this machine knows, let go of when the test ends."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(running, "_claims", [])
    monkeypatch.setattr(running, "is_free", lambda port: True)
    for name in ("TUI_LOCAL_DIR", "TUI_LOCAL_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_two_that_start_at_the_same_moment_take_different_ports(tmp_path: Path) -> None:
    first, second = own_instance(tmp_path / "a"), own_instance(tmp_path / "b")
    assert {first.port, first.incident_port}.isdisjoint({second.port, second.incident_port})


def test_a_folder_in_use_is_named_with_the_remedy(tmp_path: Path) -> None:
    own_instance(tmp_path / "aws")
    with pytest.raises(LocalFailed, match=f"using the AWS in {tmp_path}/aws; wait for it, or .* TUI_LOCAL_DIR"):
        own_instance(tmp_path / "aws")


def test_another_process_has_the_folder_as_long_as_it_lives(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from local.demo.running import own_instance;"
        f"own_instance(pathlib.Path({str(tmp_path / 'aws')!r})); print('mine', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout and other.stdout.readline() == "mine\n"
    with pytest.raises(LocalFailed, match="another process"):
        own_instance(tmp_path / "aws")
    other.kill()
    other.communicate()
    assert own_instance(tmp_path / "aws").folder == tmp_path / "aws"


def test_no_free_port_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "is_free", lambda port: False)
    with pytest.raises(
        LocalFailed, match="no pair of ports from 4566 to 4766 is free; name a port with TUI_LOCAL_PORT"
    ):
        own_instance(tmp_path / "aws")


@pytest.mark.parametrize(("kept", "alive"), [(True, True), (True, False), (False, True)])
def test_an_aws_that_was_kept_is_not_ended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, alive: bool
) -> None:
    """One that was not kept is what a crash left behind: that one makes room."""
    was = Instance(REPOSITORY, tmp_path / "aws", 4999)
    was.folder.mkdir()
    up.write(was, {"port": was.port, KEPT: kept})
    monkeypatch.setattr(up, "is_up", lambda instance: alive and instance == was)
    if kept and alive:
        with pytest.raises(
            LocalFailed, match=rf"kept is running in {was.folder}; stop it \(TUI_LOCAL_DIR={was.folder}"
        ):
            own_instance(was.folder)
    else:
        assert own_instance(was.folder).folder == was.folder


def test_an_aws_is_noted_as_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(REPOSITORY, tmp_path, 4999)
    up.write(instance, {"port": 4999})
    monkeypatch.setattr(running, "run_local", lambda *_, **__: None)
    monkeypatch.setattr(up, "is_up", lambda _: True)
    with running.running(instance, keep=True):
        assert KEPT not in up.read(instance)
    assert up.read(instance) == {"port": 4999, KEPT: True}


def test_a_deployment_that_fails_names_the_log_of_terraform(tmp_path: Path) -> None:
    for name in ("terraform.log", "emulator.log"):
        (tmp_path / name).touch()
    with pytest.raises(LocalFailed, match=f"see also {tmp_path}/terraform.log and {tmp_path}/emulator.log"):
        run_local(Instance(REPOSITORY, tmp_path, 4999), "up", variables={"PATH": "", "JAVA_HOME": ""})
