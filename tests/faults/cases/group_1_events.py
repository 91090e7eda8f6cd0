"""S3 events: twice, ten times, in reverse order, an hour late, never."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.registry import case


@case(1, "every S3 event twice", seed=101, quick=True)
def twice(lab: Lab) -> None:
    delivered(lab, 2)


@case(1, "every S3 event ten times", seed=102)
def ten_times(lab: Lab) -> None:
    delivered(lab, 10)


def delivered(lab: Lab, times: int) -> None:
    with lab.without_events():
        versions = lab.land_some(files=5) + lab.land_some(files=3, dataset="d_keyed")
    events = [event for event in map(lab.event_of, versions) for _ in range(times)]
    lab.rng.shuffle(events)
    lab.send(*events)
    lab.all_ingested()


@case(1, "S3 events in reverse order", seed=103, quick=True)
def reversed_order(lab: Lab) -> None:
    """Versions of one key, the last one's event first: the latest record of each key stands all the same."""
    with lab.without_events():
        versions = [lab.land("d_keyed/same.jsonl", lab.records(4, keys=2)) for _ in range(4)]
        versions += lab.land_some(files=2)
    events = [lab.event_of(version) for version in versions]
    for event in reversed(events):
        lab.send(event)
        lab.batch(event)
    lab.all_ingested()


@case(1, "the same events again after Glue 2 and clean-prefix", seed=104, quick=True)
def again_after_cleaning(lab: Lab) -> None:
    with lab.without_events():
        versions = lab.land_some(files=3) + lab.land_some(files=2, dataset="d_keyed")
    events = [lab.event_of(version) for version in versions]
    lab.send(*events)
    lab.rest()
    runs = len(lab.look().run_ids(1))
    lab.send(*events, *reversed(events))
    lab.rest()
    assert len(lab.look().run_ids(1)) == runs, "an event that came again made work"


@case(1, "events an hour late, after Glue 2 and clean-prefix", seed=105, quick=True)
def late(lab: Lab) -> None:
    """Files whose events come when the week's work is done are the next week's work."""
    with lab.without_events():
        early, tardy = lab.land_some(files=3), lab.land_some(files=3)
    lab.send(*map(lab.event_of, early))
    lab.all_ingested(early)
    lab.friday()
    week = set(lab.committed(2))
    lab.wait("clean-up", lambda: week <= {run["run_id"] for run in lab.look().runs if "cleaned_at" in run})
    lab.send(*map(lab.event_of, tardy))


@case(1, "S3 events that never come", seed=106)
def never(lab: Lab) -> None:
    """reconcile finds the versions by its own listing."""
    with lab.without_events():
        lab.injected += len(lab.land_some(files=4) + lab.land_some(files=2, dataset="d_keyed"))
