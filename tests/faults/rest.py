"""When the pipeline is at rest, as a pure function over a snapshot: an empty list means that nothing will happen."""

from __future__ import annotations

from collections.abc import Collection

from local.demo import conditions
from local.demo.observe import ACTIVE, Snapshot


def not_at_rest(snapshot: Snapshot, file_ids: Collection[str] = ()) -> list[str]:
    """What is still to happen before everything landed is conformed, cleaned up after and told."""
    problems = not_ingested(snapshot, file_ids) + conditions.not_quiet(snapshot)
    problems += [f"marked: {item}" for item in sorted(asking(snapshot))]
    for stage in (1, 2):
        downstream = snapshot.run_ids(stage + 1)
        waiting = [run["run_id"] for run in _committed(snapshot, stage) if run.get("assigned_to") not in downstream]
        problems += [f"Glue {stage} run {run_id} is in no committed Glue {stage + 1} run" for run_id in waiting]
    uncleaned = [run["run_id"] for run in _committed(snapshot, 2) if "cleaned_at" not in run]
    return problems + [f"Glue 2 run {run_id} is not cleaned up after" for run_id in uncleaned]


def not_ingested(snapshot: Snapshot, file_ids: Collection[str]) -> list[str]:
    """Landed versions that are in no committed Glue 1 run."""
    committed = snapshot.run_ids(1)
    items = {file_id: snapshot.files.get(file_id) for file_id in file_ids}
    return [
        f"{file_id} is in no committed Glue 1 run"
        for file_id, item in items.items()
        if item is None or item.get("assigned_to") not in committed
    ]


def asking(snapshot: Snapshot) -> set[str]:
    """Marked items that exist. A marker without an item may stay for a while: its intake may be on the way."""
    existing = {f"FILE#{file_id}" for file_id in snapshot.files}
    existing |= {f"RUN#{run['stage']}#{run['run_id']}" for run in snapshot.runs}
    return snapshot.marked & existing


def waits_for_friday(snapshot: Snapshot) -> bool:
    """Whether a committed Glue 1 run waits, or one that is done has a marker still (as a Glue 2 run leaves it that dies
    after its commit), and no Glue run is active that might change that."""
    downstream, marked = snapshot.run_ids(2), asking(snapshot)
    waiting = any(
        run.get("assigned_to") not in downstream or f"RUN#1#{run['run_id']}" in marked
        for run in _committed(snapshot, 1)
    )
    return waiting and not any(run.state in ACTIVE for run in snapshot.glue)


def _committed(snapshot: Snapshot, stage: int) -> list[dict[str, object]]:
    return [run for run in snapshot.runs if run["stage"] == stage and run["state"] == "COMMITTED"]
