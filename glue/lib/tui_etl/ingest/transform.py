"""The Spark part of Glue 1: two passes over the staged files, the first to learn, the second to write.

`find` cuts every file of the run into records, checks them and learns the shape of each dataset: one Spark job for all
datasets. Then, a dataset at a time, `table` hands the text of the valid records to Spark's own JSON reader under the
type that was learned, and `quarantine` takes the others with their bytes. Nothing is cached; staged files don't change.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from tui_etl import storage
from tui_etl.ingest import records, rewrite
from tui_etl.ingest.find import Found
from tui_etl.ingest.find import find as find_records
from tui_etl.ingest.records import Part
from tui_etl.ingest.shape import RESCUED, Shape, Type
from tui_etl.ingest.staging import Landed
from tui_etl.ingest.strict import Examiner, Kind, NotARecord

#: A quarantined file or record larger than this is kept as an object of its own instead of in a cell.
MAX_CELL = records.MAX_RECORD
#: Bytes of input that one task checks, and that one written file holds.
_FIND_BYTES = 64 << 20
_WRITE_BYTES = 256 << 20
#: What is smaller than this is not worth a task of its own.
_SMALL = 8 << 20
#: Opening a file costs as much as reading this many bytes.
_OPEN_COST = 256 << 10
#: A part up to this size is fetched by one request and held.
_HELD = 16 << 20
#: Kinds of objects that a task remembers; beyond it starts to remember afresh.
_VARIETY = 20_000
_GZIP_RATIO = 8

_CORRUPT = "corrupt"
_quote = json.JSONEncoder(ensure_ascii=False).encode

QUARANTINE = StructType(
    [
        StructField("reason", StringType()),
        StructField("file_id", StringType()),
        StructField("position", LongType()),
        StructField("bytes", BinaryType()),
        StructField("object", StringType()),
        StructField("landed_at", TimestampType()),
        StructField("run_id", StringType()),
        StructField("dataset", StringType()),
        StructField("stage", IntegerType()),
        StructField("origin_file_id", StringType()),
    ]
)
#: What the rows of a file have in common: file id, landing time, where it is kept, dataset, stage, origin.
Named = tuple[str, datetime, str | None, str, int, str | None]


@dataclass
class Reading:
    """A part with what was found in it; `first` is the number of lines that precede it in its file."""

    part: Part
    found: Found
    first: int = 0


@dataclass
class Learned:
    """What the first pass found: readings by dataset, and each dataset's shape."""

    readings: dict[str, list[Reading]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    by_file: dict[int, list[Reading]] = field(default_factory=dict)

    def of(self, file: Landed) -> list[Reading]:
        """The readings of one file, none if it was not read."""
        return self.by_file.get(file.number, [])


@dataclass
class Refused:
    """A file that is quarantined as a whole, and why."""

    file: Landed
    reason: str


def configure(spark: SparkSession) -> None:
    """Session settings that the written files depend on."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    spark.conf.set("spark.sql.ansi.enabled", "false")


def find(spark: SparkSession, parts: Sequence[Part]) -> Learned:
    """The first pass, over all files of the run."""
    learned = Learned()
    if not parts:
        return learned
    groups = pack(spark, parts, _weight, _FIND_BYTES)
    answers = spark.sparkContext.parallelize(groups, len(groups)).map(_find_in).collect()
    by_place = {(found.number, found.start): found for founds, _ in answers for found in founds}
    ordered = sorted(parts, key=lambda part: (part.number, part.start))
    for _, of_file in groupby(ordered, key=lambda part: part.number):
        first = 0
        for part in of_file:
            reading = Reading(part, by_place[part.number, part.start], first)
            first += reading.found.lines
            learned.readings.setdefault(part.dataset, []).append(reading)
            learned.by_file.setdefault(part.number, []).append(reading)
    for _, shapes in answers:
        for dataset, seen in shapes.items():
            learned.shapes.setdefault(dataset, Shape()).merge(seen)
    return learned


def table(
    spark: SparkSession, readings: Sequence[Reading], kind: Type, files: Sequence[Landed], run_id: str
) -> DataFrame:
    """The valid records of one dataset as typed rows with their lineage; `kind` is of `shape.decide`."""
    groups = pack(spark, [r for r in readings if has_records(r)], lambda r: r.found.bytes + _OPEN_COST, _WRITE_BYTES)
    lines = spark.sparkContext.parallelize(groups, len(groups)).flatMap(partial(_envelopes, kind=kind))
    read_as = [StructField("f", IntegerType()), StructField("p", LongType()), StructField("x", StringType())]
    read_as += [StructField("r", kind.spark("key"))] if kind.columns else []
    rows = (
        spark.read.schema(StructType([*read_as, StructField(_CORRUPT, StringType())]))
        .options(columnNameOfCorruptRecord=_CORRUPT, allowNonNumericNumbers=False, maxStringLen=2**31 - 1)
        .json(lines)
    )
    data = [F.col("r").cast(kind.spark("name")).alias("r")] if kind.columns else []
    told = rows.select("f", "p", F.coalesce("x", _CORRUPT).alias(RESCUED), *data)
    lineage = F.broadcast(_file_table(spark, readings, files))
    columns: list[str | Column] = ["r.*"] if kind.columns else []
    return told.join(lineage, "f").select(
        *columns,
        RESCUED,
        "_file_id",
        "_landed_at",
        "_sequencer",
        F.col("p").alias("_position"),
        F.lit(run_id).alias("_run_id"),
        "_origin_file_id",
    )


def quarantine(
    spark: SparkSession,
    readings: Sequence[Reading],
    refused: Sequence[Refused],
    files: Sequence[Landed],
    objects: dict[int, str],
    run_id: str,
) -> DataFrame:
    """What of one dataset is no record, with reason and bytes: the bad pieces of `readings`, and whole files.

    `objects`: by file number, where a file is kept whose bytes fill no cell.
    """
    by_number = {file.number: file for file in files}
    tasks: list[Reading | Refused] = [*refused, *(r for r in readings if r.found.bad)]
    groups = pack(spark, tasks, _quarantine_weight, _FIND_BYTES)
    numbers = {task.file.number if isinstance(task, Refused) else task.part.number for task in tasks}
    named = {n: _named(by_number[n], objects.get(n)) for n in numbers}
    rows = spark.sparkContext.parallelize(groups, len(groups)).flatMap(
        partial(_quarantined, named=named, run_id=run_id)
    )
    return spark.createDataFrame(rows, QUARANTINE, verifySchema=False)


def _named(file: Landed, kept: str | None) -> Named:
    origin = file.origin.file_id if file.origin else None
    return file.file_id, _moment(file.landed_at), kept, file.place, 1, origin


def write(frame: DataFrame, folder: str) -> None:
    """Write Parquet into a folder that only this run writes to."""
    frame.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").mode("append").parquet(folder)


def write_counting(frame: DataFrame, folder: str) -> int:
    """Write a dataset's table; how many of its rows carry their whole record in `_rescued`, as counted on the way."""
    counted = Observation()
    write(frame.observe(counted, F.count(RESCUED).alias("rescued")), folder)
    return int(counted.get["rescued"])


def pack(spark: SparkSession, tasks: Sequence[Any], weight: Callable[[Any], int], target: int) -> list[list[Any]]:
    """Tasks in groups of about `target` bytes, but no fewer than can run at once unless they are small.

    Each group is in the given order, and so are the groups by their first task.
    """
    total = sum(map(weight, tasks))
    at_once = min(spark.sparkContext.defaultParallelism, len(tasks), -(-total // _SMALL))
    count = max(1, at_once, min(len(tasks), -(-total // target)))
    groups: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, group) for group in range(count)]
    for number in sorted(range(len(tasks)), key=lambda number: -weight(tasks[number])):
        load, lightest = heappop(loads)
        groups[lightest].append(number)
        heappush(loads, (load + weight(tasks[number]), lightest))
    return [[tasks[number] for number in sorted(group)] for group in sorted(map(sorted, groups))]


def _weight(part: Part) -> int:
    return part.size * (_GZIP_RATIO if part.gzipped else 1) + _OPEN_COST


def _quarantine_weight(task: Reading | Refused) -> int:
    return task.file.size if isinstance(task, Refused) else _weight(task.part)


def has_records(reading: Reading) -> bool:
    """Whether a part holds any valid record."""
    return reading.found.error is None and reading.found.records > len(reading.found.bad)


def _moment(spelled: str) -> datetime:
    return datetime.fromisoformat(spelled)


def _file_table(spark: SparkSession, readings: Sequence[Reading], files: Sequence[Landed]) -> DataFrame:
    """Number and lineage of the files that are read: a literal that Spark unfolds, so no Python task makes it."""
    numbers = {reading.part.number for reading in readings}
    rows = [
        {"f": file.number, "_file_id": file.file_id, "_landed_at": file.landed_at, "_sequencer": file.sequencer}
        | ({"_origin_file_id": file.origin.file_id} if file.origin else {})
        for file in files
        if file.number in numbers
    ]
    read_as = "array<struct<f:int,_file_id:string,_landed_at:string,_sequencer:string,_origin_file_id:string>>"
    unfolded = spark.range(1).select(F.inline(F.from_json(F.lit(json.dumps(rows)), read_as)))
    return unfolded.withColumn("_landed_at", F.col("_landed_at").cast("timestamp"))


# What follows runs in Spark's Python workers.


def _open(part: Part) -> records.Opener:
    s3 = storage.task_s3() if part.uri.startswith("s3:") else None
    start = max(0, part.start - 1)
    if part.size > _HELD:
        return records.opener(part, lambda: storage.open_stream(s3, part.uri, start))
    held = storage.read(s3, part.uri, start)
    return records.opener(part, lambda: io.BytesIO(held))


def _find_in(parts: Iterable[Part]) -> tuple[list[Found], dict[str, Shape]]:
    examiner = Examiner()
    shapes: dict[str, Shape] = {}
    known: dict[str, set[Kind]] = {}
    founds = []
    for part in parts:
        kinds: dict[Kind, None] = {}  # a set that keeps the order
        found = find_records(part, _open(part), examiner, kinds.setdefault)
        founds.append(found)
        if found.error is not None:
            continue
        into, before = shapes.setdefault(part.dataset, Shape()), known.setdefault(part.dataset, set())
        for kind in kinds:
            if kind not in before:
                into.see(kind)
        before.update(kinds)
        if examiner.variety > _VARIETY:
            examiner.forget()
            known.clear()
    return founds, shapes


def _envelopes(readings: Iterable[Reading], kind: Type) -> Iterator[str]:
    """The valid records, each inside an object that says which file and position it comes from."""
    for reading in readings:
        opened, layout = _open(reading.part), reading.found.layout
        if layout is None:
            continue
        number, first = reading.part.number, reading.first
        bad, odd = set(reading.found.bad), set(reading.found.odd)
        for position, data in records.read(reading.part, opened, layout):
            if data is None or position in bad:
                continue
            text = data.decode()
            if kind.plain and position not in odd:
                yield f'{{"f":{number},"p":{first + position},"r":{text}}}'
                continue
            fitted, lossy = rewrite.rewrite(text, kind)
            kept = f',"x":{_quote(text)}' if lossy else ""
            yield f'{{"f":{number},"p":{first + position},"r":{fitted}{kept}}}'


def _quarantined(tasks: Iterable[Reading | Refused], named: dict[int, Named], run_id: str) -> Iterator[tuple[Any, ...]]:
    examiner = Examiner()
    for task in tasks:
        if isinstance(task, Refused):
            yield _whole_file(task, named[task.file.number], run_id)
            continue
        file_id, landed_at, kept, *rest = named[task.part.number]
        for position, reason, data in _bad_pieces(task, examiner):
            place = None if data is not None else kept
            yield reason, file_id, task.first + position, data, place, landed_at, run_id, *rest


def _whole_file(refused: Refused, named: Named, run_id: str) -> tuple[Any, ...]:
    file, (file_id, landed_at, kept, *rest) = refused.file, named
    data = None
    if file.uri is not None and kept is None:
        data = storage.read(storage.task_s3() if file.uri.startswith("s3:") else None, file.uri)
    return refused.reason, file_id, 0, data, kept, landed_at, run_id, *rest


def _bad_pieces(reading: Reading, examiner: Examiner) -> Iterator[tuple[int, str, bytes | None]]:
    if reading.found.layout is None:
        return
    bad = set(reading.found.bad)
    for position, data in records.read(reading.part, _open(reading.part), reading.found.layout):
        if position not in bad:
            continue
        yield position, _reason(data, examiner), data


def _reason(data: bytes | None, examiner: Examiner) -> str:
    if data is None:
        return f"larger than {records.MAX_RECORD} bytes"
    try:
        examiner.examine(data)
    except NotARecord as error:
        return str(error)
    raise RuntimeError("a record that was bad at first is good now")
