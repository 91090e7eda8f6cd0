"""From taken ledger items to staged copies, and a whole run of Glue 1 on an emulated AWS."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pyspark.sql import SparkSession

from tui_etl import arguments, manifest, protocol, run, storage
from tui_etl.ingest import job, records, refusals, staging
from tui_etl.ingest.origin import Origin, to_metadata
from tui_etl.ledger import Ledger
from tui_etl.run import Work
from tui_etl.storage import Clients

PREFIX = "tui/legacy/"
NAMES = ["a b.json", "ü.json", "a+b%20c.json", "q'\"s.json", "_x.json", ".x.json", "a*b?[c]{d}.json", "a#b\\c.txt", "x"]


class Landing:
    """A versioned landing bucket, and items as intake writes them."""

    def __init__(self, aws: Clients) -> None:
        self.s3 = aws.s3
        self.bucket = f"landing-{uuid.uuid4().hex[:8]}"
        self.raw = f"raw-{uuid.uuid4().hex[:8]}"
        for bucket in (self.bucket, self.raw):
            aws.s3.create_bucket(Bucket=bucket)
        aws.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.count = 0

    def put(self, name: str, body: bytes, **metadata: str) -> Work:
        key, told = PREFIX + name, {"Tagging": "a=b", "Metadata": metadata}
        version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **told)["VersionId"]
        return self.item(key, version, len(body))

    def item(self, key: str, version: str, size: int = 0) -> Work:
        self.count += 1
        identity = protocol.file_id(self.bucket, key, version)
        item = {"file_id": identity, "bucket": self.bucket, "key": key, "version_id": version, "size": size}
        item |= {"landed_at": f"2024-01-01T00:00:{self.count:02}.000Z", "sequencer": f"{self.count:04x}"}
        return Work(protocol.file_pk(identity), item)

    def stage(self, *work: Work) -> list[staging.Landed]:
        files = staging.describe(work, PREFIX, staging.spellings(work, PREFIX))
        staging.stage(self.s3, files, f"s3://{self.raw}/staging/run=jr_1", PREFIX)
        return files

    def refuse(self, monkeypatch: pytest.MonkeyPatch, code: str, *names: str) -> None:
        """Have S3 answer with an error to whoever reads these files; without names, any."""
        read = self.s3.get_object

        def get_object(**request: Any) -> Any:
            if not names or request["Key"].removeprefix(PREFIX) in names:
                raise ClientError({"Error": {"Code": code, "Message": "as S3 put it"}}, "GetObject")
            return read(**request)

        monkeypatch.setattr(self.s3, "get_object", get_object)

    def content(self, file: staging.Landed) -> bytes:
        return storage.read(self.s3, str(file.uri))


@pytest.fixture
def landing(aws: Clients) -> Landing:
    return Landing(aws)


def test_each_version_is_copied_under_a_name_of_its_own_whatever_it_was_called(landing: Landing) -> None:
    work = [landing.put(f"odd/{name}", name.encode()) for name in NAMES]
    work.append(landing.put("odd/x", b"another version"))
    files = landing.stage(*work)
    assert [landing.content(file) for file in files] == [*(name.encode() for name in NAMES), b"another version"]
    uris = [str(file.uri) for file in files]
    assert len(set(uris)) == len(files)
    for uri in uris:
        name = uri.removeprefix(f"s3://{landing.raw}/staging/run=jr_1/")
        assert name.endswith(".json")
        assert len(name) == 64 + len(".json")


def test_the_copy_is_of_the_named_version_even_if_it_is_not_the_latest(landing: Landing) -> None:
    first, second = landing.put("a/1.json", b"first"), landing.put("a/1.json", b"second")
    landing.s3.delete_object(Bucket=landing.bucket, Key=PREFIX + "a/1.json")
    assert [landing.content(file) for file in landing.stage(second, first)] == [b"first", b"second"]


def test_gzip_is_known_by_its_content_not_by_its_name(landing: Landing) -> None:
    zipped, plain = landing.stage(landing.put("a/1.json", gzip.compress(b"{}")), landing.put("a/2.json.gz", b"{}"))
    assert (zipped.gzipped, plain.gzipped) == (True, False)
    assert [str(file.uri).endswith(".json.gz") for file in (zipped, plain)] == [True, False]


def test_empty_and_vanished_versions_are_told_apart(landing: Landing) -> None:
    empty, gone, never = landing.put("a/1.json", b""), landing.put("a/2.json", b"x"), landing.put("a/3.json", b"x")
    landing.s3.delete_object(Bucket=landing.bucket, Key=gone.item["key"], VersionId=gone.item["version_id"])
    other = landing.item(never.item["key"], "0" * 32, 1)
    files = landing.stage(empty, gone, other)
    assert [(file.uri, file.vanished, file.size) for file in files] == [
        (None, False, 0),
        (None, True, 1),
        (None, True, 1),
    ]
    assert files[1].refused == staging.VANISHED


OF_THE_OBJECT = ["InvalidObjectState", "InvalidRequest"]
OF_ACCESS = ["AccessDenied", "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException"]


@pytest.mark.parametrize("code", OF_THE_OBJECT + OF_ACCESS)
def test_a_file_that_s3_does_not_hand_out_is_refused_and_the_others_are_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    work = [landing.put("a/1.json", b"x"), landing.put("a/2.json", b"y")]
    landing.refuse(monkeypatch, code, "a/1.json")
    bad, good = landing.stage(*work)
    assert (bad.refused, bad.uri, bad.vanished, bad.size) == (f"can't be read: {code}: as S3 put it", None, False, 1)
    assert (good.refused, landing.content(good)) == (None, b"y")


@pytest.mark.parametrize("code", OF_THE_OBJECT)
def test_what_nobody_could_read_is_no_fault_of_the_role(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    work = [landing.put("a/1.json", b"x"), landing.put("a/2.json", b"y")]
    landing.refuse(monkeypatch, code)
    assert [str(file.refused).split(": ")[1] for file in landing.stage(*work)] == [code, code]


@pytest.mark.parametrize("code", OF_ACCESS)
def test_if_nothing_can_be_read_the_role_is_to_blame_and_the_run_fails(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    landing.put("a/0.json", b"of an earlier run")
    work = [landing.put("a/1.json", b"x"), landing.put("a/2.json", b"y"), landing.put("b/3.json", b"")]
    landing.refuse(monkeypatch, code)
    first = f"first is {landing.bucket}/tui/legacy/a/1.json#.*{code}"
    with pytest.raises(refusals.NothingReadable, match=first):
        landing.stage(*work)
    with pytest.raises(refusals.NothingReadable, match=first):
        landing.stage(work[0])


def test_files_that_are_refused_alone_are_to_blame_if_something_else_can_be_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = [landing.put("a/1.json", b"x"), landing.put("a/2.json", b"y")]
    landing.put("b/empty.json", b"")
    landing.refuse(monkeypatch, "AccessDenied", "a/1.json", "a/2.json")
    with pytest.raises(refusals.NothingReadable, match="AccessDenied"):
        landing.stage(*work)
    landing.put("b/1.json", b"of another run")
    assert [str(file.refused).split(": ")[1] for file in landing.stage(*work)] == ["AccessDenied", "AccessDenied"]


@pytest.mark.parametrize(("others", "readable"), [(15, True), (16, False)])
def test_a_witness_is_one_of_the_sixteen_newest_versions(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, others: int, readable: bool
) -> None:
    landing.put("z/readable.json", b"of another run")
    names = [f"b/{number:02}.json" for number in range(others)]
    for name in names:
        landing.put(name, b"of another run")
    work = landing.put("a/1.json", b"x")
    listed = landing.s3.list_object_versions

    def list_object_versions(**request: Any) -> Any:
        """The one that can be read is the oldest beyond doubt: the emulated AWS tells whole seconds."""
        page = listed(**request)
        for one in page["Versions"]:
            one["LastModified"] -= timedelta(days=one["Key"].endswith("readable.json"))
        return page

    monkeypatch.setattr(landing.s3, "list_object_versions", list_object_versions)
    landing.refuse(monkeypatch, "AccessDenied", "a/1.json", *names)
    if readable:
        assert str(landing.stage(work)[0].refused).startswith("can't be read: AccessDenied")
    else:
        with pytest.raises(refusals.NothingReadable):
            landing.stage(work)


def test_a_role_that_may_not_list_has_no_witness(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.put("b/1.json", b"of another run")
    work = landing.put("a/1.json", b"x")
    landing.refuse(monkeypatch, "AccessDenied", "a/1.json")

    def denied(**_: object) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no list"}}, "ListObjectVersions")

    monkeypatch.setattr(landing.s3, "list_object_versions", denied)
    with pytest.raises(refusals.NothingReadable, match="as S3 put it"):
        landing.stage(work)


def test_another_error_is_the_fault_of_no_file(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    work = [landing.put("a/1.json", b"x"), landing.put("a/2.json", b"y")]
    landing.refuse(monkeypatch, "SlowDown", "a/1.json")
    with pytest.raises(ClientError, match="SlowDown"):
        landing.stage(*work)


def test_a_refusal_to_write_the_copy_fails_the_run(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    work = landing.put("a/1.json", b"x")

    def denied(**_: object) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "CopyObject")

    monkeypatch.setattr(landing.s3, "copy_object", denied)
    with pytest.raises(ClientError, match="CopyObject"):
        landing.stage(work)


def test_a_file_without_a_dataset_keeps_that_reason(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    work = [landing.put("direct.json", b"x"), landing.put("a/2.json", b"y")]
    landing.refuse(monkeypatch, "AccessDenied", "direct.json")
    assert str(landing.stage(*work)[0].refused).startswith("no dataset")


def test_the_size_is_that_of_the_object_not_of_its_beginning(landing: Landing) -> None:
    (file,) = landing.stage(landing.put("a/1.json", b"x" * (staging.HEAD + 5)))
    assert (file.size, len(file.head)) == (staging.HEAD + 5, staging.HEAD)


def test_files_without_a_dataset_say_why(landing: Landing) -> None:
    names = ["direct.json", "secured/1.json", "Secured/1.json", "---/1.json", "fine/1.json"]
    files = staging.describe([landing.item(PREFIX + name, "v") for name in names], PREFIX, {"fine": "fine"})
    assert [(file.place, file.refused is None) for file in files] == [("_none", False)] * 4 + [("fine", True)]
    assert [str(file.refused) for file in files[:2]] == [
        "no dataset: the file lies directly under tui/legacy/",
        "no dataset: the folder name 'secured' is reserved or has no letter or digit",
    ]


def test_of_two_folders_that_mean_one_table_the_one_that_has_it_is_read(landing: Landing) -> None:
    names = ["foo_bar/1.json", "Foo-Bar/2.json", "foo_bar/3.json", "other/4.json"]
    work = [landing.item(PREFIX + name, "v") for name in names]
    files = staging.describe(work, PREFIX, {"foo_bar": "Foo-Bar", "other": "other"})
    reason = "the folder 'foo_bar' means the table foo_bar, which the folder 'Foo-Bar' has"
    assert [file.refused for file in files] == [reason, None, reason, None]
    assert [file.place for file in files] == ["foo_bar", "foo_bar", "foo_bar", "other"]
    # It may be one that no file of this run lies in.
    files = staging.describe(work, PREFIX, {"foo_bar": "FOO BAR", "other": "other"})
    assert [file.refused is None for file in files] == [False, False, False, True]


def test_a_run_wants_each_table_for_the_first_folder_by_name(landing: Landing) -> None:
    names = ["foo_bar/1.json", "Foo-Bar/2.json", "secured/3.json", "direct.json", "other/4.json"]
    work = [landing.item(PREFIX + name, "v") for name in names]
    assert staging.spellings(work, PREFIX) == {"foo_bar": "Foo-Bar", "other": "other"}


@pytest.fixture
def ledger_table(aws: Clients) -> Iterator[str]:
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    aws.dynamodb.delete_table(TableName=name)


def test_the_folder_that_was_first_keeps_the_table_in_every_later_run(aws: Clients, ledger_table: str) -> None:
    table = Ledger(aws.dynamodb, ledger_table)
    assert staging.claim(table, "jr_1", {"foo_bar": "foo_bar", "a": "A"}) == {"foo_bar": "foo_bar", "a": "A"}
    assert staging.claim(table, "jr_2", {"foo_bar": "Foo-Bar", "b": "b"}) == {"foo_bar": "foo_bar", "b": "b"}
    item = table.get(protocol.dataset_pk("foo_bar")) or {}
    assert (item["dataset"], item["folder"], item["claimed_by"]) == ("foo_bar", "foo_bar", "jr_1")


def test_of_many_runs_that_claim_a_table_at_once_one_has_it(aws: Clients, ledger_table: str) -> None:
    table, folders = Ledger(aws.dynamodb, ledger_table), [f"{'-' * n}x{'-' * (15 - n)}" for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        held = set(pool.map(lambda folder: table.claim_dataset("x", folder, "jr_1"), folders))
    assert held == {(table.get(protocol.dataset_pk("x")) or {})["folder"]}


def test_a_file_that_was_made_of_quarantined_bytes_says_so_and_is_as_old_as_those(landing: Landing) -> None:
    come = Origin("b/tui/legacy/ü.json#v", "2023-12-31T00:00:00.000Z", lines=True)
    [made, other] = landing.stage(
        landing.put("a/made.json", b"[1\n{}\n", **to_metadata(come)), landing.put("a/other.json", b"[1\n{}\n")
    )
    assert (made.origin, made.landed_at) == (come, come.landed_at)
    assert (other.origin, other.landed_at[:4]) == (None, "2024")
    layouts = [part.layout for file in (made, other) for part in staging.parts(file)]
    assert layouts == [records.Layout.LINES, None]


def test_a_whole_run(
    spark: SparkSession,
    aws: Clients,
    landing: Landing,
    ledger_table: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = f"state-{uuid.uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=state)
    argv = ["job", "--JOB_NAME", "glue1", "--JOB_RUN_ID", "jr_1", "--environment", "dev", "--started_by", "copy-prefix"]
    argv += ["--ledger_table", ledger_table, "--state_bucket", state, "--max_files", "100"]
    argv += ["--landing_bucket", landing.bucket, "--landing_prefix", PREFIX, "--raw_bucket", landing.raw]
    argv += [f"--{name}_prefix=tui/legacy/{name}/" for name in ("staging", "temp", "quarantine")]
    given = arguments.parse(argv, job.ARGUMENTS)
    context = run.open_context(1, given, aws)
    work = [landing.put(f"Odd Names/{name}", b'{"n":%d}\n{"n":NaN}' % number) for number, name in enumerate(NAMES)]
    work += [landing.put("direct.json", b"{}"), landing.put("odd_names/late.json", b"{}\n{}")]
    work.append(landing.put("Odd Names/sealed.json", b"{}\n{}"))
    landing.refuse(monkeypatch, "AccessDenied", "Odd Names/sealed.json")
    for one in work:
        context.ledger.put_marker(1, one.pk)
        item = {"pk": one.pk, "sk": "ITEM"} | {name: str(value) for name, value in one.item.items() if name != "size"}
        aws.dynamodb.put_item(TableName=ledger_table, Item={name: {"S": value} for name, value in item.items()})

    where = job.places(given)
    assert where.staging_of_run() == f"s3://{landing.raw}/tui/legacy/staging/run=jr_1"
    assert where.temp_of("a") == f"s3://{landing.raw}/tui/legacy/temp/a/run=jr_1"
    # Spark writes to a folder here: its s3:// is tried end to end.
    local = job.Places(where.landing_prefix, where.staging, f"file://{tmp_path}/t", f"file://{tmp_path}/q", "jr_1")
    report = run.execute(
        context, lambda held: job.process(spark, aws.s3, context.ledger, local, held), int(given["max_files"])
    )

    assert report is not None
    assert report.counts(12) == {"items": 12, "records_in": 21, "records_out": 9, "quarantined": 12, "superseded": 0}
    rows = spark.read.parquet(f"{tmp_path}/t/odd_names/run=jr_1").collect()
    assert {(row["n"], row["_file_id"]) for row in rows} == {(n, work[n].item["file_id"]) for n in range(len(NAMES))}
    written = json.loads(storage.read(aws.s3, f"s3://{state}/reports/stage=1/run=jr_1.json"))
    assert [row["dataset"] for row in written["datasets"]] == ["_none", "odd_names"]
    told = {one["file_id"]: (one["outcome"], one["quarantined"], one["reason"]) for one in written["files"]}
    assert [told[one.item["file_id"]] for one in work[-2:]] == [
        ("quarantined", 1, "the folder 'odd_names' means the table odd_names, which the folder 'Odd Names' has"),
        ("quarantined", 1, "can't be read: AccessDenied: as S3 put it"),
    ]
    listed = manifest.read(aws.s3, f"s3://{state}/manifests/stage=1/run=jr_1.jsonl", 1, "jr_1")
    assert (sum(output.records for output in listed.outputs), len(listed.items)) == (9, 12)
    assert list(context.ledger.markers(1)) == []
    shown = spark.read.parquet(f"{tmp_path}/q/committed-rows")
    assert (shown.count(), context.ledger.quarantine_notes(1)) == (12, [])
