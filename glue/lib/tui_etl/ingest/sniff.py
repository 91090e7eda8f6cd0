"""What a staged file is: its content says so, whatever its name.

- Its first line that isn't blank closes every bracket that it opens: JSON Lines (an array on one line is an array);
- it begins with `[`: one array;
- it begins with `{`: one document; if it can't be parsed as one and at least half of its other lines are objects, then
  it is JSON Lines whose first line is broken;
- it begins with anything else: JSON Lines if that line is a JSON value, or any other line is an object;
- or else it is no JSON, and quarantined as a whole.
"""

from __future__ import annotations

import codecs
import re

from tui_etl.ingest.records import (
    BLANK,
    BLOCK,
    BOM,
    MAX_RECORD,
    BadFile,
    Layout,
    Opener,
    elements,
    is_blank,
    line_blocks,
)
from tui_etl.ingest.strict import Examiner, NotARecord


def sniff(open_content: Opener, examiner: Examiner) -> Layout | None:
    """The layout of a whole file; None if it is blank; raises `BadFile` if it is no JSON at all."""
    first = _first_line(open_content)
    if first is None:
        return None
    begins = first[:1]
    if begins == b"[":
        return _sniff_array(first, open_content, examiner)
    if begins == b"{":
        return Layout.LINES if closes(first) else _sniff_document(open_content, examiner)
    if _is_json(first, examiner) or _count_objects(open_content, examiner, 1)[0]:
        return Layout.LINES
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadFile("not JSON: UTF-16, not UTF-8")
    raise BadFile("not JSON: it begins with neither an object nor an array")


def _first_line(open_content: Opener) -> bytes | None:
    with open_content() as stream:
        for lines in line_blocks(stream):
            for _, data in lines:
                if data is None:
                    return _first_bytes(open_content)
                if not is_blank(data):
                    return data.strip(BLANK)
    return None


def _first_bytes(open_content: Opener) -> bytes:
    """The beginning of content whose first line is larger than a record may be."""
    with open_content() as stream:
        while block := stream.read(BLOCK):
            if not is_blank(block):
                return block.lstrip(BLANK)
    return b""


def _sniff_array(first: bytes, open_content: Opener, examiner: Examiner) -> Layout:
    try:
        with open_content() as stream:
            for _ in elements(stream, examiner):
                pass
    except BadFile:
        if not closes(first) or _is_only_line(open_content):
            raise
        return Layout.LINES
    return Layout.ARRAY


def _sniff_document(open_content: Opener, examiner: Examiner) -> Layout:
    with open_content() as stream:
        data = stream.read(MAX_RECORD + 1)
    if len(data) <= MAX_RECORD:
        try:
            examiner.examine(data.strip(BLANK))
        except NotARecord as error:
            reason = f"not JSON: {error}"
        else:
            return Layout.DOCUMENT
    else:
        reason = f"not JSON, or a document of more than {MAX_RECORD} bytes"
    objects, lines = _count_objects(open_content, examiner, None)
    if objects and 2 * objects >= lines - 1:
        return Layout.LINES
    raise BadFile(reason)


def _is_only_line(open_content: Opener) -> bool:
    with open_content() as stream:
        seen = 0
        for lines in line_blocks(stream):
            seen += sum(1 for _, data in lines if data is None or not is_blank(data))
            if seen > 1:
                return False
    return True


def _count_objects(open_content: Opener, examiner: Examiner, enough: int | None) -> tuple[int, int]:
    """How many lines are objects by themselves, of how many that aren't blank; stops at `enough` objects."""
    objects = seen = 0
    with open_content() as stream:
        for lines in line_blocks(stream):
            for _, data in lines:
                if data is not None and is_blank(data):
                    continue
                seen += 1
                objects += data is not None and data.lstrip(BLANK)[:1] == b"{" and _is_json(data, examiner)
                if objects == enough:
                    return objects, seen
    return objects, seen


def _is_json(line: bytes, examiner: Examiner) -> bool:
    try:
        text = line.decode().strip(" \t\r\n")
        return examiner.scan(text, 0)[1] == len(text)
    except (UnicodeDecodeError, NotARecord):
        return False


_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]|"')


def closes(line: bytes) -> bool:
    """Whether a line closes every bracket that it opens, strings aside: it is no first line of a longer value."""
    depth = 0
    for match in _BRACKETS.finditer(line):
        token = match.group()
        if token == b'"':
            return False
        depth += (token in b"[{") - (token in b"]}")
    return depth <= 0


def begins_with_lines(head: bytes) -> bool:
    """Whether a file of which this is the beginning is JSON Lines without doubt."""
    first, ended, _ = head.removeprefix(BOM).lstrip(BLANK).partition(b"\n")
    return bool(ended) and first[:1] == b"{" and closes(first)
