"""The operator's command line, as built, against the deployed pipeline, under the roles that people have.

It comes after the flow, whose files and runs it looks at.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.input import lines
from tests.end_to_end.test_3_least_privilege import allowed
from tests.etl_under_test import (
    BAD,
    NOT_FOUND,
    REFUSED,
    SYNC_ROLE,
    TIMED_OUT,
    UNREACHABLE,
    USAGE,
    Etl,
    Told,
    as_data_account,
    make_sync_role,
)
from tests.faults import rest
from tests.faults.edge import Edge
from tests.pipeline_under_test import Watched, write_files

ESCAPE = "\x1b"
PART = 8 << 20
#: Below it nothing is work, so what lies there costs no run.
ELSEWHERE = "tui/elsewhere/"


@pytest.fixture(scope="module")
def etl(pipeline: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etl]:
    make_sync_role(pipeline)
    found = Etl(pipeline, tmp_path_factory.mktemp("home"))
    found.write_profiles()
    yield found
    found.end()


def both(etl: Etl, *arguments: str, **more: Any) -> tuple[Told, Any]:
    """The table and the JSON of one command, which end alike."""
    table, told = etl(*arguments, **more), etl(*arguments, "--json", **more)
    assert ESCAPE not in table.out + told.out
    return table, told.json


def test_status_tells_of_queues_jobs_and_the_schedule(pipeline: Watched, etl: Etl) -> None:
    process = etl.begin("status", "--json")
    told = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == (BAD if told["problems"] else 0)
    assert [stage["job"] for stage in told["stages"]] == [pipeline.job(stage) for stage in (1, 2, 3)]
    assert [queue["dead"] for queue in told["queues"]] == [False, True, True]
    depth = pipeline.queue_depth(pipeline.outputs["dead_letter_queue_urls"]["events"])
    assert told["queues"][2]["waiting"] == depth
    assert told["schedule"]["name"] == pipeline.outputs["schedule"]
    assert told["schedule"]["next_at"] > told["at"]
    committed = pipeline.look().run_ids(3)
    assert told["stages"][2]["last"]["run_id"] in {run.run_id for run in pipeline.glue_runs()} | committed
    table = etl("status", code=process.returncode)
    assert all(pipeline.job(stage) in table.out for stage in (1, 2, 3))
    assert ESCAPE not in table.out
    assert ESCAPE in etl("status", code=process.returncode, variables={"CLICOLOR_FORCE": "1"}).out


def test_runs_are_the_last_ones_of_the_stage(pipeline: Watched, etl: Etl) -> None:
    process = etl.begin("runs", "--stage", "1", "--last", "3", "--json")
    told = json.loads(process.communicate(timeout=60)[0])
    known = [run.run_id for run in pipeline.glue_runs() if run.stage == 1]
    assert [run["run_id"] for run in told] == known[:3]
    committed = pipeline.look().run_ids(1)
    assert {run["run_id"] for run in told if run["ledger_state"] == "COMMITTED"} == committed & set(known[:3])
    table = etl("runs", "--stage", "1", "--last", "3", code=process.returncode)
    assert [line.split()[1] for line in table.out.splitlines()[1:4]] == known[:3]


def test_a_file_is_followed_to_the_rows_that_the_tables_have_now(pipeline: Watched, etl: Etl) -> None:
    files = pipeline.look().files
    item = next(item for item in files.values() if item.get("dataset") == "flights" and item.get("assigned_to"))
    table, [seen, *_] = both(etl, "file", item["key"])
    assert seen["file_id"] == item["file_id"]
    assert [(step["stage"], step["took"]) for step in seen["steps"]] == [(1, True), (2, True), (3, True)]
    assert seen["steps"][0]["run_id"] == item["assigned_to"]
    assert seen["problems"] == []
    tables = seen["steps"][2]["tables"]
    where = f"WHERE _file_id = '{item['file_id']}'"
    rows = [pipeline.query(f"SELECT count(*) FROM {table} {where}")[0][0] for table in tables]
    assert seen["rows_now"] == sum(int(number or 0) for number in rows) > 0
    assert f"rows in tables now: {seen['rows_now']}" in table.out
    [by_id] = etl("file", item["file_id"], "--json").json
    assert by_id["steps"] == seen["steps"]
    error = etl("file", "flights/never landed.json", "--json", code=NOT_FOUND)
    assert "flights/never landed.json" in error.json["error"]
    assert error.json["exit_code"] == NOT_FOUND


def test_a_query_is_a_readers_and_not_an_operators(pipeline: Watched, etl: Etl) -> None:
    sql = 'SELECT count(*) AS n FROM "tui_legacy_dev"."flights"'
    [[number]] = pipeline.query(sql)
    table, told = both(etl, "query", sql, profile="secured-reader")
    assert (told["rows"], told["columns"][0]["name"]) == ([[number]], "n")
    assert table.out.split()[:2] == ["n", number]
    wrong = etl("query", "SELECT nothing FROM nowhere.there", profile="secured-reader", code=BAD)
    assert "failed" in wrong.err
    assert "not authorized" in etl("query", sql, code=UNREACHABLE).err


def test_dead_letters_are_looked_at_and_put_back(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    url = pipeline.outputs["dead_letter_queue_urls"]["landing"]
    [landed] = pipeline.drop(tmp_path, {"fifth week/dead.jsonl": lines({"id": 1})})
    bucket, key = pipeline.bucket("landing"), landed.file.key
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-05-08T12:00:00.000Z",
        "s3": {
            "bucket": {"name": bucket},
            "object": {"key": key.replace(" ", "+"), "size": 1, "versionId": landed.file_id.rpartition("#")[2]},
        },
    }
    reason = {"reason": {"DataType": "String", "StringValue": "on a whim"}}
    body = json.dumps({"Records": [record]})
    pipeline.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=reason)
    depth = pipeline.queue_depth(url)

    table, told = both(etl, "dlq", "list", code=BAD)
    assert [letter["reason"] for letter in told["shown"] if letter["body"] == body] == ["on a whim"]
    assert "on a whim" in table.out
    assert pipeline.queue_depth(url) == depth == told["messages"] == len(told["shown"])
    assert etl("dlq", "list", "events", "--json", code=BAD if events_are_dead(pipeline) else 0).json["queue"]
    assert "reconcile" in etl("dlq", "redrive", "events", code=REFUSED).err

    moved = etl("dlq", "redrive", "--json").json
    assert (moved["moved"], moved["to"]) == (depth, "tui-landing-dev")
    # What is hopeless comes back, and this one isn't.
    pipeline.wait_for(lambda: pipeline.queue_depth(pipeline.outputs["queue_url"]) == 0, "redriven messages taken up")
    left = etl("dlq", "list", "--json", code=BAD if pipeline.queue_depth(url) else 0).json
    assert [letter for letter in left["shown"] if letter["body"] == body] == []
    pipeline.ingested([landed])


def events_are_dead(pipeline: Watched) -> bool:
    return pipeline.queue_depth(pipeline.outputs["dead_letter_queue_urls"]["events"]) > 0


def test_a_folder_is_uploaded_once(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    names = ["sync week/a b+c.jsonl", "sync week/2026/ü.jsonl"]
    write_files(tmp_path, {name: lines({"id": name}) for name in names} | {"loose.json": b"{}"})
    command = ["sync", str(tmp_path), "--feed", "informatica"]
    dry = etl(*command, "--dry-run", "--json").json
    assert (dry["uploaded"], dry["left_out"][0]["name"]) == (2, "loose.json")
    first = etl(*command, "--json").json
    assert {file["what"] for file in first["files"]} == {"uploaded"}
    table = etl(*command)
    assert "0 uploaded (0 B), 2 unchanged" in table.out
    assert "loose.json: in no dataset folder" in table.out
    ids = [f"{first['bucket']}/{file['key']}#{file['version_id']}" for file in first["files"]]
    pipeline.wait_for(lambda: set(ids) <= set(pipeline.look().files), "synced files in the ledger")

    # One is another now, and the other is younger only.
    (tmp_path / names[0]).write_bytes(lines({"id": "another"}))
    os.utime(tmp_path / names[1])
    again = etl(*command, "--json").json
    assert {file["name"]: file["what"] for file in again["files"]} == {names[0]: "uploaded", names[1]: "unchanged"}


def test_what_others_uploaded_is_known_by_its_content(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    write_files(tmp_path, {"sync week/by hand.jsonl": lines({"id": 1}), "sync week/empty.jsonl": b""})
    for path in sorted((tmp_path / "sync week").iterdir()):
        key = ELSEWHERE + path.relative_to(tmp_path).as_posix()
        pipeline.s3.put_object(Bucket=pipeline.bucket("landing"), Key=key, Body=path.read_bytes())
    told = etl("sync", str(tmp_path), "--feed", "informatica", "--set", f"landing_prefix={ELSEWHERE}", "--json").json
    assert [file["what"] for file in told["files"]] == ["unchanged", "unchanged"]


def test_a_delivery_goes_as_a_whole_and_its_control_file_last(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    files = {"sync week/m.jsonl": lines({"id": "m"}), "sync week/n.jsonl": lines({"id": "n"})}
    write_files(tmp_path, files)
    command = ["sync", str(tmp_path), "--feed", "mainframe", "--set", f"landing_prefix={ELSEWHERE}"]
    assert "control.json" in etl(*command, code=REFUSED).err
    entries = [
        {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    write_files(tmp_path, {"control.json": json.dumps({"delivery": "night-1", "files": entries[:1]}).encode()})
    assert "sync week/n.jsonl is not named" in etl(*command, code=REFUSED).err
    assert list(pipeline.keys(pipeline.bucket("landing"), f"{ELSEWHERE}sync week/m")) == []
    write_files(tmp_path, {"control.json": json.dumps({"delivery": "night-1", "files": entries}).encode()})
    told = etl(*command, "--json").json
    assert (told["uploaded"], told["control"]["key"]) == (3, "tui/control/mainframe/night-1.json")
    landing = pipeline.s3.head_object(Bucket=told["bucket"], Key=told["control"]["key"])
    assert all(
        pipeline.s3.head_object(Bucket=told["bucket"], Key=file["key"])["LastModified"] <= landing["LastModified"]
        for file in told["files"]
    )
    assert etl(*command, "--json").json["uploaded"] == 0


def test_a_sync_that_was_killed_goes_on_where_it_stopped(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    s3, bucket, edge = as_data_account(pipeline, "s3"), pipeline.bucket("landing"), Edge(pipeline.instance)
    content = os.urandom(5 * PART + 1)
    write_files(tmp_path, {"sync week/large.bin": content})
    command = ["sync", str(tmp_path), "--feed", "informatica", "--set", f"landing_prefix={ELSEWHERE}"]
    key = f"{ELSEWHERE}sync week/large.bin"
    held = edge.inject("hold", role=SYNC_ROLE, action="s3:PutObject", body="partNumber=6")
    process = etl.begin(*command)

    def parts() -> tuple[str, dict[int, Any]] | None:
        for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", []):
            listed = s3.list_parts(Bucket=bucket, Key=key, UploadId=upload["UploadId"]).get("Parts", [])
            if len(listed) == 5:
                return upload["UploadId"], {part["PartNumber"]: part["LastModified"] for part in listed}
        return None

    upload, before = pipeline.wait_for(parts, "five parts of six", 60, interval_seconds=0.1)
    process.kill()
    process.communicate()
    edge.release(held)
    assert list(pipeline.keys(bucket, key)) == []

    uploads = edge.inject("delay", role=SYNC_ROLE, action="s3:PutObject", body="partNumber=", seconds=0.001, times=None)
    told = etl(*command, "--json").json
    assert [file["what"] for file in told["files"]] == ["uploaded"]
    assert edge.status()[uploads]["seen"] <= 1, f"parts of {upload} that were there were sent again: {before}"
    assert s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", []) == []
    stored = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert etl(*command, "--json").json["unchanged"] == 1


def test_a_trigger_is_put_where_its_function_looks(pipeline: Watched, etl: Etl) -> None:
    told = etl("trigger", "glue2", "--reason", "to see", "--by", "the test", "--json").json
    assert told["answer"] is None
    trigger = json.loads(pipeline.read(told["trigger"]))
    assert told["trigger"].startswith(f"s3://{pipeline.bucket('state')}/intermediary/scripts/glue2/")
    assert trigger == {"request_id": told["request_id"], "requested_by": "the test", "reason": "to see"}
    refused = etl(
        "trigger", "cleanup", "--key", "a/b.json", "--execute", "--reason", "to see", "--by", "x", code=REFUSED
    )
    assert "no trigger was put: mode" in refused.err


def test_a_step_is_done_by_hand_and_waited_for(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    [landed] = pipeline.drop(tmp_path, {"sixth week/a.jsonl": lines({"id": 1})})
    pipeline.ingested([landed])
    asked = ["--reason", "to see", "--by", "the test", "--wait", "--json"]
    friday = etl("trigger", "glue2", *asked).json["answer"]
    assert (friday["state"], friday["ended"]["ledger_state"]) == ("SUCCEEDED", "COMMITTED")
    pipeline.settle(rest.not_at_rest, "rest")  # temp still has what the killed runs left
    [seen] = etl("file", landed.file.key, "--json").json
    assert seen["steps"][1]["run_id"] == friday["start"]["run_id"]
    assert seen["steps"][1]["started_by"].startswith("support")
    assert etl("trigger", "optimization", *asked).json["answer"]["state"] == "NOTHING_TO_DO"

    again = etl("reland", landed.file.key, *asked).json["answer"]
    [relanded] = again["found"]["relanded"]
    assert relanded["from_version_id"] == landed.file_id.rpartition("#")[2]
    versions = etl("file", landed.file.key, "--json").json
    assert [seen["file_id"].rpartition("#")[2] for seen in versions][0] == relanded["version_id"]
    missing = etl("trigger", "cleanup", "--stage", "2", "--run-id", friday["start"]["run_id"], *asked, code=REFUSED)
    assert missing.json["answer"]["why"]


@pytest.mark.parametrize(
    ("state", "code"), [("SUCCEEDED", 0), ("NOTHING_TO_DO", 0), ("FAILED", BAD), ("REFUSED", REFUSED)]
)
def test_who_waits_for_a_trigger_ends_as_it_does(pipeline: Watched, etl: Etl, state: str, code: int) -> None:
    """In a bucket where no function looks: the test answers in its place."""
    bucket, name = f"answers-{state.lower().replace('_', '-')}", f"by hand {state}"
    pipeline.s3.create_bucket(Bucket=bucket)
    asked = ["reland", "flights/a.json", "--name", name, "--wait", "--reason", "to see", "--by", "x", "--json"]
    process = etl.begin(*asked, "--set", f"state_bucket={bucket}", profile="application")

    def trigger() -> dict[str, Any] | None:
        key = f"intermediary/scripts/copyglue/{name}.json"
        return json.loads(pipeline.read(f"s3://{bucket}/{key}")) if key in pipeline.keys(bucket) else None

    given = pipeline.wait_for(trigger, "trigger", 60, interval_seconds=0.1)
    assert (given["keys"], given["reland"]) == (["tui/legacy/flights/a.json"], True)
    reply = {"request_id": given["request_id"], "kind": "copyglue", "why": "because"}
    reply |= {"answered_at": "2026-05-08T12:00:00Z", "updated_at": "2026-05-08T12:00:00Z"}
    for told in ("ACCEPTED", state):
        pipeline.s3.put_object(
            Bucket=bucket,
            Key=f"intermediary/results/copyglue/{name}.json",
            Body=json.dumps(reply | {"state": told}).encode(),
        )
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert json.loads(out)["answer"]["state"] == state
    late = ["trigger", "glue2", "--wait", "--timeout", "1", "--reason", "to see", "--by", "x"]
    etl(*late, "--set", f"state_bucket={bucket}", profile="application", code=TIMED_OUT)


def test_single_sign_on_is_the_aws_clis_business(pipeline: Watched, etl: Etl, tmp_path: Path) -> None:
    """A profile that only the AWS CLI can read: what it hands out is used, and what it says is said."""
    config = (etl.home / "config").read_text(encoding="utf-8")
    sso = "[profile sso]\nsso_start_url = https://example.com\nsso_region = us-east-1\nsso_account_id = 222222222222\n"
    sso += f"sso_role_name = x\nregion = us-east-1\nendpoint_url = {pipeline.instance.endpoint}\n"
    (tmp_path / "config").write_text(f"{config}\n{sso}", encoding="utf-8")
    keys = {"Version": 1, "AccessKeyId": "222222222222", "SecretAccessKey": "test"}
    cli = tmp_path / "aws"
    cli.write_text(
        f'#!/bin/sh\n[ "$*" = "$EXPECTED" ] && echo \'{json.dumps(keys)}\' || {{ echo expired >&2; exit 255; }}\n'
    )
    cli.chmod(0o755)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    wanted = "configure export-credentials --format process --profile sso"
    told = etl("dlq", "redrive", "--json", profile="sso", variables=variables | {"EXPECTED": wanted}).json
    assert told["queue"] == "tui-landing-dlq-dev"
    error = etl("dlq", "redrive", profile="sso", code=UNREACHABLE, variables=variables)
    assert "expired" in error.err


def test_what_can_not_be_meant_is_refused_before_aws_is_asked(etl: Etl) -> None:
    for arguments, named in [
        (["runs", "--stage", "4"], "there are 1, 2 and 3"),
        (["status", "--set", "bucket=x"], "bucket"),
        (["status", "--config", "/nowhere.json"], "/nowhere.json"),
        (["sync", "/nowhere", "--feed", "mainframe"], "/nowhere is no folder"),
    ]:
        assert named in etl(*arguments, code=USAGE).err


def test_a_shell_learns_the_commands(etl: Etl) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "redrive" in etl("completions", shell).out


def test_the_operators_role_is_granted_what_the_commands_do_and_no_more(pipeline: Watched, etl: Etl) -> None:
    iam, role = pipeline.client("iam"), pipeline.outputs["operator_role"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    granted = {action for policy in policies for action in allowed(policy)}
    entries = [entry for entry in pipeline.journal("iam") if entry["role"] == role]
    exercised = {entry["action"] for entry in entries if entry["decision"] == "Allow"}
    assert granted - exercised == set()
    assert {entry["action"] for entry in entries if entry["decision"] == "Deny"} == {"athena:StartQueryExecution"}
