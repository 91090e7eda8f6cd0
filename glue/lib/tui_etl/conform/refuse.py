"""Records that a contract keeps out of the tables: they go to quarantine, and the others are published.

A record is refused if it breaks an expectation with `on_breach: quarantine`, or, in mode `evolve`, if a field of it has
changed its type so that none of its values can be in the column: an object, an array, a number or a boolean where the
column is something else. A text is looked at by its value, and rescued if it does not fit (see `align`).

A run that was cut off may have published a record that a contract which was changed meanwhile refuses. That stays where
it is: it is in the table, so it is not in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DateType, MapType, StringType, StructType, TimestampType

from tui_etl import report
from tui_etl.classify import inputs
from tui_etl.classify.inputs import Group
from tui_etl.conform import described
from tui_etl.conform.align import EPOCHS, RESCUED, can_fit, fit
from tui_etl.conform.contracts import EVOLVE, OWN
from tui_etl.conform.expectations import QUARANTINE, Expectation, breaks
from tui_etl.conform.pair import Pair
from tui_etl.conform.types import WHOLE_NUMBERS, quoted, storable

# No field of any record gets a name with a space.
REASON = "why it is refused"
_PUBLISHED = "is in a table already"
_IDENTITY = ("_file_id", "_position")


@dataclass(frozen=True)
class Sieve:
    """Parts the rows that a run brings of a dataset, by what its tables were when the run began.

    `columns`: what each zone's table has, or is described to have. `published`: the file ids and positions of the run's
    records that are in a table already; None if there is none.
    """

    pair: Pair
    columns: Mapping[str, StructType]
    published: DataFrame | None

    @classmethod
    def of(cls, pair: Pair, groups: Sequence[Group], run_ids: Sequence[str]) -> Sieve:
        tables = {zone: table for zone, table in pair.tables().items() if table.exists()}
        columns = {
            zone: StructType([*(tables[zone].schema() if zone in tables else []), *pair.described])
            for zone in pair.tables()
        }
        sieve = cls(pair, columns, None)
        if not tables or not any(sieve._conditions(group) for group in groups):
            return sieve
        there = [table.rows_of_runs(run_ids).select(*_IDENTITY) for table in tables.values()]
        published = reduce(DataFrame.unionByName, there).distinct().localCheckpoint()
        return sieve if published.isEmpty() else cls(pair, columns, published)

    def kept(self, spark: SparkSession, group: Group) -> DataFrame:
        """The rows of a group that may be published, as Glue 2 wrote them."""
        rows = self._judged(spark, group)
        return rows.where(F.col(quoted(REASON)).isNull()).drop(REASON) if REASON in rows.columns else rows

    def refused(self, spark: SparkSession, group: Group) -> DataFrame | None:
        """The others, with a reason; None if there can't be any."""
        rows = self._judged(spark, group)
        return rows.where(F.col(quoted(REASON)).isNotNull()) if REASON in rows.columns else None

    def _judged(self, spark: SparkSession, group: Group) -> DataFrame:
        rows = inputs.read(spark, group)
        reasons = [F.when(wrong, F.lit(reason)) for reason, wrong in self._conditions(group)]
        if not reasons:
            return rows
        told = F.concat_ws("; ", *reasons)
        judged = rows.withColumn(REASON, F.when(told != "", told))
        if self.published is None:
            return judged
        known = self.published.withColumn(_PUBLISHED, F.lit(True))
        stays = F.coalesce(F.col(quoted(_PUBLISHED)), F.lit(False))
        reason = F.when(~stays, F.col(quoted(REASON)))
        return judged.join(known, [*_IDENTITY], "left").withColumn(REASON, reason).drop(_PUBLISHED)

    def _conditions(self, group: Group) -> list[tuple[str, Column]]:
        """What a row of the group may be refused for, and when it is."""
        contract = self.pair.contract
        expected = [one for one in contract.expectations if one.on_breach == QUARANTINE]
        found = [(one.label, _broken(self.pair, one, group.schema)) for one in expected]
        if contract.mode == EVOLVE:
            found += _changes(group.schema, self.columns[group.zone], contract.formats)
        return found


