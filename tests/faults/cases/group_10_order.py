"""Versions of one key whose events lie about their order, or are late. Their dataset is ranked by landing alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.faults.lab import Lab
from tests.faults.registry import case
from tests.faults.verdict import Version

DATASET = "d_landed_keyed"
START = datetime(2026, 5, 8, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def versions_of_one_key(lab: Lab, number: int) -> list[Version]:
    """Each with records of the same two keys, so that any but the last one's show up; no event has come yet."""
    with lab.without_events():
        return [lab.land(f"{DATASET}/same.jsonl", lab.records(4, keys=2)) for _ in range(number)]


def sequencer(number: int) -> str:
    return f"{0x17F000000000 + number:018X}"


@case(10, "versions of one key, the event of the last one first", seed=1011, quick=True)
def last_first(lab: Lab) -> None:
    """Their times differ, or only their sequencers do: the last to land stands."""
    versions = versions_of_one_key(lab, 6)
    events = [
        lab.tell(version, START + (number // 2) * MILLISECOND, sequencer(number))
        for number, version in enumerate(versions)
    ]
    for event in reversed(events):
        lab.batch(event)
    lab.all_ingested()


@case(10, "a version whose event calls it older, after the newer one's week", seed=1012)
def a_week_late(lab: Lab) -> None:
    """The row that stands in the table is the newer one, and stays; the late one is superseded."""
    [newer] = versions_of_one_key(lab, 1)
    lab.send(lab.tell(newer, START + timedelta(days=1), sequencer(2)))
    lab.all_ingested()
    lab.friday()
    lab.committed(3)
    [older] = versions_of_one_key(lab, 1)
    lab.send(lab.tell(older, START, sequencer(1)))
    lab.all_ingested()


@case(10, "versions of one key while S3's clock goes wrong", seed=1013, quick=True)
def skewed(lab: Lab) -> None:
    """S3's time comes before its sequencer, so what a clock of tomorrow has stamped stands until that has passed."""
    skews = [timedelta(), timedelta(days=1), timedelta(hours=-1), timedelta(hours=1), timedelta(days=-1)]
    versions = versions_of_one_key(lab, len(skews))
    events = [
        lab.tell(version, START + skew, sequencer(number))
        for number, (version, skew) in enumerate(zip(versions, skews, strict=True))
    ]
    lab.rng.shuffle(events)
    lab.send(*events)
    snapshot = lab.all_ingested()
    times = {snapshot.files[version.file_id]["landed_at"] for version in versions}
    assert len(times) == len(skews), f"the ledger does not say what the events told: {sorted(times)}"
