"""The rules of `contracts/classification.yaml`, and what they come to for records with given columns.

Whatever is unknown is secured: a record that no rule matches, and a record that gets as far as a rule that can't be
applied to it (a column that the rule requires is missing, or has a type that the predicate can't read).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEGACY, SECURED = "legacy", "secured"
ZONES = (LEGACY, SECURED)
#: `_rule_id` of a record that no rule matched.
DEFAULT = "default"
#: Added to the id of a rule that could not be applied, where it secured a record.
NOT_APPLICABLE = ":not-applicable"

_WANTED = {"id", "dataset", "zone"}
_ALLOWED = _WANTED | {"when", "requires", "reason"}


class RulesError(ValueError):
    """Rules that must not be used: nothing is classified by a file that is not understood."""


@dataclass(frozen=True)
class Rule:
    """One rule; without `when` it matches every record of its dataset."""

    id: str
    dataset: str
    zone: str
    when: str | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleSet:
    """All rules, in order."""

    version: str
    rules: tuple[Rule, ...]

    def of(self, dataset: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.dataset == dataset]


@dataclass(frozen=True)
class Step:
    """One arm of a classification: records for which `when` is true (None: all that are left) get zone and rule id."""

    when: str | None
    zone: str
    rule_id: str


def parse(document: bytes | str) -> RuleSet:
    """Rules from JSON; raises `RulesError` with everything that is wrong with them."""
    try:
        content = json.loads(document)
    except ValueError as error:
        raise RulesError(f"rules are not JSON: {error}") from error
    if not isinstance(content, dict) or "version" not in content or not isinstance(content.get("rules"), list):
        raise RulesError("rules need a version and a list of rules")
    unknown = set(content) - {"version", "rules"}
    problems = [f"unknown entry {name!r}" for name in sorted(unknown)]
    for number, entry in enumerate(content["rules"], 1):
        problems += [f"rule {number}: {problem}" for problem in _problems(entry)]
    ids = [entry.get("id") for entry in content["rules"] if isinstance(entry, dict)]
    problems += [f"rule id {name!r} is used twice" for name in sorted({str(i) for i in ids if ids.count(i) > 1})]
    if problems:
        raise RulesError("; ".join(problems))
    return RuleSet(str(content["version"]), tuple(_rule(entry) for entry in content["rules"]))


def _problems(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["is not an object"]
    problems = [f"needs {name!r}" for name in sorted(_WANTED - set(entry))]
    problems += [f"unknown entry {name!r}" for name in sorted(set(entry) - _ALLOWED)]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", str(entry.get("id"))) or entry.get("id") == DEFAULT:
        problems.append(f"id {entry.get('id')!r}: lower case letters, digits, - and _, and not {DEFAULT!r}")
    if not re.fullmatch(r"[a-z0-9_]+", str(entry.get("dataset"))):
        problems.append(f"dataset {entry.get('dataset')!r} is not the name of a dataset")
    if entry.get("zone") not in ZONES:
        problems.append(f"zone {entry.get('zone')!r} is neither legacy nor secured")
    requires = entry.get("requires", [])
    if not isinstance(requires, list) or not all(isinstance(name, str) for name in requires):
        problems.append("'requires' is a list of column names")
    elif bool(entry.get("when")) != bool(requires):
        problems.append("'when' and 'requires' come together: a predicate and every column that it reads")
    if not isinstance(entry.get("when", ""), str):
        problems.append("'when' is a Spark SQL predicate")
    return problems


def _rule(entry: Mapping[str, Any]) -> Rule:
    requires = tuple(name.lower() for name in entry.get("requires", ()))
    return Rule(entry["id"], entry["dataset"], entry["zone"], entry.get("when") or None, requires)


def steps(rules: Sequence[Rule], columns: Sequence[str], applies: Callable[[Rule], bool]) -> list[Step]:
    """The arms for records with these columns; the last one takes all that is left.

    `applies` tells whether a rule's predicate can be applied to the columns that it requires.
    """
    present = {name.lower() for name in columns}
    arms: list[Step] = []
    for rule in rules:
        if rule.when is None:
            return [*arms, Step(None, rule.zone, rule.id)]
        if not present.issuperset(rule.requires) or not applies(rule):
            return [*arms, Step(None, SECURED, rule.id + NOT_APPLICABLE)]
        arms.append(Step(rule.when, rule.zone, rule.id))
    return [*arms, Step(None, SECURED, DEFAULT)]
