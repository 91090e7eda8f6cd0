"""Following a file: what the ledger and the books of the runs say, put together."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tui_etl import lineage, manifest, protocol, report
from tui_etl.ledger import Ledger
from tui_etl.lineage import Source
from tui_etl.storage import Clients

FILE = "landing/tui/legacy/stays/a b.json#v1"
PK = protocol.file_pk(FILE)


@dataclass
class Books:
    """A ledger and reports in memory."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    manifests: dict[str, set[str]] = field(default_factory=dict)
    numbers: dict[tuple[str, str, str], dict[str, int]] = field(default_factory=dict)

    def source(self) -> Source:
        return Source(
            self.items.get,
            self.reports.__getitem__,
            lambda uri, stage, run_id: self.manifests[f"{stage}-{run_id}"] if uri == f"{stage}-{run_id}" else set(),
            lambda *place: self.numbers.get(place, {}),
            lambda: [uri.removeprefix("files-3-") for uri, _, _ in self.numbers if uri.startswith("files-3-")],
        )

    def run(self, stage: int, run_id: str, took: str | None, state: str = "COMMITTED", **numbers: int) -> str:
        """A run that holds an item, has it in its manifest, and tells these numbers of the file."""
        pk = protocol.run_pk(stage, run_id)
        name = f"{stage}-{run_id}"
        self.items[pk] = {"state": state, "started_by": "a test", "manifest": name, "report": name}
        if took:
            self.items[took]["assigned_to"] = run_id
        self.manifests[name] = {took} if took else set()
        tables = ["tui_legacy_dev.stays"] if stage == 3 else []
        self.reports[name] = {"datasets": [{"dataset": "stays", "tables": tables}], "files": []}
        if stage == 1:
            outcome = {"file_id": FILE, "dataset": "stays", "outcome": "ingested", "reason": None}
            self.reports[name]["files"] = [{"file_id": "another", "records": 9}, outcome | numbers]
        else:
            self.reports[name]["files_uri"] = f"files-{name}"
            if numbers:
                self.numbers[f"files-{name}", "stays", FILE] = numbers
        return pk


@pytest.fixture
def books() -> Books:
    made = Books({PK: {"dataset": "stays", "taken_in_by": "copy-prefix", "taken_in_at": "2026-05-08T10:00:00.000Z"}})
    first = made.run(1, "jr_1", PK, records=5, quarantined=2)
    second = made.run(2, "jr_2", first, records_in=5, legacy=4, secured=1)
    made.run(3, "jr_3", second, records_in=5, legacy=3, secured=1, superseded=1)
    return made


def test_a_file_is_followed_from_its_batch_to_its_tables(books: Books) -> None:
    seen = lineage.follow(FILE, books.source())
    assert seen.item is not None
    assert seen.item["taken_in_by"] == "copy-prefix"
    assert [(step.stage, step.run_id, step.state) for step in seen.steps] == [
        (1, "jr_1", "COMMITTED"),
        (2, "jr_2", "COMMITTED"),
        (3, "jr_3", "COMMITTED"),
    ]
    assert (seen.steps[0].outcome, seen.steps[2].tables) == ("ingested", ("tui_legacy_dev.stays",))
    assert (seen.records(), seen.conformed(), seen.standing(), seen.problems()) == (7, 4, 4, [])


def test_rows_that_later_runs_replaced_do_not_stand(books: Books) -> None:
    books.run(3, "jr_4", None, replaced=2)
    books.run(3, "jr_5", None, state="VOID", replaced=1)
    books.run(3, "jr_6", None, records_in=1, legacy=1)
    seen = lineage.follow(FILE, books.source())
    assert [step.run_id for step in seen.later] == ["jr_4"]
    assert (seen.conformed(), seen.standing(), seen.problems()) == (4, 2, [])
    books.run(3, "jr_7", None, replaced=3)
    assert lineage.follow(FILE, books.source()).problems() == [f"{FILE}: 1 more rows replaced than conformed"]


