"""Faults at the emulator's edge: what requests of a role meet with (see local/README.md)."""

from __future__ import annotations

from typing import Any

from local import up
from local.settings import Instance


class Edge:
    """A thin client of `/_local/faults`."""

    def __init__(self, instance: Instance) -> None:
        self.endpoint = instance.endpoint

    def inject(self, do: str, **rule: Any) -> str:
        """Adds one rule; its id."""
        answer = self._ask("/_local/faults", {"faults": [{"do": do, **rule}]})
        if not answer or "ids" not in answer:
            raise ValueError(f"the edge refuses {do} {rule}: {answer}")
        return answer["ids"][0]

    def status(self) -> dict[str, dict[str, Any]]:
        """By id: how many requests were seen, how many were hurt, how many are held."""
        found = self._ask("/_local/faults", None)
        return {fault["id"]: fault for fault in found["faults"]}

    def release(self, identity: str) -> None:
        """Lets go what a rule holds."""
        self._ask("/_local/faults/release", {"id": identity})

    def redeliver(self, queue: str) -> None:
        """Makes messages that are being worked on visible again."""
        self._ask("/_local/sqs/redeliver", {"queue": queue})

    def clear(self) -> int:
        """Takes all rules away, and lets go what they hold; how many faults they injected."""
        injected = sum(fault["injected"] for fault in self.status().values())
        self._ask("/_local/faults/clear", {})
        return injected

    def _ask(self, path: str, body: dict[str, Any] | None) -> Any:
        return up.ask(f"{self.endpoint}{path}", body, seconds=60)
