"""A pipeline with the verbs that tests use, end to end and with faults."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.demo import conditions
from local.demo.landing import Landed, LocalFile, land
from local.demo.observe import Pipeline, Snapshot, until
from local.demo.running import run_local
from local.settings import Instance

PATIENCE_SECONDS = 600


class Refused(Exception):
    """IAM refused one of the pipeline's own roles something, and no test had asked for it; the message says what."""


@dataclass
class Order:
    """Refusals that a test wants: of this action to this role, from the first number on and before the last."""

    role: str
    action: str
    first: int
    last: int | None = None

    def covers(self, number: int, refusal: dict[str, Any]) -> bool:
        within = self.first <= number and (self.last is None or number < self.last)
        return within and (refusal["role"], refusal["action"]) == (self.role, self.action)


class Watched(Pipeline):
    """A pipeline with the verbs that tests use."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self._orders: list[Order] = []
        self._refusals: list[dict[str, Any]] = []
        self._forgotten = 0  # the first so many of them
        self._journal_read = 0  # bytes of it

    def drop(self, folder: Path, files: dict[str, bytes]) -> list[Landed]:
        """Lands files, given as {path below the landing prefix: content}."""
        return land(self.s3, self.bucket("landing"), write_files(folder, files))

    def friday(self) -> None:
        run_local(self.instance, "fire", self.outputs["schedule"])

    def tick(self) -> None:
        """What the clock does every five minutes."""
        function = self.outputs["functions"]["reconcile"]
        event = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
        self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())

    def wait_for(
        self,
        condition: Callable[[], Any],
        what: str,
        seconds: float = PATIENCE_SECONDS,
        interval_seconds: float = 1.0,
        explain: Callable[[], list[str]] = list,
    ) -> Any:
        """The first true value of a condition. A refusal that no test ordered ends the waiting at once: what waits
        for an action that IAM refuses waits for ever, and what it waits for says nothing of the cause."""

        def look() -> Any:
            refused = self.unordered_refusals()
            if refused:
                raise Refused(
                    "\n  ".join(
                        [f"no {what}, for IAM refused the pipeline's own roles:", *dict.fromkeys(map(told, refused))]
                    )
                )
            return condition()

        def explanation() -> str:
            return "; ".join([*explain(), *conditions.last_failures(self.glue_runs())])

        return until(look, seconds, what, interval_seconds, explain=explanation)

    def settle(self, missing: Any, what: str, seconds: float = PATIENCE_SECONDS) -> Snapshot:
        """The first snapshot in which nothing is missing."""
        problems: list[str] = []

        def look() -> Snapshot | None:
            nonlocal problems
            snapshot = self.look()
            problems = missing(snapshot)
            return None if problems else snapshot

        return self.wait_for(look, what, seconds, explain=lambda: problems)

    def ingested(self, landed: list[Landed]) -> Snapshot:
        file_ids = [file.file_id for file in landed]
        return self.settle(lambda s: conditions.not_ingested(s, file_ids) + conditions.not_quiet(s), "ingested files")

    def conformed(self) -> Snapshot:
        return self.settle(conditions.not_conformed, "conformed tables")

    def order(self, stage: int, behaviour: str, times: int = 1) -> None:
        """Makes the next runs of a job go wrong; see local/README.md."""
        order = {"job": self.job(stage), "behaviour": behaviour, "times": times}
        self._post(f"{self.instance.endpoint}/_local/glue/next", order)

    def service_desk(self, mode: str, **settings: Any) -> None:
        """Switches the incident receiver: ok, down, slow (`seconds`), 401, 429 or html; or its `password`."""
        self._post(f"{self.instance.incident_url}/_control", {"mode": mode, **settings})

    @staticmethod
    def _post(url: str, body: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=30).close()

    def mails(self) -> list[dict[str, Any]]:
        return [
            entry
            for entry in self.journal("notifications")
            if entry["topic"] == self.outputs["topics"]["notifications"]
        ]

    def alerts(self) -> list[dict[str, Any]]:
        return [entry for entry in self.journal("notifications") if entry["topic"] == self.outputs["topics"]["alerts"]]

    def refusals(self) -> list[dict[str, Any]]:
        """What IAM refused to the pipeline's own roles (analysts' and operators' are no part of the flow)."""
        journal = self.instance.folder / "iam.jsonl"
        if journal.exists():
            # It grows to a hundred megabytes, and is looked at twice a second.
            with journal.open("rb") as file:
                file.seek(self._journal_read)
                whole = b"".join(file.read().rpartition(b"\n")[:2])
            self._journal_read += len(whole)
            self._refusals += self._of_the_pipeline(line for line in whole.splitlines() if b'"Deny"' in line)
        return list(self._refusals)

    def _of_the_pipeline(self, denials: Iterable[bytes]) -> list[dict[str, Any]]:
        roles = self.outputs["roles"].items()
        own = {role for name, role in roles if not name.endswith("-reader")}
        return [entry for entry in map(json.loads, denials) if entry["role"] in own]

    def unordered_refusals(self) -> list[dict[str, Any]]:
        """Those that no test had asked for."""
        return [
            refusal
            for number, refusal in enumerate(self.refusals())
            if number >= self._forgotten and not any(order.covers(number, refusal) for order in self._orders)
        ]

    def forget_refusals(self) -> None:
        """What was refused before now has ended a waiting already."""
        self._forgotten = len(self.refusals())

    @contextmanager
    def refusals_ordered(self, role: str, action: str) -> Iterator[None]:
        """What IAM refuses a role of an action meanwhile is what the test wants, and ends no waiting, then or later."""
        order = Order(role, action, first=len(self.refusals()))
        self._orders.append(order)
        try:
            yield
        finally:
            order.last = len(self.refusals())


def told(refusal: dict[str, Any]) -> str:
    """A refusal in one line."""
    return f"{refusal['role']} {refusal['action']} {refusal['resource']}: {refusal['reason']}"


def write_files(folder: Path, files: dict[str, bytes]) -> list[LocalFile]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [LocalFile(folder / name, name) for name in files]
