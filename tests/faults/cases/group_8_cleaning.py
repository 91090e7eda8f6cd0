"""Cleaning up after Glue 2: cut off half-way, refused by S3, or misled by a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.faults.evidence import CORRELATION
from tests.faults.lab import Lab
from tests.faults.registry import case

FUNCTION = "clean-prefix"
#: Lambda's own retries included.
ATTEMPTS = 3
#: An object outside temp, which clean-prefix has no business with.
BYSTANDER = "tui/legacy/staging/bystander"
FOREIGN = "does not belong below"


def inject(lab: Lab, do: str, action: str, **rule: Any) -> str:
    return lab.edge.inject(do, role=lab.outputs["roles"][FUNCTION], action=action, **rule)


def classified(lab: Lab) -> str:
    """A week's work, up to the commit of Glue 2."""
    lab.land_some(files=6, records=2)
    lab.land_some(files=2, dataset="d_keyed")
    lab.all_ingested()
    lab.friday()
    return lab.committed(2)[0]


def temp(lab: Lab) -> set[str]:
    return set(lab.keys(lab.bucket("raw"), lab.outputs["prefixes"]["temp"] + lab.prefix))


@case(8, "clean-prefix is killed half-way", seed=801, quick=True)
def killed_half_way(lab: Lab) -> None:
    """S3 puts off every second key; the function dies when it asks for them again. Its next attempt goes on."""
    inject(lab, "keys", "s3:DeleteObject", every=2, code="SlowDown")
    gate = inject(lab, "kill", "s3:DeleteObject", after=1)
    classified(lab)
    lab.wait("death", lambda: lab.edge.status()[gate]["injected"])


@case(8, "clean-prefix is killed each time, retries included, after it has deleted", seed=802)
def killed_after(lab: Lab) -> None:
    """Nothing is left to delete, and nobody has recorded it: reconcile sends the event again."""
    gate = inject(lab, "kill-after", "s3:DeleteObject", times=ATTEMPTS)
    classified(lab)
    lab.wait("last death", lambda: lab.edge.status()[gate]["injected"] == ATTEMPTS)


@case(8, "S3 answers SlowDown to whole deletions", seed=803)
def slow_down(lab: Lab) -> None:
    gate = inject(lab, "error", "s3:DeleteObject", status=503, code="SlowDown", times=9)
    classified(lab)
    lab.wait("end of the slowness", lambda: lab.edge.status()[gate]["injected"] == 9)


@case(8, "S3 answers SlowDown and InternalError for single keys", seed=804)
def single_keys(lab: Lab) -> None:
    """It tries those again, and those only."""
    inject(lab, "keys", "s3:DeleteObject", every=2, code="SlowDown")
    inject(lab, "keys", "s3:DeleteObject", every=2, code="InternalError")
    run_id = classified(lab)
    lab.rest()
    assert tickets(lab, run_id) == [], "what a retry mends is no incident"


@case(8, "S3 denies the deletion of single keys", seed=805)
def denied(lab: Lab) -> None:
    """The others go. There is one ticket, which names the key; once S3 no longer denies it, the clean-up ends."""
    gate = inject(lab, "keys", "s3:DeleteObject", every=4, code="AccessDenied", times=None)
    run_id = classified(lab)
    [ticket] = ticket_about(lab, run_id)
    [*left] = temp(lab)
    assert left, "nothing was denied"
    assert "AccessDenied" in ticket["description"] and any(key in ticket["description"] for key in left)
    assert lab.edge.status()[gate]["injected"] > 1, "nobody tried again"
    lab.stop_faults()
    lab.rest()
    assert len(tickets(lab, run_id)) == 1, "one incident about one clean-up"


