"""A run's manifest: the items it holds and the files it wrote, as JSON Lines.

First line `{"manifest":1,"stage":..,"run_id":..,"job":..}`, then one line an item, one line an output, and a last line
with both numbers. Without a last line that matches, the manifest is refused as truncated.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tui_etl import storage

VERSION = 1
ZONES = ("temp", "legacy", "secured")
#: An S3 key holds 1,024 bytes at most, and JSON escapes one byte with six characters at most.
LONGEST_LINE = 64 << 10
#: The fields that a reader cares for, and their types; others are let through.
_LINE = {
    "manifest": int,
    "stage": int,
    "run_id": str,
    "item": str,
    "output": dict,
    "end": bool,
    "items": int,
    "outputs": int,
}
_OUTPUT = {"bucket": str, "key": str, "dataset": str, "zone": str, "records": int, "size": int}
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


def read(s3: Any, place: str, stage: int, run_id: str) -> Manifest:
    """A whole manifest; raises `ManifestError` unless it is complete and that run's."""
    header, *body = stream(s3, place, stage, run_id)
    return Manifest(
        header["stage"],
        header["run_id"],
        header.get("job", ""),
        [line["item"] for line in body if "item" in line],
        [_output(line["output"]) for line in body if "output" in line],
    )


def read_items(s3: Any, place: str, stage: int, run_id: str) -> set[str]:
    """Only the items of a manifest."""
    return {line["item"] for line in stream(s3, place, stage, run_id) if "item" in line}


def stream(s3: Any, place: str, stage: int, run_id: str) -> Iterator[dict[str, Any]]:
    """The lines of a manifest without its last one; raises at the end if it is not complete, so act only after that."""
    return check(_split(storage.open_stream(s3, place)), stage, run_id)


def check(raw: Iterable[bytes], stage: int, run_id: str) -> Iterator[dict[str, Any]]:
    """Pass manifest lines on, and refuse a wrong first line, a missing or wrong last one, and what comes after it.

    `tests/decisions/manifest.json` says what else is refused; the functions' own reader is held to it as well.
    """
    counts = {"items": 0, "outputs": 0}
    end: dict[str, Any] | None = None
    number = 0
    for number, line in enumerate(raw, 1):
        value = _value(line, number)
        if end is not None:
            raise ManifestError(f"line {number} of the manifest: a manifest goes on after its last line")
        if number == 1:
            _check_header(value, stage, run_id)
            yield value
            continue
        kinds = [kind for kind in ("item", "output", "end") if kind in value]
        if kinds == ["end"] and value["end"]:
            end = {name: value.get(name) for name in counts}
            continue
        if kinds not in (["item"], ["output"]):
            raise ManifestError(f"line {number} of the manifest: it is neither an item, nor an output, nor the end")
        counts[f"{kinds[0]}s"] += 1
        yield value
    if end != counts:
        raise ManifestError(f"a manifest is truncated: read {counts} in {number} lines, its last line says {end}")


def _check_header(value: dict[str, Any], stage: int, run_id: str) -> None:
    found = tuple(value.get(name) for name in ("manifest", "stage", "run_id"))
    if found != (VERSION, stage, run_id):
        expected = f"version {VERSION}, stage {stage}, run {run_id!r}"
        raise ManifestError("the manifest is for version {}, stage {}, run {!r}, not for ".format(*found) + expected)


def _value(line: bytes, number: int) -> dict[str, Any]:
    """A line as an object, without what is null; each field that is known is of its type."""
    try:
        if len(line) > LONGEST_LINE:
            raise ValueError(f"it is longer than {LONGEST_LINE} bytes")
        value = _decode(line.decode())
        if not isinstance(value, dict):
            raise ValueError("it is no object")
        value = {name: inner for name, inner in value.items() if inner is not None}
        _check_types(value, _LINE)
        if "output" in value:
            missing = [name for name in _OUTPUT if name not in value["output"]]
            if missing:
                raise ValueError(f"the output lacks {missing}")
            _check_types(value["output"], _OUTPUT)
            if value["output"]["zone"] not in ZONES:
                raise ValueError(f"{value['output']['zone']!r} is no zone")
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"line {number} of the manifest is not valid: {error}") from error
    return value


def _check_types(value: Mapping[str, Any], types: Mapping[str, type]) -> None:
    for name, inner in value.items():
        wanted = types.get(name)
        # Exactly so: to Python a truth value is a number, and 1.0 is 1.
        if wanted is not None and type(inner) is not wanted:
            raise ValueError(f"{name} is no {wanted.__name__}")
        if wanted is int and not 0 <= inner < 1 << 64:
            raise ValueError(f"{name} is beyond 64 bits")
        if wanted is str:
            inner.encode()  # Half a surrogate pair is in no key, and in no text of the functions.


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field comes twice")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse).decode


def _output(value: Mapping[str, Any]) -> Output:
    return Output(**{name: value[name] for name in _OUTPUT})


def _split(body: Any) -> Iterator[bytes]:
    rest = b""
    with body:
        while block := body.read(1 << 20):
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
            if len(rest) > LONGEST_LINE:
                break  # Its reader refuses it: what follows would only fill the memory.
    if rest:
        yield rest
