"""A run's manifest: the items it holds and the files it wrote, as JSON Lines.

First line `{"manifest":1,"stage":..,"run_id":..,"job":..}`, then one line an item, one line an output, and a last line
with both numbers. Without a last line that matches, the manifest is refused as truncated.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from tui_etl import storage

VERSION = 1
#: A manifest stays in memory up to this size while it is written, and goes through a temporary file beyond.
_SPOOL_BYTES = 16 << 20


class ManifestError(ValueError):
    """A manifest that is truncated or isn't one."""


@dataclass(frozen=True)
class Output:
    """One file that a run wrote; zone is `temp`, `legacy` or `secured`."""

    bucket: str
    key: str
    dataset: str
    zone: str
    records: int
    size: int

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Manifest:
    """A whole manifest in memory."""

    stage: int
    run_id: str
    job: str
    items: list[str] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


def uri(state_bucket: str, stage: int, run_id: str) -> str:
    """Where a run's manifest lies."""
    return f"s3://{state_bucket}/manifests/stage={stage}/run={run_id}.jsonl"


def write(
    s3: Any, place: str, stage: int, run_id: str, job: str, items: Iterable[str], outputs: Iterable[Output]
) -> None:
    """Write a manifest; a long one is uploaded in parts and never held in memory."""
    bucket, key = storage.split_uri(place)
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        for line in lines(stage, run_id, job, items, outputs):
            spool.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        spool.seek(0)
        s3.upload_fileobj(spool, bucket, key, ExtraArgs={"ContentType": "application/x-ndjson"})


def lines(
    stage: int, run_id: str, job: str, items: Iterable[str], outputs: Iterable[Output]
) -> Iterator[dict[str, Any]]:
    """The manifest's lines as JSON values."""
    yield {"manifest": VERSION, "stage": stage, "run_id": run_id, "job": job}
    counts = {"items": 0, "outputs": 0}
    for item in items:
        counts["items"] += 1
        yield {"item": item}
    for output in outputs:
        counts["outputs"] += 1
        yield {"output": asdict(output)}
    yield {"end": True} | counts


def read(s3: Any, place: str) -> Manifest:
    """A whole manifest; raises `ManifestError` unless it is complete."""
    header, *body = stream(s3, place)
    return Manifest(
        header["stage"],
        header["run_id"],
        header["job"],
        [line["item"] for line in body if "item" in line],
        [Output(**line["output"]) for line in body if "output" in line],
    )


def read_items(s3: Any, place: str) -> set[str]:
    """Only the items of a manifest."""
    return {line["item"] for line in stream(s3, place) if "item" in line}


def stream(s3: Any, place: str) -> Iterator[dict[str, Any]]:
    """The lines of a manifest without its last one; raises at the end if it is not complete, so act only after that."""
    return check(json.loads(line) for line in _split(storage.open_stream(s3, place)))


def check(values: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass manifest lines on, and refuse a wrong first line, a missing or wrong last one, and what comes after it."""
    counts = {"item": 0, "output": 0}
    end: dict[str, Any] | None = None
    for number, value in enumerate(values):
        if end is not None:
            raise ManifestError("a manifest goes on after its last line")
        if number == 0:
            if value.get("manifest") != VERSION:
                raise ManifestError(f"not a manifest of version {VERSION}: {value}")
        elif "end" in value:
            end = value
            continue
        else:
            for kind in counts:
                counts[kind] += kind in value
        yield value
    if end is None or (end["items"], end["outputs"]) != (counts["item"], counts["output"]):
        raise ManifestError(f"a manifest is truncated: read {counts}, its last line says {end}")


def _split(body: Any) -> Iterator[bytes]:
    rest = b""
    with body:
        while block := body.read(1 << 20):
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
    if rest:
        yield rest
