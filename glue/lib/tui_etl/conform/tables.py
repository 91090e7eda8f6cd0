"""Iceberg tables by SQL alone: created, evolved, merged into. Which catalog, and which Iceberg, is configuration.

Every write is a MERGE with a matched clause on a table whose isolation level is serializable. Such a commit is
validated against the snapshot that it read: rows that another writer committed meanwhile make it fail, instead of being
there twice. A plain append, an insert-only MERGE and one with a condition that is always false do not validate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tui_etl.conform import layout, types
from tui_etl.conform.contracts import Contract
from tui_etl.conform.types import literal, quoted

#: In this property a table remembers the columns that it is merged by.
KEY_PROPERTY = "tui-etl.key"

_PROPERTIES = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.merge.mode": "copy-on-write",
    "write.update.mode": "copy-on-write",
    "write.delete.mode": "copy-on-write",
    "write.merge.isolation-level": "serializable",
    "write.update.isolation-level": "serializable",
    "write.delete.isolation-level": "serializable",
    # Data lies below the table's location, where policies and people look for it.
    "write.object-storage.enabled": "false",
}
# Identifiers share long prefixes: bounds cut to 16 characters, as usual, would tell nothing about a file.
_FULL_BOUNDS = ("_file_id", "_run_id")


class TableError(RuntimeError):
    """A table that is not what its contract says, and can't be made so without losing something."""


@dataclass(frozen=True)
class Place:
    """Where tables of one zone are: catalog, database, and the folder above theirs (URI, no slash at the end)."""

    catalog: str
    database: str
    folder: str


class Table:
    """One table, which may not be there yet."""

    def __init__(self, spark: SparkSession, place: Place, contract: Contract) -> None:
        self.spark = spark
        self.contract = contract
        self.name = f"{place.database}.{contract.dataset}"
        self.catalog = quoted(place.catalog)
        self.within = quoted(place.database, contract.dataset)
        self.sql = f"{self.catalog}.{self.within}"
        self.location = f"{place.folder}/{contract.dataset}"
        self._layout_kept = False

    def exists(self) -> bool:
        """Whether it is there; what others committed meanwhile is seen from here on."""
        if not self.spark.catalog.tableExists(self.sql):
            return False
        self.spark.sql(f"REFRESH TABLE {self.sql}")
        return True

    def rows(self) -> DataFrame:
        """The rows as they are now, refreshed."""
        self.spark.sql(f"REFRESH TABLE {self.sql}")
        return self.spark.table(self.sql)

    def schema(self) -> StructType:
        """The columns that it has."""
        found = types.storable(self.spark.table(self.sql).schema)
        assert isinstance(found, StructType)
        return found

    def size(self) -> int:
        """Bytes of data files in the current snapshot."""
        size = "summary['total-files-size']"
        newest = self.spark.sql(f"SELECT {size} FROM {self.sql}.snapshots ORDER BY committed_at DESC LIMIT 1").first()
        return int(newest[0]) if newest and newest[0] else 0

    def create(self, schema: StructType) -> None:
        """Create it with these columns, if it isn't there."""
        columns = ", ".join(
            f"{quoted(field.name)} {types.ddl(field.dataType)}{_comment(layout.comment_of(self.contract, field.name))}"
            for field in schema
        )
        decided = layout.properties(self.contract)
        decided.pop(layout.COMMENT)
        bounds = {f"write.metadata.metrics.column.{name}": "full" for name in _FULL_BOUNDS if name in schema.names}
        properties = _PROPERTIES | bounds | {KEY_PROPERTY: json.dumps(self.contract.key)} | decided
        listed = ", ".join(f"{literal(name)}={literal(value)}" for name, value in properties.items() if value)
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.sql} ({columns}) USING iceberg{self._partitioning()}"
            f"{_comment(self.contract.description)} "
            f"LOCATION {literal(self.location)} TBLPROPERTIES ({listed})"
        )
        if layout.sort_columns(self.contract):
            self.spark.sql(f"ALTER TABLE {self.sql} {layout.order_clause(self.contract)}")

    def evolve(self, target: StructType) -> None:
        """Add and widen what `target` (of `types.merged`) has more than the table, in as few commits as SQL allows."""
        changed = list(types.changes(self.schema(), target))
        for change in changed:
            if change.widened:
                self.spark.sql(
                    f"ALTER TABLE {self.sql} ALTER COLUMN {quoted(*change.path)} TYPE {types.ddl(change.type)}"
                )
        added = [
            f"{quoted(*change.path)} {types.ddl(change.type)}"
            f"{_comment(layout.comment_of(self.contract, '.'.join(change.path)))}"
            for change in changed
            if not change.widened
        ]
        if added:
            self.spark.sql(f"ALTER TABLE {self.sql} ADD COLUMNS ({', '.join(added)})")

    def keep_layout(self) -> None:
        """Give it the partitions, the sort order and the comments of its contract, once."""
        if not self._layout_kept:
            layout.keep(self.spark, self.sql, self.contract)
            self._layout_kept = True

    def check_key(self) -> None:
        """Raises `TableError` if it has been merged by another key than the contract's."""
        rows = self.spark.sql(f"SHOW TBLPROPERTIES {self.sql}").collect()
        found = {row["key"]: row["value"] for row in rows}.get(KEY_PROPERTY)
        if found != json.dumps(self.contract.key):
            raise TableError(
                f"{self.name} is kept by the key {found}, its contract says {json.dumps(self.contract.key)}: "
                "copy it into a new table, or take the change back"
            )

    def merge(self, source: DataFrame, on: str, clauses: str, parameters: Mapping[str, Any] | None = None) -> None:
        """MERGE rows (`s`) into the table (`t`) in one commit that fails if it is not based on the latest snapshot."""
        if "WHEN MATCHED" not in clauses:
            raise ValueError("a MERGE without a matched clause does not validate what it read")
        view = f"source_{uuid4().hex}"
        source.createOrReplaceTempView(view)
        try:
            statement = f"MERGE INTO {self.sql} t USING {view} s ON {on} {clauses}"
            self.spark.sql(statement, args=dict(parameters or {}))
        finally:
            self.spark.catalog.dropTempView(view)

    def rows_of_runs(self, run_ids: Sequence[str]) -> DataFrame:
        """The rows that came by these Glue 1 runs."""
        return self.rows().where(F.col("_run_id").isin(list(run_ids)))

    def _partitioning(self) -> str:
        parts = ", ".join(part.sql for part in self.contract.partition_by)
        return f" PARTITIONED BY ({parts})" if parts else ""


def _comment(text: str) -> str:
    return f" COMMENT {literal(text)}" if text else ""
