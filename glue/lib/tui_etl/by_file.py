"""A run's books by landed file: how many records of each came in, and what became of them.

A weekly run may take millions of files, so this is Parquet written by Spark and no list in the report: one row a file,
in a folder for each dataset below the `files_uri` that the report names. Of the records' own Parquet files, only the
column with the file's identity is read for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from tui_etl import report
from tui_etl.classify import inputs
from tui_etl.manifest import Output
from tui_etl.report import FileTotals

FILE_ID = "file_id"
#: What can be told of a row; `superseded` follows from the others.
_TOLD = ("records_in", "legacy", "secured", "replaced", "rescued", "quarantined")
_UNACCOUNTED = "unaccounted"


def read(spark: SparkSession, outputs: Iterable[Output], counted: str) -> DataFrame | None:
    """Each record of some files as one that is `counted`; None if there are no files."""
    places = [inputs.place_of(output) for output in outputs]
    if not places:
        return None
    return tell(spark.read.schema("_file_id string").parquet(*places), **{counted: F.lit(1)})


def tell(rows: DataFrame, **numbers: Column) -> DataFrame:
    """Rows with a `_file_id` as what they add to their file's numbers."""
    told = [numbers.get(name, F.lit(0)).cast("bigint").alias(name) for name in _TOLD]
    return rows.select(F.col("_file_id").alias(FILE_ID), *told)


def write(told: Iterable[DataFrame | None], stage: int, dataset: str, files_uri: str) -> FileTotals:
    """Write the numbers of each file of a dataset; returns their sums, taken on the way."""
    rows = reduce(DataFrame.unionByName, [frame for frame in told if frame is not None])
    counts = rows.groupBy(FILE_ID).agg(*(F.sum(name).alias(name) for name in _TOLD))
    unaccounted = F.col("records_in") - F.col("legacy") - F.col("secured") - F.col("quarantined")
    # Only Glue 3 merges records: there, what came in and is in no table and not refused has been superseded.
    superseded = unaccounted if stage == report.CONFORM else F.lit(0).cast("bigint")
    numbers = [*_TOLD[:3], "superseded", *_TOLD[3:]]
    balanced = (unaccounted >= 0) if stage == report.CONFORM else (unaccounted == 0)
    counts = counts.withColumn("superseded", superseded).withColumn(_UNACCOUNTED, ~balanced)
    seen = Observation()
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in numbers]
    files, unbalanced = F.count_if(F.col("records_in") > 0), F.count_if(F.col(_UNACCOUNTED))
    observed = counts.observe(seen, files.alias("files"), unbalanced.alias("unbalanced"), *sums)
    # Sorted, so that a file is found without reading all of the others.
    written = observed.select(FILE_ID, *numbers).sortWithinPartitions(FILE_ID).write
    written.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(
        report.files_of(files_uri, dataset)
    )
    return FileTotals(dataset, **seen.get)
