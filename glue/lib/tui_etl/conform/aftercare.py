"""What a committed run does last for the tables that it has changed: views that fit them, and maintenance."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from pyspark.sql import SparkSession

from tui_etl.conform import maintenance, views
from tui_etl.conform.maintenance import FAILED, Maintained, Policy
from tui_etl.conform.process import Params, pair_of
from tui_etl.conform.tables import Table
from tui_etl.conform.versions import Versions

logger = logging.getLogger(__name__)


def tend(spark: SparkSession, glue: Any, params: Params, policy: Policy, datasets: Iterable[str]) -> None:
    """Look after the tables of these datasets. What fails is told (`FAILED`), and left to the next run."""
    changed = [
        (zone, table)
        for dataset in datasets
        for zone, table in pair_of(spark, params, dataset).tables().items()
        if table.exists()
    ]
    versions = Versions.of(spark, params.versions).tables()
    try:
        keep_views(spark, glue, params, changed)
    except Exception:
        logger.exception(FAILED, extra={"step": "views"})
    tables: dict[str, Maintained] = {f"{zone}.{table.contract.dataset}": table for zone, table in changed}
    tables |= {f"versions.{zone}": table for zone, table in versions.items() if table.exists()}
    maintenance.maintain(tables, policy)


def keep_views(spark: SparkSession, glue: Any, params: Params, changed: Iterable[tuple[str, Table]]) -> None:
    """Have the views fit the tables that have changed, and those of all files the tables that there are."""
    versions = Versions.of(spark, params.versions).tables()
    for zone, table in changed:
        if not table.contract.key:
            database, columns = params.places[zone].database, spark.table(table.sql).schema
            views.keep(glue, database, views.current(database, versions[zone].name, table.contract, columns))
    for zone, place in params.places.items():
        everything = views.files(zone, place.database, views.tables_of(glue, place.database))
        views.keep(glue, params.versions[zone].database, everything)
