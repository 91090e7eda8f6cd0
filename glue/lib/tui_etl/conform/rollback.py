"""A dataset rolled back: its two tables become what they were at a moment, and what goes from them is reported.

A moment, and not a snapshot, is what a person names: the tables of a dataset have snapshots of their own, and one
without the other would leave a file in one half. Both are as they were, with one exception: a key that is secured, or
was in any snapshot that is kept, never comes back to the legacy table. Its row of then goes to the secured table.

The items of what is rolled back stay done, so no run brings it back by itself: its files are landed again (`etl
reland`). A run that was cut off is done again by the same command, and a roll-back that was a mistake is undone by
another one, to a moment before it: snapshots stay until they expire.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tui_etl import run, storage
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform import keyed
from tui_etl.conform.contracts import KEY
from tui_etl.conform.pair import Pair
from tui_etl.conform.process import Params, configure, pair_of
from tui_etl.conform.tables import Table
from tui_etl.conform.types import literal
from tui_etl.conform.versions import Versions

ARGUMENT = "rollback"
#: The argument of a run that rolls nothing back.
NONE = "none"
#: In place of a moment: before anything came. No moment means that, as a mistyped one would empty the tables.
EMPTY = "empty"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)


class RollbackError(ValueError):
    """What is asked for can't be done; nothing has been changed."""


@dataclass(frozen=True)
class Asked:
    """A dataset, and the moment that it goes back to; None for tables without rows."""

    dataset: str
    to: datetime | None

    @classmethod
    def parse(cls, text: str) -> Asked:
        """From `<dataset>@<moment>`, the moment as in RFC 3339, or `<dataset>@empty`."""
        dataset, _, moment = text.partition("@")
        if dataset and moment == EMPTY:
            return cls(dataset, None)
        try:
            to = datetime.fromisoformat(moment)
        except ValueError:
            to = datetime.min
        if not dataset or to.tzinfo is None:
            raise RollbackError(
                f"--rollback must be like bookings@2026-05-08T12:00:00Z or bookings@empty, not {text!r}"
            )
        return cls(dataset, to.astimezone(UTC))


@dataclass(frozen=True)
class Step:
    """A table, the snapshots that it has and goes back to (None: it had no rows), and the rows that it will hold.

    `rewrite`: these rows are those of no snapshot.
    """

    table: Table
    current: int | None
    target: int | None
    rows: DataFrame
    rewrite: bool

    def told(self) -> dict[str, Any]:
        """What it comes to: numbers of rows, and by file how many go."""
        before, after = _by_file(self.table.rows()), _by_file(self.rows)
        gone = {name: number - after.get(name, 0) for name, number in sorted(before.items())}
        return {
            "table": self.table.name,
            "from_snapshot": self.current,
            "to_snapshot": self.target,
            "rows_before": sum(before.values()),
            "rows_after": sum(after.values()),
            "rows_gone": {name: number for name, number in gone.items() if number > 0},
        }


def execute(spark: SparkSession, context: run.Context, params: Params, asked: Asked) -> None:
    """The whole run; it takes no work, and ends as one that found none. What goes is reported before it goes."""
    configure(spark)
    run.start(context)
    steps = plan(spark, params, asked)
    told = [step.told() for step in steps]
    place = f"s3://{context.state_bucket}/reports/stage=3/rollback={context.run_id}.json"
    report: dict[str, Any] = {"run_id": context.run_id, "started_by": context.started_by, "dataset": asked.dataset}
    report |= {"to": asked.to.isoformat() if asked.to else EMPTY, "tables": told}
    storage.write(context.s3, place, json.dumps(report, ensure_ascii=False, indent=1).encode())
    apply(spark, params, asked, steps)
    run.end_empty(context)
    numbers = {one["table"]: one["rows_before"] - one["rows_after"] for one in told}
    logger.warning("rolled a dataset back", extra={"dataset": asked.dataset, "report": place, "rows_gone": numbers})


