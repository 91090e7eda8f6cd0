"""What a file is, which of its pieces are records, and where they lie: without Spark."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from random import Random

import pytest
from corpus import BROKEN, Author
from hypothesis import given, settings
from hypothesis import strategies as st
from json_oracle import is_json, is_object

from tui_etl.ingest import find, records, sniff, strict
from tui_etl.ingest.find import Found
from tui_etl.ingest.records import Layout, Part

BLANK = b" \t\r\n"


def part(data: bytes, **more) -> Part:
    return Part(0, "a", "", len(data), data.startswith(records.GZIP), **more)


def look(data: bytes) -> Found:
    whole = part(data)
    return find.find(whole, records.opener(whole, lambda: io.BytesIO(data)), strict.Examiner(), Careful())


class Careful:
    """A receiver that has every record examined."""

    def take(self, positions: Sequence[int], block: bytes) -> bool:
        return False

    def keep(self, records: Sequence[find.Record]) -> None:
        pass


def pieces(data: bytes) -> list[tuple[int, bytes | None]]:
    found, whole = look(data), part(data)
    assert found.layout is not None
    return list(records.read(whole, records.opener(whole, lambda: io.BytesIO(data)), found.layout))


def outcome(data: bytes) -> tuple[str | None, int, list[int]]:
    found = look(data)
    return "whole" if found.error else found.layout, found.records, list(found.bad)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (None, 0, [])),
        (b" \r\n\t\n", (None, 0, [])),
        (b"\xef\xbb\xbf", (None, 0, [])),
        (b"[]", ("array", 0, [])),
        (b" [\n ] \n", ("array", 0, [])),
        (b'{"a":1}', ("lines", 1, [])),
        (b'{"a":1}\n{"a":2}', ("lines", 2, [])),
        (b'\xef\xbb\xbf{"a":1}\r\n\r\n{"a":2}\r\n', ("lines", 2, [])),
        (b'\n\n{"a":NaN}\n\n{"a":2}\n', ("lines", 2, [3])),
        (b'{"a":1}\n\xef\xbb\xbf{"a":2}', ("lines", 2, [2])),
        (b'{"a":1}\n{"a":"\xff"}\n{"a":2}', ("lines", 3, [2])),
        (b'{"a":1}{"a":2}\n{"a":3}', ("lines", 2, [1])),
        (b'{"a":1}\n\x0c\n', ("lines", 2, [2])),
        (b"1\n2\n3", ("lines", 3, [1, 2, 3])),
        (b"null", ("lines", 1, [1])),
        (b'[1]\n{"a":1}', ("lines", 2, [1])),
        (b'[{"a":NaN}]\n{"a":1}', ("lines", 2, [1])),
        (b"[1]\n[2]", ("lines", 2, [1, 2])),
        (b'garbage\n{"a":1}\n', ("lines", 2, [1])),
        (b'{"a":1\n{"a":2}\n{"a":3}', ("lines", 3, [1])),
        (b'{"a":"x\n{"a":2}', ("lines", 2, [1])),
        (b'{"a":1},\n{"a":2},\n', ("lines", 2, [1, 2])),
        (b'{\n "a": 1,\n "b": [\n  {}\n ]\n}\n', ("document", 1, [])),
        (b'[\n{"a":1},\n{"a":2}\n]', ("array", 2, [])),
        (b'[{"a":1}, 5, "x", null, [], {"b":[{}]}]', ("array", 6, [2, 3, 4, 5])),
        (b'\xef\xbb\xbf[{"a":1}]', ("array", 1, [])),
        (b'[{"a":NaN}]', ("whole", 1, [])),
        (b'[{"a":1},]', ("whole", 1, [])),
        (b'[{"a":1} {"a":2}]', ("whole", 1, [])),
        (b'[{"a":1}', ("whole", 1, [])),
        (b'[{"a":1}] x', ("whole", 1, [])),
        (b'[{"a":"\xff"}]', ("whole", 1, [])),
        (b'[\n{"a":1},\n{"a":2}\n', ("whole", 1, [])),
        (b'{\n "a": 1,\n "b": nope\n}', ("whole", 1, [])),
        (b'{"a": [\n{"b":1},\n{"b":2},\n', ("whole", 1, [])),
        (b'{\n "a": [\n  {}\n ],\n "b": nope\n}', ("whole", 1, [])),
        (b"a,b\n1,2\n", ("whole", 1, [])),
        (b"hello\nworld\n", ("whole", 1, [])),
        ('{"a":1}'.encode("utf-16"), ("whole", 1, [])),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ("whole", 1, [])),
    ],
)
def test_what_a_file_is_and_holds(data: bytes, expected: tuple) -> None:
    assert outcome(data) == expected
    assert outcome(gzip.compress(data)) == expected


@pytest.mark.parametrize("cut", [1, 4, 8, 12, 20])
def test_a_truncated_gzip_file_is_bad_as_a_whole(cut: int) -> None:
    data = gzip.compress(b'{"a":1}\n' * 1000)
    found = look(data[:-cut])
    assert (found.records, found.layout) == (1, None)
    assert found.error is not None
    assert found.error.startswith("not a whole gzip file")


def test_a_damaged_gzip_file_is_bad_as_a_whole() -> None:
    data = bytearray(gzip.compress(Random(1).randbytes(1000) + b'{"a":1}\n' * 100))
    data[len(data) // 2] ^= 0xFF
    assert look(bytes(data)).error
    assert look(gzip.compress(b'{"a":1}') + b"rest").error
    assert look(records.GZIP).error


def test_gzip_files_laid_end_to_end_are_one_file() -> None:
    assert outcome(gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n')) == ("lines", 2, [])


def test_gzip_in_gzip_is_no_json() -> None:
    assert outcome(gzip.compress(gzip.compress(b'{"a":1}')))[0] == "whole"


def test_pieces_keep_their_bytes_and_positions() -> None:
    assert pieces(b'\xef\xbb\xbf\n{"a":1}\r\n \n{"b":\xff}') == [(2, b'{"a":1}\r'), (4, b'{"b":\xff}')]
    assert pieces('[ {"ä": 1.10 } ,\n5]'.encode()) == [(1, '{"ä": 1.10 }'.encode()), (2, b"5")]
    assert pieces(b'\n{\n"a": 1}\n') == [(1, b'{\n"a": 1}')]


@pytest.mark.parametrize("depth", [1, 100, strict.MAX_DEPTH - 1])
def test_deep_nesting_is_a_record_up_to_the_limit(depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        data = f'{{"a":{opening * depth}1{closing * depth}}}'.encode()
        assert outcome(data) == ("lines", 1, [])


@pytest.mark.parametrize("depth", [strict.MAX_DEPTH, 10_000, 200_000])
def test_deeper_nesting_is_a_bad_record(depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        data = f'{{"a":{opening * depth}1{closing * depth}}}\n{{}}'.encode()
        assert outcome(data) == ("lines", 2, [1])


def test_a_number_of_any_length_is_a_record() -> None:
    assert outcome(b'{"a":' + b"1" * 10_000 + b"}") == ("lines", 1, [])
    assert outcome(b'{"a":1e' + b"9" * 10_000 + b"}") == ("lines", 1, [])


def test_a_line_beyond_the_limit_is_a_bad_record_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK", 64)
    data = b'{"a":1}\n{"a":"' + b"x" * 500 + b'"}\n{"a":2}\n{"a":"' + b"x" * 500
    lines = [line for some in records.line_blocks(io.BytesIO(data), limit=100) for line in some]
    assert lines == [(1, b'{"a":1}'), (2, None), (3, b'{"a":2}'), (4, None)]


def test_an_oversized_record_is_counted_as_such() -> None:
    found = look(b'{"a":1}\n{"a":"' + b"x" * records.MAX_RECORD + b'"}\n')
    assert (found.records, list(found.bad), found.oversized) == (2, [2], 1)


@pytest.mark.parametrize("piece", BROKEN)
def test_what_the_grammar_refuses_is_no_record(piece: bytes) -> None:
    assert not is_object(piece)
    found = look(b'{"first":1}\n' + piece + b"\n")
    assert list(found.bad) == [2]


@settings(max_examples=400, deadline=None)
@given(st.integers(), st.booleans())
def test_lines_are_records_just_when_the_grammar_says_so(seed: int, tame: bool) -> None:
    author = Author(seed, tame)
    lines = [author.record() if author.random.random() < 0.6 else author.broken() for _ in range(8)]
    lines = [b'{"first":1}', *(line for line in lines if line.strip(BLANK))]
    found = look(author.random.choice([b"\n", b"\r\n", b"\n\n", b"\n \t\n"]).join(lines))
    assert found.records == len(lines)
    assert len(found.bad) == sum(not is_object(line) for line in lines)


@settings(max_examples=400, deadline=None)
@given(st.integers())
def test_an_array_or_document_is_read_just_when_the_grammar_says_so(seed: int) -> None:
    author = Author(seed, tame=False)
    inner = [author.record() for _ in range(author.random.randint(1, 4))]
    if author.random.random() < 0.3:
        inner[-1] = author.broken()
    data = b"[\n" + b",\n".join(inner) + b"\n]"
    found = look(data)
    if is_json(data):
        assert found.layout is Layout.ARRAY
        assert found.records >= len(inner)
    else:
        assert (found.error is not None, found.records) == (True, 1)


@settings(max_examples=300, deadline=None)
@given(st.integers(), st.integers(1, 40))
def test_reading_in_blocks_of_any_size_makes_no_difference(seed: int, block: int) -> None:
    author = Author(seed, tame=False)
    inner = [author.record() for _ in range(4)]
    joined = author.random.choice([b"\n".join(inner), b"[" + b" ,".join(inner) + b"]", b"[1.5e3,-0.25,10, 2]"])
    expected = outcome(joined), pieces(joined)
    before = records.BLOCK
    records.BLOCK = block
    try:
        assert (outcome(joined), pieces(joined)) == expected
    finally:
        records.BLOCK = before


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=12), st.integers(1, 30), st.integers(1, 20))
def test_ranges_of_a_file_give_each_line_once(lines: list[bytes], size: int, block: int) -> None:
    data = b"\n".join(lines)
    whole = [line for some in records.line_blocks(io.BytesIO(data)) for line in some]
    before, got, first = records.BLOCK, [], 0
    records.BLOCK = block
    try:
        for start in range(0, len(data), size):
            stream = io.BytesIO(data[max(0, start - 1) :])
            mine = [
                line for some in records.line_blocks(stream, min(size, len(data) - start), start > 0) for line in some
            ]
            got += [(first + number, line) for number, line in mine]
            first += len(mine)
    finally:
        records.BLOCK = before
    assert got == whole


def test_only_what_is_json_lines_without_doubt_is_read_in_ranges() -> None:
    assert sniff.begins_with_lines(b'\xef\xbb\xbf\n {"a":[1]}\r\n{"a')
    for head in (b'{"a":1}', b'{"a":[\n', b"[1]\n", b"{\n", b"5\n", b'{"a":"\n'):
        assert not sniff.begins_with_lines(head)
