"""Blocks that Arrow reads: only strict records, each value as it was written, or none of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from corpus import BROKEN, Author
from hypothesis import given, settings
from hypothesis import strategies as st
from json_oracle import is_object

from tui_etl.ingest import guess, rows, shape, strict
from tui_etl.ingest.columnar import Reader
from tui_etl.ingest.find import Record


def reader(*lines: bytes) -> Reader:
    seen = guess.of_lines(b"\n".join(lines), strict.Examiner())
    return Reader(shape.decide(seen), seen)


def taken(reader: Reader, *lines: bytes) -> list[dict[str, Any]] | None:
    columns = reader.take(b"\n".join(lines), len(lines))
    if columns is None:
        return None
    names = [column.name for column in reader.kind.columns]
    return pa.RecordBatch.from_arrays(columns, names).to_pylist()


TYPES = [b"1", b"1.5", b'"x"', b"true", b"[1.5]", b'{"a":1}', b'["x",1]']


@pytest.mark.parametrize("piece", BROKEN)
@pytest.mark.parametrize("value", TYPES)
def test_what_the_grammar_refuses_is_never_taken(piece: bytes, value: bytes) -> None:
    good = b'{"a":' + value + b"}"
    assert taken(reader(good), good) is not None or value == b'["x",1]'
    for lines in ([piece], [good, piece], [piece, good], [good, piece, good]):
        assert taken(reader(good), *lines) is None
    assert taken(reader(good), good + b" " + piece + b" " + good) is None


@pytest.mark.parametrize(
    ("learned", "line"),
    [
        (b'{"a":1.5}', b'{"a":0.12345678901234567890}'),
        (b'{"a":1.5}', b'{"a":9007199254740993}'),
        (b'{"a":1.5}', b'{"a":1e400}'),
        (b'{"a":1.5}', b'{"a":1e-400}'),
        (b'{"a":[1.5]}', b'{"a":[NaN]}'),
        (b'{"a":1}', b'{"a":9223372036854775808}'),
        (b'{"a":1}', b'{"a":1,"a":2}'),
        (b'{"a":1}', b'{"a":null,"\\u0061":null}'),
        (b'{"a":1}', b'{"a":1,"b":null}'),
        (b'{"a":"x"}', b'{"a":"\\ud83d"}'),
        (b'{"a":"x"}', b'{"a":"\xed\xa0\x80"}'),
        (b'{"a":"x"}\n{"a":1}', b'{"a":"1"}'),
        (b'{"a":{"b":1}}', b'{"a":{"b":1,"c":2}}'),
        (b'{"a":{}}', b'{"a":{"_empty":true}}'),
        (b'{"a":1}', b"{} null {}"),
    ],
)
def test_a_block_that_would_lose_something_is_left(learned: bytes, line: bytes) -> None:
    assert taken(reader(learned), line) is None


def test_values_on_several_lines_never_make_up_for_several_on_one() -> None:
    assert taken(reader(b'{"a":[{}]}'), b'{"a":[{}', b",{}]}", b"{}{}") is None


def test_a_wide_integer_is_noted_for_the_type_of_the_whole_dataset() -> None:
    one = reader(b'{"a":1,"b":0.5}')
    assert taken(one, b'{"a":9007199254740993,"b":0.25}') == [{"a": 9007199254740993, "b": 0.25}]
    assert one.shape.fields["a"].kinds == {"long", "wide"}


@settings(max_examples=600, deadline=None)
@given(st.integers(), st.booleans(), st.floats(0, 0.3))
def test_what_is_taken_is_what_was_written(seed: int, tame: bool, broken: float) -> None:
    author = Author(seed, tame)
    known = [author.record() for _ in range(6)]
    lines = [author.random.choice(known).strip(b" \t\r") for _ in range(3)]
    if author.random.random() < broken:
        lines[-1] = author.broken()
    got = taken(reader(*known), *lines)
    if got is None:
        return
    for line, row in zip(lines, got, strict=True):
        assert is_object(line)
        for key, value in json.loads(line, parse_float=Decimal).items():
            if value is not None:
                assert _same(row[shape.column_name(key)], value)


def test_most_tame_blocks_are_taken() -> None:
    lines = [Author(seed, tame=True).record() for seed in range(200)]
    assert taken(reader(*lines), *lines) is not None


def _same(column: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return all(inner is None or _same(column[shape.column_name(key)], inner) for key, inner in value.items())
    if isinstance(value, list):
        return len(column) == len(value) and all(map(_same, column, value))
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Decimal(repr(column)) == value
    return column == value and type(column) is type(value)


def test_what_arrow_could_not_read_after_all_is_rescued_not_lost() -> None:
    seen = guess.of_lines(b'{"a":true}', strict.Examiner())
    one = rows.Rows(seen, rows.Target("file:///nowhere", "jr_1", "3.5.6"))
    kind, _ = strict.Examiner().examine(b'{"a":true}')
    one.keep([Record(number, b'{"a":%d}' % number, kind, False) for number in (1, 2)])
    (first, second) = one.file.held
    assert [batch.column("a").to_pylist() for batch in (first, second)] == [[None], [None]]
    assert [batch.column(shape.RESCUED).to_pylist() for batch in (first, second)] == [['{"a":1}'], ['{"a":2}']]
