"""A dataset's two tables, legacy and secured, and which columns each of them has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform import align, described, types
from tui_etl.conform.align import Reading
from tui_etl.conform.contracts import EVOLVE, KEY, LINEAGE, OWN, Contract
from tui_etl.conform.expectations import RESCUE, hold_all
from tui_etl.conform.tables import Place, Table


@dataclass(frozen=True)
class Merged:
    """What a write came to: how many of its records were superseded, and the rows that went from the tables.

    `lost` has the `_file_id` and `_run_id` of each such row, read before it went.
    """

    superseded: int = 0
    lost: list[DataFrame] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """Either table may not be there yet. `described`: the columns that the contract names."""

    contract: Contract
    described: StructType
    legacy: Table
    secured: Table

    @classmethod
    def of(cls, spark: SparkSession, contract: Contract, legacy: Place, secured: Place) -> Pair:
        columns = described.schema(spark, contract)
        return cls(contract, columns, Table(spark, legacy, contract), Table(spark, secured, contract))

    def tables(self) -> dict[str, Table]:
        return {LEGACY: self.legacy, SECURED: self.secured}

    def size(self) -> int:
        """Bytes of data in both."""
        return sum(table.size() for table in self.tables().values() if table.exists())

    def schema(self, table: Table, incoming: Sequence[StructType]) -> StructType:
        """A table's columns once data with these has come; a table that is there gets them, one that isn't will."""
        own = [StructField(name, kind) for name, (kind, _) in LINEAGE.items()]
        if self.contract.key:
            own.append(StructField(KEY, StringType()))
        data = [StructType([field for field in kind if field.name not in OWN]) for kind in incoming]
        if self.contract.mode != EVOLVE:
            data = []
        if not table.exists():
            return StructType([*types.merged(self.described, data), *own])
        table.check_key()
        wanted = types.evolved(table.schema(), StructType([*self.described, *own]))
        assert isinstance(wanted, StructType)
        target = types.merged(wanted, data)
        table.evolve(target)
        table.keep_layout()
        return target

    def align(self, df: DataFrame, target: StructType, whole_records: bool) -> DataFrame:
        """Rows for one of the tables, as `align.align`; what Glue 2 wrote (`whole_records`) is read by the contract."""
        keep_unknown = self.contract.mode != EVOLVE
        if not whole_records:
            return align.align(df, target, whole_records, Reading(keep_unknown=keep_unknown))
        allowed: dict[str, Callable[[Column], Column]] = {}
        for name in self.described.names:
            rules = [one for one in self.contract.expectations if one.on_breach == RESCUE and one.fields == (name,)]
            if rules:
                allowed[name] = partial(hold_all, rules, kind=self.described[name].dataType)
        return align.align(df, target, whole_records, Reading(self.contract.formats, allowed, keep_unknown))
