"""Holds what arrives against a dataset's contract, before any table is touched.

A breach with `on_breach: fail` fails the run, and so does all drift of a strict dataset. Messages name the dataset, the
rule, how many records break it and files that have some; they never hold a value. What is to be rescued is no breach:
it is kept out of its column while it is written (`align`). Nor is what goes to quarantine (`refuse`): the other rules
are about the records that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from tui_etl.classify.inputs import Group
from tui_etl.conform import described, keyed
from tui_etl.conform.align import RESCUED, Reading, align
from tui_etl.conform.contracts import KEY, LINEAGE, OWN, STRICT
from tui_etl.conform.expectations import FAIL, OF_A_RECORD, QUARANTINE, RESCUE, WARN, Expectation, breaks
from tui_etl.conform.pair import Pair
from tui_etl.conform.refuse import REASON
from tui_etl.conform.types import quoted

#: Paths of drift that a message lists.
_PATHS = 20
_COLUMNS = ("_file_id", "_landed_at", RESCUED)


class Breached(RuntimeError):
    """Records that must not be published."""


@dataclass(frozen=True)
class Breach:
    """A rule or reason, how many records (for `unique`: values) break it, and up to two files that have some."""

    dataset: str
    label: str
    count: int
    files: tuple[str, ...]
    on_breach: str

    def __str__(self) -> str:
        files = f", among others in {' and '.join(self.files)}" if self.files else ""
        return f"{self.dataset}: {self.label}: {self.count} records{files}"


def refuse(breaches: Sequence[Breach]) -> None:
    """Raises `Breached` if one of these is to fail the run."""
    failed = [str(breach) for breach in breaches if breach.on_breach == FAIL]
    if failed:
        raise Breached(f"nothing was published; the contract is broken by {'; '.join(failed)}")


def breaches(pair: Pair, groups: Sequence[Group], read: Callable[[Group], DataFrame]) -> list[Breach]:
    """What the records break that arrive of a dataset and are to be published (`read`), without what is rescued."""
    contract = pair.contract
    checked = [one for one in contract.expectations if one.on_breach not in (RESCUE, QUARANTINE)]
    found = [breach for one in checked if one.rule == "row_count" for breach in _row_count(pair, one, groups)]
    by_value = [one for one in checked if one.rule in OF_A_RECORD]
    unique = [one for one in checked if one.rule == "unique"]
    if not (by_value or unique or contract.lateness or contract.mode == STRICT):
        return found
    rows = reduce(DataFrame.unionByName, [_typed(pair, read(group)) for group in groups])
    found += _of_values(pair, by_value, rows)
    found += [breach for one in unique for breach in _unique(pair, one, rows)]
    return found + (_drift(pair, rows) if contract.mode == STRICT else [])


def to_quarantine(pair: Pair, refused: Sequence[DataFrame]) -> list[Breach]:
    """What is told of records that go to quarantine: by reason, how many there are."""
    if not refused:
        return []
    rows = reduce(DataFrame.unionByName, [frame.select(quoted(REASON), "_file_id") for frame in refused])
    found = rows.groupBy(quoted(REASON)).agg(F.count(F.lit(1)), F.min("_file_id"), F.max("_file_id"))
    return [
        _breach(pair, f"{reason}, to quarantine", count, (first, last), QUARANTINE)
        for reason, count, first, last in found.orderBy(quoted(REASON)).collect()
    ]


def _typed(pair: Pair, df: DataFrame) -> DataFrame:
    """Rows that Glue 2 wrote as the contract has them; `_rescued` has what drifted, and nothing from before."""
    columns = [StructField(name, LINEAGE[name][0]) for name in _COLUMNS]
    if pair.contract.key:
        df = keyed.with_key(df, pair.contract, pair.described)
        columns.append(StructField(KEY, StringType()))
    kept = {*_COLUMNS, KEY} - {RESCUED}
    arrived = df.select(*(quoted(name) for name in df.columns if name not in OWN or name in kept))
    reading = Reading(formats=pair.contract.formats, keep_unknown=True)
    return align(arrived, StructType([*pair.described, *columns]), whole_records=False, reading=reading)


def _of_values(pair: Pair, expected: Sequence[Expectation], rows: DataFrame) -> Iterator[Breach]:
    wrong = [(one.label, one.on_breach, _wrong(pair, one)) for one in expected]
    if lateness := pair.contract.lateness:
        due = F.col(quoted(lateness.field)).cast("timestamp") + F.expr(f"make_interval(0, 0, 0, 0, {lateness.hours})")
        label = f"landed more than {lateness.hours} hours after {lateness.field}"
        wrong.append((label, WARN, F.coalesce(F.col("_landed_at") > due, F.lit(False))))
    if not wrong:
        return
    file = F.col("_file_id")
    sums = [
        column
        for _, _, bad in wrong
        for column in (F.count_if(bad), F.min(F.when(bad, file)), F.max(F.when(bad, file)))
    ]
    row = rows.agg(*(column.alias(f"c{index}") for index, column in enumerate(sums))).first()
    assert row is not None
    for index, (label, on_breach, _) in enumerate(wrong):
        count, first, last = row[3 * index : 3 * index + 3]
        if count:
            yield _breach(pair, label, count, (first, last), on_breach)


def _wrong(pair: Pair, one: Expectation) -> Column:
    values = [F.col(quoted(*path.split("."))) for path in one.fields]
    kind = described.at(pair.described, one.fields[0])
    assert kind is not None
    return breaks(one, values, kind)


def _row_count(pair: Pair, one: Expectation, groups: Sequence[Group]) -> Iterator[Breach]:
    count = sum(group.records for group in groups)
    if (one.low is not None and count < one.low) or (one.high is not None and count > one.high):
        yield _breach(pair, f"row_count is not from {one.low} to {one.high}", count, (), one.on_breach)


def _unique(pair: Pair, one: Expectation, rows: DataFrame) -> Iterator[Breach]:
    """Values that several records have; records of one key are states of one thing, and count once."""
    fields = [F.col(quoted(*path.split("."))).alias(f"f{index}") for index, path in enumerate(one.fields)]
    who = [F.col(KEY)] if pair.contract.key else [F.lit(None).cast("string").alias(KEY)]
    files = rows.select(*fields, *who, "_file_id").dropna(subset=[f"f{index}" for index in range(len(fields))])
    several = F.count_distinct(KEY) if pair.contract.key else F.count(F.lit(1))
    grouped = files.groupBy(*(f"f{index}" for index in range(len(fields)))).agg(
        several.alias("n"), F.min("_file_id").alias("first"), F.max("_file_id").alias("last")
    )
    row = grouped.where("n > 1").agg(F.count(F.lit(1)), F.min("first"), F.max("last")).first()
    assert row is not None
    if row[0]:
        yield _breach(pair, one.label, row[0], (row[1], row[2]), one.on_breach)


def _drift(pair: Pair, rows: DataFrame) -> list[Breach]:
    """Of a strict dataset: fields that the contract lacks, and values that don't fit their type."""
    paths = rows.select("_file_id", F.explode(F.json_object_keys(RESCUED)).alias("path"))
    found = paths.groupBy("path").agg(F.count(F.lit(1)), F.min("_file_id"), F.max("_file_id")).orderBy("path")
    return [
        _breach(pair, f"{path} is not described or does not fit its type", count, (first, last), FAIL)
        for path, count, first, last in found.limit(_PATHS).collect()
    ]


def _breach(pair: Pair, label: str, count: int, files: Sequence[str], on_breach: str) -> Breach:
    return Breach(pair.contract.dataset, label, int(count), tuple(sorted(set(files))), on_breach)
