"""What is landed of what was quarantined: a file as it is, or the records of one as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any

from botocore.exceptions import ClientError

from tui_etl.ingest import origin, records
from tui_etl.ingest.sniff import sniff
from tui_etl.ingest.strict import Examiner
from tui_etl.reingest.select import Refused, read_bytes


class Gone(RuntimeError):
    """Bytes that are no longer there, or may not be read."""


def of_records(s3: Any, refused: Refused, positions: Iterable[int], body: IO[bytes]) -> None:
    """Write the records at some positions, a line each; raises `Gone` if one is missing.

    What Glue 1 refused is in quarantine byte by byte. What Glue 3 refused is there as Glue 2 had it: typed, perhaps
    masked. So it is taken from the landed version itself.
    """
    wanted = sorted(positions)
    pieces = read_bytes(s3, refused, wanted) if refused.stage == 1 else _landed(s3, refused.file_id, set(wanted))
    for position in wanted:
        data = pieces.get(position)
        if data is None:
            raise Gone(f"there are no bytes of record {position} of {refused.file_id}")
        # The element of an array may go over several lines. In valid JSON a line end is white space.
        body.write(data.replace(b"\n", b" ") + b"\n")


def _landed(s3: Any, file_id: str, wanted: set[int]) -> dict[int, bytes | None]:
    """Records of a landed version by position, cut as Glue 1 cuts them."""
    bucket, key, version = split(file_id)
    source = {"Bucket": bucket, "Key": key, "VersionId": version}
    try:
        head = s3.get_object(**source, Range="bytes=0-1")
    except ClientError as error:
        raise Gone(f"{file_id} can't be read any more: {error.response['Error']['Code']}") from error
    come = origin.from_metadata(head.get("Metadata") or {})
    with head["Body"] as start:
        gzipped = start.read(len(records.GZIP)) == records.GZIP
    part = records.Part(0, "", "", 0, gzipped)
    open_content = records.opener(part, lambda: s3.get_object(**source)["Body"])
    layout = records.Layout.LINES if come and come.lines else sniff(open_content, Examiner())
    found: dict[int, bytes | None] = {}
    if layout is not None:
        for position, data in _until(records.read(part, open_content, layout), max(wanted)):
            if position in wanted:
                found[position] = data
    return found


def _until(pieces: Iterator[records.Piece], last: int) -> Iterator[records.Piece]:
    for piece in pieces:
        yield piece
        if piece[0] >= last:
            return


def split(file_id: str) -> tuple[str, str, str]:
    """Bucket, key and version id of a file id; a version id has no `#`."""
    location, _, version = file_id.rpartition("#")
    bucket, _, key = location.partition("/")
    return bucket, key, version
