"""From a folder to the landing bucket: which files there are, and putting them there."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.demo.observe import IN_FLIGHT, LANDING_PREFIX

KEY_BYTES = 1024


class BadInput(Exception):
    """The folder can't be landed; the message says why."""


@dataclass(frozen=True)
class LocalFile:
    """A file of the input; `name` is its path below the folder, with `/`."""

    path: Path
    name: str

    @property
    def folder(self) -> str:
        """The dataset's folder, as it is spelled."""
        return self.name.partition("/")[0]

    @property
    def key(self) -> str:
        return LANDING_PREFIX + self.name


@dataclass(frozen=True)
class Landed:
    """A file in the landing bucket."""

    file: LocalFile
    file_id: str
    size: int


@dataclass(frozen=True)
class LeftOut:
    """Something in the folder that is not landed, and why not."""

    name: str
    why: str


@dataclass
class Input:
    """What a folder holds: what is landed of it, and what is not."""

    files: list[LocalFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def input_files(folder: Path) -> list[LocalFile]:
    """Every file below `folder/<dataset>/`, sorted."""
    return read_input(folder).files


def read_input(folder: Path) -> Input:
    """Every file below `folder/<dataset>/`, sorted, each known to be readable; and what else there is, by name."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    found = Input()
    try:
        _walk(folder, found)
        for file in found.files:
            _check_key(file)
            file.path.open("rb").close()
    except OSError as error:
        raise BadInput(f"{error.filename} can't be read: {error.strerror}") from None
    if not found.files:
        raise BadInput(f"{folder} holds no files in dataset folders (it should look like {folder}/<dataset>/....json)")
    found.files.sort(key=lambda file: file.name)
    found.left_out.sort(key=lambda entry: entry.name)
    return found


def _walk(folder: Path, found: Input) -> None:
    """Follows links, but not back to a folder that the path leads through: there it would never end."""
    pending = [(folder, frozenset({_identity(folder)}))]
    while pending:
        directory, way = pending.pop()
        for path in directory.iterdir():
            if path.is_dir():
                if _identity(path) not in way:
                    pending.append((path, way | {_identity(path)}))
                else:
                    _leave_out(found, folder, path, "a link back to a folder that it lies in")
            elif not path.is_file():
                _leave_out(found, folder, path, "a link to nothing" if path.is_symlink() else "neither file nor folder")
            elif directory == folder:
                _leave_out(found, folder, path, "in no dataset folder")
            else:
                found.files.append(LocalFile(path, path.relative_to(folder).as_posix()))


def _leave_out(found: Input, folder: Path, path: Path, why: str) -> None:
    # A name that is not UTF-8 has to be told in one that is.
    name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
    found.left_out.append(LeftOut(name, why))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _check_key(file: LocalFile) -> None:
    try:
        size = len(file.key.encode())
    except UnicodeEncodeError:
        raise BadInput(f"the name of {os.fsencode(file.path)!r} is not UTF-8, so it can be no S3 key") from None
    if size > KEY_BYTES:
        raise BadInput(f"the key of {file.name} would have {size} bytes; S3 takes {KEY_BYTES} at most")


def land(s3: Any, bucket: str, files: list[LocalFile], done: Callable[[Landed], None] = lambda _: None) -> list[Landed]:
    """Puts the files into the landing bucket, several at a time, under their own names."""

    def put(file: LocalFile) -> Landed:
        with file.path.open("rb") as body:
            version = s3.put_object(Bucket=bucket, Key=file.key, Body=body)["VersionId"]
        landed = Landed(file, f"{bucket}/{file.key}#{version}", file.path.stat().st_size)
        done(landed)
        return landed

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return list(pool.map(put, files))
