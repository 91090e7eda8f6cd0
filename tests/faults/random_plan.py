"""What a random combination does, all of it drawn from one seed before anything is done: what a run's timing changes
can change no draw, and so the same seed is the same combination.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.faults.cases import group_3_kills as steps
from tests.faults.kills import Kill
from tests.faults.verdict import KEYED

BEHAVIOURS = (
    "fail", "fail-after", "zombie", "timeout", "silent", "vanish", "refuse", "throttle", "lose-answer", "double",
)  # fmt: skip
DATASETS = ("a", "b", f"c{KEYED}")
FUNCTIONS = ("copy-prefix", "clean-prefix", "success-fail-event", "reconcile")
JOBS = ("ingest", "classify", "conform")
#: What a job reads besides its script, whose download by Glue is none of its own requests.
INPUT = {"ingest": "*:{raw}/tui/*", "classify": "*:{raw}/tui/legacy/temp/*", "conform": "*:grp2-raw-tui-*"}
#: Steps that each call of copy-prefix with a new file has, and each tick of reconcile.
RETRIED = {step: kill for step, kill in steps.COPY_PREFIX.items() if "dead letter" not in step}
EVERY_TICK = {
    step: steps.RECONCILE[step]
    for step in ("after the listing's cursor", "after it has asked Glue", "after it has read the markers")
}


@dataclass(frozen=True)
class Behaviour:
    """How the next runs of a stage go."""

    stage: int
    behaviour: str
    times: int


@dataclass(frozen=True)
class Killed:
    """Somebody does not survive a step."""

    who: str
    kill: Kill


@dataclass(frozen=True)
class Requests:
    """A fault of single requests of a role. `resource` may name buckets in braces, as that of a `Kill`."""

    who: str
    do: str
    action: str
    resource: str = "*"
    more: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class DeskDown:
    """The service desk does not answer until the operators were alerted instead."""


Armed = Behaviour | Killed | Requests | DeskDown


@dataclass(frozen=True)
class Step:
    """What somebody does in between: `start` (by hand), `tell` (an old end once more), `hopeless` (a message)."""

    fault: str
    verb: str
    stage: int = 0
    times: int = 1
    text: str = ""


@dataclass(frozen=True)
class Round:
    """Files that land, and how their events come. Events are numbers of versions: the files', then those of `again`."""

    dataset: str
    files: int
    records: int
    again: tuple[int, ...]
    events: tuple[int, ...]
    late: tuple[int, ...]
    friday: bool
    deleted: tuple[int, ...] = ()
    batches: tuple[tuple[int, ...], ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def versions(self) -> int:
        return self.files + len(self.again)


@dataclass
class Plan:
    """A combination. `made`: the faults that consist of how events come, and so happen for certain."""

    faults: tuple[str, ...]
    rounds: list[Round]
    armed: list[tuple[str, Armed]] = field(default_factory=list)
    made: set[str] = field(default_factory=set)


Fault = Callable[[str, Random, Plan], None]


# --- faults that wait for somebody ---


def arming(draw: Callable[[Random], tuple[Armed, ...]]) -> Fault:
    def add(name: str, rng: Random, plan: Plan) -> None:
        plan.armed += [(name, armed) for armed in draw(rng)]

    return add


def behaves(stage: int, behaviour: str) -> Fault:
    return arming(lambda rng: (Behaviour(stage, behaviour, rng.randint(1, 2)),))


def killed(who: str, kills: dict[str, Kill]) -> dict[str, Fault]:
    def dying(kill: Kill) -> Fault:
        return arming(lambda rng: (Killed(who, kill),))

    return {f"{who} killed {step}": dying(kill) for step, kill in kills.items()}


def job_killed(job: str) -> dict[str, Fault]:
    own = {
        step: replace(kill, resource=steps.OUTPUT[job] if kill.resource == steps.HALF else kill.resource)
        for step, kill in steps.JOBS.items()
    }
    return killed(job, own)


def refused(who: str, action: str, status: int, code: str, most: int, resource: str = "*") -> Fault:
    """Errors in a row, from within what retries survive to beyond it. A run's deletion is often a single request."""
    latest = 0 if action == "s3:DeleteObject" else 2

    def draw(rng: Random) -> tuple[Armed, ...]:
        more = {"status": status, "code": code, "times": rng.randint(1, most), "after": rng.randint(0, latest)}
        return (Requests(who, "error", action, resource, tuple(more.items())),)

    return arming(draw)


def key_errors(code: str) -> Fault:
    def draw(rng: Random) -> tuple[Armed, ...]:
        more = (("every", rng.randint(1, 3)), ("code", code), ("times", rng.randint(1, 4)))
        return (Requests("clean-prefix", "keys", "s3:DeleteObject", more=more),)

    return arming(draw)


def lost_answer(who: str, action: str) -> Fault:
    return arming(lambda rng: (Requests(who, "lose-answer", action, more=(("after", rng.randint(0, 2)),)),))


def desk_down(name: str, rng: Random, plan: Plan) -> None:
    """With a run that has to be told of."""
    plan.armed += [(name, DeskDown()), (name, Behaviour(rng.choice((1, 2)), "fail", 1))]


# --- faults of how events come ---


def delivery(change: Callable[[Random, Round], Round]) -> Fault:
    def alter(name: str, rng: Random, plan: Plan) -> None:
        before = list(plan.rounds)
        plan.rounds = [change(rng, landing) for landing in before]
        if plan.rounds != before:
            plan.made.add(name)

    return alter


def doubled(rng: Random, landing: Round) -> Round:
    return replace(landing, events=landing.events * rng.randint(2, 4))


def shuffled(rng: Random, landing: Round) -> Round:
    return replace(landing, events=tuple(rng.sample(landing.events, len(landing.events))))


def lost(rng: Random, landing: Round) -> Round:
    """Not that of a version that is deleted: nothing else would ever tell of it."""
    kept = [event for event in landing.events if rng.random() < 0.7 or event in landing.deleted]
    return replace(landing, events=tuple(kept))


def batched(rng: Random, landing: Round) -> Round:
    """copy-prefix is called with batches that the queue never made, whose members come by the queue, too."""
    everyone = range(landing.versions)
    batches = [tuple(rng.sample(everyone, rng.randint(1, len(everyone)))) for _ in range(rng.randint(1, 3))]
    return replace(landing, batches=tuple(batches))


def deleted(rng: Random, landing: Round) -> Round:
    """None of a keyed dataset: the verdict takes a key for secured that only a deleted version says to be."""
    if landing.dataset.endswith(KEYED):
        return landing
    gone = rng.randrange(landing.versions)
    events = landing.events if gone in landing.events else (*landing.events, gone)
    return replace(landing, deleted=(gone,), events=events)


# --- faults that somebody does in between ---


def doing(draw: Callable[[str, Random], Step]) -> Fault:
    def add(name: str, rng: Random, plan: Plan) -> None:
        plan.rounds = [replace(landing, steps=(*landing.steps, draw(name, rng))) for landing in plan.rounds]

    return add


def by_hand(name: str, rng: Random) -> Step:
    return Step(name, "start", rng.choice((1, 2, 3)))


def old_end(name: str, rng: Random) -> Step:
    return Step(name, "tell", rng.choice((1, 2, 3)), rng.randint(1, 2))


def hopeless(name: str, rng: Random) -> Step:
    return Step(name, "hopeless", text=f"not JSON, {rng.random()}")


#: A combination takes at most one of each family, so that none of them is drawn more often for being larger.
FAMILIES: dict[str, dict[str, Fault]] = {
    f"runs of Glue {stage}": {f"Glue {stage}: {behaviour}": behaves(stage, behaviour) for behaviour in BEHAVIOURS}
    for stage in (1, 2, 3)
} | {
    "kills of functions": killed("copy-prefix", RETRIED | steps.FOR_GOOD)
    | killed("reconcile", EVERY_TICK)
    | killed("clean-prefix", steps.CLEAN_PREFIX)
    | killed("optimization-trigger", steps.OPTIMIZATION_TRIGGER)
    | killed("success-fail-event", steps.MAIL),
    "kills of jobs": {name: fault for job in JOBS for name, fault in job_killed(job).items()},
    "cleaning": {
        "DeleteObjects: SlowDown for single keys": key_errors("SlowDown"),
        "DeleteObjects: InternalError for single keys": key_errors("InternalError"),
        "DeleteObjects: SlowDown": refused("clean-prefix", "s3:DeleteObject", 503, "SlowDown", 9),
    },
    "DynamoDB": {
        f"DynamoDB throttles {who}": refused(who, "dynamodb:*", 400, "ProvisionedThroughputExceededException", 10)
        for who in (*FUNCTIONS, *JOBS)
    }
    | {
        f"DynamoDB loses an answer to {who}'s {verb}": lost_answer(who, f"dynamodb:{verb}Item")
        for who in JOBS
        for verb in ("Put", "Update")
    },
    "S3": {
        f"S3 answers 503 to what {job} {verb}": refused(job, action, 503, "SlowDown", 10, where[job])
        for job in JOBS
        for verb, action, where in (("reads", "s3:GetObject", INPUT), ("writes", "s3:PutObject", steps.OUTPUT))
        if (job, verb) != ("ingest", "reads")  # it copies within S3
    },
    "SNS": {"SNS throttled": refused("success-fail-event", "sns:Publish", 400, "Throttling", 9)},
    "service desk": {"service desk down": desk_down},
    "deleted": {"versions deleted": delivery(deleted)},
    "doubled": {"events doubled": delivery(doubled)},
    "shuffled": {"events shuffled": delivery(shuffled)},
    "lost": {"events lost": delivery(lost)},
    "batches": {"batches with other members": delivery(batched)},
    "starts": {"runs started by hand": doing(by_hand)},
    "ends": {"ends told again": doing(old_end)},
    "messages": {"hopeless messages": doing(hopeless)},
}


def drawn(rng: Random) -> Plan:
    """All of a combination: two to five faults, and one to three rounds of files."""
    families = rng.sample(list(FAMILIES), rng.randint(2, 5))
    chosen = [(family, rng.choice(list(FAMILIES[family]))) for family in FAMILIES if family in families]
    plan = Plan(tuple(name for _, name in chosen), [a_round(rng) for _ in range(rng.randint(1, 3))])
    for family, name in chosen:
        FAMILIES[family][name](name, rng, plan)
    return plan


def a_round(rng: Random) -> Round:
    files = rng.randint(1, 5)
    again = tuple(number for number in range(files) if rng.random() < 0.2)
    events = tuple(range(files + len(again)))
    late = tuple(event for event in events if rng.random() < 0.2)
    return Round(rng.choice(DATASETS), files, rng.randint(1, 5), again, events, late, friday=rng.random() < 0.5)
