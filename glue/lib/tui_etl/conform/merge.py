"""Datasets with a key: one row a key, the latest, and each key in one table only (see `keyed`).

The order of writes is what keeps a secured key out of the legacy table whenever a run is cut off: the secured table
first, then the legacy one without any key that is secured, and then a sweep. Every run begins with such a sweep too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform import keyed
from tui_etl.conform.contracts import KEY, Contract
from tui_etl.conform.pair import Merged, Pair
from tui_etl.conform.tables import Table
from tui_etl.conform.types import quoted

_UPSERT = "WHEN MATCHED AND {s} > {t} THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
_REPLACE = "WHEN MATCHED AND {s} > {t} THEN UPDATE SET *"
_DELETE = "WHEN MATCHED THEN DELETE"
_ON_KEY = f"t.{KEY} = s.{KEY}"


def conform(pair: Pair, groups: Mapping[str, Sequence[Group]], read_group: Callable[[Group], DataFrame]) -> Merged:
    """Merge what is read of the files of both zones into the dataset's tables.

    The superseded records are counted by what the merge plans to write, not by what the tables hold afterwards: so the
    books tell if the two differ.
    """
    read = {zone: [_with_key(pair, read_group(group)) for group in groups[zone]] for zone in (LEGACY, SECURED)}
    records = sum(group.count() for zone in read for group in read[zone])
    legacy = _together(pair, pair.legacy, read[LEGACY]) if read[LEGACY] else None
    stands = 0
    lost: list[DataFrame] = []
    if read[SECURED] or pair.secured.exists():
        candidates, legacy = _secured_candidates(pair, legacy, read[SECURED])
        written, gone = _write(pair, pair.secured, candidates)
        stands, lost = stands + written, lost + gone
    if legacy is not None:
        written, gone = _write(pair, pair.legacy, legacy.withColumn(keyed.OURS, F.lit(True)))
        stands, lost = stands + written, lost + gone
    return Merged(records - stands, lost + sweep(pair).lost)


@dataclass(frozen=True)
class Swept:
    """Keys that were in both tables, and the rows that went from either, as in `Merged`."""

    keys: int = 0
    lost: list[DataFrame] = field(default_factory=list)


def sweep(pair: Pair) -> Swept:
    """Empty the legacy table of every key that the secured one has; a later row of such a key is moved, not lost."""
    if not (pair.secured.exists() and pair.legacy.exists()):
        return Swept()
    pair.secured.check_key()
    stray = keyed.only_of(pair.legacy.rows(), pair.secured.rows())
    found = stray.count()
    lost: list[DataFrame] = []
    if found:
        target = pair.schema(pair.secured, [stray.schema])
        moved = pair.align(keyed.only_of(pair.legacy.rows(), pair.secured.rows()), target, whole_records=False)
        lost.append(_kept(keyed.earlier(moved, pair.secured.rows(), pair.contract)))
        pair.secured.merge(moved, _ON_KEY, _clauses(pair.contract, _REPLACE))
        pair.legacy.merge(pair.secured.rows().select(KEY), _ON_KEY, _DELETE)
    return Swept(found, lost)


def _secured_candidates(
    pair: Pair, legacy: DataFrame | None, read: Sequence[DataFrame]
) -> tuple[DataFrame, DataFrame | None]:
    """What competes for the secured table, and what is left for the legacy one.

    Beside the records that came secured: those that came legacy for a key that is secured, and rows that the legacy
    table still has for a key that comes secured now.
    """
    stored = pair.legacy.rows() if pair.legacy.exists() else None
    others = [frame.schema for frame in (legacy, stored) if frame is not None]
    target = pair.schema(pair.secured, [*(frame.schema for frame in read), *others])
    arrived = [pair.align(frame, target, whole_records=True) for frame in read]
    keys = _union([frame.select(KEY) for frame in arrived])
    candidates = [frame.withColumn(keyed.OURS, F.lit(True)) for frame in arrived]
    if stored is not None and keys is not None:
        late = pair.align(keyed.only_of(stored, keys), target, whole_records=False)
        candidates.append(late.withColumn(keyed.OURS, F.lit(False)))
    if legacy is not None:
        known = pair.secured.rows().select(KEY) if pair.secured.exists() else None
        every_key = _union([frame for frame in (keys, known) if frame is not None])
        assert every_key is not None
        routed = pair.align(keyed.only_of(legacy, every_key), target, whole_records=False)
        candidates.append(routed.withColumn(keyed.OURS, F.lit(True)))
        legacy = keyed.without(legacy, every_key)
    together = _union(candidates)
    assert together is not None
    return together, legacy


def _write(pair: Pair, table: Table, candidates: DataFrame) -> tuple[int, list[DataFrame]]:
    """Merge what stands of the candidates into a table.

    Returns how many records of this run stand in it, and the rows that they, or rows of the legacy table, replaced.
    """
    there = table.exists()
    standing = keyed.standing(candidates, table.rows() if there else None, pair.contract).persist()
    try:
        fresh = standing.where(F.col(quoted(keyed.FRESH))).drop(keyed.FRESH, keyed.OURS, keyed.REPLACED)
        counts = standing.agg(F.count_if(F.col(quoted(keyed.OURS))), F.count_if(F.col(quoted(keyed.FRESH)))).first()
        assert counts is not None
        lost: list[DataFrame] = []
        if counts[1]:
            if there:
                lost.append(_kept(keyed.replaced(standing)))
            else:
                table.create(fresh.schema)
            table.merge(fresh, _ON_KEY, _clauses(pair.contract, _UPSERT))
        return int(counts[0]), lost
    finally:
        standing.unpersist()


def _kept(rows: DataFrame) -> DataFrame:
    """Rows as they are now: a cache would be filled anew from the table once that has changed."""
    return rows.localCheckpoint()


def _with_key(pair: Pair, rows: DataFrame) -> DataFrame:
    return keyed.with_key(rows, pair.contract, pair.described)


def _together(pair: Pair, table: Table, read: Sequence[DataFrame]) -> DataFrame | None:
    target = pair.schema(table, [frame.schema for frame in read])
    return _union([pair.align(frame, target, whole_records=True) for frame in read])


def _union(frames: Sequence[DataFrame]) -> DataFrame | None:
    together: DataFrame | None = None
    for frame in frames:
        together = frame if together is None else together.unionByName(frame)
    return together


def _clauses(contract: Contract, template: str) -> str:
    return template.format(s=keyed.order_sql(contract, "s"), t=keyed.order_sql(contract, "t"))
