"""What a file that was made of quarantined bytes says of itself, as metadata of its object.

User metadata of S3 is ASCII and 2 KB at most. A file id is percent-encoded there, or as base64 if that is too long.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

FILE_ID, LANDED_AT, LAYOUT = "origin-file-id", "origin-landed-at", "origin-layout"
#: Each line of such a file is a record, whatever it looks like.
LINES = "lines"

_BASE64 = "base64:"  # no file id begins so: a bucket's name has no colon
_LONGEST = 1700


@dataclass(frozen=True)
class Origin:
    """The version that its sender landed, when that was, and whether this file is records cut out of it, a line each.

    What has been in quarantine several times has come of that version every time.
    """

    file_id: str
    landed_at: str
    lines: bool = False


def to_metadata(origin: Origin) -> dict[str, str]:
    """The metadata of an object."""
    spelled = quote(origin.file_id, safe="/#=:@+,!$&'()*;")
    if len(spelled) > _LONGEST:
        spelled = _BASE64 + base64.b64encode(origin.file_id.encode()).decode()
    found = {FILE_ID: spelled, LANDED_AT: origin.landed_at}
    return found | ({LAYOUT: LINES} if origin.lines else {})


def from_metadata(metadata: Mapping[str, str]) -> Origin | None:
    """What an object's metadata says; None if it says nothing, or nothing that can be understood."""
    spelled, landed_at = metadata.get(FILE_ID), metadata.get(LANDED_AT)
    if not spelled or not landed_at:
        return None
    try:
        moment = datetime.fromisoformat(landed_at)
        if spelled.startswith(_BASE64):
            file_id = base64.b64decode(spelled.removeprefix(_BASE64), validate=True).decode()
        else:
            file_id = unquote(spelled, errors="strict")
    except (ValueError, binascii.Error):
        return None
    if moment.tzinfo is None:
        return None
    return Origin(file_id, landed_at, metadata.get(LAYOUT) == LINES)
