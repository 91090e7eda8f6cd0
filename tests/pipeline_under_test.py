"""A pipeline with the verbs that tests use, end to end and with faults."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from local.demo import conditions
from local.demo.landing import Landed, LocalFile, land
from local.demo.observe import Pipeline, Snapshot, until
from local.demo.running import run_local

PATIENCE_SECONDS = 600


class Watched(Pipeline):
    """A pipeline with the verbs that tests use."""

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

    def settle(self, missing: Any, what: str, seconds: float = PATIENCE_SECONDS) -> Snapshot:
        """The first snapshot in which nothing is missing."""
        problems: list[str] = []

        def look() -> Snapshot | None:
            nonlocal problems
            snapshot = self.look()
            problems = missing(snapshot)
            return None if problems else snapshot

        return until(look, seconds, what, explain=lambda: "; ".join(problems))

    def ingested(self, landed: list[Landed]) -> Snapshot:
        file_ids = [file.file_id for file in landed]
        return self.settle(lambda s: conditions.not_ingested(s, file_ids) + conditions.not_quiet(s), "ingested files")

    def conformed(self) -> Snapshot:
        return self.settle(conditions.not_conformed, "conformed tables")

    def order(self, stage: int, behaviour: str) -> None:
        """Makes the next run of a job go wrong; see local/README.md."""
        self._post(f"{self.instance.endpoint}/_local/glue/next", {"job": self.job(stage), "behaviour": behaviour})

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
        """What IAM refused to the pipeline's own roles (the analysts' are no part of the flow)."""
        readers = {role for name, role in self.outputs["roles"].items() if name.endswith("-reader")}
        return [e for e in self.journal("iam") if e["decision"] == "Deny" and e["role"] not in readers]


def write_files(folder: Path, files: dict[str, bytes]) -> list[LocalFile]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [LocalFile(folder / name, name) for name in files]