def tickets(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    """The incidents about a run's clean-up."""
    wanted = f"{CORRELATION}{run_id}-cleaning"
    return [entry for entry in lab.journal("incidents") if entry["correlation_id"] == wanted]


def ticket_about(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    """Waits for them, while reconcile does what it does every few minutes."""

    def raised() -> list[dict[str, Any]]:
        lab.tick()
        return tickets(lab, run_id)

    return lab.wait(f"ticket about the clean-up after {run_id}", raised)


Change = Callable[[list[bytes]], list[bytes]]


def misled(lab: Lab, why: str, change: Change | None, stage: int = 1) -> None:
    """A manifest is spoilt after Glue 2 has read it: nothing is deleted, there is a ticket; restored, all goes on."""
    lab.s3.put_object(Bucket=lab.bucket("raw"), Key=BYSTANDER, Body=b"somebody else's")
    gate = lab.hold(FUNCTION, "dynamodb:GetItem", times=None)  # an earlier case's event may still be tried again
    run_id = classified(lab)
    lab.held(gate)
    [uri, *_] = [run["manifest"] for run in lab.look().runs if belongs(run, stage, run_id)]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    whole = lab.read(uri)
    # Who may not list a bucket is refused, and not told that an object is missing.
    with ExitStack() as ordered:
        for reader in (FUNCTION, "conform"):
            ordered.enter_context(lab.refusals_ordered(lab.outputs["roles"][reader], "s3:ListBucket"))
        spoil(lab, (bucket, key), whole, change, why, stage, run_id)
    lab.rest()
    assert len(tickets(lab, run_id)) == 1, "one incident about one clean-up"


def spoil(
    lab: Lab, place: tuple[str, str], whole: bytes, change: Change | None, why: str, stage: int, run_id: str
) -> None:
    """Deletes or changes a manifest that clean-prefix is about to read, waits for its ticket, and puts it back."""
    bucket, key = place
    lab.s3.delete_object(Bucket=bucket, Key=key)
    if change is not None:
        spoilt = b"".join(change(whole.splitlines(keepends=True)))
        assert spoilt != whole, "the manifest was not changed"
        lab.s3.put_object(Bucket=bucket, Key=key, Body=spoilt)
    listed = named(whole) if stage == 1 else temp(lab)
    lab.injected += lab.edge.clear()

    try:
        [ticket] = ticket_about(lab, run_id)
        assert listed and listed <= temp(lab), f"deleted on the word of a bad manifest: {listed - temp(lab)}"
        assert bystander(lab), "an object that no run owns was deleted"
        assert why in ticket["description"], f"the ticket does not say that {why!r}"
    finally:
        lab.s3.put_object(Bucket=bucket, Key=key, Body=whole)
    assert bystander(lab), "an object that no run owns was deleted"


def belongs(run: dict[str, Any], stage: int, run_id: str) -> bool:
    return run["stage"] == stage and run_id in (run["run_id"], run.get("assigned_to"))


def named(manifest: bytes) -> set[str]:
    """The keys that a manifest lists."""
    lines = map(json.loads, manifest.splitlines())
    return {line["output"]["key"] for line in lines if "output" in line}


def bystander(lab: Lab) -> bool:
    return BYSTANDER in lab.keys(lab.bucket("raw"), BYSTANDER)


def outputs_changed(change: Callable[[dict[str, Any]], Any]) -> Change:
    """The manifest with its last output changed."""

    def changed(lines: list[bytes]) -> list[bytes]:
        at = max(number for number, line in enumerate(lines) if b'"output"' in line)
        line = json.loads(lines[at])
        change(line["output"])
        return [*lines[:at], json.dumps(line).encode() + b"\n", *lines[at + 1 :]]

    return changed


@case(8, "a manifest is missing when clean-prefix reads it", seed=806)
def missing(lab: Lab) -> None:
    misled(lab, "could not be opened", None)


@case(8, "the manifest of Glue 2 is missing when clean-prefix reads it", seed=807)
def missing_of_classify(lab: Lab) -> None:
    misled(lab, "could not be opened", None, stage=2)


@case(8, "a manifest is truncated", seed=808)
def truncated(lab: Lab) -> None:
    misled(lab, "without an end line", lambda lines: lines[:-1])


@case(8, "a manifest names objects of another bucket", seed=809)
def another_bucket(lab: Lab) -> None:
    misled(lab, FOREIGN, outputs_changed(lambda output: output.update(bucket=lab.bucket("secured"))))


@case(8, "a manifest names keys outside temp", seed=810, quick=True)
def outside(lab: Lab) -> None:
    """The object that it names stays, and so does everything else that this manifest lists."""
    misled(lab, FOREIGN, outputs_changed(lambda output: output.update(key=BYSTANDER)))


@case(8, "a manifest names what another run has in temp", seed=811)
def of_another_run(lab: Lab) -> None:
    stray = lambda output: output.update(key=output["key"].replace("/run=", "/run=jr_other_"))  # noqa: E731
    misled(lab, FOREIGN, outputs_changed(stray))
