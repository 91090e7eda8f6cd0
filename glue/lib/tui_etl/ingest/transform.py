"""The Spark part of Glue 1: one pass over the staged files, in which each task writes what it reads.

`ingest` gives each dataset's files to some tasks. A task cuts them into records, checks them, and writes typed rows
with their lineage, under the columns that the beginnings of the files suggest (`guess`). If it turns out that the
dataset needs others, none of that counts, and it is read again under the columns that were learned meanwhile.
Afterwards `quarantine` takes the pieces that are no records, with their bytes, from those parts that have any. Nothing
is cached; staged files don't change.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

from pyspark.sql import DataFrame, SparkSession
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
from tui_etl.ingest import guess, records
from tui_etl.ingest.find import Found, find
from tui_etl.ingest.records import Part
from tui_etl.ingest.rows import Rows, Source, Target, Written
from tui_etl.ingest.shape import Shape, decide
from tui_etl.ingest.staging import Landed
from tui_etl.ingest.strict import Examiner, NotARecord

#: A quarantined file or record larger than this is kept as an object of its own instead of in a cell.
MAX_CELL = records.MAX_RECORD
#: Bytes of input that one task reads: of typical JSON, as many as fill a Parquet file of 128 MB or more.
_TASK_BYTES = 1 << 30
#: Bytes of input that one task looks through without writing its rows.
_LOOK_BYTES = 128 << 20
#: What is smaller than this is not worth a task of its own.
_SMALL = 8 << 20
#: Opening a file costs as much as reading this many bytes.
_OPEN_COST = 256 << 10
#: A part up to this size is fetched by one request and held.
_HELD = 16 << 20
#: Kinds of objects that a task remembers; beyond it starts to remember afresh.
_VARIETY = 20_000
_GZIP_RATIO = 8
#: Of each block of a large file, so much is looked at for a guess.
_GLANCE = 32 << 10

logger = logging.getLogger(__name__)


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
    """A part with what was found in it."""

    part: Part
    found: Found


@dataclass
class Learned:
    """What the pass found and wrote: by dataset its readings, its shape and its files; and the readings by file."""

    readings: dict[str, list[Reading]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    written: dict[str, list[Written]] = field(default_factory=dict)
    by_file: dict[int, list[Reading]] = field(default_factory=dict)

    def of(self, file: Landed) -> list[Reading]:
        """The readings of one file, none if it was not read."""
        return self.by_file.get(file.number, [])


@dataclass
class Order:
    """What one task does: read parts of one dataset, and write them to a folder under the columns of a shape."""

    dataset: str
    shape: Shape
    parts: list[Part]
    sources: dict[int, Source]
    target: Target


@dataclass
class Answer:
    """What a task found. `shape`: what it was told and has seen; `seen`: what it has examined itself.

    Nothing is `written` unless all of it fitted, or if there was no record.
    """

    dataset: str
    shape: Shape
    seen: Shape
    founds: list[Found]
    fits: bool
    written: Written | None


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


def ingest(
    spark: SparkSession, files: Sequence[Landed], parts: Sequence[Part], folder_of: Callable[[str], str], run_id: str
) -> Learned:
    """Read all parts, and write each dataset's valid records as Parquet below its folder."""
    learned = Learned()
    guesses = _guesses(files, _number_lines(spark, parts))
    left: dict[str, list[Part]] = {}
    for part in parts:
        left.setdefault(part.dataset, []).append(part)
    shapes = {dataset: _merged(guesses, {part.number for part in left[dataset]}) for dataset in left}
    while left:
        orders = _orders(spark, files, left, shapes, folder_of, run_id)
        answers = spark.sparkContext.parallelize(orders, len(orders)).map(_ingest).collect()
        for dataset in list(left):
            mine = [answer for answer in answers if answer.dataset == dataset]
            shape = _learn(guesses, shapes[dataset], mine)
            if decide(shape) == decide(shapes[dataset]) and all(answer.fits for answer in mine):
                _note(learned, left.pop(dataset), mine)
            else:
                logger.info("reading a dataset again", extra={"dataset": dataset, "run_id": run_id})
            shapes[dataset] = learned.shapes[dataset] = shape
    return learned


def _number_lines(spark: SparkSession, parts: Sequence[Part]) -> dict[int, Shape]:
    """Note in each range of a large file how many lines precede it; returns what was seen on the way, by file."""
    ranges = [part for part in parts if part.end is not None]
    if not ranges:
        return {}
    groups = pack(spark, ranges, _weight, _LOOK_BYTES)
    answers = spark.sparkContext.parallelize(groups, len(groups)).map(_look_through).collect()
    seen: dict[int, Shape] = {}
    lines: dict[tuple[int, int], int] = {}
    for number, start, count, shape in sorted((row for answer in answers for row in answer), key=lambda row: row[:2]):
        lines[number, start] = count
        seen.setdefault(number, Shape()).merge(shape)
    for _, of_file in groupby(sorted(ranges, key=_place), key=lambda part: part.number):
        first = 0
        for part in of_file:
            part.first = first
            first += lines[_place(part)]
    return seen


