"""Runs that overlap at the worst moment: one is held between two of its steps while another does the work.

Their datasets have no key: where two runs hold a keyed record, the books of Glue 3 don't balance, and so a protection
that is off would show as a standstill instead of as a record that is there twice.
"""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.registry import case

TAKE, COMMIT = "SET assigned_to", ":committed"


@case(5, "two runs take the same file at the same moment", seed=511, quick=True)
def same_moment(lab: Lab) -> None:
    gate = lab.hold("ingest", "dynamodb:UpdateItem", body=TAKE)
    lab.land_some(files=1)
    lab.held(gate)
    second = lab.start(1)
    lab.reach(1, "SUCCEEDED", run_id=second)
    lab.edge.release(gate)


@case(5, "a run commits after it was called dead and its work was done by another", seed=512, quick=True)
def late_commit(lab: Lab) -> None:
    """Its commit is refused, and what it wrote is never read."""
    gate, zombie = zombie_before_commit(lab)
    lab.all_ingested()
    lab.edge.release(gate)
    lab.over(zombie)


@case(5, "a run commits late, and nobody but its heir could give it up", seed=513, quick=True)
def undeclared(lab: Lab) -> None:
    """The functions that would declare it VOID can't: so the heir has to, before it takes over."""
    for function in ("success-fail-event", "reconcile"):
        role = lab.outputs["roles"][function]
        lab.edge.inject(
            "error", role=role, action="dynamodb:UpdateItem", status=400, code="InternalFailure", times=None
        )
    gate, zombie = zombie_before_commit(lab)
    lab.start_if_room(1)
    lab.committed(1)
    lab.edge.release(gate)
    lab.over(zombie)


def zombie_before_commit(lab: Lab) -> tuple[str, str]:
    """A Glue 1 run that has written everything, is about to commit, and has failed as far as Glue knows."""
    gate = lab.hold("ingest", "dynamodb:UpdateItem", body=COMMIT)
    lab.land_some(files=2)
    return gate, dead_while_held(lab, 1, gate)


def dead_while_held(lab: Lab, stage: int, gate: str) -> str:
    """Waits until a run of this case is held, and has Glue call it dead."""
    run_id = held_run(lab, stage, gate)
    lab.give_up(run_id)
    lab.reach(stage, "FAILED", run_id=run_id)
    return run_id


def held_run(lab: Lab, stage: int, gate: str) -> str:
    """Waits until a run of this case is held, and is the only one."""
    lab.held(gate)
    [run_id] = lab.wait("one running run, which is held", lambda: only(lab.runs(stage, "RUNNING")))
    return run_id


def only(runs: list[str]) -> list[str]:
    return runs if len(runs) == 1 else []


@case(5, "a Glue 2 run commits after it was called dead and its work was done by another", seed=516)
def late_classify(lab: Lab) -> None:
    lab.land_some(files=2)
    lab.all_ingested()
    gate = lab.hold("classify", "dynamodb:UpdateItem", body=COMMIT)
    lab.friday()
    zombie = dead_while_held(lab, 2, gate)
    lab.rest()
    lab.edge.release(gate)
    lab.over(zombie)


@case(5, "a run writes to a table that another has changed since it was read", seed=514, quick=True)
def late_table(lab: Lab) -> None:
    """S3 refuses its write, as Iceberg refuses a commit that is not based on the latest snapshot."""
    lab.land_some(files=2)
    lab.all_ingested()
    gate = lab.hold("conform", "s3:PutObject", resource=f"*{lab.bucket('conformed')}/*{lab.prefix}*")
    lab.friday()
    zombie = dead_while_held(lab, 3, gate)
    lab.land_some(files=2)
    lab.rest()
    lab.edge.release(gate)
    lab.over(zombie)


@case(5, "a Glue 2 run reads less than its input holds", seed=515, quick=True)
def short_read(lab: Lab) -> None:
    """The books don't balance, so it may not commit; the next run reads all of it."""
    lab.land_some(files=1, records=6)
    lab.all_ingested()
    bucket = lab.bucket("raw")
    [key] = lab.keys(bucket, f"{lab.outputs['prefixes']['temp']}{lab.prefix}")
    lines = lab.read(f"s3://{bucket}/{key}").splitlines(keepends=True)
    role = lab.outputs["roles"]["classify"]
    lab.edge.inject("truncate", role=role, action="s3:GetObject", resource=f"*/{key}", bytes=len(b"".join(lines[:2])))
    lab.friday()
    lab.reach(2, "FAILED")
