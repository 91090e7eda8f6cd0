"""`python -m local.demo.hostile`: each odd input of docs/ingest.md as files, for `make demo INPUT=target/hostile`.

Each case has a name, by which the page's tables and the tests of Glue 1 know it, and one or more files. In the folder a
few datasets hold them all, one folder a case below its dataset's; so a demo makes few tables of them.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000
LONG_KEY = "k" * 300
LARGE, WIDE = "one line of 200 MB", "2,001 keys"


@dataclass(frozen=True)
class Odd:
    """One odd input: the dataset that shows it in a demo, and the content of its files by their names."""

    dataset: str
    files: dict[str, bytes]


def _lines(dataset: str, *lines: str | bytes) -> Odd:
    content = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    return Odd(dataset, {"a.jsonl": content})


def nested(levels: int) -> str:
    """A record that is nested so deep, itself included."""
    return '{"a":' + "[" * (levels - 1) + "1" + "]" * (levels - 1) + "}"


CASES: dict[str, Odd] = {
    # keys
    "keys that differ in case": _lines("odd keys", '{"Id":1}', '{"ID":2}', '{"id":3}'),
    "two spellings of a key in one record": _lines("odd keys", '{"id":1,"ID":2}'),
    "a repeated key": _lines("odd keys", '{"a":1,"a":2}', '{"a":3}'),
    "an empty key": _lines("odd keys", '{"":1}'),
    "keys with a dot, a space, an equals sign": _lines("odd keys", '{"a.b":1,"b c":2,"k=v":3}'),
    "a key of 300 characters": _lines("odd keys", f'{{"{LONG_KEY}":1}}'),
    "keys beyond ASCII": _lines("odd keys", '{"größe":1,"日":2}'),
    "a key with the name of a lineage column": _lines("odd keys", '{"_file_id":"mine"}'),
    "keys with the names of Iceberg's own columns": _lines("odd keys", '{"_deleted":true,"_file":"f"}'),
    "a nested object with a card's number as a key": _lines("odd keys", '{"seats":{"4111111111111111":"12A"}}'),
    "a key that is a card's number": _lines("odd keys", '{"4111 1111 1111 1111":"12A","b":2}'),
    "a key that is half a surrogate pair": _lines("odd keys", '{"\\ud83d":1,"b":2}'),
    # values
    "nested 100 deep": _lines("odd values", nested(100)),
    "nested beyond 1,000 levels": _lines("odd values", '{"a":1}', nested(1200)),
    "integers beyond 64 bits": _lines("odd values", '{"n":9223372036854775808}', '{"n":1}'),
    "a number beyond a double": _lines("odd values", '{"n":0.1234567890123456789}', '{"n":1e400}'),
    "NaN and Infinity": _lines("odd values", '{"n":1}', '{"n":NaN}', '{"n":-Infinity}'),
    "half a surrogate pair": _lines("odd values", '{"a":"x\\ud83d"}', '{"a":"\\ud83d\\ude00"}'),
    "a field of several types": _lines("odd values", '{"v":1.50}', '{"v":"x"}', '{"v":{"a":[true]}}'),
    "a string that reads like JSON, in such a field": _lines("odd values", '{"v":1}', '{"v":"1"}'),
    "only nulls": _lines("odd values", '{"a":null}'),
    "an object without keys": _lines("odd values", "{}"),
    "a nested object of 1,001 keys": _lines(
        "odd values", '{"m":{' + ",".join(f'"k{number}":{number}' for number in range(1001)) + "}}"
    ),
    WIDE: _lines("odd width", "{" + ",".join(f'"k{number}":{number}' for number in range(2001)) + "}"),
    # what is no strict JSON
    "single quotes, comments, trailing commas": _lines(
        "odd syntax", '{"a":1}', "{'a':2}", '{"a":3} // c', '{"a":4,}', '{"a":05}', '{"a":"\t"}'
    ),
    "two documents on a line": _lines("odd syntax", '{"a":1}', '{"a":2} {"a":3}'),
    "lines that are no objects": _lines("odd syntax", '{"a":1}', "17", '"x"', "null", "[1]"),
    "elements that are no objects": Odd("odd syntax", {"a.json": b'[{"a":1}, 5,\n null]'}),
    "an array with a broken element": Odd("odd syntax", {"a.json": b'[{"a":1}, {"a":NaN}]'}),
    "half a document": Odd("odd syntax", {"a.json": b'{\n "a": 1,\n "b": [\n'}),
    "half an array": Odd("odd syntax", {"a.json": b'[\n{"a":1},\n{"a":2}\n'}),
    "no JSON at all": Odd("odd syntax", {"table.csv": b"a,b\n1,2\n"}),
    # encodings
    "a byte order mark": Odd("odd encodings", {"a.jsonl": b'\xef\xbb\xbf{"a":1}\n{"a":2}\n'}),
    "a byte order mark in the middle": _lines("odd encodings", '{"a":1}', b'\xef\xbb\xbf{"a":2}'),
    "carriage returns": Odd("odd encodings", {"a.jsonl": b'{"a":1}\r\n\r\n{"a":2}\r\n'}),
    "UTF-16": Odd("odd encodings", {"a.json": '\ufeff{"a":1}\n'.encode("utf-16-le")}),
    "a line in Latin-1": _lines("odd encodings", '{"a":"café"}', b'{"a":"caf\xe9"}'),
    "a document in Latin-1": Odd("odd encodings", {"a.json": b'{\n"a": "caf\xe9"\n}'}),
    # files
    "an empty file": Odd("odd files", {"a.json": b""}),
    "a blank file": Odd("odd files", {"a.json": b" \r\n\t\n"}),
    "an empty array": Odd("odd files", {"a.json": b"[ ]\n"}),
    "a truncated gzip file": Odd("odd files", {"a.jsonl.gz": gzip.compress(b'{"a":1}\n' * 1000, mtime=0)[:-9]}),
    "gzip that isn't called so": Odd("odd files", {"a.json": gzip.compress(b'{"a":1}', mtime=0)}),
    "called gzip and isn't": Odd("odd files", {"a.json.gz": b'{"a":1}'}),
    "gzip files laid end to end": Odd(
        "odd files", {"a.gz": gzip.compress(b'{"a":1}\n', mtime=0) + gzip.compress(b'{"a":2}\n', mtime=0)}
    ),
    "gzip in gzip": Odd("odd files", {"a.gz": gzip.compress(gzip.compress(b'{"a":1}', mtime=0), mtime=0)}),
    # from one file to the next
    "equal records": Odd("odd drift", {"1.jsonl": b'{"a":1}\n{"a":1}\n', "2.jsonl": b'{"a":1}\n'}),
    "a new field in a later file": Odd("odd drift", {"1.jsonl": b'{"a":1}\n', "2.jsonl": b'{"a":2,"b":true}\n'}),
    "a field that is missing later": Odd("odd drift", {"1.jsonl": b'{"a":1,"b":"x"}\n', "2.jsonl": b'{"a":2}\n'}),
    "whole numbers that become fractions": Odd("odd drift", {"1.jsonl": b'{"n":1}\n', "2.jsonl": b'{"n":2.5}\n'}),
    "a field that becomes another type": Odd("odd drift", {"1.jsonl": b'{"t":1}\n', "2.jsonl": b'{"t":[1]}\n'}),
}


def large() -> Odd:
    """A line that is too large for a record, between two that aren't: made when asked for."""
    return Odd("odd size", {"a.jsonl": b'{"a":1}\n{"a":"' + b"x" * (200 * MEGABYTE) + b'"}\n{"a":2}\n'})


