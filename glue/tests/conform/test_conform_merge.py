"""Datasets with a key, held against a plain reference: what stands depends on all records, never on their order."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from tui_etl.conform import keyed, merge
from tui_etl.conform.contracts import KEY, Contract
from tui_etl.conform.tables import TableError

FIELDS = {"a": "string", "b": "bigint", "at": "timestamp", "v": "bigint"}
COLUMNS = "a string, b bigint, at string, v bigint"
START = datetime(2026, 5, 1)
RECORDS = 120


@pytest.fixture
def stays(lake):
    lake.describe("stays", fields=FIELDS, key=["a", "b"], order_by="at")
    return lake


def record(number: int, **values: Any) -> dict[str, Any]:
    lineage = {"_file_id": f"landing/{number}.json#1", "_position": 1, "_landed_at": START, "_run_id": "jr_1"}
    return lineage | {"a": "k", "b": 1, "at": "2026-05-01T00:00:00Z", "v": number} | values


def values(lake, zone: str) -> list[int]:
    return sorted(row.v for row in lake.rows(zone, "stays")) if lake.exists(zone, "stays") else []


def reference(records: list[tuple[str, dict[str, Any]]]) -> dict[str, list[int]]:
    """Of each key the latest record; in the secured table if any record of the key ever was secured."""

    def later(entry: tuple[str, dict[str, Any]]) -> tuple[Any, ...]:
        row = entry[1]
        at = row["at"] if row["at"] and row["at"].startswith("2026") else ""
        sequencer = row["_sequencer"]
        padded = (sequencer is not None, (sequencer or "").upper().ljust(32, "0"))
        return (at, row["_landed_at"], *padded, row["_position"], row["_file_id"])

    by_key: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    for entry in records:
        row = entry[1]
        complete = row["a"] is not None and row["b"] is not None
        by_key.setdefault((row["a"], row["b"]) if complete else (row["_file_id"], row["_position"], None), []).append(
            entry
        )
    tables: dict[str, list[int]] = {"legacy": [], "secured": []}
    for entries in by_key.values():
        zone = "secured" if any(zone == "secured" for zone, _ in entries) else "legacy"
        tables[zone].append(max(entries, key=later)[1]["v"])
    return {zone: sorted(found) for zone, found in tables.items()}


def random_record(chance: random.Random, number: int, run: str) -> tuple[str, dict[str, Any]]:
    zone = "secured" if chance.random() < 0.15 else "legacy"
    row = record(number, _run_id=run)
    row["a"] = chance.choice(["k", "l", "L", None, "", *(f"k{i}" for i in range(6))])
    row["b"] = chance.choice([1, 2, 3, None]) if chance.random() < 0.5 else chance.randint(1, 6)
    row["at"] = chance.choice([None, "soon", *(f"2026-05-0{day}T00:00:00Z" for day in range(1, 5))])
    row["_landed_at"] = START + timedelta(hours=chance.randint(0, 3))
    row["_sequencer"] = chance.choice([None, "0055AED6", "0055aed600", "0055AED6000F", "0055AED7"])
    row["_position"] = chance.randint(1, 3)
    return zone, row


def test_tables_are_what_a_plain_reference_makes_of_all_records(stays) -> None:
    chance = random.Random(1)
    seen: list[tuple[str, dict[str, Any]]] = []
    standing_by_file: Counter[str] = Counter()
    for number in range(1, 4):
        run = f"jr_{number}"
        batch = [random_record(chance, 1000 * number + i, run) for i in range(RECORDS)]
        outputs = []
        for zone in ("legacy", "secured"):
            rows = [row for of, row in batch if of == zone]
            outputs += stays.classified(zone, "stays", COLUMNS, rows) if rows else []
        balance = stays.conform(outputs, [run])["stays"]
        seen += batch
        expected = reference(seen)
        assert {zone: values(stays, zone) for zone in expected} == expected
        standing = sum(1 for found in expected.values() for v in found if v // 1000 == number)
        assert (balance.records_in, balance.records_out, balance.superseded) == (RECORDS, standing, RECORDS - standing)
        keys = {zone: {row._key for row in stays.rows(zone, "stays")} for zone in expected}
        assert not keys["legacy"] & keys["secured"]
        by_file = stays.by_file("stays")
        for file_id, numbers in by_file.items():
            standing_by_file[file_id] += numbers.get("legacy", 0) + numbers.get("secured", 0)
            standing_by_file[file_id] -= numbers.get("replaced", 0)
        assert +standing_by_file == Counter(row._file_id for zone in expected for row in stays.rows(zone, "stays"))
        assert sum(numbers.get("superseded", 0) for numbers in by_file.values()) == balance.superseded
        assert sum(numbers.get("replaced", 0) for numbers in by_file.values()) == balance.replaced
    assert balance.replaced > 0


def test_a_repeated_run_changes_nothing(stays) -> None:
    outputs = stays.classified("legacy", "stays", COLUMNS, [record(1), record(2, at="2026-05-02"), record(3, b=None)])
    outputs += stays.classified("secured", "stays", COLUMNS, [record(4, a="s")])
    first = stays.conform(outputs)["stays"]
    before = {zone: (stays.rows(zone, "stays"), stays.snapshots(zone, "stays")) for zone in ("legacy", "secured")}
    again = stays.conform(outputs)["stays"]
    assert {zone: (stays.rows(zone, "stays"), stays.snapshots(zone, "stays")) for zone in before} == before
    assert (first.records_out, first.superseded) == (again.records_out, again.superseded) == (3, 1)


def test_a_file_whose_rows_make_room_is_told_in_the_run_in_which_they_do(stays) -> None:
    first = [record(n, a=f"k{n}", _file_id="landing/one#1", _position=n) for n in (1, 2, 3)]
    stays.conform(stays.classified("legacy", "stays", COLUMNS, first))
    assert stays.by_file("stays") == {"landing/one#1": {"records_in": 3, "legacy": 3}}

    second = [
        record(4, a="k1", at="2026-05-02", _file_id="landing/two#1", _run_id="jr_2"),  # replaces
        record(5, a="k2", at="2026-04-02", _file_id="landing/two#1", _position=2, _run_id="jr_2"),  # too late
    ]
    outputs = stays.classified("legacy", "stays", COLUMNS, second)
    secured = [record(6, a="k3", at="2026-05-02", _file_id="landing/three#1", _run_id="jr_2")]
    balance = stays.conform(outputs + stays.classified("secured", "stays", COLUMNS, secured), ["jr_2"])["stays"]
    assert stays.by_file("stays") == {
        "landing/one#1": {"replaced": 2},
        "landing/two#1": {"records_in": 2, "legacy": 1, "superseded": 1},
        "landing/three#1": {"records_in": 1, "secured": 1},
    }
    assert (balance.records_in, balance.conformed, balance.superseded, balance.replaced) == (3, 2, 1, 2)

    moved = [record(7, a="k2", at="2026-04-01", _file_id="landing/four#1", _run_id="jr_3")]
    stays.conform(stays.classified("secured", "stays", COLUMNS, moved), ["jr_3"])
    assert stays.by_file("stays") == {"landing/four#1": {"records_in": 1, "superseded": 1}}
    assert values(stays, "secured") == [2, 6]


def test_a_record_that_a_cut_off_run_left_in_the_legacy_table_is_counted_once(stays) -> None:
    left = stays.classified("legacy", "stays", COLUMNS, [record(1, at="2026-05-03")])
    stays.conform(left)
    older = stays.classified("secured", "stays", COLUMNS, [record(2, at="2026-05-02", _run_id="jr_2")])
    balance = stays.conform(left + older, ["jr_1", "jr_2"])["stays"]
    assert (balance.records_in, balance.secured, balance.superseded, balance.replaced) == (2, 1, 1, 0)
    assert (values(stays, "legacy"), values(stays, "secured")) == ([], [1])


def test_a_record_that_a_cut_off_run_left_is_superseded_and_not_replaced_by_the_next(stays) -> None:
    left = stays.classified("legacy", "stays", COLUMNS, [record(1)])
    stays.conform(left)
    newer = stays.classified("legacy", "stays", COLUMNS, [record(2, at="2026-05-02", _run_id="jr_2")])
    balance = stays.conform(left + newer, ["jr_1", "jr_2"])["stays"]
    assert (balance.records_in, balance.legacy, balance.superseded, balance.replaced) == (2, 1, 1, 0)


def test_a_key_that_comes_secured_leaves_the_legacy_table_and_never_comes_back(stays) -> None:
    stays.conform(stays.classified("legacy", "stays", COLUMNS, [record(1, at="2026-05-03"), record(2, a="other")]))
    secured = stays.classified("secured", "stays", COLUMNS, [record(3, at="2026-05-02", _run_id="jr_2")])
    balance = stays.conform(secured, ["jr_2"])["stays"]
    assert (values(stays, "legacy"), values(stays, "secured")) == ([2], [1])
    assert (balance.records_out, balance.superseded) == (0, 1)

    older = stays.classified("legacy", "stays", COLUMNS, [record(4, at="2026-05-01", _run_id="jr_3")])
    assert stays.conform(older, ["jr_3"])["stays"].superseded == 1
    assert (values(stays, "legacy"), values(stays, "secured")) == ([2], [1])

    later = stays.classified("legacy", "stays", COLUMNS, [record(5, at="2026-05-09", _run_id="jr_4")])
    balance = stays.conform(later, ["jr_4"])["stays"]
    assert (values(stays, "legacy"), values(stays, "secured")) == ([2], [5])
    assert (balance.legacy, balance.secured, balance.superseded) == (0, 1, 0)


def test_a_run_begins_by_sweeping_what_a_crash_left_in_both_tables(stays, monkeypatch) -> None:
    stays.conform(stays.classified("legacy", "stays", COLUMNS, [record(1, at="2026-05-01"), record(2, a="other")]))
    with monkeypatch.context() as crash:
        crash.setattr("tui_etl.conform.merge.sweep", lambda pair: merge.Swept())
        outputs = stays.classified("secured", "stays", COLUMNS, [record(3, at="2026-05-02", _run_id="jr_2")])
        stays.conform(outputs, ["jr_2"])
    assert (values(stays, "legacy"), values(stays, "secured")) == ([1, 2], [3])
    stays.describe("else", fields={"a": "string"}, key=["a"])
    stays.conform(stays.classified("legacy", "else", "a string", [{"a": "x", "_run_id": "jr_3"}]), ["jr_3"])
    assert (values(stays, "legacy"), values(stays, "secured")) == ([2], [3])


def test_a_swept_row_brings_along_columns_and_rescued_values(stays) -> None:
    legacy = stays.classified("legacy", "stays", "a string, b bigint, at string, v string, more double", [
        record(1, at="2026-05-09", v="many", more=1.5, _rescued='{"a":"k","a":"k"}'),
    ])  # fmt: skip
    stays.conform(legacy)
    stays.conform(stays.classified("secured", "stays", COLUMNS, [record(2, _run_id="jr_2")]), ["jr_2"])
    assert stays.rows("legacy", "stays") == []
    [row] = stays.rows("secured", "stays")
    assert (row.v, row.more, row._file_id) == (None, 1.5, "landing/1.json#1")
    assert row._rescued == '{"_record":{"a":"k","a":"k"},"v":"many"}'


def test_a_key_is_the_same_however_a_batch_types_it(stays) -> None:
    stays.conform(stays.classified("legacy", "stays", COLUMNS, [record(1)]))
    drifted = "a string, b string, at string, v bigint"
    outputs = stays.classified("legacy", "stays", drifted, [
        record(2, b="1", at="2026-05-02", _run_id="jr_2"),
        record(3, b="one", at="2026-05-02", _run_id="jr_2"),
    ])  # fmt: skip
    stays.conform(outputs, ["jr_2"])
    rows = stays.rows("legacy", "stays")
    assert [(row.v, row.b, row._rescued) for row in rows] == [(2, 1, None), (3, None, '{"b":"one"}')]
    assert [json.loads(row._key) for row in rows] == [["k", "1"], ["k", '"one"']]


def test_a_table_kept_by_another_key_is_left_alone(stays) -> None:
    stays.conform(stays.classified("legacy", "stays", COLUMNS, [record(1)]))
    stays.describe("stays", fields=FIELDS, key=["a"], order_by="at")
    with pytest.raises(TableError, match="kept by the key"):
        stays.conform(stays.classified("legacy", "stays", COLUMNS, [record(2)]))
    assert values(stays, "legacy") == [1]


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ("0A00", "0a", 2),  # the same, so the file's name decides
        ("0A01", "0A", 1),
        ("0B", "0A01", 1),
        ("09FF", "0A", 2),
        (None, "00", 2),
    ],
)
def test_sequencers_are_compared_as_if_filled_up_with_zeros(spark, first: str, second: str, stands: int) -> None:
    contract = Contract("stays", key=("a",))
    rows = [("k", 1, START, first, 1, "f1"), ("k", 2, START, second, 1, "f2")]
    columns = f"{KEY} string, v int, _landed_at timestamp, _sequencer string, _position bigint, _file_id string"
    frame = spark.createDataFrame(rows, columns)
    assert [row.v for row in keyed.reduce_to_latest(frame, contract).collect()] == [stands]
    greater = f"{keyed.order_sql(contract, 's')} > {keyed.order_sql(contract, 't')}"
    pair = frame.where("v = 1").alias("s").crossJoin(frame.where("v = 2").alias("t"))
    assert [row[0] for row in pair.selectExpr(greater).collect()] == [stands == 1]
