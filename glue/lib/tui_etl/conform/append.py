"""Datasets without a key: every record stands, and is in the table once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform.pair import Merged, Pair
from tui_etl.conform.tables import Table
from tui_etl.conform.types import quoted

# The matched clause never does anything, as rows that are there are taken out before. It is what makes Iceberg validate
# the commit: that no one has added rows between these file ids since the table was read.
_ON = "t._file_id BETWEEN :first AND :last AND t._file_id = s._file_id AND t._position = s._position"
_OTHER = "run of the table's row"
_IDENTITY = ("_file_id", "_position")
_CLAUSES = "WHEN MATCHED AND t._file_id IS NULL THEN DELETE WHEN NOT MATCHED THEN INSERT *"


def conform(pair: Pair, groups: Mapping[str, Sequence[Group]], read: Callable[[Group], DataFrame]) -> Merged:
    """Append what is `read` of the files of both zones to their tables; nothing is superseded, and nothing lost."""
    for zone in (SECURED, LEGACY):
        if groups[zone]:
            _append(pair, pair.tables()[zone], groups[zone], read)
    return Merged()


def _append(pair: Pair, table: Table, groups: Sequence[Group], read: Callable[[Group], DataFrame]) -> None:
    there = table.exists()
    target = pair.schema(table, [group.schema for group in groups])
    rows = [pair.align(read(group), target, whole_records=True) for group in groups]
    arrived = reduce(DataFrame.unionByName, rows)
    bounds = arrived.agg(F.min("_file_id").alias("first"), F.max("_file_id").alias("last")).first()
    if bounds is None or bounds["first"] is None:
        return  # all of it was refused
    if not there:
        table.create(target)
    between: dict[str, Any] = bounds.asDict()
    known = table.rows().where(F.col("_file_id").between(between["first"], between["last"]))
    fresh = _without(arrived, known).select(*target.names)
    if not fresh.isEmpty():
        table.merge(fresh, _ON, _CLAUSES, between)


def _without(arrived: DataFrame, known: DataFrame) -> DataFrame:
    """What has arrived, without files that came by another Glue 1 run, and without records that are there.

    By record, not by file: a run that was cut off may have left a file without the records that it refused.
    """
    others = known.select("_file_id", F.col("_run_id").alias(_OTHER)).distinct()
    by_others = (F.col("a._file_id") == F.col("o._file_id")) & (F.col("a._run_id") != F.col(quoted(_OTHER)))
    rest = arrived.alias("a").join(others.alias("o"), by_others, "left_anti")
    return rest.join(known.select(*_IDENTITY), [*_IDENTITY], "left_anti")
