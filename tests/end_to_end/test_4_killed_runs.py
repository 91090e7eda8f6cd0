"""Spark runs that die at their worst moments: the next run does their work, once, and nothing secured gets out.

Each run is killed by its own request to AWS, driver and all, so there is no moment between that is not meant.
"""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet

from local.demo import conditions
from local.demo.observe import TEMP_PREFIX, until
from tests.end_to_end.input import lines
from tests.faults import rest
from tests.faults.edge import Edge
from tests.pipeline_under_test import PATIENCE_SECONDS, Watched

APPENDED = "fourth_week"
PLAIN, SECRET = [f"killed-plain-{n}" for n in range(6)], [f"killed-secret-{n}" for n in range(6)]


def bookings(ids: list[str], vip: bool) -> list[dict[str, object]]:
    common = {"updated_at": "2026-05-08T12:00:00Z", "vip": vip, "remarks": ""}
    return [{"booking_id": one, **common} for one in ids]


def things(file: int) -> list[dict[str, object]]:
    return [{"id": f"{file}-{number}"} for number in range(5)]


def files() -> dict[str, bytes]:
    """Two datasets: one that is merged by key into both zones, and one that is appended."""
    found: dict[str, bytes] = {}
    for file in (0, 1):
        mixed = bookings(PLAIN[file::2], vip=False) + bookings(SECRET[file::2], vip=True)
        found |= {f"bookings/killed/{file}.jsonl": lines(*mixed), f"fourth week/{file}.jsonl": lines(*things(file))}
    return found


def kill(pipeline: Watched, job: str, action: str, **rule: Any) -> None:
    """The next such request of a job ends its processes."""
    Edge(pipeline.instance).inject("kill", role=pipeline.outputs["roles"][job], action=action, **rule)


def dead(pipeline: Watched, stage: int, known: set[str]) -> str:
    """Waits for the run that is killed."""

    def failed() -> list[str]:
        runs = conditions.failed_runs(pipeline.look())
        return [run.run_id for run in runs if run.stage == stage and run.run_id not in known]

    [run_id] = until(failed, PATIENCE_SECONDS, f"killed Glue {stage} run")
    return run_id


def failed_before(pipeline: Watched) -> set[str]:
    return {run.run_id for run in conditions.failed_runs(pipeline.look())}


def keys_of(pipeline: Watched, bucket: str, run_id: str) -> list[str]:
    return [key for key in pipeline.keys(pipeline.bucket(bucket)) if f"/run={run_id}/" in key]


def ids_in(pipeline: Watched, bucket: str, keys: list[str]) -> set[str]:
    """The bookings in Parquet files."""
    contents = [pipeline.read(f"s3://{pipeline.bucket(bucket)}/{key}") for key in keys if key.endswith(".parquet")]
    tables = [pyarrow.parquet.read_table(io.BytesIO(content)) for content in contents]
    return {one for table in tables if "booking_id" in table.column_names for one in table["booking_id"].to_pylist()}


def rows(pipeline: Watched, zone: str) -> Counter[str]:
    """How often each of these bookings is in a table."""
    found = pipeline.query(f'SELECT "booking_id" FROM "tui_{zone}_dev"."bookings" WHERE "booking_id" LIKE \'killed-%\'')
    return Counter(str(row[0]) for row in found)


def tickets(pipeline: Watched, run_id: str) -> int:
    return sum(entry["correlation_id"] == f"tui-etl-dev-{run_id}" for entry in pipeline.journal("incidents"))


def test_a_glue_1_run_that_is_killed_after_half_its_output_leaves_its_work_to_the_next(
    pipeline: Watched, tmp_path: Path
) -> None:
    known = failed_before(pipeline)
    kill(pipeline, "ingest", "s3:PutObject", resource=f"*/{TEMP_PREFIX}*", after=1)
    landed = pipeline.drop(tmp_path, files())
    killed = dead(pipeline, 1, known)
    assert [key for key in keys_of(pipeline, "raw", killed) if key.startswith(TEMP_PREFIX)], "it had no output yet"
    snapshot = pipeline.ingested(landed)
    heirs = {snapshot.files[file.file_id]["assigned_to"] for file in landed}
    assert killed not in heirs
    assert snapshot.run_ids(1) >= heirs
    assert tickets(pipeline, killed) == 1


def test_a_glue_2_run_that_is_killed_while_it_writes_gives_nothing_secured_away(pipeline: Watched) -> None:
    known, temp = failed_before(pipeline), set(pipeline.keys(pipeline.bucket("raw"), TEMP_PREFIX))
    kill(pipeline, "classify", "s3:PutObject", resource=f"*/{pipeline.outputs['prefixes']['classified']}*", after=1)
    pipeline.friday()
    killed = dead(pipeline, 2, known)
    assert keys_of(pipeline, "secured", killed) + keys_of(pipeline, "legacy", killed), "it had no output yet"
    assert not set(SECRET) & ids_in(pipeline, "legacy", keys_of(pipeline, "legacy", killed))
    assert set(pipeline.keys(pipeline.bucket("raw"), TEMP_PREFIX)) == temp
    pipeline.settle(conditions.not_quiet, "ticket for the killed run")
    assert tickets(pipeline, killed) == 1


def test_a_glue_3_run_that_is_killed_between_two_table_commits_is_finished_by_the_next(pipeline: Watched) -> None:
    known = failed_before(pipeline)
    kill(pipeline, "conform", "glue:UpdateTable", after=1)
    pipeline.friday()
    killed = dead(pipeline, 3, known)
    pipeline.settle(rest.not_at_rest, "rest")
    assert rows(pipeline, "legacy") == Counter(PLAIN)
    assert rows(pipeline, "secured") == Counter(SECRET)
    assert pipeline.query(f'SELECT count(*), count(DISTINCT "id") FROM "tui_secured_dev"."{APPENDED}"') == [
        ["10", "10"]
    ]
    assert not set(SECRET) & ids_in(pipeline, "legacy", list(pipeline.keys(pipeline.bucket("legacy"))))
    assert tickets(pipeline, killed) == 1
    committed = pipeline.look().run_ids(1)
    left = list(pipeline.keys(pipeline.bucket("raw"), TEMP_PREFIX))
    assert not [key for key in left if any(f"/run={run_id}/" in key for run_id in committed)], "temp is not cleaned"
