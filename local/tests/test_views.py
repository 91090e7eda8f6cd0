"""Athena's views and parameters, as the local Athena reads them."""

from __future__ import annotations

import base64
import json

import duckdb
import pytest

from local.emulator import views


def test_types_of_a_view_are_spelled_as_duckdb_spells_them() -> None:
    cast = 'CAST("a" AS array(row("t (x" timestamp(6), "u" array(timestamp(6))))) AS "a"'
    sql = f'SELECT {cast}, "array" FROM (SELECT NULL AS "a", 1 AS "array") WHERE "array" IN (1)'
    [name, other] = duckdb.execute(views.in_duckdb(sql)).description or []
    assert str(name[1]) == 'STRUCT("t (x" TIMESTAMP, u TIMESTAMP[])[]'
    assert other[0] == "array"


def test_parameters_take_the_place_of_question_marks_outside_of_texts() -> None:
    sql = "SELECT '?', ? -- ?\nWHERE x = ? /* ? */"
    assert views.with_parameters(sql, ["'a?'", "7"]) == "SELECT '?', 'a?' -- ?\nWHERE x = 7 /* ? */"
    with pytest.raises(ValueError, match="has 2 parameters, and 1 are given"):
        views.with_parameters(sql, ["1"])


def test_a_view_is_known_by_its_document() -> None:
    text = base64.b64encode(json.dumps({"originalSql": "SELECT 1"}).encode()).decode()
    entry = {"TableType": "VIRTUAL_VIEW", "ViewOriginalText": f"/* Presto View: {text} */"}
    assert views.definition(entry) == "SELECT 1"
    assert views.definition(entry | {"TableType": "EXTERNAL_TABLE"}) is None
    assert views.definition({"TableType": "VIRTUAL_VIEW", "ViewOriginalText": "SELECT 1"}) is None
