"""What a committed run does last for the tables that it has changed: views that fit them, and maintenance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyspark.sql import SparkSession

from tui_etl.conform import maintenance, views
from tui_etl.conform.maintenance import Maintained, Policy
from tui_etl.conform.process import Params, pair_of
from tui_etl.conform.versions import Versions


def tend(spark: SparkSession, glue: Any, params: Params, policy: Policy, datasets: Iterable[str]) -> None:
    """Look after the tables of these datasets."""
    versions = Versions.of(spark, params.places, params.versions)
    tables: dict[str, Maintained] = {}
    for dataset in datasets:
        for zone, table in pair_of(spark, params, dataset).tables().items():
            if table.exists():
                tables[f"{zone}.{dataset}"] = table
                if not table.contract.key:
                    newest = versions.tables()[zone].name
                    columns = spark.table(table.sql).schema
                    views.keep(glue, params.places[zone].database, newest, table.contract, columns)
    tables |= {f"versions.{zone}": table for zone, table in versions.tables().items() if table.exists()}
    maintenance.maintain(tables, policy)
