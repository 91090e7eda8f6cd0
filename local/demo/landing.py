"""From a folder to the landing bucket: which files there are, and putting them there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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


def input_files(folder: Path) -> list[LocalFile]:
    """Every file below `folder/<dataset>/`, sorted. Files directly in the folder have no dataset and are left out."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    files = sorted(_walk(folder), key=lambda file: file.name)
    if not files:
        raise BadInput(f"{folder} holds no files in dataset folders (it should look like {folder}/<dataset>/....json)")
    for file in files:
        _check_key(file)
    return files


def _walk(folder: Path) -> Iterator[LocalFile]:
    seen: set[tuple[int, int]] = set()  # folders, so that a link to a parent is no endless walk
    for directory, below, names in os.walk(folder, followlinks=True):
        status = Path(directory).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if Path(directory) == folder:
            continue
        for name in names:
            path = Path(directory, name)
            if path.is_file():
                yield LocalFile(path, path.relative_to(folder).as_posix())


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
