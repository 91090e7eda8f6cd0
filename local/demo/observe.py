"""What can be seen of a running pipeline from outside: its ledger, queue, Glue runs, buckets, tables and journals.

Only public AWS APIs and the files in the local AWS's folder; nothing here knows how the jobs work. The demo and the
end-to-end tests look through the same glasses.
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

from local.settings import REGION, ROOT_SECRET, Instance

STAGES = {1: "ingest", 2: "classify", 3: "conform"}
ENDED_BADLY = ("FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED")
ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
LANDING_PREFIX, TEMP_PREFIX, QUARANTINE_PREFIX = "tui/legacy/", "tui/legacy/temp/", "tui/legacy/quarantine/"
IN_FLIGHT = 16

_deserialize = TypeDeserializer().deserialize


class TimedOut(Exception):
    """A condition that did not come true in time; the message says which, and what was seen last."""


class QueryFailed(Exception):
    """Athena could not answer; the message has its reason and the query."""


@dataclass(frozen=True)
class GlueRun:
    """One job run as Glue tells it."""

    stage: int
    job: str
    run_id: str
    state: str
    seconds: float
    message: str = ""


@dataclass
class Snapshot:
    """The pipeline at one moment."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    markers: Counter[int] = field(default_factory=Counter)
    folders: dict[str, str] = field(default_factory=dict)  # dataset -> the folder that has its name
    marked: set[str] = field(default_factory=set)  # partition keys of the items that have a marker
    glue: list[GlueRun] = field(default_factory=list)
    temp_objects: int = 0
    queued: int = 0

    def run_ids(self, stage: int, state: str = "COMMITTED") -> set[str]:
        return {run["run_id"] for run in self.runs if run["stage"] == stage and run["state"] == state}

    def glue_runs(self, stage: int, states: tuple[str, ...]) -> list[GlueRun]:
        return [run for run in self.glue if run.stage == stage and run.state in states]


