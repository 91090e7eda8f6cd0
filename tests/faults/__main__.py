"""`python -m tests.faults`: every fault, a table of what became of the records, and target/faults/report.json."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from local.demo.running import REPOSITORY
from tests.faults.lab import opened
from tests.faults.protections import PROTECTIONS, without
from tests.faults.random_walk import walk_case
from tests.faults.registry import Case, cases
from tests.faults.runner import Result, run_all, run_case, show, write_report

REPORT = REPOSITORY / "target" / "faults" / "report.json"

#: What has gone wrong for good need not be waited for as long as what is only slow.
UNPROTECTED_SECONDS = 90


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", help="the faults whose name or slug holds this (* and ? allowed)")
    parser.add_argument("--quick", action="store_true", help="those that `make test` runs")
    parser.add_argument("--seed", type=int, help="of the first random combination; alone, nothing else is run")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="random combinations (10)")
    parser.add_argument("--as-is", action="store_true", help="on the AWS that is up in TUI_LOCAL_DIR; it is left up")
    parser.add_argument(
        "--without", choices=[*PROTECTIONS, "each"], help="a protection that is off: its case must fail"
    )
    parser.add_argument("--list", action="store_true", help="say which faults there are")
    given = parser.parse_args(arguments)
    if given.without:
        return switch_off(given)
    chosen = select(given)
    if given.list:
        print("\n".join(f"{case.group:2} {'quick' if case.quick else '     '} {case.name}" for case, _ in chosen))
        return 0
    if not chosen:
        parser.error(f"no fault is called {given.only!r}; --list names them all")
    console = Console(width=None if sys.stdout.isatty() else 140)

    def say(result: Result) -> None:
        word = "FAILED" if result.problems() else "ok"
        console.print(f"{word:6} {result.seconds:6.1f} s  {result.fault}", highlight=False)
        for note in result.notes:
            console.print(f"{'':17}{note}", highlight=False)

    with opened(given.as_is) as lab:
        results = run_all(lab, chosen, say)
    show(results, console)
    write_report(REPORT, results)
    return int(any(result.problems() for result in results))


def switch_off(given: argparse.Namespace) -> int:
    """Each chosen protection off, one at a time; exit status 0 only if each is missed by its case."""
    missed = []
    with opened(given.as_is) as lab:
        lab.patience_seconds = UNPROTECTED_SECONDS
        for name in PROTECTIONS if given.without == "each" else [given.without]:
            [case] = [case for case in cases() if case.name == PROTECTIONS[name].case]
            lab.forgive()
            with without(lab, PROTECTIONS[name]):
                result = run_case(lab, case)
            missed.append(not result.clean)
            print(
                f"{'missed' if missed[-1] else 'NOT MISSED'}: {name}: {case.name}: {'; '.join(result.problems()[:6])}"
            )
    return int(not all(missed))


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
