"""The rows of one dataset that one task makes, and the Parquet file that it writes them to.

A task is told what the dataset's columns should be. It writes as long as what it sees fits them. From the first record
on that doesn't, nothing of the task is kept, and it reads on only to learn what else there is.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from pyspark.sql.types import LongType, StringType, StructField, StructType, TimestampType

from tui_etl import storage
from tui_etl.ingest import rewrite
from tui_etl.ingest.columnar import Reader, arrow_type
from tui_etl.ingest.find import Record
from tui_etl.ingest.records import BLANK, Part
from tui_etl.ingest.shape import RESCUED, Shape, Type, decide
from tui_etl.ingest.strict import Kind

#: Rows are gathered up to about this many bytes in memory before they are encoded.
_ROW_GROUP = 64 << 20
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TAIL = pa.schema(
    [
        (RESCUED, pa.string()),
        ("_file_id", pa.string()),
        ("_landed_at", _TIMESTAMP),
        ("_sequencer", pa.string()),
        ("_position", pa.int64()),
        ("_run_id", pa.string()),
        ("_origin_file_id", pa.string()),
    ]
)
_SPARK_TAIL = [
    StructField(name, {"_position": LongType(), "_landed_at": TimestampType()}.get(name, StringType()))
    for name in _TAIL.names
]


@dataclass(frozen=True)
class Source:
    """What the rows of one file say about it: `origin_file_id` if its records had been in quarantine."""

    file_id: str
    landed_at: datetime
    sequencer: str | None
    origin_file_id: str | None = None


@dataclass(frozen=True)
class Target:
    """Where a task writes, and what its file says about its writer."""

    folder: str
    run_id: str
    spark_version: str


@dataclass
class Written:
    """A finished file."""

    uri: str
    rows: int
    rescued: int


class Rows:
    """The receiver of one dataset's records."""

    def __init__(self, shape: Shape, target: Target) -> None:
        self.shape = shape
        self.seen = Shape()
        self.told = decide(shape)
        self.reader = Reader(self.told, shape)
        self.known: set[Kind] = set()
        self.file = _File(self.told, target)
        self.fits = True
        self.part = Part(0, "", "", 0, False)
        self.source = Source("", datetime.min, None)

    def begin(self, part: Part, source: Source) -> None:
        """What comes next is of this part."""
        self.part, self.source = part, source

    def take(self, positions: Sequence[int], block: bytes) -> bool:
        """Take a block of lines if Arrow can be trusted with it."""
        columns = self.reader.take(block, len(positions))
        if columns is None:
            return False
        self._write(columns, positions, pa.nulls(len(positions), pa.string()))
        return True

    def keep(self, records: Sequence[Record]) -> None:
        """Learn from examined records, and write them if they fit."""
        new = {record.kind for record in records} - self.known
        if new:
            for record in records:  # in their order, which is that of the columns
                if record.kind in new:
                    new.remove(record.kind)
                    self.known.add(record.kind)
                    self.shape.see(record.kind)
                    self.seen.see(record.kind)
            self._decide_again()
        if self.fits:
            self._write_examined(records)

    def forget(self) -> None:
        """Which kinds were seen, as they are no longer the same objects."""
        self.known.clear()

    def close(self) -> Written | None:
        """Finish the file; None if there is nothing to keep."""
        self._decide_again()
        return self.file.close() if self.fits else None

    def discard(self) -> None:
        """Remove what was not put in its place."""
        self.file.discard()

    def _decide_again(self) -> None:
        self.reader = Reader(decide(self.shape), self.shape)
        if self.fits and self.reader.kind != self.told:
            self.fits = False
            self.file.discard()

    def _write_examined(self, records: Sequence[Record]) -> None:
        texts: list[bytes] = []
        kept: list[str | None] = []
        for record in records:
            if self.reader.kind.plain and not record.odd:
                texts.append(record.data.strip(BLANK))
                kept.append(None)
                continue
            text = record.data.decode()
            fitted, lossy = rewrite.rewrite(text, self.reader.kind)
            texts.append(fitted.encode())
            kept.append(text if lossy else None)
        columns = self.reader.read(b"\n".join(texts), len(texts))
        if columns is not None:
            self._write(columns, [record.position for record in records], pa.array(kept, pa.string()))
        elif len(records) > 1:
            for record in records:
                self._write_examined([record])
        else:
            rescued = pa.array([records[0].data.decode()], pa.string())
            self._write(self.reader.nulls(1), [records[0].position], rescued)

    def _write(self, columns: list[pa.Array], positions: Sequence[int], rescued: pa.Array) -> None:
        if not self.fits:
            return
        rows = len(positions)
        place = pa.array(positions, pa.int64())
        if self.part.first:
            place = pc.add(place, self.part.first)
        source = self.source
        lineage = [
            pa.repeat(pa.scalar(source.file_id, pa.string()), rows),
            pa.repeat(pa.scalar(source.landed_at, _TIMESTAMP), rows),
            pa.repeat(pa.scalar(source.sequencer, pa.string()), rows),
            place,
            pa.repeat(pa.scalar(self.file.target.run_id, pa.string()), rows),
            pa.repeat(pa.scalar(source.origin_file_id, pa.string()), rows),
        ]
        self.file.add([*columns, rescued, *lineage])


class _File:
    """A Parquet file as Spark would have written it. It is at its place only once it is whole.

    Each attempt at a task has a name of its own, and who reads goes by the names that successful tasks gave: what
    another attempt has left is never read.
    """

    def __init__(self, kind: Type, target: Target) -> None:
        self.target = target
        spark = StructType([*kind.spark("name").fields, *_SPARK_TAIL])  # type: ignore[attr-defined]
        columns = [(column.name, arrow_type(column.type)) for column in kind.columns]
        self.schema = pa.schema([*columns, *_TAIL]).with_metadata(
            {
                "org.apache.spark.sql.parquet.row.metadata": json.dumps(spark.jsonValue()),
                "org.apache.spark.version": target.spark_version,
            }
        )
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.writer: Any = None
        self.held: list[pa.RecordBatch] = []
        self.bytes = self.rows = self.rescued = 0

    def add(self, columns: list[pa.Array]) -> None:
        batch = pa.record_batch(columns, schema=self.schema)
        self.held.append(batch)
        self.rows += batch.num_rows
        self.rescued += batch.num_rows - batch.column(RESCUED).null_count
        self.bytes += batch.get_total_buffer_size()
        if self.bytes > _ROW_GROUP:
            self._flush()

    def close(self) -> Written | None:
        if not self.rows:
            return None
        self._flush()
        self.writer.close()
        assert self.folder
        uri = f"{self.target.folder}/part-{uuid.uuid4().hex}.parquet"
        storage.put_file(storage.task_s3() if uri.startswith("s3:") else None, self._path(), uri)
        return Written(uri, self.rows, self.rescued)

    def discard(self) -> None:
        self.held = []
        if self.writer is not None:
            self.writer.close()
        if self.folder is not None:
            self.folder.cleanup()

    def _flush(self) -> None:
        if self.writer is None:
            self.folder = tempfile.TemporaryDirectory()
            self.writer = parquet.ParquetWriter(self._path(), self.schema)
        table = pa.Table.from_batches(self.held, self.schema)
        self.writer.write_table(table, row_group_size=table.num_rows)
        self.held, self.bytes = [], 0

    def _path(self) -> Path:
        assert self.folder
        return Path(self.folder.name) / "part.parquet"
