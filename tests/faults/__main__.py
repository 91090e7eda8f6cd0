"""`python -m tests.faults`: every fault, a table of what became of the records, and target/faults/report.json (of
a choice: report-chosen.json); and in the end each protection off in turn, and target/faults/protections.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from local.demo.running import REPOSITORY
from tests.faults.protections import PROTECTIONS, named
from tests.faults.random_walk import walk_case
from tests.faults.registry import Case, cases
from tests.faults.runner import Result, run_all, show, write_report
from tests.faults.unprotected import Absence, Labs, switch_off
from tests.faults.unprotected import show as show_absences

REPORTS = REPOSITORY / "target" / "faults"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", help="the faults whose name or slug holds this (* and ? allowed)")
    parser.add_argument("--quick", action="store_true", help="those that `make test` runs")
    parser.add_argument("--seed", type=int, help="of the first random combination; alone, nothing else is run")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="random combinations (10)")
    parser.add_argument("--as-is", action="store_true", help="on the AWS that is up in TUI_LOCAL_DIR; it is left up")
    parser.add_argument(
        "--without",
        choices=[*dict.fromkeys(protection.name for protection in PROTECTIONS), "each"],
        help="only this: a protection is off, and its case or its tests must fail",
    )
    parser.add_argument("--list", action="store_true", help="say which faults there are")
    given = parser.parse_args(arguments)
    chosen = select(given)
    if given.list:
        print("\n".join(f"{case.group:2} {'quick' if case.quick else '     '} {case.name}" for case, _ in chosen))
        return 0
    if not chosen:
        parser.error(f"no fault is called {given.only!r}; --list names them all")
    console = Console(width=None if sys.stdout.isatty() else 140)
    with Labs(given.as_is) as labs:
        noticed = True
        results = [] if given.without else hurt(labs, chosen, report_of(given), console)
        # A choice of faults is somebody's who works on one of them.
        if given.without or not is_choice(given):
            noticed = unprotect(labs, given.without or "each", console)
    return int(not noticed or any(result.problems() for result in results))


def is_choice(given: argparse.Namespace) -> bool:
    return bool(given.only or given.quick or given.seed is not None)


def report_of(given: argparse.Namespace) -> Path:
    """A choice leaves the report on all faults as it is."""
    return REPORTS / ("report-chosen.json" if is_choice(given) else "report.json")


def hurt(labs: Labs, chosen: list[tuple[Case, int | None]], report: Path, console: Console) -> list[Result]:
    def say(result: Result) -> None:
        word = "FAILED" if result.problems() else "ok"
        console.print(f"{word:6} {result.seconds:6.1f} s  {result.fault}", highlight=False)
        for note in result.notes:
            console.print(f"{'':17}{note}", highlight=False)

    results = run_all(labs.lab, chosen, report, say)
    show(results, console)
    return results


def unprotect(labs: Labs, name: str, console: Console) -> bool:
    """Whether the absence of each chosen protection was noticed."""

    def say(absence: Absence) -> None:
        word = "noticed" if absence.noticed else "UNSEEN"
        console.print(
            f"{word:7} {absence.seconds:6.1f} s  without {absence.protection} ({absence.switched_off_in})",
            highlight=False,
        )

    absences = switch_off(labs, named(name), say)
    show_absences(absences, console)
    write_report(REPORTS / "protections.json", absences)
    return all(absence.noticed for absence in absences)


def select(given: argparse.Namespace) -> list[tuple[Case, int | None]]:
    """The cases to run, with the seeds that are not their own."""
    named = [] if given.seed is not None and not given.only else cases(given.only)
    chosen: list[tuple[Case, int | None]] = [(case, given.seed) for case in named if case.quick or not given.quick]
    if given.only:
        return chosen
    first = 1 if given.seed is None else given.seed
    rounds = 1 if given.seed is not None or given.quick else given.rounds
    return chosen + [(walk_case(seed), None) for seed in range(first, first + rounds)]


if __name__ == "__main__":
    sys.exit(main())
