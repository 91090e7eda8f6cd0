"""Faults in random combination: a seed draws a workload and two to five faults, and so any failure can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.lab import Lab
from tests.faults.registry import Case
from tests.faults.verdict import KEYED, Version

GROUP = 11
BEHAVIOURS = (
    "fail", "fail-after", "zombie", "timeout", "silent", "vanish", "refuse", "throttle", "lose-answer", "double",
)  # fmt: skip


@dataclass
class Walk:
    """What has been drawn: how events are delivered, and what happens in between."""

    lab: Lab
    deliver: list[Callable[[Lab, list[str]], list[str]]] = field(default_factory=list)
    between: list[Callable[[Lab], None]] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)

    def land(self) -> None:
        """Some files of some dataset, their events as the faults want them."""
        rng = self.lab.rng
        dataset = rng.choice(["a", "b", f"c{KEYED}"])
        with self.lab.without_events():
            versions = self.lab.land_some(rng.randint(1, 5), rng.randint(1, 5), dataset)
            versions += [self.again(version) for version in versions if rng.random() < 0.2]
        events = [self.lab.event_of(version) for version in versions]
        for change in self.deliver:
            events = change(self.lab, events)
        late = [event for event in events if rng.random() < 0.2]
        self.lab.send(*(event for event in events if event not in late))
        self.held_back += late

    def again(self, version: Version) -> Version:
        """Another version of the same key."""
        name = version.file_id.partition(self.lab.prefix)[2].rpartition("#")[0]
        return self.lab.land(name, self.lab.records(2, keys=5 if version.dataset.endswith(KEYED) else 0))


Fault = Callable[[Walk], None]


def behave(stage: int, behaviour: str) -> Fault:
    def arm(walk: Walk) -> None:
        walk.lab.order(stage, behaviour, walk.lab.rng.randint(1, 2))

    return arm


def duplicated(walk: Walk) -> None:
    walk.deliver.append(lambda lab, events: events * lab.rng.randint(2, 4))


def shuffled(walk: Walk) -> None:
    walk.deliver.append(lambda lab, events: lab.rng.sample(events, len(events)))


def lost(walk: Walk) -> None:
    walk.deliver.append(lambda lab, events: [event for event in events if lab.rng.random() < 0.7])


def by_hand(walk: Walk) -> None:
    walk.between.append(by_someone)


def by_someone(lab: Lab) -> None:
    lab.start_if_room(lab.rng.choice((1, 2, 3)))


def old_ends(walk: Walk) -> None:
    """The event of some earlier run's end comes once more."""

    def tell(lab: Lab) -> None:
        stage = lab.rng.choice((1, 2, 3))
        for run_id in lab.runs(stage, "SUCCEEDED")[-1:]:
            lab.state_change(stage, run_id, "SUCCEEDED", times=lab.rng.randint(1, 2))

    walk.between.append(tell)


def hopeless(walk: Walk) -> None:
    walk.between.append(lambda lab: lab.send_hopeless(f"not JSON, {lab.rng.random()}"))


def desk_down(walk: Walk) -> None:
    """The service desk does not answer until the faults stop."""
    walk.lab.service_desk("down")
    walk.lab.injected += 1


FAULTS: dict[str, Fault] = {
    f"Glue {stage}: {behaviour}": behave(stage, behaviour) for stage in (1, 2, 3) for behaviour in BEHAVIOURS
} | {
    "events doubled": duplicated,
    "events shuffled": shuffled,
    "events lost": lost,
    "runs started by hand": by_hand,
    "ends told again": old_ends,
    "hopeless messages": hopeless,
    "service desk down": desk_down,
}


def drawn(lab: Lab) -> Sequence[str]:
    """The faults of a seed."""
    return lab.rng.sample(sorted(FAULTS), lab.rng.randint(2, 5))


def act(lab: Lab) -> None:
    walk = Walk(lab)
    for name in drawn(lab):
        lab.notes.append(name)
        FAULTS[name](walk)
    for _ in range(lab.rng.randint(1, 3)):
        walk.land()
        for step in walk.between:
            step(lab)
        if lab.rng.random() < 0.5:
            lab.friday()
        lab.tick()
    lab.send(*walk.held_back)


def walk_case(seed: int) -> Case:
    """The random combination of a seed."""
    return Case(GROUP, f"random combination, seed {seed}", seed, seed == 1, act)
