"""Glue runs with scripts that need no Spark: how they start, what they may do, how they end, who is told."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import up
from local.glue.spark import local_conf, split_conf
from local.tests.injecting import Faults
from local.tests.support import Cloud, policy, statement, wait_for

ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")


class Job:
    """A Glue job whose state changes arrive in a queue."""

    def __init__(self, cloud: Cloud, script: str, **settings: Any) -> None:
        self.cloud, self.name = cloud, cloud.name("job")
        self.scripts = cloud.bucket()
        cloud.client("s3").put_object(Bucket=self.scripts, Key="jobs/it.py", Body=script.encode())
        logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        self.role = cloud.role(
            statement("s3:GetObject", f"arn:aws:s3:::{self.scripts}/*"),
            statement(logs, "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/*"),
            service="glue.amazonaws.com",
        )
        cloud.client("glue").create_job(
            Name=self.name,
            Role=self.role,
            Command={"Name": "glueetl", "ScriptLocation": f"s3://{self.scripts}/jobs/it.py", "PythonVersion": "3"},
            **settings,
        )
        self.queue, arn = cloud.queue()
        admitted = statement("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"})
        cloud.client("sqs").set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy(admitted)})
        pattern = {"source": ["aws.glue"], "detail": {"jobName": [self.name]}}
        rule = cloud.name("rule")
        cloud.client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
        cloud.client("events").put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": arn}])

    def start(self, **arguments: str) -> str:
        given = {f"--{name}": value for name, value in arguments.items()}
        return self.cloud.client("glue").start_job_run(JobName=self.name, Arguments=given)["JobRunId"]

    def run(self, run_id: str) -> dict:
        return self.cloud.client("glue").get_job_run(JobName=self.name, RunId=run_id)["JobRun"]

    def ended(self, run_id: str) -> dict:
        return wait_for(lambda: self.run(run_id)["JobRunState"] in ENDED and self.run(run_id))

    def order(self, behaviour: str) -> None:
        request = {"job": self.name, "behaviour": behaviour}
        assert up.ask(f"{self.cloud.instance.endpoint}/_local/glue/next", request) == {}

    def events(self) -> list[dict]:
        return [json.loads(message["Body"])["detail"] for message in self.cloud.messages(self.queue)]

    def log(self, run_id: str) -> str:
        return (self.cloud.instance.runs / f"{run_id}.log").read_text()


def test_a_run_gets_its_arguments_and_its_extra_files_and_tells_that_it_succeeded(cloud: Cloud) -> None:
    job = Job(cloud, "import sys, greetings\nprint(greetings.HELLO, sys.argv[1:])")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("greetings.py", "HELLO = 'hello'")
    cloud.client("s3").put_object(Bucket=job.scripts, Key="lib/x.zip", Body=archive.getvalue())
    extra = {"--extra-py-files": f"s3://{job.scripts}/lib/x.zip", "--a": "default", "--b": "default"}
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{job.scripts}/jobs/it.py"}
    update = {"Role": job.role, "Command": command, "DefaultArguments": extra}
    cloud.client("glue").update_job(JobName=job.name, JobUpdate=update)
    run_id = job.start(b="given")
    run = job.ended(run_id)
    assert run["JobRunState"] == "SUCCEEDED", run
    expected = ["--JOB_NAME", job.name, "--JOB_RUN_ID", run_id, "--a", "default", "--b", "given"]
    assert job.log(run_id).strip() == f"hello {expected}"
    (event,) = wait_for(job.events)
    assert (event["state"], event["jobRunId"]) == ("SUCCEEDED", run_id)
    assert run["CompletedOn"] >= run["StartedOn"]
    logged = cloud.client("logs").get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run_id)
    assert logged["events"][0]["message"].startswith("hello")
    assert {"s3:GetObject", "logs:PutLogEvents"} <= {line["action"] for line in cloud.decisions(job.role)}


def test_a_script_acts_as_its_role_and_an_exception_is_the_runs_message(cloud: Cloud) -> None:
    job = Job(cloud, "import boto3\nboto3.client('s3').list_buckets()")
    run = job.ended(job.start())
    assert run["JobRunState"] == "FAILED"
    assert "AccessDenied" in run["ErrorMessage"] and "ListBuckets" in run["ErrorMessage"]
    assert cloud.decisions(job.role, action="s3:ListAllMyBuckets", decision="Deny")
    (event,) = wait_for(job.events)
    assert (event["state"], event["severity"]) == ("FAILED", "ERROR")


def test_a_second_run_is_refused_while_the_first_goes_on_and_stopping_makes_room(cloud: Cloud) -> None:
    job = Job(cloud, "import time\ntime.sleep(600)")
    first = job.start()
    with pytest.raises(ClientError, match="ConcurrentRunsExceeded"):
        job.start()
    wait_for(lambda: job.run(first)["JobRunState"] == "RUNNING")
    job.order("fail")
    with pytest.raises(ClientError, match="ConcurrentRunsExceeded"):
        job.start()
    stopped = cloud.client("glue").batch_stop_job_run(JobName=job.name, JobRunIds=[first])
    assert stopped["SuccessfulSubmissions"][0]["JobRunId"] == first
    assert job.ended(first)["JobRunState"] == "STOPPED"
    assert [event["state"] for event in wait_for(job.events)] == ["STOPPED"]
    # The order was for a run, and the start that was refused made none.
    assert job.ended(job.start())["JobRunState"] == "FAILED"


def test_two_runs_go_side_by_side_where_the_job_lets_them(cloud: Cloud) -> None:
    job = Job(cloud, "print('done')", ExecutionProperty={"MaxConcurrentRuns": 2})
    job.order("hang")
    first = job.start()
    second = job.start()
    assert job.ended(second)["JobRunState"] == "SUCCEEDED"
    cloud.client("glue").batch_stop_job_run(JobName=job.name, JobRunIds=[first])
    job.ended(first)
    runs = cloud.client("glue").get_job_runs(JobName=job.name)["JobRuns"]
    assert [run["Id"] for run in runs] == [second, first]


@pytest.mark.parametrize(
    ("behaviour", "state", "told"),
    [
        ("fail", "FAILED", True),
        ("fail-after", "FAILED", True),
        ("zombie", "FAILED", True),
        ("timeout", "TIMEOUT", True),
        ("vanish", "ERROR", False),
        ("expire", "EXPIRED", False),
        ("silent", "SUCCEEDED", False),
    ],
)
def test_a_run_can_be_made_to_end_badly(cloud: Cloud, behaviour: str, state: str, told: bool) -> None:
    job = Job(cloud, "import time\ntime.sleep(2)")
    job.order(behaviour)
    run_id = job.start()
    assert job.ended(run_id)["JobRunState"] == state
    job.order("fail")
    job.ended(job.start())
    states = [event["state"] for event in wait_for(lambda: len(job.events()) == 1 + told and job.events())]
    assert states == [state] * told + ["FAILED"]


def test_a_run_that_is_given_up_has_failed_while_its_script_goes_on(cloud: Cloud) -> None:
    job = Job(cloud, "import time\ntime.sleep(3)\nprint('went on')")
    run_id = job.start()
    wait_for(lambda: job.run(run_id)["JobRunState"] == "RUNNING")
    place = f"{cloud.instance.endpoint}/_local/glue/give-up"
    assert up.ask(place, {"run_id": run_id}) == {}
    assert job.ended(run_id)["JobRunState"] == "FAILED"
    assert [event["state"] for event in wait_for(job.events)] == ["FAILED"]
    assert wait_for(lambda: "went on" in job.log(run_id))
    assert run_id in up.ask(place, {"run_id": run_id})["error"]


def test_what_is_arranged_and_has_not_come_true_is_told(cloud: Cloud) -> None:
    job = Job(cloud, "print('done')")
    place = f"{cloud.instance.endpoint}/_local/glue/pending"
    job.order("fail")
    job.order("silent")
    assert up.ask(place, {"job": job.name}) == {"behaviours": ["fail", "silent"]}
    job.ended(job.start())
    assert up.ask(place, {"job": job.name}) == {"behaviours": ["silent"]}
    job.order("normal")
    assert up.ask(place, {"job": job.name}) == {"behaviours": []}


def test_an_order_for_a_job_that_there_is_not_is_refused_by_name(faults: Faults) -> None:
    for wanted in ("fail", "normal"):
        told = (404, "job: there is no job 'glue-9-dev'")
        assert faults.refusal("glue/next", {"job": "glue-9-dev", "behaviour": wanted}) == told


@pytest.mark.parametrize(
    ("behaviour", "code", "runs"),
    [
        ("refuse", "ConcurrentRunsExceededException", 0),
        ("throttle", "ThrottlingException", 0),
        ("lose-answer", "InternalServiceException", 1),
        ("double", "InternalServiceException", 2),
    ],
)
def test_a_start_can_be_made_to_go_wrong(cloud: Cloud, behaviour: str, code: str, runs: int) -> None:
    job = Job(cloud, "print('done')", ExecutionProperty={"MaxConcurrentRuns": 3})
    job.order(behaviour)
    with pytest.raises(ClientError) as caught:
        job.start()
    assert caught.value.response["Error"]["Code"] == code
    assert len(cloud.client("glue").get_job_runs(JobName=job.name)["JobRuns"]) == runs


def test_settings_follow_each_other_in_one_conf_argument_and_iceberg_gets_its_local_name() -> None:
    catalog = "spark.sql.catalog.glue_catalog"
    files = "org.apache.iceberg.aws.s3.S3FileIO"
    value = f"{catalog}=org.apache.iceberg.spark.SparkCatalog --conf {catalog}.io-impl={files}"
    settings = split_conf(value)
    assert settings[f"{catalog}.io-impl"] == files
    shaded = local_conf(settings, "http://127.0.0.1:1", shaded=True)
    assert shaded[catalog] == "smfs.shaded.org.apache.iceberg.spark.SparkCatalog"
    assert shaded[f"{catalog}.s3.endpoint"] == "http://127.0.0.1:1"
    assert local_conf(settings, "x", shaded=False)[catalog] == "org.apache.iceberg.spark.SparkCatalog"
