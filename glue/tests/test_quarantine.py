"""What committed runs refused is shown, and nothing of others; and what a file was made of is told by its metadata."""

from __future__ import annotations

import io
import uuid

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyarrow import parquet

from tui_etl import quarantine, report, run, storage
from tui_etl.ingest.origin import Origin, from_metadata, to_metadata
from tui_etl.ledger import Ledger
from tui_etl.quarantine import Aside
from tui_etl.run import RunRefused
from tui_etl.storage import Clients


class World:
    """A ledger, a bucket, and runs with something in quarantine."""

    def __init__(self, aws: Clients) -> None:
        self.aws, self.table = aws, f"ledger-{uuid.uuid4().hex[:8]}"
        self.bucket = f"raw-{uuid.uuid4().hex[:8]}"
        self.folder = f"s3://{self.bucket}/quarantine"
        aws.s3.create_bucket(Bucket=self.bucket)
        aws.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.ledger = Ledger(aws.dynamodb, self.table)

    def begun(self, run_id: str, stage: int = 1) -> tuple[run.Context, report.Report]:
        """A run that has written two files aside and is about to commit."""
        given = {"JOB_NAME": "job", "JOB_RUN_ID": run_id, "started_by": "a test"}
        context = run.open_context(stage, given | {"state_bucket": self.bucket, "ledger_table": self.table}, self.aws)
        run.start(context)
        files = [f"{quarantine.aside_of(self.folder, name, run_id)}/part-0.parquet" for name in ("a", "b")]
        for uri in files:
            content = io.BytesIO()
            parquet.write_table(pa.table({"run_id": [run_id]}), content)
            storage.write(self.aws.s3, uri, content.getvalue())
        made = report.build(stage, "job", run_id, "a test", context.started_at, [], (), None, Aside(self.folder, files))
        return context, made

    def shown(self) -> list[str]:
        """The runs of all rows that the table has."""
        files = storage.parquet_files(self.aws.s3, f"{self.folder}/committed-rows")
        tables = [parquet.read_table(io.BytesIO(storage.read(self.aws.s3, file.uri))) for file in files]
        return sorted(run_id for table in tables for run_id in table["run_id"].to_pylist())


@pytest.fixture
def world(aws: Clients) -> World:
    return World(aws)


@pytest.mark.parametrize("stage", [1, 3])
def test_what_a_run_refused_is_shown_once_it_has_committed(world: World, stage: int) -> None:
    context, made = world.begun("jr_1", stage)
    assert world.shown() == []
    run.commit(context, ["FILE#1"], [], made)
    assert world.shown() == ["jr_1", "jr_1"]
    assert world.ledger.quarantine_notes(stage) == []
    [month] = {
        file.uri.split("/")[-2] for file in storage.parquet_files(world.aws.s3, f"{world.folder}/committed-rows")
    }
    assert month == f"month={made.finished_at[:7]}"


def test_a_run_that_was_given_up_shows_nothing(world: World) -> None:
    context, made = world.begun("jr_1")
    world.ledger.void(1, "jr_1", "ENDED")
    with pytest.raises(RunRefused):
        run.commit(context, ["FILE#1"], [], made)
    assert world.ledger.quarantine_notes(1) == ["jr_1"]
    next_run, _ = world.begun("jr_2")
    run.execute(next_run, lambda work: pytest.fail("there is no work"))
    assert (world.shown(), world.ledger.quarantine_notes(1)) == ([], [])


def test_the_next_run_shows_what_one_left_that_died_after_its_commit(world: World, monkeypatch) -> None:
    context, made = world.begun("jr_1")
    with monkeypatch.context() as patch, pytest.raises(ClientError):
        refused = ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "CopyObject")
        patch.setattr(quarantine, "publish", lambda *_: (_ for _ in ()).throw(refused))
        run.commit(context, ["FILE#1"], [], made)
    assert (world.shown(), world.ledger.quarantine_notes(1)) == ([], ["jr_1"])
    running, _ = world.begun("jr_2")
    world.ledger.put_quarantine_note(1, "jr_2")
    quarantine.publish_left(world.aws.s3, world.ledger, 1)
    assert (world.shown(), world.ledger.quarantine_notes(1)) == (["jr_1", "jr_1"], ["jr_2"])
    world.ledger.put_quarantine_note(1, "jr_1")
    quarantine.publish_left(world.aws.s3, world.ledger, 1)
    assert world.shown() == ["jr_1", "jr_1"]


@pytest.mark.parametrize("key", ["tui/legacy/a b/ü%20#+.json", "tui/legacy/x/" + "日" * 330, "tui/legacy/n/\n\x01"])
@pytest.mark.parametrize("lines", [False, True])
def test_an_origin_survives_as_metadata_of_an_object(aws: Clients, key: str, lines: bool) -> None:
    come = Origin(f"grp2-landing-dev/{key}#3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
                  "2026-05-01T10:00:00.000Z", lines)  # fmt: skip
    bucket = f"landing-{uuid.uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=bucket)
    metadata = to_metadata(come)
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2048
    aws.s3.put_object(Bucket=bucket, Key="x", Body=b"", Metadata=metadata)
    assert from_metadata(aws.s3.get_object(Bucket=bucket, Key="x")["Metadata"]) == come


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"origin-file-id": "b/k#v"},
        {"origin-file-id": "b/k#v", "origin-landed-at": "yesterday"},
        {"origin-file-id": "b/k#v", "origin-landed-at": "2026-05-01T10:00:00"},
        {"origin-file-id": "base64:?", "origin-landed-at": "2026-05-01T10:00:00Z"},
        {"origin-file-id": "%ff", "origin-landed-at": "2026-05-01T10:00:00Z"},
    ],
)
def test_metadata_that_nobody_understands_is_none(metadata: dict[str, str]) -> None:
    assert from_metadata(metadata) is None
