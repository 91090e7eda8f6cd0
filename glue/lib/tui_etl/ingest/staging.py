"""Copying the taken file versions aside, so that what is read can't change, vanish or have an awkward name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tui_etl import protocol, storage
from tui_etl.ingest import records, refusals
from tui_etl.ingest.origin import Origin, from_metadata
from tui_etl.ingest.sniff import begins_with_lines
from tui_etl.ledger import Ledger
from tui_etl.run import Work

#: How much of a file is looked at before it is copied.
HEAD = 1 << 16
#: A plain JSON Lines file is read in ranges of this size.
PART_BYTES = 64 << 20

VANISHED = "vanished: this version of the file is no longer in the landing bucket"
_GONE = frozenset({"NoSuchVersion", "NoSuchKey", "404", "405", "MethodNotAllowed"})
_NOTHING_THERE = frozenset({"InvalidRange", "416"})


@dataclass
class Landed:
    """A file version that this run holds, and what became of it on the way to staging.

    `refused`: why it is quarantined as a whole without being read. `uri` is None if there is nothing to read: it is
    empty, or it has `vanished`. `head`: its first bytes. `origin`: what it was made of, if it had been in quarantine;
    its records then count as landed when that did, for they are no newer than what landed meanwhile.
    """

    number: int
    file_id: str
    bucket: str
    key: str
    version_id: str
    dataset: str | None
    landed_at: str
    sequencer: str | None
    size: int
    refused: str | None = None
    vanished: bool = False
    uri: str | None = None
    head: bytes = b""
    origin: Origin | None = None

    @property
    def place(self) -> str:
        """The dataset whose books it is in."""
        return self.dataset or "_none"

    @property
    def gzipped(self) -> bool:
        return self.head.startswith(records.GZIP)


def spellings(work: Iterable[Work], prefix: str) -> dict[str, str]:
    """The datasets of a run's files, each with a folder that means it; of several the first by name."""
    found: dict[str, str] = {}
    for key in (item.item["key"] for item in work):
        name, spelled = protocol.dataset_of(key, prefix), protocol.raw_dataset_of(key, prefix)
        if name is not None and spelled is not None:
            found[name] = min(spelled, found.get(name, spelled))
    return found


