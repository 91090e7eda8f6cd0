"""Landing quarantined bytes as a new file version, each record once.

What was landed again of one file and run is in one item of the ledger, `REINGEST#<stage>#<run>#<file id>`, as batches.
A batch is ordered by a conditional write of that item, after the positions of its records have been written down; so no
two orders have a record in common. Then it is landed, by a put that never replaces; and then it is shown in the table
`reingested` and marked as landed. Whatever is cut off is finished by the next order, with the same key and content.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import pyarrow as pa
from botocore.exceptions import ClientError
from pyarrow import parquet

from tui_etl import protocol, storage
from tui_etl.ingest.origin import Origin, to_metadata
from tui_etl.ledger import Ledger, now, spell
from tui_etl.quarantine import REINGEST_PLANS
from tui_etl.reingest import bodies
from tui_etl.reingest.select import WHOLE_FILE, Refused, read_bytes, reingested_file

KEY_BYTES = 1024
#: What is landed is held in memory up to this size, and beyond it in a temporary file.
_HELD = 64 << 20
_REINGESTED = pa.schema(
    [
        ("stage", pa.int32()),
        ("run_id", pa.string()),
        ("file_id", pa.string()),
        ("position", pa.int64()),
        ("dataset", pa.string()),
        ("landed_key", pa.string()),
        ("reingested_at", pa.timestamp("us", tz="UTC")),
        ("reingested_by", pa.string()),
    ]
)


class Conflict(RuntimeError):
    """Somebody else lands the same records again at this moment."""


@dataclass(frozen=True)
class Places:
    """Where things are: `quarantine` is a folder's URI. `into`: a folder of the landing bucket that is wanted."""

    landing_bucket: str
    landing_prefix: str
    quarantine: str
    into: str | None = None


@dataclass(frozen=True)
class Batch:
    """Records that are landed as one file. `landed`: its file id, as soon as it is there."""

    digest: str
    key: str
    positions: tuple[int, ...]
    at: str
    by: str
    landed: str | None = None


@dataclass(frozen=True)
class Plan:
    """What there is to do about one file of one run.

    `unfinished`: batches that were ordered before; `new`: the one that is still to be ordered; `done`: how many records
    were landed before; `problem`: why nothing can be.
    """

    refused: Refused
    unfinished: tuple[Batch, ...] = ()
    new: Batch | None = None
    done: int = 0
    problem: str | None = None
    seen: Mapping[str, Any] | None = None

    @property
    def batches(self) -> list[Batch]:
        return [*self.unfinished, *([self.new] if self.new else [])]


def plan(s3: Any, ledger: Ledger, places: Places, refused: Refused, by: str) -> Plan:
    """What there is to do, by what the ledger says was done before."""
    seen = ledger.get(_pk(refused)) or {}
    known = [_known(s3, places, entry) for entry in (seen.get("batches") or {}).values()]
    ordered = {position for batch in known for position in batch.positions}
    unfinished = tuple(batch for batch in known if batch.landed is None)
    done = sum(len(batch.positions) for batch in known if batch.landed is not None)
    left = tuple(row.position for row in refused.rows if row.position not in ordered)
    problem = _problem(refused, left) if left else None
    folder = None
    if left and not problem:
        folder = places.into or _folder(ledger, places.landing_prefix, refused)
        if folder is None:
            problem = "the file has no dataset: say with --into which folder it is to land in"
    if not left or folder is None:
        return Plan(refused, unfinished, None, done, problem, seen)
    digest = _digest(refused, left)
    batch = Batch(digest, _key(places.landing_prefix, folder, digest, refused), left, now(), by)
    return Plan(refused, unfinished, batch, done, None, seen)


def carry_out(s3: Any, ledger: Ledger, places: Places, todo: Plan) -> list[str]:
    """Land all that a plan has; returns the ids of the new file versions. Raises `Conflict` or `bodies.Gone`."""
    landed = []
    for batch in todo.batches:
        with SpooledTemporaryFile(_HELD) as body:
            # Before it is ordered: what can't be landed must not be taken for ordered.
            kept = _prepare(s3, todo.refused, batch, body)
            if batch is todo.new:
                _order(s3, ledger, places, todo, batch)
            file_id = _land(s3, places, todo.refused, batch, kept or body)
        _show(s3, places, todo.refused, batch)
        ledger.mark_reingested(_pk(todo.refused), batch.digest, file_id)
        landed.append(file_id)
    return landed


def _order(s3: Any, ledger: Ledger, places: Places, todo: Plan, batch: Batch) -> None:
    storage.write(s3, _plan_uri(places, batch.digest), json.dumps(batch.positions).encode())
    if not ledger.order_reingest(_pk(todo.refused), _entry(batch), todo.seen or {}):
        raise Conflict(f"{todo.refused.file_id} is landed again by somebody else at this moment: look once more")


