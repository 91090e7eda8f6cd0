"""Glue 1 from staged files to written Parquet: nothing lost, nothing changed, everything accounted for."""

from __future__ import annotations

import copy
import gzip
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from corpus import Author
from json_oracle import is_object
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from tui_etl.classify import inputs
from tui_etl.ingest import guess, job, records, staging, strict, transform
from tui_etl.ingest.origin import Origin
from tui_etl.ingest.shape import LINEAGE, RESCUED, column_name
from tui_etl.ingest.staging import Landed
from tui_etl.run import Outcome

BLANK = b" \t\r\n"


class Lake:
    """A folder that stands for the raw bucket, and files that were staged in it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.folder = folder
        self.files: list[Landed] = []
        self.contents: dict[str, bytes] = {}
        (folder / "staging").mkdir(parents=True)
        self.places = job.Places(
            "tui/legacy/", f"file://{folder}/staging", *self._folders("temp", "quarantine"), "jr_1"
        )
        transform.configure(spark)

    def _folders(self, *names: str) -> list[str]:
        return [f"file://{self.folder}/{name}" for name in names]

    def add(self, dataset: str | None, content: bytes, **more: Any) -> str:
        number = len(self.files)
        path = self.folder / "staging" / f"{number}.json"
        path.write_bytes(content)
        identity = f"landing/tui/legacy/{dataset}/{number}.json#v{number}"
        uri = f"file://{path}" if content else None
        given: dict[str, Any] = {"uri": uri, "head": content[: staging.HEAD]} | more
        when = "2024-05-06T07:08:09.123Z"
        self.files.append(
            Landed(number, identity, "landing", f"{number}", "v", dataset, when, f"s{number}", len(content), **given)
        )
        self.contents[identity] = content
        return identity

    def ingest(self) -> Outcome:
        return job.ingest(self.spark, None, self.places, self.files)

    def rows(self, dataset: str) -> DataFrame:
        return self.spark.read.parquet(f"{self.places.temp}/{dataset}/run=jr_1")

    def quarantined(self, dataset: str) -> list[dict[str, Any]]:
        rows = self.spark.read.parquet(f"{self.places.quarantine}/{dataset}/run=jr_1").collect()
        return sorted((row.asDict() for row in rows), key=lambda row: (row["file_id"], row["position"]))


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path)


def says_the_same(column: Any, value: Any, mixed: bool) -> bool:
    """Whether what is in a column tells exactly the JSON value that was there."""
    if value is None:
        return column is None
    if isinstance(value, list) and not mixed:
        return (
            isinstance(column, list)
            and len(column) == len(value)
            and all(says_the_same(*pair, mixed=isinstance(pair[0], str)) for pair in zip(column, value, strict=True))
        )
    if isinstance(value, dict) and isinstance(column, dict):
        names = {column_name(key): inner for key, inner in value.items()}
        return all(
            says_the_same(column.get(name), inner, isinstance(column.get(name), str)) for name, inner in names.items()
        ) and all(inner is None or name in names for name, inner in column.items())
    if isinstance(value, str):
        return column == value
    if isinstance(value, bool) or isinstance(column, bool):
        return column == value if isinstance(column, bool) else column == json.dumps(value)
    if isinstance(value, (int, Decimal)):
        return Decimal(str(column)) == Decimal(value) or float(column) == float(value) and isinstance(column, float)
    return isinstance(column, str) and json.loads(column, parse_float=Decimal) == value


def decoded(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=int)


def records_of(content: bytes) -> dict[int, bytes]:
    lines = content.removeprefix(records.BOM).split(b"\n")
    return {number: line for number, line in enumerate(lines, 1) if line.strip(BLANK)}


def test_generated_files_come_out_as_they_went_in(lake: Lake) -> None:
    for seed in range(6):
        author = Author(seed, tame=seed % 2 == 0)
        for _ in range(2):
            lines = [b'{"id":1}']
            for _ in range(60):
                lines.append(author.broken() if author.random.random() < 0.15 else author.record())
            content = author.random.choice([b"\n", b"\r\n", b"\n\n"]).join(lines)
            lake.add(f"d{seed}", author.random.choice([content, gzip.compress(content), records.BOM + content]))
    outcome = lake.ingest()
    rescued = 0
    for seed in range(6):
        files = {file.file_id: lake.contents[file.file_id] for file in lake.files if file.dataset == f"d{seed}"}
        expected = {
            (file_id, position): line
            for file_id, content in files.items()
            for position, line in records_of(
                gzip.decompress(content) if content[:2] == records.GZIP else content
            ).items()
        }
        good = {place: line for place, line in expected.items() if is_object(line)}
        rows = [row.asDict(recursive=True) for row in lake.rows(f"d{seed}").collect()]
        assert {(row["_file_id"], row["_position"]) for row in rows} == set(good)
        assert len(rows) == len(good)
        for row in rows:
            line = good[row["_file_id"], row["_position"]]
            if row[RESCUED] is not None:
                rescued += 1
                assert row[RESCUED] == line.decode()
                continue
            data = {name: value for name, value in row.items() if name not in LINEAGE and name != RESCUED}
            assert says_the_same(data, decoded(line), mixed=False), (line, data)
        bad = {(row["file_id"], row["position"]): row["bytes"] for row in _quarantined(lake, f"d{seed}")}
        assert bad == {place: line for place, line in expected.items() if not is_object(line)}
    assert rescued > 20
    assert sum(row.rescued for row in outcome.datasets) == rescued
    assert sum(row.records_in for row in outcome.datasets) == sum(
        row.records_out + row.quarantined for row in outcome.datasets
    )


def _quarantined(lake: Lake, dataset: str) -> list[dict[str, Any]]:
    folder = lake.folder / "quarantine" / dataset
    return lake.quarantined(dataset) if folder.exists() else []


def test_hostile_files_each_have_their_outcome(lake: Lake) -> None:
    lines = b'{"n":1}\n{"n":2}\n'
    good = lake.add("mixed", lines)
    truncated = lake.add("mixed", gzip.compress(lines * 500)[:-5])
    table = lake.add("mixed", b"a,b\n1,2\n")
    blank = lake.add("mixed", b"\n \n")
    empty = lake.add("mixed", b"")
    array = lake.add("mixed", b'\n[{"n":3},{"n":4}, 5]')
    document = lake.add("mixed", gzip.compress(b'{\n"n": 5\n}'))
    gone = lake.add("mixed", b"", refused=staging.VANISHED, vanished=True)
    lost = lake.add(None, lines, refused="no dataset: the file lies directly under tui/legacy/")
    alone = lake.add("only_bad", b"garbage")
    outcome = lake.ingest()
    told = {file.file_id: (file.outcome, file.records, file.quarantined) for file in outcome.files}
    assert told == {
        good: ("ingested", 2, 0),
        truncated: ("quarantined", 0, 1),
        table: ("quarantined", 0, 1),
        blank: ("empty", 0, 0),
        empty: ("empty", 0, 0),
        array: ("ingested", 2, 1),
        document: ("ingested", 1, 0),
        gone: ("vanished", 0, 1),
        lost: ("quarantined", 0, 1),
        alone: ("quarantined", 0, 1),
    }
    books = {row.dataset: (row.files, row.records_in, row.records_out, row.quarantined) for row in outcome.datasets}
    assert books == {"_none": (1, 1, 0, 1), "mixed": (8, 9, 5, 4), "only_bad": (1, 1, 0, 1)}
    assert sorted(row["n"] for row in lake.rows("mixed").collect()) == [1, 2, 3, 4, 5]
    kept = {row["file_id"]: row for row in lake.quarantined("mixed")}
    assert set(kept) == {truncated, table, array, gone}
    assert kept[truncated]["bytes"] == lake.contents[truncated]
    assert kept[truncated]["reason"].startswith("not a whole gzip file")
    assert (kept[array]["bytes"], kept[array]["position"]) == (b"5", 3)
    assert kept[array]["reason"] == "a JSON number, not an object"
    assert (kept[gone]["bytes"], kept[gone]["reason"]) == (None, staging.VANISHED)
    (none,) = lake.quarantined("_none")
    assert (none["bytes"], none["position"], none["run_id"]) == (lines, 0, "jr_1")
    assert {output.dataset for output in outcome.outputs} == {"mixed"}
    assert sum(output.records for output in outcome.outputs) == 5


def test_every_row_tells_where_it_comes_from(lake: Lake) -> None:
    first = lake.add("a", b'\n{"_file_id":"mine","_position":"x"}\r\n')
    second = lake.add("a", b'{"_FILE_ID":2}')
    lake.ingest()
    rows = {row["_file_id"]: row for row in lake.rows("a").collect()}
    assert set(rows) == {first, second}
    assert (rows[first]["_position"], rows[second]["_position"]) == (2, 1)
    assert {row["_run_id"] for row in rows.values()} == {"jr_1"}
    assert (rows[first]["_sequencer"], rows[first]["_landed_at"].isoformat()) == ("s0", "2024-05-06T07:08:09.123000")
    assert rows[first][column_name("_position")] == "x"
    assert [rows[one][column_name("_file_id")] for one in (first, second)] == ["mine", "2"]


def test_records_without_any_column_are_rows(lake: Lake) -> None:
    lake.add("empty_objects", b"{}\n{}\n")
    lake.add("only_nulls", b'{"a":null,"b":{"c":null}}\n{"b":{}}')
    outcome = lake.ingest()
    assert [row.records_out for row in outcome.datasets] == [2, 2]
    assert lake.rows("empty_objects").columns == [RESCUED, *LINEAGE]
    assert [row["b"] for row in lake.rows("only_nulls").collect()] == [(None,), (None,)]


def test_files_of_one_dataset_share_their_columns(lake: Lake) -> None:
    for content in (b'{"a":1,"b":1}', b'{"b":2.5}', b'{"B":"x","c":[1]}'):
        lake.add("a", content)
    lake.add("other", b'{"a":"x"}')
    lake.ingest()
    assert lake.rows("a").drop(RESCUED, *LINEAGE).schema.simpleString() == "struct<a:bigint,b:string,c:array<bigint>>"
    assert sorted(row["b"] for row in lake.rows("a").collect()) == ["1", "2.5", "x"]
    assert lake.rows("other").schema["a"].dataType.simpleString() == "string"


def test_many_small_files_are_few_outputs(lake: Lake) -> None:
    for number in range(120):
        lake.add("small", b'{"n":%d}' % number)
    outcome = lake.ingest()
    assert sum(output.records for output in outcome.outputs) == 120
    assert len(outcome.outputs) <= lake.spark.sparkContext.defaultParallelism


@pytest.mark.parametrize(
    ("megabytes", "tasks"),
    [([64] * 160, [1024] * 10), ([1] * 64, [16] * 4), ([1] * 10, [5, 5]), ([3], [3]), ([9] * 3, [9] * 3)],
)
def test_tasks_are_large_and_as_many_as_can_run_at_once(megabytes: list[int], tasks: list[int]) -> None:
    four: Any = SimpleNamespace(sparkContext=SimpleNamespace(defaultParallelism=4))
    groups = transform.pack(four, megabytes, lambda size: size << 20, transform._TASK_BYTES)
    assert [sum(group) for group in groups] == tasks


def test_a_large_file_is_read_in_ranges_with_the_line_numbers_of_the_whole(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "PART_BYTES", 1000)
    lines = [
        b"" if number % 7 == 0 else b'{"n":%d,"pad":"%s"}' % (number, b"x" * (number % 90)) for number in range(1, 400)
    ]
    lines[0] = b'{"n":1,"pad":""}'
    lines[201] = b'{"n":NaN}'
    lake.add("ranges", b"\n".join(lines))
    assert len(staging.parts(lake.files[0])) > 10
    lake.ingest()
    rows = lake.rows("ranges").collect()
    assert sorted(row["n"] for row in rows) == [n for n in range(1, 400) if n % 7 and n != 202]
    assert all(row["n"] == row["_position"] for row in rows)
    assert [(row["position"], row["bytes"]) for row in lake.quarantined("ranges")] == [(202, b'{"n":NaN}')]


def test_one_very_long_record_is_a_row_and_one_beyond_the_limit_is_quarantined(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(staging, "copy", lambda s3, source, target, size: kept.append((source["Key"], target)))
    long = b"x" * (30 << 20)
    over = lake.add("long", b'{"a":"%s"}\n{"a":"%s%s%s"}\n{"a":"y"}' % (long, long, long, long))
    whole = lake.add("long", b'{\n"a":"%s%s%s"}' % (long, long, long))
    outcome = lake.ingest()
    assert sorted(len(row["a"]) for row in lake.rows("long").select("a").collect()) == [1, len(long)]
    places = [f"{lake.places.quarantine}/long/run=jr_1/_large/{number}.json" for number in (0, 1)]
    assert [target for _, target in kept] == places
    rows = [(row["file_id"], row["position"], row["bytes"], row["object"]) for row in lake.quarantined("long")]
    assert rows == [(over, 2, None, places[0]), (whole, 0, None, places[1])]
    assert [(file.records, file.quarantined) for file in outcome.files] == [(2, 1), (0, 1)]


@pytest.mark.parametrize("guessed", [b"{}", b'{"a":1,"b":"x"}', b'{"a":"x","c":1}'])
def test_a_wrong_guess_costs_a_second_reading_and_nothing_else(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, guessed: bytes
) -> None:
    wrong = guess.of_lines(guessed, strict.Examiner())
    monkeypatch.setattr(guess, "shapes", lambda files: {file.number: copy.deepcopy(wrong) for file in files})
    lake.add("a", b'{"a":1,"b":"x"}\n{"a":2.5}\n')
    lake.add("a", b'{"a":3,"c":1}\n{"a":{}}\n' * 40)
    outcome = lake.ingest()
    columns = dict(lake.rows("a").drop(RESCUED, *LINEAGE).dtypes)
    assert columns == {"a": "string", "b": "string", "c": "bigint"}
    assert sorted(row["a"] for row in lake.rows("a").collect()) == sorted(["1", "2.5", *["3", "{}"] * 40])
    assert [row.records_out for row in outcome.datasets] == [82]


def test_what_a_quarantined_file_promised_is_no_column(lake: Lake) -> None:
    lake.add("a", gzip.compress(b'{"a":1,"gone":2}\n' * 3)[:-4])
    lake.add("a", b'{"a":"x"}\n')
    lake.ingest()
    assert lake.rows("a").drop(RESCUED, *LINEAGE).schema.simpleString() == "struct<a:string>"


def test_glue_2_reads_the_files_by_the_types_in_their_footers(lake: Lake) -> None:
    lake.add("a", b'{"n":1,"Ort":"x","o":{"b c":[{"d":0.5}],"e":{}},"l":[]}\n{"mixed":1}\n{"mixed":"x"}')
    (group,) = inputs.group(None, lake.ingest().outputs)
    assert group.schema == lake.rows("a").schema
    rows = inputs.read(lake.spark, group).orderBy("_position").collect()
    assert [row["_position"] for row in rows] == [1, 2, 3]
    assert rows[0]["o"][column_name("b c")] == [(0.5,)]
    assert [row["mixed"] for row in rows] == [None, "1", "x"]
    assert rows == lake.rows("a").orderBy("_position").collect()


def test_files_that_no_successful_task_names_are_removed(lake: Lake) -> None:
    lake.add("a", b'{"a":1}')
    stray = lake.folder / "temp" / "a" / "run=jr_1" / "part-of-a-failed-attempt.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"PAR1")
    outcome = lake.ingest()
    assert [output.records for output in outcome.outputs] == [1]
    assert not stray.exists()


def test_written_types_are_few(lake: Lake) -> None:
    for seed in range(6):
        author = Author(seed, tame=False)
        lake.add("types", b"\n".join(author.record() for _ in range(40)))
    lake.ingest()
    assert _scalars(lake.rows("types").schema) <= {"bigint", "double", "string", "boolean", "timestamp"}


def _scalars(kind: Any) -> set[str]:
    if isinstance(kind, StructType):
        return set().union(*(_scalars(field.dataType) for field in kind.fields))
    return _scalars(kind.elementType) if kind.typeName() == "array" else {kind.simpleString()}


def test_records_from_quarantine_name_their_origin_whether_they_are_good_now_or_not(
    spark: SparkSession, lake: Lake
) -> None:
    come = Origin("landing/tui/legacy/again/old.json#v", "2024-01-01T00:00:00.000Z", lines=True)
    again = lake.add("again", b'{"n":1\n{"n":2}\n[1]\n', origin=come)
    new = lake.add("again", b'{"n":3}')
    broken = lake.add("again", b"no file", origin=Origin(come.file_id, come.landed_at))
    [balance] = lake.ingest().datasets
    rows = {(row["n"], row["_file_id"]): row["_origin_file_id"] for row in lake.rows("again").collect()}
    assert rows == {(2, again): come.file_id, (3, new): None}
    kept = {(row["file_id"], row["position"]): row for row in lake.quarantined("again")}
    assert set(kept) == {(again, 1), (again, 3), (broken, 0)}
    assert {(row["dataset"], row["stage"], row["origin_file_id"]) for row in kept.values()} == {
        ("again", 1, come.file_id)
    }
    assert (balance.records_in, balance.records_out, balance.quarantined, balance.reingested) == (5, 2, 3, 4)
