"""From what was seen in a batch to one column type a field, without losing a value.

| seen in the batch                     | column                                                                 |
|---------------------------------------|------------------------------------------------------------------------|
| booleans                              | boolean                                                                |
| integers of 64 bits                   | bigint                                                                 |
| numbers that fit a double             | double                                                                 |
| strings                               | string                                                                 |
| objects                               | struct (one that is always empty: a struct with a null field `_empty`) |
| arrays                                | array (one that is always empty: `array<string>`)                      |
| anything else                         | string: strings as they are, any other value as its JSON text          |
| only null                             | no column yet                                                          |

Anything else is a mix of these; a number beyond 64 bits or a double's precision; what is nested deeper than
`MAX_LEVELS`; an object with more than `MAX_FIELDS` keys. A number fits a double that gives back all digits which were
written (17 at most; 1.10 and 1.1 are one number), or is a whole one up to 2^53.

Keys become column names by `column_name`; keys that differ in case only share a column. A record of which something
still can't be told from its columns carries its whole text in `_rescued`: one with a repeated key (the last one wins),
with two spellings of a key, half a surrogate pair, a key beyond the limits, or a string that reads like JSON in a
column of mixed values (`"1"` among numbers).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from tui_etl.ingest.keys import is_data
from tui_etl.ingest.strict import Kind, has_surrogate

#: What every row tells about where it comes from, and the stages after this one add.
LINEAGE = ("_file_id", "_landed_at", "_sequencer", "_position", "_run_id", "_origin_file_id")
RESCUED = "_rescued"
#: The column of a struct that would have none.
PLACEHOLDER = "_empty"
#: Iceberg's own columns: a table in which a field has such a name can't be merged into any more.
METADATA = (
    *("_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number"),
    *("_change_type", "_change_ordinal", "_commit_snapshot_id"),
)
RESERVED = frozenset((*LINEAGE, *METADATA, RESCUED, "_rule_id", "_rules_version", "_key", PLACEHOLDER))

#: Objects and arrays nested more deeply than this stay JSON text.
MAX_LEVELS = 10
#: A nested object with more keys than this stays JSON text (its keys are data, not names).
MAX_FIELDS = 1000
#: A dataset has this many columns at most; what else its records hold is rescued.
MAX_COLUMNS = 2000

_NAME_LIMIT = 128
_SCALARS = {"boolean": BooleanType(), "long": LongType(), "double": DoubleType(), "string": StringType()}


def column_name(key: str) -> str:
    """The column of a key: lower case; letters, digits and underscores as they are.

    A key with anything else in it, an empty or very long one, and one that is spelled like a lineage column or one
    of Iceberg's become what is left of them plus eight hex digits of their hash, so that no two keys ever meet by
    accident: `first name` -> `first_name_5a0a1f8c`. The name depends on the key alone, so it is the same in every
    batch.
    """
    lower = key.lower()
    name = re.sub(r"[^a-z0-9_]", "_", lower)
    if name == lower and 0 < len(name) <= _NAME_LIMIT and name not in RESERVED:
        return name
    digest = hashlib.sha256(lower.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: _NAME_LIMIT - 9]}_{digest}"


@dataclass
class Shape:
    """What was seen at one place of a dataset's records; `kinds` also has `text` where there was too much to follow."""

    kinds: set[str] = field(default_factory=set)
    fields: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None

    def see(self, kind: Kind, level: int = 0) -> None:
        """Add one kind of value."""
        if kind.name in ("object", "array") and level > MAX_LEVELS:
            self._give_up()
            return
        self.kinds.add(kind.name)
        if "text" in self.kinds:
            return
        limit = MAX_FIELDS if level else MAX_COLUMNS
        for key, inner in kind.fields:
            if key not in self.fields and has_surrogate(key):
                continue  # its record is odd, and is rescued
            if is_data(key):
                if level:
                    self._give_up()
                    return
                self.kinds.add("more")
                continue
            if key not in self.fields and len(self.fields) >= limit:
                if level:
                    self._give_up()
                    return
                self.kinds.add("more")
                continue
            self.fields.setdefault(key, Shape()).see(inner, level + 1)
        for inner in kind.items:
            self._items().see(inner, level + 1)

    def merge(self, other: Shape, level: int = 0) -> None:
        """Add all that another shape saw at the same place."""
        self.kinds |= other.kinds
        if "text" in self.kinds:
            self._give_up()
            return
        limit = MAX_FIELDS if level else MAX_COLUMNS
        for key, inner in other.fields.items():
            if key not in self.fields and len(self.fields) >= limit:
                if level:
                    self._give_up()
                    return
                self.kinds.add("more")
                continue
            self.fields.setdefault(key, Shape()).merge(inner, level + 1)
        if other.items is not None:
            self._items().merge(other.items, level + 1)

    def _items(self) -> Shape:
        if self.items is None:
            self.items = Shape()
        return self.items

    def _give_up(self) -> None:
        self.kinds.add("text")
        self.fields = {}
        self.items = None


