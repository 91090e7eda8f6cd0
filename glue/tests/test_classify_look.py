"""Rules that look through columns and values, nested ones too, and what they keep out of legacy."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_etl.classify.rules import Rule, RulesError, RuleSet, parse
from tui_etl.classify.transform import OUTCOME, Params, applies, check, classify, plan, rows_of, transform, zones

COLUMNS = (
    "i int, vip boolean, remarks string, n bigint, d double, guest struct<name:string,passport_no:string>, "
    "parts array<struct<iban:string,more:array<string>>>, notes map<string,string>, "
    "_file_id string, _rescued string"
)
CARD = "4111 1111 1111 1111"
OPEN = {"id": "open", "dataset": "trips", "zone": "legacy"}


def rule_set(*rules: dict[str, Any]) -> RuleSet:
    return parse(json.dumps({"version": 1, "rules": rules}))


def secured(**asks: Any) -> dict[str, Any]:
    return {"id": "hide", "dataset": "trips", "zone": "secured"} | asks


def frame(spark, *records: dict[str, Any]) -> Any:
    names = [column.split(" ")[0] for column in re.split(", (?=[a-z_]+ )", COLUMNS)]
    return spark.createDataFrame(
        [tuple(({"i": i} | record).get(name) for name in names) for i, record in enumerate(records)], COLUMNS
    ).coalesce(1)


def ids(spark, rules: RuleSet, *records: dict[str, Any]) -> list[str]:
    """The rule that each of the records was classified by."""
    rows = transform(frame(spark, *records), Params("trips", rules)).collect()
    return [row._rule_id for row in sorted(rows, key=lambda row: row.i)]


def nested(iban: Any = None, *more: str) -> dict[str, Any]:
    return {"parts": [(None, []), (iban, list(more))]}


@pytest.mark.parametrize(
    ("columns", "record", "found"),
    [
        (["remarks"], {"remarks": ""}, True),
        (["REMARKS"], {"remarks": "x"}, True),
        (["remarks"], {"vip": True}, False),
        (["passport*"], {"guest": ("a", "x")}, True),
        (["passport*"], {"guest": ("a", None)}, False),
        (["guest.passport_no"], {"guest": ("a", "x")}, True),
        (["guest"], {"guest": (None, None)}, True),
        (["*iban"], nested("x"), True),
        (["parts.iban"], nested("x"), True),
        (["*iban"], nested(), False),
        (["*iban"], {"parts": None}, False),
        (["more"], {"parts": [None]}, False),
        (["nothing*"], {"remarks": "x"}, False),
        (["nothing*", "n"], {"n": 0}, True),
        (["passport*"], {"remarks": '{"guest":{"Passport No":"x"}}'}, True),
        (["passport*"], {"remarks": '[{"passport":null}]'}, False),
        (["passport*"], {"remarks": 'my "passport": x'}, False),
        (["passport*"], nested(None, '{"passport":"x"}'), True),
        (["passport*"], {"notes": {"passport": "x"}}, True),
        (["passport*"], {"notes": {"passport": None, "x": "passport"}}, False),
    ],
)
def test_a_rule_finds_columns_by_name_at_any_depth(spark, columns: list[str], record: dict[str, Any], found: bool):
    rules = rule_set(secured(columns=columns, any_not_null=True), OPEN)
    assert ids(spark, rules, record, {}) == ["hide" if found else "open", "open"]


@pytest.mark.parametrize(
    ("asks", "record", "found"),
    [
        ({"detect": ["card"]}, {"remarks": f"paid with {CARD}"}, True),
        ({"detect": ["card"]}, {"n": 4111111111111111}, True),
        ({"detect": ["card"]}, {"d": 4111111111111111.0}, True),
        ({"detect": ["card"]}, {"d": 0.4111111111111111}, False),
        ({"detect": ["card"]}, nested(None, "x", CARD), True),
        ({"detect": ["card"]}, {"remarks": "4.111111111111111E15"}, True),
        ({"detect": ["card"]}, {"remarks": '{"n":4.111111111111111e+15}'}, True),
        ({"detect": ["card"]}, {"remarks": "4.111111111111112E15"}, False),
        ({"detect": ["card"]}, {"remarks": "x4.111111111111111E15"}, False),
        ({"detect": ["card"]}, {"notes": {CARD: "x"}}, True),
        ({"detect": ["card"]}, {"notes": {"x": CARD}}, True),
        ({"detect": ["card"]}, {"_file_id": CARD}, False),
        ({"detect": ["email", "iban"]}, {"guest": ("a@b.de", None)}, True),
        ({"detect": ["email", "iban"]}, nested("DE89370400440532013000"), True),
        ({"detect": ["email"], "matches": "^x$"}, {"remarks": "x"}, True),
        ({"matches": "^x$"}, {"remarks": "xx"}, False),
        ({"matches": "(?i)tru"}, {"vip": True}, True),
        ({"detect": ["card"], "columns": ["remarks"]}, {"guest": (CARD, None)}, False),
        ({"detect": ["card"], "columns": ["guest"]}, {"guest": (None, CARD)}, True),
        ({"detect": ["card"], "columns": ["pass*"]}, {"guest": (CARD, None)}, False),
        ({"detect": ["card"], "columns": ["pass*"]}, {"remarks": f'{{"pass":"{CARD}"}}'}, True),
        ({"detect": ["card"], "columns": ["pass*"]}, {"remarks": f'{{"x":"{CARD}"}}'}, False),
    ],
)
def test_a_rule_finds_values_at_any_depth(spark, asks: dict[str, Any], record: dict[str, Any], found: bool) -> None:
    assert ids(spark, rule_set(secured(**asks), OPEN), record, {}) == ["hide" if found else "open", "open"]


def test_a_rule_for_many_datasets_takes_its_turn(spark) -> None:
    rules = rule_set(secured(dataset="tr*", detect=["card"]), OPEN, secured(id="late", dataset="*"))
    assert ids(spark, rules, {"remarks": CARD}, {}) == ["hide", "open"]
    assert [rule.id for rule in rules.of("others")] == ["late"]


@pytest.mark.parametrize(
    "asks",
    [
        {"columns": ["passport"], "any_not_null": True},
        {"columns": ["guest.iban"], "any_not_null": True},
        {"columns": ["nothing*"], "any_not_null": True, "requires": ["iban"]},
        {"columns": ["remark"], "detect": ["card"]},
    ],
)
def test_a_rule_whose_columns_are_missing_secures_what_gets_as_far_as_it(spark, asks: dict[str, Any]) -> None:
    assert ids(spark, rule_set(secured(**asks), OPEN), {}) == ["hide:not-applicable"]


def test_a_record_that_its_columns_cannot_tell_is_not_legacy_by_what_they_hold(spark) -> None:
    """The columns lack a value that only the whole text has, so that nothing was found in them."""
    rescued = {"_rescued": f'{{"remarks":"{CARD}","remarks":"x"}}', "remarks": "x"}
    predicate = OPEN | {"when": "remarks = 'x'", "requires": ["remarks"]}
    assert ids(spark, rule_set(secured(detect=["card"]), OPEN), rescued) == ["open:not-applicable"]
    assert ids(spark, rule_set(predicate), rescued) == ["open:not-applicable"]
    assert ids(spark, rule_set(OPEN | {"mask": {"remarks": None}}), rescued) == ["open:not-applicable"]
    assert ids(spark, rule_set(OPEN), rescued) == ["open"]


def test_a_zone_is_written_if_a_record_may_get_there(spark) -> None:
    rows = frame(spark)
    predicate = {"when": "vip", "requires": ["vip"]}
    for chosen, expected in (
        ([OPEN], {"legacy"}),
        ([OPEN | {"mask": {"n": None}}], {"legacy", "secured"}),
        ([OPEN | predicate, OPEN | {"id": "rest"}], {"legacy", "secured"}),
        ([secured(), OPEN], {"secured"}),
        ([], {"secured"}),
    ):
        assert zones(plan(rows, Params("trips", rule_set(*chosen)))) == expected


@pytest.mark.parametrize(
    ("asks", "problem"),
    [
        ({"matches": "(a"}, "here: rule 'hide': '\\(a' is not a regular expression"),
        ({"when": "a = ", "requires": ["a"]}, "here: rule 'hide': 'a = ' is not a Spark SQL predicate"),
    ],
)
def test_a_rule_that_spark_does_not_understand_is_refused(spark, asks: dict[str, Any], problem: str) -> None:
    check(spark, rule_set(secured(matches="(a)"), OPEN))
    with pytest.raises(RulesError, match=problem):
        check(spark, rule_set(OPEN, secured(**asks)), "here")


# Masks


def legacy(spark, mask: dict[str, Any], *records: dict[str, Any], salt: str = "salt") -> list[Any]:
    rules = rule_set(secured(when="vip", requires=["vip"]), OPEN | {"mask": mask})
    rows = frame(spark, *records)
    arms = plan(rows, Params("trips", rules))
    found = rows_of(classify(rows, arms, "1"), arms, "legacy", salt)
    assert OUTCOME not in found.columns and found.columns[: len(rows.columns)] == rows.columns
    return sorted(found.collect(), key=lambda row: row.i)


def test_masks_leave_no_more_than_they_say(spark) -> None:
    mask = {"remarks": "last_four", "n": "hash", "passport*": None, "parts.iban": "hash", "more": "last_four"}
    [one, none] = legacy(
        spark,
        mask,
        {
            "remarks": "4111111111111111",
            "n": 5,
            "d": 1.5,
            "guest": ("Jo", "P1"),
            **nested("DE1", "12345678", "123456789"),
        },
        {},
    )
    assert (one.remarks, one.d, one.guest.name, one.guest.passport_no) == ("****1111", 1.5, "Jo", None)
    assert one.n == hashlib.sha256(b"salt5").hexdigest()
    assert [(part.iban and len(part.iban), part.more) for part in one.parts] == [(None, []), (64, ["****", "****6789"])]
    assert (none.remarks, none.n, none.guest, none.parts) == (None, None, None, None)


def test_a_hash_depends_on_value_and_salt_alone(spark) -> None:
    records = [{"remarks": "5", "n": 5}, {"remarks": "6", "n": 5}]
    [one, two] = legacy(spark, {"remarks": "hash", "n": "hash"}, *records)
    assert one.remarks == one.n == two.n != two.remarks
    assert legacy(spark, {"n": "hash"}, *records, salt="other")[0].n != one.n


def test_the_mask_that_keeps_least_wins_and_reaches_inside(spark) -> None:
    record = {"guest": ("Jonathan Smith", "P1"), "remarks": "Jonathan Smith"}
    mask = {"guest": "last_four", "name": "hash", "*no": "null", "r*": "last_four"}
    [row] = legacy(spark, mask, record)
    assert (len(row.guest.name), row.guest.passport_no, row.remarks) == (64, None, "****mith")


def test_rows_of_a_rule_without_the_mask_keep_their_values(spark) -> None:
    bare = {"id": "bare", "dataset": "trips", "zone": "legacy", "when": "n > 5", "requires": ["n"]}
    rules = rule_set(bare, OPEN | {"mask": {"n": "hash", "guest": None}})
    rows = frame(spark, {"n": 6, "guest": ("a", None)}, {"n": 5, "guest": ("a", None)})
    arms = plan(rows, Params("trips", rules))
    classified = classify(rows, arms, "1")
    found = sorted(rows_of(classified, arms, "legacy", "salt").collect(), key=lambda row: row.i)
    assert [(row.n if row.i == 0 else len(row.n), row.guest and row.guest.name) for row in found] == [
        ("6", "a"),
        (64, None),
    ]
    assert rows_of(classified, arms, "secured", "salt").schema["n"].dataType.simpleString() == "bigint"


def test_what_cannot_be_masked_is_secured(spark) -> None:
    rows = frame(spark)
    for mask, applicable in {
        "gone": False, "gone*": True, "d": False, "notes": False, "vip": False, "guest": True, "parts": True,
    }.items():  # fmt: skip
        [rule] = rule_set(OPEN | {"mask": {mask: "hash"}}).rules
        assert applies(rows, rule) is applicable, mask
        [rule] = rule_set(OPEN | {"mask": {mask: None}}).rules
        assert applies(rows, rule) is (mask != "gone"), mask
    rules = rule_set(OPEN | {"mask": {"passport*": "hash"}})
    hiding = [{"remarks": '{"passport":"P1"}'}, {"notes": {"passport": "P1"}}, nested(None, '["x", {"passport" : 1}]')]
    assert ids(spark, rules, *hiding, {"remarks": "passport"}) == ["open:not-applicable"] * 3 + ["open"]


def test_the_salt_is_in_no_plan(spark) -> None:
    rows = frame(spark, {"remarks": "x"})
    rules = rule_set(OPEN | {"mask": {"remarks": "hash"}})
    arms = plan(rows, Params("trips", rules))
    found = rows_of(classify(rows, arms, "1"), arms, "legacy", "so very secret")
    assert (
        "so very secret" not in found._jdf.queryExecution().toString()
        and "sha2" in found._jdf.queryExecution().toString()
    )


# The property: whatever rules and records there are.

MARK = "Zq"  # begins what is told by nothing else
MARKS = st.integers(100_000_000, 999_999_999).map(lambda number: f"{MARK}{number}")
TEXTS = st.sampled_from(["", "x", CARD, "jo@example.com", "medic"]) | MARKS
BLOBS = st.dictionaries(st.sampled_from(["passport", "IBAN", "x"]), TEXTS | st.none(), max_size=2).map(json.dumps)
MAYBE = st.none() | TEXTS
RECORDS = st.fixed_dictionaries({
    "vip": st.sampled_from([True, False, None]),
    "remarks": MAYBE | BLOBS,
    "n": st.sampled_from([None, 1, 4111111111111111]),
    "guest": st.none() | st.tuples(MAYBE, MAYBE),
    "parts": st.none() | st.lists(st.none() | st.tuples(MAYBE, st.lists(MAYBE | BLOBS, max_size=2)), max_size=2),
    "notes": st.none() | st.dictionaries(st.sampled_from(["passport", "x"]), MAYBE, max_size=2),
    "_rescued": st.none() | st.builds(lambda mark: json.dumps({"guest": {"passport_no": mark}}), MARKS),
})  # fmt: skip
NAMES = ["passport*", "guest.*", "*iban", "remarks", "gone", "gone*", "notes"]
ASKS = st.one_of(
    st.builds(lambda name: {"columns": [name], "any_not_null": True}, st.sampled_from(NAMES)),
    st.builds(lambda name: {"columns": [name], "matches": "medic|4111"}, st.sampled_from(NAMES)),
    st.sampled_from([{"matches": "medic"}, {"detect": ["card"]}, {"detect": ["email"], "columns": ["name", "more"]}]),
    st.sampled_from([{"when": "vip", "requires": ["vip"]}, {"when": "gone = 1", "requires": ["gone"]}]),
)
LEGACY = st.builds(
    lambda when, mask: (
        {"zone": "legacy"} | ({"when": when, "requires": ["vip"]} if when else {}) | ({"mask": mask} if mask else {})
    ),
    st.sampled_from([None, "not vip", "vip is null", "vip"]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, "hash", "last_four"]), max_size=2),
)
RULES = st.lists(ASKS.map(lambda asks: {"zone": "secured"} | asks) | LEGACY, min_size=1, max_size=4)


def values(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a record, by path; what a text holds as JSON too."""
    yield path, thing
    if isinstance(thing, str) and thing[:1] in ("{", "["):
        thing = json.loads(thing)
    if isinstance(thing, dict):
        for name, inside in thing.items():
            yield from values(inside, f"{path}.{name.lower()}".lstrip("."))
    elif isinstance(thing, list):
        for inside in thing:
            yield from values(inside, path)


