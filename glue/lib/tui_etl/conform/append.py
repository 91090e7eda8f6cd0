"""Datasets without a key: every record stands, and the rows of a file are in the table once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tui_etl.classify import inputs
from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform.pair import Merged, Pair
from tui_etl.conform.tables import Table

# The matched clause never does anything, as rows that are there are taken out before. It is what makes Iceberg validate
# the commit: that no one has added rows between these file ids since the table was read.
_ON = "t._file_id BETWEEN :first AND :last AND t._file_id = s._file_id AND t._position = s._position"
_CLAUSES = "WHEN MATCHED AND t._file_id IS NULL THEN DELETE WHEN NOT MATCHED THEN INSERT *"


def conform(spark: SparkSession, pair: Pair, groups: Mapping[str, Sequence[Group]]) -> Merged:
    """Append the files of both zones to the dataset's tables; nothing is superseded, and nothing lost."""
    for zone in (SECURED, LEGACY):
        if groups[zone]:
            _append(spark, pair, pair.tables()[zone], groups[zone])
    return Merged()


def _append(spark: SparkSession, pair: Pair, table: Table, groups: Sequence[Group]) -> None:
    there = table.exists()
    target = pair.schema(table, [group.schema for group in groups])
    read = [pair.align(inputs.read(spark, group), target, whole_records=True) for group in groups]
    arrived = reduce(DataFrame.unionByName, read)
    if not there:
        table.create(target)
    bounds = arrived.agg(F.min("_file_id").alias("first"), F.max("_file_id").alias("last")).first()
    assert bounds is not None
    between: dict[str, Any] = bounds.asDict()
    known = (
        table.rows().where(F.col("_file_id").between(between["first"], between["last"])).select("_file_id").distinct()
    )
    fresh = arrived.join(known, "_file_id", "left_anti").select(*target.names)
    if not fresh.isEmpty():
        table.merge(fresh, _ON, _CLAUSES, between)
