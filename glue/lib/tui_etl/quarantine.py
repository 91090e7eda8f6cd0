"""What runs refuse: written aside by Spark, and shown to people once the run has committed.

A job writes Parquet below `<quarantine>/<dataset>/run=<run id>/`. When its run is COMMITTED these files are copied to
`<quarantine>/committed-rows/month=<yyyy-mm>/`, where the table `quarantine` is. Who reads there sees what committed
runs refused and nothing else. A run that is cut off in between has left a note in the ledger, and the next run of its
stage makes the copies: they have the same names whoever makes them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_etl import protocol, storage
from tui_etl.ledger import Ledger

COMMITTED_ROWS, REINGESTED_ROWS = "committed-rows", "reingested-rows"
#: Which records were ordered to be landed again.
REINGEST_PLANS = "reingest-plans"
#: The stages that refuse records.
STAGES = (1, 3)


@dataclass(frozen=True)
class Aside:
    """The Parquet files of a run, and the folder above all quarantine: URIs."""

    folder: str
    files: list[str]


def aside_of(folder: str, dataset: str, run_id: str) -> str:
    """Where a run writes what it refuses of a dataset."""
    return f"{folder}/{dataset}/run={run_id}"


def month_folder(folder: str, kind: str, moment: str) -> str:
    """The partition of a table for a moment as the ledger spells it."""
    return f"{folder}/{kind}/month={moment[:7]}"


def publish(s3: Any, report: Mapping[str, Any]) -> None:
    """Copy what a committed run wrote aside to where the table is; as often as it is asked for, with one result."""
    aside, stage, run_id = report["quarantine"], report["stage"], report["run_id"]
    target = month_folder(aside["folder"], COMMITTED_ROWS, report["finished_at"])

    def copy(numbered: tuple[int, str]) -> None:
        number, uri = numbered
        to = f"{target}/{stage}-{run_id}-{number:05}.parquet"
        bucket, key = storage.split_uri(uri)
        if not bucket:
            Path(storage.split_uri(to)[1]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(key, storage.split_uri(to)[1])
            return
        to_bucket, to_key = storage.split_uri(to)
        source = {"Bucket": bucket, "Key": key}
        anew = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        s3.copy_object(CopySource=source, Bucket=to_bucket, Key=to_key, **anew)

    with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
        list(pool.map(copy, enumerate(aside["files"])))


def publish_left(s3: Any, ledger: Ledger, stage: int) -> None:
    """Publish what runs of a stage left that were cut off after their commit; forget those that never committed."""
    for run_id in ledger.quarantine_notes(stage):
        run = ledger.get(protocol.run_pk(stage, run_id)) or {}
        if run.get("state") == protocol.COMMITTED:
            publish(s3, json.loads(storage.read(s3, run["report"])))
        if run.get("state") in (protocol.COMMITTED, protocol.VOID):
            ledger.drop_quarantine_note(stage, run_id)
