"""From landing to Athena, with everything that S3 allows a name to be, in one flow that all these tests look at."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from local.demo.books import expected_of_files
from local.demo.flow import Stock, take_stock
from local.demo.hostile import QUICK, folder_of
from local.demo.landing import Landed, LocalFile, land
from local.demo.observe import Snapshot
from local.demo.reference import Count
from tests.end_to_end.input import (
    HOSTILE_NAMES,
    awkward_files,
    first_of_its_name,
    hostile_files,
    lines,
    many_files,
    odd_files,
    samples,
)
from tests.ingest_page import odd_inputs
from tests.pipeline_under_test import Watched
from tui_etl import lineage, storage
from tui_etl.ledger import Ledger
from tui_etl.report import files_of

MANY = 300
# Files gather for the queue's batching window (3 s here), so what is uploaded within a few windows makes as many
# starts; one more may come from reconcile, which looks when a run ends.
HANDFUL = 5
HOPELESS = "no JSON, and never will be"
CLI_KEY = "tui/legacy/cli drop/x.json"


@dataclass
class Flow:
    """What was landed, and what there was in the end."""

    landed: list[Landed]
    copies: list[Landed]
    doubled: Landed
    runs_for_many: int
    snapshot: Snapshot
    stock: Stock


@pytest.fixture(scope="module")
def flow(pipeline: Watched, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    folder = tmp_path_factory.mktemp("input")
    many = pipeline.drop(folder, many_files(MANY) | first_of_its_name())
    runs_for_many = len(pipeline.ingested(many).glue_runs(1, ("SUCCEEDED",)))
    rest = pipeline.drop(folder, hostile_files() | awkward_files() | odd_files()) + land(
        pipeline.s3, pipeline.bucket("landing"), samples(folder / "s")
    )
    copies = copy_twice(pipeline, folder)
    landed = many + rest + copies
    pipeline.ingested(landed)
    send_event_again(pipeline, rest[0])
    pipeline.sqs.send_message(QueueUrl=pipeline.outputs["queue_url"], MessageBody=HOPELESS)
    pipeline.friday()
    snapshot = pipeline.conformed()
    return Flow(landed, copies, rest[0], runs_for_many, snapshot, take_stock(pipeline, snapshot, landed))


def aws_cli(pipeline: Watched, *arguments: str) -> Any:
    """The plain AWS CLI, with no more than what `make up` prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(pipeline.instance.folder)}
    environment |= {"TUI_LOCAL_DIR": str(pipeline.instance.folder), "TUI_LOCAL_PORT": str(pipeline.instance.port)}
    command = f'eval "$({sys.executable} -m local env)" && exec {Path(sys.executable).parent}/aws "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "aws", *arguments],
        env=environment,
        cwd=pipeline.instance.repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout


def copy_twice(pipeline: Watched, folder: Path) -> list[Landed]:
    """The same key twice through the AWS CLI, each time with another record."""
    bucket = pipeline.bucket("landing")
    landed = []
    for number in (1, 2):
        path = folder / f"copy {number}.json"
        path.write_bytes(lines({"copy": number}))
        aws_cli(pipeline, "s3", "cp", str(path), f"s3://{bucket}/{CLI_KEY}")
        version = pipeline.s3.head_object(Bucket=bucket, Key=CLI_KEY)["VersionId"]
        file = LocalFile(path, CLI_KEY.removeprefix("tui/legacy/"))
        landed.append(Landed(file, f"{bucket}/{CLI_KEY}#{version}", path.stat().st_size))
    return landed


def send_event_again(pipeline: Watched, landed: Landed) -> None:
    """A second event for a version that is ingested already, as S3 would deliver it."""
    from urllib.parse import quote_plus

    location, _, version = landed.file_id.rpartition("#")
    bucket, _, key = location.partition("/")
    thing = {
        "key": quote_plus(key, safe="/"),
        "size": landed.size,
        "eTag": "0",
        "versionId": version,
        "sequencer": "00",
    }
    event = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-05-08T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": thing},
    }
    function = pipeline.outputs["functions"]["copy-prefix"]

    def invocations() -> int:
        return sum(entry["function"] == function for entry in pipeline.journal("invocations"))

    before = invocations()
    pipeline.sqs.send_message(QueueUrl=pipeline.outputs["queue_url"], MessageBody=json.dumps({"Records": [event]}))
    pipeline.wait_for(lambda: invocations() > before, "invocation of copy-prefix for the second event", 120)


