"""The odd inputs of docs/ingest.md: what Glue 1 makes of each, exactly, and that none disturbs another."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyarrow import parquet
from pyspark.sql import SparkSession
from test_ingest_spark import Lake

from local.demo.hostile import CASES, LARGE, LONG_KEY, large, nested
from tests.ingest_page import odd_inputs
from tui_etl.ingest import records, staging
from tui_etl.ingest.shape import LINEAGE, RESCUED
from tui_etl.report import FileOutcome
from tui_etl.run import Outcome

NO_JSON = "not JSON: it begins with neither an object nor an array"
Row = dict[str, Any]


@dataclass(frozen=True)
class Want:
    """What one odd input becomes; rows are in the order of files and positions.

    `rescued`: the texts that rows carry, by their number from 0. `bad`: position and reason of what is quarantined.
    `outcome`: of its files, if it isn't that some record was taken in.
    """

    rows: tuple[Row, ...] = ()
    rescued: Mapping[int, str] = field(default_factory=dict)
    bad: tuple[tuple[int, str], ...] = ()
    outcome: str = "ingested"


def rows(*found: Row, rescued: Mapping[int, str] | None = None) -> Want:
    return Want(found, rescued or {})


def partly(*bad: tuple[int, str], first: Row | None = None) -> Want:
    """One good record, and others that are quarantined."""
    return Want(({"a": 1} if first is None else first,), bad=bad)


def refused(reason: str) -> Want:
    return Want(bad=((0, reason),), outcome="quarantined")


def text_of(name: str) -> str:
    (content,) = CASES[name].files.values()
    return content.decode().splitlines()[0]


def deep(levels: int, innermost: Any) -> Any:
    return [deep(levels - 1, innermost)] if levels else innermost


def members(name: str) -> str:
    """The JSON text of the object inside a record of one key."""
    return text_of(name).partition(":")[2][:-1]


def to_the_limit() -> Row:
    return {f"k{number}": number for number in range(2000)}


EMPTY = Want(outcome="empty")
TWO = rows({"a": 1}, {"a": 2})
WANT = {
    "keys that differ in case": rows({"id": 1}, {"id": 2}, {"id": 3}),
    "two spellings of a key in one record": rows({"id": 2}, rescued={0: '{"id":1,"ID":2}'}),
    "a repeated key": rows({"a": 2}, {"a": 3}, rescued={0: '{"a":1,"a":2}'}),
    "an empty key": rows({"_e3b0c442": 1}),
    "keys with a dot, a space, an equals sign": rows({"a_b_2e7336dc": 1, "b_c_47d8a4a8": 2, "k_v_9246d2c0": 3}),
    "a key of 300 characters": rows({LONG_KEY[:119] + "_17b16d8e": 1}),
    "keys beyond ASCII": rows({"gr__e_d353a267": 1, "__85217f7a": 2}),
    "a key with the name of a lineage column": rows({"_file_id_433dac64": "mine"}),
    "keys with the names of Iceberg's own columns": rows({"_deleted_8693a0b1": True, "_file_62e9b8e5": "f"}),
    "a nested object with a card's number as a key": rows({"seats": '{"4111111111111111":"12A"}'}),
    "a key that is a card's number": rows({"b": 2}, rescued={0: '{"4111 1111 1111 1111":"12A","b":2}'}),
    "a key that is half a surrogate pair": rows({"b": 2}, rescued={0: '{"\\ud83d":1,"b":2}'}),
    "nested 100 deep": rows({"a": deep(10, nested(90)[5:-1])}),
    "nested beyond 1,000 levels": partly((2, "nested deeper than 1000 levels")),
    "integers beyond 64 bits": rows({"n": "9223372036854775808"}, {"n": "1"}),
    "a number beyond a double": rows({"n": "0.1234567890123456789"}, {"n": "1e400"}),
    "NaN and Infinity": partly((2, "NaN is not JSON"), (3, "-Infinity is not JSON"), first={"n": 1}),
    "half a surrogate pair": rows({"a": "x\ufffd"}, {"a": "😀"}, rescued={0: '{"a":"x\\ud83d"}'}),
    "a field of several types": rows({"v": "1.50"}, {"v": "x"}, {"v": '{"a":[true]}'}),
    "a string that reads like JSON, in such a field": rows({"v": "1"}, {"v": "1"}, rescued={1: '{"v":"1"}'}),
    "only nulls": rows({}),
    "an object without keys": rows({}),
    "a nested object of 1,001 keys": rows({"m": members("a nested object of 1,001 keys")}),
    "2,001 keys": rows(to_the_limit(), rescued={0: text_of("2,001 keys")}),
    "single quotes, comments, trailing commas": partly(
        (2, "Expecting property name enclosed in double quotes at character 1"),
        (3, "text after the JSON value at character 7"),
        (4, "Expecting property name enclosed in double quotes at character 7"),
        (5, "Expecting ',' delimiter at character 6"),
        (6, "Invalid control character at at character 6"),
    ),
    "two documents on a line": partly((2, "text after the JSON value at character 7")),
    "lines that are no objects": partly(
        *((n, f"a JSON {kind}, not an object") for n, kind in enumerate(("number", "string", "null", "array"), 2))
    ),
    "elements that are no objects": partly((2, "a JSON number, not an object"), (3, "a JSON null, not an object")),
    "an array with a broken element": refused("not JSON: NaN is not JSON"),
    "half a document": refused("not JSON: Expecting value at character 18"),
    "half an array": refused("not JSON: an array without a comma or an end where one is due"),
    "no JSON at all": refused(NO_JSON),
    "a byte order mark": TWO,
    "a byte order mark in the middle": partly((2, "Expecting value at character 0")),
    "carriage returns": TWO,
    "UTF-16": refused("not JSON: UTF-16, not UTF-8"),
    "a line in Latin-1": partly((2, "invalid UTF-8 at byte 9"), first={"a": "café"}),
    "a document in Latin-1": refused("not JSON: invalid UTF-8 at byte 11"),
    "an empty file": EMPTY,
    "a blank file": EMPTY,
    "an empty array": EMPTY,
    "a truncated gzip file": refused(
        "not a whole gzip file: Compressed file ended before the end-of-stream marker was reached"
    ),
    "gzip that isn't called so": rows({"a": 1}),
    "called gzip and isn't": rows({"a": 1}),
    "gzip files laid end to end": TWO,
    "gzip in gzip": refused(NO_JSON),
    "equal records": rows({"a": 1}, {"a": 1}, {"a": 1}),
    "a new field in a later file": rows({"a": 1, "b": None}, {"a": 2, "b": True}),
    "a field that is missing later": rows({"a": 1, "b": "x"}, {"a": 2, "b": None}),
    "whole numbers that become fractions": rows({"n": 1.0}, {"n": 2.5}),
    "a field that becomes another type": rows({"t": "1"}, {"t": "[1]"}),
}


@dataclass
class Ingested:
    """One run over all odd inputs, each a dataset of its own."""

    lake: Lake
    outcome: Outcome
    files: dict[str, list[str]]  # the file ids of each case
    datasets: dict[str, str]

    def rows(self, name: str) -> list[Row]:
        return in_order(self.lake.folder / "temp" / self.datasets[name], "_file_id", "_position")

    def quarantined(self, name: str) -> list[Row]:
        return in_order(self.lake.folder / "quarantine" / self.datasets[name], "file_id", "position")

    def told(self, name: str) -> list[FileOutcome]:
        return [file for file in self.outcome.files if file.file_id in self.files[name]]


def in_order(folder: Path, *by: str) -> list[Row]:
    """The rows of a dataset's only run, read without Spark."""
    found = parquet.read_table(folder / "run=jr_1").to_pylist() if folder.exists() else []
    return sorted(found, key=lambda row: [row[name] for name in by])


