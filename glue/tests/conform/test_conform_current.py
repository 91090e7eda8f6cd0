"""The newest version of each landed key, in both zones, and the views that go by it."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from itertools import permutations
from typing import Any

import boto3
import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui_etl.conform import views
from tui_etl.conform.contracts import LINEAGE, Contract
from tui_etl.conform.process import pair_of
from tui_etl.conform.versions import Versions

NAME = "excursions"
KEY = "landing/tui/legacy/ex/it's #1.json"


def version(number: int, zone: str = "legacy", rows: int = 1, key: str = KEY) -> tuple[str, list[dict[str, Any]]]:
    """Rows of a version that landed on that day of May, by a run of its own."""
    row = {
        "_file_id": f"{key}#v{number}",
        "_landed_at": datetime(2026, 5, number),
        "_sequencer": f"0{number}",
        "_run_id": f"jr_{number}_{key}",
    }
    return zone, [row | {"a": number, "_position": n} for n in range(1, rows + 1)]


def bring(lake, *versions: tuple[str, list[dict[str, Any]]], dataset: str = NAME) -> None:
    outputs = [one for zone, rows in versions for one in lake.classified(zone, dataset, "a bigint", rows)]
    lake.conform(outputs, sorted({row["_run_id"] for _, rows in versions for row in rows}))


def current(lake, zone: str, dataset: str = NAME) -> list[int]:
    """The column of the rows that the view shows."""
    lake.spark.catalog.clearCache()
    versions = f"{lake.catalog}.versions.{zone}"
    if not lake.exists(zone, dataset):
        return []
    for table in (versions, f"{lake.catalog}.{zone}.{dataset}"):
        lake.spark.sql(f"REFRESH TABLE {table}")
    newest = f"SELECT _file_id FROM {versions} WHERE dataset = '{dataset}'"
    rows = lake.spark.sql(f"SELECT a FROM {lake.catalog}.{zone}.{dataset} WHERE _file_id IN ({newest})").collect()
    return sorted(row.a for row in rows)


def noted(lake, zone: str) -> list[str]:
    if not lake.spark.catalog.tableExists(f"{lake.catalog}.versions.{zone}"):
        return []
    lake.spark.sql(f"REFRESH TABLE {lake.catalog}.versions.{zone}")
    return sorted(row._file_id for row in lake.spark.table(f"{lake.catalog}.versions.{zone}").collect())


def test_the_newest_version_of_each_key_is_current_with_all_its_rows(lake) -> None:
    bring(lake, version(1, rows=3), version(3, key="landing/tui/legacy/ex/b.json"))
    assert current(lake, "legacy") == [1, 1, 1, 3]
    bring(lake, version(2, rows=2))
    assert current(lake, "legacy") == [2, 2, 3]
    assert len(lake.rows("legacy", NAME)) == 6


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_versions_may_come_in_any_order(lake, order) -> None:
    for number in order:
        bring(lake, version(number))
    assert current(lake, "legacy") == [3]


def test_legacy_rows_are_out_of_date_once_a_newer_version_is_secured_as_a_whole(lake) -> None:
    bring(lake, version(1))
    bring(lake, version(2, "secured"))
    assert (current(lake, "legacy"), current(lake, "secured")) == ([], [2])
    bring(lake, version(3), version(3, "secured", 2))
    assert (current(lake, "legacy"), current(lake, "secured")) == ([3], [3, 3])
    bring(lake, version(4))
    assert (current(lake, "legacy"), current(lake, "secured")) == ([4], [])


def test_a_late_legacy_version_does_not_show_if_a_newer_one_is_secured(lake) -> None:
    bring(lake, version(2, "secured"))
    bring(lake, version(1))
    assert (current(lake, "legacy"), current(lake, "secured")) == ([], [2])


def test_legacy_readers_see_no_key_of_which_they_have_no_rows(lake) -> None:
    secret = "landing/tui/legacy/ex/somebody's name.json"
    bring(lake, version(1, "secured", key=secret), version(1))
    bring(lake, version(2, "secured", key=secret))
    assert noted(lake, "legacy") == [f"{KEY}#v1"]
    assert noted(lake, "secured") == [f"{KEY}#v1", f"{secret}#v2"]


def test_datasets_with_a_key_have_none_of_this(lake) -> None:
    lake.describe(NAME, fields={"a": "bigint"}, key=["a"])
    bring(lake, version(1))
    assert noted(lake, "secured") == []


def test_a_run_that_is_done_again_notes_nothing_new(lake) -> None:
    bring(lake, version(1), version(1, "secured"))
    bring(lake, version(1), version(1, "secured"))
    for zone in ("legacy", "secured"):
        assert lake.spark.table(f"{lake.catalog}.versions.{zone}.snapshots").count() == 1


def test_versions_of_tables_from_before_are_noted_with_the_next_run(lake) -> None:
    bring(lake, version(1), version(5, key="landing/b"))
    for zone in ("legacy", "secured"):
        lake.spark.sql(f"DROP TABLE {lake.catalog}.versions.{zone}")
    bring(lake, version(2))
    assert current(lake, "legacy") == [2, 5]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 9), st.sets(st.sampled_from(["legacy", "secured"]), min_size=1), st.sampled_from("ab")
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda one: (one[0], one[2]),
    )
)
def test_what_runs_noted_is_what_the_tables_tell(lake, landed) -> None:
    """Whatever came, in whatever order: run by run it comes to what a look at all rows comes to."""
    dataset = f"d{next(numbers)}"
    for number, zones, key in landed:
        bring(lake, *(version(number, zone, key=f"landing/{key}") for zone in zones), dataset=dataset)
    newest = {key: max(number for number, _, other in landed if other == key) for _, _, key in landed}
    for zone in ("legacy", "secured"):
        expected = sorted(n for n, zones, key in landed if zone in zones and newest[key] == n)
        assert current(lake, zone, dataset) == expected
    found = [noted(lake, zone) for zone in ("legacy", "secured")]
    Versions.of(lake.spark, lake.params().versions).rebuild(pair_of(lake.spark, lake.params(), dataset))
    assert [noted(lake, zone) for zone in ("legacy", "secured")] == found


numbers = iter(range(10_000))


# --- the views


@pytest.fixture
def glue(endpoint: str) -> Any:
    client = boto3.client(
        "glue",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for database in client.get_databases()["DatabaseList"]:
        client.delete_database(Name=database["Name"])
        for table in client.get_tables(DatabaseName=database["Name"])["TableList"]:
            client.delete_table(DatabaseName=database["Name"], Name=table["Name"])
    client.create_database(DatabaseInput={"Name": "db"})
    return client


CONTRACT = Contract("1st_x", description="Trips")
COLUMNS = (
    "a bigint, `o\"'d d` string, at timestamp, n int, f float, d decimal(10,2), day date, b binary, ok boolean, "
    "s struct<`x y`:string,t:array<struct<u:timestamp>>>, m map<string,double>"
)


def document(table: dict[str, Any]) -> dict[str, Any]:
    text = table["ViewOriginalText"]
    assert text.startswith("/* Presto View: ") and text.endswith(" */")
    return json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))


def test_a_view_is_what_athena_wants_of_one(spark, glue) -> None:
    columns = spark.createDataFrame([], COLUMNS).schema
    views.keep(glue, "db", views.current("db", "versions.legacy", CONTRACT, columns))
    table = views.find(glue, "db", "1st_x_current")
    assert table is not None
    assert (table["TableType"], table["ViewExpandedText"]) == ("VIRTUAL_VIEW", "/* Presto View */")
    assert table["Parameters"] == {"presto_view": "true", "comment": "Presto View", "tui-etl.view-of": "1st_x"}
    told = document(table)
    assert (told["catalog"], told["schema"]) == ("awsdatacatalog", "db")
    assert {one["name"]: one["type"] for one in told["columns"]} == {
        "a": "bigint",
        "o\"'d d": "varchar",
        "at": "timestamp(6)",
        "n": "integer",
        "f": "real",
        "d": "decimal(10,2)",
        "day": "date",
        "b": "varbinary",
        "ok": "boolean",
        "s": 'row("x y" varchar, "t" array(row("u" timestamp(6))))',
        "m": "map(varchar, double)",
    }
    catalog = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert list(catalog) == [one["name"] for one in told["columns"]]
    assert catalog["s"] == "struct<x y:string,t:array<struct<u:timestamp>>>"
    assert (catalog["n"], catalog["f"], catalog["at"], catalog["m"]) == (
        "int",
        "float",
        "timestamp",
        "map<string,double>",
    )
    sql = told["originalSql"]
    assert 'CAST("at" AS timestamp(6)) AS "at"' in sql
    assert '"o""\'d d"' in sql
    assert sql.endswith(
        'FROM "db"."1st_x"\nWHERE "_file_id" IN (\n  SELECT "_file_id" FROM "versions"."legacy" '
        "WHERE \"dataset\" = '1st_x'\n)"
    )


def test_a_view_follows_its_table_and_is_not_written_without_need(spark, glue) -> None:
    def keep(columns: str) -> str:
        schema = spark.createDataFrame([], columns).schema
        views.keep(glue, "db", views.current("db", "versions.legacy", CONTRACT, schema))
        table = views.find(glue, "db", "1st_x_current")
        assert table is not None
        return table["VersionId"]

    assert [keep("a bigint"), keep("a bigint"), keep("a bigint, b string")] == ["1", "1", "2"]


def test_a_view_never_takes_the_place_of_a_dataset_and_makes_room_for_one(spark, glue) -> None:
    columns = spark.createDataFrame([], "a bigint").schema
    glue.create_table(DatabaseName="db", TableInput={"Name": "1st_x_current", "Parameters": {"table_type": "ICEBERG"}})
    views.keep(glue, "db", views.current("db", "versions.legacy", CONTRACT, columns))
    views.make_room(glue, "db", "1st_x_current")
    assert views.find(glue, "db", "1st_x_current")["Parameters"] == {"table_type": "ICEBERG"}
    views.keep(glue, "db", views.current("db", "versions.legacy", Contract("y"), columns))
    views.make_room(glue, "db", "y_current")
    assert views.find(glue, "db", "y_current") is None


def test_a_view_that_athena_could_not_have_is_left_out(spark, glue) -> None:
    many = ", ".join(f"{'c' * 200}{number} bigint" for number in range(2000))
    for name, columns in (("wide", many), ("x" * 250, "a bigint")):
        schema = spark.createDataFrame([], columns).schema
        views.keep(glue, "db", views.current("db", "versions.legacy", Contract(name), schema))
    assert glue.get_tables(DatabaseName="db")["TableList"] == []


LINEAGE_COLUMNS = [{"Name": name, "Type": "string"} for name in LINEAGE]


def test_the_view_of_all_files_is_made_of_the_tables_with_lineage(glue) -> None:
    iceberg = {"table_type": "ICEBERG"}
    for name, parameters, columns in (
        ("b", iceberg, LINEAGE_COLUMNS),
        ("1st", iceberg, [*LINEAGE_COLUMNS, {"Name": "a", "Type": "int"}]),
        ("somebodys", iceberg, [{"Name": "a", "Type": "int"}]),
        ("b_current", {"presto_view": "true"}, LINEAGE_COLUMNS),
    ):
        storage = {"Columns": columns}
        wanted = {"Name": name, "Parameters": parameters, "StorageDescriptor": storage}
        glue.create_table(DatabaseName="db", TableInput=wanted)
    assert views.tables_of(glue, "db") == ["1st", "b"]
    views.keep(glue, "db", views.files("legacy", "db", views.tables_of(glue, "db")))
    told = document(views.find(glue, "db", "legacy_files") or {})
    names = ["dataset", "file_id", "run_id", "landed_at", "records", "rescued"]
    assert [one["name"] for one in told["columns"]] == names
    assert told["originalSql"].count("UNION ALL") == 1
    assert "CAST('1st' AS varchar) AS \"dataset\"" in told["originalSql"]


def test_the_view_of_all_files_counts_rows_and_is_there_without_any(spark) -> None:
    at = datetime(2026, 5, 1)
    rows = [("f1", "jr_1", at, None), ("f1", "jr_1", at, "{}"), ("f2", "jr_1", at, None)]
    tables = duckdb.connect()
    tables.execute(
        "CREATE SCHEMA db; CREATE TABLE db.t (_file_id text, _run_id text, _landed_at timestamptz, _rescued text)"
    )
    tables.executemany("INSERT INTO db.t VALUES (?, ?, ?, ?)", rows)
    counted = tables.execute(views.files("legacy", "db", ["t"]).sql).fetchall()
    assert sorted((row[0], row[1], row[4], row[5]) for row in counted) == [("t", "f1", 2, 1), ("t", "f2", 1, 0)]
    empty = tables.execute(views.files("legacy", "db", []).sql)
    assert [column[0] for column in empty.description] == views.files("legacy", "db", []).columns.names
    assert empty.fetchall() == []
