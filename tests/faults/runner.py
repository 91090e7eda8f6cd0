"""Running cases one after another, and telling what became of them."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.faults.lab import Lab
from tests.faults.registry import Case
from tests.faults.verdict import Verdict

COLUMNS = ("lost", "doubled", "misplaced", "unreported")


@dataclass
class Result:
    """One line of the report; the first seven fields are those that readers rely on."""

    fault: str
    injected: int = 0
    records: int = 0
    lost: int = 0
    doubled: int = 0
    misplaced: int = 0
    unreported: int = 0
    group: int = 0
    seed: int = 0
    seconds: float = 0.0
    error: str = ""
    findings: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the last four columns are zeros."""
        return not any(getattr(self, name) for name in COLUMNS)

    def problems(self) -> list[str]:
        """Why this case is not a success; empty if it is one."""
        found = [f"{getattr(self, name)} {name}" for name in COLUMNS if getattr(self, name)]
        if not self.injected:
            found.append("the fault was never injected")
        if not self.records:
            found.append("no record was at stake")
        if self.error:
            found.append(self.error)
        return found + self.findings


def run_case(lab: Lab, case: Case, seed: int | None = None) -> Result:
    """One case from a clean slate to its verdict. What it raises is a finding, and the records are counted still."""
    used = case.seed if seed is None else seed
    result = Result(case.name, group=case.group, seed=used)
    begun = time.monotonic()
    try:
        lab.begin(case.slug, used)
        try:
            case.act(lab)
        except Exception as error:
            result.error = describe(error)
        judged(result, lab.finish())
        result.injected, result.notes = lab.injected, lab.notes
    except Exception as error:
        result.error = "; ".join(filter(None, [result.error, describe(error)]))
    result.seconds = round(time.monotonic() - begun, 1)
    return result


def judged(result: Result, verdict: Verdict) -> None:
    result.records = verdict.records
    for name in COLUMNS:
        setattr(result, name, getattr(verdict, name))
    result.findings, result.attempts = verdict.findings, verdict.attempts


def describe(error: Exception) -> str:
    """What was raised, and by which line of a case."""
    where = [frame for frame in traceback.extract_tb(error.__traceback__) if "faults" in frame.filename]
    last = f" ({Path(where[-1].filename).name}:{where[-1].lineno})" if where else ""
    return f"{type(error).__name__}: {error}{last}"


def run_all(
    lab: Lab,
    chosen: Iterable[tuple[Case, int | None]],
    report: Path,
    say: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """The report is written before the first case and after each, so that an interrupted run leaves what it saw."""
    results: list[Result] = []
    write_report(report, results)
    for case, seed in chosen:
        results.append(run_case(lab, case, seed))
        write_report(report, results)
        say(results[-1])
    return results


def write_report(path: Path, results: Iterable[Result]) -> None:
    """Whole or not at all, whenever this is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps([asdict(result) for result in results], indent=1, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def show(results: list[Result], console: Console) -> None:
    """The table that people read."""
    table = Table(title="faults", title_justify="left")
    table.add_column("fault", overflow="fold", min_width=30)
    for name in ("seed", "injected", "records", *COLUMNS, "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        numbers: list[Any] = [result.seed, result.injected, result.records]
        numbers += [getattr(result, name) for name in COLUMNS]
        style = "red" if result.problems() else None
        table.add_row(f"{result.group}. {result.fault}", *map(str, numbers), f"{result.seconds:.1f}", style=style)
    console.print(table)
    for result in results:
        for problem in result.problems():
            console.print(f"[red]{escape(result.fault)}[/red] (seed {result.seed}): {escape(problem)}", highlight=False)
