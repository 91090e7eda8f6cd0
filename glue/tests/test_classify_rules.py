"""What rules come to, and which rules are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import contract_yaml
import pytest
from jsonschema import Draft202012Validator

from tui_etl.classify import patterns
from tui_etl.classify.rules import Rule, RulesError, Step, parse, refuse_masked_keys, steps

RULES = [
    Rule("vips", "bookings", "secured", "vip", ("vip",)),
    Rule("plain", "bookings", "legacy", "not vip and a = 1", ("vip", "a")),
    Rule("all", "bookings", "legacy"),
    Rule("never", "bookings", "secured"),
]


def arms(columns: list[str], refused: str = "") -> list[tuple[str | None, str, str]]:
    found = steps(RULES, columns, lambda rule: rule.id != refused)
    return [(step.when and step.when.when, step.zone, step.rule_id) for step in found]


def test_the_first_rule_that_matches_wins_and_one_without_a_predicate_takes_the_rest() -> None:
    expected = [("vip", "secured", "vips"), ("not vip and a = 1", "legacy", "plain"), (None, "legacy", "all")]
    assert arms(["VIP", "a", "b"]) == expected


def test_no_rule_is_secured() -> None:
    assert steps([], ["a"], lambda rule: True) == [Step(None, "secured", "default")]


def test_a_rule_whose_columns_are_missing_secures_what_gets_as_far_as_it() -> None:
    assert arms(["vip"]) == [("vip", "secured", "vips"), (None, "secured", "plain:not-applicable")]
    assert arms(["a"]) == [(None, "secured", "vips:not-applicable")]


def test_a_rule_that_cannot_be_applied_secures_what_gets_as_far_as_it() -> None:
    assert arms(["vip", "a"], "plain") == [("vip", "secured", "vips"), (None, "secured", "plain:not-applicable")]


def rules(**changes: Any) -> str:
    entry = {"id": "a-rule", "dataset": "x", "zone": "legacy"} | changes
    return json.dumps({"version": 3, "rules": [{name: value for name, value in entry.items() if value is not ...}]})


def test_rules_are_read_with_their_version() -> None:
    found = parse(rules(when="a = 1", requires=["A"], reason="why"))
    assert (found.version, found.of("x"), found.of("y")) == ("3", [Rule("a-rule", "x", "legacy", "a = 1", ("a",))], [])


SCHEMA = Path(__file__).parent.parent.parent / "contracts" / "schema" / "classification.schema.json"
HIDE = {"zone": "secured"}
WELL_FORMED = [
    rules(),
    rules(when="a = 1", requires=["a"]),
    rules(mask={"iban": None, "*_no": "hash", "guest.card?": "last_four", "x": "null"}),
    rules(**HIDE, dataset="*"),
    rules(**HIDE, columns=["*_iban", "guest.passport*"], any_not_null=True),
    rules(**HIDE, columns=["passport*"], any_not_null=True, requires=["passport_no"]),
    rules(**HIDE, detect=["card", "iban", "email", "phone"]),
    rules(**HIDE, detect=["card"], matches="x", columns=["a"]),
    rules(**HIDE, matches="(?i)medic"),
]
MALFORMED = [
    ("[]", "a version and a list"),
    ('{"rules": []}', "a version and a list"),
    ('{"version": true, "rules": []}', "'version' is a number or a text"),
    ('{"version": 1, "rules": [], "default": "legacy"}', "unknown entry 'default'"),
    ('{"version": 1, "rules": [1]}', "rule 1: is not an object"),
    (rules(id=...), "rule 1: needs 'id'"),
    (rules(id="default"), "not 'default'"),
    (rules(id="a:b"), "id 'a:b'"),
    (rules(id=1), "id 1: lower case letters"),
    (rules(dataset=1), "dataset 1 is not the name of a dataset"),
    (rules(**HIDE, dataset=["x"]), r"dataset \['x'\] is not the name of a dataset"),
    (rules(zone="public"), r"rule 1 \(a-rule\): zone 'public' is neither legacy nor secured"),
    (rules(zone=...), "needs 'zone'"),
    (rules(dataset="Loyalty Points"), "not the name of a dataset"),
    (rules(dataset="x*"), "a legacy rule names the one dataset"),
    (rules(reason=1), "'reason' is a text"),
    (rules(predicate="x"), "unknown entry 'predicate'"),
    (rules(when="a = 1"), "come together"),
    (rules(requires=["a"]), "come together"),
    (rules(when="a = 1", requires="a"), "list of column names"),
    (rules(when="a = 1", requires=[]), "list of column names"),
    (rules(when=1, requires=["a"]), "Spark SQL predicate"),
    (rules(**HIDE, columns=["a"]), "'columns' needs"),
    (rules(**HIDE, any_not_null=True), "needs the 'columns'"),
    (rules(**HIDE, any_not_null=False, columns=["a"]), "true or left out"),
    (rules(**HIDE, columns=["a b"], any_not_null=True), "column 'a b' is neither"),
    (rules(**HIDE, columns=["a."], any_not_null=True), "column 'a.' is neither"),
    (rules(**HIDE, detect=["cards"]), "detector 'cards' is none of card, iban, email, phone"),
    (rules(**HIDE, detect="card"), "list of detectors"),
    (rules(**HIDE, matches=""), "regular expression"),
    (rules(**HIDE, matches="x", any_not_null=True, columns=["a"]), "asks one thing"),
    (rules(**HIDE, matches="x", when="a", requires=["a"]), "asks one thing"),
    (rules(detect=["card"]), "a legacy rule says 'when'"),
    (rules(any_not_null=True, columns=["a"]), "a legacy rule says 'when'"),
    (rules(**HIDE, mask={"a": "hash"}), "'mask' is for what goes to legacy"),
    (rules(mask=["a"]), "'mask' is an object"),
    (rules(mask={}), "'mask' is an object"),
    (rules(mask={"a": "md5"}), "mask 'a': 'md5' is none of last_four, hash, null"),
    (rules(mask={"a b": "hash"}), "mask 'a b' is neither"),
]


@pytest.mark.parametrize(("document", "problem"), MALFORMED)
def test_rules_that_are_not_understood_are_refused(document: str, problem: str) -> None:
    with pytest.raises(RulesError, match=f"^s3://b/rules.json: .*{problem}"):
        parse(document, "s3://b/rules.json")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "not JSON"),
        (json.dumps({"version": 1, "rules": [{"id": "a", "dataset": "x", "zone": "legacy"}] * 2}), "'a' is used twice"),
    ],
)
def test_rules_are_refused_for_what_no_schema_can_tell(document: str, problem: str) -> None:
    with pytest.raises(RulesError, match=problem):
        parse(document)


def test_the_schema_and_the_job_agree() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    valid = Draft202012Validator(schema).is_valid
    for document in WELL_FORMED:
        assert parse(document).rules and valid(json.loads(document)), document
    assert [document for document, _ in MALFORMED if valid(json.loads(document))] == []


def test_the_rules_of_this_repository_follow_the_schema_and_mask_no_key() -> None:
    content = contract_yaml.read(SCHEMA.parent.parent / "classification.yaml")
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(content)
    keys = {}
    for path in SCHEMA.parent.parent.glob("*.yaml"):
        contract = contract_yaml.read(path)
        if contract.get("key"):
            keys[contract["dataset"]] = [*contract["key"], *filter(None, [contract.get("order_by")])]
    assert "bookings" in keys
    refuse_masked_keys(parse(json.dumps(content)), keys)


@pytest.mark.parametrize("pattern", ["id", "ID", "*d", "at", "?t"])
def test_a_mask_on_a_key_or_on_what_orders_it_is_refused(pattern: str) -> None:
    found = parse(rules(mask={"other": "null", pattern: "hash"}))
    with pytest.raises(RulesError, match=r"^here: rule 'a-rule' masks '(id|at)', by which x is merged"):
        refuse_masked_keys(found, {"x": ["id", "at"]}, "here")
    refuse_masked_keys(found, {"y": ["id", "at"], "x": ["key"]})
    refuse_masked_keys(parse(rules(mask={"guest.id": "hash"})), {"x": ["id", "at"]})


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        ("iban", "iban", True),
        ("iban", "guest.bank.IBAN", True),
        ("iban", "iban.country", False),
        ("*_iban", "guest.bank_iban", True),
        ("*_iban", "iban", False),
        ("passport*", "guest.passport_no", True),
        ("guest.passport*", "guest.passport_no", True),
        ("guest.passport*", "passport_no", False),
        ("guest.*", "guest.a.b", True),
        ("a?", "ab", True),
        ("a?", "abc", False),
        ("a+b", "aab", False),
    ],
)
def test_patterns_name_fields_at_any_depth_or_whole_paths(pattern: str, path: str, named: bool) -> None:
    assert patterns.matches(pattern, path) is named


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":{"Bank IBAN" : "x"}}', True),
        ('{"bank_iban":1}', True),
        ('{"bank_iban" : null}', False),
        ('{"bank_iban":nullable}', True),
        ('{"iban":1}', False),
        ('{"x":"bank_iban"}', False),
    ],
)
def test_a_key_is_found_in_json_text(text: str, found: bool) -> None:
    assert bool(re.search(patterns.key_in_text("*.bank_iban"), text)) is found
