"""The second opinion on what a record is, against hand-made files whose answer is plain from the definition."""

import gzip
import json
from pathlib import Path

import pytest

from local.demo.reference import Count, count, count_file, dataset_of

DECISIONS = Path(__file__).resolve().parents[1] / "decisions"

CASES = {
    "lines": (b'{"a":1}\n{"a":2}\n', 2, 0),
    "lines without a last line feed": (b'{"a":1}\n{"a":2}', 2, 0),
    "blank lines are no records": (b'\n{"a":1}\n \t\r\n\n{"a":2}\n', 2, 0),
    "carriage returns": (b'{"a":1}\r\n{"a":2}\r\n', 2, 0),
    "a byte order mark": (b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', 2, 0),
    "an array": (b'[{"a":1},\n {"a":2}]', 2, 0),
    "an array with other things in it": (b'[{"a":1}, 2, null, "x", [], true, {}]', 2, 5),
    "an empty array": (b" [ ] \n", 0, 0),
    "a document": (b'{\n  "a": {\n    "b": [1, 2]\n  }\n}\n', 1, 0),
    "an empty object is a record": (b"{}", 1, 0),
    "nothing": (b"", 0, 0),
    "only white space": (b" \r\n\t\n", 0, 0),
    "only a byte order mark": (b"\xef\xbb\xbf", 0, 0),
    "lines that are no objects": (b'{"a":1}\n17\n"x"\nnull\n[1]\n', 1, 4),
    "a scalar": (b"17", 0, 1),
    "single quotes": (b"{'a':1}\n{\"a\":2}\n", 1, 1),
    "a trailing comma": (b'{"a":1}\n{"a":2,}\n', 1, 1),
    "not a number": (b'{"a":1}\n{"a":NaN}\n{"a":-Infinity}\n', 1, 2),
    "a comment": (b'{"a":1} // one\n{"a":2}\n', 1, 1),
    "two documents on a line": (b'{"a":1}\n{"a":2} {"a":3}\n', 1, 1),
    "a raw control character": (b'{"a":1}\n{"a":"\x01"}\n', 1, 1),
    "a line in Latin-1": (b'{"a":1}\n{"a":"caf\xe9"}\n', 1, 1),
    "a number with a leading zero": (b'{"a":1}\n{"a":01}\n', 1, 1),
    "the first line is broken": (b'{"a":\n{"a":1}\n{"a":2}\n{"a":3}\n', 3, 1),
    "every line is broken": (b"{'a':1}\n{'a':2}\n{'a':3}\n", 0, 3),
    "half a document": (b'{\n  "a": 1,\n  "b": [\n    {"c": 1},\n    {"c"', 0, 1),
    "half an array": (b'[\n{"a":1},\n{"a":2}\n', 0, 1),
    "an array with a bad element can't be parsed as a whole": (b'[\n{"a":1},\n{"a":NaN}\n]', 0, 1),
    "a document in Latin-1": (b'{\n"a": "caf\xe9"\n}', 0, 1),
    "UTF-16": ('{"a":1}\n'.encode("utf-16"), 0, 1),
    "text": (b"Dear all,\nplease find attached.\n", 0, 1),
    "a table of comma separated values": (b"a,b\n1,2\n", 0, 1),
    "half a surrogate pair is JSON": (b'{"a":"\\ud800"}', 1, 0),
    "repeated keys are JSON": (b'{"a":1,"a":2}', 1, 0),
    "a number of 5,000 digits is JSON": (b'{"a":' + b"1" * 5000 + b"}", 1, 0),
    "nested 900 deep": (b'{"a":' + b"[" * 899 + b"]" * 899 + b"}", 1, 0),
    "nested 1,200 deep": (b'{"a":' + b"[" * 1199 + b"]" * 1199 + b"}", 0, 1),
    "nested 100,000 deep": (b'{"a":' + b"[" * 99_999 + b"]" * 99_999 + b"}", 0, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_content_is_counted(name: str) -> None:
    data, records, quarantined = CASES[name]
    assert count(data) == Count(records, quarantined)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("whole.jsonl.gz", gzip.compress(b'{"a":1}\n{"a":2}\n'), Count(2, 0)),
        ("two members.gz", gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n'), Count(2, 0)),
        ("truncated.jsonl.gz", gzip.compress(b'{"a":1}\n' * 999)[:-9], Count(0, 1)),
        ("gzip all the same.json", gzip.compress(b'[{"a":1}]'), Count(1, 0)),
        ("plain all the same.json.gz", b'[{"a":1}]', Count(1, 0)),
        ("empty.gz", gzip.compress(b""), Count(0, 0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gzip_is_known_by_its_content(tmp_path: Path, name: str, data: bytes, expected: Count) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert count_file(path) == expected


@pytest.mark.parametrize("row", json.loads((DECISIONS / "dataset.json").read_text()), ids=lambda row: row["name"])
def test_datasets_are_named_as_the_pipeline_names_them(row: dict[str, str]) -> None:
    folder, slash, _ = row["key"].removeprefix(row["prefix"]).partition("/")
    in_folder = row["key"].startswith(row["prefix"]) and slash
    assert (dataset_of(folder) if in_folder else None) == row["expect"]
