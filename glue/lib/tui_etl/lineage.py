"""Following one landed file through the ledger and the runs' books: which runs took it, and what became of its records.

    seen = lineage.follow(file_id, lineage.connect(ledger, s3, state_bucket))
    seen.standing()  # rows of it in the tables now, by zone

Only committed runs are believed: they are found from the FILE item onwards, by `assigned_to`. What later Glue 3 runs did
to rows of the file is found in their numbers by file, as their items don't lead there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyarrow import parquet

from tui_etl import protocol, report, storage
from tui_etl.ledger import Ledger

LAST_STAGE = 3
#: What a FILE item says about the file itself; `taken_in_*` tell which batch brought it.
ABOUT = ("dataset", "size", "landed_at", "taken_in_by", "taken_in_at")


@dataclass(frozen=True)
class Source:
    """Where to look. `get`: an item by its partition key. `report`: a document by its URI.

    `numbers`: those of a file by files URI, dataset and file id. `conform_runs`: ids of Glue 3 runs that have such
    numbers, committed or not.
    """

    get: Callable[[str], Mapping[str, Any] | None]
    report: Callable[[str], Mapping[str, Any]]
    numbers: Callable[[str, str, str], Mapping[str, int] | None]
    conform_runs: Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Step:
    """One run that had to do with the file: its numbers are those of the file, not of the run."""

    stage: int
    run_id: str
    state: str
    started_by: str | None = None
    committed_at: str | None = None
    outcome: str | None = None
    tables: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """A file's way. `steps`: the run of each stage that took it; `later`: the Glue 3 runs that replaced rows of it."""

    file_id: str
    about: Mapping[str, Any] | None
    steps: tuple[Step, ...] = ()
    later: tuple[Step, ...] = ()

    def number(self, stage: int, name: str) -> int:
        """A number of the run of a stage; 0 as long as no such run has committed."""
        return sum(step.numbers.get(name, 0) for step in self.steps if step.stage == stage)

    def replaced(self) -> int:
        """Rows of the file that were in a table, and had to make room for later ones."""
        return sum(step.numbers.get("replaced", 0) for step in (*self.steps, *self.later))

    def standing(self) -> int:
        """Rows of the file that the tables have now."""
        return self.number(3, "legacy") + self.number(3, "secured") - self.replaced()

    def problems(self) -> list[str]:
        """Where the stages disagree about the file; nothing for a file that is still on its way."""
        pairs = []
        done = {step.stage for step in self.steps if step.state == protocol.COMMITTED}
        if 2 in done:
            classified = self.number(2, "legacy") + self.number(2, "secured")
            pairs.append(("records of stage 1", self.number(1, "records"), "records into stage 2"))
            pairs.append(("records into stage 2", classified, "legacy + secured"))
        if 3 in done:
            merged = sum(self.number(3, name) for name in ("legacy", "secured", "superseded"))
            pairs.append(("", merged, ""))
        return [str(pair) for pair in pairs]
