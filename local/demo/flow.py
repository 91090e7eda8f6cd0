"""The demo's story, told once: land, ingest, Friday, conform, count."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from local.demo import books, conditions, outcomes
from local.demo.display import Display
from local.demo.landing import Input, Landed, land
from local.demo.observe import ACTIVE, ENDED_BADLY, STAGES, Pipeline, Snapshot

BASE_SECONDS, SECONDS_PER_FILE, SECONDS_PER_MEGABYTE = 600, 0.6, 4
SAMPLE_ROWS = 3


class Stuck(Exception):
    """The flow will not get any further; the message says where and which log to read."""


class Demo:
    """One demo on a pipeline that is up."""

    def __init__(self, pipeline: Pipeline, display: Display, given: Input, fire: Callable[[str], None]) -> None:
        self.pipeline, self.display, self.given, self.fire = pipeline, display, given, fire
        self._told: set[str] = set()  # runs whose failure has been said
        self.snapshot = Snapshot()
        self.landed: list[Landed] = []

    def run(self) -> dict[str, Any]:
        """Everything; returns what `report.json` says."""
        started = time.monotonic()
        self.land()
        self.wait("Glue 1 to ingest them", self._missing_in_temp)
        schedule = self.pipeline.outputs["schedule"]
        self.display.phase(f"It is Friday 12:00: {schedule} starts Glue 2")
        self.fire(schedule)
        self.wait("Glue 2 to classify, Glue 3 to conform, and everyone to be told", self._missing_in_tables)
        self.display.phase("Asking Athena")
        result = self.account()
        result["seconds"] = round(time.monotonic() - started, 1)
        return result

    def land(self) -> None:
        files = self.given.files
        size = sum(file.path.stat().st_size for file in files)
        left_out = f"; left out: {len(self.given.left_out)}" if self.given.left_out else ""
        self.display.phase(f"Landing {len(files)} files, {size / 1e6:.1f} MB{left_out}")
        done: list[Landed] = []

        def progress(landed: Landed) -> None:
            done.append(landed)
            if len(done) % 50 == 0:
                self.display.numbers({"files landed": f"{len(done)} of {len(files)}"})

        self.landed = land(self.pipeline.s3, self.pipeline.bucket("landing"), files, progress)
        self.display.numbers({"files landed": f"{len(done)} of {len(files)}"})

    @property
    def patience_seconds(self) -> float:
        """How long one phase may take: it grows with the input."""
        megabytes = sum(landed.size for landed in self.landed) / 1e6
        return BASE_SECONDS + SECONDS_PER_FILE * len(self.landed) + SECONDS_PER_MEGABYTE * megabytes

    def _missing_in_temp(self, snapshot: Snapshot) -> list[str]:
        return conditions.not_ingested(snapshot, [landed.file_id for landed in self.landed])

    def _missing_in_tables(self, snapshot: Snapshot) -> list[str]:
        return conditions.not_conformed(snapshot)

    def wait(self, what: str, missing: Callable[[Snapshot], list[str]]) -> None:
        """Looks until nothing is missing; raises Stuck when that is hopeless or takes too long."""
        self.display.phase(f"Waiting for {what}")
        deadline = time.monotonic() + self.patience_seconds
        while True:
            before = time.monotonic()
            self.snapshot = self.pipeline.look()
            self.display.numbers(self.numbers())
            self.tell_failures()
            problems = missing(self.snapshot)
            if not problems:
                return
            hopeless = conditions.given_up(self.snapshot)
            if hopeless or time.monotonic() > deadline:
                raise Stuck(self.explain(hopeless or f"waited {self.patience_seconds:.0f} s for {what}", problems))
            # A look costs the emulator something: never spend more than a sixth of the time looking.
            time.sleep(max(1.0, 5 * (time.monotonic() - before)))

    def tell_failures(self) -> None:
        """Says at once how a run ended badly: the pipeline may try again for long before anybody gives up."""
        failed = [run for run in conditions.failed_runs(self.snapshot) if run.run_id not in self._told]
        for run in reversed(failed):  # Glue lists the newest first
            self._told.add(run.run_id)
            log = f"{self.pipeline.instance.folder}/glue/{run.run_id}.log"
            self.display.say(f"{run.job} ended {run.state}: {run.message or 'no message'} (log: {log})")

    def numbers(self) -> dict[str, object]:
        """What the display shows."""
        snapshot = self.snapshot
        shown: dict[str, object] = {}
        shown["files landed"] = f"{len(self.landed)}, of which {len(snapshot.files)} in the ledger"
        shown["landing queue"] = snapshot.queued
        shown["open work"] = " / ".join(str(snapshot.markers[stage]) for stage in STAGES)
        for stage in STAGES:
            states = Counter(run.state for run in snapshot.glue_runs(stage, (*ACTIVE, *ENDED_BADLY, "SUCCEEDED")))
            told = ", ".join(f"{number} {state.lower()}" for state, number in sorted(states.items())) or "none"
            shown[f"Glue {stage} runs"] = told
        shown["objects in temp"] = snapshot.temp_objects
        return shown

    def explain(self, reason: str, problems: list[str]) -> str:
        """A message for a person who has to find out what went wrong."""
        folder = self.pipeline.instance.folder
        lines = [f"stuck: {reason}", *(f"  - {problem}" for problem in problems)]
        lines += [
            f"  log of {run.job} {run.run_id} ({run.state}): {folder}/glue/{run.run_id}.log"
            for run in self.snapshot.glue
            if run.state in (*ENDED_BADLY, *ACTIVE)
        ]
        lines += [
            f"  refused: {entry['role']} {entry['action']} on {entry['resource']}"
            for entry in self.pipeline.journal("iam")
            if entry["decision"] == "Deny"
        ][:5]
        lines += [
            f"  {entry['function']} failed: {entry.get('error')}"
            for entry in self.pipeline.journal("invocations")
            if not entry["ok"]
        ][-5:]
        return "\n".join([*lines, f"  the emulator's own log: {folder}/emulator.log"])

    def account(self) -> dict[str, Any]:
        """Counts everything, holds it against each other, and says so as `report.json` does."""
        pipeline, snapshot = self.pipeline, self.snapshot
        stock = take_stock(pipeline, snapshot, self.landed)
        notifications, tickets = pipeline.journal("notifications"), pipeline.journal("incidents")
        denied = [entry for entry in pipeline.journal("iam") if entry["decision"] == "Deny"]
        problems = stock.problems()
        return {
            "ok": not problems,
            "problems": problems,
            "remarks": [f"{run.job} {run.run_id} ended {run.state}" for run in conditions.failed_runs(snapshot)]
            + [f"{entry['role']} was refused {entry['action']} on {entry['resource']}" for entry in denied],
            "input": {"files": len(self.landed), "bytes": sum(landed.size for landed in self.landed)},
            "left_out": [asdict(entry) for entry in self.given.left_out],
            "datasets": [account.row() for account in stock.accounts],
            "totals": books.totals(stock.accounts),
            "files": outcomes.as_json(stock.files),
            "outcomes": outcomes.tally(stock.files),
            "runs": [
                {"job": run.job, "run_id": run.run_id, "state": run.state, "seconds": run.seconds}
                for run in snapshot.glue
            ],
            "lambda_invocations": dict(Counter(entry["function"] for entry in pipeline.journal("invocations"))),
            "notifications": len(notifications),
            "tickets": len(tickets),
            "temp_objects_left": snapshot.temp_objects,
            "queries": stock.queries,
            "iam_denied": len(denied),
            "sent": [{"subject": entry.get("subject"), "message": entry.get("message")} for entry in notifications],
            "incidents": tickets,
        }


@dataclass
class Stock:
    """What is there in the end: an account a dataset, a row a file, and the queries that counted the tables."""

    accounts: list[books.Account]
    files: list[outcomes.FileRow]
    queries: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    of_files: list[str]
    """What is wrong with single files."""

    def problems(self) -> list[str]:
        """What does not balance."""
        unbalanced = [f"the report of {report['run_id']}" for report in self.reports if not report["balanced"]]
        return unbalanced + [problem for account in self.accounts for problem in account.problems()] + self.of_files


def take_stock(pipeline: Pipeline, snapshot: Snapshot, landed: list[Landed]) -> Stock:
    """Counts the input by the reference, the tables by Athena, and quarantine by its Parquet files."""
    reports = pipeline.reports(snapshot)
    queries: list[dict[str, Any]] = []
    rows = {f"{database}.{table}": _count(pipeline, database, table, queries) for database, table in pipeline.tables()}
    committed = {run["run_id"] for run in snapshot.runs if run["state"] == "COMMITTED"}
    expected = books.expected_of_files(landed, snapshot.folders)
    accounts = books.accounts(books.summed(expected), reports, pipeline.quarantined_rows(committed), rows)
    files = outcomes.file_rows(landed, expected, reports)
    return Stock(accounts, files, queries, reports, outcomes.problems(files, expected))


def _count(pipeline: Pipeline, database: str, table: str, queries: list[dict[str, Any]]) -> int:
    """The rows of a table by Athena; notes the query, and one that looks at a few rows."""
    name = f'"{database}"."{table}"'
    sql = f"SELECT count(*) AS row_count FROM {name}"
    number = int(pipeline.query(sql)[0][0] or 0)
    queries.append({"sql": sql, "rows": number, "counts": f"{database}.{table}"})
    sql = f"SELECT * FROM {name} LIMIT {SAMPLE_ROWS}"
    queries.append({"sql": sql, "rows": len(pipeline.query(sql))})
    return number
