"""What a dataset's columns may be, from the beginnings of its files: a first guess that saves reading everything twice.

Nothing depends on its being right. What it lacks is learned while all is read, and then the dataset is read again.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence

from tui_etl.ingest import records
from tui_etl.ingest.find import Record, find
from tui_etl.ingest.records import Layout, Part
from tui_etl.ingest.shape import Shape
from tui_etl.ingest.sniff import begins_with_lines
from tui_etl.ingest.staging import HEAD, Landed
from tui_etl.ingest.strict import Examiner

#: So much of each dataset is looked at.
_LOOK_AT = 4 << 20


class _Looker:
    """A receiver that only learns."""

    def __init__(self) -> None:
        self.shape = Shape()

    def take(self, positions: Sequence[int], block: bytes) -> bool:
        return False

    def keep(self, records: Sequence[Record]) -> None:
        for kind in dict.fromkeys(record.kind for record in records):
            self.shape.see(kind)


def shapes(files: Iterable[Landed]) -> dict[int, Shape]:
    """What the beginnings of some files of each dataset show, by file number."""
    examiner = Examiner()
    looked: dict[str, int] = {}
    seen: dict[int, Shape] = {}
    for file in files:
        if looked.get(file.place, 0) < _LOOK_AT:
            seen[file.number] = of_content(*_beginning(file), examiner)
            looked[file.place] = looked.get(file.place, 0) + len(file.head)
    return seen


def of_lines(content: bytes, examiner: Examiner) -> Shape:
    """What some whole lines show."""
    looker = _Looker()
    part = Part(0, "", "", len(content), False, layout=Layout.LINES)
    find(part, records.opener(part, lambda: io.BytesIO(content)), examiner, looker)
    return looker.shape


def of_content(content: bytes, whole: bool, examiner: Examiner) -> Shape:
    """What records a file's content, or the beginning of it, shows."""
    if not whole:
        lines = content[: content.rfind(b"\n") + 1]
        return of_lines(lines, examiner) if begins_with_lines(lines) else Shape()
    looker = _Looker()
    part = Part(0, "", "", len(content), False)
    find(part, records.opener(part, lambda: io.BytesIO(content)), examiner, looker)
    return looker.shape


def _beginning(file: Landed) -> tuple[bytes, bool]:
    """The content that a file begins with, and whether that is all."""
    if not file.gzipped:
        return file.head, len(file.head) == file.size
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflate.decompress(file.head, HEAD)
    except zlib.error:
        return b"", True
    return content, inflate.eof and not inflate.unused_data