@pytest.fixture(scope="module")
def ingested(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    lake = Lake(spark, tmp_path_factory.mktemp("odd"))
    datasets = {name: f"case_{number}" for number, name in enumerate(CASES)}
    files = {
        name: [lake.add(datasets[name], content) for content in case.files.values()] for name, case in CASES.items()
    }
    return Ingested(lake, lake.ingest(), files, datasets)


def test_each_odd_input_has_an_expectation() -> None:
    assert list(WANT) == list(CASES)


@pytest.mark.parametrize("name", WANT)
def test_an_odd_input_becomes_what_the_page_says(ingested: Ingested, name: str) -> None:
    want, found = WANT[name], ingested.rows(name)
    data = [{key: value for key, value in row.items() if key not in (*LINEAGE, RESCUED)} for row in found]
    assert repr(data) == repr(list(want.rows))  # 1, 1.0 and true are equal, and no other thing is
    assert {number: row[RESCUED] for number, row in enumerate(found) if row[RESCUED] is not None} == want.rescued
    bad = ingested.quarantined(name)
    assert [(row["position"], row["reason"]) for row in bad] == list(want.bad)
    assert [row["bytes"] for row in bad] == [piece(name, position) for position, _ in want.bad]
    assert {file.outcome for file in ingested.told(name)} == {want.outcome}
    good, quarantined = odd_inputs()[name]
    assert (len(found), len(bad)) == (good, quarantined)
    told = ingested.told(name)
    assert (sum(file.records for file in told), sum(file.quarantined for file in told)) == (good, quarantined)


def piece(name: str, position: int) -> bytes:
    """The bytes that a quarantined record has to keep: of the whole file, a line, or an element."""
    (content,) = CASES[name].files.values()
    if position == 0:
        return content
    if content.startswith(b"["):
        return content.strip(b"[]").split(b",")[position - 1].strip()
    return content.split(b"\n")[position - 1]


def test_the_odd_inputs_balance_together(ingested: Ingested) -> None:
    numbers = odd_inputs()
    books = {row.dataset: (row.records_in, row.records_out, row.quarantined) for row in ingested.outcome.datasets}
    assert books == {ingested.datasets[name]: (sum(numbers[name]), *numbers[name]) for name in CASES}


def test_in_one_dataset_each_odd_file_has_the_outcome_that_it_has_alone(lake_of_one: Lake, ingested: Ingested) -> None:
    alone = [file for name in CASES for file in ingested.told(name)]
    for case in CASES.values():
        for content in case.files.values():
            lake_of_one.add("all", content)
    outcome = lake_of_one.ingest()
    assert [(file.outcome, file.records, file.quarantined, file.reason) for file in outcome.files] == [
        (file.outcome, file.records, file.quarantined, file.reason) for file in alone
    ]


@pytest.fixture
def lake_of_one(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path)


# --- a line that no task may hold ---

MEBIBYTE = 1 << 20


def test_one_line_of_200_mb_is_quarantined_in_bounded_memory(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []
    monkeypatch.setattr(staging, "copy", lambda s3, source, target, size: kept.append(target))
    (content,) = large().files.values()
    small, big = Lake(spark, tmp_path / "small"), Lake(spark, tmp_path / "big")
    small.add("large", b'{"a":1}\n' * 10)
    with fresh_workers(spark) as base:
        small.ingest()
    files = [big.add("large", content), big.add("large", gzip.compress(content, 1))]
    del content
    with fresh_workers(spark) as most:
        outcome = big.ingest()
    assert [(file.outcome, file.records, file.quarantined) for file in outcome.files] == [("ingested", 2, 1)] * 2
    good, quarantined = odd_inputs()[LARGE]
    assert [(row.records_out, row.quarantined) for row in outcome.datasets] == [(2 * good, 2 * quarantined)]
    bad = in_order(big.folder / "quarantine" / "large", "file_id", "position")
    assert [(row["file_id"], row["position"], row["bytes"], row["object"]) for row in bad] == [
        (file_id, 2, None, place) for file_id, place in zip(files, kept, strict=True)
    ]
    assert {row["reason"] for row in bad} == {f"larger than {records.MAX_RECORD} bytes"}
    # As much as the largest record that is taken in, twice, and some blocks; the line has three times that.
    assert max(most) - max(base) < 2.5 * records.MAX_RECORD / MEBIBYTE < 200_000_000 / MEBIBYTE


@contextmanager
def fresh_workers(spark: SparkSession) -> Iterator[list[float]]:
    """Has Spark start Python workers of their own for what is run inside; gives the most MiB that each had resident."""
    most: list[float] = []
    mark, environment = uuid4().hex, spark.sparkContext.environment
    environment["TEST_MARK"] = mark
    try:
        yield most
    finally:
        del environment["TEST_MARK"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                status = (process / "status").read_text()
                most.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        except (OSError, IndexError):  # another's process, or one that has ended
            continue
