"""The reading of a part: how it is laid out, how many records it holds, which of its pieces are none, and where to.

Whole blocks of lines go to a `Receiver` that may take them as they are. What it doesn't take is offered again in
smaller pieces, and the last few lines are examined one by one, so that one odd line among thousands costs little.
"""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tui_etl.ingest import records
from tui_etl.ingest.records import BLANK, BadFile, Layout, Opener, Part, Piece, elements, is_blank, whole_lines
from tui_etl.ingest.sniff import sniff
from tui_etl.ingest.strict import Examiner, Kind, NotARecord

#: So many lines are examined one by one before a block is offered whole again.
_FEW = 32
#: A block that wasn't taken is offered again in so many pieces.
_PIECES = 4


class Record(NamedTuple):
    """A valid record: its bytes as they are, what it is made of, and whether it is odd."""

    position: int
    data: bytes
    kind: Kind
    odd: bool


class Receiver(Protocol):
    """Where the records of a part go."""

    def take(self, positions: Sequence[int], block: bytes) -> bool:
        """Take a block of lines, one a position, if each is beyond doubt a record; or leave all of it."""
        ...

    def keep(self, records: Sequence[Record]) -> None:
        """Keep some records that were examined."""
        ...


@dataclass
class Found:
    """What was found in a part: how many records, and at which positions those are that are none.

    `error`: the whole file is quarantined, and counts as one record. `lines`: how many lines begin in the part;
    `oversized`: records larger than `MAX_RECORD`.
    """

    number: int
    start: int
    layout: Layout | None = None
    records: int = 0
    lines: int = 0
    oversized: int = 0
    bad: array[int] = field(default_factory=lambda: array("Q"))
    error: str | None = None


def find(part: Part, open_content: Opener, examiner: Examiner, receiver: Receiver) -> Found:
    """Read a part: find out its layout if it isn't known, count and check its records, and hand the valid ones on.

    The receiver gets nothing of a file that is bad as a whole.
    """
    finder = _Finder(Found(part.number, part.start), examiner, receiver)
    try:
        if part.gzipped:
            open_content = records.unzipped(open_content)
        finder.found.layout = part.layout or sniff(open_content, examiner)
        finder.read(part, open_content)
    except (BadFile, EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = str(error) if isinstance(error, BadFile) else f"not a whole gzip file: {error}"
        return Found(part.number, part.start, records=1, error=reason)
    return finder.found


@dataclass
class _Finder:
    found: Found
    examiner: Examiner
    receiver: Receiver

    def read(self, part: Part, open_content: Opener) -> None:
        if self.found.layout is Layout.ARRAY:
            self._elements(open_content)
        elif self.found.layout is Layout.DOCUMENT:
            self._one_by_one(list(records.read(part, open_content, Layout.DOCUMENT)))
        elif self.found.layout is Layout.LINES:
            self._lines(part, open_content)

    def _lines(self, part: Part, open_content: Opener) -> None:
        with open_content() as stream:
            for number, data in whole_lines(stream, part.length, part.start > 0):
                if data is None:
                    self.found.lines = number
                    self._one_by_one([(number, None)])
                    continue
                behind = number + data.count(b"\n") + 1
                self.found.lines = behind - 1
                if self.receiver.take(range(number, behind), data):
                    self.found.records += behind - number
                    continue
                pieces = [piece for piece in enumerate(data.split(b"\n"), number) if not is_blank(piece[1])]
                self._pieces(pieces, data)

    def _pieces(self, pieces: list[tuple[int, bytes]], refused: bytes = b"") -> None:
        if len(pieces) <= _FEW:
            self._one_by_one(pieces)
            return
        block = b"\n".join([data.strip(BLANK) for _, data in pieces])
        if block != refused and self.receiver.take([position for position, _ in pieces], block):
            self.found.records += len(pieces)
            return
        size = -(-len(pieces) // _PIECES)
        for start in range(0, len(pieces), size):
            self._pieces(pieces[start : start + size])

    def _one_by_one(self, pieces: Sequence[Piece]) -> None:
        valid = []
        for position, data in pieces:
            self.found.records += 1
            try:
                if data is None:
                    self.found.oversized += 1
                    raise NotARecord(f"larger than {records.MAX_RECORD} bytes")
                valid.append(Record(position, data, *self.examiner.examine(data)))
            except NotARecord:
                self.found.bad.append(position)
        if valid:
            self.receiver.keep(valid)

    def _elements(self, open_content: Opener) -> None:
        valid: list[Record] = []
        held = 0
        with open_content() as stream:
            for position, (text, kind) in enumerate(elements(stream, self.examiner), 1):
                self.found.records += 1
                try:
                    valid.append(Record(position, text.encode(), kind, self.examiner.check(kind, text)))
                except NotARecord:
                    self.found.bad.append(position)
                    continue
                held += len(text)
                if held > records.BLOCK:
                    self.receiver.keep(valid)
                    valid, held = [], 0
        if valid:
            self.receiver.keep(valid)
