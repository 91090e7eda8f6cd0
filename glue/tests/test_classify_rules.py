"""What rules come to, and which rules are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui_etl.classify.rules import Rule, RulesError, Step, parse, steps

RULES = [
    Rule("vips", "bookings", "secured", "vip", ("vip",)),
    Rule("plain", "bookings", "legacy", "not vip and a = 1", ("vip", "a")),
    Rule("all", "bookings", "legacy"),
    Rule("never", "bookings", "secured"),
]


def arms(columns: list[str], refused: str = "") -> list[tuple[str | None, str, str]]:
    found = steps(RULES, columns, lambda rule: rule.id != refused)
    return [(step.when, step.zone, step.rule_id) for step in found]


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


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "a version and a list"),
        ('{"rules": []}', "a version and a list"),
        ('{"version": 1, "rules": [], "default": "legacy"}', "unknown entry 'default'"),
        ('{"version": 1, "rules": [1]}', "rule 1: is not an object"),
        (rules(id=...), "needs 'id'"),
        (rules(id="default"), "not 'default'"),
        (rules(id="a:b"), "id 'a:b'"),
        (rules(zone="public"), "neither legacy nor secured"),
        (rules(zone=...), "needs 'zone'"),
        (rules(dataset="Loyalty Points"), "not the name of a dataset"),
        (rules(predicate="x"), "unknown entry 'predicate'"),
        (rules(when="a = 1"), "come together"),
        (rules(requires=["a"]), "come together"),
        (rules(when="a = 1", requires="a"), "list of column names"),
        (rules(when=1, requires=["a"]), "Spark SQL predicate"),
        (json.dumps({"version": 1, "rules": [{"id": "a", "dataset": "x", "zone": "legacy"}] * 2}), "'a' is used twice"),
    ],
)
def test_rules_that_are_not_understood_are_refused(document: str, problem: str) -> None:
    with pytest.raises(RulesError, match=problem):
        parse(document)
