"""Files that arrive, change and vanish while others work."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.registry import case


@case(7, "files arrive in landing and in temp while Glue 2 runs", seed=701, quick=True)
def arrive_during_classify(lab: Lab) -> None:
    lab.land_some(files=3)
    lab.all_ingested()
    lab.friday()
    lab.reach(2, "STARTING", "RUNNING")
    lab.land_some(files=4)
    lab.injected += 4


@case(7, "files arrive in landing and in temp while clean-prefix deletes", seed=702, quick=True)
def arrive_during_cleaning(lab: Lab) -> None:
    lab.land_some(files=20, records=1)
    lab.all_ingested()
    lab.friday()
    [run_id, *_] = lab.committed(2)
    lab.land_some(files=4)
    lab.start(1)
    lab.state_change(2, run_id, "SUCCEEDED")
    lab.all_ingested()


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
