"""Dataset contracts (`contracts/<dataset>.yaml`): what a described dataset's table looks like, and how it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql.types import LongType, StringType, TimestampType

from tui_etl.conform import expectations
from tui_etl.conform.align import EPOCHS
from tui_etl.conform.expectations import Expectation
from tui_etl.conform.types import quoted
from tui_etl.ingest.shape import METADATA

#: Columns that the pipeline adds to every table, in this order; the key only to tables that are merged by key.
LINEAGE = {
    "_file_id": (StringType(), "The landed file version: bucket/key#version"),
    "_landed_at": (TimestampType(), "When the file landed"),
    "_sequencer": (StringType(), "S3's order among the versions of one key"),
    "_position": (LongType(), "Number of the line or element in the file"),
    "_run_id": (StringType(), "The Glue 1 run that took the file in"),
    "_origin_file_id": (
        StringType(),
        "The version that its sender landed, if the file was made of what quarantine had of that",
    ),
    "_rule_id": (StringType(), "The rule that classified the record"),
    "_rules_version": (StringType(), "The version of the rules"),
    "_rescued": (StringType(), "JSON object of what did not fit its column, by path; a whole record as _record"),
}
KEY = "_key"
KEY_COMMENT = "JSON array of the key; an object that names the record if a part of its key is null"
OWN = frozenset((*LINEAGE, KEY))

EVOLVE, STRICT, PERMISSIVE = "evolve", "strict", "permissive"
#: Transforms of hidden partitioning, as the contract and as SQL has them, and the number that they need.
TRANSFORMS = {
    "identity": ("{column}", None),
    "bucket": ("bucket({number}, {column})", "buckets"),
    "truncate": ("truncate({number}, {column})", "width"),
    "year": ("years({column})", None),
    "month": ("months({column})", None),
    "day": ("days({column})", None),
    "hour": ("hours({column})", None),
}

_WANTED = {"dataset", "owner", "description", "fields"}
_ALLOWED = _WANTED | {
    "key",
    "order_by",
    "mode",
    "partition_by",
    "sort_by",
    "allowed_lateness",
    "expectations",
    "learned",
}
_FIELD = {"type", "description", "format", "formats"}


class ContractError(ValueError):
    """A contract that must not be used."""


@dataclass(frozen=True)
class Field:
    """A column as the contract describes it; `formats` tells how dates and times are spelled, by path."""

    type: str
    description: str
    formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Partition:
    """One part of a table's hidden partitioning."""

    field: str
    transform: str
    number: int | None = None

    @property
    def sql(self) -> str:
        return TRANSFORMS[self.transform][0].format(column=quoted(self.field), number=self.number)


@dataclass(frozen=True)
class Lateness:
    """How long after the time in a field a record may land before it is told of as late."""

    field: str
    hours: int


@dataclass(frozen=True)
class Contract:
    """A dataset's contract; that of a dataset which nobody has described has nothing but its name."""

    dataset: str
    owner: str = ""
    description: str = ""
    key: tuple[str, ...] = ()
    order_by: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    mode: str = EVOLVE
    partition_by: tuple[Partition, ...] = ()
    lateness: Lateness | None = None
    expectations: tuple[Expectation, ...] = ()
    sort_by: tuple[str, ...] = ()

    @property
    def formats(self) -> dict[str, str]:
        """How dates and times are spelled, by the path of the value."""
        return {path: text for described in self.fields.values() for path, text in described.formats.items()}

    def comment(self, column: str) -> str:
        """The column's description, or an empty text."""
        return self.fields[column].description if column in self.fields else ""


