"""Glue 2 over real Parquet files: each record goes where the first rule sends it, and nothing is lost on the way."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import contract_yaml
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tui_etl import report, run, storage
from tui_etl.classify import inputs, process
from tui_etl.classify.inputs import InputError
from tui_etl.classify.rules import RulesError, parse
from tui_etl.classify.transform import Params, applies, transform
from tui_etl.manifest import Output

CONTRACTS = Path(__file__).parent.parent.parent / "contracts"
RULES = [
    {"id": "vips", "dataset": "stays", "zone": "secured", "when": "vip", "requires": ["vip"]},
    {"id": "ill", "dataset": "stays", "zone": "secured", "when": "lower(note) like '%ill%'", "requires": ["note"]},
    {"id": "low", "dataset": "stays", "zone": "legacy", "when": "not vip and n < 5", "requires": ["vip", "n"]},
    {"id": "open", "dataset": "towns", "zone": "legacy"},
]


def rule_set(rules: list[dict[str, Any]] = RULES) -> Any:
    return parse(json.dumps({"version": 7, "rules": rules}))


def written(spark: SparkSession, place: Path, dataset: str, columns: str, rows: list[tuple[Any, ...]]) -> list[Output]:
    """Parquet files as a Glue 1 run leaves them."""
    spark.createDataFrame(rows, columns).coalesce(1).write.parquet(str(place))
    files = storage.parquet_files(None, f"file://{place}")
    counted = storage.count_rows(None, files)
    return [Output(file.bucket, file.key, dataset, "temp", counted[file.uri], file.size) for file in files]


def classify(spark: SparkSession, folder: Path, outputs: list[Output], rules: Any = None) -> run.Outcome:
    folders = {zone: f"file://{folder}/{zone}/" for zone in ("legacy", "secured")}
    process.configure(spark)
    params = process.Params("", folders, rules or rule_set(), "jr_2", f"file://{folder}/lineage")
    outcome = process.classify(spark, None, params, outputs)
    report.build(2, "classify", "jr_2", "a test", run.datetime.now(run.UTC), outcome.datasets, (), outcome.by_file)
    return outcome


def rows(spark: SparkSession, outcome: run.Outcome, zone: str) -> list[Any]:
    places = [inputs.place_of(output) for output in outcome.outputs if output.zone == zone]
    return [row for place in places for row in spark.read.parquet(place).collect()]


def test_each_record_goes_where_its_first_rule_says(spark, tmp_path) -> None:
    outputs = written(spark, tmp_path / "in", "stays", "n int, vip boolean, note string", [
        (1, False, None), (2, True, "x"), (3, False, "still ILL"), (9, False, "x"), (4, None, "x"), (None, False, "x"),
    ])  # fmt: skip
    outcome = classify(spark, tmp_path, outputs)
    assert [(row.n, row._rule_id, row._rules_version) for row in rows(spark, outcome, "legacy")] == [(1, "low", "7")]
    secured = {(row.n, row._rule_id) for row in rows(spark, outcome, "secured")}
    assert secured == {(2, "vips"), (3, "ill"), (9, "default"), (4, "default"), (None, "default")}
    [balance] = outcome.datasets
    assert (balance.records_in, balance.records_out, balance.legacy, balance.secured) == (6, 6, 1, 5)
    assert {Path(output.key).parent.relative_to(tmp_path) for output in outcome.outputs} == {
        Path("legacy/stays/run=jr_2"),
        Path("secured/stays/run=jr_2"),
    }


def test_a_record_that_no_rule_could_see_whole_is_secured(spark, tmp_path) -> None:
    """Of two equal keys only one is a column; what the other held travels in `_rescued`, where no rule looks.

    A rule that asks nothing has said of its dataset that all of it is harmless.
    """
    whole = '{"_record":"{\\"vip\\":true,\\"vip\\":false}"}'
    outputs = written(spark, tmp_path / "in", "stays", "n int, vip boolean, note string, _rescued string", [
        (1, False, None, None), (2, False, None, whole), (3, True, None, whole), (9, False, None, whole),
    ])  # fmt: skip
    outputs += written(spark, tmp_path / "towns", "towns", "name string, _rescued string", [("a", None), ("b", whole)])
    outcome = classify(spark, tmp_path, outputs)
    legacy, secured = (rows(spark, outcome, zone) for zone in ("legacy", "secured"))
    assert [(row._rule_id, row._rescued) for row in legacy] == [("low", None), ("open", None), ("open", whole)]
    assert {row._rule_id for row in secured} == {"low:not-applicable", "vips", "default"}


def test_the_numbers_of_each_landed_file_are_told(spark, tmp_path) -> None:
    columns = "n int, vip boolean, note string, _file_id string"
    outputs = written(spark, tmp_path / "1", "stays", columns, [
        (1, False, None, "landing/a#1"), (2, True, "x", "landing/a#1"), (3, False, "ok", "landing/ü b#1"),
    ])  # fmt: skip
    outputs += written(spark, tmp_path / "2", "stays", "vip string, _file_id string", [("?", "landing/a#1")])
    outputs += written(spark, tmp_path / "3", "unheard_of", "_file_id string", [("landing/c#1",)] * 2)
    outcome = classify(spark, tmp_path, outputs)
    frame = spark.read.parquet(outcome.by_file.uri).orderBy("dataset", "file_id")
    found = [(row.dataset, row.file_id, row.records_in, row.legacy, row.secured) for row in frame.collect()]
    assert found == [
        ("stays", "landing/a#1", 3, 1, 2),
        ("stays", "landing/ü b#1", 1, 1, 0),
        ("unheard_of", "landing/c#1", 2, 0, 2),
    ]
    assert [(total.dataset, total.files, total.unbalanced) for total in outcome.by_file.totals] == [
        ("stays", 2, 0),
        ("unheard_of", 1, 0),
    ]


def test_a_record_that_changes_its_file_on_the_way_unbalances_the_run(spark, tmp_path, monkeypatch) -> None:
    outputs = written(spark, tmp_path / "1", "towns", "a int, _file_id string", [(1, "f#1"), (2, "f#2")])
    astray = F.lit("f#1").alias("_file_id")
    read = inputs.read
    monkeypatch.setattr(inputs, "read", lambda *given: read(*given).select("a", astray))
    with pytest.raises(report.Unbalanced, match="towns: 2 files have not as many records out as in"):
        classify(spark, tmp_path, outputs)


def test_files_of_different_schemas_keep_what_they_have(spark, tmp_path) -> None:
    outputs = written(spark, tmp_path / "1", "towns", "a bigint, s struct<x:bigint>", [(1, (5,))])
    outputs += written(spark, tmp_path / "2", "towns", "a string, t array<string>", [("one", ["t"])])
    outputs += written(spark, tmp_path / "3", "towns", "a bigint, s struct<x:bigint>", [(2, None)])
    outputs += written(spark, tmp_path / "4", "unheard_of", "a bigint", [(3,)])
    outcome = classify(spark, tmp_path, outputs)
    found = sorted(
        (row.a if isinstance(row.a, str) else str(row.a), len(row)) for row in rows(spark, outcome, "legacy")
    )
    assert found == [("1", 4), ("2", 4), ("one", 4)]
    assert [(row.a, row._rule_id) for row in rows(spark, outcome, "secured")] == [(3, "default")]


def test_without_the_columns_or_types_that_a_rule_needs_all_is_secured(spark, tmp_path) -> None:
    outputs = written(spark, tmp_path / "1", "stays", "n int, vip boolean", [(1, False)])
    outputs += written(spark, tmp_path / "2", "stays", "n int, vip struct<x:int>, note string", [(2, None, "x")])
    outcome = classify(spark, tmp_path, outputs)
    assert not rows(spark, outcome, "legacy")
    found = {(row.n, row._rule_id) for row in rows(spark, outcome, "secured")}
    assert found == {(1, "ill:not-applicable"), (2, "vips:not-applicable")}


@pytest.mark.parametrize(
    ("when", "requires", "applicable"),
    [
        ("a = 1", ["a"], True),
        ("a = b", ["a"], False),  # reads more than it requires
        ("s.x = 1", ["s"], True),
        ("s.y = 1", ["s"], False),
        ("a", ["a"], False),  # is not a truth value
        ("nobody_knows(a)", ["a"], False),
        ("s > 1", ["s"], False),
    ],
)
def test_a_predicate_applies_to_the_columns_that_it_requires(
    spark, when: str, requires: list[str], applicable: bool
) -> None:
    frame = spark.createDataFrame([], "a int, b int, s struct<x:int>")
    [rule] = rule_set([RULES[0] | {"when": when, "requires": requires}]).rules
    assert applies(frame, rule) is applicable


@pytest.mark.parametrize("when", ["a = ", "rand() < a", "a = uuid()", "shuffle(array(a))[0] = 1"])
def test_a_predicate_that_is_none_or_not_certain_ends_the_run(spark, when: str) -> None:
    frame = spark.createDataFrame([], "a int")
    [rule] = rule_set([RULES[0] | {"when": when, "requires": ["a"]}]).rules
    with pytest.raises(RulesError):
        applies(frame, rule)


def test_a_missing_or_changed_input_is_a_failure(spark, tmp_path) -> None:
    [output] = written(spark, tmp_path / "1", "towns", "a int", [(1,), (2,)])
    with pytest.raises(FileNotFoundError):
        classify(spark, tmp_path, [Output("", output.key + "x", "towns", "temp", 2, output.size)])
    with pytest.raises(InputError, match="has 2 rows, its manifest says 3"):
        classify(spark, tmp_path, [Output("", output.key, "towns", "temp", 3, output.size)])
    with pytest.raises(InputError, match="not a Parquet file of"):
        classify(spark, tmp_path, [Output("", output.key, "towns", "temp", 2, output.size - 1)])


def test_a_file_in_a_bucket_that_is_not_its_zones_is_refused() -> None:
    inputs.refuse_elsewhere([Output("raw", "k", "towns", "temp", 1, 1)], {"temp": "raw"})
    for output in (Output("landing", "k", "towns", "temp", 1, 1), Output("raw", "k", "towns", "legacy", 1, 1)):
        with pytest.raises(InputError, match="is listed as"):
            inputs.refuse_elsewhere([output], {"temp": "raw"})


def test_no_record_that_a_secured_rule_matches_or_none_does_is_ever_legacy(spark, tmp_path) -> None:
    """Random rules over random records; each predicate has a plain Python twin that says what it matches."""
    chance = random.Random(4)
    twins = {
        "vip": (["vip"], lambda r: r["vip"]),
        "not vip": (["vip"], lambda r: None if r["vip"] is None else not r["vip"]),
        "n > 2": (["n"], lambda r: None if r["n"] is None else r["n"] > 2),
        "n is null": (["n"], lambda r: r["n"] is None),
        "note rlike 'a'": (["note"], lambda r: None if r["note"] is None else "a" in r["note"]),
        "gone = 1": (["gone"], lambda r: ...),  # a column that the records lack
    }
    for number in range(6):
        chosen = [(f"r{i}", chance.choice(["legacy", "secured"]), chance.choice(list(twins))) for i in range(4)]
        rules = rule_set([
            {"id": name, "dataset": "stays", "zone": zone, "when": when, "requires": twins[when][0]}
            for name, zone, when in chosen
        ])  # fmt: skip
        records = [
            (i, chance.choice([True, False, None]), chance.choice([1, 3, None]), chance.choice(["a", "b", None]))
            for i in range(20)
        ]
        frame = spark.createDataFrame(records, "i int, vip boolean, n int, note string")
        found = {row.i: row["zone of the row"] for row in transform(frame, Params("stays", rules)).collect()}
        for i, vip, n, note in records:
            record = {"vip": vip, "n": n, "note": note}
            first = next(((zone, a) for _, zone, when in chosen if (a := twins[when][1](record)) in (True, ...)), None)
            expected = "legacy" if first == ("legacy", True) else "secured"
            assert found[i] == expected, (number, chosen, record)


def test_the_rules_of_this_repository_are_understood_and_their_predicates_apply(spark) -> None:
    rules = parse(json.dumps(contract_yaml.read(CONTRACTS / "classification.yaml")))
    for rule in rules.rules:
        contract = contract_yaml.read(CONTRACTS / f"{rule.dataset}.yaml")
        columns = ", ".join(f"`{name}` {field['type']}" for name, field in contract["fields"].items())
        assert rule.when is None or applies(spark.createDataFrame([], columns), rule), rule.id


def test_bookings_are_split_by_what_they_tell(spark) -> None:
    rules = parse(json.dumps(contract_yaml.read(CONTRACTS / "classification.yaml")))
    records = [
        (1, False, "late arrival"),
        (2, False, None),
        (3, True, None),
        (4, None, None),
        (5, False, "needs a Wheelchair"),
    ]
    frame = spark.createDataFrame(records, "i int, vip boolean, remarks string")
    found = {row.i: row._rule_id for row in transform(frame, Params("bookings", rules)).collect()}
    assert found == {
        1: "bookings-plain",
        2: "bookings-plain",
        3: "bookings-of-vips",
        4: "default",
        5: "bookings-with-medical-remarks",
    }
