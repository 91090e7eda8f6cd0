"""Types of tables: what they become when new data arrives, and how that is said in SQL.

A table's type never changes so that a stored value could be lost: columns and nested fields are added, and a type is
widened as Iceberg can (int to bigint, float to double, more digits of a decimal). A value that does not fit then is
rescued (`align`). Only while a column is new is there a choice, and then it is the type that holds all that has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
)

WHOLE_NUMBERS = (ByteType, ShortType, IntegerType, LongType)
FLOATS = (FloatType, DoubleType)


@dataclass(frozen=True)
class Change:
    """One change of a table: a column or nested field that is added, or (`widened`) gets a wider type."""

    path: tuple[str, ...]
    type: DataType
    widened: bool = False


def storable(kind: DataType) -> DataType:
    """The type in which a table keeps such values: nullable, without comments, lower case, and one that Iceberg has."""
    if isinstance(kind, StructType):
        return StructType([StructField(field.name.lower(), storable(field.dataType)) for field in kind])
    if isinstance(kind, ArrayType):
        return ArrayType(storable(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(storable(kind.keyType), storable(kind.valueType))
    if isinstance(kind, ByteType | ShortType):
        return IntegerType()
    return StringType() if isinstance(kind, NullType) else kind


def common(one: DataType, other: DataType) -> DataType:
    """The type of a new column for which values of both types have come; text if nothing else holds both."""
    if one == other:
        return one
    if isinstance(one, StructType) and isinstance(other, StructType):
        return _merge(one, other, common)
    if isinstance(one, ArrayType) and isinstance(other, ArrayType):
        return ArrayType(common(one.elementType, other.elementType))
    if isinstance(one, WHOLE_NUMBERS + FLOATS) and isinstance(other, WHOLE_NUMBERS + FLOATS):
        whole = isinstance(one, WHOLE_NUMBERS) and isinstance(other, WHOLE_NUMBERS)
        return LongType() if whole else DoubleType()
    return StringType()


def evolved(table: DataType, data: DataType) -> DataType:
    """What a table's type becomes when data of another type arrives: the table's own, with fields added and widened."""
    if isinstance(table, StructType) and isinstance(data, StructType):
        return _merge(table, data, evolved)
    if isinstance(table, ArrayType) and isinstance(data, ArrayType):
        return ArrayType(evolved(table.elementType, data.elementType))
    if isinstance(table, MapType) and isinstance(data, MapType):
        return MapType(table.keyType, evolved(table.valueType, data.valueType))
    return data if _widens(table, data) else table


def merged(base: StructType, incoming: Iterable[StructType]) -> StructType:
    """The columns of a table (`base`: those that it has or is described to have) after such data has come."""
    new = StructType()
    for kind in incoming:
        new = _merge(new, _struct(storable(kind)), common)
    return _struct(evolved(base, StructType(sorted(new, key=lambda field: field.name))))


def changes(table: DataType, target: DataType, path: tuple[str, ...] = ()) -> Iterator[Change]:
    """What must change for a table of one type to have the other (one that `evolved` made of it)."""
    if isinstance(table, StructType) and isinstance(target, StructType):
        present = {field.name: field.dataType for field in table}
        for field in target:
            place = (*path, field.name)
            if field.name in present:
                yield from changes(present[field.name], field.dataType, place)
            else:
                yield Change(place, field.dataType)
    elif isinstance(table, ArrayType) and isinstance(target, ArrayType):
        yield from changes(table.elementType, target.elementType, (*path, "element"))
    elif isinstance(table, MapType) and isinstance(target, MapType):
        yield from changes(table.valueType, target.valueType, (*path, "value"))
    elif table != target:
        yield Change(path, target, widened=True)


def ddl(kind: DataType) -> str:
    """A type as SQL, every name quoted."""
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{quoted(field.name)}:{ddl(field.dataType)}' for field in kind)}>"
    if isinstance(kind, ArrayType):
        return f"array<{ddl(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{ddl(kind.keyType)},{ddl(kind.valueType)}>"
    return kind.simpleString()


def quoted(*names: str) -> str:
    """An identifier of one or more parts."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def literal(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _merge(one: StructType, other: StructType, merge: Callable[[DataType, DataType], DataType]) -> StructType:
    incoming = {field.name: field.dataType for field in other}
    fields = []
    for field in one:
        kind = incoming.pop(field.name, None)
        fields.append(StructField(field.name, field.dataType if kind is None else merge(field.dataType, kind)))
    return StructType([*fields, *(StructField(name, kind) for name, kind in incoming.items())])


def _widens(table: DataType, data: DataType) -> bool:
    if isinstance(table, DecimalType) and isinstance(data, DecimalType):
        return table.scale == data.scale and table.precision < data.precision
    to_long = isinstance(table, IntegerType) and isinstance(data, LongType)
    return to_long or (isinstance(table, FloatType) and isinstance(data, DoubleType))


def _struct(kind: DataType) -> StructType:
    assert isinstance(kind, StructType)
    return kind
