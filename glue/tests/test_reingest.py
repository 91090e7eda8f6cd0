"""Landing quarantined bytes again: what, where, with which origin, and each record once."""

from __future__ import annotations

import gzip
import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyarrow import parquet

from tui_etl import protocol, storage
from tui_etl.ingest.origin import Origin, from_metadata
from tui_etl.ledger import Ledger
from tui_etl.reingest import __main__ as command
from tui_etl.reingest import land, select
from tui_etl.reingest.land import Conflict, Places
from tui_etl.reingest.select import Wanted
from tui_etl.storage import Clients

LINES = {"origin-file-id": "b/k#v", "origin-landed-at": "2026-05-01T10:00:00Z", "origin-layout": "lines"}
LANDED_AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("reason", pa.string()),
        ("file_id", pa.string()),
        ("position", pa.int64()),
        ("bytes", pa.binary()),
        ("object", pa.string()),
        ("landed_at", pa.timestamp("us", tz="UTC")),
        ("run_id", pa.string()),
        ("dataset", pa.string()),
        ("stage", pa.int32()),
        ("origin_file_id", pa.string()),
    ]
)


class World:
    """Quarantine, a landing bucket and a ledger, and the command that an engineer runs there."""

    def __init__(self, aws: Clients, capsys: pytest.CaptureFixture[str]) -> None:
        self.aws, self.s3, self.capsys = aws, aws.s3, capsys
        self.raw, self.landing, self.table = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("raw", "landing", "ledger"))
        for bucket in (self.raw, self.landing):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=self.landing, VersioningConfiguration={"Status": "Enabled"})
        aws.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.ledger = Ledger(aws.dynamodb, self.table)
        self.folder = f"s3://{self.raw}/q"
        self.places = Places(self.landing, "tui/legacy/", self.folder)

    def land(self, key: str, body: bytes, metadata: dict[str, str] | None = None) -> str:
        key = f"tui/legacy/{key}"
        version = self.s3.put_object(Bucket=self.landing, Key=key, Body=body, Metadata=metadata or {})["VersionId"]
        return f"{self.landing}/{key}#{version}"

    def quarantine(self, *rows: dict[str, Any], stage: int = 1, run_id: str = "jr_1") -> None:
        """What a committed run refused."""
        same = {"landed_at": LANDED_AT, "run_id": run_id, "stage": stage, "dataset": "stays", "reason": "no record"}
        content = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist([same | row for row in rows], SCHEMA), content)
        uri = f"{self.folder}/committed-rows/month=2026-05/{stage}-{run_id}-{uuid.uuid4().hex}.parquet"
        storage.write(self.s3, uri, content.getvalue())

    def command(self, *arguments: str) -> tuple[int, str]:
        """Its exit status, and what it says."""
        places = ["--raw-bucket", self.raw, "--landing-bucket", self.landing, "--ledger-table", self.table]
        status = command.main(["--environment", "dev", *places, "--quarantine-prefix", "q/", *arguments])
        told = self.capsys.readouterr()
        return status, told.out + told.err

    def landed_again(self) -> dict[str, tuple[bytes, Origin | None]]:
        """Content and origin of what is below `reingested`, by key; each has one version."""
        pages = self.s3.list_object_versions(Bucket=self.landing).get("Versions", [])
        keys = [entry["Key"] for entry in pages if "/reingested/" in entry["Key"]]
        assert len(keys) == len(set(keys))
        answers = {key: self.s3.get_object(Bucket=self.landing, Key=key) for key in keys}
        return {key: (answer["Body"].read(), from_metadata(answer["Metadata"])) for key, answer in answers.items()}

    def shown(self) -> list[tuple[str, int, str]]:
        """File id, position and key of the rows of the table `reingested`."""
        files = storage.parquet_files(self.s3, f"{self.folder}/reingested-rows")
        rows = [
            row for file in files for row in parquet.read_table(io.BytesIO(storage.read(self.s3, file.uri))).to_pylist()
        ]
        return sorted((row["file_id"], row["position"], row["landed_key"]) for row in rows)


