"""Which contracts are understood, and those of this repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tui_etl.conform.contracts import ContractError, parse, schema

CONTRACTS = sorted((Path(__file__).parent.parent.parent / "contracts").glob("*.yaml"))


def document(**changes: Any) -> str:
    fields = {"a": {"type": "string", "description": "an a"}}
    entry = {"dataset": "x", "owner": "o", "description": "d", "fields": fields} | changes
    return json.dumps({"datasets": {"x": {name: value for name, value in entry.items() if value is not ...}}})


def test_contracts_of_this_repository_are_understood(spark) -> None:
    entries = [yaml.safe_load(path.read_text()) for path in CONTRACTS if path.stem != "classification"]
    assert [entry["dataset"] for entry in entries] == [path.stem for path in CONTRACTS if path.stem != "classification"]
    found = parse(json.dumps({"datasets": {entry["dataset"]: entry for entry in entries}}))
    assert found["crew_payroll"].key == ("employee_id", "pay_period")
    assert found["bookings"].order_by == "updated_at"
    assert not found["flights"].key
    for contract in found.values():
        assert schema(spark, contract).names == list(contract.fields)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("{}", "an object 'datasets'"),
        ('{"datasets": {"x": 1}}', "x: is not an object"),
        (document(owner=...), "x: needs 'owner'"),
        (document(keys=["a"]), "unknown entry 'keys'"),
        (document(dataset="y"), "is the contract of 'y'"),
        (document(fields=["a"]), "'fields' is an object"),
        (document(fields={"A": {"type": "string", "description": ""}}), "field 'A'"),
        (document(fields={"_run_id": {"type": "string", "description": ""}}), "field '_run_id'"),
        (document(fields={"a": {"type": "string"}}), "a type and a description"),
        (document(key="a"), "'key' is a list"),
        (document(key=[]), "'key' is a list"),
        (document(key=["b"]), "no field is called 'b'"),
        (document(key=["a"], order_by="b"), "no field is called 'b'"),
        (document(order_by="a"), "orders nothing"),
    ],
)
def test_contracts_that_are_not_understood_are_refused(content: str, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        parse(content)


def test_types_must_be_spark_sqls_and_a_key_a_single_value(spark) -> None:
    def typed(kind: str) -> Any:
        return parse(document(fields={"a": {"type": kind, "description": ""}}, key=["a"]))["x"]

    assert schema(spark, typed("smallint")).simpleString() == "struct<a:int>"
    for kind, problem in (("text", "none of Spark SQL's"), ("array<string>", "must be a single value")):
        with pytest.raises(ContractError, match=problem):
            schema(spark, typed(kind))
