"""Values and columns that are not as the table has them: kept in their column, or in `_rescued`, never lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from tui_etl.conform.align import align
from tui_etl.conform.types import changes, common, ddl, evolved, merged


def parsed(spark: SparkSession, columns: str) -> StructType:
    return spark.createDataFrame([], columns).schema


CASES = [
    # arrives as, value, column, what the column holds (... if it is rescued)
    ("bigint", 5, "string", "5"),
    ("double", 1.5, "string", "1.5"),
    ("boolean", True, "string", "true"),
    ("struct<x:bigint>", (1,), "string", '{"x":1}'),
    ("array<string>", ["a"], "string", '["a"]'),
    ("bigint", 5, "double", 5.0),
    ("bigint", 2**53 + 1, "double", ...),
    ("bigint", -(2**63), "double", ...),
    ("double", 5.0, "bigint", 5),
    ("double", 5.5, "bigint", ...),
    ("double", 2.0**63, "bigint", ...),
    ("bigint", 2**31, "int", ...),
    ("bigint", -7, "int", -7),
    ("double", 12.34, "decimal(12,2)", Decimal("12.34")),
    ("double", 12.345, "decimal(12,2)", ...),
    ("double", 1e11, "decimal(12,2)", ...),
    ("bigint", 12, "decimal(12,2)", Decimal("12.00")),
    ("string", "12.340", "decimal(12,2)", Decimal("12.34")),
    ("string", "12.345", "decimal(12,2)", ...),
    ("string", "1e3", "decimal(12,2)", ...),
    ("string", "12", "bigint", 12),
    ("string", "012", "bigint", ...),
    ("string", " 12", "bigint", ...),
    ("string", "12.0", "bigint", ...),
    ("string", "9223372036854775808", "bigint", ...),
    ("string", "0.1", "double", 0.1),
    ("string", "12345678901234567890", "double", ...),
    ("string", "NaN", "double", ...),
    ("string", "true", "boolean", True),
    ("string", "yes", "boolean", ...),
    ("bigint", 1, "boolean", ...),
    ("string", "2026-05-01", "date", date(2026, 5, 1)),
    ("string", "2026-02-30", "date", ...),
    ("string", "2026-05", "date", ...),
    ("string", "2026-05-01T10:00:00Z", "timestamp", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ("string", "2026-05-01T10:00:00+02:00", "timestamp", datetime(2026, 5, 1, 8, tzinfo=UTC)),
    ("string", "2026-05-01 10:00:00.123456", "timestamp", datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)),
    ("string", "2026-05-01T10:00:00.1234567Z", "timestamp", ...),
    ("string", "T10:00", "timestamp", ...),
    ("string", "2026-05-01T25:00:00Z", "timestamp", ...),
    ("bigint", 1777600000, "timestamp", ...),
    ("bigint", 1, "struct<x:bigint>", ...),
    ("string", "x", "array<string>", ...),
    ("array<bigint>", [1, None, 2], "array<string>", ["1", None, "2"]),
    ("array<string>", ["1", "2"], "array<bigint>", [1, 2]),
    ("array<string>", ["1", "two", None], "array<bigint>", ...),
    ("array<string>", None, "array<bigint>", None),
    ("string", None, "bigint", None),
]  # fmt: skip


def test_a_value_is_in_its_column_or_rescued(spark) -> None:
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    source = ", ".join(f"c{i} {kind}" for i, (kind, *_) in enumerate(CASES))
    target = parsed(spark, ", ".join(f"c{i} {case[2]}" for i, case in enumerate(CASES)) + ", _rescued string")
    row = align(spark.createDataFrame([tuple(case[1] for case in CASES)], source), target, whole_records=True).first()
    rescued = json.loads(row._rescued)
    wrong = []
    for i, (kind, value, column, expected) in enumerate(CASES):
        found = row[f"c{i}"]
        if isinstance(found, datetime):
            found = found.astimezone(UTC)
        kept = rescued.get(f"c{i}", ...)
        json_value = {"x": 1} if kind.startswith("struct") else value
        if (found, kept) != ((None, json_value) if expected is ... else (expected, ...)):
            wrong.append((kind, value, column, expected, found, kept))
    assert not wrong


def test_only_the_part_that_does_not_fit_is_rescued(spark) -> None:
    target = parsed(
        spark, "price struct<amount:decimal(12,2),currency:string>, tags array<struct<n:bigint>>, _rescued string"
    )
    source = "price struct<amount:string,currency:string>, tags array<struct<n:string>>, _rescued string"
    rows = [
        (("1.50", "EUR"), [("1",)], None),
        (("free", "EUR"), [("1",), ("one",)], None),
        (None, None, None),
        ((None, None), [None, (None,)], '{"price":1,"price":2}'),
    ]
    found = align(spark.createDataFrame(rows, source), target, whole_records=True).collect()
    assert [row.price for row in found] == [(Decimal("1.50"), "EUR"), (None, "EUR"), None, (None, None)]
    assert [row.tags for row in found] == [[(1,)], None, None, [None, (None,)]]
    assert [row._rescued for row in found] == [
        None,
        '{"price.amount":"free","tags":[{"n":"1"},{"n":"one"}]}',
        None,
        '{"_record":{"price":1,"price":2}}',
    ]


def test_what_was_rescued_before_stays_rescued(spark) -> None:
    rows = [("x", '{"b":1}'), ("x", None), ("1", '{"b":1}'), ("1", None)]
    target = parsed(spark, "a bigint, b string, _rescued string")
    found = align(spark.createDataFrame(rows, "a string, _rescued string"), target, whole_records=False).collect()
    assert [row._rescued for row in found] == ['{"b":1,"a":"x"}', '{"a":"x"}', '{"b":1}', None]


def test_a_column_that_the_table_lacks_is_refused(spark) -> None:
    with pytest.raises(ValueError, match=r"\['b'\]"):
        align(spark.createDataFrame([(1, 2)], "a int, b int"), parsed(spark, "a int, _rescued string"), True)


@pytest.mark.parametrize(
    ("one", "other", "holds_both"),
    [
        ("bigint", "bigint", "bigint"),
        ("int", "bigint", "bigint"),
        ("bigint", "double", "double"),
        ("bigint", "string", "string"),
        ("boolean", "bigint", "string"),
        ("struct<a:bigint>", "struct<b:string>", "struct<a:bigint,b:string>"),
        ("struct<a:bigint>", "string", "string"),
        ("array<bigint>", "array<struct<a:int>>", "array<string>"),
    ],
)
def test_a_new_column_holds_all_that_has_come(spark, one: str, other: str, holds_both: str) -> None:
    left, right, wanted = (parsed(spark, f"c {kind}")[0].dataType for kind in (one, other, holds_both))
    assert common(left, right) == wanted
    assert {field.name for field in getattr(common(right, left), "fields", [])} == {
        field.name for field in getattr(wanted, "fields", [])
    }


def test_a_table_only_gains_and_widens(spark) -> None:
    table = parsed(spark, "a int, b bigint, c struct<x:float>, d array<struct<y:int>>, e decimal(10,2), f string")
    data = parsed(spark, "a bigint, b string, c struct<x:double,z:string>, d array<struct<w:boolean>>, e decimal(12,2)")
    target = evolved(table, data)
    assert [(".".join(change.path), ddl(change.type), change.widened) for change in changes(table, target)] == [
        ("a", "bigint", True),
        ("c.x", "double", True),
        ("c.z", "string", False),
        ("d.element.w", "boolean", False),
        ("e", "decimal(12,2)", True),
    ]
    assert not list(changes(target, evolved(target, table)))


def test_columns_that_are_new_are_sorted_by_name_behind_the_described_ones(spark) -> None:
    target = merged(parsed(spark, "z string"), [parsed(spark, "c int"), parsed(spark, "b string, c string")])
    assert target.simpleString() == "struct<z:string,b:string,c:string>"


def batch(lake, number: int, columns: str, row: dict[str, Any]) -> Any:
    run = f"jr_{number}"
    outputs = lake.classified("legacy", "log", columns, [row | {"_file_id": f"f{number}", "_run_id": run}])
    return lake.conform(outputs, [run])["log"]


def test_tables_evolve_and_count_what_they_rescued(lake) -> None:
    lake.describe("log", fields={"at": "timestamp", "n": "int", "place": "struct<city:string>"})
    batch(lake, 1, "n bigint, place struct<city:string>", {"n": 1, "place": ("Rom",)})
    batch(lake, 2, "place struct<country:string>, tags array<struct<t:string>>", {"place": ("IT",), "tags": [("a",)]})
    balance = batch(lake, 3, "at string, tags array<struct<u:double>>, place string", {
        "at": "later", "tags": [(0.5,)], "place": '{"city":"Pisa"}',
    })  # fmt: skip
    assert (balance.records_out, balance.rescued) == (1, 1)
    rows = lake.rows("legacy", "log")
    assert [row.n for row in rows] == [1, None, None]
    assert [row.place for row in rows] == [("Rom", None), (None, "IT"), None]
    assert [row.tags for row in rows] == [None, [("a", None)], [(None, 0.5)]]
    assert json.loads(rows[2]._rescued) == {"at": "later", "place": '{"city":"Pisa"}'}
    described = {row.col_name: row.comment for row in lake.spark.sql(f"DESCRIBE {lake.catalog}.legacy.log").collect()}
    assert (described["at"], described["_file_id"]) == ("the at", "The landed file version: bucket/key#version")


def test_one_run_brings_files_of_several_schemas(lake) -> None:
    outputs = lake.classified("legacy", "log", "v bigint", [{"v": 1, "_file_id": "f1"}])
    outputs += lake.classified("legacy", "log", "v string", [{"v": "two", "_file_id": "f2"}])
    outputs += lake.classified("legacy", "log", "", [{"_file_id": "f3"}])
    balance = lake.conform(outputs)["log"]
    assert (balance.records_out, balance.rescued) == (3, 0)
    assert [row.v for row in lake.rows("legacy", "log")] == ["1", "two", None]
