"""What only Spark can tell of a contract: whether its types, formats, patterns and partitions are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException, PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from tui_etl.conform.align import EPOCHS
from tui_etl.conform.contracts import LINEAGE, Contract, ContractError, Problems
from tui_etl.conform.types import FLOATS, WHOLE_NUMBERS, literal, quoted, storable

_TIMES = (DateType, TimestampType)
_NUMBERS = (*WHOLE_NUMBERS, *FLOATS, DecimalType)
_PARTITIONED: dict[str, tuple[type[DataType], ...]] = {
    "identity": (BooleanType, *WHOLE_NUMBERS, DecimalType, StringType, *_TIMES),
    "bucket": (*WHOLE_NUMBERS, DecimalType, StringType, *_TIMES),
    "truncate": (*WHOLE_NUMBERS, DecimalType, StringType),
    "year": _TIMES,
    "month": _TIMES,
    "day": _TIMES,
    "hour": (TimestampType,),
}


def schema(spark: SparkSession, contract: Contract) -> StructType:
    """The described columns, with types that Iceberg has; raises `ContractError` with all that Spark can't take."""
    found = StructType()
    for name, field in contract.fields.items():
        try:
            selected = spark.sql(f"SELECT CAST(NULL AS {field.type}) AS {quoted(name)}").schema
        except (AnalysisException, ParseException) as error:
            raise ContractError(
                f"{contract.dataset}.yaml: fields.{name}.type: {field.type!r} is none of Spark SQL's"
            ) from error
        column = storable(selected)
        assert isinstance(column, StructType)
        found = StructType([*found, *column])
    problems = [f"{contract.dataset}.yaml: {path}: {text}" for path, text in _problems(spark, contract, found)]
    if problems:
        raise ContractError("; ".join(problems))
    return found


def at(kind: DataType, path: str) -> DataType | None:
    """The type at a path through objects; None if there is nothing."""
    for name in path.split("."):
        if not isinstance(kind, StructType) or name not in kind.names:
            return None
        kind = kind[name].dataType
    return kind


def _problems(spark: SparkSession, contract: Contract, columns: StructType) -> Problems:
    for name in (*contract.key, *filter(None, [contract.order_by])):
        if isinstance(columns[name].dataType, StructType | ArrayType | MapType):
            yield f"fields.{name}", "is a key or an order, so it must be a single value"
    for index, part in enumerate(contract.partition_by):
        kind = LINEAGE[part.field][0] if part.field in LINEAGE else columns[part.field].dataType
        if not isinstance(kind, _PARTITIONED[part.transform]):
            yield f"partition_by[{index}]", f"Iceberg has no {part.transform} of {kind.simpleString()}"
    for index, name in enumerate(contract.sort_by):
        kind = LINEAGE[name][0] if name in LINEAGE else columns[name].dataType
        if isinstance(kind, StructType | ArrayType | MapType):
            yield f"sort_by[{index}]", "must be a single value"
    if contract.lateness and not isinstance(columns[contract.lateness.field].dataType, _TIMES):
        yield "allowed_lateness.field", "must be a date or timestamp"
    yield from _format_problems(spark, contract, columns)
    for index, expectation in enumerate(contract.expectations):
        for text in _expectation_problems(spark, expectation, columns):
            yield f"expectations[{index}]", text


def _format_problems(spark: SparkSession, contract: Contract, columns: StructType) -> Problems:
    for path, text in contract.formats.items():
        place = f"fields.{path}"
        if not isinstance(_through_arrays(columns, path), _TIMES):
            yield place, "only a date or timestamp has a format"
        if text not in EPOCHS and not _runs(spark, f"to_timestamp('2026', {literal(text)})"):
            yield place, f"{text!r} is no pattern of Spark's"


def _through_arrays(kind: DataType, path: str) -> DataType | None:
    found: DataType | None = kind
    for name in path.split("."):
        found = at(found, name) if found is not None else None
        while isinstance(found, ArrayType):
            found = found.elementType
    return found


def _expectation_problems(spark: SparkSession, expectation: Any, columns: StructType) -> Iterator[str]:
    for path in expectation.fields:
        kind = at(columns, path)
        if kind is None:
            yield f"no field is called {path!r}"
        elif expectation.rule != "not_null" and isinstance(kind, StructType | ArrayType | MapType):
            yield f"{path} must be a single value"
        elif expectation.rule == "regex" and not isinstance(kind, StringType):
            yield f"{path} must be a string"
        elif expectation.rule in ("range", "set"):
            bounds = [bound for bound in (expectation.low, expectation.high) if bound is not None]
            for value in (*bounds, *expectation.values):
                if not _is_a(spark, value, kind):
                    yield f"{value!r} is no {kind.simpleString()}"
    if expectation.pattern and not _runs(spark, f"'' rlike {literal(expectation.pattern)}"):
        yield f"{expectation.pattern!r} is no regular expression of Java's"


def _is_a(spark: SparkSession, value: Any, kind: DataType) -> bool:
    if isinstance(kind, _NUMBERS):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(kind, BooleanType):
        return isinstance(value, bool)
    if isinstance(kind, _TIMES):
        return isinstance(value, str) and _runs(
            spark, f"assert_true(cast({literal(value)} AS {kind.simpleString()}) IS NOT NULL)"
        )
    return isinstance(value, str)


def _runs(spark: SparkSession, expression: str) -> bool:
    try:
        spark.sql(f"SELECT {expression}").collect()
    except (PySparkException, IllegalArgumentException, Py4JError):
        return False
    return True
