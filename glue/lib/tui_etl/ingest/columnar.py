"""Blocks of records as Arrow tables: Arrow's own JSON reader under a given type, and what it is not trusted with.

That reader is fast and lax. It knows NaN and infinities, takes several values on a line and one value on several, any
bytes as text, and rounds numbers. Its process dies of a `null` where an object is due. So `Reader.take` looks at the
bytes of a block first and at the values afterwards, and gives the block back whenever one of these is possible. What is
left is that each line holds one strict JSON object without a repeated key, and that each value is exactly the one that
was written. Repeated keys, unknown ones, values of another type and half a surrogate pair are errors to Arrow itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from tui_etl.ingest.shape import PLACEHOLDER, Shape, Type
from tui_etl.ingest.strict import EXACT, EXACT_IN_DOUBLE, WIDE, Kind, kind_of_fraction, kind_of_integer

_SCALARS = {"boolean": pa.bool_(), "long": pa.int64(), "double": pa.float64(), "string": pa.string()}

#: Anything but a comma or a bracket may stand behind an object only on a line of its own, or inside a string.
_NULL_BEHIND_OBJECT = re.compile(rb"\}[ \t\r\n]*n")
#: Digits and points become one character, and what may stand before a number another. Then the numbers of 16 digits and
#: more can be searched for by their beginning, which is many times as fast as a pattern with choices.
_DIGITS = bytes.maketrans(b"123456789.-[, \t\r\n", b"0000000000" + b":" * 7)
_LONG_RUN = b":" + b"0" * 16
_LONG_NUMBER = re.compile(_LONG_RUN + rb"0*(?:[eE][:+]?0+)?")
_SMALL_EXPONENT = re.compile(rb"[:\[,\s]-?[0-9.]+[eE]-[0-9]{3}")
#: Below this, a number may have lost digits, or everything, however few they were.
_TINY = 1e-90
#: A superset of the strings that could be taken for JSON in a column of mixed values.
_READS_LIKE_JSON = r"^(?:true|false|-?[0-9]|-I|[\[{])"


class NotTaken(Exception):
    """The block has to be read record by record."""


class Reader:
    """Reads blocks of one type; `shape` is what the type was decided from, and is told of integers beyond 2^53."""

    def __init__(self, kind: Type, shape: Shape) -> None:
        self.kind = kind
        self.shape = shape
        self.schema = pa.schema(list(_parsed(kind)))
        self.simple = bool(kind.columns) and _is_simple(kind)

    def take(self, block: bytes, rows: int) -> list[pa.Array] | None:
        """The columns of a block of lines, if each line is beyond doubt a record that they tell without loss."""
        if not self.simple or not _is_one_object_a_line(block, rows):
            return None
        try:
            wide = _has_wide_numbers(block)
            table = self._parse(block, rows)
            for name in self.schema.names:
                self._check(table[name].combine_chunks(), name, block, wide)
        except (NotTaken, pa.ArrowException):
            return None
        return self._columns(table)

    def read(self, block: bytes, rows: int) -> list[pa.Array] | None:
        """The columns of a block of records that are known to be valid and to fit; None if Arrow disagrees."""
        try:
            return self._columns(self._parse(block, rows))
        except (NotTaken, pa.ArrowException):
            return None

    def nulls(self, rows: int) -> list[pa.Array]:
        """The columns of records of which nothing could be read."""
        return [pa.nulls(rows, arrow_type(column.type)) for column in self.kind.columns]

    def _parse(self, block: bytes, rows: int) -> pa.Table:
        table = arrow_json.read_json(
            pa.BufferReader(block),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=self.schema, unexpected_field_behavior="error"),
        )
        if table.num_rows != rows:
            raise NotTaken
        return table

    def _columns(self, table: pa.Table) -> list[pa.Array]:
        return [fitted(table[column.key].combine_chunks(), column.type) for column in self.kind.columns]

    def _check(self, array: pa.Array, name: str, block: bytes, wide: bool) -> None:
        column = self.kind.by_key.get(name)
        if column is not None:
            _check(array, column.type, self.shape.fields[name], block, wide)


def arrow_type(kind: Type) -> pa.DataType:
    """The Arrow type of a column as it is written."""
    if kind.name == "struct":
        return pa.struct([(column.name, arrow_type(column.type)) for column in kind.columns])
    return pa.list_(arrow_type(kind.items)) if kind.items is not None else _SCALARS[kind.name]


def fitted(array: pa.Array, kind: Type) -> pa.Array:
    """An array as it was parsed, with the names and fields of its column."""
    if array.type.equals(arrow_type(kind)):
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), arrow_type(kind))
    missing = array.is_null() if array.null_count else None
    if kind.items is not None:
        return pa.ListArray.from_arrays(array.offsets, fitted(array.values, kind.items), mask=missing)
    there = {field.name: number for number, field in enumerate(array.type)}
    inner = [
        fitted(array.field(there[column.key]), column.type)
        if column.key in there
        else pa.nulls(len(array), arrow_type(column.type))
        for column in kind.columns
    ]
    return pa.StructArray.from_arrays(inner, fields=list(arrow_type(kind)), mask=missing)


def _parsed(kind: Type) -> Iterator[pa.Field]:
    for column in kind.columns:
        if column.name != PLACEHOLDER:
            yield pa.field(column.key, _parsed_type(column.type))
    for key in kind.nulls:
        yield pa.field(key, pa.null())


def _parsed_type(kind: Type) -> pa.DataType:
    if kind.name == "struct":
        return pa.struct(list(_parsed(kind)))
    return pa.list_(_parsed_type(kind.items)) if kind.items is not None else _SCALARS[kind.name]


def _is_simple(kind: Type) -> bool:
    """Whether a record's keys are its columns; with several spellings of one, their order would matter."""
    inner = [column.type for column in kind.columns] + ([kind.items] if kind.items else [])
    return kind.whole and all(len(column.keys) == 1 for column in kind.columns) and all(map(_is_simple, inner))


