"""Roll-back of a dataset: both tables as they were, nothing secured in the legacy one, and nothing gone untold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tui_etl.conform import rollback
from tui_etl.conform.rollback import Asked, RollbackError

NAME = "trips"
COLUMNS = "id string, at timestamp, n bigint"


def file_of(number: int) -> str:
    return f"landing/tui/legacy/trips/{number}.json#v"


def row(number: int, identity: str, n: int, position: int = 1) -> dict[str, Any]:
    """A record of a file that landed on that day of May, by a run of its own."""
    day = datetime(2026, 5, number)
    lineage = {"_file_id": file_of(number), "_landed_at": day, "_sequencer": f"0{number}", "_run_id": f"jr_{number}"}
    return {"id": identity, "at": day, "n": n, "_position": position} | lineage


def bring(lake, number: int, legacy: list[Any] = (), secured: list[Any] = (), columns: str = COLUMNS) -> datetime:
    """One load; returns a moment after it and before the next."""
    zones = {"legacy": legacy, "secured": secured}
    outputs = [one for zone, rows in zones.items() if rows for one in lake.classified(zone, NAME, columns, rows)]
    lake.conform(outputs, [f"jr_{number}"])
    # Iceberg counts milliseconds: whatever comes next is later than this moment.
    moment = datetime.now(UTC) + timedelta(milliseconds=1)
    while datetime.now(UTC) <= moment + timedelta(milliseconds=1):
        pass
    return moment


def described(lake) -> None:
    fields = {"id": "string", "at": "timestamp", "n": "bigint"}
    lake.describe(NAME, fields=fields, key=["id"], order_by="at")


def roll_back(lake, moment: datetime | None) -> dict[str, dict[str, Any]]:
    """What is told of it, by table."""
    asked = Asked(NAME, moment)
    steps = rollback.plan(lake.spark, lake.params(), asked)
    told = {step.table.name.partition(".")[0]: step.told() for step in steps}
    rollback.apply(lake.spark, lake.params(), asked, steps)
    for zone, one in told.items():
        assert one["rows_after"] == len(lake.rows(zone, NAME))
    return told


def held(lake, zone: str) -> list[tuple[str, int]]:
    return sorted((row.id, row.n) for row in lake.rows(zone, NAME)) if lake.exists(zone, NAME) else []


def noted(lake, zone: str) -> list[str]:
    lake.spark.sql(f"REFRESH TABLE {lake.catalog}.versions.{zone}")
    return sorted(row._file_id for row in lake.spark.table(f"{lake.catalog}.versions.{zone}").collect())


def test_both_tables_are_as_they_were_and_the_files_that_went_are_told(lake) -> None:
    moment = bring(lake, 1, legacy=[row(1, "a", 1)], secured=[row(1, "b", 2, 2)])
    bring(lake, 2, legacy=[row(2, "c", 3), row(2, "d", 4, 2)], secured=[row(2, "e", 5, 3)])
    told = roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("a", 1)], [("b", 2)])
    assert {zone: one["rows_gone"] for zone, one in told.items()} == {
        "legacy": {file_of(2): 2},
        "secured": {file_of(2): 1},
    }
    assert told["legacy"]["rows_before"] == 3
    for zone in ("legacy", "secured"):
        assert noted(lake, zone) == [file_of(1)]


def test_what_was_rolled_back_comes_in_again_by_landing_it_again(lake) -> None:
    moment = bring(lake, 1, legacy=[row(1, "a", 1)])
    bring(lake, 2, legacy=[row(2, "b", 2)])
    roll_back(lake, moment)
    bring(lake, 3, legacy=[row(3, "b", 2)])
    assert held(lake, "legacy") == [("a", 1), ("b", 2)]
    assert noted(lake, "legacy") == [file_of(1), file_of(3)]


def test_a_roll_back_is_undone_by_another(lake) -> None:
    first = bring(lake, 1, legacy=[row(1, "a", 1)])
    second = bring(lake, 2, legacy=[row(2, "b", 2)])
    roll_back(lake, first)
    told = roll_back(lake, second)
    assert held(lake, "legacy") == [("a", 1), ("b", 2)]
    assert told["legacy"]["rows_gone"] == {}
    assert noted(lake, "legacy") == [file_of(1), file_of(2)]


def test_columns_that_came_since_stay_and_are_null(lake) -> None:
    moment = bring(lake, 1, legacy=[row(1, "a", 1)])
    bring(lake, 2, legacy=[row(2, "b", 2) | {"more": "x"}], columns=f"{COLUMNS}, more string")
    roll_back(lake, moment)
    assert [(one.id, one.more) for one in lake.rows("legacy", NAME)] == [("a", None)]


def test_a_table_that_was_not_there_yet_is_empty(lake) -> None:
    moment = bring(lake, 1, legacy=[row(1, "a", 1)])
    bring(lake, 2, secured=[row(2, "b", 2)])
    told = roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("a", 1)], [])
    assert told["secured"]["rows_gone"] == {file_of(2): 1}
    assert noted(lake, "secured") == [file_of(1)]


def test_tables_are_emptied_on_demand_and_by_no_mistyped_moment(lake) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    bring(lake, 1, legacy=[row(1, "a", 1)], secured=[row(1, "b", 2, 2)])
    with pytest.raises(RollbackError, match=r"nothing was in .*trips and .*trips yet; to empty them, ask for @empty"):
        roll_back(lake, before)
    with pytest.raises(RollbackError, match="is still to come"):
        roll_back(lake, datetime.now(UTC) + timedelta(days=1))
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("a", 1)], [("b", 2)])
    told = roll_back(lake, None)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([], [])
    assert told["legacy"]["rows_gone"] == {file_of(1): 1}


def test_a_merged_row_is_again_what_it_was(lake) -> None:
    described(lake)
    moment = bring(lake, 1, legacy=[row(1, "a", 1), row(1, "b", 1, 2)])
    bring(lake, 2, legacy=[row(2, "a", 2)], secured=[row(2, "z", 9, 2)])
    told = roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("a", 1), ("b", 1)], [])
    assert told["legacy"]["rows_gone"] == {file_of(2): 1}
    bring(lake, 3, legacy=[row(3, "a", 3)])
    assert held(lake, "legacy") == [("a", 3), ("b", 1)]


def test_a_key_that_is_secured_now_does_not_come_back_to_the_legacy_table(lake) -> None:
    described(lake)
    moment = bring(lake, 1, legacy=[row(1, "a", 1), row(1, "b", 1, 2)], secured=[row(1, "s", 1, 3)])
    bring(lake, 2, legacy=[row(2, "b", 2)], secured=[row(2, "a", 2, 2)])
    assert held(lake, "secured") == [("a", 2), ("s", 1)]
    told = roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("b", 1)], [("a", 1), ("s", 1)])
    assert told["secured"]["rows_gone"] == {file_of(2): 1}
    # Done again, as after a run that was cut off.
    roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("b", 1)], [("a", 1), ("s", 1)])
    bring(lake, 3, legacy=[row(3, "a", 3)])
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("b", 1)], [("a", 3), ("s", 1)])


def test_a_key_that_was_secured_once_does_not_come_back_by_two_roll_backs(lake) -> None:
    described(lake)
    first = bring(lake, 1, legacy=[row(1, "s", 1)])
    second = bring(lake, 2, legacy=[row(2, "a", 2)])
    bring(lake, 3, secured=[row(3, "a", 3)])
    roll_back(lake, first)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("s", 1)], [])
    roll_back(lake, second)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([("s", 1)], [("a", 2)])


def test_cut_off_between_the_tables_nothing_secured_is_in_the_legacy_one(lake) -> None:
    described(lake)
    moment = bring(lake, 1, legacy=[row(1, "a", 1)], secured=[row(1, "s", 1, 2)])
    bring(lake, 2, secured=[row(2, "a", 2)])
    asked = Asked(NAME, moment)
    first, second = rollback.plan(lake.spark, lake.params(), asked)
    assert first.table.name.startswith("secured.")
    rollback.apply(lake.spark, lake.params(), asked, [first])
    assert (held(lake, "legacy"), held(lake, "secured")) == ([], [("a", 1), ("s", 1)])
    roll_back(lake, moment)
    assert (held(lake, "legacy"), held(lake, "secured")) == ([], [("a", 1), ("s", 1)])
    assert second.table.name.startswith("legacy.")


def test_what_has_expired_is_refused_and_nothing_changes(lake) -> None:
    first = bring(lake, 1, legacy=[row(1, "a", 1)])
    second = bring(lake, 2, legacy=[row(2, "b", 2)])
    bring(lake, 3, legacy=[row(3, "c", 3)])
    until = second.strftime("%Y-%m-%d %H:%M:%S.%f")
    lake.spark.sql(
        f"CALL {lake.catalog}.system.expire_snapshots(table => 'legacy.{NAME}', "
        f"older_than => TIMESTAMP '{until}', retain_last => 1)"
    )
    with pytest.raises(RollbackError, match=f"what legacy.{NAME} was at .* has expired; it goes back to 20"):
        roll_back(lake, first)
    assert len(lake.rows("legacy", NAME)) == 3


@pytest.mark.parametrize(
    "text", ["trips", "trips@yesterday", "@2026-05-08T12:00:00Z", "trips@2026-05-08T12:00:00", "@empty"]
)
def test_a_request_without_dataset_or_moment_is_refused(text) -> None:
    with pytest.raises(
        RollbackError, match="--rollback must be like bookings@2026-05-08T12:00:00Z or bookings@empty, not "
    ):
        Asked.parse(text)


def test_a_dataset_without_tables_is_refused(lake) -> None:
    with pytest.raises(RollbackError, match="there is no table of trips"):
        roll_back(lake, datetime.now(UTC))


def test_a_request_is_read_in_any_zone() -> None:
    expected = Asked("trips", datetime(2026, 5, 8, 12, tzinfo=UTC))
    assert Asked.parse("trips@2026-05-08T12:00:00Z") == expected
    assert Asked.parse("trips@2026-05-08T14:00:00+02:00") == expected
    assert Asked.parse("trips@empty") == Asked("trips", None)


def test_what_is_told_is_json(lake) -> None:
    moment = bring(lake, 1, legacy=[row(1, "a", 1)])
    assert json.loads(json.dumps(roll_back(lake, moment)))["legacy"]["rows_after"] == 1
