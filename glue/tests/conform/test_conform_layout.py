"""A table that is there is kept as its contract says now: partitions, sort order, comments."""

from __future__ import annotations

import json
from typing import Any

import pytest

FIELDS = {"1st": "string", "n": "int", "at": "timestamp", "country": "string"}
COLUMNS = "`1st` string, n bigint, at string, country string"
ROW = {"1st": "a", "n": 1, "at": "2026-05-01T10:00:00Z", "country": "DE"}


def brought(lake, number: int, zone: str = "legacy") -> None:
    row = ROW | {"1st": f"a{number}", "_run_id": f"jr_{number}", "_file_id": f"f/{number}.json#1"}
    lake.conform(lake.classified(zone, "log", COLUMNS, [row]), [f"jr_{number}"])


def layout(lake) -> dict[str, Any]:
    table = f"{lake.catalog}.legacy.log"
    properties = {row.key: row.value for row in lake.spark.sql(f"SHOW TBLPROPERTIES {table}").collect()}
    metadata = newest_metadata(lake)
    properties |= metadata["properties"]
    [spec] = [one for one in metadata["partition-specs"] if one["spec-id"] == metadata["default-spec-id"]]
    names = {field["id"]: field["name"] for schema in metadata["schemas"] for field in schema["fields"]}
    return {
        "partitions": [f"{field['transform']} {names[field['source-id']]}" for field in spec["fields"]],
        "order": properties.get("sort-order", ""),
        "spread": properties.get("write.distribution-mode", ""),
        "comment": properties.get("comment"),
        "owner": properties.get("owner.contact"),
        "columns": {
            field.name: (field.metadata or {}).get("comment", "") for field in lake.spark.table(table).schema.fields
        },
    }


def newest_metadata(lake) -> dict[str, Any]:
    folder = lake.folder / "warehouse" / "legacy" / "log" / "metadata"
    newest = max(folder.glob("v*.metadata.json"), key=lambda path: int(path.name[1:].partition(".")[0]))
    return json.loads(newest.read_text())


def files(lake) -> list[str]:
    table = lake.spark.table(f"{lake.catalog}.legacy.log.files")
    return sorted(row.file_path.partition("/data/")[2].rpartition("/")[0] for row in table.collect())


MONTH = {"field": "at", "transform": "month"}
BUCKETS = {"field": "1st", "transform": "bucket", "buckets": 4}
COUNTRY = {"field": "country", "transform": "identity"}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([], [MONTH], ["month at"]),
        ([], [COUNTRY], ["identity country"]),
        ([COUNTRY], [], []),
        ([MONTH, BUCKETS], [BUCKETS | {"buckets": 8}, MONTH], ["month at", "bucket[8] 1st"]),
        ([COUNTRY, {"field": "_landed_at", "transform": "day"}], [COUNTRY], ["identity country"]),
    ],
)
def test_partitions_become_those_of_the_contract_and_old_rows_stay(lake, before, after, found) -> None:
    lake.describe("log", fields=FIELDS, partition_by=before)
    brought(lake, 1)
    lake.describe("log", fields=FIELDS, partition_by=after)
    brought(lake, 2)
    assert layout(lake)["partitions"] == found
    brought(lake, 3)
    assert layout(lake)["partitions"] == found
    assert [row["1st"] for row in lake.rows("legacy", "log")] == ["a1", "a2", "a3"]
    assert layout(lake)["spread"] == ("hash" if after else "none")


def test_a_changed_partition_counts_for_what_is_written_from_then_on(lake) -> None:
    lake.describe("log", fields=FIELDS)
    brought(lake, 1)
    lake.describe("log", fields=FIELDS, partition_by=[COUNTRY])
    brought(lake, 2)
    assert files(lake) == ["", "country=DE"]


def test_rows_are_sorted_by_the_key_or_by_what_the_contract_says(lake) -> None:
    lake.describe("log", fields=FIELDS, key=["1st"])
    brought(lake, 1)
    assert layout(lake)["order"] == "_key ASC NULLS FIRST"
    lake.describe("log", fields=FIELDS, key=["1st"], sort_by=["country", "_landed_at"])
    brought(lake, 2)
    assert layout(lake)["order"] == "country ASC NULLS FIRST, _landed_at ASC NULLS FIRST"
    lake.contracts.clear()
    lake.describe("log", fields=FIELDS, key=["1st"])
    brought(lake, 3)
    assert (layout(lake)["order"], layout(lake)["spread"]) == ("_key ASC NULLS FIRST", "none")


def test_an_order_that_a_contract_no_longer_has_goes(lake) -> None:
    lake.describe("log", fields=FIELDS, sort_by=["n"])
    brought(lake, 1)
    assert layout(lake)["order"] == "n ASC NULLS FIRST"
    lake.describe("log", fields=FIELDS)
    brought(lake, 2)
    assert layout(lake)["order"] == ""


def test_comments_and_owner_become_those_of_the_contract(lake) -> None:
    lake.describe("log", fields=FIELDS)
    brought(lake, 1)
    described = {name: {"type": kind, "description": f"it's the\n{name}"} for name, kind in FIELDS.items()}
    lake.describe("log", fields=described | {"new": "string"}, owner="else@example.org", description="New; it's so")
    brought(lake, 2)
    found = layout(lake)
    assert (found["comment"], found["owner"]) == ("New; it's so", "else@example.org")
    assert {name: found["columns"][name] for name in described} == {name: f"it's the\n{name}" for name in described}
    assert found["columns"]["new"] == "the new"
    assert found["columns"]["_file_id"] == "The landed file version: bucket/key#version"


def test_what_a_person_did_to_a_table_that_nobody_described_stays(lake) -> None:
    brought(lake, 1)
    table = f"{lake.catalog}.legacy.log"
    lake.spark.sql(f"ALTER TABLE {table} ADD PARTITION FIELD country")
    lake.spark.sql(f"ALTER TABLE {table} ALTER COLUMN n COMMENT 'by hand'")
    brought(lake, 2)
    assert (layout(lake)["partitions"], layout(lake)["columns"]["n"]) == (["identity country"], "by hand")


def test_a_table_that_is_as_its_contract_says_gets_no_new_metadata(lake) -> None:
    lake.describe("log", fields=FIELDS, partition_by=[MONTH, BUCKETS], key=["1st"])
    brought(lake, 1)
    folder = lake.folder / "warehouse" / "legacy" / "log" / "metadata"
    before = len(list(folder.glob("v*.metadata.json")))
    brought(lake, 2)
    assert len(list(folder.glob("v*.metadata.json"))) == before + 1  # that of the merge
