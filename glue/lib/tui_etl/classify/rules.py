"""The rules of `contracts/classification.yaml`, and what they come to for records with given columns.

Whatever is unknown is secured: a record that no rule matches, and a record that gets as far as a rule that can't be
applied to it (a column that the rule names is missing, or has a type that the rule can't read).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui_etl.classify import patterns

LEGACY, SECURED = "legacy", "secured"
ZONES = (LEGACY, SECURED)
#: `_rule_id` of a record that no rule matched.
DEFAULT = "default"
#: Added to the id of a rule that could not be applied, where it secured a record.
NOT_APPLICABLE = ":not-applicable"

DETECTORS = ("card", "iban", "email", "phone")
#: Masks, from the one that keeps most to the one that keeps least.
LAST_FOUR, HASH, NULL = MASKS = ("last_four", "hash", "null")

_WANTED = {"id", "dataset", "zone"}
_ALLOWED = _WANTED | {"reason", "when", "requires", "columns", "any_not_null", "detect", "matches", "mask"}


class RulesError(ValueError):
    """Rules that must not be used: nothing is classified by a file that is not understood."""


@dataclass(frozen=True)
class Rule:
    """One rule; one that asks nothing matches every record of its dataset.

    It asks one of these: a predicate (`when`); whether one of `columns` is there (`any_not_null`); what the values in
    `columns`, or in all columns, look like (`detect`, `matches`). `mask`: what to do to columns, by pattern.
    """

    id: str
    dataset: str
    zone: str
    when: str | None = None
    requires: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    any_not_null: bool = False
    detect: tuple[str, ...] = ()
    matches: str | None = None
    mask: tuple[tuple[str, str], ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it depends on what a record holds."""
        return bool(self.when or self.any_not_null or self.detect or self.matches)

    @property
    def named(self) -> list[str]:
        """The columns that must be there: what a pattern may find need not."""
        chosen = [*self.columns, *(pattern for pattern, _ in self.mask)]
        return [pattern for pattern in chosen if not patterns.is_search(pattern)]


@dataclass(frozen=True)
class RuleSet:
    """All rules, in order."""

    version: str
    rules: tuple[Rule, ...]

    def of(self, dataset: str) -> list[Rule]:
        return [rule for rule in self.rules if patterns.matches_name(rule.dataset, dataset)]

    @property
    def hashes(self) -> bool:
        """Whether any rule needs the salt."""
        return any(how == HASH for rule in self.rules for _, how in rule.mask)


@dataclass(frozen=True)
class Step:
    """One arm of a classification: what `when` matches (None: all that is left) gets zone, rule id and masks."""

    when: Rule | None
    zone: str
    rule_id: str
    mask: tuple[tuple[str, str], ...] = ()


def parse(document: bytes | str, source: str = "rules") -> RuleSet:
    """Rules from JSON; raises `RulesError` with the name of the `source` and everything that is wrong with it."""
    try:
        content = json.loads(document)
    except ValueError as error:
        raise RulesError(f"{source}: not JSON: {error}") from error
    problems = list(_file_problems(content))
    if problems:
        raise RulesError(f"{source}: {'; '.join(problems)}")
    return RuleSet(str(content["version"]), tuple(_rule(entry) for entry in content["rules"]))


def steps(rules: Sequence[Rule], columns: Sequence[str], applies: Callable[[Rule], bool]) -> list[Step]:
    """The arms for records with these columns; the last one takes all that is left.

    `applies` tells whether a rule can be applied to the columns that are there.
    """
    present = {name.lower() for name in columns}
    arms: list[Step] = []
    for rule in rules:
        if not present.issuperset(rule.requires) or not applies(rule):
            return [*arms, Step(None, SECURED, rule.id + NOT_APPLICABLE)]
        arms.append(Step(rule if rule.asks else None, rule.zone, rule.id, rule.mask))
        if not rule.asks:
            return arms
    return [*arms, Step(None, SECURED, DEFAULT)]


def refuse_masked_keys(rules: RuleSet, keys: Mapping[str, Sequence[str]], source: str = "rules") -> None:
    """Raises `RulesError` if a rule masks a column by which its dataset's records are told apart or ordered.

    A record that becomes secured leaves the legacy table by its key, which must be the same in both.
    """
    for rule in rules.rules:
        for column in keys.get(rule.dataset, ()):
            if any(patterns.matches(pattern, column) for pattern, _ in rule.mask):
                raise RulesError(f"{source}: rule {rule.id!r} masks {column!r}, by which {rule.dataset} is merged")