def _is_one_object_a_line(block: bytes, rows: int) -> bool:
    """Whether no line end can lie inside a value (it stands between `}` and `{`), and whether the text is sound."""
    if block[:1] != b"{" or block[-1:] != b"}" or block.count(b"}\n{") != rows - 1:
        return False
    if b"\0" in block or _NULL_BEHIND_OBJECT.search(block):
        return False
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_wide_numbers(block: bytes) -> bool:
    """Whether an integer is beyond 2^53; raises if a number is so long that it would be rounded.

    Signs are left aside, so that the lowest 64-bit integer counts as too long.
    """
    marked = block.translate(_DIGITS)
    if _LONG_RUN not in marked:
        return False
    spans = map(re.Match.span, _LONG_NUMBER.finditer(marked))
    written = pa.array([block[start + 1 : end] for start, end in spans], pa.string())
    as_doubles = pc.cast(pc.cast(written, pa.float64()), pa.string())
    kinds = set(map(_kind_of_number, written.filter(pc.not_equal(written, as_doubles)).to_pylist()))
    if EXACT in kinds:
        raise NotTaken
    return WIDE in kinds


def _kind_of_number(text: str) -> Kind:
    return kind_of_fraction(text) if set(text) & set(".eE") else kind_of_integer(text)


def _check(array: pa.Array, kind: Type, shape: Shape, block: bytes, wide: bool) -> None:
    """Raise `NotTaken` if a value may not be the one that was written."""
    if kind.items is not None:
        if shape.items is not None and not pa.types.is_null(array.type.value_type):
            _check(array.flatten(), kind.items, shape.items, block, wide)
    elif kind.name == "struct":
        inner = dict(zip([field.name for field in array.type], array.flatten(), strict=True))
        for column in kind.columns:
            if column.key in inner and column.key in shape.fields:
                _check(inner[column.key], column.type, shape.fields[column.key], block, wide)
    elif kind.name == "double":
        _check_doubles(array, block, wide)
    elif kind.name == "long" and wide:
        _see_wide(array, shape)
    elif kind.mixed and pc.any(pc.match_substring_regex(array, _READS_LIKE_JSON)).as_py():
        raise NotTaken


def _check_doubles(array: pa.Array, block: bytes, wide: bool) -> None:
    if len(array) == array.null_count:
        return
    if not pc.all(pc.is_finite(array)).as_py():
        raise NotTaken
    bounds = pc.min_max(pc.abs(array)).as_py()
    if wide and bounds["max"] >= EXACT_IN_DOUBLE:
        raise NotTaken
    if bounds["min"] < _TINY and (b"e-" in block or b"E-" in block) and _SMALL_EXPONENT.search(block):
        raise NotTaken


def _see_wide(array: pa.Array, shape: Shape) -> None:
    bounds = pc.min_max(array).as_py()
    if bounds["max"] is not None and not -EXACT_IN_DOUBLE <= bounds["min"] <= bounds["max"] <= EXACT_IN_DOUBLE:
        shape.kinds.add(WIDE.name)