def claim(ledger: Ledger, run_id: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Claim each dataset for the folder that is wanted; returns the folder that has it, whoever claimed it."""
    with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
        held = pool.map(lambda name: ledger.claim_dataset(name, wanted[name], run_id), wanted)
        return dict(zip(wanted, held, strict=True))


def describe(work: Iterable[Work], prefix: str, claimed: Mapping[str, str]) -> list[Landed]:
    """The files of this run, numbered in landing order, each with its dataset or with the reason for having none.

    `claimed`: for each dataset the one folder, as it is spelled, whose files are taken in.
    """
    items = sorted((item.item for item in work), key=lambda item: (item["landed_at"], item["file_id"]))
    return [_describe(number, item, prefix, claimed) for number, item in enumerate(items)]


def _describe(number: int, item: dict[str, Any], prefix: str, claimed: Mapping[str, str]) -> Landed:
    name, spelled = protocol.dataset_of(item["key"], prefix), protocol.raw_dataset_of(item["key"], prefix)
    refused = None
    if spelled is None:
        refused = f"no dataset: the file lies directly under {prefix}"
    elif name is None:
        refused = f"no dataset: the folder name {spelled!r} is reserved or has no letter or digit"
    elif spelled != claimed[name]:
        refused = f"the folder {spelled!r} means the table {name}, which the folder {claimed[name]!r} has"
    return Landed(
        number,
        item["file_id"],
        item["bucket"],
        item["key"],
        item["version_id"],
        name,
        item["landed_at"],
        item.get("sequencer"),
        item.get("size", 0),
        refused,
    )


def stage(s3: Any, files: Sequence[Landed], folder: str, prefix: str) -> None:
    """Look at each file's beginning and copy it below `folder`, server-side; notes what became of it in `files`.

    Files that can't be read are refused; raises `NothingReadable` if nothing below `prefix` can be read.
    """
    with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
        answers = list(pool.map(lambda file: _stage(s3, file, folder), files))
    denied = [(file, error) for file, error in zip(files, answers, strict=True) if error is not None]
    if denied and not any(file.uri for file in files):
        _blame_the_role_if_nothing_is_readable(s3, denied, prefix)
    for file, error in denied:
        file.refused = file.refused or refusals.reason(error)


def _blame_the_role_if_nothing_is_readable(s3: Any, denied: Sequence[tuple[Landed, ClientError]], prefix: str) -> None:
    # A role that lost its permission, or its key, would otherwise send file after file to quarantine.
    file, error = denied[0]
    if not refusals.other_is_readable(s3, file.bucket, prefix, [(file.key, file.version_id) for file, _ in denied]):
        raise refusals.NothingReadable(
            f"not one file of this run could be read, and nothing else below s3://{file.bucket}/{prefix} either; "
            f"{len(denied)} were refused, the first is {file.file_id}: {error}"
        ) from error


def _stage(s3: Any, file: Landed, folder: str) -> ClientError | None:
    """Stage one file; returns the error if access to it was refused, which may be its own fault or the role's."""
    source = {"Bucket": file.bucket, "Key": file.key, "VersionId": file.version_id}
    try:
        _look(s3, file, source)
    except ClientError as error:
        if refusals.is_of_access(error):
            return error
        if refusals.is_of_the_object(error):
            file.refused = file.refused or refusals.reason(error)
        else:
            _note_absence(file, error)
    if file.head:
        name = hashlib.sha256(file.file_id.encode()).hexdigest() + (".json.gz" if file.gzipped else ".json")
        try:
            copy(s3, source, f"{folder}/{name}", file.size)
            file.uri = f"{folder}/{name}"
        except ClientError as error:
            # It was readable a moment ago: a refusal now is about the place that it is copied to.
            _note_absence(file, error)
    return None


def _look(s3: Any, file: Landed, source: dict[str, str]) -> None:
    """Read a file's beginning, and learn its size and origin."""
    answer = s3.get_object(**source, Range=f"bytes=0-{HEAD - 1}")
    with answer["Body"] as body:
        file.head = body.read(HEAD)
    file.origin = from_metadata(answer.get("Metadata") or {})
    if file.origin:
        file.landed_at = file.origin.landed_at
    # A server may answer a range with the whole, and then says no range.
    file.size = int(answer.get("ContentRange", f"/{answer['ContentLength']}").rpartition("/")[2])


def _note_absence(file: Landed, error: ClientError) -> None:
    """Note that a file is empty or gone, if that is what S3 says; raises what is another error."""
    code = refusals.code_of(error)
    if code in _NOTHING_THERE:
        file.size = 0
    elif code in _GONE:
        file.vanished = True
        file.refused = VANISHED
    else:
        raise error


def copy(s3: Any, source: dict[str, str], target: str, size: int) -> None:
    """Copy one object version server-side, without its metadata and tags."""
    bucket, key = storage.split_uri(target)
    if size > storage.COPY_LIMIT:
        s3.copy(source, bucket, key, ExtraArgs={"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"})
        return
    s3.copy_object(CopySource=source, Bucket=bucket, Key=key, MetadataDirective="REPLACE", TaggingDirective="REPLACE")


def parts(file: Landed) -> list[records.Part]:
    """A staged file as what tasks read: one part, or several ranges of a large plain JSON Lines file."""
    lines = records.Layout.LINES if file.origin and file.origin.lines else None
    whole = records.Part(file.number, file.place, file.uri or "", file.size, file.gzipped, layout=lines)
    if file.gzipped or file.size <= PART_BYTES or not (lines or begins_with_lines(file.head)):
        return [whole]
    starts = range(0, file.size, PART_BYTES)
    ends = [*starts[1:], file.size]
    return [
        records.Part(file.number, file.place, whole.uri, end - start, False, start, end, records.Layout.LINES)
        for start, end in zip(starts, ends, strict=True)
    ]
