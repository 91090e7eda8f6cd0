"""Files that arrive, change and vanish while others work."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.lab import Lab
from tests.faults.registry import case
from tests.faults.verdict import Version


@case(7, "files arrive in landing and in temp while Glue 2 runs", seed=701, quick=True)
def arrive_during_classify(lab: Lab) -> None:
    """It has read its input and written its output, and is about to commit."""
    gate = lab.hold("classify", "dynamodb:UpdateItem", body=":committed")
    lab.land_some(files=3)
    lab.all_ingested()
    lab.friday()
    lab.held(gate)
    arrive_while_held(lab, gate)


@case(7, "files arrive in landing and in temp while clean-prefix deletes", seed=702, quick=True)
def arrive_during_cleaning(lab: Lab) -> None:
    """It has decided what to delete, and its request is on the way."""
    gate = lab.hold("clean-prefix", "s3:DeleteObject")
    lab.land_some(files=20, records=1)
    lab.all_ingested()
    lab.friday()
    lab.held(gate)
    before = temp(lab)
    late = arrive_while_held(lab, gate)
    lab.wait("deleted objects", lambda: not before & temp(lab))
    assert temp_of(lab, late), "what came meanwhile is gone from temp"


def arrive_while_held(lab: Lab, gate: str) -> list[Version]:
    """Files land and come to temp before the request that is held goes on."""
    late = lab.land_some(files=4)
    lab.wait("late files in temp", lambda: len(temp_of(lab, late)) == len(late))
    assert lab.edge.status()[gate]["holding"], "nobody waits any more: the files came too late"
    lab.edge.release(gate)
    return late


def temp(lab: Lab) -> set[str]:
    return set(lab.keys(lab.bucket("raw"), lab.outputs["prefixes"]["temp"] + lab.prefix))


def temp_of(lab: Lab, versions: Sequence[Version]) -> set[str]:
    """What the committed Glue 1 runs that took these versions have in temp."""
    snapshot = lab.look()
    holders = {snapshot.files.get(version.file_id, {}).get("assigned_to") for version in versions}
    folders = [f"/run={run_id}/" for run_id in holders & snapshot.run_ids(1)]
    return {key for key in temp(lab) if any(folder in key for folder in folders)}


@case(7, "a Glue 1 run commits while clean-prefix is about to delete", seed=706)
def commits_before_deletion(lab: Lab) -> None:
    """What it has in temp when the deletion comes is for the next Friday: no committed Glue 2 run lists it."""
    lab.land_some(files=3)
    lab.all_ingested()
    # The manifest of Glue 2, which it reads once it has made up its mind to clean.
    gate = lab.hold("clean-prefix", "s3:GetObject")
    lab.friday()
    lab.held(gate)
    lab.land_some(files=3)
    lab.all_ingested()
    lab.edge.release(gate)


@case(7, "a key overwritten before Glue 1 has read it", seed=703, quick=True)
def overwritten(lab: Lab) -> None:
    """Both versions arrive, each once."""
    with lab.without_events():
        versions = [lab.land("d/same.jsonl", lab.records(3)) for _ in range(3)]
        versions += [lab.land("d_keyed/same.jsonl", lab.records(3, keys=2)) for _ in range(3)]
    lab.send(*map(lab.event_of, versions))
    lab.all_ingested()


@case(7, "a version deleted before it is read", seed=704, quick=True)
def deleted(lab: Lab) -> None:
    """It goes to quarantine as vanished; the other version of its key, and the other files, are none the worse."""
    with lab.without_events():
        gone, kept = (lab.land("d/same.jsonl", lab.records(3)) for _ in range(2))
        others = lab.land_some(files=2)
    lab.delete_version(gone, unread=True)
    lab.send(*map(lab.event_of, [gone, kept, *others]))
    snapshot = lab.all_ingested()
    held = snapshot.files[gone.file_id]["assigned_to"]
    report = next(run["report"] for run in snapshot.runs if run["run_id"] == held)
    assert b"vanished" in lab.read(report), "its report does not say that the version has vanished"


@case(7, "batches that come back with other members", seed=705, quick=True)
def other_members(lab: Lab) -> None:
    """Each delivery of a message is with other ones; the queue's own comes as well."""
    with lab.without_events():
        versions = lab.land_some(files=8, records=2)
    events = [lab.event_of(version) for version in versions]
    for _ in range(4):
        lab.batch(*lab.rng.sample(events, lab.rng.randrange(1, len(events))))
    lab.send(*events)
    lab.all_ingested()
