"""Which contracts are understood, those of this repository, and that the JSON Schema and the job agree on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import contract_yaml
import pytest
from jsonschema import Draft202012Validator

from tui_etl.conform.contracts import Contract, ContractError, Partition, parse
from tui_etl.conform.described import schema
from tui_etl.conform.expectations import Expectation

FOLDER = Path(__file__).parent.parent.parent / "contracts"
CONTRACTS = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "classification")
SCHEMA = Draft202012Validator(json.loads((FOLDER / "schema" / "dataset.schema.json").read_text()))
A = {"type": "string", "description": "an a"}


def entry(**changes: Any) -> dict[str, Any]:
    whole = {"dataset": "x", "owner": "o", "description": "d", "fields": {"a": A}} | changes
    return {name: value for name, value in whole.items() if value is not ...}


def understood(contract: Any) -> Contract:
    return parse(json.dumps({"datasets": {"x": contract}}))["x"]


def expecting(**expectation: Any) -> dict[str, Any]:
    return entry(expectations=[expectation])


def field(**changes: Any) -> dict[str, Any]:
    return entry(fields={"a": A | changes})


def part(**changes: Any) -> dict[str, Any]:
    return entry(partition_by=[{"field": "a", **changes}])


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_of_this_repository_is_understood(path: Path, spark) -> None:
    content = contract_yaml.read(path)
    problems = [f"{path.name}: {error.json_path}: {error.message}" for error in SCHEMA.iter_errors(content)]
    assert not problems
    found = parse(json.dumps({"datasets": {path.stem: content}}))[path.stem]
    assert schema(spark, found).names == list(found.fields)


def test_the_json_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


def test_a_contract_says_what_becomes_of_a_dataset() -> None:
    found = understood(
        entry(
            fields={"a": A, "at": {"type": "date", "description": "", "format": "dd.MM.yyyy"}},
            key=["a"],
            order_by="at",
            mode="strict",
            partition_by=[{"field": "a", "transform": "bucket", "buckets": 4}, {"field": "at", "transform": "month"}],
            allowed_lateness={"field": "at", "hours": 48},
            expectations=[
                {"rule": "range", "field": "at", "min": "2020-01-01", "on_breach": "warn"},
                {"rule": "not_null", "fields": ["a"], "on_breach": "quarantine"},
            ],
        )
    )
    assert (found.key, found.order_by, found.mode, found.formats) == (("a",), "at", "strict", {"at": "dd.MM.yyyy"})
    assert found.partition_by == (Partition("a", "bucket", 4), Partition("at", "month"))
    assert [one.sql for one in found.partition_by] == ["bucket(4, `a`)", "months(`at`)"]
    assert found.expectations == (
        Expectation("range", ("at",), "warn", low="2020-01-01"),
        Expectation("not_null", ("a",), "quarantine"),
    )
    assert found.lateness is not None and found.lateness.hours == 48


#: Contract, problem that the job names, and whether the JSON Schema can see it: not what one entry says of another.
BAD: list[tuple[Any, str, bool]] = [
    (1, "x.yaml: is not an object", True),
    (entry(owner=...), "x.yaml: owner: is required", True),
    (entry(owner=""), "x.yaml: owner: must be a text", True),
    (entry(keys=["a"]), "x.yaml: keys: is no entry of a contract", True),
    (entry(dataset="y"), "x.yaml: dataset: must be the file's name", False),
    (entry(mode="lax"), "x.yaml: mode: must be evolve, strict or permissive", True),
    (entry(fields=["a"]), "x.yaml: fields: must be an object", True),
    (entry(fields={"A": A}), "x.yaml: fields.A: a name has lower case", True),
    (entry(fields={"_run_id": A}), "x.yaml: fields._run_id: .* none of the pipeline's own", True),
    (entry(fields={"_deleted": A}), "x.yaml: fields._deleted: .* or of Iceberg's", True),
    (entry(fields={"a": {"type": "string"}}), "x.yaml: fields.a: has a type and a description", True),
    (field(type=""), "x.yaml: fields.a.type: must not be empty", True),
    (field(type=5), "x.yaml: fields.a: type and description must be texts", True),
    (field(format="y", formats={"b": "y"}), "x.yaml: fields.a: has a format for itself or", True),
    (field(format="HH:mm:ss.SSSSSSS"), "x.yaml: fields.a: a format is a pattern .* 6 digits", True),
    (entry(key="a"), "x.yaml: key: must be a list", True),
    (entry(key=[]), "x.yaml: key: must be a list", True),
    (entry(key=["a", "a"]), "x.yaml: key: names a column twice", True),
    (entry(key=["b"]), "x.yaml: key: no field is called 'b'", False),
    (entry(key=["a"], order_by="b"), "x.yaml: order_by: no field is called 'b'", False),
    (entry(order_by="a"), "x.yaml: order_by: orders nothing", True),
    (part(transform="week"), r"x.yaml: partition_by\[0\]: needs a transform", True),
    (part(transform=["day"]), r"x.yaml: partition_by\[0\]: needs a transform", True),
    (part(transform="day", field=["a"]), r"x.yaml: partition_by\[0\].field: no field is called \['a'\]", True),
    (part(transform="bucket"), r"x.yaml: partition_by\[0\]: needs a field, the transform, buckets", True),
    (part(transform="month", width=1), r"x.yaml: partition_by\[0\]: needs a field, the transform, and", True),
    (part(transform="truncate", width=0), r"x.yaml: partition_by\[0\].width: must be a whole number", True),
    (part(transform="day", field="b"), r"x.yaml: partition_by\[0\].field: no field is called 'b'", False),
    (entry(sort_by="a"), "x.yaml: sort_by: must be a list of columns", True),
    (entry(sort_by=[]), "x.yaml: sort_by: must be a list of columns", True),
    (entry(sort_by=["a", "a"]), "x.yaml: sort_by: must be a list .* names none twice", True),
    (entry(sort_by=["b"]), "x.yaml: sort_by: no field is called 'b'", False),
    (entry(allowed_lateness={"field": "a"}), "x.yaml: allowed_lateness: needs a field and whole hours", True),
    (entry(allowed_lateness={"field": "a", "hours": -1}), "x.yaml: allowed_lateness.hours: must not be", True),
    (entry(allowed_lateness={"field": {"a": 1}, "hours": 1}), "x.yaml: allowed_lateness.field: no field", True),
    (entry(allowed_lateness={"field": "b", "hours": 1}), "x.yaml: allowed_lateness.field: no field", False),
    (expecting(rule="nice", field="a"), r"x.yaml: expectations\[0\].rule: must be one of not_null", True),
    (expecting(rule="not_null", field="a"), r"x.yaml: expectations\[0\].fields: is required", True),
    (expecting(rule="not_null", fields=[]), r"expectations\[0\].fields: must be a list that is not empty", True),
    (expecting(rule="unique", fields=["b"]), r"expectations\[0\].fields: no field is called 'b'", False),
    (expecting(rule="range", field="a"), r"expectations\[0\]: needs min or max", True),
    (expecting(rule="range", field="a", min=True), r"expectations\[0\].min: must be a number, or a date", True),
    (expecting(rule="range", field="a", min=2, max=1), r"expectations\[0\].min: must not be above max", False),
    (expecting(rule="range", field="a", min=1, values=[1]), r"expectations\[0\].values: is no entry of", True),
    (expecting(rule="set", field="a", values=[[1]]), r"expectations\[0\].values: must be single values", True),
    (expecting(rule="set", field="a", values=[]), r"expectations\[0\].values: must be a list that is not", True),
    (expecting(rule="regex", field="a", pattern=1), r"expectations\[0\].pattern: must be a text", True),
    (expecting(rule="row_count", min=1.5), r"expectations\[0\].min: must be a number", True),
    (expecting(rule="not_null", fields=["a"], on_breach="panic"), r"\[0\].on_breach: must be fail", True),
    (expecting(rule="not_null", fields=["a"], on_breach="rescue"), r"\[0\].on_breach: only the rules", True),
    (expecting(rule="unique", fields=["a"], on_breach="quarantine"), r"\[0\].on_breach: .* one record", True),
    (expecting(rule="row_count", min=1, on_breach="quarantine"), r"\[0\].on_breach: .* one record", True),
    (
        expecting(rule="set", field="a.b", values=["x"], on_breach="rescue"),
        r"\[0\].on_breach: only a column can be rescued",
        False,
    ),
    (
        expecting(rule="set", field="a", values=["x"], on_breach="rescue") | {"key": ["a"]},
        r"\[0\].on_breach: a key or an order can't be rescued",
        False,
    ),
    (
        expecting(rule="set", field="a", values=["x"], on_breach="rescue") | {"mode": "strict"},
        r"\[0\].on_breach: strict rescues nothing",
        False,
    ),
]


@pytest.mark.parametrize(("contract", "problem", "seen_by_schema"), BAD)
def test_a_contract_that_is_not_understood_is_refused(contract: Any, problem: str, seen_by_schema: bool) -> None:
    with pytest.raises(ContractError, match=problem):
        understood(contract)
    assert SCHEMA.is_valid(contract) != seen_by_schema


@pytest.mark.parametrize("document", ["{", "[]", "{}", '{"datasets": []}'])
def test_what_holds_no_contracts_is_refused(document: str) -> None:
    with pytest.raises(ContractError, match="not JSON|an object 'datasets'"):
        parse(document)


def test_all_problems_of_all_contracts_are_named() -> None:
    both = {"x": entry(owner=..., key=["b"]), "y": 1}
    with pytest.raises(ContractError, match="x.yaml: owner.*; x.yaml: key: .*; y.yaml: is not an object"):
        parse(json.dumps({"datasets": both}))


DATE = {"type": "date", "description": ""}
STRUCT = {"type": "struct<b:string,at:array<struct<t:timestamp>>>", "description": ""}


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (field(type="text"), "x.yaml: fields.a.type: 'text' is none of Spark SQL's"),
        (field(type="array<string>") | {"key": ["a"]}, "x.yaml: fields.a: is a key .* a single value"),
        (part(transform="day"), r"x.yaml: partition_by\[0\]: Iceberg has no day of string"),
        (entry(fields={"a": STRUCT}, sort_by=["a"]), r"sort_by\[0\]: must be a single value"),
        (entry(allowed_lateness={"field": "a", "hours": 1}), "allowed_lateness.field: must be a date"),
        (field(format="yyyy"), "fields.a: only a date or timestamp has a format"),
        (entry(fields={"a": DATE | {"format": "qqqqqqq"}}), "fields.a: 'qqqqqqq' is no pattern"),
        (entry(fields={"a": STRUCT | {"formats": {"at.u": "yyyy"}}}), "fields.a.at.u: only a date"),
        (entry(fields={"a": STRUCT}) | {"expectations": [{"rule": "not_null", "fields": ["a.c"]}]}, "called 'a.c'"),
        (entry(fields={"a": STRUCT}) | {"expectations": [{"rule": "unique", "fields": ["a"]}]}, "a single value"),
        (expecting(rule="range", field="a", min=1), r"expectations\[0\]: 1 is no string"),
        (expecting(rule="regex", field="a", pattern="("), r"expectations\[0\]: '\(' is no regular expression"),
        (
            entry(fields={"a": DATE}, expectations=[{"rule": "range", "field": "a", "max": "2026-02-30"}]),
            "'2026-02-30' is no date",
        ),
        (entry(fields={"a": DATE}, expectations=[{"rule": "regex", "field": "a", "pattern": "x"}]), "must be a string"),
    ],
)
def test_what_only_spark_can_tell_is_refused_as_well(contract: Any, problem: str, spark) -> None:
    with pytest.raises(ContractError, match=problem):
        schema(spark, understood(contract))


def test_types_are_those_that_a_table_has(spark) -> None:
    assert schema(spark, understood(field(type="smallint", description=""))).simpleString() == "struct<a:int>"
    nested = entry(fields={"a": STRUCT | {"formats": {"at.t": "dd.MM.yyyy HH:mm"}}})
    assert schema(spark, understood(nested)).names == ["a"]
