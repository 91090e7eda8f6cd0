"""Fitting rows to the columns of a table, so that nothing is nulled silently.

| arrives as        | column is         | fits                                                                    |
|-------------------|-------------------|-------------------------------------------------------------------------|
| anything          | string            | always: text as it is, all else as its JSON text, a number in full      |
| number            | number            | if it is the same number afterwards                                     |
| string            | number, boolean   | if it is spelled as JSON spells one, and a double holds all its digits  |
| string            | timestamp, date   | if it is ISO 8601, to the microsecond; UTC unless it says otherwise     |
| object            | struct            | field by field                                                          |
| array             | array             | if each element does                                                    |
| object            | map               | if each member fits its values; members that are null are left out      |
| string            | map               | if it is the JSON of such an object                                     |
| anything else     |                   | never                                                                   |

What doesn't fit is null in its column, and goes to `_rescued`: one JSON object a row, from the path of the column
(`price.amount`; an array as a whole) to the JSON value as it arrived. A record of which Glue 1 kept the whole text has
that text there as `_record`.

A contract may say more (`Reading`): how dates and times are spelled, and which values a column takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from tui_etl.conform.types import FLOATS, WHOLE_NUMBERS, quoted, storable

RESCUED = "_rescued"
#: The entry of `_rescued` that holds a record as a whole.
RECORD = "_record"

_INTEGER = "^-?(0|[1-9][0-9]{0,18})$"
_DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
_TIMESTAMP = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{_TIME})?$"
#: A double, or a float, gives back any number of so many digits.
_DOUBLE_DIGITS, _FLOAT_DIGITS = 15, 6
#: All whole numbers up to here are doubles.
_DOUBLE_WHOLE = 1 << 53
_LONG_END = float(1 << 63)
#: From here on Spark writes a double with an exponent.
_PLAIN_END = 1e7
#: Microseconds since 1970 at the end of the year 9999.
_MICROS_END = 253_402_300_799_999_999
#: A format that is no pattern: the number of seconds or milliseconds since 1970.
EPOCHS = ("epoch_seconds", "epoch_millis")


@dataclass
class Misfit:
    """A place whose value may not fit: where it is, when it doesn't, and its JSON text."""

    path: str
    when: Column
    text: Column


@dataclass
class Fit:
    """A value of the wanted type, null where it doesn't fit, and the places where that may be."""

    value: Column
    misfits: list[Misfit] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """What a contract says of values beyond their types.

    `formats`: how dates and times are spelled, by path; `allowed`: which values a column takes, all others are rescued;
    `keep_unknown`: columns that the table lacks are rescued, instead of being an error.
    """

    formats: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, Callable[[Column], Column]] = field(default_factory=dict)
    keep_unknown: bool = False


#: Of rows that have been read already.
AS_IT_IS = Reading()


def align(df: DataFrame, target: StructType, whole_records: bool, reading: Reading = AS_IT_IS) -> DataFrame:
    """The rows with exactly the columns of `target`, among them `_rescued`; columns that `df` lacks are null.

    `whole_records`: what `df` has in `_rescued` are texts of whole records, as Glue 1 writes them; otherwise it is what
    this function made of them.
    """
    present = {member.name.lower(): member for member in df.schema}
    lost = sorted(set(present) - {RESCUED} - set(target.names))
    if lost and not reading.keep_unknown:
        raise ValueError(f"there are no columns for {lost}")
    columns: list[Column] = []
    misfits: list[Misfit] = []
    for wanted in target:
        fitted = Fit(F.lit(None).cast(wanted.dataType))
        if wanted.name in present:
            there = present[wanted.name]
            value = F.col(quoted(there.name))
            fitted = fit(value, storable(there.dataType), wanted.dataType, wanted.name, reading.formats)
            if wanted.name in reading.allowed:
                fitted = _only_allowed(fitted, reading.allowed[wanted.name], wanted.name, value)
        columns.append(fitted.value.alias(wanted.name))
        misfits += fitted.misfits
    for name in lost:
        value = F.col(quoted(present[name].name))
        misfits.append(Misfit(name, value.isNotNull(), json_text(value)))
    if RESCUED in target.names:
        kept = F.col(RESCUED) if RESCUED in present else F.lit(None).cast("string")
        columns[target.names.index(RESCUED)] = _rescued(kept, misfits, whole_records).alias(RESCUED)
    return df.select(*columns)