def test_every_record_is_in_a_table_or_in_quarantine(flow: Flow) -> None:
    assert flow.stock.problems() == []
    totals = Counter({account.dataset: account.conformed for account in flow.stock.accounts})
    assert totals["many"] == 2 * MANY
    assert totals["bookings"] > 0
    assert sum(account.quarantined for account in flow.stock.accounts) >= 11  # the samples' broken records


def test_the_lineage_of_each_file_adds_up_to_its_records_and_its_rows(pipeline: Watched, flow: Flow) -> None:
    rows: Counter[str] = Counter()
    for database, table in pipeline.tables():
        of_files = pipeline.query(f'SELECT "_file_id", count(*) FROM "{database}"."{table}" GROUP BY "_file_id"')
        rows += Counter({str(file_id): int(number or 0) for file_id, number in of_files})
    source = followed(pipeline)
    ways = {file.file_id: lineage.follow(file.file_id, source) for file in flow.landed}
    expected = expected_of_files(flow.landed, flow.snapshot.folders)
    assert [problem for way in ways.values() for problem in way.problems()] == []
    found = {file_id: Count(way.number(1, "records"), way.number(1, "quarantined")) for file_id, way in ways.items()}
    assert found == {file_id: count for file_id, (_, count) in expected.items()}
    assert {file_id: way.standing() for file_id, way in ways.items() if way.standing()} == dict(rows)
    for way in ways.values():
        lost = way.number(3, "superseded") + sum(step.numbers["replaced"] for step in way.later)
        refused = way.number(1, "quarantined") + way.number(3, "quarantined")
        assert way.records() == way.standing() + lost + refused
    assert sum(way.number(3, "superseded") for way in ways.values()) > 0
    assert sum(way.number(2, "legacy") for way in ways.values()) > 0


def test_every_file_is_listed_with_what_became_of_it(flow: Flow) -> None:
    assert {row.file_id for row in flow.stock.files} == {file.file_id for file in flow.landed}
    found: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for row in flow.stock.files:
        if row.dataset == "odd_inputs":
            found[row.file.split("/")[1]] += row.records
            quarantined[row.file.split("/")[1]] += row.quarantined
            assert row.reason or not row.quarantined, row
    page = {folder_of(name): odd_inputs()[name] for name in QUICK}
    assert {name: (found[name], quarantined[name]) for name in found} == page


def followed(pipeline: Watched) -> lineage.Source:
    """The ledger and the books of the pipeline; the numbers of a dataset's files are read once for all of them."""
    ledger = Ledger(pipeline.dynamodb, pipeline.outputs["ledger_table"])
    source = lineage.connect(ledger, pipeline.s3, pipeline.bucket("state"))

    @cache
    def dataset_of_run(files_uri: str, dataset: str) -> dict[str, dict[str, int]]:
        parts = storage.parquet_files(pipeline.s3, files_of(files_uri, dataset))
        tables = [parquet.read_table(io.BytesIO(pipeline.read(part.uri))).to_pylist() for part in parts]
        return {row.pop("file_id"): row for table in tables for row in table}

    return replace(source, numbers=lambda uri, dataset, file_id: dataset_of_run(uri, dataset).get(file_id, {}))


def test_what_no_rule_names_is_secured(flow: Flow) -> None:
    tables = {account.dataset: account.tables for account in flow.stock.accounts}
    for dataset in ("many", "hostile", "cli_drop", "customers", "crew_payroll", "excursions", "loyalty_points"):
        assert tables[dataset] == [f"tui_secured_dev.{dataset}"]
    assert tables["bookings"] == ["tui_legacy_dev.bookings", "tui_secured_dev.bookings"]
    assert tables["flights"] == ["tui_legacy_dev.flights"]


def test_300_files_at_once_start_a_handful_of_runs(flow: Flow) -> None:
    assert 1 <= flow.runs_for_many <= HANDFUL


def test_names_survive_from_landing_to_athena(pipeline: Watched, flow: Flow) -> None:
    rows = pipeline.query('SELECT "_file_id", "name" FROM "tui_secured_dev"."hostile"')
    expected = {landed.file_id: landed.file.path.name for landed in flow.landed if landed.file.folder == "hostile"}
    names = {name.rpartition("/")[2] for name in HOSTILE_NAMES}
    assert {file_id: (name or "").rpartition("/")[2] for file_id, name in rows} == expected
    assert set(expected.values()) == names


