"""Rows of keyed datasets: what their key is, which of two is the later, and which of many stands.

A key is in one table only: in the secured one from the first record that came secured for it, else in the legacy one.
The row that stands is the latest of all that have ever come for the key, whichever zone they were classified to. So
what the tables hold does not depend on the order in which records arrive, and no record of a key that is secured, not
even a later one, leads back to the legacy table.

A record of which a part of the key is null has no key: it stands for itself, and nothing supersedes it.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tui_etl.conform.align import fit, json_text
from tui_etl.conform.contracts import KEY, Contract
from tui_etl.conform.types import quoted, storable

# No field of any record gets a name with a space.
OURS = "came by this run"
FRESH = "is not in the table"
_RANK = "rank in its key"
_ROW = "struct<_file_id:string,_run_id:string>"
REPLACED = "row that it replaces"
_THEIRS = "order of the table's row"


def with_key(df: DataFrame, contract: Contract, described: StructType) -> DataFrame:
    """Rows as Glue 2 wrote them, with their key as text; it depends on the contract's types, not on the table's."""
    types = {member.name.lower(): member.dataType for member in df.schema}
    parts = []
    for name in contract.key:
        part = F.lit(None).cast("string")
        if name in types:
            value = F.col(quoted(name))
            fitted = fit(value, storable(types[name]), described[name].dataType, name, contract.formats)
            part = F.coalesce(fitted.value.cast("string"), F.when(value.isNotNull(), json_text(value)))
        parts.append(part)
    complete = reduce(lambda one, other: one & other, (part.isNotNull() for part in parts))
    itself = F.to_json(F.struct(F.col("_file_id").alias("file_id"), F.col("_position").alias("position")))
    return df.withColumn(KEY, F.when(complete, F.to_json(F.array(*parts))).otherwise(itself))


def order(contract: Contract, alias: str | None = None) -> Column:
    """What makes a row later than another of its key; a null comes before everything.

    S3's sequencers are hexadecimal, to be compared after the shorter one is filled up with zeros at its right; without
    the zeros at its end each compares as it is. The last two parts only make the order total.
    """

    def column(name: str) -> Column:
        return F.col(quoted(alias, name) if alias else quoted(name))

    sequencer = F.regexp_replace(F.upper(column("_sequencer")), "0+$", "")
    first = [column(contract.order_by)] if contract.order_by else []
    return F.struct(*first, column("_landed_at"), sequencer, column("_position"), column("_file_id"))


def order_sql(contract: Contract, alias: str) -> str:
    """`order` for a MERGE."""
    first = [f"{alias}.{quoted(contract.order_by)}"] if contract.order_by else []
    sequencer = f"regexp_replace(upper({alias}._sequencer), '0+$', '')"
    return f"struct({', '.join([*first, f'{alias}._landed_at', sequencer, f'{alias}._position', f'{alias}._file_id'])})"


def reduce_to_latest(df: DataFrame, contract: Contract) -> DataFrame:
    """One row a key, the latest.

    A run that was cut off may have left a record of this run in the legacy table: then the record competes with itself,
    and is to be counted as one of this run's.
    """
    ours = [F.col(quoted(OURS)).desc()] if OURS in df.columns else []
    window = Window.partitionBy(KEY).orderBy(order(contract).desc(), *ours)
    return df.withColumn(_RANK, F.row_number().over(window)).where(F.col(_RANK) == 1).drop(_RANK)


def standing(candidates: DataFrame, table: DataFrame | None, contract: Contract) -> DataFrame:
    """The latest candidate of each key unless the table has a later one.

    `FRESH` tells whether the table lacks it, and `REPLACED` which row of the table has its key.
    """
    latest = reduce_to_latest(candidates, contract)
    if table is None:
        return latest.withColumn(FRESH, F.lit(True)).withColumn(REPLACED, F.lit(None).cast(_ROW))
    known = table.select(KEY, order(contract).alias(_THEIRS), F.struct("_file_id", "_run_id").alias(REPLACED))
    ours, theirs = order(contract), F.col(quoted(_THEIRS))
    joined = latest.join(known, KEY, "left")
    fresh = joined.withColumn(FRESH, theirs.isNull() | (ours > theirs))
    return fresh.where(F.col(quoted(FRESH)) | (ours == theirs)).drop(_THEIRS)


def replaced(standing: DataFrame) -> DataFrame:
    """Of what stands, the rows that have to make room in the table."""
    gone = standing.where(F.col(quoted(FRESH)) & F.col(quoted(REPLACED)).isNotNull())
    return gone.select(F.col(quoted(REPLACED, "_file_id")), F.col(quoted(REPLACED, "_run_id")))


def earlier(one: DataFrame, other: DataFrame, contract: Contract) -> DataFrame:
    """Of the rows with the same key in two tables the earlier ones; a record that both have is none."""
    sides = [
        df.select(KEY, order(contract).alias(f"o{n}"), F.struct("_file_id", "_run_id").alias(f"r{n}"))
        for n, df in enumerate((one, other))
    ]
    both = sides[0].join(sides[1], KEY).where("o0 <> o1")
    return both.select(F.when(F.col("o0") < F.col("o1"), F.col("r0")).otherwise(F.col("r1")).alias("row")).select(
        "row.*"
    )


def only_of(df: DataFrame, keys: DataFrame) -> DataFrame:
    """The rows whose key is among `keys`."""
    return df.join(keys.select(KEY), KEY, "left_semi")


def without(df: DataFrame, keys: DataFrame) -> DataFrame:
    """The rows whose key is not among `keys`."""
    return df.join(keys.select(KEY), KEY, "left_anti")
