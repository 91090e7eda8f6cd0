"""Dataset contracts (`contracts/<dataset>.yaml`): what a described dataset's table looks like, and how it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, LongType, MapType, StringType, StructType, TimestampType

from tui_etl.conform.types import quoted, storable

#: Columns that the pipeline adds to every table, in this order; the key only to tables that are merged by key.
LINEAGE = {
    "_file_id": (StringType(), "The landed file version: bucket/key#version"),
    "_landed_at": (TimestampType(), "When the file landed"),
    "_sequencer": (StringType(), "S3's order among the versions of one key"),
    "_position": (LongType(), "Number of the line or element in the file"),
    "_run_id": (StringType(), "The Glue 1 run that took the file in"),
    "_rule_id": (StringType(), "The rule that classified the record"),
    "_rules_version": (StringType(), "The version of the rules"),
    "_rescued": (StringType(), "JSON object of what did not fit its column, by path; a whole record as _record"),
}
KEY = "_key"
KEY_COMMENT = "JSON array of the key; an object that names the record if a part of its key is null"
OWN = frozenset((*LINEAGE, KEY))

_WANTED = {"dataset", "owner", "description", "fields"}
_ALLOWED = _WANTED | {"key", "order_by"}


class ContractError(ValueError):
    """A contract that must not be used."""


@dataclass(frozen=True)
class Field:
    """A column as the contract describes it."""

    type: str
    description: str


@dataclass(frozen=True)
class Contract:
    """A dataset's contract; that of a dataset which nobody has described has nothing but its name."""

    dataset: str
    owner: str = ""
    description: str = ""
    key: tuple[str, ...] = ()
    order_by: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)

    def comment(self, column: str) -> str:
        """The column's description, or an empty text."""
        return self.fields[column].description if column in self.fields else ""


def parse(document: bytes | str) -> dict[str, Contract]:
    """Contracts by dataset, from `{"datasets": {<dataset>: <contract>}}`; raises `ContractError` with all problems."""
    try:
        content = json.loads(document)
    except ValueError as error:
        raise ContractError(f"contracts are not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), dict):
        raise ContractError("contracts need an object 'datasets'")
    problems = [f"{name}: {text}" for name, entry in content["datasets"].items() for text in _problems(name, entry)]
    if problems:
        raise ContractError("; ".join(problems))
    return {name: _contract(entry) for name, entry in content["datasets"].items()}


def schema(spark: SparkSession, contract: Contract) -> StructType:
    """The described columns, with types that Iceberg has."""
    if not contract.fields:
        return StructType()
    columns = ", ".join(f"CAST(NULL AS {field.type}) AS {quoted(name)}" for name, field in contract.fields.items())
    try:
        found = storable(spark.sql(f"SELECT {columns}").schema)
    except (AnalysisException, ParseException) as error:
        raise ContractError(f"{contract.dataset}: a field's type is none of Spark SQL's: {error}") from error
    assert isinstance(found, StructType)
    for name in (*contract.key, *filter(None, [contract.order_by])):
        if isinstance(found[name].dataType, StructType | ArrayType | MapType):
            raise ContractError(f"{contract.dataset}: {name} is a key or an order, so it must be a single value")
    return found


def _problems(name: str, entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["is not an object"]
    problems = [f"needs {wanted!r}" for wanted in sorted(_WANTED - set(entry))]
    problems += [f"unknown entry {unknown!r}" for unknown in sorted(set(entry) - _ALLOWED)]
    if entry.get("dataset") != name or not re.fullmatch("[a-z0-9_]+", name):
        problems.append(f"is the contract of {entry.get('dataset')!r}")
    if not isinstance(entry.get("fields"), dict):
        return [*problems, "'fields' is an object"]
    return problems + _field_problems(entry["fields"]) + _key_problems(entry)


def _field_problems(fields: Mapping[str, Any]) -> list[str]:
    problems = []
    for column, described in fields.items():
        if not re.fullmatch("[a-z0-9_]+", column) or column in OWN:
            problems.append(f"field {column!r}: lower case letters, digits and _, and none of the pipeline's own names")
        if not isinstance(described, dict) or {*described} != {"type", "description"}:
            problems.append(f"field {column!r} has a type and a description, and nothing else")
    return problems


def _key_problems(entry: Mapping[str, Any]) -> list[str]:
    key, order_by = entry.get("key", []), entry.get("order_by")
    if not isinstance(key, list) or ("key" in entry and not key):
        return ["'key' is a list of columns"]
    if order_by and not key:
        return ["'order_by' without a 'key' orders nothing"]
    undescribed = [column for column in [*key, order_by] if column and column not in entry["fields"]]
    return [f"no field is called {column!r}" for column in undescribed]


def _contract(entry: Mapping[str, Any]) -> Contract:
    fields = {name: Field(described["type"], described["description"]) for name, described in entry["fields"].items()}
    key = tuple(entry.get("key", ()))
    return Contract(entry["dataset"], entry["owner"], entry["description"], key, entry.get("order_by"), fields)