def plan(spark: SparkSession, params: Params, asked: Asked) -> list[Step]:
    """What is to be done; raises `RollbackError` if it can't be.

    The secured table comes first: at no moment does the legacy one have a key that this one lacks and should have.
    """
    pair = pair_of(spark, params, asked.dataset)
    tables = {zone: table for zone, table in pair.tables().items() if table.exists()}
    if not tables:
        raise RollbackError(f"there is no table of {asked.dataset}")
    targets = dict.fromkeys(tables) if asked.to is None else _snapshots_at(tables, asked.to)
    rows = {zone: _at(table, targets[zone]) for zone, table in tables.items()}
    exposed = None
    if pair.contract.key and len(tables) == 2:
        exposed = keyed.only_of(rows[LEGACY], _ever_in(tables[SECURED])).localCheckpoint()
    rewrite = exposed is not None and not exposed.isEmpty()
    if exposed is not None and rewrite:
        both = [_aligned(pair, tables[SECURED], some) for some in (rows[SECURED], exposed)]
        rows[SECURED] = keyed.reduce_to_latest(both[0].unionByName(both[1]), pair.contract).localCheckpoint()
        rows[LEGACY] = _aligned(pair, tables[LEGACY], keyed.without(rows[LEGACY], exposed)).localCheckpoint()
    return [
        Step(tables[zone], _current(tables[zone]), targets[zone], rows[zone], rewrite)
        for zone in (SECURED, LEGACY)
        if zone in tables
    ]


def apply(spark: SparkSession, params: Params, asked: Asked, steps: Sequence[Step]) -> None:
    """Do it, table by table, each in one commit."""
    for step in steps:
        if step.rewrite:
            step.rows.writeTo(step.table.sql).overwrite(F.lit(True))
        elif step.target is None:
            spark.sql(f"DELETE FROM {step.table.sql}")
        elif step.target != step.current:
            arguments = f"table => {literal(step.table.within)}, snapshot_id => {step.target}"
            spark.sql(f"CALL {step.table.catalog}.system.set_current_snapshot({arguments})")
    pair = pair_of(spark, params, asked.dataset)
    if not pair.contract.key:
        Versions.of(spark, params.versions).rebuild(pair)


def _snapshots_at(tables: Mapping[str, Table], moment: datetime) -> dict[str, int | None]:
    """What was current at a moment at which there was something."""
    if moment > datetime.now(UTC):
        raise RollbackError(f"{moment.isoformat()} is still to come")
    found = {zone: _snapshot_at(table, moment) for zone, table in tables.items()}
    if all(snapshot is None for snapshot in found.values()):
        names = " and ".join(table.name for table in tables.values())
        raise RollbackError(f"at {moment.isoformat()} nothing was in {names} yet; to empty them, ask for @{EMPTY}")
    return found


def _ever_in(table: Table) -> DataFrame:
    """The keys of all snapshots that are kept. An earlier roll-back may have taken some from the current one.

    Each is read by itself: Spark takes snapshots of one table for the same rows, and leaves out all but one of a union.
    """
    kept = table.spark.sql(f"SELECT snapshot_id FROM {table.sql}.snapshots").collect()
    each = [_at(table, row.snapshot_id) for row in kept]
    keys = [rows.select(KEY).distinct().localCheckpoint() for rows in each if KEY in rows.columns]
    return reduce(DataFrame.unionByName, keys, _at(table, None).select(KEY)).distinct()


def _snapshot_at(table: Table, moment: datetime) -> int | None:
    """The snapshot that was current at a moment; None if the table had no rows yet."""
    history = table.spark.sql(
        "SELECT unix_micros(h.made_current_at) AS at, h.snapshot_id, h.parent_id, s.snapshot_id IS NOT NULL AS kept "
        f"FROM {table.sql}.history h LEFT JOIN {table.sql}.snapshots s ON h.snapshot_id = s.snapshot_id ORDER BY at"
    ).collect()
    earlier = [row for row in history if row["at"] <= _micros(moment)]
    if earlier and earlier[-1].kept:
        return int(earlier[-1].snapshot_id)
    if not earlier and (not history or history[0].parent_id is None):
        return None
    oldest = next(_EPOCH + timedelta(microseconds=row["at"]) for row in history if row.kept)
    raise RollbackError(
        f"what {table.name} was at {moment.isoformat()} has expired; it goes back to {oldest.isoformat()} at most"
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _current(table: Table) -> int | None:
    row = table.spark.sql(f"SELECT snapshot_id FROM {table.sql}.refs WHERE name = 'main'").first()
    return int(row[0]) if row else None


def _at(table: Table, snapshot: int | None) -> DataFrame:
    """The rows of a snapshot."""
    if snapshot is None:
        return table.rows().limit(0)
    return table.spark.sql(f"SELECT * FROM {table.sql} VERSION AS OF {snapshot}")


def _aligned(pair: Pair, table: Table, rows: DataFrame) -> DataFrame:
    return pair.align(rows, table.schema(), whole_records=False)


def _by_file(rows: DataFrame) -> dict[str, int]:
    return {row["_file_id"]: row["count"] for row in rows.groupBy("_file_id").count().collect()}
