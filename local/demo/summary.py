"""The demo's closing words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

NUMBERS = ("files", "records", "quarantined", "superseded", "conformed", "legacy", "secured")


def print_summary(result: dict[str, Any], report: Path) -> None:
    """What came out, dataset by dataset; then mails, tickets, and what does not balance."""
    console = Console(highlight=False)
    console.print(_datasets(result))
    console.print(_runs(result))
    invocations = ", ".join(f"{name} {number}" for name, number in sorted(result["lambda_invocations"].items()))
    console.print(f"Lambda invocations: {invocations}", soft_wrap=True)
    for mail in result["sent"]:
        console.print(f"\nmail: {mail['subject']}", style="bold", markup=False)
        console.print(str(mail["message"]).rstrip(), markup=False)
    for ticket in result["incidents"]:
        console.print(f"\nticket: {ticket.get('number', '')} {ticket.get('short_description', '')}", markup=False)
    for remark in result["remarks"]:
        console.print(f"note: {remark}", style="yellow", markup=False, soft_wrap=True)
    for problem in result["problems"]:
        console.print(f"WRONG: {problem}", style="bold red", markup=False, soft_wrap=True)
    verdict = "The books balance." if result["ok"] else "The books do not balance."
    console.print(
        f"\n{verdict} {result['notifications']} notifications, {result['tickets']} tickets, "
        f"{result['temp_objects_left']} objects left in temp. Report: {report}",
        soft_wrap=True,
    )


def _datasets(result: dict[str, Any]) -> Table:
    table = Table(title="Records, dataset by dataset")
    table.add_column("dataset")
    for name in NUMBERS:
        table.add_column(name, justify="right")
    table.add_column("tables")
    for row in result["datasets"]:
        table.add_row(row["dataset"], *(f"{row[name]:,}" for name in NUMBERS), "\n".join(row["tables"]) or "-")
    table.add_section()
    table.add_row("all", *(f"{result['totals'].get(name, 0):,}" for name in NUMBERS), "")
    return table


def _runs(result: dict[str, Any]) -> Table:
    table = Table(title="Glue runs")
    for name in ("job", "run_id", "state", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for run in result["runs"]:
        table.add_row(run["job"], run["run_id"], run["state"], f"{run['seconds']:.0f}")
    return table