def test_a_file_without_an_item_or_a_run_has_no_steps(books: Books) -> None:
    assert lineage.follow("landing/else#v1", books.source()) == lineage.Lineage("landing/else#v1", None)
    del books.items[PK]["assigned_to"]
    assert lineage.follow(FILE, books.source()).steps == ()


def test_the_way_ends_at_a_run_that_has_not_committed(books: Books) -> None:
    books.items["RUN#2#jr_2"]["state"] = "STARTED"
    seen = lineage.follow(FILE, books.source())
    assert [(step.run_id, step.state) for step in seen.steps] == [("jr_1", "COMMITTED"), ("jr_2", "STARTED")]
    assert (seen.standing(), seen.problems()) == (0, [])


def test_a_committed_run_that_does_not_list_the_item_has_not_taken_it(books: Books) -> None:
    books.manifests["2-jr_2"] = {"RUN#1#another"}
    assert [step.run_id for step in lineage.follow(FILE, books.source()).steps] == ["jr_1"]


def test_a_file_that_was_quarantined_whole_has_no_numbers_later_on() -> None:
    books = Books({PK: {}})
    first = books.run(1, "jr_1", PK, records=0, quarantined=1)
    books.run(3, "jr_3", books.run(2, "jr_2", first))
    seen = lineage.follow(FILE, books.source())
    assert (len(seen.steps), seen.records(), seen.standing(), seen.problems()) == (3, 1, 0, [])


@pytest.mark.parametrize(
    ("stage", "numbers", "problem"),
    [
        (1, {"records": 6}, "6 records by Glue 1, 5 into Glue 2"),
        (2, {"secured": 0}, "5 into Glue 2, 4 legacy + secured"),
        (3, {"records_in": 4, "superseded": 0}, "5 into Glue 2, 4 into Glue 3"),
        (3, {"superseded": 0}, "5 into Glue 3, 4 conformed + superseded + quarantined"),
    ],
)
def test_stages_that_disagree_are_told(books: Books, stage: int, numbers: dict[str, int], problem: str) -> None:
    name = f"{stage}-jr_{stage}"
    told = books.reports[name]["files"][1] if stage == 1 else books.numbers[f"files-{name}", "stays", FILE]
    told.update(numbers)
    assert lineage.follow(FILE, books.source()).problems() == [f"{FILE}: {problem}"]


@pytest.fixture
def table(aws: Clients) -> Iterator[str]:
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    aws.dynamodb.delete_table(TableName=name)


def test_the_ledger_and_the_state_bucket_are_read(aws: Clients, table: str) -> None:
    bucket = f"state-{uuid.uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=bucket)
    ledger = Ledger(aws.dynamodb, table)
    place = report.files_uri(bucket, 3, "jr_3")
    for number, rows in enumerate(([("a", 1), ("c", 3)], [(FILE, 2)])):
        content = pa.BufferOutputStream()
        parquet.write_table(pa.table({"file_id": [r[0] for r in rows], "legacy": [r[1] for r in rows]}), content)
        key = f"lineage/stage=3/run=jr_3/dataset=stays/part-{number}.parquet"
        aws.s3.put_object(Bucket=bucket, Key=key, Body=content.getvalue().to_pybytes())
    manifest.write(aws.s3, f"s3://{bucket}/m.jsonl", 3, "jr_3", "job", ["RUN#2#jr_2"], [])
    aws.s3.put_object(Bucket=bucket, Key="r.json", Body=json.dumps({"datasets": []}).encode())
    ledger.put_run(3, "jr_3", "job", "a test")
    source = lineage.connect(ledger, aws.s3, bucket)
    assert (source.numbers(place, "stays", FILE), source.numbers(place, "stays", "b")) == ({"legacy": 2}, {})
    assert source.numbers(place, "another", FILE) == {}
    assert list(source.conform_runs()) == ["jr_3"]
    assert source.items(f"s3://{bucket}/m.jsonl", 3, "jr_3") == {"RUN#2#jr_2"}
    assert source.report(f"s3://{bucket}/r.json") == {"datasets": []}
    item = source.get("RUN#3#jr_3")
    assert item is not None
    assert item["state"] == "STARTED"
