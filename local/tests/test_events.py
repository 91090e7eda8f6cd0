"""Queues, rules and schedules: batches, retries, permissions, dead letters."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from local import up
from local.tests.support import APPLICATION_ACCOUNT, Cloud, policy, statement, wait_for

CONSUME = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
COUNT = "import os\nreturn {'batchItemFailures': []}"


def batches(cloud: Cloud, function_arn: str) -> list[dict]:
    return cloud.journal("invocations", function=function_arn.rsplit(":", 1)[-1])


def consumer(cloud: Cloud, body: str, queue_arn: str, **mapping: object) -> tuple[str, str]:
    role = cloud.role(statement(CONSUME, queue_arn))
    function = cloud.function(body, role)
    cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=queue_arn,
        FunctionName=function,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        **mapping,
    )
    return function, role


def send(cloud: Cloud, url: str, count: int) -> None:
    for start in range(0, count, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, min(count, start + 10))]
        cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def left(cloud: Cloud, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def test_messages_that_arrive_within_the_window_make_one_batch(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="60")
    function, role = consumer(cloud, COUNT, arn, BatchSize=1000, MaximumBatchingWindowInSeconds=2)
    send(cloud, url, 120)
    wait_for(lambda: left(cloud, url) == 0)
    assert len(batches(cloud, function)) == 1
    assert {line["action"] for line in cloud.decisions(role, decision="Allow")} >= set(CONSUME)


def test_a_full_batch_does_not_wait_for_the_window(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="60")
    function, _ = consumer(cloud, COUNT, arn, BatchSize=20, MaximumBatchingWindowInSeconds=300)
    send(cloud, url, 45)
    wait_for(lambda: left(cloud, url) == 5)
    assert len(batches(cloud, function)) == 2


def test_only_the_messages_that_are_named_stay(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="60")
    body = (
        "odd = [r['messageId'] for r in event['Records'] if int(r['body']) % 2]\n"
        "return {'batchItemFailures': [{'itemIdentifier': i} for i in odd]}"
    )
    consumer(cloud, body, arn, BatchSize=10)
    send(cloud, url, 10)
    wait_for(lambda: left(cloud, url) == 5)


def test_an_exception_keeps_the_whole_batch(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="60")
    function, _ = consumer(cloud, "raise ValueError('no')", arn, BatchSize=10)
    send(cloud, url, 3)
    wait_for(lambda: batches(cloud, function))
    assert left(cloud, url) == 3
    assert batches(cloud, function)[0]["ok"] is False


def test_a_role_that_may_not_receive_gets_nothing(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="60")
    role = cloud.role()
    function = cloud.function(COUNT, role)
    cloud.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function)
    send(cloud, url, 1)
    wait_for(lambda: cloud.decisions(role, action="sqs:ReceiveMessage", decision="Deny"))
    assert not batches(cloud, function)


def rule(cloud: Cloud, source: str, target: dict) -> str:
    events, name = cloud.client("events"), cloud.name("rule")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "t", **target}])
    return arn


def put_event(cloud: Cloud, source: str) -> None:
    entry = {"Source": source, "DetailType": "test", "Detail": "{}"}
    assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def open_queue(cloud: Cloud) -> tuple[str, str]:
    """A queue that EventBridge may send to."""
    url, arn = cloud.queue()
    admitted = statement("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"})
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(admitted)})
    return url, arn


def test_a_function_that_does_not_admit_the_rule_is_not_called_and_the_event_is_a_dead_letter(cloud: Cloud) -> None:
    url, dead_letters = open_queue(cloud)
    function = cloud.function("return None", cloud.role())
    source = cloud.name("test")
    arn = rule(cloud, source, {"Arn": function, "DeadLetterConfig": {"Arn": dead_letters}})
    put_event(cloud, source)
    (message,) = wait_for(lambda: cloud.messages(url))
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert json.loads(message["Body"])["source"] == source
    assert not batches(cloud, function)
    cloud.client("lambda").add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn,
    )
    put_event(cloud, source)
    wait_for(lambda: batches(cloud, function))


def test_a_failing_function_is_tried_three_times_and_then_reported(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    role = cloud.role(statement("sqs:SendMessage", arn))
    function = cloud.function("raise ValueError('no')", role)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    cloud.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b'{"a": 1}')
    (message,) = wait_for(lambda: cloud.messages(url))
    body = json.loads(message["Body"])
    assert (body["requestPayload"], body["requestContext"]["approximateInvokeCount"]) == ({"a": 1}, 3)
    attempts = batches(cloud, function)
    assert (len(attempts), len({attempt["request_id"] for attempt in attempts})) == (3, 1)
    assert cloud.decisions(role, action="sqs:SendMessage", decision="Allow")


def test_a_throttled_event_is_not_lost(cloud: Cloud) -> None:
    function = cloud.function("import time\ntime.sleep(1.5)", cloud.role())
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    for _ in range(4):
        client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    wait_for(lambda: len(batches(cloud, function)) == 4, seconds=60)


def schedule(cloud: Cloud, role: str, target: dict) -> str:
    name = cloud.name("schedule")
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 12 ? * FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"RoleArn": role, **target},
    )
    return name


def test_a_universal_target_is_called_as_the_schedules_role(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    role = cloud.role(statement("sqs:SendMessage", arn), service="scheduler.amazonaws.com")
    given = json.dumps({"QueueUrl": url, "MessageBody": "at <aws.scheduler.scheduled-time>"})
    name = schedule(cloud, role, {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": given})
    answer = up.ask(f"{cloud.instance.endpoint}/_local/fire", {"schedule": name})
    assert answer["error"] is None and answer["response"]["MessageId"]
    (message,) = cloud.messages(url)
    assert message["Body"].startswith("at 2") and message["Body"].endswith("Z")
    assert cloud.decisions(role, action="sqs:SendMessage", decision="Allow")


def test_a_schedule_whose_role_may_not_call_the_target_leaves_a_dead_letter(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    _, forbidden = cloud.queue()
    role = cloud.role(statement("sqs:SendMessage", arn), service="scheduler.amazonaws.com")
    other = f"{cloud.instance.endpoint}/{APPLICATION_ACCOUNT}/{forbidden.rsplit(':', 1)[-1]}"
    given = json.dumps({"QueueUrl": other, "MessageBody": "x"})
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": given}
    name = schedule(cloud, role, {**target, "DeadLetterConfig": {"Arn": arn}})
    answer = up.ask(f"{cloud.instance.endpoint}/_local/fire", {"schedule": name})
    assert "AccessDenied" in answer["error"]
    (message,) = wait_for(lambda: cloud.messages(url))
    assert json.loads(message["Body"]) == {"QueueUrl": other, "MessageBody": "x"}
    assert "AccessDenied" in message["MessageAttributes"]["ERROR_CODE"]["StringValue"]


def test_a_service_that_a_role_does_not_trust_cannot_use_it(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    role = cloud.role(statement("sqs:SendMessage", arn), service="lambda.amazonaws.com")
    given = json.dumps({"QueueUrl": url, "MessageBody": "x"})
    name = schedule(cloud, role, {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": given})
    answer = up.ask(f"{cloud.instance.endpoint}/_local/fire", {"schedule": name})
    assert answer["error"] == "AccessDeniedException"
    assert not cloud.messages(url)


def test_what_is_published_is_written_down(cloud: Cloud) -> None:
    topic = cloud.client("sns").create_topic(Name=cloud.name("topic"))["TopicArn"]
    cloud.client("sns").publish(TopicArn=topic, Subject="Glue 2", Message="42 rows")
    (line,) = cloud.journal("notifications", topic=topic)
    assert (line["subject"], line["message"]) == ("Glue 2", "42 rows")


MOVE = ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:GetQueueAttributes"]
TAKE = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]


def dead_letters(cloud: Cloud, count: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """A queue, and the dead-letter queue that it feeds, with so many messages."""
    dead = cloud.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead[1], "maxReceiveCount": 5})
    alive = cloud.queue(RedrivePolicy=redrive)
    send(cloud, dead[0], count)
    return alive, dead


def test_dead_letters_are_moved_and_the_move_is_listed(cloud: Cloud) -> None:
    alive, dead = dead_letters(cloud, 12)
    sqs = cloud.client("sqs")
    sqs.start_message_move_task(SourceArn=dead[1], DestinationArn=alive[1])
    [task] = sqs.list_message_move_tasks(SourceArn=dead[1])["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 12)
    assert (left(cloud, dead[0]), left(cloud, alive[0])) == (0, 12)


def test_a_queue_that_no_other_feeds_is_not_moved(cloud: Cloud) -> None:
    _, arn = cloud.queue()
    with pytest.raises(ClientError, match="must be configured as a DLQ"):
        cloud.client("sqs").start_message_move_task(SourceArn=arn)


def test_a_move_takes_what_may_be_done_on_both_queues(cloud: Cloud) -> None:
    alive, dead = dead_letters(cloud, 1)
    start = {"SourceArn": dead[1], "DestinationArn": alive[1]}
    taking = statement([*MOVE, *TAKE], dead[1])
    with pytest.raises(ClientError, match="SendMessage"):
        cloud.as_role(cloud.role(taking), "sqs").start_message_move_task(**start)
    assert left(cloud, dead[0]) == 1
    role = cloud.role(taking, statement("sqs:SendMessage", alive[1]))
    cloud.as_role(role, "sqs").start_message_move_task(**start)
    allowed = {line["action"] for line in cloud.decisions(role, decision="Allow")}
    assert allowed >= {"sqs:StartMessageMoveTask", "sqs:SendMessage", *TAKE}
    assert left(cloud, alive[0]) == 1


def test_a_batch_takes_the_action_of_its_messages(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    sender = cloud.as_role(cloud.role(statement("sqs:SendMessage", arn)), "sqs")
    assert not sender.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}]).get("Failed")
