"""Batches of messages: one message in two of them, ten thousand in one, poison among good ones, wrapped ones."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.lab import Lab, parts, s3_event
from tests.faults.registry import case
from tests.faults.verdict import Version

MARKER, ITEM = "OPEN#1", "landed_at"


def twice_at_once(lab: Lab, step: str) -> None:
    """The first batch is held before a step until the second one's file has gone all the way through Glue 1."""
    with lab.without_events():
        versions = lab.land_some(files=1) + lab.land_some(files=1, dataset="d_keyed")
    gates = [lab.hold("copy-prefix", "dynamodb:PutItem", body=step) for _ in versions]
    lab.send(*map(lab.event_of, versions))
    for gate in gates:
        lab.held(gate)
    lab.edge.redeliver(lab.outputs["queue_url"])
    committed(lab, versions)
    for gate in gates:
        lab.edge.release(gate)
    lab.all_ingested()


def committed(lab: Lab, versions: list[Version]) -> None:
    """Waits until each of these files is in a committed Glue 1 run, whatever else goes on."""

    def look() -> bool:
        snapshot = lab.look()
        runs = snapshot.run_ids(1)
        return all(snapshot.files.get(one.file_id, {}).get("assigned_to") in runs for one in versions)

    lab.wait("files in committed runs", look)


@case(2, "one message in two batches at once, the first held before its marker", seed=201, quick=True)
def held_before_marker(lab: Lab) -> None:
    """Its marker comes when the work is done, and must not stay."""
    twice_at_once(lab, MARKER)


@case(2, "one message in two batches at once, the first held before its item", seed=202)
def held_before_item(lab: Lab) -> None:
    """Its item is refused: the one that is there belongs to a run."""
    twice_at_once(lab, ITEM)


@case(2, "a batch held before its item until its file is done, and its message once more", seed=208)
def held_and_once_more(lab: Lab) -> None:
    """Were the item put all the same, nobody would hold it, and the next message would make it work again."""
    with lab.without_events():
        versions = lab.land_some(files=1)
    [event] = map(lab.event_of, versions)
    gate = lab.hold("copy-prefix", "dynamodb:PutItem", body=ITEM)
    lab.send(event)
    lab.held(gate)
    lab.edge.redeliver(lab.outputs["queue_url"])
    committed(lab, versions)
    before = answered(lab)
    lab.edge.release(gate)
    lab.wait("answer of the batch that was held", lambda: answered(lab) > before)
    lab.send(event)
    lab.all_ingested()


def answered(lab: Lab) -> int:
    """How many invocations of copy-prefix are over."""
    name = lab.outputs["functions"]["copy-prefix"]
    return sum(entry["function"] == name for entry in lab.journal("invocations"))


@case(2, "batches that overlap, side by side", seed=203)
def side_by_side(lab: Lab) -> None:
    with lab.without_events():
        versions = lab.land_some(files=6, records=2) + lab.land_some(files=4, records=2, dataset="d_keyed")
    events = [lab.event_of(version) for version in versions]
    batches = [events, *(lab.rng.sample(events, 5) for _ in range(3))]
    with ThreadPoolExecutor(len(batches)) as pool:
        answers = list(pool.map(lambda batch: lab.batch(*batch), batches))
    assert not any(answer["batchItemFailures"] for answer in answers), answers
    lab.all_ingested()


@case(2, "a batch of 10,000 messages", seed=204)
def ten_thousand(lab: Lab) -> None:
    """Five hundred versions, each twenty times and in no order: as many items, and one start."""
    with lab.without_events():
        versions = lab.land_some(files=400, records=1) + lab.land_some(files=100, records=2, dataset="d_keyed")
    events = [event for event in map(lab.event_of, versions) for _ in range(20)]
    lab.rng.shuffle(events)
    assert len(events) == 10_000
    answer = lab.batch(*events)
    assert answer == {"batchItemFailures": []}, str(answer)[:500]
    missing = {version.file_id for version in versions} - lab.look().files.keys()
    assert not missing, f"{len(missing)} of the batch's files are not in the ledger"