def _guesses(files: Sequence[Landed], seen: dict[int, Shape]) -> dict[int, Shape]:
    found = guess.shapes(file for file in files if file.uri is not None and file.refused is None)
    for number, shape in seen.items():
        found.setdefault(number, Shape()).merge(shape)
    return found


def _merged(guesses: dict[int, Shape], numbers: set[int]) -> Shape:
    merged = Shape()
    for number in sorted(numbers & guesses.keys()):
        merged.merge(guesses[number])
    return merged


def _learn(guesses: dict[int, Shape], told: Shape, answers: Sequence[Answer]) -> Shape:
    """What a dataset's records show. A guess from a file that is quarantined as a whole is none of it."""
    founds = [found for answer in answers for found in answer.founds]
    bad = {found.number for found in founds if found.error is not None} & guesses.keys()
    for number in bad:
        del guesses[number]
    shape = _merged(guesses, {found.number for found in founds}) if bad else Shape()
    for one in (answer.seen for answer in answers) if bad else (told, *(answer.shape for answer in answers)):
        shape.merge(one)
    return shape


def _orders(
    spark: SparkSession,
    files: Sequence[Landed],
    left: dict[str, list[Part]],
    shapes: dict[str, Shape],
    folder_of: Callable[[str], str],
    run_id: str,
) -> list[Order]:
    sources = {file.number: _source(file) for file in files}
    orders = []
    for dataset, parts in left.items():
        target = Target(folder_of(dataset), run_id, spark.version)
        for group in pack(spark, parts, _weight, _TASK_BYTES):
            mine = {part.number: sources[part.number] for part in group}
            orders.append(Order(dataset, shapes[dataset], group, mine, target))
    return orders


def _source(file: Landed) -> Source:
    origin = file.origin.file_id if file.origin else None
    return Source(file.file_id, _moment(file.landed_at), file.sequencer, origin)


def _note(learned: Learned, parts: Sequence[Part], answers: Sequence[Answer]) -> None:
    by_place = {(found.number, found.start): found for answer in answers for found in answer.founds}
    for part in sorted(parts, key=_place):
        reading = Reading(part, by_place[_place(part)])
        learned.readings.setdefault(part.dataset, []).append(reading)
        learned.by_file.setdefault(part.number, []).append(reading)
    for answer in answers:
        if answer.written:
            learned.written.setdefault(answer.dataset, []).append(answer.written)


def _place(part: Part) -> tuple[int, int]:
    return part.number, part.start


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
    groups = pack(spark, tasks, _quarantine_weight, _LOOK_BYTES)
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


def _moment(spelled: str) -> datetime:
    return datetime.fromisoformat(spelled)


# What follows runs in Spark's Python workers.


def _open(part: Part) -> records.Opener:
    s3 = storage.task_s3() if part.uri.startswith("s3:") else None
    start = max(0, part.start - 1)
    if part.size > _HELD:
        return records.opener(part, lambda: storage.open_stream(s3, part.uri, start))
    held = storage.read(s3, part.uri, start)
    return records.opener(part, lambda: io.BytesIO(held))


def _ingest(order: Order) -> Answer:
    examiner = Examiner()
    rows = Rows(order.shape, order.target)
    founds = []
    try:
        for part in order.parts:
            rows.begin(part, order.sources[part.number])
            founds.append(find(part, _open(part), examiner, rows))
            if examiner.variety > _VARIETY:
                examiner.forget()
                rows.forget()
        written = rows.close()
    finally:
        rows.discard()
    return Answer(order.dataset, rows.shape, rows.seen, founds, rows.fits, written)


def _look_through(parts: Iterable[Part]) -> list[tuple[int, int, int, Shape]]:
    """How many lines begin in each range, and what the first of each block are made of."""
    examiner = Examiner()
    answers = []
    for part in parts:
        lines, shape = 0, Shape()
        with _open(part)() as stream:
            for number, data in records.whole_lines(stream, part.length, part.start > 0):
                lines = number if data is None else number + data.count(b"\n")
                if data is not None and (some := data[: data.rfind(b"\n", 0, _GLANCE) + 1]):
                    shape.merge(guess.of_lines(some, examiner))
        answers.append((part.number, part.start, lines, shape))
    return answers


def _quarantined(tasks: Iterable[Reading | Refused], named: dict[int, Named], run_id: str) -> Iterator[tuple[Any, ...]]:
    examiner = Examiner()
    for task in tasks:
        if isinstance(task, Refused):
            yield _whole_file(task, named[task.file.number], run_id)
            continue
        file_id, landed_at, kept, *rest = named[task.part.number]
        for position, reason, data in _bad_pieces(task, examiner):
            place = None if data is not None else kept
            yield reason, file_id, task.part.first + position, data, place, landed_at, run_id, *rest


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
