"""Killing a function or a job between two of its steps: the process that sends a request dies of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from local.demo.observe import TimedOut
from tests.faults.lab import REST_SECONDS, Lab


@dataclass(frozen=True)
class Kill:
    """A request of a role that its sender does not survive. `made`: the request is carried out, its answer is lost."""

    action: str
    body: str = ""
    resource: str = "*"
    made: bool = True
    #: How many such requests are answered before.
    after: int = 0

    def arm(self, lab: Lab, who: str) -> str:
        """The rule's id. `resource` may name buckets, topics and prefixes of the deployment in braces."""
        fields = {"body": self.body} if self.body else {}
        where = self.resource.format(**lab.outputs["buckets"], **lab.outputs["topics"])
        do = "kill-after" if self.made else "kill"
        role = lab.outputs["roles"][who]
        return lab.edge.inject(do, role=role, action=self.action, resource=where, after=self.after, **fields)


def struck(lab: Lab, *rules: str) -> bool:
    """Whether each of these rules has killed somebody."""
    status = lab.edge.status()
    return all(status[rule]["injected"] for rule in rules)


def failed_calls(lab: Lab, crate: str) -> int:
    """How many invocations of a function have ended with an error so far."""
    name = lab.outputs["functions"][crate]
    return sum(entry["function"] == name and not entry["ok"] for entry in lab.journal("invocations"))


def ticks_until(lab: Lab, what: str, condition: Callable[[], bool]) -> None:
    """Calls reconcile again and again, as fast as it answers."""
    deadline = time.monotonic() + REST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimedOut(f"no {what} within {REST_SECONDS} s of ticks")
        lab.tick()
