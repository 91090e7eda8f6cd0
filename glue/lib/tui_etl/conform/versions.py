"""The newest version of each landed key, for datasets without a key: what their `<table>_current` views show.

A file version may have rows in both zones, in one of them, or in another one than the version before. Which one is the
newest is known only to who sees both. So it is written down, in two tables that all datasets share: `secured` has every
landed key of which records came; `legacy` has those of which the legacy tables have, or have had, rows, and no other:
their newest version may be one that is secured as a whole. Of that one, legacy readers see that it came, and that what
they have of the key is out of date.

A version without records (empty, or quarantined as a whole) leaves the version before it the newest. Records that were
landed again from quarantine are of the version that had them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform.contracts import Contract, Field, Partition
from tui_etl.conform.pair import Pair
from tui_etl.conform.tables import Place, Table

DATASET, KEY = "dataset", "landed_key"
_FILE = ("_file_id", "_landed_at", "_sequencer")
_IDENTITY = [DATASET, KEY]
_CLAUSES = "WHEN MATCHED AND {newer} THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
_ON = f"t.{DATASET} = s.{DATASET} AND t.{KEY} = s.{KEY}"
_THEIRS = "order of the table's row"


@dataclass(frozen=True)
class Versions:
    """The two tables; either may not be there yet."""

    legacy: Table
    secured: Table

    @classmethod
    def of(cls, spark: SparkSession, places: Mapping[str, Place]) -> Versions:
        return cls(*(Table(spark, places[zone], _contract(zone)) for zone in (LEGACY, SECURED)))

    def tables(self) -> dict[str, Table]:
        return {LEGACY: self.legacy, SECURED: self.secured}

    def note(self, pairs: Sequence[Pair], run_ids: Sequence[str]) -> None:
        """Note the file versions that have come by these Glue 1 runs; to do so once more changes nothing.

        Of a dataset that is not known here yet, all versions are noted that its tables have.
        """
        known = self._known()
        came = {
            zone: [
                _versions(pair, table.rows() if pair.contract.dataset not in known else table.rows_of_runs(run_ids))
                for pair in pairs
                if not pair.contract.key and (table := pair.tables()[zone]).exists()
            ]
            for zone in (LEGACY, SECURED)
        }
        arrived = _union([*came[LEGACY], *came[SECURED]])
        if arrived is None:
            return
        arrived = _newest(arrived).persist()
        try:
            _merge(self.secured, arrived)
            keys = [frame.select(*_IDENTITY) for frame in came[LEGACY]]
            if self.legacy.exists():
                keys.append(self.legacy.rows().select(*_IDENTITY).join(arrived.select(*_IDENTITY), _IDENTITY, "semi"))
            seen = _union(keys)
            if seen is not None:
                _merge(self.legacy, self.secured.rows().join(seen, _IDENTITY, "semi"))
        finally:
            arrived.unpersist()

    def rebuild(self, pair: Pair) -> None:
        """Forget what is noted of a dataset, and note what its tables have now."""
        rows = {zone: _versions(pair, table.rows()) for zone, table in pair.tables().items() if table.exists()}
        together = _union(list(rows.values()))
        if together is None:
            return
        newest = _newest(together)
        _replace(self.secured, newest, pair.contract.dataset)
        seen = rows[LEGACY].select(*_IDENTITY) if LEGACY in rows else newest.select(*_IDENTITY).limit(0)
        if self.legacy.exists():
            # Nothing that they have seen of a key may come back as current by being forgotten here.
            others = self.legacy.rows().where(F.col(DATASET) == pair.contract.dataset).select(*_IDENTITY)
            seen = seen.unionByName(others)
        _replace(self.legacy, newest.join(seen, _IDENTITY, "semi"), pair.contract.dataset)

    def _known(self) -> set[str]:
        if not self.secured.exists():
            return set()
        rows = self.secured.spark.sql(f"SELECT DISTINCT partition.{DATASET} FROM {self.secured.sql}.partitions")
        return {row[0] for row in rows.collect()}


def _contract(zone: str) -> Contract:
    fields = {
        DATASET: Field("string", "The dataset, one without a key"),
        KEY: Field("string", "The landing bucket and the key in it"),
        "_file_id": Field("string", "The newest version of the key of which records came: bucket/key#version"),
        "_landed_at": Field("timestamp", "When that version landed"),
        "_sequencer": Field("string", "S3's order among the versions of one key"),
    }
    which = "of which the legacy tables have, or have had, rows" if zone == LEGACY else "of which records came"
    return Contract(
        zone,
        owner="tui-etl",
        description=f"The newest version of each landed key {which}; the views <table>_current go by it",
        fields=fields,
        partition_by=(Partition(DATASET, "identity"),),
    )


def _versions(pair: Pair, rows: DataFrame) -> DataFrame:
    again = F.col("_origin_file_id").isNotNull()
    sent = {
        "_file_id": F.coalesce("_origin_file_id", "_file_id"),
        # That of the landing again says nothing of the version that had them first.
        "_sequencer": F.when(~again, F.col("_sequencer")),
    }
    found = rows.select(*(sent.get(name, F.col(name)).alias(name) for name in _FILE)).distinct()
    # A key may have #, a version id has none.
    key = F.regexp_extract("_file_id", "(?s)^(.*)#[^#]*$", 1)
    return found.select(F.lit(pair.contract.dataset).alias(DATASET), key.alias(KEY), *_FILE)


def _order(alias: str | None = None) -> Column:
    """As `keyed.order`, for files."""
    prefix = f"{alias}." if alias else ""
    sequencer = F.regexp_replace(F.upper(F.col(f"{prefix}_sequencer")), "0+$", "")
    return F.struct(F.col(f"{prefix}_landed_at"), sequencer, F.col(f"{prefix}_file_id"))


def _order_sql(alias: str) -> str:
    sequencer = f"regexp_replace(upper({alias}._sequencer), '0+$', '')"
    return f"struct({alias}._landed_at, {sequencer}, {alias}._file_id)"


def _newest(versions: DataFrame) -> DataFrame:
    latest = F.max_by(F.struct(*_FILE), _order()).alias("file")
    return versions.groupBy(*_IDENTITY).agg(latest).select(*_IDENTITY, "file.*")


def _merge(table: Table, versions: DataFrame) -> None:
    """Bring in what the table lacks, or has in an earlier version; no commit if there is nothing."""
    if not table.exists():
        if versions.isEmpty():
            return
        table.create(versions.schema)
    table.keep_layout()
    known = table.rows().select(*_IDENTITY, _order().alias(_THEIRS))
    theirs = F.col(f"`{_THEIRS}`")
    fresh = versions.join(known, _IDENTITY, "left").where(theirs.isNull() | (_order() > theirs)).drop(_THEIRS)
    if not fresh.isEmpty():
        table.merge(fresh, _ON, _CLAUSES.format(newer=f"{_order_sql('s')} > {_order_sql('t')}"))


def _replace(table: Table, versions: DataFrame, dataset: str) -> None:
    """Have the table hold just these of a dataset, in one commit."""
    if not table.exists():
        table.create(versions.schema)
    rows = versions.localCheckpoint()
    if rows.isEmpty():
        table.spark.sql(f"DELETE FROM {table.sql} WHERE {DATASET} = :dataset", args={"dataset": dataset})
    else:
        rows.writeTo(table.sql).overwritePartitions()


def _union(frames: Iterable[DataFrame]) -> DataFrame | None:
    found = list(frames)
    return reduce(DataFrame.unionByName, found) if found else None