def fit(
    value: Column, source: DataType, target: DataType, path: str, formats: Mapping[str, str] = AS_IT_IS.formats
) -> Fit:
    """A value of type `source` as one of type `target`."""
    if source == target:
        return Fit(value)
    if isinstance(target, StringType):
        if isinstance(source, DoubleType):
            return Fit(number_text(value))
        return Fit(F.to_json(value) if isinstance(source, StructType | ArrayType | MapType) else value.cast("string"))
    if isinstance(source, StructType) and isinstance(target, StructType):
        return _fit_struct(value, source, target, path, formats)
    if isinstance(source, StructType) and isinstance(target, MapType) and isinstance(target.keyType, StringType):
        return _fit_map(value, source, target, path, formats)
    if isinstance(source, StringType) and isinstance(target, MapType) and isinstance(target.keyType, StringType):
        return _fit_text_as_map(value, target, path, formats)
    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        return _fit_array(value, source, target, path, formats)
    if path in formats and isinstance(target, DateType | TimestampType):
        return _fit_format(value, source, target, path, formats[path])
    fits = _fits(value, source, target)
    if fits is None:
        return Fit(F.lit(None).cast(target), [Misfit(path, value.isNotNull(), json_text(value))])
    good = F.coalesce(fits, F.lit(False))
    return Fit(F.when(good, value.cast(target)), [Misfit(path, value.isNotNull() & ~good, json_text(value))])


def number_text(value: Column) -> Column:
    """A double as people write it: 1 and 10000000, not 1.0 and 1.0E7.

    A whole number is a double only because another record of its load has a fraction. It is to be the same text, and
    the same key, as in a load without one.
    """
    whole = (value == F.floor(value)) & (F.abs(value) <= F.lit(float(_DOUBLE_WHOLE)))
    digits = F.regexp_replace(value.cast("decimal(38,18)").cast("string"), r"\.?0+$", "")
    large = F.when(F.abs(value) >= F.lit(_PLAIN_END), digits)
    return F.coalesce(F.when(whole, value.cast("bigint").cast("string")), large, value.cast("string"))


def json_text(value: Column) -> Column:
    """A value of any type as JSON."""
    inside = F.to_json(F.array(value))
    return inside.substr(F.lit(2), F.length(inside) - 2)


def _rescued(kept: Column, misfits: list[Misfit], whole_records: bool) -> Column:
    before = F.concat(F.lit(f'"{RECORD}":'), kept) if whole_records else kept.substr(F.lit(2), F.length(kept) - 2)
    found = [F.when(place.when, F.concat(F.lit(f'"{place.path}":'), place.text)) for place in misfits]
    entries = F.concat_ws(",", before, *found)
    return F.when(entries != "", F.concat(F.lit("{"), entries, F.lit("}")))


def _only_allowed(fitted: Fit, allowed: Callable[[Column], Column], path: str, value: Column) -> Fit:
    bad = fitted.value.isNotNull() & ~allowed(fitted.value)
    return Fit(F.when(~bad, fitted.value), [*fitted.misfits, Misfit(path, bad, json_text(value))])


