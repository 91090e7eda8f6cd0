"""What is still missing, as pure functions over a snapshot: an empty list means 'done'."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from local.demo.observe import ACTIVE, ENDED_BADLY, STAGES, GlueRun, Snapshot


def not_ingested(snapshot: Snapshot, file_ids: Collection[str]) -> list[str]:
    """What keeps these landed file versions from being in a committed Glue 1 run."""
    committed = snapshot.run_ids(1)
    items = [snapshot.files.get(file_id) for file_id in file_ids]
    without_item = sum(item is None for item in items)
    waiting = sum(item is not None and item.get("assigned_to") not in committed for item in items)
    return _told(
        (without_item, f"of {len(items)} files are not in the ledger yet"),
        (waiting, f"of {len(items)} files are in no committed Glue 1 run yet"),
        (snapshot.markers[1], "open markers of stage 1"),
    )


def not_conformed(snapshot: Snapshot) -> list[str]:
    """What keeps everything ingested from being in conformed tables, with temp cleaned and everyone told."""
    problems = _not_consumed(snapshot, 1) + _not_consumed(snapshot, 2)
    if not snapshot.run_ids(2):
        problems.append("no Glue 2 run has committed yet")
    uncleaned = sum("cleaned_at" not in run for run in snapshot.runs if _committed(run, 2))
    return problems + _told(
        (sum(snapshot.markers.values()), "open markers in the ledger"),
        (uncleaned, "committed Glue 2 runs are not cleaned up after"),
        (snapshot.temp_objects, "objects in temp"),
        *_unfinished(snapshot),
    )


def not_quiet(snapshot: Snapshot) -> list[str]:
    """Whether anything is still going on: a run, a queued message, a run that nobody was told of."""
    return _told((snapshot.queued, "messages in the landing queue"), *_unfinished(snapshot))


def failed_runs(snapshot: Snapshot) -> list[GlueRun]:
    """Runs that Glue ended badly."""
    return [run for run in snapshot.glue if run.state in ENDED_BADLY]


def given_up(snapshot: Snapshot, patience: int = 3) -> str | None:
    """Why waiting longer is useless: a stage keeps failing. Glue 2 starts on Fridays only, so there once is enough."""
    for stage in STAGES:
        failed = [run for run in failed_runs(snapshot) if run.stage == stage]
        if len(failed) >= (1 if stage == 2 else patience):
            return last_failures(failed)[0]
    return None


def last_failures(runs: Iterable[GlueRun]) -> list[str]:
    """A line a job that has failed, with its last error."""
    failed: dict[str, list[GlueRun]] = {}
    for run in runs:
        if run.state in ENDED_BADLY:
            failed.setdefault(run.job, []).append(run)
    return [
        # Glue lists the newest run of a job first.
        f"{job} has failed {len(ended)} time(s), the last time: {ended[0].message or 'no message'}"
        for job, ended in failed.items()
    ]


def _unfinished(snapshot: Snapshot) -> list[tuple[int, str]]:
    known = {run["run_id"] for run in snapshot.runs}
    untold = sum(run["state"] != "STARTED" and "told_at" not in run for run in snapshot.runs)
    return [
        (sum(run["state"] == "STARTED" for run in snapshot.runs), "runs have neither committed nor been given up"),
        (sum(run.state in ACTIVE for run in snapshot.glue), "Glue runs are active"),
        (
            sum(run.state not in ACTIVE and run.run_id not in known for run in snapshot.glue),
            "ended runs are not in the ledger",
        ),
        (untold, "ended runs that nobody was told of"),
    ]


def _not_consumed(snapshot: Snapshot, stage: int) -> list[str]:
    downstream = snapshot.run_ids(stage + 1)
    waiting = sum(run.get("assigned_to") not in downstream for run in snapshot.runs if _committed(run, stage))
    return _told((waiting, f"committed Glue {stage} runs are in no committed Glue {stage + 1} run yet"))


def _committed(run: dict[str, object], stage: int) -> bool:
    return run["stage"] == stage and run["state"] == "COMMITTED"


def _told(*counts: tuple[int, str]) -> list[str]:
    return [f"{number} {text}" for number, text in counts if number]
