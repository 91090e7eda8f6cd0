"""Which column a batch's values get, and how a record that doesn't fit is rewritten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui_etl.ingest import rewrite, shape, strict
from tui_etl.ingest.shape import MAX_COLUMNS, MAX_FIELDS, MAX_LEVELS, Shape, Type, column_name, decide, describe


def learn(*lines: str) -> Type:
    examiner, seen = strict.Examiner(), Shape()
    for line in lines:
        seen.see(examiner.examine(line.encode())[0])
    return decide(seen)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["true", "null"], {"type": "boolean"}),
        (["1", "-9223372036854775808", "9223372036854775807"], {"type": "long"}),
        (["1", "1.5", "9007199254740992", "-0", "1e2"], {"type": "double"}),
        (
            [
                "0.1",
                "1.10",
                "123456789.25",
                "4.9e-324",
                "1.7976931348623157e308",
                "0.10000000000000001",
                "12.50000000000000000000",
            ],
            {"type": "double"},
        ),
        (['"a"', '""', "null"], {"type": "string"}),
        (["1.5", "9007199254740993"], {"type": "json text"}),
        (["9223372036854775808"], {"type": "json text"}),
        (["0.1234567890123456789"], {"type": "json text"}),
        (["1e400"], {"type": "json text"}),
        (["1e-400"], {"type": "json text"}),
        (["1e" + "9" * 30], {"type": "json text"}),
        (["9" * 5000], {"type": "json text"}),
        (["1", '"a"'], {"type": "json text"}),
        (["true", "1"], {"type": "json text"}),
        (['{"x":1}', "[1]"], {"type": "json text"}),
        (['{"x":1}', '{"y":"a"}', "{}", "null"], {"x": {"type": "long"}, "y": {"type": "string"}}),
        (["{}"], {"_empty": {"type": "boolean"}}),
        (['{"x":null}'], {"_empty": {"type": "boolean"}}),
        (["[]", "[1]", "[null]", "[2.5]"], {"array": {"type": "double"}}),
        (["[]", "null", "[null]"], {"array": {"type": "string"}}),
        (['[1,"a"]'], {"array": {"type": "json text"}}),
        (['[{"x":1},{"x":"a"},{"X":[{}]}]'], {"array": {"x": {"type": "json text"}}}),
        (["[[1],[]]"], {"array": {"array": {"type": "long"}}}),
    ],
)
def test_values_and_their_column(values: list[str], expected: dict[str, Any]) -> None:
    lines = [f'{{"v":{value}}}' for value in values]
    assert describe(learn(*lines)) == {"v": expected}
    assert describe(learn(*reversed(lines))) == {"v": expected}


def test_what_is_always_null_has_no_column() -> None:
    assert describe(learn('{"a":null,"b":1}', "{}")) == {"b": {"type": "long"}}
    assert learn("{}").columns == []


def test_shapes_of_tasks_merge_into_what_one_task_would_have_seen() -> None:
    lines = ['{"a":1}', '{"a":{"b":[1]}}', '{"A":2.5,"c":[{"d":1}]}', '{"c":[{"d":"x","e":[]}]}', '{"a":null}']
    examiner, merged = strict.Examiner(), Shape()
    for line in lines:
        one = Shape()
        one.see(examiner.examine(line.encode())[0])
        merged.merge(one)
    assert describe(decide(merged)) == describe(learn(*lines))


def test_nesting_beyond_the_limit_is_kept_as_text() -> None:
    def nest(levels: int) -> str:
        return '{"a":' * levels + "1" + "}" * levels

    deepest: Any = describe(learn(nest(MAX_LEVELS + 1)))
    assert json.dumps(deepest).count('"a"') == MAX_LEVELS + 1
    kind = learn(nest(MAX_LEVELS + 40))
    assert json.dumps(describe(kind)).count("json text") == 1
    fitted, lossy = rewrite.rewrite(nest(MAX_LEVELS + 40), kind)
    assert lossy is False
    assert fitted.endswith(json.dumps(nest(40 - 1)) + "}" * (MAX_LEVELS + 1))


def test_an_object_with_too_many_keys_is_kept_as_text() -> None:
    keys = [f"k{number}" for number in range(MAX_FIELDS + 1)]
    one_by_one = [f'{{"m":{{"{key}":1}}}}' for key in keys]
    at_once = '{"m":{' + ",".join(f'"{key}":1' for key in keys) + "}}"
    assert describe(learn(*one_by_one)) == describe(learn(at_once)) == {"m": {"type": "json text"}}
    fitted, lossy = rewrite.rewrite(at_once, learn(at_once))
    assert json.loads(json.loads(fitted)["m"]) == json.loads(at_once)["m"]
    assert lossy is False


def test_columns_beyond_the_limit_are_rescued() -> None:
    lines = [f'{{"k{number}":1}}' for number in range(MAX_COLUMNS + 1)]
    kind = learn(*lines)
    assert len(kind.columns) == MAX_COLUMNS
    assert kind.plain is False
    assert rewrite.rewrite(lines[0], kind) == ('{"k0":1}', False)
    assert rewrite.rewrite(lines[-1], kind) == ("{}", True)


@pytest.mark.parametrize("key", ["a", "booking_id", "2024", "_x", "a" * 128])
def test_a_plain_key_is_its_columns_name(key: str) -> None:
    assert column_name(key) == key


def test_capitals_become_small() -> None:
    assert column_name("bookingId") == "bookingid"


ODD = [
    "",
    "a b",
    "a.b",
    "a=b",
    "a-b",
    "größe",
    "x" * 129,
    "x" * 300,
    "_file_id",
    "_RESCUED",
    "_rule_id",
    "_deleted",
    "\ud800",
    "😀",
]


def test_other_keys_get_names_of_their_own() -> None:
    names = [column_name(key) for key in ODD]
    assert len(set(names)) == len(ODD)
    for name in names:
        assert len(name) <= 128
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
        assert name == name.lower()
        assert name not in shape.RESERVED
    assert column_name("first name").startswith("first_name_")


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        (['{"a":1}'], '{"a":1,"a":2}', ('{"a":2}', True)),
        (['{"a":1}', '{"A":2}'], '{"A":3}', ('{"a":3}', False)),
        (['{"a":1}', '{"A":2}'], '{"A":3,"a":4}', ('{"a":4}', True)),
        (['{"a":1}', '{"a":"x"}'], '{"a":1.50}', ('{"a":"1.50"}', False)),
        (['{"a":1}', '{"a":"x"}'], '{"a":"x y"}', ('{"a":"x y"}', False)),
        (['{"a":1}', '{"a":"x"}'], '{"a":"1"}', ('{"a":"1"}', True)),
        (['{"a":1}', '{"a":"x"}'], '{"a":null}', ('{"a":null}', False)),
        (['{"a":1}', '{"a":"x"}'], '{"a":"null"}', ('{"a":"null"}', False)),
        (['{"a":1}', '{"a":"x"}'], '{"a":"[1}"}', ('{"a":"[1}"}', False)),
        (['{"a":1}', '{"a":"x"}'], '{"a":{"b":[1.0, "ü",null,true],"b":2}}', None),
        (['{"a":"x"}'], '{"a":"\\ud800"}', ('{"a":"\ufffd"}', True)),
        (['{"a":"x"}'], '{"\\ud800":1}', ("{}", True)),
        (['{"a":1}'], '{"a":1,"b":null}', ('{"a":1}', False)),
    ],
)
def test_a_record_is_rewritten_without_losing_anything(lines: list[str], line: str, expected: tuple | None) -> None:
    got = rewrite.rewrite(line, learn(*lines, line) if expected is None else learn(*lines))
    if expected is None:
        expected = (
            json.dumps({"a": '{"b":[1.0,"ü",null,true],"b":2}'}, ensure_ascii=False, separators=(",", ":")),
            False,
        )
    assert got == expected


def test_a_value_of_another_type_than_learned_is_rescued() -> None:
    assert rewrite.rewrite('{"a":"x","b":{}}', learn('{"a":1,"b":[1]}')) == ('{"a":null,"b":null}', True)


def test_half_a_surrogate_pair_inside_json_text_stays_escaped() -> None:
    kind = learn('{"a":1}', '{"a":"x"}')
    fitted, lossy = rewrite.rewrite('{"a":["\\ud800"]}', kind)
    assert (json.loads(fitted), lossy) == ({"a": '["\\ud800"]'}, False)


@pytest.mark.parametrize(
    ("line", "odd"),
    [
        ('{"a":1,"b":{"a":1}}', False),
        ('{"a":1,"a":1}', True),
        ('{"a":1,"A":1}', True),
        ('{"x":[{"b":{"a":1,"\\u0061":1}}]}', True),
        ('{"a":"\\ud83d\\ude00"}', False),
        ('{"a":"\\ud83d"}', True),
        ('{"a":["\\uDE00\\uD83D"]}', True),
        ('{"a":"\\\\ud83d"}', False),
        ('{"\\ud83d":1}', True),
        ('{"straße":1,"STRASSE":1}', False),
    ],
)
def test_what_is_odd_about_a_record(line: str, odd: bool) -> None:
    assert strict.Examiner().examine(line.encode())[1] is odd


def test_a_dataset_is_plain_while_spark_reads_it_exactly() -> None:
    assert learn('{"bookingId":1,"a b":{"c":[]},"e":{}}').plain
    assert not learn('{"a":1}', '{"a":"x"}').plain
    assert not learn('{"a":[{"x":1}]}', '{"a":[{"X":1}]}').plain