def die(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def world(aws: Clients, capsys: pytest.CaptureFixture[str]) -> World:
    return World(aws, capsys)


def test_records_are_landed_as_lines_of_a_file_that_names_its_origin(world: World) -> None:
    file_id = world.land("Stays (old)/2026/a b.json", b"")
    bad = [b'{"a":1,}', b"\xff\r", b'[1,\n "x"]']
    world.quarantine(*({"file_id": file_id, "position": n, "bytes": data} for n, data in enumerate(bad, 3)))
    world.quarantine({"file_id": "elsewhere/x#1", "position": 1, "bytes": b"?"})
    asked = ["--file-id", file_id]
    status, told = world.command(*asked)
    assert (status, world.landed_again()) == (0, {})
    assert "3 records of 1 files, 19 bytes to land again" in told and "3 x no record" in told
    assert "nothing was done" in told
    status, told = world.command(*asked, "--yes")
    [(key, (body, come))] = world.landed_again().items()
    assert key.startswith("tui/legacy/Stays (old)/reingested/") and key.endswith("/2026/a b.json.records.jsonl")
    assert body == b'{"a":1,}\n\xff\r\n[1,  "x"]\n'
    assert come == Origin(file_id, "2026-05-01T10:00:00.000Z", lines=True)
    assert world.shown() == [(file_id, position, key) for position in (3, 4, 5)]
    assert status == 0 and f"landed {world.landing}/{key}#" in told


def test_a_second_command_does_nothing(world: World) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine(
        {"file_id": file_id, "position": 1, "bytes": b"1"}, {"file_id": file_id, "position": 2, "bytes": b"2"}
    )
    world.command("--dataset", "stays", "--run", "jr_1", "--yes")
    before = world.landed_again(), world.shown()
    status, told = world.command("--dataset", "stays", "--run", "jr_1", "--yes")
    assert (world.landed_again(), world.shown()) == before
    assert status == 0 and "landed again before: 2 records" in told and "0 records of 0 files" in told


def test_records_refused_for_a_reason_are_landed_and_the_others_later(world: World) -> None:
    file_id = world.land("stays/a.json", b"")
    reasons = ["invalid UTF-8 at byte 3", "a JSON number, not an object", "invalid UTF-8 at byte 9"]
    world.quarantine(
        *({"file_id": file_id, "position": n, "bytes": b"%d" % n, "reason": why} for n, why in enumerate(reasons, 1))
    )
    world.command("--dataset", "stays", "--reason", "UTF-8", "--yes")
    assert [body for body, _ in world.landed_again().values()] == [b"1\n3\n"]
    world.command("--dataset", "stays", "--yes")
    assert sorted(body for body, _ in world.landed_again().values()) == [b"1\n3\n", b"2\n"]
    assert [position for _, position, _ in world.shown()] == [1, 2, 3]


def test_what_is_asked_for_narrows_what_is_landed(world: World) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine({"file_id": file_id, "position": 1, "bytes": b"1"}, run_id="jr_1")
    world.quarantine({"file_id": file_id, "position": 2, "bytes": b"2"}, run_id="jr_10")
    world.quarantine({"file_id": file_id, "position": 3, "bytes": b"3", "dataset": "other"}, run_id="jr_1")
    found = select.find(world.s3, world.folder, Wanted(dataset="stays", run_id="jr_1"))
    assert [[row.position for row in refused.rows] for refused in found] == [[1]]
    assert select.find(world.s3, world.folder, Wanted(dataset="stays", stage=3)) == []
    assert world.command("--dataset", "nothing")[0] == 1


@pytest.mark.parametrize("as_object", [False, True])
def test_a_whole_file_is_landed_as_it_is(world: World, as_object: bool) -> None:
    data = gzip.compress(b"cut off")[:-3]
    kept = f"{world.folder}/stays/run=jr_1/_large/x.json.gz"
    storage.write(world.s3, kept, data)
    file_id = world.land("stays/2026/x.json.gz", data)
    bytes_or_object = {"object": kept} if as_object else {"bytes": data}
    world.quarantine({"file_id": file_id, "position": 0} | bytes_or_object)
    world.command("--file-id", file_id, "--yes")
    world.command("--file-id", file_id, "--yes")
    [(key, (body, come))] = world.landed_again().items()
    assert key.endswith("/2026/x.json.gz")
    assert (body, come) == (data, Origin(file_id, "2026-05-01T10:00:00.000Z"))
    assert world.shown() == [(file_id, 0, key)]


@pytest.mark.parametrize(
    ("content", "metadata"),
    [
        (b'\xef\xbb\xbf{"A":1}\n\n{"A": 2}\nbad\n{"A":4}', {}),
        (gzip.compress(b'{"A":1}\n\n{"A": 2}\nbad\n{"A":4}'), {}),
        (b'[{"A":1}, 7,\n{"A":\n2},\n8,{"A":4}]', {}),
        (b"x\nx\n{\"A\": 2}\nx\n{\"A\":4}", LINES),
    ],
    ids=["lines", "gzip", "array", "records of an earlier quarantine"],
)  # fmt: skip
def test_what_a_contract_refused_is_landed_as_it_came(world: World, content: bytes, metadata: dict[str, str]) -> None:
    """Not as Glue 2 had it, which may be masked."""
    file_id = world.land("stays/x", content, metadata)
    world.quarantine(*({"file_id": file_id, "position": n, "bytes": b'{"a":"xxx"}'} for n in (3, 5)), stage=3)
    world.command("--file-id", file_id, "--yes")
    [(body, come)] = world.landed_again().values()
    assert [line.replace(b" ", b"") for line in body.splitlines()] == [b'{"A":2}', b'{"A":4}']
    assert come == Origin(file_id, "2026-05-01T10:00:00.000Z", lines=True)


def test_what_is_gone_is_told_and_not_taken_for_landed(world: World) -> None:
    file_id = f"{world.landing}/tui/legacy/stays/gone#no-such-version"
    world.quarantine({"file_id": file_id, "position": 1, "bytes": b"{}"}, stage=3)
    for _ in range(2):
        status, told = world.command("--file-id", file_id, "--yes")
        assert status == 1 and "can't be read any more" in told
    assert world.landed_again() == {} and world.shown() == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"position": 0, "reason": "vanished: this version"}, "no bytes were kept: vanished"),
        ({"position": 7, "object": "s3://raw/large"}, "record 7 is too large for a record; its whole file is at s3://raw"),
        ({"position": 0, "bytes": b"{}", "dataset": "_none"}, "say with --into which folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_landed_again_is_told_with_its_reason(world: World, row: dict[str, Any], told: str) -> None:
    world.quarantine({"file_id": f"{world.landing}/tui/legacy/alone.json#1"} | row)
    dataset = row.get("dataset", "stays")
    status, said = world.command("--dataset", dataset, "--yes")
    assert status == 1 and told in said
    assert world.landed_again() == {}


def test_a_file_lands_in_the_folder_that_has_its_dataset_or_in_the_one_that_is_wanted(world: World) -> None:
    other = {"file_id": f"{world.landing}/tui/legacy/Stays/a.json#1", "position": 0, "bytes": b"{}"}
    none = {"file_id": f"{world.landing}/tui/legacy/alone.json#1", "position": 0, "bytes": b"{}", "dataset": "_none"}
    world.quarantine(other, none)
    world.ledger.claim_dataset("stays", "stays", "jr_0")
    world.command("--dataset", "stays", "--yes")
    world.command("--dataset", "_none", "--into", "Hotel Stays", "--yes")
    assert sorted(key.split("/")[2] for key in world.landed_again()) == ["Hotel Stays", "stays"]


@pytest.mark.parametrize("key", ["stays/" + "日" * 330, "stays/" + "y" * 1000, "stays//", "stays/x/../y"])
def test_any_key_has_an_origin_that_fits_into_a_key(world: World, key: str) -> None:
    file_id = world.land(key, b"")
    world.quarantine(
        {"file_id": file_id, "position": 0, "bytes": b"{}"},
        {"file_id": file_id, "position": 1, "bytes": b"{}"},
    )
    world.command("--file-id", file_id, "--yes")
    [(landed, (_, come))] = world.landed_again().items()
    assert len(landed.encode()) <= land.KEY_BYTES and come is not None and come.file_id == file_id


def test_of_two_orders_at_once_one_is_refused(world: World) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine({"file_id": file_id, "position": 1, "bytes": b"1"})
    [refused] = select.find(world.s3, world.folder, Wanted(file_id=file_id))
    plans = [land.plan(world.s3, world.ledger, world.places, refused, by) for by in ("one", "other")]
    land.carry_out(world.s3, world.ledger, world.places, plans[0])
    with pytest.raises(Conflict):
        land.carry_out(world.s3, world.ledger, world.places, plans[1])
    assert len(world.landed_again()) == 1


@pytest.mark.parametrize("unfinished", [False, True], ids=["new", "cut off before"])
def test_of_many_orders_at_once_each_record_is_landed_once(world: World, monkeypatch, unfinished: bool) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine(*({"file_id": file_id, "position": n, "bytes": b"%d" % n, "reason": f"r{n}"} for n in (1, 2, 3)))
    if unfinished:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(land, "_land", die)
            world.command("--dataset", "stays", "--reason", "r[12]", "--yes")
    asked = [Wanted(dataset="stays", reason=reason) for reason in ("r1", "r[12]", "r[23]", None)]
    together = Barrier(len(asked))

    def order(wanted: Wanted) -> None:
        [refused] = select.find(world.s3, world.folder, wanted)
        todo = land.plan(world.s3, world.ledger, world.places, refused, "one of many")
        together.wait(60)
        with suppress(Conflict):
            land.carry_out(world.s3, world.ledger, world.places, todo)

    with ThreadPoolExecutor(len(asked)) as pool:
        list(pool.map(order, asked))
    world.command("--dataset", "stays", "--yes")
    bodies = [body for body, _ in world.landed_again().values()]
    assert sorted(b"".join(bodies).split()) == [b"1", b"2", b"3"]
    assert [position for _, position, _ in world.shown()] == [1, 2, 3]


def test_a_put_that_meets_another_is_told_as_one(world: World, monkeypatch) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine({"file_id": file_id, "position": 1, "bytes": b"1"})
    meets = ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": ""}}, "PutObject")
    put = world.s3.put_object

    def answer(**request: Any) -> Any:
        if request["Bucket"] == world.landing:
            raise meets
        return put(**request)

    [refused] = select.find(world.s3, world.folder, Wanted(file_id=file_id))
    todo = land.plan(world.s3, world.ledger, world.places, refused, "me")
    with monkeypatch.context() as patch, pytest.raises(Conflict, match="by somebody else at this moment"):
        patch.setattr(world.s3, "put_object", answer)
        land.carry_out(world.s3, world.ledger, world.places, todo)
    world.command("--file-id", file_id, "--yes")
    assert [body for body, _ in world.landed_again().values()] == [b"1\n"]


def test_what_is_refused_again_names_the_version_that_its_sender_landed(world: World) -> None:
    """However often; and each time it is another file."""
    sent = file_id = world.land("stays/a.json", b'{"a":}')
    position = 0
    for turn, stage in enumerate((1, 1, 3, 3)):
        refused = {"file_id": file_id, "position": position, "bytes": b'{"a":}', "run_id": f"jr_{turn}"}
        world.quarantine(refused | {"origin_file_id": sent if turn else None}, stage=stage, run_id=f"jr_{turn}")
        told = world.command("--file-id", file_id, "--yes")[1]
        file_id, position = told.rpartition("landed ")[2].strip(), 1
    found = world.landed_again()
    assert len(found) == 4
    assert {come.file_id for _, come in found.values() if come} == {sent}
    world.command("--dataset", "stays", "--yes")
    assert world.landed_again() == found


def test_what_has_expired_is_told_and_not_taken_for_landed(world: World) -> None:
    file_id = world.land("stays/a.json", b"")
    kept = f"{world.folder}/stays/run=jr_1/_large/x"
    world.quarantine({"file_id": file_id, "position": 0, "object": kept})
    for _ in range(2):
        status, told = world.command("--file-id", file_id, "--yes")
        assert status == 1 and f"{kept} can't be read any more" in told
    assert world.ledger.get(protocol.reingest_pk(1, "jr_1", file_id)) is None
    for file in storage.parquet_files(world.s3, f"{world.folder}/committed-rows"):
        world.s3.delete_object(Bucket=file.bucket, Key=file.key)
    assert world.command("--file-id", file_id, "--yes") == (1, "nothing in quarantine is what you ask for\n")


def test_an_object_that_no_single_copy_takes_is_told(world: World, monkeypatch) -> None:
    file_id = world.land("stays/a.json", b"")
    storage.write(world.s3, kept := f"{world.folder}/large", b"12345")
    world.quarantine({"file_id": file_id, "position": 0, "object": kept})
    with monkeypatch.context() as patch:
        patch.setattr(storage, "COPY_LIMIT", 4)
        assert f"{kept} has 5 bytes: too many" in world.command("--file-id", file_id, "--yes")[1]
    assert world.landed_again() == {}
    world.command("--file-id", file_id, "--yes")
    assert [body for body, _ in world.landed_again().values()] == [b"12345"]


@pytest.mark.parametrize("step", ["_land", "_show", "mark"])
def test_an_order_that_was_cut_off_is_finished_by_the_next(world: World, monkeypatch, step: str) -> None:
    file_id = world.land("stays/a.json", b"")
    world.quarantine(
        {"file_id": file_id, "position": 1, "bytes": b"1"}, {"file_id": file_id, "position": 2, "bytes": b"2"}
    )

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if step == "mark":
            patch.setattr(Ledger, "mark_reingested", die)
        else:
            patch.setattr(land, step, die)
        world.command("--dataset", "stays", "--yes")
    assert "2 records of 1 files" in world.command("--dataset", "stays", "--yes")[1]
    assert [body for body, _ in world.landed_again().values()] == [b"1\n2\n"]
    assert [position for _, position, _ in world.shown()] == [1, 2]
    assert "0 records of 0 files" in world.command("--dataset", "stays", "--yes")[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say which"),
        (["--dataset", "a", "--reason", "("], "--reason '(' is no regular expression"),
        (["--dataset", "a", "--into", "secured"], "--into 'secured': no dataset can be called that"),
        (["--dataset", "a", "--into", "b/c"], "--into 'b/c' must be one folder"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, arguments: list[str], told: str) -> None:
    status, said = world.command(*arguments)
    assert status == 2 and told in said


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
    ],
)
def test_what_keeps_aws_from_being_asked_is_told_in_a_line(world: World, monkeypatch, variables, told: str) -> None:
    monkeypatch.setattr(command.boto3, "client", lambda *a, **named: boto3.Session().client(*a, **named))
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, said = world.command("--dataset", "stays")
    assert (status, said) == (6, f"AWS can't be asked: {told}\n")


def test_a_refusal_of_aws_is_told_in_a_line(world: World, monkeypatch) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListObjectsV2")

    monkeypatch.setattr(select, "find", refuse)
    status, said = world.command("--dataset", "stays")
    assert status == 6 and said.startswith("AWS can't be asked: ") and said.count("\n") == 1 and "not you" in said