def named(record: dict[str, Any], pattern: str) -> list[Any]:
    """What a record has under such a name, and all inside."""
    if "." in pattern:
        chosen = [inside for path, inside in values(record) if fnmatch.fnmatchcase(path, pattern)]
    else:
        chosen = [inside for path, inside in values(record) if fnmatch.fnmatchcase(path.split(".")[-1], pattern)]
    return [one for inside in chosen for _, one in values(inside)]


def told(record: dict[str, Any], rule: Rule) -> bool:
    """Whether a rule matches, in plain Python; a rule that can't be asked is taken to match."""
    if "gone" in (*rule.columns, *rule.requires):
        return True
    if rule.when:
        return {"vip": record["vip"] is True, "not vip": record["vip"] is False, "vip is null": record["vip"] is None}[
            rule.when
        ]
    looked = (
        [one for name in rule.columns for one in named(record, name)]
        if rule.columns
        else [v for _, v in values(record)]
    )
    if rule.any_not_null:
        return any(one is not None for one in looked)
    texts = [str(one) for one in looked if isinstance(one, str | int) and not isinstance(one, bool)]
    if rule.matches:
        return any(re.search(rule.matches, text) for text in texts)
    return any(("4111" if "card" in rule.detect else "@") in text for text in texts)


@settings(max_examples=15, deadline=None)
@given(RULES, st.lists(RECORDS, min_size=20, max_size=20))
def test_nothing_that_a_secured_rule_matches_is_in_legacy_by_a_later_rule_or_unmasked(spark, chosen, records) -> None:
    rules = rule_set(*({"id": f"r{i}", "dataset": "trips"} | rule for i, rule in enumerate(chosen)))
    rows = frame(spark, *records)
    arms = plan(rows, Params("trips", rules))
    classified = classify(rows, arms, "1")
    for row in rows_of(classified, arms, "legacy", "salt").collect():
        place = [rule.id for rule in rules.rules].index(row._rule_id)
        rule, record = rules.rules[place], plain(records[row.i])
        assert rule.zone == "legacy"
        assert not [before.id for before in rules.rules[:place] if told(record, before)], (record, chosen)
        hidden = [one for name, _ in rule.mask for one in named(record, name) if isinstance(one, str) and MARK in one]
        seen = [one for path, one in values(record) if isinstance(one, str) and not masked(path, rule)]
        left = json.dumps(row.asDict(recursive=True))
        assert not [one for one in hidden if one not in seen and one in left], (record, chosen, left)
    kept = rows_of(classified, arms, "secured").count() + rows_of(classified, arms, "legacy", "salt").count()
    assert kept == len(records)


def masked(path: str, rule: Rule) -> bool:
    parents = [".".join(path.split(".")[: i + 1]) for i in range(path.count(".") + 1)]
    return any(
        fnmatch.fnmatchcase(parent if "." in name else parent.split(".")[-1], name)
        for name, _ in rule.mask
        for parent in parents
    )


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record as its JSON was."""
    guest = dict(zip(["name", "passport_no"], record["guest"], strict=True)) if record["guest"] else None
    parts = [part and {"iban": part[0], "more": part[1]} for part in record["parts"] or []]
    return record | {"guest": guest, "parts": parts if record["parts"] is not None else None}