def _fit_format(value: Column, source: DataType, target: DataType, path: str, spelled: str) -> Fit:
    """A date or time that is spelled as the contract says; in any other way it does not fit."""
    read = F.lit(None).cast("timestamp")
    if spelled in EPOCHS and isinstance(source, WHOLE_NUMBERS):
        unit = 1_000_000 if spelled == "epoch_seconds" else 1_000
        # Multiplied beyond 64 bits it would come out as another time.
        inside = value.between(F.lit(-_MICROS_END // unit), F.lit(_MICROS_END // unit))
        read = F.when(inside, F.timestamp_micros(value * F.lit(unit)))
    elif spelled not in EPOCHS and isinstance(source, StringType):
        read = F.to_timestamp(value, spelled)
    bad = value.isNotNull() & read.isNull()
    return Fit(read.cast(target), [Misfit(path, bad, json_text(value))])


def _fit_map(value: Column, source: StructType, target: MapType, path: str, formats: Mapping[str, str]) -> Fit:
    """Objects of which the members' names are data; the whole map is rescued if one member does not fit."""
    members = [
        (member.name, fit(value.getField(member.name), member.dataType, target.valueType, path, formats))
        for member in source
    ]
    entries = F.array(*(F.struct(F.lit(name).alias("key"), inner.value.alias("value")) for name, inner in members))
    found = F.map_from_entries(F.filter(entries, lambda entry: entry["value"].isNotNull())).cast(target)
    places = [F.coalesce(place.when, F.lit(False)) for _, inner in members for place in inner.misfits]
    bad = reduce(lambda one, other: one | other, places, F.lit(False))
    return Fit(F.when(value.isNotNull() & ~bad, found), [Misfit(path, bad, json_text(value))] if places else [])


def _fit_text_as_map(value: Column, target: MapType, path: str, formats: Mapping[str, str]) -> Fit:
    """Objects of which Glue 1 kept the text: their members' names are data, or too many, or other values were there."""
    members = F.from_json(value, "map<string,string>")

    def inner(text: Column) -> Fit:
        return fit(text, StringType(), target.valueType, path, formats)

    def misfit(_: Column, text: Column) -> Column:
        return reduce(lambda one, other: one | other, (place.when for place in inner(text).misfits))

    fitted = F.map_filter(F.transform_values(members, lambda _, text: inner(text).value), lambda _, v: v.isNotNull())
    bad = members.isNull()
    if inner(F.lit(None).cast("string")).misfits:
        bad = bad | (F.cardinality(F.map_filter(members, misfit)) > 0)
    bad = value.isNotNull() & F.coalesce(bad, F.lit(True))
    return Fit(F.when(~bad, fitted), [Misfit(path, bad, json_text(value))])


def _fit_struct(value: Column, source: StructType, target: StructType, path: str, formats: Mapping[str, str]) -> Fit:
    there = {member.name: member.dataType for member in source}
    members: list[Column] = []
    misfits: list[Misfit] = []
    for wanted in target:
        inner = Fit(F.lit(None).cast(wanted.dataType))
        if wanted.name in there:
            inner = fit(
                value.getField(wanted.name), there[wanted.name], wanted.dataType, f"{path}.{wanted.name}", formats
            )
        members.append(inner.value.alias(wanted.name))
        misfits += inner.misfits
    for name in (name for name in there if name not in target.names):
        inside = value.getField(name)
        misfits.append(Misfit(f"{path}.{name}", inside.isNotNull(), json_text(inside)))
    return Fit(F.when(value.isNotNull(), F.struct(*members)), misfits)


def _fit_array(value: Column, source: ArrayType, target: ArrayType, path: str, formats: Mapping[str, str]) -> Fit:
    def element(item: Column) -> Fit:
        return fit(item, source.elementType, target.elementType, path, formats)

    def misfit(item: Column) -> Column:
        return reduce(lambda one, other: one | other, (place.when for place in element(item).misfits))

    fitted = F.transform(value, lambda item: element(item).value)
    if not element(F.lit(None).cast(source.elementType)).misfits:
        return Fit(fitted)
    bad = F.coalesce(F.exists(value, misfit), F.lit(False))
    return Fit(F.when(~bad, fitted), [Misfit(path, bad, json_text(value))])


def can_fit(source: DataType, target: DataType) -> bool:
    """Whether any scalar could keep its meaning under another type."""
    return _fits(F.lit(None).cast(source), source, target) is not None


def _fits(value: Column, source: DataType, target: DataType) -> Column | None:
    """Whether a scalar keeps its meaning under another type; None if no value of the one could."""
    numbers = (*WHOLE_NUMBERS, *FLOATS, DecimalType)
    if isinstance(source, StringType):
        return _text_fits(value, target)
    if not isinstance(source, numbers) or not isinstance(target, numbers):
        return None
    same = value.cast(target).cast(source) == value
    if isinstance(source, WHOLE_NUMBERS) and isinstance(target, FLOATS):
        return (value >= -_DOUBLE_WHOLE) & (value <= _DOUBLE_WHOLE) & same
    if isinstance(source, FLOATS) and isinstance(target, WHOLE_NUMBERS):
        return (value >= -_LONG_END) & (value < _LONG_END) & same
    return same


def _text_fits(value: Column, target: DataType) -> Column | None:
    cast = value.cast(target)
    if isinstance(target, BooleanType):
        return value.isin("true", "false")
    if isinstance(target, WHOLE_NUMBERS):
        return value.rlike(_INTEGER) & cast.isNotNull()
    if isinstance(target, FLOATS):
        digits = F.length(F.regexp_replace(value, "[^0-9]", ""))
        return value.rlike(_DECIMAL) & (digits <= (_DOUBLE_DIGITS if isinstance(target, DoubleType) else _FLOAT_DIGITS))
    if isinstance(target, DecimalType):
        fraction = F.regexp_replace(F.regexp_extract(value, r"\.([0-9]*)$", 1), "0+$", "")
        return value.rlike(_DECIMAL) & (F.length(fraction) <= target.scale) & cast.isNotNull()
    if isinstance(target, DateType):
        return value.rlike(_DATE) & cast.isNotNull()
    if isinstance(target, TimestampType):
        return value.rlike(_TIMESTAMP) & cast.isNotNull()
    return None
