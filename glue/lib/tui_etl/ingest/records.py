"""Cutting a staged file into records, without ever holding more of it than one record and a block.

What a file is, its content says, whatever its name: gzip by its magic bytes; then

- its first line that isn't blank closes every bracket that it opens: JSON Lines (an array on one line is an array);
- it begins with `[`: one array;
- it begins with `{`: one document; if it can't be parsed as one and at least half of its other lines are objects, then
  it is JSON Lines whose first line is broken;
- it begins with anything else: JSON Lines if that line is a JSON value, or any other line is an object;
- or else it is no JSON, and quarantined as a whole.

A position is the number of a line (blank ones count), or of an element, from 1; 0 stands for the whole file.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, BinaryIO

from tui_etl.ingest.strict import Examiner, Kind, NotARecord

#: A record or document larger than this is quarantined.
MAX_RECORD = 64 << 20
BLOCK = 4 << 20
GZIP = b"\x1f\x8b"
BOM = codecs.BOM_UTF8
BLANK = b" \t\r\n"

#: What may follow an array's element in the same block.
_BEHIND_A_VALUE = frozenset(",] \t\r\n")

Opener = Callable[[], BinaryIO]
#: A piece of input that should be a record: its position and its bytes (None if larger than `MAX_RECORD`).
Piece = tuple[int, bytes | None]


class Layout(StrEnum):
    """How the records of a file are laid out."""

    LINES = "lines"
    ARRAY = "array"
    DOCUMENT = "document"


class BadFile(ValueError):
    """Why a file as a whole is quarantined."""


@dataclass
class Part:
    """A staged file, or a range of a large one in which whole lines begin."""

    number: int
    dataset: str
    uri: str
    size: int
    gzipped: bool
    start: int = 0
    end: int | None = None
    layout: Layout | None = None


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


def opener(part: Part, open_raw: Callable[[], Any]) -> Opener:
    """A function that opens a part's content from its beginning: unzipped, without a byte order mark."""

    def open_content() -> BinaryIO:
        raw = io.BufferedReader(_Raw(open_raw()), 1 << 20)
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), 1 << 20) if part.gzipped else raw
        if part.start == 0 and stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
        return stream

    return open_content


class _Raw(io.RawIOBase):
    """A body from the network as a raw stream."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.body.close()
        super().close()


def read(part: Part, open_content: Opener, layout: Layout) -> Iterator[Piece]:
    """Everything in a part that should be a record, when its layout is known."""
    with open_content() as stream:
        if layout is Layout.LINES:
            length = None if part.end is None else part.end - part.start
            for lines in line_blocks(stream, length, part.start > 0):
                yield from (piece for piece in lines if piece[1] is None or not is_blank(piece[1]))
        elif layout is Layout.DOCUMENT:
            yield 1, stream.read().strip(BLANK)
        else:
            for position, (text, _) in enumerate(elements(stream, Examiner()), 1):
                yield position, text.encode()


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but JSON's white space."""
    return not line.strip(BLANK)


def line_blocks(
    stream: BinaryIO, length: int | None = None, mid_file: bool = False, limit: int = MAX_RECORD
) -> Iterator[list[Piece]]:
    """All lines (number from 1, bytes without the LF), in lists of some; a line longer than `limit` comes as None.

    With a `length`, only lines that begin within the first `length` bytes. `mid_file`: the stream begins one byte
    early, and what precedes its first LF belongs to the part before.
    """
    number = 1
    begins = -1 if mid_file else 0  # where the pending line begins
    skipping = mid_file
    pending: list[bytes] = []
    held = 0
    while block := stream.read(BLOCK):
        *ended, rest = block.split(b"\n")
        lines: list[Piece] = []
        for piece in ended:
            whole = held + len(piece)
            if skipping:
                skipping = False
            else:
                if length is not None and begins >= length:
                    yield lines
                    return
                lines.append((number, (b"".join((*pending, piece)) if pending else piece) if whole <= limit else None))
                number += 1
            begins += whole + 1
            pending, held = [], 0
        held += len(rest)
        if rest and held <= limit and not skipping:
            pending.append(rest)
        yield lines
    if held and not skipping and (length is None or begins < length):
        yield [(number, b"".join(pending) if held <= limit else None)]


def elements(stream: BinaryIO, examiner: Examiner) -> Iterator[tuple[str, Kind]]:
    """The text and the kind of each element of a file that is one array; raises `BadFile` if it isn't one."""
    text = _Window(stream)
    text.expect("[")
    if text.next_char() == "]":
        text.position += 1
    else:
        while True:
            yield text.value(examiner)
            following = text.next_char()
            text.position += 1
            if following == "]":
                break
            if following != ",":
                raise BadFile("not JSON: an array without a comma or an end where one is due")
            text.next_char()
    if text.next_char():
        raise BadFile("not JSON: text after the end of the array")


class _Window:
    """The text of a stream from a position on, which moves."""

    _SPACE = re.compile(r"[ \t\r\n]*")

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.text = ""
        self.position = 0
        self.ended = False

    def more(self) -> None:
        """Read on: at least as much again as is held, so that a large value costs no more than twice its size."""
        block = self.stream.read(max(BLOCK, len(self.text) - self.position))
        self.ended = not block
        try:
            self.text = self.text[self.position :] + self.decoder.decode(block, final=self.ended)
        except UnicodeDecodeError:
            raise BadFile("not JSON: invalid UTF-8") from None
        self.position = 0

    def next_char(self) -> str:
        """The next character that isn't white space, without moving past it; empty at the end."""
        while True:
            match = self._SPACE.match(self.text, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.text) or self.ended:
                return self.text[self.position : self.position + 1]
            self.more()

    def expect(self, char: str) -> None:
        if self.next_char() != char:
            raise BadFile(f"not JSON: {char} is missing")
        self.position += 1

    def value(self, examiner: Examiner) -> tuple[str, Kind]:
        self.next_char()
        while True:
            try:
                kind, end = examiner.scan(self.text, self.position)
                if self.ended or self.text[end : end + 1] in _BEHIND_A_VALUE:  # else a number may go on
                    text = self.text[self.position : end]
                    self.position = end
                    return text, kind
            except NotARecord as error:
                if self.ended:
                    raise BadFile(f"not JSON: {error}") from None
            if len(self.text) - self.position > MAX_RECORD:
                raise BadFile(f"not JSON, or an element of more than {MAX_RECORD} bytes")
            self.more()


def find(part: Part, open_content: Opener, examiner: Examiner, see: Callable[[Kind], None]) -> Found:
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
    found: Found, part: Part, open_content: Opener, examiner: Examiner, see: Callable[[Kind], None]
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


def _count(found: Found, position: int, data: bytes | None, examiner: Examiner, see: Callable[[Kind], None]) -> None:
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


def _find_elements(found: Found, open_content: Opener, examiner: Examiner, see: Callable[[Kind], None]) -> None:
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
