"""Datasets without a key: every record of a file is in the table, and once."""

from __future__ import annotations

import pytest

from tui_etl.conform.tables import TableError
from tui_etl.report import Unbalanced

NAME = "1st-odd_name"


def test_records_of_an_undescribed_dataset_are_appended(lake) -> None:
    outputs = lake.classified("legacy", NAME, "a bigint, b string", [{"a": 1, "b": "x"}, {"a": 2, "b": None}])
    outputs += lake.classified("secured", NAME, "a bigint", [{"a": 3, "_position": 3}])
    balance = lake.conform(outputs)[NAME]
    assert (balance.records_in, balance.records_out, balance.legacy, balance.secured) == (3, 3, 2, 1)
    assert balance.tables == [f"legacy.{NAME}", f"secured.{NAME}"]
    assert [(row.a, row.b, row._position) for row in lake.rows("legacy", NAME)] == [(1, "x", 1), (2, None, 2)]
    assert [(row.a, row._rule_id) for row in lake.rows("secured", NAME)] == [(3, "a-rule")]
    assert lake.by_file(NAME) == {"landing/x.json#1": {"records_in": 3, "legacy": 2, "secured": 1}}


def test_a_repeated_run_appends_nothing_and_the_next_one_only_its_own(lake) -> None:
    first = lake.classified("legacy", NAME, "a bigint", [{"a": 1}, {"a": 1}])
    lake.conform(first)
    assert lake.conform(first)[NAME].records_out == 2
    assert lake.snapshots("legacy", NAME) == 1
    second = lake.classified(
        "legacy", NAME, "a bigint", [{"a": 1, "_file_id": "landing/it's \\ ü.json#2", "_run_id": "jr_2"}]
    )
    assert lake.conform(second, ["jr_2"])[NAME].records_out == 1
    assert lake.by_file(NAME) == {"landing/it's \\ ü.json#2": {"records_in": 1, "legacy": 1}}
    assert [row.a for row in lake.rows("legacy", NAME)] == [1, 1, 1]


def test_a_file_that_is_there_by_another_run_fails_the_run_and_adds_nothing(lake) -> None:
    lake.conform(lake.classified("legacy", NAME, "a bigint", [{"a": 1}]))
    doubled = lake.classified("legacy", NAME, "a bigint", [{"a": 1, "_run_id": "jr_2"}, {"a": 2, "_run_id": "jr_2"}])
    with pytest.raises(Unbalanced):
        lake.conform(doubled, ["jr_2"])
    assert len(lake.rows("legacy", NAME)) == 1


def test_a_table_that_was_merged_by_key_is_not_appended_to(lake) -> None:
    lake.describe("stays", fields={"a": "string"}, key=["a"])
    lake.conform(lake.classified("legacy", "stays", "a string", [{"a": "x"}]))
    lake.contracts.clear()
    with pytest.raises(TableError, match="kept by the key"):
        lake.conform(lake.classified("legacy", "stays", "a string", [{"a": "y", "_file_id": "other"}]))
