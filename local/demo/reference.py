"""How many records a file holds: a second, deliberately plain opinion on what the jobs should find.

Strict JSON (RFC 8259), no Spark, a whole file in memory. Nothing is shared with the jobs, so that an error there can't
hide here. The rules are those of docs/ingest.md.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"
NAME_LIMIT = 240
RESERVED = "secured"
MAX_RECORD = 64 << 20
MAX_DEPTH = 1000
# The JSON scanner's recursion counts against Python's limit.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20 * MAX_DEPTH))


@dataclass(frozen=True)
class Count:
    """Records that are taken in, and records that go to quarantine."""

    records: int
    quarantined: int

    def __add__(self, other: Count) -> Count:
        return Count(self.records + other.records, self.quarantined + other.quarantined)


NOTHING, TAKEN, REFUSED = Count(0, 0), Count(1, 0), Count(0, 1)


def dataset_of(folder: str) -> str | None:
    """The table name that a folder's name becomes, or None if it can be none."""
    name = "".join(char if re.match(r"[a-z0-9_]", char) else "_" for char in folder.lower())[:NAME_LIMIT]
    return None if name == RESERVED or set(name) <= {"_"} else name


def count_file(path: Path) -> Count:
    """The records of a file as it lies on disk; gzip is known by its content, not by its name."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return REFUSED
    return count(data)


def count(data: bytes) -> Count:
    """The records of a file's (uncompressed) content."""
    data = data.removeprefix(BOM)
    if not data.strip(BLANKS):
        return NOTHING
    try:
        document = parse(data)
    except ValueError:
        return count_lines(data) if is_json_lines(data) else REFUSED
    if isinstance(document, dict) and len(data.strip(BLANKS)) > MAX_RECORD:
        return REFUSED
    if isinstance(document, list):
        return sum((record(element) for element in document), NOTHING)
    return record(document)


def record(value: Any) -> Count:
    return TAKEN if isinstance(value, dict) and depth(value) <= MAX_DEPTH else REFUSED


def is_json_lines(data: bytes) -> bool:
    """Whether content that is no single JSON text is meant as one record a line, rather than as a broken document."""
    lines = [line.strip(BLANKS) for line in data.split(b"\n") if line.strip(BLANKS)]
    first = lines[0]
    objects = sum(line[:1] == b"{" and is_json(line) for line in lines)
    if first[:1] == b"[":
        return closes(first) and len(lines) > 1
    if first[:1] == b"{":
        return closes(first) or (objects > 0 and 2 * objects >= len(lines) - 1)
    return is_json(first) or objects > 0


def closes(line: bytes) -> bool:
    """Whether a line closes all brackets that it opens, and its strings: then it does not go on in the next one."""
    depth = 0
    in_string = escaped = False
    for char in line.decode("latin-1"):
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        else:
            depth += (char in "[{") - (char in "]}")
    return depth <= 0 and not in_string


def count_lines(data: bytes) -> Count:
    total = NOTHING
    for line in data.split(b"\n"):
        if line.strip(BLANKS):
            try:
                total += record(parse(line)) if len(line) <= MAX_RECORD else REFUSED
            except ValueError:
                total += REFUSED
    return total


def is_json(data: bytes) -> bool:
    try:
        parse(data)
    except ValueError:
        return False
    return True


def parse(data: bytes) -> Any:
    """One JSON text, strictly; raises ValueError. Numbers are not evaluated: how big they are does not matter here."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, parse_int=str, parse_float=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def depth(value: Any) -> int:
    """How deeply objects and arrays are nested in a value."""
    deepest, rest = 0, [(value, 1)]
    while rest:
        inner, level = rest.pop()
        if isinstance(inner, dict | list):
            deepest = max(deepest, level)
            rest += [(part, level + 1) for part in (inner.values() if isinstance(inner, dict) else inner)]
    return deepest


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
