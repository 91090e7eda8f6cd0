"""Reading what a case left behind: ledger, manifests, reports, buckets, journals, dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from local.demo.observe import QUARANTINE_PREFIX, TEMP_PREFIX, Pipeline, Snapshot
from tests.faults.verdict import LEGACY, SECURED, Ended, Evidence, Row

CORRELATION = "tui-etl-dev-"


def gather(pipeline: Pipeline, snapshot: Snapshot, known_runs: set[str], prefix: str) -> Evidence:
    """Everything about the datasets with a prefix, and about the runs that are not among those known before."""
    evidence = Evidence()
    runs = [run for run in snapshot.runs if run["run_id"] not in known_runs]
    committed = [run for run in runs if run["state"] == "COMMITTED"]
    evidence.tables = list(_tables(pipeline, prefix))
    evidence.classified = list(_classified(pipeline, prefix))
    evidence.quarantined = list(_quarantined(pipeline, prefix, committed))
    for run in committed:
        if run["stage"] == 3:
            for row in json.loads(pipeline.read(run["report"]))["datasets"]:
                evidence.accounted[row["dataset"]] += row["conformed"] + row["superseded"]
    evidence.temp = set(pipeline.keys(pipeline.bucket("raw"), TEMP_PREFIX + prefix))
    _manifests(pipeline, evidence, committed)
    evidence.runs = list(_ended(snapshot, runs, known_runs))
    evidence.tickets = {entry["correlation_id"].removeprefix(CORRELATION) for entry in pipeline.journal("incidents")}
    topic = pipeline.outputs["topics"]["notifications"]
    mails = [entry["message"] for entry in pipeline.journal("notifications") if entry["topic"] == topic]
    evidence.settled = {run["run_id"] for run in snapshot.runs if _is_settled(run)}
    evidence.mails = {run["run_id"] for run in runs if any(run["run_id"] in mail for mail in mails)}
    return evidence


def _is_settled(run: dict[str, Any]) -> bool:
    cleaned = "cleaned_at" in run or run["stage"] != 2 or run["state"] != "COMMITTED"
    return "told_at" in run and cleaned


def _tables(pipeline: Pipeline, prefix: str) -> Iterator[Row]:
    bucket, prefixes = pipeline.bucket("conformed"), pipeline.outputs["prefixes"]
    for zone in (LEGACY, SECURED):
        for key in pipeline.keys(bucket, prefixes[zone] + prefix):
            dataset = key[len(prefixes[zone]) :].partition("/")[0]
            for row in json.loads(pipeline.read(f"s3://{bucket}/{key}")):
                yield Row(dataset, zone, row["id"], row["_file_id"])


def _classified(pipeline: Pipeline, prefix: str) -> Iterator[Row]:
    """Also what a run wrote that never committed: a secured record has no business in the legacy bucket at any time."""
    root = pipeline.outputs["prefixes"]["classified"]
    for zone in (LEGACY, SECURED):
        bucket = pipeline.bucket(zone)
        for key in pipeline.keys(bucket, root + prefix):
            dataset = key[len(root) :].partition("/")[0]
            for record in _lines(pipeline, bucket, key):
                yield Row(dataset, zone, record["id"], record["_file_id"])


def _quarantined(
    pipeline: Pipeline, prefix: str, committed: Iterable[dict[str, Any]]
) -> Iterator[tuple[str, str | None]]:
    bucket, run_ids = pipeline.bucket("raw"), {run["run_id"] for run in committed if run["stage"] == 1}
    for key in pipeline.keys(bucket, QUARANTINE_PREFIX + prefix):
        if not any(f"/run={run_id}/" in key for run_id in run_ids):
            continue
        for record in _lines(pipeline, bucket, key):
            line = record.get("_line")
            yield record["_file_id"], None if line is None else line.strip().removeprefix("broken ")


def _lines(pipeline: Pipeline, bucket: str, key: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in pipeline.read(f"s3://{bucket}/{key}").splitlines()]


def _manifests(pipeline: Pipeline, evidence: Evidence, committed: list[dict[str, Any]]) -> None:
    """What the manifests of committed runs say of items and of temp."""
    listed: dict[str, set[str]] = {}
    consumed: set[str] = set()
    for run in committed:
        lines = [json.loads(line) for line in pipeline.read(run["manifest"]).splitlines()]
        evidence.listed.update(line["item"] for line in lines if "item" in line)
        if run["stage"] == 1:
            listed[f"RUN#1#{run['run_id']}"] = {line["output"]["key"] for line in lines if "output" in line}
        if run["stage"] == 2:
            consumed |= {line["item"] for line in lines if "item" in line}
    evidence.temp_listed = {key for keys in listed.values() for key in keys}
    evidence.temp_wanted = {key for item, keys in listed.items() if item not in consumed for key in keys}


def _ended(snapshot: Snapshot, runs: list[dict[str, Any]], known_runs: set[str]) -> Iterator[Ended]:
    glue = {run.run_id: run for run in snapshot.glue if run.run_id not in known_runs}
    for run in runs:
        seen = glue.pop(run["run_id"], None)
        yield Ended(run["stage"], run["run_id"], run["state"], run.get("reason"), seen.state if seen else None)
    for one in glue.values():
        yield Ended(one.stage, one.run_id, None, None, one.state)


def drain(sqs: Any, url: str) -> dict[str, str]:
    """Takes everything out of a dead-letter queue: body -> reason."""
    found: dict[str, str] = {}
    while True:
        answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        if not messages:
            return found
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            found[message["Body"]] = attributes.get("reason", {}).get("StringValue", "")
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def known_runs(snapshot: Snapshot) -> set[str]:
    """The runs that there are already."""
    return {run.run_id for run in snapshot.glue} | {run["run_id"] for run in snapshot.runs}
