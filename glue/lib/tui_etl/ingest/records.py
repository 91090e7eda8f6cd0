"""Cutting a staged file into records, without ever holding more of it than one record and a block.

A position is the number of a line (blank ones count), or of an element, from 1; 0 stands for the whole file.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    """A staged file, or a range of a large one in which whole lines begin; `first` lines of the file precede it."""

    number: int
    dataset: str
    uri: str
    size: int
    gzipped: bool
    start: int = 0
    end: int | None = None
    layout: Layout | None = None
    first: int = 0

    @property
    def length(self) -> int | None:
        """How many bytes of it are in the range, if it is one."""
        return None if self.end is None else self.end - self.start


def opener(part: Part, open_raw: Callable[[], Any]) -> Opener:
    """A function that opens a part's content from its beginning: unzipped, without a byte order mark."""

    def open_content() -> BinaryIO:
        raw = io.BufferedReader(_Raw(open_raw()), 1 << 20)
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), 1 << 20) if part.gzipped else raw
        if part.start == 0 and stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
        return stream

    return open_content


def unzipped(open_content: Opener) -> Opener:
    """A function that opens gzipped content which was unzipped to its end: if truncated or damaged, it raises here.

    Up to `MAX_RECORD` bytes of it are held; what is larger is unzipped again when it is opened.
    """
    with open_content() as stream:
        held = stream.read(MAX_RECORD)
        if len(held) < MAX_RECORD:
            return lambda: io.BytesIO(held)
        while stream.read(BLOCK):
            pass
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
            for lines in line_blocks(stream, part.length, part.start > 0):
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
    """All lines (number from 1, bytes without the LF), in lists of some; a line longer than `limit` comes as None."""
    for number, data in whole_lines(stream, length, mid_file, limit):
        yield [(number, None)] if data is None else list(enumerate(data.split(b"\n"), number))


def whole_lines(
    stream: BinaryIO, length: int | None = None, mid_file: bool = False, limit: int = MAX_RECORD
) -> Iterator[Piece]:
    """Lines in blocks of some (without the last LF), each with its first line's number from 1.

    A line longer than `limit` comes alone, as None. With a `length`, only lines that begin within the first `length`
    bytes. `mid_file`: the stream begins one byte early, and what precedes its first LF belongs to the part before.
    """
    number = 1
    for begins, data in _cut(stream, mid_file, limit):
        if length is not None and begins >= length:
            return
        if data is None:
            yield number, None
            number += 1
            continue
        beyond = -1 if length is None else data.find(b"\n", max(0, length - begins - 1))
        if beyond >= 0:
            yield number, data[:beyond]
            return
        yield number, data
        number += data.count(b"\n") + 1


def _cut(stream: BinaryIO, mid_file: bool, limit: int) -> Iterator[Piece]:
    """A stream at its line ends, about a block at a time, each with the place where it begins."""
    begins = -1 if mid_file else 0  # where the pending line does
    skipping = mid_file
    pending: list[bytes] = []
    held = 0
    while block := stream.read(BLOCK):
        end = block.rfind(b"\n")
        if end >= 0:
            first = block.find(b"\n")
            start = 0
            if skipping or held + first > limit:
                if not skipping:
                    yield begins, None
                begins += held + first + 1
                skipping, pending, held, start = False, [], 0, first + 1
            if start <= end:
                yield begins, b"".join((*pending, block[start:end]))
                begins += held + end - start + 1
            pending, held = [], 0
        held += len(block) - end - 1
        if held <= limit and not skipping:
            pending.append(block[end + 1 :])
    if held and not skipping:
        yield begins, b"".join(pending) if held <= limit else None


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