def _file_problems(content: Any) -> Iterator[str]:
    if not isinstance(content, dict) or "version" not in content or not isinstance(content.get("rules"), list):
        yield "needs a version and a list of rules"
        return
    if not isinstance(content["version"], int | str) or isinstance(content["version"], bool):
        yield "'version' is a number or a text"
    yield from (f"unknown entry {name!r}" for name in sorted(set(content) - {"version", "rules"}))
    ids = [entry.get("id") for entry in content["rules"] if isinstance(entry, dict)]
    for number, entry in enumerate(content["rules"], 1):
        name = f" ({entry['id']})" if isinstance(entry, dict) and "id" in entry else ""
        yield from (f"rule {number}{name}: {problem}" for problem in _problems(entry))
    yield from (f"rule id {name!r} is used twice" for name in sorted({str(i) for i in ids if ids.count(i) > 1}))


def _problems(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield "is not an object"
        return
    yield from (f"needs {name!r}" for name in sorted(_WANTED - set(entry)))
    yield from (f"unknown entry {name!r}" for name in sorted(set(entry) - _ALLOWED))
    if not _spelled(r"[a-z0-9][a-z0-9_-]*", entry.get("id")) or entry.get("id") == DEFAULT:
        yield f"id {entry.get('id')!r}: lower case letters, digits, - and _, and not {DEFAULT!r}"
    if entry.get("zone") not in ZONES:
        yield f"zone {entry.get('zone')!r} is neither legacy nor secured"
    if not _spelled(r"[a-z0-9_*?]+", entry.get("dataset")):
        yield f"dataset {entry.get('dataset')!r} is not the name of a dataset"
    elif entry.get("zone") == LEGACY and patterns.is_search(entry["dataset"]):
        yield f"dataset {entry['dataset']!r}: a legacy rule names the one dataset that it is for"
    if not isinstance(entry.get("reason", ""), str):
        yield "'reason' is a text"
    yield from _question_problems(entry)
    yield from _mask_problems(entry)


def _spelled(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _question_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    value_rule = bool({"detect", "matches"} & set(entry))
    for name in {"when", "matches"} & set(entry):
        if not isinstance(entry[name], str) or not entry[name]:
            yield f"{name!r} is a {'Spark SQL predicate' if name == 'when' else 'regular expression'}"
    for name in {"requires", "columns", "detect"} & set(entry):
        listed = entry[name]
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
            yield f"{name!r} is a list of {'detectors' if name == 'detect' else 'column names'}"
        elif name == "columns":
            yield from (f"column {one!r} is neither a name nor a pattern" for one in listed if not patterns.valid(one))
        elif name == "detect":
            yield from (f"detector {one!r} is none of {', '.join(DETECTORS)}" for one in listed if one not in DETECTORS)
    if entry.get("any_not_null", True) is not True:
        yield "'any_not_null' is true or left out"
    if sum(("when" in entry, "any_not_null" in entry, value_rule)) > 1:
        yield "asks one thing: 'when', or 'any_not_null', or 'detect' and 'matches'"
    if "when" in entry and "requires" not in entry or "requires" in entry and not ({"when", "columns"} & set(entry)):
        yield "'when' and 'requires' come together: a predicate and every column that it reads"
    if "any_not_null" in entry and "columns" not in entry:
        yield "'any_not_null' needs the 'columns' that it is about"
    if "columns" in entry and not value_rule and "any_not_null" not in entry:
        yield "'columns' needs 'any_not_null', 'detect' or 'matches'"
    if entry.get("zone") == LEGACY and (value_rule or "any_not_null" in entry):
        yield "columns and values are looked through for what is to be secured; a legacy rule says 'when'"


def _mask_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if "mask" not in entry:
        return
    if not isinstance(entry["mask"], dict) or not entry["mask"]:
        yield "'mask' is an object: column name or pattern, and how"
        return
    if entry.get("zone") != LEGACY:
        yield "'mask' is for what goes to legacy"
    for pattern, how in entry["mask"].items():
        if not patterns.valid(pattern):
            yield f"mask {pattern!r} is neither a column name nor a pattern"
        if how is not None and how not in MASKS:
            yield f"mask {pattern!r}: {how!r} is none of {', '.join(MASKS)}"


def _rule(entry: Mapping[str, Any]) -> Rule:
    def lower(name: str) -> tuple[str, ...]:
        return tuple(one.lower() for one in entry.get(name, ()))

    return Rule(
        entry["id"],
        entry["dataset"],
        entry["zone"],
        entry.get("when"),
        lower("requires"),
        lower("columns"),
        entry.get("any_not_null", False),
        tuple(entry.get("detect", ())),
        entry.get("matches"),
        tuple((pattern.lower(), NULL if how is None else how) for pattern, how in entry.get("mask", {}).items()),
    )
