"""The first reading of a part: how it is laid out, how many records it holds, and which of them need care."""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from tui_etl.ingest.records import BadFile, Layout, Opener, Part, elements, is_blank, line_blocks, read
from tui_etl.ingest.sniff import sniff
from tui_etl.ingest.strict import Examiner, Kind, NotARecord


@dataclass
class Found:
    """What was found in a part: how many records, and at which positions those are that need care.

    `odd` are records that must be rewritten. `error`: the whole file is quarantined, and counts as one record. `lines`:
    how many lines begin in the part; `bytes`: of records, unzipped; `oversized`: records larger than `MAX_RECORD`.
    """

    number: int
    start: int
    layout: Layout | None = None
    records: int = 0
    lines: int = 0
    bytes: int = 0
    oversized: int = 0
    bad: array[int] = field(default_factory=lambda: array("Q"))
    odd: array[int] = field(default_factory=lambda: array("Q"))
    error: str | None = None


def find(part: Part, open_content: Opener, examiner: Examiner, see: Callable[[Kind], object]) -> Found:
    """Read a part once: find out its layout if it isn't known, count and check its records, and `see` their kinds."""
    found = Found(part.number, part.start)
    try:
        found.layout = part.layout or sniff(open_content, examiner)
        if found.layout is Layout.ARRAY:
            _find_elements(found, open_content, examiner, see)
        elif found.layout is not None:
            _find_records(found, part, open_content, examiner, see)
    except (BadFile, EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = str(error) if isinstance(error, BadFile) else f"not a whole gzip file: {error}"
        return Found(part.number, part.start, records=1, error=reason)
    return found


def _find_records(
    found: Found, part: Part, open_content: Opener, examiner: Examiner, see: Callable[[Kind], object]
) -> None:
    if found.layout is Layout.DOCUMENT:
        for position, data in read(part, open_content, Layout.DOCUMENT):
            _count(found, position, data, examiner, see)
        return
    length = None if part.end is None else part.end - part.start
    with open_content() as stream:
        for lines in line_blocks(stream, length, part.start > 0):
            for position, data in lines:
                found.lines = position
                if data is None or not is_blank(data):
                    _count(found, position, data, examiner, see)


def _count(found: Found, position: int, data: bytes | None, examiner: Examiner, see: Callable[[Kind], object]) -> None:
    found.records += 1
    if data is None:
        found.bad.append(position)
        found.oversized += 1
        return
    found.bytes += len(data)
    try:
        kind, odd = examiner.examine(data)
    except NotARecord:
        found.bad.append(position)
        return
    see(kind)
    if odd:
        found.odd.append(position)


def _find_elements(found: Found, open_content: Opener, examiner: Examiner, see: Callable[[Kind], object]) -> None:
    with open_content() as stream:
        for position, (text, kind) in enumerate(elements(stream, examiner), 1):
            found.records += 1
            found.bytes += len(text)
            try:
                if examiner.check(kind, text):
                    found.odd.append(position)
            except NotARecord:
                found.bad.append(position)
                continue
            see(kind)
