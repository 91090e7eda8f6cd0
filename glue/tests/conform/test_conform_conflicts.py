"""Two sessions that write the same records: Glue says that a run has ended, and its process goes on (a zombie)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from tui_etl.conform import maintenance
from tui_etl.conform.contracts import Contract
from tui_etl.conform.maintenance import Policy
from tui_etl.conform.tables import Table

DEADLINE_SECONDS = 300
DATASET = "stays"


@pytest.mark.parametrize("key", [[], ["a"]], ids=["appended", "merged by key"])
@pytest.mark.parametrize("there", [False, True], ids=["into a new table", "beside other rows"])
def test_of_two_interleaved_writers_one_fails(lake, monkeypatch, key: list[str], there: bool) -> None:
    if key:
        lake.describe(DATASET, fields={"a": "string"}, key=key)
    before = [{"a": "before", "_file_id": "f/0#1", "_run_id": "jr_0"}] if there else []
    lake.conform(lake.classified("legacy", DATASET, "a string", before), ["jr_0"])
    outputs = lake.classified("legacy", DATASET, "a string", [{"a": "x", "_file_id": "f/1#1"}])
    held = Held(lake, outputs, monkeypatch)
    held.start()
    try:
        held.wait_until_it_has_read_the_table()
        other = lake.spark.newSession()
        lake.attach(other)
        assert lake.conform(outputs, spark=other)[DATASET].records_out == 1
    finally:
        held.go_on()
    assert "Found conflicting files" in str(held.error)
    assert [row.a for row in lake.rows("legacy", DATASET)] == [*(row["a"] for row in before), "x"]


@pytest.mark.parametrize("key", [[], ["a"]], ids=["appended", "merged by key"])
def test_of_a_compaction_and_a_writer_beside_it_neither_loses_a_row(lake, monkeypatch, key: list[str]) -> None:
    if key:
        lake.describe(DATASET, fields={"a": "string"}, key=key)
    for number in range(3):
        row = {"a": f"before {number}", "_file_id": f"f/0{number}#1", "_run_id": f"jr_0{number}"}
        lake.conform(lake.classified("legacy", DATASET, "a string", [row]), [f"jr_0{number}"])
    # The file's id is one of those between which the table's rows lie: so they are what the writer has read.
    changed = {"a": "before 1", "_landed_at": datetime(2026, 6, 1), "_file_id": "f/01#2", "_run_id": "jr_1"}
    outputs = lake.classified("legacy", DATASET, "a string", [changed])
    held = Held(lake, outputs, monkeypatch)
    held.start()
    try:
        held.wait_until_it_has_read_the_table()
        eager = Policy(2, 128, 1000, 1000, 1000, 3, 7, 60, {})
        contract = lake.contracts.get(DATASET, Contract(DATASET))
        maintained = Table(lake.spark, lake.params().places["legacy"], contract)
        assert maintenance.maintain({f"legacy.{DATASET}": maintained}, eager) == []
        lake.spark.sql(f"REFRESH TABLE {maintained.sql}")
        assert lake.spark.table(f"{maintained.sql}.files").count() == 1
    finally:
        held.go_on()
    if held.error:
        # It read files that are no longer the table's. The next run takes its work.
        assert {row._run_id for row in lake.rows("legacy", DATASET)} == {"jr_00", "jr_01", "jr_02"}
        assert lake.conform(outputs)[DATASET].records_out == 1
    kept = ["jr_00", "jr_02", "jr_1"] if key else ["jr_00", "jr_01", "jr_02", "jr_1"]
    assert sorted(row._run_id for row in lake.rows("legacy", DATASET)) == kept


def test_a_merge_that_could_not_conflict_is_refused(lake) -> None:
    with pytest.raises(ValueError, match="does not validate"):
        table(lake).merge(lake.spark.range(1), "t.id = s.id", "WHEN NOT MATCHED THEN INSERT *")


def table(lake) -> Table:
    return Table(lake.spark, lake.params().places["legacy"], Contract(DATASET))


class Held(threading.Thread):
    """A run in a session of its own that stops inside its MERGE, between the scan of the table and the commit."""

    def __init__(self, lake: Any, outputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(daemon=True)
        self.lake, self.outputs = lake, outputs
        self.gate, self.reached = lake.folder / "gate", lake.folder / "reached"
        self.error: BaseException | None = None
        self.session = lake.spark.newSession()
        lake.attach(self.session)
        # Otherwise the source is read once more by a second task, and a commit need not wait for that one.
        self.session.conf.set("spark.sql.optimizer.runtime.rowLevelOperationGroupFilter.enabled", "false")
        merge = Table.merge

        def merge_held(self_: Table, source: DataFrame, *rest: Any) -> None:
            merge(self_, self.slow(source) if self_.spark is self.session else source, *rest)

        monkeypatch.setattr(Table, "merge", merge_held)

    def slow(self, source: DataFrame) -> DataFrame:
        """The same rows from one task that waits; the other core is left for the other session."""
        gate, reached, deadline = str(self.gate), str(self.reached), DEADLINE_SECONDS

        def wait(rows: Iterator[Any]) -> Iterator[Any]:
            Path(reached).touch()
            end = time.monotonic() + deadline
            while not Path(gate).exists() and time.monotonic() < end:
                time.sleep(0.05)
            return rows

        return self.session.createDataFrame(source.coalesce(1).rdd.mapPartitions(wait), source.schema)

    def run(self) -> None:
        try:
            self.lake.conform(self.outputs, spark=self.session)
        except Exception as error:
            self.error = error

    def wait_until_it_has_read_the_table(self) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while not self.reached.exists():
            assert self.is_alive(), self.error
            assert time.monotonic() < end
            time.sleep(0.05)

    def go_on(self) -> None:
        self.gate.touch()
        self.join(DEADLINE_SECONDS)
        assert not self.is_alive()
