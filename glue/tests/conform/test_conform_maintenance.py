"""Maintenance: fewer files, snapshots and orphans, the same rows, and no harm if it fails."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tui_etl.conform import maintenance
from tui_etl.conform.contracts import Contract
from tui_etl.conform.maintenance import ORPHANS_PROPERTY, Policy, PolicyError
from tui_etl.conform.tables import Table

NOTHING = Policy(1000, 128, 1000, 1000, 1000, 3, 7, 60, {})
DAY = 86400


def filled(lake, runs: int, zone: str = "legacy", **contract: Any) -> Table:
    if contract:
        lake.describe("log", fields={"a": "bigint"}, **contract)
    for number in range(runs):
        row = {"a": number, "_run_id": f"jr_{number}", "_file_id": f"f/{number}.json#1"}
        lake.conform(lake.classified(zone, "log", "a bigint", [row]), [f"jr_{number}"])
    return Table(lake.spark, lake.params().places[zone], lake.contracts.get("log", Contract("log")))


def count(lake, metadata: str) -> int:
    lake.spark.sql(f"REFRESH TABLE {lake.catalog}.legacy.log")
    return lake.spark.table(f"{lake.catalog}.legacy.log.{metadata}").count()


def with_orphans(lake, ages_days: list[int]) -> list[Path]:
    """Files in the table's folder that no commit ever named, so many days old."""
    made = []
    for days in ages_days:
        path = lake.folder / "warehouse" / "legacy" / "log" / "data" / f"orphan-{days}.parquet"
        path.write_bytes(b"left by a commit that never came about")
        then = datetime.now().timestamp() - days * DAY
        os.utime(path, (then, then))
        made.append(path)
    return made


@pytest.mark.parametrize("contract", [{}, {"key": ["a"]}], ids=["appended", "merged by key"])
def test_small_files_are_compacted_and_the_rows_are_the_same(lake, contract) -> None:
    table = filled(lake, 4, **contract)
    before = lake.rows("legacy", "log")
    few = replace(NOTHING, small_files=5)
    assert maintenance.maintain({"legacy.log": table}, few) == []
    assert count(lake, "files") == 4
    assert maintenance.maintain({"legacy.log": table}, replace(NOTHING, small_files=4)) == []
    assert count(lake, "files") == 1
    assert lake.rows("legacy", "log") == before
    again = lake.classified("legacy", "log", "a bigint", [{"a": 9, "_run_id": "jr_9", "_file_id": "f/9.json#1"}])
    assert lake.conform(again, ["jr_9"])["log"].records_out == 1
    assert len(lake.rows("legacy", "log")) == 5


def test_manifests_are_brought_together_when_there_are_many(lake) -> None:
    table = filled(lake, 3)
    maintenance.maintain({"legacy.log": table}, replace(NOTHING, manifests=4))
    assert count(lake, "manifests") == 3
    maintenance.maintain({"legacy.log": table}, replace(NOTHING, manifests=3))
    assert (count(lake, "manifests"), len(lake.rows("legacy", "log"))) == (1, 3)


def test_old_snapshots_expire_but_the_newest_few_stay(lake, monkeypatch) -> None:
    table = filled(lake, 4)
    expiring = replace(NOTHING, retain_days=10, retain_snapshots=2)
    maintenance.maintain({"legacy.log": table}, expiring)
    assert count(lake, "snapshots") == 4
    monkeypatch.setattr(maintenance, "datetime", In(days=9))
    maintenance.maintain({"legacy.log": table}, expiring)
    assert count(lake, "snapshots") == 4
    monkeypatch.setattr(maintenance, "datetime", In(days=11))
    maintenance.maintain({"legacy.log": table}, replace(expiring, retain_snapshots=4))
    assert count(lake, "snapshots") == 4
    maintenance.maintain({"legacy.log": table}, expiring)
    assert (count(lake, "snapshots"), len(lake.rows("legacy", "log"))) == (2, 4)


class In:
    """A clock that is ahead."""

    def __init__(self, **ahead: int) -> None:
        self.ahead = timedelta(**ahead)

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) + self.ahead

    fromisoformat = staticmethod(datetime.fromisoformat)


def test_old_orphans_are_removed_and_young_ones_left_alone(lake, monkeypatch) -> None:
    table = filled(lake, 2)
    old, young = with_orphans(lake, [5, 2])
    maintenance.maintain({"legacy.log": table}, NOTHING)
    assert (old.exists(), young.exists()) == (False, True)
    assert len(lake.rows("legacy", "log")) == 2
    [again] = with_orphans(lake, [6])
    maintenance.maintain({"legacy.log": table}, NOTHING)
    assert again.exists()  # they are looked for once a week
    monkeypatch.setattr(maintenance, "datetime", In(days=7, minutes=-30))
    maintenance.maintain({"legacy.log": table}, replace(NOTHING, orphan_days=10))
    assert not again.exists()
    properties = lake.spark.sql(f"SHOW TBLPROPERTIES {table.sql}").collect()
    assert sum(row.key == ORPHANS_PROPERTY for row in properties) == 1


def test_what_glue_does_is_left_to_glue(lake) -> None:
    table = filled(lake, 2)
    [orphan] = with_orphans(lake, [5])
    eager = replace(NOTHING, small_files=2, managed={"legacy.log": ["compaction", "orphan_file_deletion"]})
    maintenance.maintain({"legacy.log": table}, eager)
    assert (count(lake, "files"), orphan.exists()) == (2, True)
    maintenance.maintain({"legacy.log": table}, replace(eager, managed={"secured.log": [*maintenance.KINDS]}))
    assert (count(lake, "files"), orphan.exists()) == (1, False)


def test_what_fails_is_told_and_the_rest_is_done(lake, monkeypatch, caplog) -> None:
    table = filled(lake, 2)
    [orphan] = with_orphans(lake, [5])

    def refused(*_: Any) -> None:
        raise RuntimeError("S3 says no")

    monkeypatch.setitem(maintenance._STEPS, "compact", ("compaction", refused))
    monkeypatch.setattr(logging.getLogger("tui_etl"), "propagate", True)
    assert maintenance.maintain({"legacy.log": table}, NOTHING) == [("legacy.log", "compact")]
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (told.getMessage(), told.table, told.step) == (maintenance.FAILED, "legacy.log", "compact")
    assert not orphan.exists()
    assert len(lake.rows("legacy", "log")) == 2


def test_no_step_begins_when_the_time_is_up(lake) -> None:
    table = filled(lake, 2)
    [orphan] = with_orphans(lake, [5])
    minutes = iter([0, 0, 59, 60, 61])
    maintenance.maintain({"legacy.log": table}, NOTHING, clock=lambda: 60.0 * next(minutes))
    assert orphan.exists()


def test_settings_are_read_or_refused() -> None:
    given = asdict(NOTHING) | {"managed": {"legacy.log": ["compaction"]}}
    assert Policy.parse(json.dumps(given)) == replace(NOTHING, managed={"legacy.log": ["compaction"]})
    for text, problem in (
        ("{", "is no JSON"),
        (json.dumps(given | {"more": 1}), "needs small_files, .* and nothing else"),
        (json.dumps(given | {"retain_days": 0}), "retain_days must be a whole number from 1 up, not 0"),
        (json.dumps(given | {"manifests": "9"}), "manifests must be a whole number from 1 up, not '9'"),
        (json.dumps(given | {"managed": {"legacy.log": ["all"]}}), "managed: legacy.log: only compaction, retention"),
    ):
        with pytest.raises(PolicyError, match=problem):
            Policy.parse(text)
