"""Looking through the columns of a row, nested ones too: for names that are there, and for values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from tui_etl.classify import detect, patterns
from tui_etl.classify.rules import Rule
from tui_etl.ingest.shape import RESERVED

#: Tells of a single value whether it is looked for; None if no value of its type can be.
Test = Callable[[Column, DataType], Column | None]

#: Java and others write large numbers so.
_EXPONENT = r"(?<![0-9A-Za-z.])([1-9](?:\.[0-9]{1,18})?[eE]\+?[12][0-9])(?![0-9A-Za-z.])"
_JSON_TEXT = r"^\s*[\[{]"
_SCALARS = (StringType, IntegralType, DecimalType, DoubleType, FloatType, BooleanType, DateType, TimestampType)


def data_fields(schema: StructType) -> list[StructField]:
    """The columns that hold a record's data; the pipeline's own are left out."""
    return [field for field in schema.fields if field.name not in RESERVED]


def paths(schema: StructType) -> Iterator[tuple[str, DataType]]:
    """Each field at any depth, by its path."""
    for field in data_fields(schema):
        yield from _paths(field.name, field.dataType)


def below(path: str, kind: DataType) -> Iterator[tuple[str, DataType]]:
    """Each field inside the one at this path."""
    yield from (found for found in _paths(path, kind) if found[0] != path)


def has_all(schema: StructType, names: Iterable[str]) -> bool:
    """Whether each of these names at least one field."""
    there = [path for path, _ in paths(schema)]
    return all(any(patterns.matches(name, path) for path in there) for name in names)


def any_not_null(schema: StructType, chosen: Sequence[str]) -> Column:
    """Whether a row has something in a field of such a name, or under such a key in a JSON text."""
    found = [
        _at(_column(f), f.dataType, f.name, chosen, lambda value, _: value.isNotNull()) for f in data_fields(schema)
    ]
    return _any([*found, hidden(schema, chosen)])


def any_value(schema: StructType, rule: Rule) -> Column:
    """Whether a value in the rule's columns, or in any if it has none, is what the rule looks for."""
    test = _test(rule)
    fields = data_fields(schema)
    if not rule.columns:
        return _any(_within(_column(field), field.dataType, test) for field in fields)

    def within(value: Column, kind: DataType) -> Column:
        return _any([_within(value, kind, test)])

    found = [_at(_column(field), field.dataType, field.name, rule.columns, within) for field in fields]
    return _any([*found, hidden(schema, rule.columns, test)])


def hidden(schema: StructType, chosen: Sequence[str], also: Test | None = None) -> Column:
    """Whether a row has a key of such a name in a map, or in a text that may be the JSON of an object or an array.

    Glue 1 keeps values as such texts where a column's records differ in type. `also`: what the text must hold besides.
    """
    keys = [patterns.key_in_text(pattern) for pattern in chosen]

    def test(value: Column, kind: DataType) -> Column | None:
        if not isinstance(kind, StringType):
            return None
        held = _any(value.rlike(key) for key in keys)
        return value.rlike(_JSON_TEXT) & held & (_any([also(value, kind)]) if also else F.lit(True))

    def of_map(value: Column) -> Column:
        names = F.lower(F.to_json(F.map_keys(F.map_filter(value, lambda _, inside: inside.isNotNull()))))
        return _any(names.rlike(key.partition(r"\s*+:")[0]) for key in keys)

    return _any(_within(_column(field), field.dataType, test, of_map) for field in data_fields(schema))


def _test(rule: Rule) -> Test:
    def test(value: Column, kind: DataType) -> Column | None:
        if not isinstance(kind, _SCALARS):
            return None
        text = _text(value, kind)
        found = [detect.BY_NAME[name](text) for name in rule.detect if text is not None]
        if rule.matches:
            found.append(value.cast("string").rlike(rule.matches))
        return _any(found) if found else None

    return test


def _text(value: Column, kind: DataType) -> Column | None:
    """A value's digits as they were written, for those that may hold a card's number; with an exponent, in full too."""
    if isinstance(kind, StringType):
        spelled = F.regexp_extract_all(value, F.lit(_EXPONENT), F.lit(1))
        in_full = F.transform(spelled, lambda number: F.coalesce(number.cast("decimal(38,6)").cast("string"), number))
        return F.when(value.rlike(_EXPONENT), F.concat_ws(" | ", value, in_full)).otherwise(value)
    if isinstance(kind, IntegralType | DecimalType):
        return value.cast("string")
    if isinstance(kind, DoubleType | FloatType):
        return value.cast("decimal(38,6)").cast("string")
    return None


def _column(field: StructField) -> Column:
    return F.col(f"`{field.name}`")


def _any(conditions: Iterable[Column | None]) -> Column:
    """Whether one of them is true; what is null is not."""
    found = [F.coalesce(condition, F.lit(False)) for condition in conditions if condition is not None]
    return reduce(lambda one, other: one | other, found, F.lit(False))


def _paths(path: str, kind: DataType) -> Iterator[tuple[str, DataType]]:
    yield path, kind
    while isinstance(kind, ArrayType | MapType):
        kind = kind.elementType if isinstance(kind, ArrayType) else kind.valueType
    if isinstance(kind, StructType):
        for field in kind.fields:
            yield from _paths(f"{path}.{field.name}", field.dataType)


def _at(
    value: Column, kind: DataType, path: str, chosen: Sequence[str], test: Callable[[Column, DataType], Column]
) -> Column | None:
    """Whether `test` is true of a field that a pattern names; None if none does."""
    if any(patterns.matches(pattern, path) for pattern in chosen):
        return test(value, kind)
    if isinstance(kind, ArrayType | MapType):
        inside = kind.elementType if isinstance(kind, ArrayType) else kind.valueType
        if not any(patterns.matches(pattern, name) for name, _ in _paths(path, inside) for pattern in chosen):
            return None
        values = value if isinstance(kind, ArrayType) else F.map_values(value)
        return F.exists(values, lambda item: _any([_at(item, inside, path, chosen, test)]))
    if not isinstance(kind, StructType):
        return None
    found = [
        _at(value.getField(field.name), field.dataType, f"{path}.{field.name}", chosen, test) for field in kind.fields
    ]
    return _any(found) if any(condition is not None for condition in found) else None


def _within(
    value: Column, kind: DataType, test: Test, of_map: Callable[[Column], Column] | None = None
) -> Column | None:
    """Whether `test` is true of a single value at any depth, a map's keys among them; None if it can't be."""
    if isinstance(kind, StructType):
        inside = [_within(value.getField(field.name), field.dataType, test, of_map) for field in kind.fields]
        return _any(inside) if any(condition is not None for condition in inside) else None
    if isinstance(kind, ArrayType):
        return _exists(value, kind.elementType, test, of_map)
    if isinstance(kind, MapType):
        keys = of_map(value) if of_map else _exists(F.map_keys(value), kind.keyType, test, of_map)
        return _any([keys, _exists(F.map_values(value), kind.valueType, test, of_map)])
    return test(value, kind)


def _exists(values: Column, kind: DataType, test: Test, of_map: Callable[[Column], Column] | None) -> Column | None:
    if _within(F.lit(None).cast(kind), kind, test, of_map) is None:
        return None
    return F.exists(values, lambda item: _any([_within(item, kind, test, of_map)]))