#: What a demo shows without anyone having to wait: a table of 2,000 columns takes Glue 3 minutes.
QUICK = {name: case for name, case in CASES.items() if name != WIDE}


def files(cases: dict[str, Odd] = QUICK) -> dict[str, bytes]:
    """The content of all files by their path below the folder."""
    return {
        f"{case.dataset}/{folder_of(name)}/{file}": content
        for name, case in cases.items()
        for file, content in case.files.items()
    }


def folder_of(name: str) -> str:
    """A case's name as that of a folder, whatever system the folder is on."""
    return re.sub(r"[^\w ,.-]", "", name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.demo.hostile", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("target/hostile"), help="folder that is written anew")
    parser.add_argument("--all", action="store_true", help=f"also {LARGE}, and {WIDE}, which take their time")
    arguments = parser.parse_args()
    if arguments.out.exists() and not (arguments.out / "odd keys").is_dir() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} holds something else: name a folder that is new, or one that this wrote")
    shutil.rmtree(arguments.out, ignore_errors=True)
    cases = CASES | {LARGE: large()} if arguments.all else QUICK
    for name, content in files(cases).items():
        path = arguments.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(files(cases))} files in {arguments.out}; and now: make demo INPUT={arguments.out}")


if __name__ == "__main__":
    main()
