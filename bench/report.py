"""Rows of results: as tables, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def mib(kib: int) -> float:
    return round(kib / 1024, 1)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table of Markdown."""
    names = list(rows[0])
    cells = [names, *[[_spell(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    print(f"\n{title}\n", flush=True)
    for position, line in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
        if position == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def _spell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and value < 100
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )


def write(place: Path, results: dict[str, list[Row]]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(results, indent=2) + "\n")