def poison(version: Version) -> list[str]:
    """One message for each way in which one can be hopeless, made of the event of a version that is not."""
    bucket, key, version_id = parts(version.file_id)
    two = {"Records": [*records(s3_event(version.file_id, "01")), *records(s3_event(f"elsewhere/{key}#1", "02"))]}
    return [
        s3_event(version.file_id, "03")[:-1],
        s3_event(f"elsewhere/{key}#{version_id}", "04"),
        s3_event(version.file_id, "05", versionId=None),
        s3_event(version.file_id, "06", key=f"{key}%ff"),
        s3_event(version.file_id, "07", key=f"{key}%4"),
        wrapped("no JSON in here"),
        json.dumps({"Records": "none", "bucket": bucket}),
        "",
        json.dumps(two),
    ]


def ignored(version: Version) -> list[str]:
    """Messages that are none of the pipeline's business, and no fault."""
    bucket, key, _ = parts(version.file_id)
    deleted = {"Records": [{**record, "eventName": "ObjectRemoved:Delete"} for record in other_version(version)]}
    return [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket}),
        s3_event(f"{bucket}/elsewhere/{key}#1", "08"),
        s3_event(f"{bucket}/{key}.d/#1", "09", size=0),
        json.dumps(deleted),
    ]


def other_version(version: Version) -> list[dict[str, Any]]:
    bucket, key, _ = parts(version.file_id)
    return records(s3_event(f"{bucket}/{key}#another", "0A"))


def records(event: str) -> list[dict[str, Any]]:
    return json.loads(event)["Records"]


def wrapped(message: str) -> str:
    """As SNS puts it into a queue."""
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:222222222222:t", "Message": message})


@case(2, "a batch with poison among good ones", seed=205, quick=True)
def poisoned(lab: Lab) -> None:
    """Each hopeless message becomes a dead letter, and none holds back the others or comes again."""
    with lab.without_events():
        versions = lab.land_some(files=6) + lab.land_some(files=2, dataset="d_keyed")
    hopeless, unconcerned = poison(versions[0]), ignored(versions[0])
    bodies = [*map(lab.event_of, versions[1:]), *hopeless, *unconcerned]
    lab.rng.shuffle(bodies)
    assert lab.batch(*bodies) == {"batchItemFailures": []}
    # SQS has no messages without a body: an empty one is set aside as what it is called.
    lab.hopeless += [body or "(empty)" for body in hopeless]
    depth = lab.queue_depth(lab.outputs["dead_letter_queue_urls"]["landing"])
    assert depth == len(hopeless), f"{depth} dead letters of {len(hopeless)} hopeless messages"
    taken_in = {file_id for file_id in lab.look().files if lab.prefix in file_id}
    assert taken_in == {version.file_id for version in versions}, "not exactly the good ones are in the ledger"


@case(2, "poison in the queue, alone and among good ones", seed=206)
def poisoned_queue(lab: Lab) -> None:
    """Through the queue: what is set aside is acknowledged as well."""
    with lab.without_events():
        versions = lab.land_some(files=4)
    for version in versions:
        lab.send_hopeless(f"{version.file_id} is no JSON")
        lab.send(lab.event_of(version))
    lab.send_hopeless("neither is this")
    lab.all_ingested()


@case(2, "events that SNS wrapped, and test events", seed=207)
def wrapped_events(lab: Lab) -> None:
    with lab.without_events():
        versions = lab.land_some(files=3) + lab.land_some(files=2, dataset="d_keyed")
    events = [lab.event_of(version) for version in versions]
    together = json.dumps({"Records": [record for event in events[:2] for record in records(event)]})
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": lab.bucket("landing")})
    lab.send(wrapped(together), test, wrapped(test), *map(wrapped, events[2:]), *events[:1])
    lab.all_ingested()
    depth = lab.queue_depth(lab.outputs["dead_letter_queue_urls"]["landing"])
    assert depth == 0, f"{depth} dead letters"
