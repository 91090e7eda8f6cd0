"""Which rows of quarantine are wanted, by file: of those that committed runs wrote, as the table shows them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from tui_etl import quarantine, storage
from tui_etl.quarantine import COMMITTED_ROWS

WHOLE_FILE = 0


@dataclass(frozen=True)
class Wanted:
    """What is asked for; what is None does not matter. `reason`: a regular expression that is searched for."""

    file_id: str | None = None
    dataset: str | None = None
    run_id: str | None = None
    stage: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Row:
    """A quarantined record, or file (position 0), without its bytes: only how many, and in which Parquet file."""

    uri: str
    position: int
    reason: str
    size: int | None
    object: str | None


@dataclass(frozen=True)
class Refused:
    """What one run quarantined of one file. `origin_file_id`: what that was made of, if it had been in quarantine."""

    stage: int
    run_id: str
    file_id: str
    dataset: str
    landed_at: datetime
    rows: tuple[Row, ...]
    origin_file_id: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is the file itself."""
        return any(row.position == WHOLE_FILE for row in self.rows)

    @property
    def sent_file_id(self) -> str:
        """The version that its sender landed, however often it has been in quarantine since."""
        return self.origin_file_id or self.file_id


def find(s3: Any, folder: str, wanted: Wanted) -> list[Refused]:
    """What of quarantine (its folder's URI) is wanted, in the order of files and runs."""
    found: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for file in storage.parquet_files(s3, f"{folder}/{COMMITTED_ROWS}"):
        if wanted.run_id is None or f"-{wanted.run_id}-" in file.uri.rpartition("/")[2]:
            for row in _read(s3, file.uri, wanted):
                found.setdefault((row["stage"], row["run_id"], row["file_id"]), []).append(row | {"uri": file.uri})
    return [_refused(*key, found[key]) for key in sorted(found, key=lambda key: (key[2], *key[:2]))]


def read_bytes(s3: Any, refused: Refused, positions: Iterable[int]) -> Mapping[int, bytes | None]:
    """The bytes of some of its records by position, in the order of their positions."""
    wanted = set(positions)
    found: dict[int, bytes | None] = {}
    for uri in sorted({row.uri for row in refused.rows if row.position in wanted}):
        table = _table(s3, uri, Wanted(refused.file_id, None, refused.run_id, refused.stage))
        for position, data in zip(table["position"].to_pylist(), table["bytes"].to_pylist(), strict=True):
            if position in wanted:
                found[position] = data
    return dict(sorted(found.items()))


def _table(s3: Any, uri: str, wanted: Wanted) -> pa.Table:
    asked = {name: getattr(wanted, name) for name in ("file_id", "dataset", "run_id", "stage")}
    filters = [(name, "==", value) for name, value in asked.items() if value is not None]
    return parquet.read_table(io.BytesIO(storage.read(s3, uri)), filters=filters or None)


def _read(s3: Any, uri: str, wanted: Wanted) -> list[dict[str, Any]]:
    table = _table(s3, uri, wanted)
    sized = table.append_column("size", pc.binary_length(table["bytes"])).drop_columns(["bytes"])
    matches = re.compile(wanted.reason or "").search
    return [row for row in sized.to_pylist() if matches(row["reason"])]


def _refused(stage: int, run_id: str, file_id: str, rows: list[dict[str, Any]]) -> Refused:
    kept = [Row(row["uri"], row["position"], row["reason"], row["size"], row["object"]) for row in rows]
    ordered = tuple(sorted(kept, key=lambda row: row.position))
    first = rows[0]
    return Refused(stage, run_id, file_id, first["dataset"], first["landed_at"], ordered, first["origin_file_id"])


def folder_of(raw_bucket: str, prefix: str) -> str:
    """The URI of all quarantine."""
    return f"s3://{raw_bucket}/{prefix.strip('/')}"


def reingested_file(folder: str, moment: str, digest: str) -> str:
    """Where the rows of one landing are, in the table `reingested`."""
    return f"{quarantine.month_folder(folder, quarantine.REINGESTED_ROWS, moment)}/{digest}.parquet"