class Pipeline:
    """A deployed pipeline, seen as the administrator of both accounts."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client that depends on no variable and no file of the person who runs this."""
        session = boto3.session.Session(
            aws_access_key_id=self.instance.client_environment()["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ROOT_SECRET,
            region_name=REGION,
        )
        config = Config(
            max_pool_connections=IN_FLIGHT,
            retries={"mode": "standard", "total_max_attempts": 4},
            read_timeout=120,
            s3={"addressing_style": "path"},
        )
        return session.client(service, endpoint_url=self.instance.endpoint, config=config, **options)

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @cached_property
    def glue(self) -> Any:
        return self.client("glue")

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @cached_property
    def athena(self) -> Any:
        return self.client("athena")

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """Terraform's outputs, as `up` recorded them."""
        outputs = json.loads(self.instance.record.read_text())["outputs"]
        return {
            name: value["value"] if isinstance(value, dict) and "value" in value else value
            for name, value in outputs.items()
        }

    def bucket(self, name: str) -> str:
        return self.outputs["buckets"][name]

    def job(self, stage: int) -> str:
        return self.outputs["jobs"][STAGES[stage]]

    # --- one look at everything ---

    def look(self) -> Snapshot:
        """The pipeline now."""
        snapshot = Snapshot(glue=self.glue_runs())
        for item in self._ledger_items():
            kind = item["pk"].partition("#")[0]
            if kind == "FILE":
                snapshot.files[item["file_id"]] = item
            elif kind == "RUN":
                snapshot.runs.append(item)
            elif kind == "DATASET":
                snapshot.folders[item["dataset"]] = item["folder"]
            elif kind == "OPEN":
                snapshot.markers[int(item["pk"].split("#")[1])] += 1
                snapshot.marked.add(item["item"])
        snapshot.temp_objects = sum(1 for _ in self.keys(self.bucket("raw"), TEMP_PREFIX))
        snapshot.queued = self.queue_depth(self.outputs["queue_url"])
        return snapshot

    def _ledger_items(self) -> Iterator[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs["ledger_table"], ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                plain = {name: _deserialize(value) for name, value in item.items()}
                if "stage" in plain:
                    plain["stage"] = int(plain["stage"])
                yield plain

    def glue_runs(self) -> list[GlueRun]:
        """Every run of the three jobs."""
        return [self._glue_run(stage, run) for stage in STAGES for run in self._job_runs(self.job(stage))]

    def _job_runs(self, job: str) -> Iterator[dict[str, Any]]:
        for page in self.glue.get_paginator("get_job_runs").paginate(JobName=job):
            yield from page["JobRuns"]

    @staticmethod
    def _glue_run(stage: int, run: dict[str, Any]) -> GlueRun:
        seconds = float(run.get("ExecutionTime") or 0)
        started, ended = run.get("StartedOn"), run.get("CompletedOn")
        if isinstance(started, datetime) and isinstance(ended, datetime):
            seconds = max(seconds, round((ended - started).total_seconds(), 1))
        return GlueRun(stage, run["JobName"], run["Id"], run["JobRunState"], seconds, run.get("ErrorMessage") or "")

    def keys(self, bucket: str, prefix: str = "") -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", ()))

    def queue_depth(self, url: str) -> int:
        """Messages that wait or are being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in names)

    # --- what the runs wrote ---

    def reports(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        """The reports of all committed runs, in the order of their commits."""
        committed = sorted(
            (run for run in snapshot.runs if run["state"] == "COMMITTED"), key=lambda r: r["committed_at"]
        )
        return [json.loads(self.read(run["report"])) for run in committed]

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def quarantined_rows(self, run_ids: set[str]) -> Counter[str]:
        """Rows in quarantine by dataset, counted in the Parquet files of these runs."""
        bucket = self.bucket("raw")
        keys = [
            key
            for key in self.keys(bucket, QUARANTINE_PREFIX)
            if key.endswith(".parquet") and any(f"/run={run_id}/" in key for run_id in run_ids)
        ]

        def rows(key: str) -> int:
            content = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return pyarrow.parquet.read_metadata(io.BytesIO(content)).num_rows

        counts: Counter[str] = Counter()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            for key, number in zip(keys, pool.map(rows, keys), strict=True):
                counts[key[len(QUARANTINE_PREFIX) :].partition("/")[0]] += number
        return counts

    def tables(self) -> list[tuple[str, str]]:
        """(database, table) of every conformed table, as the Glue Data Catalog lists them."""
        pages = self.glue.get_paginator("get_tables")
        return [
            (database, table["Name"])
            for database in database_names(self.outputs["databases"])
            for page in pages.paginate(DatabaseName=database)
            for table in page["TableList"]
            if table.get("TableType") != "VIRTUAL_VIEW"
        ]

    def query(
        self,
        sql: str,
        workgroup: str | None = None,
        timeout_seconds: float = 120,
        parameters: Sequence[str] = (),
    ) -> list[list[str | None]]:
        """The rows of an Athena query, without the header; `parameters` are literals for its question marks."""
        group = workgroup or self.outputs["workgroup"]
        given = {"ExecutionParameters": [*parameters]} if parameters else {}
        execution = self.athena.start_query_execution(QueryString=sql, WorkGroup=group, **given)
        identity = execution["QueryExecutionId"]

        def status() -> dict[str, Any]:
            return self.athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]

        ended = until(
            lambda: (now := status())["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") and now,
            timeout_seconds,
            f"the end of the query {sql}",
            interval_seconds=0.2,
        )
        if ended["State"] != "SUCCEEDED":
            raise QueryFailed(f"Athena: {ended.get('StateChangeReason', ended['State'])}: {sql}")
        rows: list[list[str | None]] = []
        for page in self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=identity):
            rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
        return rows[1:]

    # --- what the local AWS noted down ---

    def journal(self, name: str) -> list[dict[str, Any]]:
        """The lines of a journal in the instance's folder: iam, notifications, incidents or invocations."""
        return read_journal(self.instance.folder / f"{name}.jsonl")


def read_journal(path: Path) -> list[dict[str, Any]]:
    """JSON Lines that someone else may be appending to: a last line without its end is not there yet."""
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines() if line.strip()]


def database_names(databases: Any) -> list[str]:
    return sorted(databases.values()) if isinstance(databases, dict) else sorted(databases)


def until(
    condition: Callable[[], Any],
    timeout_seconds: float,
    what: str,
    interval_seconds: float = 1.0,
    explain: Callable[[], str] | None = None,
) -> Any:
    """The first true value of `condition`; raises TimedOut, naming `what`, when none comes in time.

    Looks are spaced by `interval_seconds`, or by five times what a look costs if that is more: watching must not be
    what keeps the machine busy.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        before = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now >= deadline:
            seen = f"; last seen: {explain()}" if explain else ""
            raise TimedOut(f"no {what} within {timeout_seconds:.0f} s{seen}")
        time.sleep(min(max(interval_seconds, 5 * (now - before)), max(deadline - now, 0.05)))
