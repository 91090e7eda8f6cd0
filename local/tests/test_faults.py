"""Faults between any two calls of a process: what the caller sees, and whether the call was applied."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.tests.injecting import Faults, Sender
from local.tests.support import Cloud, statement, wait_for

ACTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "s3": ("s3:ListAllMyBuckets", "list_buckets", {}),
    "dynamodb": ("dynamodb:PutItem", "put_item", {"TableName": "none", "Item": {"id": {"S": "a"}}}),
    "glue": ("glue:StartJobRun", "start_job_run", {"JobName": "none"}),
    "sns": ("sns:Publish", "publish", {"TopicArn": "arn:aws:sns:us-east-1:222222222222:none", "Message": "x"}),
    "sqs": ("sqs:SendMessage", "send_message", {"QueueUrl": "http://x/222222222222/none", "MessageBody": "x"}),
    "lambda": ("lambda:InvokeFunction", "invoke", {"FunctionName": "none"}),
    "secretsmanager": ("secretsmanager:GetSecretValue", "get_secret_value", {"SecretId": "none"}),
    "events": ("events:PutEvents", "put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
}


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("service", list(ACTIONS))
def test_an_error_comes_in_the_form_of_its_service(cloud: Cloud, faults: Faults, service: str, status: int) -> None:
    action, method, arguments = ACTIONS[service]
    role = cloud.role(statement(action, "*"))
    faults.add("error", action=action, status=status, code="OneThatATestWants", message="by & by")
    with pytest.raises(ClientError) as caught:
        getattr(cloud.as_role(role, service), method)(**arguments)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "OneThatATestWants"
    assert answer["Error"]["Message"] == "by & by"
    blamed = "Sender" if status < 500 else "Receiver"
    assert answer["Error"].get("Type", blamed) == blamed
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_call_that_is_answered_with_an_error_is_not_applied(faults: Faults, sender: Sender) -> None:
    rule = faults.add("error", role=sender.name, status=500, code="InternalFailure")
    with pytest.raises(ClientError, match="InternalFailure"):
        sender.send("refused")
    sender.send("later")
    assert sender.arrived() == ["later"]
    assert faults.counts(rule) == (2, 1)


def test_a_dropped_call_is_not_applied(faults: Faults, sender: Sender) -> None:
    faults.add("drop", role=sender.name)
    with pytest.raises(ConnectionClosedError):
        sender.send("dropped")
    assert sender.arrived() == []


def test_a_call_whose_answer_is_lost_is_applied(faults: Faults, sender: Sender) -> None:
    faults.add("lose-answer", role=sender.name)
    with pytest.raises(ConnectionClosedError):
        sender.send("applied")
    assert sender.arrived() == ["applied"]


def test_a_delayed_call_is_applied_though_its_caller_has_given_up(faults: Faults, sender: Sender) -> None:
    faults.add("delay", role=sender.name, seconds=2)
    with pytest.raises(ReadTimeoutError):
        sender.send("late", patience_seconds=0.5)
    wait_for(lambda: sender.arrived() == ["late"])


def test_a_held_call_keeps_nobody_else_waiting_and_is_applied_when_it_is_released(
    cloud: Cloud, faults: Faults, threads: ThreadPoolExecutor, sender: Sender
) -> None:
    rule = faults.add("hold", role=sender.name)
    call = threads.submit(sender.send, "held")
    faults.held(rule)
    other = Sender(cloud)
    other.send("not held")
    assert (other.arrived(), sender.arrived(), call.done()) == (["not held"], [], False)
    assert faults.release(rule) == 1
    call.result()
    assert sender.arrived() == ["held"]
    assert faults.release(rule) == 0


def test_a_held_call_arrives_late_though_its_caller_has_given_up(faults: Faults, sender: Sender) -> None:
    rule = faults.add("hold", role=sender.name)
    with pytest.raises(ReadTimeoutError):
        sender.send("late", patience_seconds=0.5)
    assert sender.arrived() == []
    faults.release(rule)
    wait_for(lambda: sender.arrived() == ["late"])


def test_a_call_that_is_held_after_it_was_applied_waits_for_its_answer(
    faults: Faults, threads: ThreadPoolExecutor, sender: Sender
) -> None:
    rule = faults.add("hold-after", role=sender.name)
    call: Future = threads.submit(sender.send, "applied")
    faults.held(rule)
    assert (sender.arrived(), call.done()) == (["applied"], False)
    faults.release(rule)
    assert call.result()["MessageId"]


def test_clearing_lets_go_of_what_is_held_and_forgets_every_rule(
    faults: Faults, threads: ThreadPoolExecutor, sender: Sender
) -> None:
    rule = faults.add("hold", role=sender.name, times=None)
    call = threads.submit(sender.send, "held")
    faults.held(rule)
    assert faults.ask("faults/clear", {}) == {"cleared": 1}
    call.result()
    sender.send("free")
    assert sender.arrived() == ["free", "held"]
    assert faults.ask("faults") == {"faults": []}


@pytest.fixture
def objects(cloud: Cloud) -> tuple[str, Any]:
    """A bucket with `k1` to `k5`, and a client of a role that may read and delete them."""
    bucket = cloud.bucket()
    for number in range(1, 6):
        cloud.client("s3").put_object(Bucket=bucket, Key=f"k{number}", Body=b"0123456789")
    role = cloud.role(statement(["s3:GetObject", "s3:DeleteObject"], f"arn:aws:s3:::{bucket}/*"))
    return bucket, cloud.as_role(role, "s3")


def keys(cloud: Cloud, bucket: str) -> list[str]:
    return [entry["Key"] for entry in cloud.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(("every", "left"), [(2, ["k2", "k4"]), (1, ["k1", "k2", "k3", "k4", "k5"]), (6, [])])
def test_some_keys_of_a_call_are_not_deleted(
    cloud: Cloud, faults: Faults, objects: tuple[str, Any], every: int, left: list[str], quiet: bool
) -> None:
    bucket, client = objects
    faults.add("keys", action="s3:DeleteObject", resource=f"arn:aws:s3:::{bucket}/k3", every=every, code="SlowDown")
    wanted = [{"Key": f"k{number}"} for number in range(1, 6)]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": quiet})
    assert [(error["Key"], error["Code"]) for error in answer.get("Errors", [])] == [(k, "SlowDown") for k in left]
    assert len(answer.get("Deleted", [])) == (0 if quiet else 5 - len(left))
    assert keys(cloud, bucket) == left


def test_only_a_call_for_many_keys_is_seen_by_a_rule_for_keys(faults: Faults, objects: tuple[str, Any]) -> None:
    bucket, client = objects
    rule = faults.add("keys", every=1)
    client.delete_object(Bucket=bucket, Key="k1")
    assert faults.counts(rule) == (0, 0)


def test_an_object_is_cut_off(faults: Faults, objects: tuple[str, Any]) -> None:
    bucket, client = objects
    rule = faults.add("truncate", resource=f"arn:aws:s3:::{bucket}/k1", bytes=4)
    client.head_object(Bucket=bucket, Key="k1")
    answer = client.get_object(Bucket=bucket, Key="k1")
    assert (answer["ContentLength"], answer["Body"].read()) == (4, b"0123")
    assert client.get_object(Bucket=bucket, Key="k1")["Body"].read() == b"0123456789"
    assert faults.counts(rule) == (2, 1)


def test_a_rule_hits_so_many_requests_after_so_many_others(faults: Faults, sender: Sender) -> None:
    rule = faults.add("error", role=sender.name, status=400, code="No", after=1, times=2)
    for number, refused in enumerate([False, True, True, False]):
        if refused:
            with pytest.raises(ClientError):
                sender.send(str(number))
        else:
            sender.send(str(number))
    assert sender.arrived() == ["0", "3"]
    assert faults.counts(rule) == (4, 2)


@pytest.mark.parametrize(
    ("field", "meets", "misses"),
    [
        ("role", "{role}", "other-*"),
        ("action", "sqs:Send*", "sqs:Receive*"),
        ("resource", "arn:aws:sqs:*:{queue}", "arn:aws:sqs:*:other-*"),
        ("body", "the-text", "another-text"),
        ("body", "POST /", "GET /"),
    ],
)
def test_a_rule_leaves_others_alone(faults: Faults, sender: Sender, field: str, meets: str, misses: str) -> None:
    names = {"role": sender.name, "queue": sender.arn.rsplit(":", 1)[-1]}
    missing = faults.add("drop", **{field: misses})
    sender.send("with the-text in it")
    meeting = faults.add("drop", **{field: meets.format(**names)})
    with pytest.raises(ConnectionClosedError):
        sender.send("with the-text in it")
    assert (faults.counts(missing), faults.counts(meeting)) == ((0, 0), (1, 1))


def test_of_two_rules_that_are_due_the_first_hits_and_both_count(faults: Faults, sender: Sender) -> None:
    first = faults.add("drop", role=sender.name)
    second = faults.add("error", role=sender.name, status=400, code="Second")
    with pytest.raises(ConnectionClosedError):
        sender.send()
    assert (faults.counts(first), faults.counts(second)) == ((1, 1), (1, 0))
    with pytest.raises(ClientError, match="Second"):
        sender.send()


def test_the_administrator_is_never_hit_and_what_iam_refuses_stays_refused(
    cloud: Cloud, faults: Faults, sender: Sender
) -> None:
    rule = faults.add("drop", action="sqs:*", times=None)
    cloud.client("sqs").send_message(QueueUrl=sender.url, MessageBody="mine")
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.as_role(cloud.role(), "sqs").send_message(QueueUrl=sender.url, MessageBody="forbidden")
    assert sender.arrived() == ["mine"]
    assert faults.counts(rule) == (0, 0)


def test_a_caller_without_a_process_is_not_killed(faults: Faults, sender: Sender) -> None:
    rule = faults.add("kill", role=sender.name)
    sender.send("alive")
    assert faults.counts(rule) == (0, 0)


def test_a_transaction_goes_by_its_own_name_and_by_its_parts(cloud: Cloud, faults: Faults) -> None:
    table = cloud.name("table")
    cloud.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = cloud.role(statement("dynamodb:PutItem", f"arn:aws:dynamodb:us-east-1:222222222222:table/{table}"))
    put = {"Put": {"TableName": table, "Item": {"id": {"S": "a"}}}}
    for action in ("dynamodb:TransactWriteItems", "dynamodb:PutItem"):
        faults.add("drop", action=action, resource=f"*:table/{table}")
        with pytest.raises(ConnectionClosedError):
            cloud.as_role(role, "dynamodb").transact_write_items(TransactItems=[put])
    assert cloud.client("dynamodb").scan(TableName=table)["Count"] == 0


def test_a_call_on_a_glue_table_goes_by_the_table_too(cloud: Cloud, faults: Faults) -> None:
    glue, database = cloud.client("glue"), cloud.name("db").replace("-", "_")
    glue.create_database(DatabaseInput={"Name": database})
    for name in ("hit", "spared"):
        glue.create_table(DatabaseName=database, TableInput={"Name": name})
    rule = faults.add("error", resource=f"*:table/{database}/hit", status=400, code="No", times=None)
    client = cloud.as_role(cloud.role(statement("glue:GetTable", "*")), "glue")
    client.get_table(DatabaseName=database, Name="spared")
    with pytest.raises(ClientError, match="No"):
        client.get_table(DatabaseName=database, Name="hit")
    assert faults.counts(rule) == (1, 1)


ERROR = {"do": "error", "status": 500, "code": "X"}


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"do": "explode"}, "faults[0].do: 'explode' is not one of error, drop"),
        ({}, "faults[0].do: None is not one of"),
        ("drop", "faults[0]: want an object, not 'drop'"),
        ({"do": "drop", "seconds": 1}, "drop has no field seconds"),
        ({"do": "drop", "rolle": "x"}, "drop has no field rolle"),
        ({"do": "delay"}, "delay wants seconds"),
        ({"do": "error"}, "error wants code, status"),
        ({"do": "delay", "seconds": 0}, "faults[0].seconds: 0"),
        ({**ERROR, "status": 200}, "faults[0].status: 200"),
        ({**ERROR, "times": 0}, "faults[0].times: 0"),
        ({**ERROR, "after": -1}, "faults[0].after: -1"),
        ({**ERROR, "role": ""}, "faults[0].role: ''"),
        ({"do": "keys", "every": 0}, "faults[0].every: 0"),
        ({"do": "truncate", "bytes": "4"}, "faults[0].bytes: '4'"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_and_named(faults: Faults, rule: Any, named: str) -> None:
    for first, at in (([], "[0]"), ([{"do": "drop"}], "[1]")):
        status, message = faults.refusal("faults", {"faults": [*first, rule]})
        assert status == 400 and named.replace("[0]", at) in message
    assert faults.ask("faults") == {"faults": []}


@pytest.mark.parametrize(
    ("path", "request_body", "named"),
    [
        ("faults", {"fault": []}, "unknown: fault"),
        ("faults", {"faults": {}}, "faults: want a list"),
        ("faults/release", {"id": "fault-0"}, "there is no fault 'fault-0'"),
        ("faults/release", {}, "'id'"),
        ("faults/clear", {"id": "fault-1"}, "clear takes no fields: id"),
        ("faults/other", {}, "nothing at /_local/faults/other"),
    ],
)
def test_a_request_that_is_not_understood_is_refused(faults: Faults, path: str, request_body: dict, named: str) -> None:
    status, message = faults.refusal(path, request_body)
    assert status == 400 and named in message
