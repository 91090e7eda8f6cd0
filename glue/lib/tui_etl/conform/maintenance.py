"""Tables that stay fast and small: small files compacted, manifests rewritten, snapshots expired, orphans removed.

It begins when the run has committed, with the tables that the run has brought something into: no other has changed.
Each step is a procedure of Iceberg's that commits against the snapshot that it read, so that a writer beside it loses
nothing; one of the two fails, and is done again. What fails here is logged (`FAILED`, on which there is an alarm) and
left to the next run: the data is published already, and stays as it is.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pyspark.sql import SparkSession

from tui_etl.conform.types import literal

#: The message of each failure; the alarm of terraform/maintenance.tf looks for it.
FAILED = "maintenance failed"
COMPACTION, RETENTION, ORPHANS = "compaction", "retention", "orphan_file_deletion"
KINDS = (COMPACTION, RETENTION, ORPHANS)
#: In this property a table remembers when its orphans were looked for last.
ORPHANS_PROPERTY = "tui-etl.orphans-removed-at"
_HOUR = timedelta(hours=1)

logger = logging.getLogger(__name__)


class PolicyError(ValueError):
    """Settings that are none."""


class Maintained(Protocol):
    """A table, and its name as SQL (with the catalog, and without it as procedures want it)."""

    spark: SparkSession
    sql: str
    within: str
    catalog: str


@dataclass(frozen=True)
class Policy:
    """When a table gets what; terraform/variables_tables.tf explains each number.

    `managed`: by table (`legacy.bookings`), the kinds that a table optimizer of Glue's does instead.
    """

    small_files: int
    target_file_mb: int
    manifests: int
    retain_days: int
    retain_snapshots: int
    orphan_days: int
    orphan_interval_days: int
    budget_minutes: int
    managed: Mapping[str, Collection[str]]

    @classmethod
    def parse(cls, text: str) -> Policy:
        """From the argument that Terraform gives the job; raises `PolicyError` naming what is wrong."""
        try:
            given = json.loads(text)
        except ValueError as error:
            raise PolicyError(f"--maintenance is no JSON: {error}") from error
        names = [field.name for field in fields(cls)]
        if not isinstance(given, dict) or sorted(given) != sorted(names):
            raise PolicyError(f"--maintenance needs {', '.join(names)}, and nothing else")
        for name in names[:-1]:
            if type(given[name]) is not int or given[name] < 1:
                raise PolicyError(f"--maintenance: {name} must be a whole number from 1 up, not {given[name]!r}")
        for table, kinds in given["managed"].items():
            if not set(kinds) <= {*KINDS}:
                raise PolicyError(f"--maintenance: managed: {table}: only {', '.join(KINDS)} are managed")
        return cls(**given)


def maintain(
    tables: Mapping[str, Maintained], policy: Policy, clock: Callable[[], float] = time.monotonic
) -> list[tuple[str, str]]:
    """Give each table (by zone and name: `legacy.bookings`) what it needs; returns which steps failed.

    No step begins when the time is up; what was not begun is left to the next run.
    """
    end = clock() + 60 * policy.budget_minutes
    failed: list[tuple[str, str]] = []
    for label, table in tables.items():
        for step, (kind, work) in _STEPS.items():
            if kind in policy.managed.get(label, ()):
                continue
            named: dict[str, Any] = {"table": label, "step": step}
            if clock() >= end:
                logger.warning("maintenance goes on with the next run: its time is up", extra=named)
                return failed
            try:
                table.spark.sql(f"REFRESH TABLE {table.sql}")
                told = work(table, policy)
            except Exception:
                # Whatever it is, it must not make a run that has committed a failed one.
                logger.exception(FAILED, extra=named)
                failed.append((label, step))
            else:
                if told:
                    logger.info("maintained a table", extra=named | told)
    return failed


def compact(table: Maintained, policy: Policy) -> dict[str, Any]:
    """Rewrite what is small, partition by partition, in the table's order if it has one."""
    properties = _properties(table)
    options = {
        "min-input-files": policy.small_files,
        "target-file-size-bytes": policy.target_file_mb << 20,
    }
    listed = ", ".join(f"'{name}', '{value}'" for name, value in options.items())
    strategy = "sort" if properties.get("sort-order") else "binpack"
    done = _call(table, "rewrite_data_files", f"strategy => '{strategy}', options => map({listed})")
    names = ("rewritten_data_files_count", "added_data_files_count", "rewritten_bytes_count")
    return {name: done[name] for name in names} if done["rewritten_data_files_count"] else {}


def rewrite_manifests(table: Maintained, policy: Policy) -> dict[str, Any]:
    """Bring the manifests together when there are many: each query reads them all."""
    if _count(table, "manifests") < policy.manifests:
        return {}
    return _call(table, "rewrite_manifests", "use_caching => false")


def expire(table: Maintained, policy: Policy) -> dict[str, Any]:
    """Let go of snapshots that are old, but of the newest few; their files go if no other snapshot has them."""
    until = datetime.now(UTC) - timedelta(days=policy.retain_days)
    old = f"committed_at < {_timestamp(until)}"
    if not _count(table, "snapshots", old) or _count(table, "snapshots") <= policy.retain_snapshots:
        return {}
    arguments = f"older_than => {_timestamp(until)}, retain_last => {policy.retain_snapshots}, stream_results => true"
    return _call(table, "expire_snapshots", arguments)


def remove_orphans(table: Maintained, policy: Policy) -> dict[str, Any]:
    """Remove files of commits that never came about: old ones only, for a young one may be of a commit on its way."""
    now = datetime.now(UTC)
    last = _properties(table).get(ORPHANS_PROPERTY)
    # An hour less: what is due every week should not wait for the week after because a run was a little earlier.
    if last and now - datetime.fromisoformat(last) < timedelta(days=policy.orphan_interval_days) - _HOUR:
        return {}
    until = now - timedelta(days=policy.orphan_days)
    rows = table.spark.sql(
        f"CALL {table.catalog}.system.remove_orphan_files(table => {literal(table.within)}, "
        f"older_than => {_timestamp(until)})"
    ).collect()
    moment = literal(now.isoformat(timespec="seconds"))
    table.spark.sql(f"ALTER TABLE {table.sql} SET TBLPROPERTIES ('{ORPHANS_PROPERTY}'={moment})")
    return {"orphans": len(rows)}


_STEPS: dict[str, tuple[str, Callable[[Maintained, Policy], dict[str, Any]]]] = {
    "compact": (COMPACTION, compact),
    "rewrite_manifests": (COMPACTION, rewrite_manifests),
    "expire": (RETENTION, expire),
    "remove_orphans": (ORPHANS, remove_orphans),
}


def _call(table: Maintained, procedure: str, arguments: str) -> dict[str, Any]:
    row = table.spark.sql(
        f"CALL {table.catalog}.system.{procedure}(table => {literal(table.within)}, {arguments})"
    ).first()
    return row.asDict() if row else {}


def _count(table: Maintained, metadata: str, condition: str = "true") -> int:
    row = table.spark.sql(f"SELECT count(*) FROM {table.sql}.{metadata} WHERE {condition}").first()
    return int(row[0]) if row else 0


def _properties(table: Maintained) -> dict[str, str]:
    return {row["key"]: row["value"] for row in table.spark.sql(f"SHOW TBLPROPERTIES {table.sql}").collect()}


def _timestamp(moment: datetime) -> str:
    """A moment as SQL has it, for a session in UTC."""
    return f"TIMESTAMP '{moment.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')}'"
