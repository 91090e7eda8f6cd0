"""The process behind a call is killed, and what AWS does then follows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import processes
from local.tests.injecting import Faults, Sender
from local.tests.support import Cloud, policy, statement, wait_for
from local.tests.test_glue import Job


def function(sender: Sender, **settings: Any) -> str:
    """Sends its event's `body`, and tells the number of its process."""
    lines = [
        "import boto3",
        f"boto3.client('sqs').send_message(QueueUrl={sender.url!r}, MessageBody=event['body'])",
        "return os.getpid()",
    ]
    return sender.cloud.function("\n".join(lines), sender.role, Timeout=30, **settings)


def invoke(cloud: Cloud, arn: str, body: str = "x") -> tuple[str | None, Any]:
    answer = cloud.client("lambda").invoke(FunctionName=arn, Payload=json.dumps({"body": body}).encode())
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def test_a_killed_function_ends_with_an_error_and_the_next_call_gets_a_new_process(
    cloud: Cloud, faults: Faults, sender: Sender
) -> None:
    arn = function(sender)
    cloud.client("lambda").put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)
    _, process = invoke(cloud, arn, "before")
    faults.add("kill", role=sender.name, action="sqs:SendMessage")
    error, payload = invoke(cloud, arn, "killed")
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    error, other = invoke(cloud, arn, "after")
    assert error is None and other != process
    assert sender.arrived() == ["after", "before"]


def test_a_function_that_is_killed_after_a_call_has_made_it(cloud: Cloud, faults: Faults, sender: Sender) -> None:
    arn = function(sender)
    faults.add("kill-after", role=sender.name, action="sqs:SendMessage")
    error, payload = invoke(cloud, arn, "made")
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert sender.arrived() == ["made"]


def test_of_two_processes_of_a_function_the_one_that_called_is_killed(
    cloud: Cloud, faults: Faults, threads: ThreadPoolExecutor, sender: Sender
) -> None:
    arn = function(sender)
    hold = faults.add("hold", role=sender.name, body="survivor")
    faults.add("kill", role=sender.name, body="victim")
    survivor = threads.submit(invoke, cloud, arn, "survivor")
    faults.held(hold)
    assert invoke(cloud, arn, "victim")[0] == "Unhandled"
    faults.release(hold)
    assert survivor.result()[0] is None
    assert sender.arrived() == ["survivor"]


def test_an_event_of_a_killed_function_is_tried_again(cloud: Cloud, faults: Faults, sender: Sender) -> None:
    arn = function(sender)
    faults.add("kill-after", role=sender.name, action="sqs:SendMessage")
    cloud.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"body": "event"}')
    wait_for(lambda: sender.arrived() == ["event", "event"])
    name = arn.rsplit(":", 1)[-1]
    wait_for(lambda: [line["ok"] for line in cloud.journal("invocations", function=name)] == [False, True])


def test_the_messages_of_a_killed_function_come_again_at_once(cloud: Cloud, faults: Faults) -> None:
    url, arn = cloud.queue(VisibilityTimeout="3600")
    consume = statement(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn)
    target = Sender(cloud)
    role = cloud.role(consume, statement("sqs:SendMessage", target.arn))
    body = f"import boto3\nboto3.client('sqs').send_message(QueueUrl={target.url!r}, MessageBody='done')"
    killed = cloud.function(body, role, Timeout=30)
    rule = faults.add("kill", role=role.rsplit("/", 1)[-1], action="sqs:SendMessage")
    cloud.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=killed)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    name = killed.rsplit(":", 1)[-1]
    wait_for(lambda: cloud.journal("invocations", function=name, ok=False))
    assert (faults.counts(rule), target.arrived()) == ((1, 1), [])
    assert faults.ask("sqs/redeliver", {"queue": url}) == {"redelivered": 1}
    wait_for(lambda: target.arrived() == ["done"])


def test_a_message_is_not_deleted_by_a_receiver_from_whom_it_was_taken(
    cloud: Cloud, faults: Faults, sender: Sender
) -> None:
    url, arn = cloud.queue(VisibilityTimeout="3600")
    consume = statement(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn)
    role = cloud.role(consume, statement("sqs:SendMessage", sender.arn))
    slow = cloud.function(
        f"import boto3\nboto3.client('sqs').send_message(QueueUrl={sender.url!r}, MessageBody='x')", role, Timeout=60
    )
    first, second = (faults.add("hold", role=role.rsplit("/", 1)[-1], action="sqs:SendMessage") for _ in range(2))
    cloud.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=slow)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    faults.held(first)
    assert faults.ask("sqs/redeliver", {"queue": arn.rsplit(":", 1)[-1]}) == {"redelivered": 1}
    faults.held(second)
    faults.release(first)
    mapped = cloud.client("lambda").list_event_source_mappings(FunctionName=slow)["EventSourceMappings"][0]["UUID"]
    wait_for(
        lambda: "1 of 1" in str(cloud.client("lambda").get_event_source_mapping(UUID=mapped)["LastProcessingResult"])
    )
    assert in_flight(cloud, url) == "1"
    faults.release(second)
    wait_for(lambda: in_flight(cloud, url) == "0")