@dataclass
class Column:
    """One field of a struct: all its spellings, the first of which stands for it while records are read."""

    keys: list[str]
    name: str
    type: Type

    @property
    def key(self) -> str:
        return self.keys[0]


@dataclass
class Type:
    """The type of a place. `name`: boolean, long, double, string, struct or array.

    `mixed`: a string that may stand for any JSON value. `whole`: every key has a column. `nulls`: keys without a
    column, as only null was seen under them. `plain`: a JSON reader that knows the type gives exactly the values that
    are there.
    """

    name: str
    columns: list[Column] = field(default_factory=list)
    items: Type | None = None
    mixed: bool = False
    whole: bool = True
    nulls: list[str] = field(default_factory=list, compare=False)

    @cached_property
    def plain(self) -> bool:
        inner = [column.type for column in self.columns] + ([self.items] if self.items else [])
        spelled_once = all(len(column.keys) == 1 for column in self.columns)
        return self.whole and not self.mixed and spelled_once and all(kind.plain for kind in inner)

    @cached_property
    def by_key(self) -> dict[str, Column]:
        return {key: column for column in self.columns for key in column.keys}

    def spark(self, named_by: str) -> DataType:
        """The Spark type, its fields named by `key` (as records spell them) or by `name` (as columns are called)."""
        if self.name == "struct":
            return StructType([StructField(getattr(c, named_by), c.type.spark(named_by)) for c in self.columns])
        if self.items is not None:
            return ArrayType(self.items.spark(named_by))
        return _SCALARS[self.name]


def decide(shape: Shape) -> Type:
    """The type of a dataset's records (a struct, maybe without columns)."""
    nulls: list[str] = []
    columns = list(_columns(shape, nulls))
    return Type("struct", columns, whole="more" not in shape.kinds, nulls=nulls)


def _decide(shape: Shape) -> Type | None:
    kinds = shape.kinds - {"null", "more"}
    if not kinds:
        return None
    if kinds == {"object"}:
        nulls: list[str] = []
        columns = list(_columns(shape, nulls)) or [Column([PLACEHOLDER], PLACEHOLDER, Type("boolean"))]
        return Type("struct", columns, nulls=nulls)
    if kinds == {"array"}:
        return Type("array", items=(_decide(shape.items) if shape.items else None) or Type("string"))
    if kinds <= {"long", "wide"}:
        return Type("long")
    if kinds <= {"long", "double"}:
        return Type("double")
    if kinds in ({"boolean"}, {"string"}):
        return Type(kinds.pop())
    return Type("string", mixed=True)


def _columns(shape: Shape, nulls: list[str]) -> Iterator[Column]:
    by_name: dict[str, list[str]] = {}
    for key in shape.fields:
        by_name.setdefault(column_name(key), []).append(key)
    for name, keys in by_name.items():
        kind = _decide(_together(shape.fields[key] for key in keys))
        if kind is None:
            nulls += keys
        else:
            yield Column(keys, name, kind)


def _together(shapes: Iterable[Shape]) -> Shape:
    first, *rest = shapes
    if not rest:
        return first
    merged = Shape()
    for shape in (first, *rest):
        merged.merge(shape, level=1)
    return merged


def describe(kind: Type) -> dict[str, Any]:
    """A type as JSON, for logs and tests."""
    if kind.name == "struct":
        return {column.name: describe(column.type) for column in kind.columns}
    if kind.items is not None:
        return {"array": describe(kind.items)}
    return {"type": "json text" if kind.mixed else kind.name}