def parse(document: bytes | str) -> dict[str, Contract]:
    """Contracts by dataset, from `{"datasets": {<dataset>: <contract>}}`; raises `ContractError` with all problems.

    Each problem names the file, the path inside it, and the rule that is broken.
    """
    try:
        content = json.loads(document)
    except ValueError as error:
        raise ContractError(f"contracts are not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), dict):
        raise ContractError("contracts need an object 'datasets'")
    problems = [
        f"{name}.yaml: {path}: {text}" if path else f"{name}.yaml: {text}"
        for name, entry in content["datasets"].items()
        for path, text in _problems(name, entry)
    ]
    if problems:
        raise ContractError("; ".join(problems))
    return {name: _contract(entry) for name, entry in content["datasets"].items()}


Problems = Iterator[tuple[str, str]]


def _problems(name: str, entry: Any) -> Problems:
    if not isinstance(entry, dict):
        yield "", "is not an object"
        return
    yield from ((wanted, "is required") for wanted in sorted(_WANTED - set(entry)))
    yield from ((unknown, "is no entry of a contract") for unknown in sorted(set(entry) - _ALLOWED))
    if entry.get("dataset") != name or not re.fullmatch("[a-z0-9_]+", name):
        yield "dataset", f"must be the file's name: lower case letters, digits and _, and not {entry.get('dataset')!r}"
    for text in ("owner", "description"):
        if not isinstance(entry.get(text, "x"), str) or not entry.get(text, "x"):
            yield text, "must be a text"
    if entry.get("mode", EVOLVE) not in (EVOLVE, STRICT, PERMISSIVE):
        yield "mode", f"must be {EVOLVE}, {STRICT} or {PERMISSIVE}"
    if not isinstance(entry.get("fields"), dict):
        yield "fields", "must be an object"
        return
    yield from _field_problems(entry["fields"])
    wrong = list(_key_problems(entry))
    yield from wrong
    yield from _partition_problems(entry)
    yield from _sort_problems(entry)
    yield from _lateness_problems(entry)
    if not wrong:
        yield from _expectation_problems(entry)


def _field_problems(fields: Mapping[str, Any]) -> Problems:
    for column, described in fields.items():
        path = f"fields.{column}"
        if not re.fullmatch("[a-z0-9_]+", column) or column in {*OWN, *METADATA}:
            yield path, "a name has lower case letters, digits and _, and is none of the pipeline's own or of Iceberg's"
        if not isinstance(described, dict) or not {"type", "description"} <= {*described} <= _FIELD:
            yield path, "has a type and a description, perhaps a format or formats, and nothing else"
            continue
        if not isinstance(described["type"], str) or not isinstance(described["description"], str):
            yield path, "type and description must be texts"
        elif not described["type"]:
            yield f"{path}.type", "must not be empty"
        if "format" in described and "formats" in described:
            yield path, "has a format for itself or formats for fields inside it, not both"
        formats = described.get("formats", {})
        if not isinstance(formats, dict):
            yield f"{path}.formats", "must be an object of paths and formats"
            continue
        for text in [described.get("format", "yyyy"), *formats.values()]:
            if not isinstance(text, str) or not text or "SSSSSSS" in text:
                yield path, f"a format is a pattern of Spark's with 6 digits of a second at most, or {EPOCHS}"


def _key_problems(entry: Mapping[str, Any]) -> Problems:
    key, order_by = entry.get("key", []), entry.get("order_by")
    if not isinstance(key, list) or ("key" in entry and not key) or not all(isinstance(part, str) for part in key):
        yield "key", "must be a list of columns that is not empty"
        return
    if len({*key}) < len(key):
        yield "key", "names a column twice"
    if "order_by" in entry and not key:
        yield "order_by", "orders nothing without a key"
    for place, column in [*(("key", part) for part in key), ("order_by", order_by)]:
        if column is not None and (not isinstance(column, str) or column not in entry["fields"]):
            yield place, f"no field is called {column!r}"


def _partition_problems(entry: Mapping[str, Any]) -> Problems:
    parts = entry.get("partition_by", [])
    if not isinstance(parts, list):
        yield "partition_by", "must be a list"
        return
    for index, part in enumerate(parts):
        path = f"partition_by[{index}]"
        if not isinstance(part, dict) or part.get("transform") not in tuple(TRANSFORMS):
            yield path, f"needs a transform: {', '.join(TRANSFORMS)}"
            continue
        number = TRANSFORMS[part["transform"]][1]
        if {*part} != {"field", "transform", *filter(None, [number])}:
            yield path, f"needs a field, the transform{f', {number}' if number else ''}, and nothing else"
        elif number and (type(part[number]) is not int or part[number] < 1):
            yield f"{path}.{number}", "must be a whole number from 1 up"
        if part.get("field") not in (*entry["fields"], "_landed_at"):
            yield f"{path}.field", f"no field is called {part.get('field')!r}"


def _sort_problems(entry: Mapping[str, Any]) -> Problems:
    columns = entry.get("sort_by", [])
    if (
        not isinstance(columns, list)
        or ("sort_by" in entry and not columns)
        or len({*map(str, columns)}) < len(columns)
    ):
        yield "sort_by", "must be a list of columns that is not empty and names none twice"
        return
    for column in columns:
        if not isinstance(column, str) or column not in (*entry["fields"], *LINEAGE):
            yield "sort_by", f"no field is called {column!r}"


def _lateness_problems(entry: Mapping[str, Any]) -> Problems:
    lateness = entry.get("allowed_lateness")
    if "allowed_lateness" not in entry:
        return
    if not isinstance(lateness, dict) or {*lateness} != {"field", "hours"} or type(lateness["hours"]) is not int:
        yield "allowed_lateness", "needs a field and whole hours"
    elif lateness["hours"] < 0:
        yield "allowed_lateness.hours", "must not be negative"
    elif lateness["field"] not in tuple(entry["fields"]):
        yield "allowed_lateness.field", f"no field is called {lateness['field']!r}"


def _expectation_problems(entry: Mapping[str, Any]) -> Problems:
    expected = entry.get("expectations", [])
    if not isinstance(expected, list):
        yield "expectations", "must be a list"
        return
    for index, one in enumerate(expected):
        for path, text in expectations.problems(one, entry):
            yield f"expectations[{index}]{f'.{path}' if path else ''}", text


def _contract(entry: Mapping[str, Any]) -> Contract:
    lateness = entry.get("allowed_lateness")
    return Contract(
        entry["dataset"],
        entry["owner"],
        entry["description"],
        tuple(entry.get("key", ())),
        entry.get("order_by"),
        {name: _field(name, described) for name, described in entry["fields"].items()},
        entry.get("mode", EVOLVE),
        tuple(_partition(part) for part in entry.get("partition_by", ())),
        Lateness(lateness["field"], lateness["hours"]) if lateness else None,
        tuple(expectations.parse(one) for one in entry.get("expectations", ())),
        tuple(entry.get("sort_by", ())),
    )


def _field(name: str, described: Mapping[str, Any]) -> Field:
    formats = {f"{name}.{path}": text for path, text in described.get("formats", {}).items()}
    if "format" in described:
        formats[name] = described["format"]
    return Field(described["type"], described["description"], formats)


def _partition(part: Mapping[str, Any]) -> Partition:
    number = TRANSFORMS[part["transform"]][1]
    return Partition(part["field"], part["transform"], part[number] if number else None)
