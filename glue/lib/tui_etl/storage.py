"""S3 as the jobs use it beside Spark, and what Parquet footers say.

A place is a URI. `s3://` is what jobs are given; `file://` serves a transform that is tried out on a local folder.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from pyarrow import parquet

#: Requests in flight from one process.
IN_FLIGHT = 16
#: S3 copies objects up to this size in one request.
COPY_LIMIT = 5 << 30
#: A footer is looked for in this many last bytes; a longer one costs a second request.
FOOTER_GUESS = 1 << 16
_TRAILER = 8

CLIENT_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 8},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=2 * IN_FLIGHT,
)


@dataclass(frozen=True)
class Clients:
    """The AWS clients of a job; endpoint, region and credentials come from the environment's own variables."""

    s3: Any
    dynamodb: Any
    glue: Any


def connect() -> Clients:
    """Clients with time-outs and retries set."""
    s3, dynamodb, glue = (boto3.client(name, config=CLIENT_CONFIG) for name in ("s3", "dynamodb", "glue"))
    return Clients(s3, dynamodb, glue)


@cache
def task_s3() -> Any:
    """The S3 client of a Spark worker process, made when its first task asks for it."""
    return boto3.client("s3", config=CLIENT_CONFIG)


@dataclass(frozen=True)
class StoredFile:
    """One object (or local file) and its size in bytes."""

    uri: str
    size: int

    @property
    def bucket(self) -> str:
        return split_uri(self.uri)[0]

    @property
    def key(self) -> str:
        return split_uri(self.uri)[1]


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` -> (bucket, key); for `file:///path` the bucket is empty and the key the absolute path."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in ("s3", "file"):
        raise ValueError(f"not an s3:// or file:// URI: {uri}")
    if scheme == "file":
        return "", unquote(rest)
    bucket, _, key = rest.partition("/")
    return bucket, key


def list_files(s3: Any, folder: str) -> Iterator[StoredFile]:
    """Everything below a folder's URI (the trailing slash may be missing)."""
    bucket, prefix = split_uri(folder.rstrip("/") + "/")
    if not bucket:
        for path in sorted(path for path in Path(prefix).rglob("*") if path.is_file()):
            yield StoredFile(f"file://{path}", path.stat().st_size)
        return
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            yield StoredFile(f"s3://{bucket}/{entry['Key']}", entry["Size"])


def parquet_files(s3: Any, folder: str) -> list[StoredFile]:
    """The Parquet files below a folder, without committers' left-overs (names that begin with `_` or `.`)."""
    start = len(split_uri(folder.rstrip("/") + "/")[1])
    return [
        file
        for file in list_files(s3, folder)
        if file.key.endswith(".parquet") and not any(part[:1] in ("_", ".") for part in file.key[start:].split("/"))
    ]


def open_stream(s3: Any, uri: str, start: int = 0, end: int | None = None) -> Any:
    """A readable binary stream over bytes `start` to `end` (exclusive; None: to the end) of a file."""
    bucket, key = split_uri(uri)
    if not bucket:
        file = Path(key).open("rb")  # noqa: SIM115
        file.seek(start)
        if end is None:
            return file
        with file:
            return io.BytesIO(file.read(end - start))
    if start == 0 and end is None:
        return s3.get_object(Bucket=bucket, Key=key)["Body"]
    last = "" if end is None else str(end - 1)
    return s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{last}")["Body"]


def read(s3: Any, uri: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes themselves; a stream cut short raises."""
    with open_stream(s3, uri, start, end) as stream:
        return stream.read()


def write(s3: Any, uri: str, body: bytes, content_type: str = "application/json") -> None:
    """Write one small object."""
    bucket, key = split_uri(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


def put_file(s3: Any, path: Path, uri: str) -> None:
    """Put a local file at a place, where it shows up whole or not at all."""
    bucket, key = split_uri(uri)
    if bucket:
        s3.upload_file(str(path), bucket, key)
        return
    place = Path(key)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, aside := place.with_name(f".{place.name}"))
    aside.rename(place)


def delete(s3: Any, files: Sequence[StoredFile]) -> None:
    """Delete files one by one; one that is gone already is no error."""
    for file in files:
        bucket, key = split_uri(file.uri)
        if bucket:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            Path(key).unlink(missing_ok=True)


def count_rows(s3: Any, files: Iterable[StoredFile]) -> dict[str, int]:
    """Rows of each Parquet file by its URI, from the footers alone: one ranged read a file."""
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return dict(pool.map(lambda file: (file.uri, footer_rows(s3, file)), files))


def footer_rows(s3: Any, file: StoredFile) -> int:
    """The number of rows that one Parquet file's footer names."""
    tail = read(s3, file.uri, max(0, file.size - FOOTER_GUESS), file.size)
    length = int.from_bytes(tail[-_TRAILER:-4], "little") + _TRAILER
    if tail[-4:] != b"PAR1" or length > file.size:
        raise ValueError(f"not a Parquet file: {file.uri}")
    if length > len(tail):
        tail = read(s3, file.uri, file.size - length, file.size)
    return parquet.read_metadata(io.BytesIO(tail)).num_rows