def _prepare(s3: Any, refused: Refused, batch: Batch, body: IO[bytes]) -> str | None:
    """Write what is landed into a body, or tell of which object it is to be copied."""
    if batch.positions != (WHOLE_FILE,):
        bodies.of_records(s3, refused, batch.positions, body)
    elif kept := refused.rows[0].object:
        _look_at(s3, kept)
        return kept
    else:
        body.write(read_bytes(s3, refused, [WHOLE_FILE])[WHOLE_FILE] or b"")
    body.seek(0)
    return None


def _look_at(s3: Any, kept: str) -> None:
    bucket, key = storage.split_uri(kept)
    try:
        size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        raise bodies.Gone(f"{kept} can't be read any more: {error.response['Error']['Code']}") from error
    if size > storage.COPY_LIMIT:
        raise bodies.Gone(f"{kept} has {size:,} bytes: too many for a copy that can't replace anything")


def _land(s3: Any, places: Places, refused: Refused, batch: Batch, source: IO[bytes] | str) -> str:
    come = Origin(refused.sent_file_id, spell(refused.landed_at), lines=batch.positions != (WHOLE_FILE,))
    target = {"Bucket": places.landing_bucket, "Key": batch.key, "IfNoneMatch": "*", "Metadata": to_metadata(come)}
    try:
        if isinstance(source, str):
            bucket, key = storage.split_uri(source)
            anew = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
            answer = s3.copy_object(CopySource={"Bucket": bucket, "Key": key}, **anew, **target)
        else:
            answer = s3.put_object(Body=source, **target)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalRequestConflict":
            raise Conflict(f"{batch.key} is put by somebody else at this moment: look once more") from error
        if code not in ("PreconditionFailed", "412"):
            raise
        # It is there from an order that was cut off before it could note the version.
        return f"{places.landing_bucket}/{batch.key}"
    return protocol.file_id(places.landing_bucket, batch.key, answer["VersionId"])


def _show(s3: Any, places: Places, refused: Refused, batch: Batch) -> None:
    """Write the rows of the table `reingested`."""
    same: dict[str, Any] = {
        "stage": refused.stage,
        "run_id": refused.run_id,
        "file_id": refused.file_id,
        "dataset": refused.dataset,
        "landed_key": batch.key,
        "reingested_at": datetime.fromisoformat(batch.at),
        "reingested_by": batch.by,
    }
    rows = [same | {"position": position} for position in batch.positions]
    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, _REINGESTED), content)
    uri = reingested_file(places.quarantine, batch.at, batch.digest)
    storage.write(s3, uri, content.getvalue(), "application/vnd.apache.parquet")


def _problem(refused: Refused, left: Sequence[int]) -> str | None:
    """Why the rest of it can't be landed again."""
    rows = [row for row in refused.rows if row.position in set(left)]
    if refused.stage == 3:
        return None
    if refused.whole:
        row = rows[0]
        return None if row.size is not None or row.object else f"no bytes were kept: {row.reason}"
    large = [row for row in rows if row.size is None]
    if large:
        return f"record {large[0].position} is too large for a record; its whole file is at {large[0].object}"
    return None


def _folder(ledger: Ledger, prefix: str, refused: Refused) -> str | None:
    """The folder of the landing bucket that has the dataset: the file's own, unless another one claimed the name."""
    spelled = protocol.raw_dataset_of(bodies.split(refused.file_id)[1], prefix)
    claim = ledger.get(protocol.dataset_pk(refused.dataset))
    folder = str(claim["folder"]) if claim else spelled
    return folder if folder is not None and protocol.dataset_of(f"{prefix}{folder}/", prefix) else None


def _key(prefix: str, folder: str, digest: str, refused: Refused) -> str:
    """A key that says where it comes from: the end of the file's own key, as much of it as there is room for."""
    own = bodies.split(refused.file_id)[1].removeprefix(prefix)
    name = own.partition("/")[2] or own
    start, end = f"{prefix}{folder}/reingested/{digest}/", "" if refused.whole else ".records.jsonl"
    room = KEY_BYTES - len(start.encode()) - len(end.encode())
    return start + name.encode()[max(0, len(name.encode()) - room) :].decode(errors="ignore") + end


def _digest(refused: Refused, positions: Sequence[int]) -> str:
    named = [refused.stage, refused.run_id, refused.file_id, list(positions)]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]


def _pk(refused: Refused) -> str:
    return protocol.reingest_pk(refused.stage, refused.run_id, refused.file_id)


def _plan_uri(places: Places, digest: str) -> str:
    return f"{places.quarantine}/{REINGEST_PLANS}/{digest}.json"


def _entry(batch: Batch) -> dict[str, Any]:
    return {"digest": batch.digest, "key": batch.key, "records": len(batch.positions), "at": batch.at, "by": batch.by}


def _known(s3: Any, places: Places, entry: Mapping[str, Any]) -> Batch:
    positions = tuple(json.loads(storage.read(s3, _plan_uri(places, entry["digest"]))))
    return Batch(entry["digest"], entry["key"], positions, entry["at"], entry["by"], entry.get("landed"))