def test_two_folders_are_never_one_table(pipeline: Watched, flow: Flow) -> None:
    files = {file.file.name: file for file in flow.landed if file.file.name.lower().startswith("same")}
    first, other, later = (files[name] for name in ("same_name/a.json", "Same-Name/a.json", "same_name/b.json"))
    runs = [flow.snapshot.files[file.file_id]["assigned_to"] for file in (first, other)]
    assert runs[0] != runs[1]
    rows = pipeline.query('SELECT "_file_id", count(*) FROM "tui_secured_dev"."same_name" GROUP BY "_file_id"')
    assert sorted(rows) == sorted([[first.file_id, "3"], [later.file_id, "1"]])
    [told] = [
        outcome
        for report in flow.stock.reports
        if report["stage"] == 1
        for outcome in report["files"]
        if outcome["file_id"] == other.file_id
    ]
    reason = "the folder 'Same-Name' means the table same_name, which the folder 'same_name' has"
    assert (told["outcome"], told["quarantined"], told["reason"]) == ("quarantined", 1, reason)


def test_a_second_copy_of_a_key_is_new_work(pipeline: Watched, flow: Flow) -> None:
    rows = pipeline.query('SELECT "_file_id", "copy" FROM "tui_secured_dev"."cli_drop"')
    assert sorted(rows) == sorted([flow.copies[n].file_id, str(n + 1)] for n in (0, 1))


def test_a_second_event_for_a_version_is_no_work(flow: Flow) -> None:
    assert len(flow.snapshot.files) == len({landed.file_id for landed in flow.landed}) == len(flow.landed)
    times = sum(
        outcome["file_id"] == flow.doubled.file_id
        for report in flow.stock.reports
        if report["stage"] == 1
        for outcome in report["files"]
    )
    assert times == 1


def test_a_hopeless_message_is_set_aside_with_its_reason(pipeline: Watched, flow: Flow) -> None:
    queue = pipeline.outputs["dead_letter_queue_urls"]["landing"]

    def receive() -> list[dict[str, Any]]:
        answer = pipeline.sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], WaitTimeSeconds=1)
        return answer.get("Messages", [])

    [message] = pipeline.wait_for(receive, "message in the landing queue's dead letters", 60)
    assert message["Body"] == HOPELESS
    assert message["MessageAttributes"]["reason"]["StringValue"]
    assert pipeline.queue_depth(pipeline.outputs["queue_url"]) == 0


def test_each_committed_run_is_told_once_and_no_ticket_is_raised(pipeline: Watched, flow: Flow) -> None:
    committed = [run for run in flow.snapshot.runs if run["state"] == "COMMITTED"]
    mails = [f"{mail['subject']}\n{mail['message']}" for mail in pipeline.mails()]
    assert [run["run_id"] for run in committed if sum(run["run_id"] in mail for mail in mails) != 1] == []
    assert len(mails) == len(committed)
    assert pipeline.journal("incidents") == []
    assert pipeline.alerts() == []


def test_the_aws_cli_is_a_client(pipeline: Watched, flow: Flow) -> None:
    outputs = pipeline.outputs
    rules = aws_cli(pipeline, "events", "list-rules", "--output", "json")["Rules"]
    assert set(outputs["rules"].values()) <= {rule["Name"] for rule in rules}
    names = ["--attribute-names", "ApproximateNumberOfMessages", "--output", "json"]
    # Version 1 of the CLI sends `aws sqs` to AWS itself unless it is told not to.
    there = ["--endpoint-url", pipeline.instance.endpoint]
    queue = aws_cli(pipeline, "sqs", "get-queue-attributes", *there, "--queue-url", outputs["queue_url"], *names)
    assert queue["Attributes"]["ApproximateNumberOfMessages"] == "0"
    key = json.dumps({"pk": {"S": f"FILE#{flow.copies[0].file_id}"}, "sk": {"S": "ITEM"}})
    table = ["--table-name", outputs["ledger_table"], "--key", key, "--output", "json"]
    assert aws_cli(pipeline, "dynamodb", "get-item", *table)["Item"]["dataset"] == {"S": "cli_drop"}


def test_nothing_was_refused(flow: Flow, describe_refusals: Any) -> None:
    assert describe_refusals() == []