def test_a_message_that_waits_for_its_batch_has_no_receiver_yet(cloud: Cloud, faults: Faults) -> None:
    url, arn = cloud.queue(VisibilityTimeout="3600")
    consume = statement(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn)
    consumer = cloud.function("return None", cloud.role(consume))
    cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=consumer, BatchSize=100, MaximumBatchingWindowInSeconds=300
    )
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    wait_for(lambda: in_flight(cloud, url) == "1")
    assert faults.ask("sqs/redeliver", {"queue": url}) == {"redelivered": 0}


def in_flight(cloud: Cloud, url: str) -> str:
    name = "ApproximateNumberOfMessagesNotVisible"
    return cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]


def test_a_queue_that_does_not_exist_is_named(faults: Faults) -> None:
    assert faults.refusal("sqs/redeliver", {"queue": "nowhere"}) == (404, "queue: there is no queue 'nowhere'")


class Sending(Job):
    """A job whose runs start a process of their own, and send its number after their `--body`."""

    def __init__(self, sender: Sender, times: int = 1) -> None:
        lines = [
            "import boto3, subprocess, sys",
            "body = sys.argv[sys.argv.index('--body') + 1]",
            "child = subprocess.Popen(['sleep', '600'])",
            f"for _ in range({times}):",
            f"    boto3.client('sqs').send_message(QueueUrl={sender.url!r}, MessageBody=f'{{body}} {{child.pid}}')",
            "child.kill()",
        ]
        super().__init__(sender.cloud, "\n".join(lines), ExecutionProperty={"MaxConcurrentRuns": 2})
        sender.cloud.client("iam").put_role_policy(
            RoleName=self.role.rsplit("/", 1)[-1],
            PolicyName="send",
            PolicyDocument=policy(statement("sqs:SendMessage", sender.arn)),
        )


def test_of_two_runs_of_a_job_the_one_that_called_is_killed(cloud: Cloud, faults: Faults, sender: Sender) -> None:
    job = Sending(sender)
    hold = faults.add("hold", action="sqs:SendMessage", body="survivor")
    kill = faults.add("kill", role=job.role.rsplit("/", 1)[-1], body="victim")
    survivor = job.start(body="survivor")
    faults.held(hold)
    run = job.ended(job.start(body="victim"))
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "Command failed with exit code -9")
    assert [event["state"] for event in wait_for(job.events)] == ["FAILED"]
    assert faults.counts(kill) == (1, 1)
    faults.release(hold)
    assert job.ended(survivor)["JobRunState"] == "SUCCEEDED"
    assert [body.split()[0] for body in sender.arrived()] == ["survivor"]


def test_a_zombie_is_killed_with_all_its_processes_and_tells_nobody(
    cloud: Cloud, faults: Faults, sender: Sender
) -> None:
    job = Sending(sender)
    faults.add("kill-after", role=job.role.rsplit("/", 1)[-1], action="sqs:SendMessage")
    job.order("zombie")
    assert job.ended(job.start(body="zombie"))["JobRunState"] == "FAILED"
    (body,) = wait_for(sender.arrived)
    wait_for(lambda: int(body.split()[1]) not in processes.of_instance(cloud.instance.folder, {}))
    assert [event["state"] for event in job.events()] == ["FAILED"]


@pytest.mark.parametrize(("do", "state", "sent"), [("timeout-after", "TIMEOUT", 1), ("zombie-after", "FAILED", 2)])
def test_a_run_is_given_an_end_between_two_of_its_steps(
    cloud: Cloud, faults: Faults, sender: Sender, do: str, state: str, sent: int
) -> None:
    """A run that times out has sent once; one that is only called dead goes on, and sends again."""
    job = Sending(sender, times=2)
    rule = faults.add(do, role=job.role.rsplit("/", 1)[-1], action="sqs:SendMessage")
    run_id = job.start(body="x")
    assert job.ended(run_id)["JobRunState"] == state
    assert [event["state"] for event in wait_for(job.events)] == [state]
    assert wait_for(lambda: len(sender.arrived()) == sent)
    assert faults.counts(rule) == (sent, 1)


def test_a_call_that_its_service_refuses_ends_no_run(cloud: Cloud, faults: Faults, sender: Sender) -> None:
    job = Sending(sender)
    rule = faults.add("timeout-after", role=job.role.rsplit("/", 1)[-1], action="sqs:SendMessage")
    cloud.client("sqs").delete_queue(QueueUrl=sender.url)
    assert job.ended(job.start(body="x"))["JobRunState"] == "FAILED"
    assert faults.counts(rule) == (1, 0)