def rows_of_quarantine(refused: DataFrame, dataset: str, run_id: str) -> DataFrame:
    """Refused rows with the columns of quarantine; `bytes` has the record as JSON: the whole text if Glue 1 kept it."""
    data = [F.col(quoted(name)) for name in refused.columns if name not in OWN and name != REASON]
    record = F.to_json(F.struct(*data)) if data else F.lit("{}")
    if RESCUED in refused.columns:
        record = F.coalesce(F.col(RESCUED), record)
    origin = F.col("_origin_file_id") if "_origin_file_id" in refused.columns else F.lit(None).cast("string")
    return refused.select(
        F.col(quoted(REASON)).alias("reason"),
        F.col("_file_id").alias("file_id"),
        F.col("_position").alias("position"),
        F.encode(record, "UTF-8").alias("bytes"),
        F.lit(None).cast("string").alias("object"),
        F.col("_landed_at").alias("landed_at"),
        F.lit(run_id).alias("run_id"),
        F.lit(dataset).alias("dataset"),
        F.lit(report.CONFORM).alias("stage"),
        origin.alias("origin_file_id"),
    )


def _broken(pair: Pair, one: Expectation, schema: StructType) -> Column:
    kind = described.at(pair.described, one.fields[0])
    assert kind is not None
    return breaks(one, [_value(pair, path, schema) for path in one.fields], kind)


def _value(pair: Pair, path: str, schema: StructType) -> Column:
    """What is at a path of a row, as the contract has it; null if it does not fit."""
    top, *inner = path.split(".")
    kind = pair.described[top].dataType
    there = {member.name.lower(): member for member in schema}.get(top)
    value = F.lit(None).cast(kind)
    if there is not None:
        value = fit(F.col(quoted(there.name)), storable(there.dataType), kind, top, pair.contract.formats).value
    for name in inner:
        value = value.getField(name)
    return value


def _changes(schema: StructType, columns: StructType, formats: Mapping[str, str]) -> list[tuple[str, Column]]:
    wanted = {member.name: member.dataType for member in reversed(columns.fields)}
    found: list[tuple[str, Column]] = []
    for member in schema:
        target = wanted.get(member.name.lower())
        if target is not None and member.name not in OWN:
            source = storable(member.dataType)
            found += _changed(F.col(quoted(member.name)), source, target, member.name.lower(), formats)
    return found


def _changed(
    value: Column, source: DataType, target: DataType, path: str, formats: Mapping[str, str]
) -> Iterator[tuple[str, Column]]:
    """The places of a value of which nothing can be in the column, and when there is something."""
    if source == target or isinstance(source, StringType) or isinstance(target, StringType):
        return
    if isinstance(source, StructType) and isinstance(target, StructType):
        for member in source:
            if member.name in target.names:
                inner = value.getField(member.name), member.dataType, target[member.name].dataType
                yield from _changed(*inner, f"{path}.{member.name}", formats)
        return
    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        yield from _changed_elements(value, source.elementType, target.elementType, path, formats)
        return
    if isinstance(source, StructType) and isinstance(target, MapType):
        return
    by_format = isinstance(target, DateType | TimestampType) and path in formats
    possible = formats[path] in EPOCHS and isinstance(source, WHOLE_NUMBERS) if by_format else can_fit(source, target)
    if not possible:
        yield f"type of {path}: {_word(source)}, and the column is {_word(target)}", value.isNotNull()


def _changed_elements(
    value: Column, source: DataType, target: DataType, path: str, formats: Mapping[str, str]
) -> Iterator[tuple[str, Column]]:
    reasons = [reason for reason, _ in _changed(F.lit(None).cast(source), source, target, path, formats)]

    def changed(number: int) -> Callable[[Column], Column]:
        return lambda item: list(_changed(item, source, target, path, formats))[number][1]

    for number, reason in enumerate(reasons):
        yield reason, F.coalesce(F.exists(value, changed(number)), F.lit(False))


def _word(kind: DataType) -> str:
    """A type in a message, without the names inside it."""
    if isinstance(kind, StructType):
        return "object"
    return kind.typeName() if isinstance(kind, ArrayType | MapType) else kind.simpleString()
