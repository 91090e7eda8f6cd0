"""What a contract says of values, drift and the table, and that a breach publishes nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tui_etl.conform.checks import Breached

FIELDS = {"id": "string", "n": "int", "at": "date"}


def brought(lake, columns: str, *rows: dict[str, Any], run: str = "jr_1", zone: str = "legacy") -> list[Any]:
    return lake.classified(zone, "log", columns, [{"_run_id": run, "_file_id": f"{run}.json#1"} | row for row in rows])


def rescued(row: Any) -> dict[str, Any]:
    return json.loads(row._rescued or "{}")


def test_a_breach_publishes_nothing_and_names_what_is_broken_but_no_value(lake) -> None:
    lake.describe("log", fields=FIELDS)
    lake.conform(brought(lake, "id string", {"id": "fine"}))
    expected = [
        {"rule": "not_null", "fields": ["id", "at"]},
        {"rule": "range", "field": "n", "min": 0, "max": 10},
        {"rule": "range", "field": "at", "min": "2026-01-01"},
        {"rule": "set", "field": "id", "values": ["a", "b"]},
        {"rule": "regex", "field": "id", "pattern": "[a-z]|b"},
        {"rule": "unique", "fields": ["id"]},
        {"rule": "row_count", "min": 1, "max": 6},
    ]
    lake.describe("log", fields=FIELDS, expectations=expected)
    rows = [
        {"id": "a", "n": 0, "at": "2026-01-01"},
        {"id": "b", "n": 10, "at": "2026-01-02"},
        {"id": "secret-1", "n": 11, "at": "2025-12-31"},
        {"id": "secret-1", "n": -1, "at": "never", "_file_id": "other.json#1"},
        {"id": None, "n": None, "at": None},
        {"id": None, "n": None, "at": "2026-01-03"},
        {"id": "bb", "n": 3, "at": "2026-01-03"},
    ]
    outputs = brought(lake, "id string, n bigint, at string", *rows, run="jr_2")
    outputs += lake.classified("legacy", "aside", "v string", [{"v": "x", "_run_id": "jr_2"}])
    with pytest.raises(Breached) as refused:
        lake.conform(outputs, ["jr_2"])
    told = str(refused.value)
    both = "among others in jr_2.json#1 and other.json#1"
    for problem in (
        f"log: not_null of id, at: 3 records, {both}",
        f"log: range of n: 2 records, {both}",
        "log: range of at: 1 records, among others in jr_2.json#1",
        f"log: set of id: 3 records, {both}",
        f"log: regex of id: 3 records, {both}",
        f"log: unique of id: 1 records, {both}",
        "log: row_count is not from 1 to 6: 7 records",
    ):
        assert problem in told
    assert "secret" not in told and "never" not in told
    assert [row.id for row in lake.rows("legacy", "log")] == ["fine"]
    assert not lake.exists("legacy", "aside")


def test_what_is_to_be_rescued_or_told_is_published(lake) -> None:
    expected = [
        {"rule": "range", "field": "n", "max": 10, "on_breach": "rescue"},
        {"rule": "set", "field": "n", "values": [1, 2, 11], "on_breach": "rescue"},
        {"rule": "not_null", "fields": ["id"], "on_breach": "warn"},
    ]
    lateness = {"field": "at", "hours": 24}
    lake.describe("log", fields=FIELDS, expectations=expected, allowed_lateness=lateness)
    rows = [{"id": "a", "n": 1, "at": "2026-04-30"}, {"id": None, "n": 11, "at": "2026-04-29"}, {"id": "c", "n": 3}]
    balance = lake.conform(brought(lake, "id string, n bigint, at string", *rows))["log"]
    assert (balance.records_out, balance.rescued) == (3, 2)
    found = lake.rows("legacy", "log")
    assert [(row.n, rescued(row)) for row in found] == [(1, {}), (None, {"n": 11}), (None, {"n": 3})]
    assert balance.breaches == [
        "log: not_null of id: 1 records, among others in jr_1.json#1",
        "log: landed more than 24 hours after at: 1 records, among others in jr_1.json#1",
    ]


def test_a_strict_dataset_takes_no_drift(lake) -> None:
    fields = FIELDS | {"place": "struct<city:string>"}
    lake.describe("log", fields=fields, mode="strict")
    outputs = brought(
        lake,
        "id string, n bigint, place struct<city:string,zip:string>, extra string, none string",
        {"id": "a", "n": 2**31, "place": ("Rom", "1"), "extra": None},
        {"id": "b", "n": 2, "place": ("Rom", None), "extra": "x"},
    )
    with pytest.raises(Breached, match=r"log: extra is not .*: 1 records.*; log: n is.*: 1 .*; log: place.zip is"):
        lake.conform(outputs)
    assert not lake.exists("legacy", "log")
    good = brought(lake, "id string, n bigint, none string", {"id": "a", "n": 2**31 - 1})
    assert lake.conform(good)["log"].rescued == 0
    assert lake.spark.table(f"{lake.catalog}.legacy.log").schema["n"].dataType.simpleString() == "int"


def test_a_permissive_dataset_keeps_the_columns_that_are_described(lake) -> None:
    lake.describe("log", fields=FIELDS, mode="permissive", key=["id"])
    outputs = brought(lake, "id string, n bigint, extra array<string>", {"id": "a", "n": 2**31, "extra": ["x"]})
    outputs += brought(lake, "id string, n string", {"id": "b", "n": "2", "_position": 2}, zone="secured")
    balance = lake.conform(outputs)["log"]
    assert (balance.records_out, balance.rescued) == (2, 1)
    (row,) = lake.rows("legacy", "log")
    assert "extra" not in row and row.n is None
    assert rescued(row) == {"n": 2**31, "extra": ["x"]}
    moved = brought(lake, "id string, extra string", {"id": "a", "extra": "y"}, run="jr_2", zone="secured")
    lake.conform(moved, ["jr_2"])
    assert [(row.id, rescued(row)) for row in lake.rows("secured", "log")] == [("b", {}), ("a", {"extra": "y"})]


def test_dates_are_read_as_the_contract_spells_them(lake) -> None:
    fields = {
        "day": {"type": "date", "format": "dd.MM.yyyy"},
        "at": {"type": "timestamp", "format": "epoch_millis"},
        "stay": {"type": "struct<since:timestamp,legs:array<struct<d:date>>>",
                 "formats": {"since": "yyyyMMdd HHmm", "legs.d": "yyyyMMdd"}},
    }  # fmt: skip
    lake.describe("log", fields=fields, key=["day"])
    columns = "day string, at bigint, stay struct<since:string,legs:array<struct<d:string>>>"
    rows = [
        {"day": "29.02.2024", "at": 1777600000123, "stay": ("20260501 1030", [("20260501",), (None,)])},
        {"day": "30.02.2024", "at": 2**62, "stay": ("2026-05-01", [("x",)])},
        {"day": "2024-02-29", "at": None, "stay": None},
    ]
    balance = lake.conform(brought(lake, columns, *rows))["log"]
    assert balance.rescued == 2
    good, bad, iso = lake.rows("legacy", "log")
    assert (good.day, good._key) == (date(2024, 2, 29), '["2024-02-29"]')
    assert good.at.astimezone(UTC) == datetime(2026, 5, 1, 1, 46, 40, 123000, tzinfo=UTC)
    assert good.stay.since.astimezone(UTC) == datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
    assert good.stay.legs == [(date(2026, 5, 1),), (None,)]
    assert (bad.day, bad.at, bad.stay.since) == (None, None, None)
    assert rescued(bad) == {"day": "30.02.2024", "at": 2**62, "stay.since": "2026-05-01", "stay.legs": [{"d": "x"}]}
    assert rescued(iso) == {"day": "2024-02-29"}


def test_a_key_that_comes_as_a_number_is_one_key_beside_fractions_too(lake) -> None:
    """Glue 1 makes a column of a load double if one of its numbers has a fraction."""
    lake.describe("phones", fields={"id": "string", "phone": "string"}, key=["id"])
    lake.conform(lake.classified("legacy", "phones", "id bigint, phone bigint", [{"id": 1, "phone": 10000000}]))
    load = {"_file_id": "f#2", "_run_id": "jr_2", "_sequencer": "02"}
    later = [
        {"id": 1.0, "phone": 20000000.0, "_position": 1, **load},
        {"id": 2.5, "phone": 30000000.25, "_position": 2, **load},
    ]
    [of_later] = lake.conform(lake.classified("legacy", "phones", "id double, phone double", later), ["jr_2"]).values()
    assert of_later.records_out == 2
    rows = {(row["id"], row["phone"], row["_key"]) for row in lake.rows("legacy", "phones")}
    assert rows == {("1", "20000000", '["1"]'), ("2.5", "30000000.25", '["2.5"]')}


NUMBERS = {
    0.0: "0",
    -1.0: "-1",
    1.5: "1.5",
    0.00125: "0.00125",
    12345678.5: "12345678.5",
    -98765432.125: "-98765432.125",
    9007199254740992.0: "9007199254740992",
    1e19: "10000000000000000000",
}


def test_numbers_in_a_column_of_texts_have_no_exponent(lake) -> None:
    lake.describe("numbers", fields={"n": "string"})
    records = [{"n": number, "_position": place} for place, number in enumerate(NUMBERS, 1)]
    lake.conform(lake.classified("legacy", "numbers", "n double", records))
    assert {row["n"] for row in lake.rows("legacy", "numbers")} == set(NUMBERS.values())


def test_objects_become_maps(lake) -> None:
    lake.describe("log", fields={"m": "map<string,int>"})
    rows = [{"m": (1, None)}, {"m": (2**31, "2")}, {"m": None}, {"m": (None, None)}]
    assert lake.conform(brought(lake, "m struct<a:bigint,b:string>", *rows))["log"].rescued == 1
    found = lake.rows("legacy", "log")
    assert [row.m for row in found] == [{"a": 1}, None, None, {}]
    assert rescued(found[1]) == {"m": {"a": 2**31, "b": "2"}}


def test_texts_of_objects_become_maps(lake) -> None:
    """As Glue 1 leaves them if the names of members are data, or if they are too many."""
    lake.describe("log", fields={"m": "map<string,int>", "t": "map<string,string>"})
    texts = ['{"4111111111111111":1,"b":null}', '{"a":1,"b":"x"}', "none", "[1]", '{"a":{"b":[1]}}', None]
    assert lake.conform(brought(lake, "m string, t string", *[{"m": text, "t": text} for text in texts]))["log"].rescued
    found = lake.rows("legacy", "log")
    assert [row.m for row in found] == [{"4111111111111111": 1}, None, None, None, None, None]
    assert [row.t for row in found] == [
        {"4111111111111111": "1"},
        {"a": "1", "b": "x"},
        None,
        None,
        {"a": '{"b":[1]}'},
        None,
    ]
    assert [rescued(row) for row in found[1:4]] == [
        {"m": '{"a":1,"b":"x"}'},
        {"m": "none", "t": "none"},
        {"m": "[1]", "t": "[1]"},
    ]
    assert found[5]._rescued is None


def test_a_table_is_partitioned_as_described(lake) -> None:
    lake.describe(
        "log",
        fields=FIELDS,
        partition_by=[
            {"field": "at", "transform": "month"},
            {"field": "id", "transform": "bucket", "buckets": 2},
            {"field": "n", "transform": "truncate", "width": 10},
            {"field": "_landed_at", "transform": "day"},
            {"field": "n", "transform": "identity"},
        ],
    )
    lake.conform(brought(lake, "id string, n bigint, at string", {"id": "a", "n": 1, "at": "2026-05-01"}))
    lake.conform(brought(lake, "id string, at string", {"id": "b", "at": "soon"}, run="jr_2"), ["jr_2"])
    assert [row.id for row in lake.rows("legacy", "log")] == ["a", "b"]
    rows = lake.spark.sql(f"DESCRIBE {lake.catalog}.legacy.log").collect()
    parts = [row.data_type for row in rows if row.col_name.startswith("Part ")]
    assert parts == ["months(at)", "bucket(2, id)", "truncate(10, n)", "days(_landed_at)", "n"]


def test_states_of_one_key_may_repeat_what_is_unique(lake) -> None:
    lake.describe("log", fields=FIELDS, key=["id"], expectations=[{"rule": "unique", "fields": ["n"]}])
    lake.conform(
        brought(lake, "id string, n bigint", {"id": "a", "n": 1}, {"id": "a", "n": 1}, {"id": "b"}, {"id": "c"})
    )
    with pytest.raises(Breached, match="unique of n: 1 records, among others in jr_2.json#1"):
        lake.conform(
            brought(lake, "id string, n bigint", {"id": "a", "n": 1}, {"id": "b", "n": 1}, run="jr_2"), ["jr_2"]
        )
