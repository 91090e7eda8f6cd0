"""The demo's closing words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.demo.outcomes import INGESTED

NUMBERS = ("files", "records", "quarantined", "superseded", "conformed", "legacy", "secured")
NAMED = 10
#: So many files are listed all; of more, those that were not simply taken in, and so many of them at most.
FILES_SHOWN = 20
ODD_FILES_SHOWN = 60
WIDTH_OFF_A_TERMINAL = 120


def print_summary(result: dict[str, Any], report: Path, files: Path, console: Console | None = None) -> None:
    """What came out, file by file and dataset by dataset; before it mails and tickets, then what does not balance."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OFF_A_TERMINAL

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, soft_wrap=True)

    for mail in result["sent"]:
        say(f"\nmail: {mail['subject']}", "bold")
        say(str(mail["message"]).rstrip())
    for ticket in result["incidents"]:
        say(f"\nticket {ticket.get('number', '')}: {ticket.get('short_description', '')}", "bold")
        say(str(ticket.get("description", "")).rstrip())
    console.print()
    shown, left = files_to_show(result["files"])
    if shown:
        console.print(_files(shown))
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in result["outcomes"].items())
    more = f"; {left:,} of them are not shown" if left else ""
    say(f"Files: {outcomes}{more}. Every file: {files}\n")
    console.print(_datasets(result))
    for run in result["runs"]:
        say(f"{run['job']}  {run['state']} after {run['seconds']:.0f} s  {run['run_id']}")
    tables = [f"{table} {query['rows']:,}" for query in result["queries"] if (table := query.get("counts"))]
    say(f"Rows by Athena: {', '.join(tables) or 'no tables'}")
    invocations = [f"{name} {number}" for name, number in sorted(result["lambda_invocations"].items())]
    say(f"Lambda invocations: {', '.join(invocations)}")
    if left_out := result["left_out"]:
        named = ", ".join(f"{entry['name']} ({entry['why']})" for entry in left_out[:NAMED])
        more = f", and {len(left_out) - NAMED} more, all in the report" if len(left_out) > NAMED else ""
        say(f"left out: {len(left_out)}: {named}{more}", "yellow")
    for remark in result["remarks"]:
        say(f"note: {remark}", "yellow")
    for problem in result["problems"]:
        say(f"WRONG: {problem}", "bold red")
    say(
        f"\n{'The books balance.' if result['ok'] else 'The books do not balance.'} "
        f"{result['notifications']} notifications, {result['tickets']} tickets, "
        f"{result['temp_objects_left']} objects left in temp. Report: {report}"
    )


def files_to_show(files: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The files that the summary lists, and how many it leaves to the list in the file."""
    shown = files
    if len(files) > FILES_SHOWN:
        shown = [row for row in files if row["outcome"] != INGESTED or row["quarantined"]][:ODD_FILES_SHOWN]
    return shown, len(files) - len(shown)


def _files(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="What became of the files", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("file", overflow="fold", ratio=4)
    table.add_column("outcome", no_wrap=True)
    for name in ("records", "quarantined"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold", ratio=5)
    for row in rows:
        numbers = (f"{row[name]:,}" for name in ("records", "quarantined"))
        table.add_row(Text(printable(row["file"])), row["outcome"], *numbers, Text(printable(row["reason"])))
    return table


def printable(text: str) -> str:
    """A text whose control characters can't do anything to a terminal or a table."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _datasets(result: dict[str, Any]) -> Table:
    table = Table(title="Records, dataset by dataset", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("dataset", overflow="fold", min_width=14)
    for name in NUMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in result["datasets"]:
        table.add_row(row["dataset"], *(f"{row[name]:,}" for name in NUMBERS))
    table.add_section()
    table.add_row("all", *(f"{result['totals'].get(name, 0):,}" for name in NUMBERS))
    return table
