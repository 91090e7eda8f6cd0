"""What is landed of a folder, what is left out, and what is refused, in words that name it."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.demo.landing import BadInput, input_files, read_input
from local.demo.running import REPOSITORY


def put(folder: Path, name: str, data: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_the_input_is_every_file_of_a_dataset_folder_under_its_own_name(tmp_path: Path) -> None:
    names = ['hotels/a b+c%20 "d".json', "hotels/2026/_x.json", "Ä/.hidden", "hotels/no extension"]
    for name in names:
        put(tmp_path, name, b"{}")
    (tmp_path / "README.md").write_text("no dataset")
    (tmp_path / "hotels" / "round").symlink_to(tmp_path / "hotels")
    files = input_files(tmp_path)
    assert [file.name for file in files] == sorted(names)
    assert {file.key for file in files} == {f"tui/legacy/{name}" for name in names}
    assert {file.folder for file in files} == {"hotels", "Ä"}


def test_a_folder_that_two_names_lead_to_is_landed_under_both(tmp_path: Path) -> None:
    """Whichever of them the file system lists first."""
    put(tmp_path, "drift/2026/a.json", b"{}")
    for name in ("a link", "linked dataset", "z link"):
        (tmp_path / name).symlink_to(tmp_path / "drift")
    (tmp_path / "drift" / "again").symlink_to(tmp_path / "drift" / "2026")
    folders = ("a link", "drift", "linked dataset", "z link")
    expected = [f"{folder}/{below}/a.json" for folder in folders for below in ("2026", "again")]
    assert [file.name for file in input_files(tmp_path)] == expected


def test_what_is_left_out_is_named_with_its_reason(tmp_path: Path) -> None:
    put(tmp_path, "hotels/a.json", b"{}")
    (tmp_path / "README.md").write_text("no dataset")
    (tmp_path / "hotels" / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "hotels" / "self.json").symlink_to("self.json")
    (tmp_path / "hotels" / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "hotels" / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")).write_bytes(b"{}")
    given = read_input(tmp_path)
    assert [file.name for file in given.files] == ["hotels/a.json"]
    assert {entry.name: entry.why for entry in given.left_out} == {
        "README.md": "in no dataset folder",
        "caf\\xe9.json": "in no dataset folder",
        "hotels/gone.json": "a link to nothing",
        "hotels/self.json": "a link to nothing",
        "hotels/pipe": "neither file nor folder",
        "hotels/round": "a link back to a folder that it lies in",
    }


@pytest.mark.parametrize("name", ["hotels/deep", "hotels/deep/a.json"])
def test_what_can_not_be_read_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    put(tmp_path, "hotels/deep/a.json", b"{}")
    put(tmp_path, "hotels/b.json", b"{}")
    assert len(input_files(tmp_path)) == 2
    unreadable = tmp_path / name
    # Modes would not do: the administrator may read everything.
    monkeypatch.setattr(os, "listdir", refusing(os.listdir, unreadable))
    monkeypatch.setattr(io, "open", refusing(io.open, unreadable))
    with pytest.raises(BadInput, match=f"{name} can't be read: Permission denied"):
        input_files(tmp_path)


def refusing(verb: Any, unreadable: Path) -> Any:
    def call(path: Any, *arguments: Any, **options: Any) -> Any:
        if path == unreadable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return verb(path, *arguments, **options)

    return call


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "INPUT is empty"), (" ", "INPUT is empty"), ("nowhere", "nowhere is no folder"), ("empty", "holds no files")],
)
def test_a_bad_input_is_told_before_anything_is_started(tmp_path: Path, given: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    done = check_input(tmp_path, given)
    assert done.returncode == 2
    assert f"demo: {told}" in done.stderr or f"demo: {given} {told}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_input_passes_the_check_without_a_word(tmp_path: Path) -> None:
    put(tmp_path, "good/hotels/a.json", b"{}")
    done = check_input(tmp_path, "good")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def check_input(folder: Path, given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.demo", "--check-input", "--input", given]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_folder_that_can_not_be_landed_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no folder"):
        input_files(tmp_path / "missing")
    with pytest.raises(BadInput, match="holds no files"):
        input_files(tmp_path)
    put(tmp_path, "hotels/" + "/".join("ü" * 100 for _ in range(6)), b"{}")
    with pytest.raises(BadInput, match="1024 at most"):
        input_files(tmp_path)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hotels").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "hotels") + b"/caf\xe9.json")).write_bytes(b"{}")
    with pytest.raises(BadInput, match="not UTF-8"):
        input_files(tmp_path)
