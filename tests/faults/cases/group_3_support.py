"""The functions that engineers call by trigger files, killed between any two of their steps: each request still does
its one thing once, and is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local.demo.observe import LANDING_PREFIX, QUARANTINE_PREFIX
from tests.end_to_end.triggers import done
from tests.faults.cases.group_3_kills import DELETE, OUTPUT, PUT, START, UPDATE, killed_by
from tests.faults.kills import Kill, struck
from tests.faults.lab import Lab, parts
from tests.faults.registry import case
from tests.faults.verdict import Version

COPYGLUE, CLEANUP = "copyglue-support", "support-cleanup"
PLANS = "*:{state}/intermediary/requests/*/plan.json"
ANSWERS = "*:{state}/intermediary/requests/*/answer.json"
RESULTS = "*:{state}/intermediary/results/*"
DELETE_VERSION = "s3:DeleteObjectVersion"
ASIDE = "*:{raw}/" + QUARANTINE_PREFIX + "_cleanup/*"

# --- the desk: hint, item, lease, (the work,) answer, its copy, hint away ---

DESK = {
    "before it has put the request's hint": Kill(PUT, "REQUESTS#", made=False),
    "between a request's hint and its item": Kill(PUT, "REQUESTS#"),
    "between a request's item and its lease": Kill(PUT, "requested_at"),
    "between the lease and the work": Kill(UPDATE, "leased_by"),
    "between its answer and the answer's record": Kill("s3:PutObject", resource=ANSWERS),
    "between the answer's record and its copy": Kill(UPDATE, "SET answer"),
    "after the copy of its answer": Kill("s3:PutObject", resource=RESULTS),
    "before it drops the request's hint": Kill(DELETE, "REQUESTS#", made=False),
}
RELAND = {
    "between landing a file again and its marker": Kill("s3:PutObject", resource="*:{landing}/*"),
    "between the marker and the item of what it has landed again": Kill(PUT, "landed_at", made=False),
    "between that item and the start of Glue 1": Kill(START, made=False),
    "between the start of Glue 1 and its answer": Kill(START),
}


def of(lab: Lab, versions: list[Version]) -> list[str]:
    return [parts(version.file_id)[1] for version in versions]


def named(lab: Lab, name: str) -> str:
    """A request id of this case."""
    return f"{lab.prefix.rstrip('_').rpartition('_')[2]}-{name}"


def asked(lab: Lab, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """Puts a trigger file and waits for its last answer, which must be a success."""
    answer = done(lab, kind, named(lab, name), **fields)
    assert answer["state"] == "SUCCEEDED", f"{answer['state']}: {answer.get('why')}"
    return answer


def relanded(lab: Lab, kill: Kill) -> None:
    """Files are landed again, and each is one new version, however often it was tried."""
    landed = lab.land_some(files=2)
    lab.all_ingested()
    rule = kill.arm(lab, COPYGLUE)
    answer = asked(lab, "copyglue", "reland", keys=of(lab, landed), reland=True)
    assert struck(lab, rule), f"no {COPYGLUE} was killed"
    again = {entry["key"]: entry["version_id"] for entry in answer["found"]["relanded"]}
    for version in landed:
        bucket, key, version_id = parts(version.file_id)
        listing = lab.s3.list_object_versions(Bucket=bucket, Prefix=key)
        assert {found["VersionId"] for found in listing["Versions"]} == {version_id, again[key]}
        lab.versions.append(Version(f"{bucket}/{key}#{again[key]}", version.dataset, version.records))


FOUND = {
    "between a plan and its record": Kill("s3:PutObject", resource=PLANS),
    "between a plan's record and the first of it": Kill(UPDATE, "SET #plan"),
    "between the marker and the item of a file that it has found": Kill(PUT, "landed_at", made=False),
    "after the item of a file that it has found": Kill(PUT, "landed_at"),
}


def found(lab: Lab, kill: Kill) -> None:
    """Files that no event brought are found, and the answer is the first look's, not the last one's."""
    with lab.without_events():
        landed = lab.land_some(files=3)
    rule = kill.arm(lab, COPYGLUE)
    answer = asked(lab, "copyglue", "found", keys=of(lab, landed))
    assert struck(lab, rule), f"no {COPYGLUE} was killed"
    assert answer["found"]["taken_in"] == len(landed)


# --- the cleanup: plan, copy, delete; and back ---

OUTPUTS = {
    "between a cleanup's plan and its record": Kill("s3:PutObject", resource=PLANS),
    "between a copy in quarantine and its delete marker": Kill("s3:PutObject", resource=ASIDE),
    "between a delete marker and the answer": Kill("s3:DeleteObject"),
    "between the cleanup's answer and its record": Kill("s3:PutObject", resource=ANSWERS),
}
OUTPUTS_BACK = {"after it has taken a delete marker away": Kill(DELETE_VERSION)}


def dead_output(lab: Lab) -> tuple[str, Callable[[], set[str]]]:
    """A run that died of half its output, and the keys of what is left of that."""
    Kill("s3:PutObject", resource=OUTPUT["ingest"], after=1).arm(lab, "ingest")
    lab.land_some(files=2)
    lab.land_some(files=2, dataset="d_keyed")
    lab.reach(1, "FAILED")
    lab.all_ingested()
    [run_id] = lab.runs(1, "FAILED")
    return run_id, lambda: {key for key in lab.keys(lab.bucket("raw")) if f"/run={run_id}/" in key}


def outputs_removed(armed: str) -> Callable[[Lab, Kill], None]:
    """What a dead run left goes, and comes back; whoever is killed, is killed in the step `armed`."""

    def act(lab: Lab, kill: Kill) -> None:
        run_id, left = dead_output(lab)
        before = left()
        assert before, "the dead run has left nothing"
        what: dict[str, dict[str, Any]] = {
            "remove": {"stage": 1, "run_id": run_id, "mode": "quarantine"},
            "undo": {"undo": named(lab, "remove")},
        }
        for step, fields in what.items():
            rule = kill.arm(lab, CLEANUP) if step == armed else None
            answer = asked(lab, "cleanup", step, **fields, dry_run=False)
            assert rule is None or struck(lab, rule), f"no {CLEANUP} was killed"
            assert answer["cleanup"]["objects"] == len(before)
            assert left() == (set() if step == "remove" else before)

    return act


FILES = {
    "between a landing file's copy and its removal": Kill(DELETE_VERSION, made=False),
    "after it has removed a landing file": Kill(DELETE_VERSION),
}
FILES_BACK = {"between putting a landing file back and the answer": Kill("s3:PutObject", resource="*:{landing}/*")}


def files_removed(armed: str) -> Callable[[Lab, Kill], None]:
    """Landing files that nobody has read go, two versions of one key among them, and come back as new versions, each
    once and in their order. What went counts as vanished."""

    def act(lab: Lab, kill: Kill) -> None:
        lab.order(1, "refuse", times=20)
        landed = lab.land_some(files=2)
        twice = of(lab, landed[:1])[0].removeprefix(LANDING_PREFIX + lab.prefix)
        landed.append(lab.land(twice, lab.records(3)))
        lab.wait("known files", lambda: lab.look().files.keys() >= {version.file_id for version in landed})
        what: dict[str, dict[str, Any]] = {
            "remove": {"keys": sorted(set(of(lab, landed))), "mode": "delete"},
            "undo": {"undo": named(lab, "remove")},
        }
        for step, fields in what.items():
            rule = kill.arm(lab, CLEANUP) if step == armed else None
            answer = asked(lab, "cleanup", step, **fields, dry_run=False)
            assert rule is None or struck(lab, rule), f"no {CLEANUP} was killed"
            assert answer["cleanup"]["objects"] == len(landed)
        back = {(entry["key"], entry["version_id"]): entry["restored_as"] for entry in answer["cleanup"]["list"]}
        for version in landed:
            bucket, key, version_id = parts(version.file_id)
            lab.versions[lab.versions.index(version)] = replace(version, deleted=True)
            lab.versions.append(Version(f"{bucket}/{key}#{back[key, version_id]}", version.dataset, version.records))
        for key in of(lab, landed[:2]):
            there = lab.s3.list_object_versions(Bucket=lab.bucket("landing"), Prefix=key)["Versions"]
            wanted = [back[parts(version.file_id)[1:]] for version in landed if parts(version.file_id)[1] == key]
            assert [found["VersionId"] for found in there] == wanted[::-1], f"{key} has come back in another order"

    return act


TABLES = [
    ("support-trigger", DESK | RELAND, relanded),
    ("support-trigger", FOUND, found),
    ("support-cleanup", OUTPUTS, outputs_removed("remove")),
    ("support-cleanup", OUTPUTS_BACK, outputs_removed("undo")),
    ("support-cleanup", FILES, files_removed("remove")),
    ("support-cleanup", FILES_BACK, files_removed("undo")),
]
QUICK = ("between landing a file again and its marker",)


def register() -> None:
    """One case for each step of each."""
    for table, (who, steps, act) in enumerate(TABLES):
        for number, (step, kill) in enumerate(steps.items()):
            case(3, f"{who} killed {step}", 3000 + 20 * table + number, quick=step in QUICK)(killed_by(act, kill))


register()
