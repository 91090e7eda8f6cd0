"""Records that a contract refuses: in quarantine once, in no table, and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui_etl.conform import append, merge
from tui_etl.conform.checks import Breached

FIELDS = {"id": "string", "price": "struct<amount:double>", "n": "int"}
COLUMNS = "id string, price struct<amount:string>, n bigint"
EXPECTED = [
    {"rule": "not_null", "fields": ["id"], "on_breach": "quarantine"},
    {"rule": "range", "field": "price.amount", "min": 0, "on_breach": "quarantine"},
    {"rule": "range", "field": "n", "max": 10},
]
ROWS = [
    {"id": "a", "price": ("1.5",), "n": 1},
    {"id": "b", "price": ("-1",), "n": 99},
    {"id": None, "price": ("-2",), "n": 3},
    {"id": "d", "price": ("free",), "n": 4},
]


def brought(lake, columns: str = COLUMNS, rows: Any = ROWS, zone: str = "legacy", run: str = "jr_1") -> list[Any]:
    lineage = {"_run_id": run, "_file_id": f"{run}.json#1"}
    return lake.classified(zone, "sales", columns, [lineage | row for row in rows])


@pytest.mark.parametrize("key", [[], ["id"]])
def test_what_an_expectation_refuses_is_in_quarantine_and_nowhere_else(lake, key: list[str]) -> None:
    lake.describe("sales", fields=FIELDS, expectations=EXPECTED, **({"key": key} if key else {}))
    balance = lake.conform(brought(lake))["sales"]
    assert (balance.records_in, balance.records_out, balance.quarantined) == (4, 2, 2)
    assert [row.id for row in lake.rows("legacy", "sales")] == ["a", "d"]
    kept = lake.quarantined()
    assert [(row.file_id, row.position, row.reason, row.stage, row.run_id, row.dataset) for row in kept] == [
        ("jr_1.json#1", 2, "range of price.amount", 3, lake.run_id, "sales"),
        ("jr_1.json#1", 3, "not_null of id; range of price.amount", 3, lake.run_id, "sales"),
    ]
    assert [json.loads(bytes(row.bytes)) for row in kept] == [
        {"id": "b", "price": {"amount": "-1"}, "n": 99},
        {"price": {"amount": "-2"}, "n": 3},
    ]
    assert lake.by_file("sales")["jr_1.json#1"]["quarantined"] == 2
    assert balance.breaches == [
        "sales: not_null of id; range of price.amount, to quarantine: 1 records, among others in jr_1.json#1",
        "sales: range of price.amount, to quarantine: 1 records, among others in jr_1.json#1",
    ]


def test_the_bytes_are_the_records_own_text_if_that_was_kept(lake) -> None:
    lake.describe("sales", fields=FIELDS, expectations=EXPECTED)
    lake.conform(brought(lake, rows=[{"id": None, "_rescued": '{"ID":1,"id":null}'}]))
    assert [bytes(row.bytes) for row in lake.quarantined()] == [b'{"ID":1,"id":null}']
    assert not lake.exists("legacy", "sales")


@pytest.mark.parametrize("zone", ["legacy", "secured"])
def test_an_unsafe_change_of_type_goes_where_the_mode_says(lake, zone: str) -> None:
    changed = {
        "price struct<amount:array<string>>": (([["1"]]), "type of price.amount: array, and the column is double"),
        "n struct<x:bigint>": ((1,), "type of n: object, and the column is int"),
        "n boolean": (True, "type of n: boolean, and the column is int"),
    }
    for columns, (value, reason) in changed.items():
        name = columns.split()[0]
        rows = [{"id": "a", name: value}, {"id": "b"}]
        lake.describe("sales", fields=FIELDS)
        balance = lake.conform(brought(lake, f"id string, {columns}", rows, zone))["sales"]
        assert [row.reason for row in lake.quarantined()] == [reason]
        assert (balance.quarantined, balance.rescued) == (1, 0)
        lake.describe("sales", fields=FIELDS, mode="permissive")
        permissive = brought(lake, f"id string, {columns}", rows, zone, f"jr_{columns}")
        balance = lake.conform(permissive, [f"jr_{columns}"])["sales"]
        assert (balance.quarantined, balance.rescued) == (0, 1)
        lake.describe("sales", fields=FIELDS, mode="strict")
        with pytest.raises(Breached):
            lake.conform(brought(lake, f"id string, {columns}", rows, zone, "jr_3"), ["jr_3"])


def test_a_type_that_changed_inside_an_array_or_of_a_column_that_nobody_described(lake) -> None:
    lake.conform(brought(lake, "items array<struct<n:bigint>>, w bigint", [{"items": [(1,)], "w": 2}]))
    rows = [{"items": [([1],)]}, {"w": True}, {"items": [], "w": None}]
    lake.conform(brought(lake, "items array<struct<n:array<bigint>>>, w boolean", rows, run="jr_2"), ["jr_2"])
    assert [(row.position, row.reason) for row in lake.quarantined()] == [
        (1, "type of items.n: array, and the column is bigint"),
        (2, "type of w: boolean, and the column is bigint"),
    ]
    assert len(lake.rows("legacy", "sales")) == 2


def test_text_and_dates_as_the_contract_spells_them_are_no_change_of_type(lake) -> None:
    fields = {
        "at": {"type": "timestamp", "description": "x", "format": "epoch_seconds"},
        "n": "int",
        "m": "map<string,int>",
    }
    lake.describe("sales", fields=fields)
    balance = lake.conform(brought(lake, "at bigint, n string, m struct<a:bigint>", [{"at": 1, "n": "x", "m": (1,)}]))
    assert (balance["sales"].quarantined, balance["sales"].rescued) == (0, 1)
    lake.conform(brought(lake, "at double", [{"at": 1.0}], run="jr_2"), ["jr_2"])
    assert [row.reason for row in lake.quarantined()] == ["type of at: double, and the column is timestamp"]


def crash_before_legacy(lake, monkeypatch, module: Any, outputs: list[Any]) -> None:
    """A run that dies once the secured table is written."""

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    name = "_append" if module is append else "_write"
    original = getattr(module, name)

    def one_table(pair: Any, table: Any, *rest: Any) -> Any:
        return original(pair, table, *rest) if table is pair.secured else die()

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, name, one_table)
        lake.conform(outputs)


@pytest.mark.parametrize("module", [append, merge])
@pytest.mark.parametrize("mended", [False, True])
def test_a_run_that_is_cut_off_and_made_again_quarantines_each_record_once(
    lake, monkeypatch, module: Any, mended: bool
) -> None:
    """Also if the contract changes in between: what is in a table already stays there, and is not in quarantine."""
    key = {"key": ["id"]} if module is merge else {}
    tight, loose = ([{"rule": "range", "field": "n", "max": most, "on_breach": "quarantine"}] for most in (1, 3))
    lake.describe("sales", fields=FIELDS, expectations=tight if mended else loose, **key)
    rows = [{"id": str(n), "n": n} for n in (1, 2, 3, 4)]
    outputs = brought(lake, "id string, n bigint", rows, "secured")
    outputs += brought(lake, "id string, n bigint", [{"id": "9", "n": 9, "_position": 9}], "legacy")
    crash_before_legacy(lake, monkeypatch, module, outputs)
    lake.describe("sales", fields=FIELDS, expectations=loose if mended else tight, **key)
    balance = lake.conform(outputs)["sales"]
    published = [row.n for row in lake.rows("secured", "sales")]
    assert published == [1, 2, 3]
    assert [row.position for row in lake.quarantined()] == [4, 9]
    assert (balance.records_in, balance.records_out, balance.quarantined, balance.superseded) == (5, 3, 2, 0)
