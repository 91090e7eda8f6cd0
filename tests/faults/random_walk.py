"""Faults in random combination: a seed draws a workload and two to five faults, and so any failure can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.faults.kills import failed_calls
from tests.faults.lab import Lab
from tests.faults.random_plan import Armed, Behaviour, DeskDown, Killed, Plan, Requests, Round, Step, drawn
from tests.faults.registry import Case
from tests.faults.verdict import KEYED, Version

GROUP = 11

Fired = Callable[[], bool]


class Walk:
    """A plan while it is carried out: which of its faults have happened, and what was held back."""

    def __init__(self, lab: Lab, plan: Plan) -> None:
        self.lab, self.plan = lab, plan
        self.happened = set(plan.made)
        self.watched: list[tuple[str, Fired]] = []
        self.held_back: list[str] = []
        self.untold: list[Step] = []
        self.alerts = len(lab.alerts())
        self.desk_is_down = False
        self.failed_calls = failed_calls(lab, "copy-prefix")

    # --- what waits for somebody ---

    def arm(self, name: str, armed: Armed) -> None:
        if isinstance(armed, Behaviour):
            self.watched.append((name, self.order(armed)))
        elif isinstance(armed, Killed):
            self.watched.append((name, self.met(armed.kill.arm(self.lab, armed.who))))
        elif isinstance(armed, Requests):
            self.watched.append((name, self.met(self.inject(armed))))
        else:
            self.lab.service_desk("down")
            self.desk_is_down = True

    def order(self, armed: Behaviour) -> Fired:
        """A behaviour is either one of Glue's own, or a rule about the run's requests."""
        before = set(self.lab.edge.status())
        self.lab.order(armed.stage, armed.behaviour, armed.times)
        rules = set(self.lab.edge.status()) - before
        if rules:
            return lambda: any(self.lab.edge.status()[rule]["injected"] for rule in rules)
        return lambda: self.lab.pending(armed.stage).count(armed.behaviour) < armed.times

    def inject(self, armed: Requests) -> str:
        outputs = self.lab.outputs
        where = armed.resource.format(**outputs["buckets"])
        role = outputs["roles"][armed.who]
        return self.lab.edge.inject(armed.do, role=role, action=armed.action, resource=where, **dict(armed.more))

    def met(self, rule: str) -> Fired:
        return lambda: bool(self.lab.edge.status()[rule]["injected"])

    # --- a round ---

    def round(self, landing: Round) -> None:
        lab = self.lab
        with lab.without_events():
            versions = lab.land_some(landing.files, landing.records, landing.dataset)
            versions += [self.again(versions[number]) for number in landing.again]
            for number in landing.deleted:
                self.delete(versions[number])
        events = [lab.event_of(version) for version in versions]
        for batch in landing.batches:
            lab.batch(*(events[number] for number in batch))
        lab.send(*(events[number] for number in landing.events if number not in landing.late))
        self.held_back += [events[number] for number in landing.events if number in landing.late]
        for step in landing.steps:
            self.take(step)
        if landing.friday:
            lab.friday()
        lab.tick()

    def again(self, version: Version) -> Version:
        """Another version of the same key."""
        name = version.file_id.partition(self.lab.prefix)[2].rpartition("#")[0]
        return self.lab.land(name, self.lab.records(2, keys=5 if version.dataset.endswith(KEYED) else 0))

    def delete(self, version: Version) -> None:
        """Before anybody was told of it: it belongs into quarantine."""
        self.lab.delete_version(version)
        versions = self.lab.versions
        versions[versions.index(version)] = replace(version, deleted=True)

    def take(self, step: Step) -> None:
        if step.verb == "tell":
            self.tell(step)
        elif step.verb == "hopeless":
            self.lab.send_hopeless(step.text)
            self.happened.add(step.fault)
        elif self.lab.start_if_room(step.stage) is not None:
            self.happened.add(step.fault)

    def tell(self, step: Step) -> None:
        """The end of some earlier run; where there is none yet, later."""
        ended = self.lab.runs(step.stage, "SUCCEEDED")[-1:]
        for run_id in ended:
            self.lab.state_change(step.stage, run_id, "SUCCEEDED", times=step.times)
            self.happened.add(step.fault)
        if not ended:
            self.untold.append(step)

    # --- afterwards ---

    def missing(self) -> list[str]:
        """The faults that have not happened yet. Who was alerted that the service desk is down sets it right."""
        if self.desk_is_down and len(self.lab.alerts()) > self.alerts:
            self.happened |= {name for name, armed in self.plan.armed if isinstance(armed, DeskDown)}
            self.lab.service_desk("ok")
            self.desk_is_down = False
        desk = {name for name, armed in self.plan.armed if isinstance(armed, DeskDown)}
        self.happened |= {name for name, fired in self.watched if name not in desk and fired()}
        self.redeliver()
        untold, self.untold = self.untold, []
        for step in untold:
            self.tell(step)
        return [name for name in self.plan.faults if name not in self.happened]

    def redeliver(self) -> None:
        """What a failed call of copy-prefix has left in the queue comes back now, and not after its time-out."""
        failed = failed_calls(self.lab, "copy-prefix")
        if failed > self.failed_calls:
            self.lab.edge.redeliver(self.lab.outputs["queue_url"].rpartition("/")[2])
            self.failed_calls = failed

    def acknowledged(self) -> bool:
        self.redeliver()
        return self.lab.queue_depth(self.lab.outputs["queue_url"]) == 0


def act(lab: Lab) -> None:
    """Counts faults, and not the messages that carry them; some of them must have happened."""
    plan = drawn(lab.rng)
    lab.notes += plan.faults
    walk = Walk(lab, plan)
    for name, armed in plan.armed:
        walk.arm(name, armed)
    for landing in plan.rounds:
        walk.round(landing)
    lab.send(*walk.held_back)
    lab.rest_or(lambda: not walk.missing())
    never = walk.missing()
    lab.notes += [f"never happened: {name}" for name in never]
    lab.stop_faults()
    lab.wait("acknowledged messages", walk.acknowledged)
    lab.injected = len(plan.faults) - len(never)
    assert lab.injected, f"none of the faults happened: {', '.join(plan.faults)}"


def walk_case(seed: int) -> Case:
    """The random combination of a seed."""
    return Case(GROUP, f"random combination, seed {seed}", seed, seed == 1, act)
