"""What legacy gets of a column that it must not see as it is.

| mask      | text, whole number or decimal becomes                                   | any other value |
|-----------|-------------------------------------------------------------------------|-----------------|
| null      | null                                                                    | null            |
| hash      | SHA-256 of salt and text, in hexadecimal: equal values stay equal       | not applicable  |
| last_four | `****` and the last four characters; only `****` for 8 characters or less | not applicable  |

A mask on an object or an array is one on everything inside. A number becomes a text in all rows of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DecimalType, IntegralType, MapType, StringType, StructType

from tui_etl.classify import look, patterns
from tui_etl.classify.rules import HASH, MASKS, NULL

Masks = Sequence[tuple[str, str]]
_SHORT = 8


def applicable(schema: StructType, masks: Masks) -> bool:
    """Whether what these name is there and can be masked so."""
    for path, kind in look.paths(schema):
        how = _strongest(masks, path)
        if how and not _maskable(kind, how):
            return False
        if _is_map(kind) and any(_strongest(masks, name) for name, _ in look.below(path, kind)):
            return False
    return True


def masked(schema: StructType, by_outcome: Mapping[int, Masks], outcome: Column, salt: Column) -> list[Column]:
    """All columns, masked as the row's outcome wants."""
    data = {field.name for field in look.data_fields(schema)}
    columns = []
    for field in schema.fields:
        value = F.col(f"`{field.name}`")
        if field.name in data:
            value = _Masking(by_outcome, outcome, salt).of(value, field.dataType, field.name, {})
        columns.append(value.alias(field.name))
    return columns


class _Masking:
    """The masks of each outcome, applied from the outside in."""

    def __init__(self, by_outcome: Mapping[int, Masks], outcome: Column, salt: Column) -> None:
        self.by_outcome, self.outcome, self.salt = by_outcome, outcome, salt

    def of(self, value: Column, kind: DataType, path: str, inherited: Mapping[int, str]) -> Column:
        how = {
            number: stronger
            for number, masks in self.by_outcome.items()
            if (stronger := _stronger(inherited.get(number), _strongest(masks, path)))
        }
        inner = self._inside(value, kind, path, how)
        nulled = [number for number, name in how.items() if name == NULL]
        return F.when(~self.outcome.isin(nulled), inner) if nulled else inner

    def _inside(self, value: Column, kind: DataType, path: str, how: Mapping[int, str]) -> Column:
        named = any(_strongest(masks, name) for masks in self.by_outcome.values() for name, _ in look.below(path, kind))
        kept = {number: name for number, name in how.items() if name != NULL}
        if not kept and not named:
            return value
        if isinstance(kind, ArrayType):
            return F.transform(value, lambda item: self._inside(item, kind.elementType, path, kept))
        if isinstance(kind, StructType):
            fields = [
                self.of(value.getField(field.name), field.dataType, f"{path}.{field.name}", kept).alias(field.name)
                for field in kind.fields
            ]
            return F.when(value.isNotNull(), F.struct(*fields))
        return self._single(value, kept) if kept else value

    def _single(self, value: Column, how: Mapping[int, str]) -> Column:
        text = value.cast("string")
        short = F.length(text) <= _SHORT
        shown = F.when(
            text.isNotNull(), F.when(short, "****").otherwise(F.concat(F.lit("****"), F.right(text, F.lit(4))))
        )
        hashed = F.sha2(F.concat(self.salt, text), 256)
        result = text
        for number, name in how.items():
            result = F.when(self.outcome == number, hashed if name == HASH else shown).otherwise(result)
        return result


def _maskable(kind: DataType, how: str) -> bool:
    if isinstance(kind, ArrayType):
        return _maskable(kind.elementType, how)
    if isinstance(kind, StructType):
        return all(_maskable(field.dataType, how) for field in kind.fields)
    return how == NULL or isinstance(kind, StringType | IntegralType | DecimalType)


def _is_map(kind: DataType) -> bool:
    return _is_map(kind.elementType) if isinstance(kind, ArrayType) else isinstance(kind, MapType)


def _strongest(masks: Masks, path: str) -> str | None:
    found: str | None = None
    for pattern, how in masks:
        if patterns.matches(pattern, path):
            found = _stronger(found, how)
    return found


def _stronger(one: str | None, other: str | None) -> str | None:
    return max((how for how in (one, other) if how), key=MASKS.index, default=None)
