"""What Glue answers when a run is asked for. Backpressure is no fault: nobody is told, and the work is done later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.kills import failed_calls, ticks_until
from tests.faults.lab import Lab
from tests.faults.registry import case

START = "glue:StartJobRun"
STAGES = (1, 2, 3)
#: How many starts of Glue 1 and 3 in a row are answered so: longer than any retry of a caller lasts.
A_LONG_WHILE = 8

ANSWERS: dict[str, dict[str, Any]] = {
    "ConcurrentRunsExceeded": {"do": "error", "status": 400, "code": "ConcurrentRunsExceededException"},
    "throttling": {"do": "error", "status": 400, "code": "ThrottlingException"},
    "an internal error": {"do": "error", "status": 500, "code": "InternalServiceException"},
    "503": {"do": "error", "status": 503, "code": "ServiceUnavailable"},
    "ResourceNumberLimitExceeded": {"do": "error", "status": 400, "code": "ResourceNumberLimitExceededException"},
    "OperationTimeout": {"do": "error", "status": 400, "code": "OperationTimeoutException"},
    "no answer, and no run": {"do": "drop"},
}


def work(lab: Lab) -> None:
    lab.land_some(files=3)
    lab.land_some(files=2, dataset="d_keyed")


def answers(lab: Lab, stage: int, do: str, times: int | None = 1, **fields: Any) -> str:
    """What a function or the schedule is answered when it asks for a run of a stage; the rule's id."""
    return lab.edge.inject(do, action=START, resource=f"*:job/{lab.job(stage)}", times=times, **fields)


def injected(lab: Lab, rule: str) -> int:
    return lab.edge.status()[rule]["injected"]


def told(lab: Lab) -> dict[str, int]:
    """Everything by which somebody would hear of a fault."""
    counts = {f"failed calls of {crate}": failed_calls(lab, crate) for crate in lab.outputs["functions"]}
    urls = lab.outputs["dead_letter_queue_urls"]
    counts |= {f"dead letters of {name}": lab.queue_depth(url) for name, url in urls.items()}
    return counts | {"tickets": len(lab.journal("incidents")), "alerts": len(lab.alerts())}


@contextmanager
def nobody_is_told(lab: Lab) -> Iterator[None]:
    """Whatever happens in here, until all is done, is no fault."""
    before = told(lab)
    yield
    lab.rest()
    after = told(lab)
    heard = {what: number - before[what] for what, number in after.items() if number != before[what]}
    assert not heard, f"backpressure was told as a fault: {heard}"


def backpressure(answer: dict[str, Any]) -> Callable[[Lab], None]:
    """The starts of each stage by functions and schedule are answered so, again and again."""

    def act(lab: Lab) -> None:
        with nobody_is_told(lab):
            rules = {stage: answers(lab, stage, times=A_LONG_WHILE, **answer) for stage in (1, 3)}
            work(lab)
            ticks_until(lab, "many refused starts of Glue 1", lambda: injected(lab, rules[1]) == A_LONG_WHILE)
            lab.all_ingested()
            lab.friday()
            lab.committed(2)
            ticks_until(lab, "many refused starts of Glue 3", lambda: injected(lab, rules[3]) == A_LONG_WHILE)

    return act


for number, (name, given) in enumerate(ANSWERS.items(), 401):
    quick = name == "ConcurrentRunsExceeded"
    case(4, f"Glue answers {name} for a long while", seed=number, quick=quick)(backpressure(given))


@case(4, "Glue refuses the schedule's start three times", seed=411)
def schedule_refused(lab: Lab) -> None:
    """EventBridge Scheduler tries again by itself."""
    with nobody_is_told(lab):
        work(lab)
        lab.all_ingested()
        rule = answers(lab, 2, "error", times=3, status=400, code="ConcurrentRunsExceededException")
        lab.friday()
        lab.committed(2)
        assert injected(lab, rule) == 3


@case(4, "a run starts and Glue's answer is lost", seed=412)
def lost_answer(lab: Lab) -> None:
    """Whoever asked knows nothing of the run; it does the work, and another that comes finds nothing."""
    with nobody_is_told(lab):
        rules = [answers(lab, stage, "lose-answer") for stage in STAGES]
        work(lab)
        lab.rest()
        assert all(injected(lab, rule) for rule in rules)


@case(4, "a run starts and Glue answers only after the caller has given up", seed=413)
def late_answer(lab: Lab) -> None:
    with nobody_is_told(lab):
        rules = [answers(lab, stage, "hold-after") for stage in (1, 3)]
        work(lab)
        lab.held(rules[0])
        lab.all_ingested()
        lab.friday()
        lab.held(rules[1])
        lab.rest()


@case(4, "a start makes two runs, and the answer is lost", seed=414)
def doubled(lab: Lab) -> None:
    with nobody_is_told(lab):
        for stage in STAGES:
            lab.order(stage, "double")
        work(lab)


MISSING = {"status": 400, "code": "EntityNotFoundException", "message": "there is no such job"}


@case(4, "the job of Glue 1 is missing", seed=415, quick=True)
def ingest_missing(lab: Lab) -> None:
    """Files are taken in all the same, and reconcile fails, loudly, as often as it looks."""
    missing = [answers(lab, 1, "error", times=None, **MISSING)]
    versions = lab.land_some(files=3)
    lab.wait("files taken in", lambda: {version.file_id for version in versions} <= lab.look().files.keys())
    heard(lab, "reconcile", missing)
    assert not lab.runs(1, "STARTING", "RUNNING", "SUCCEEDED", "FAILED"), "a job that is missing has run"


@case(4, "the job of Glue 1 is missing, and so are its runs", seed=416)
def ingest_unknown(lab: Lab) -> None:
    missing = [
        answers(lab, 1, "error", times=None, **MISSING),
        lab.edge.inject("error", action="glue:GetJobRun*", resource=f"*:job/{lab.job(1)}", times=None, **MISSING),
    ]
    versions = lab.land_some(files=3)
    lab.wait("files taken in", lambda: {version.file_id for version in versions} <= lab.look().files.keys())
    heard(lab, "reconcile", missing)


@case(4, "the job of Glue 3 is missing", seed=417)
def conform_missing(lab: Lab) -> None:
    """The trigger fails, is tried again, and leaves its event as a dead letter; reconcile fails as well."""
    work(lab)
    lab.all_ingested()
    missing = [answers(lab, 3, "error", times=None, **MISSING)]
    depth = lab.queue_depth(lab.outputs["dead_letter_queue_urls"]["events"])
    before = failed_calls(lab, "optimization-trigger")
    lab.friday()
    lab.committed(2)
    lab.wait("failed trigger", lambda: failed_calls(lab, "optimization-trigger") > before)
    events = lab.outputs["dead_letter_queue_urls"]["events"]
    lab.wait("dead letter of its event", lambda: lab.queue_depth(events) > depth)
    heard(lab, "reconcile", missing)


def heard(lab: Lab, crate: str, rules: list[str]) -> None:
    """Waits until a function has failed on what is missing; its alarm counts exactly these errors."""
    name, before = lab.outputs["functions"][crate], failed_calls(lab, crate)
    ticks_until(lab, f"failed {crate}", lambda: failed_calls(lab, crate) > before)
    assert all(injected(lab, rule) for rule in rules)
    errors = [entry["error"] for entry in lab.journal("invocations") if entry["function"] == name and not entry["ok"]]
    assert "there is no such job" in json.dumps(errors[-1]), f"{crate} does not say what is missing: {errors[-1]}"
