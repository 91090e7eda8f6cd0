"""docs/ingest.md in pieces, for the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "ingest.md").read_text(encoding="utf-8")
ODD = "Odd inputs"


def section(heading: str) -> str:
    """What stands below a heading, up to the next one."""
    _, _, rest = PAGE.partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {number for line, number in zip(lines, range(-1, len(lines)), strict=False) if set(line) <= set("|-")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if number not in heads and number - 1 not in heads
    ]


def odd_inputs() -> dict[str, tuple[int, int]]:
    """Each odd input that the page names, with its records and those of them that are quarantined."""
    return {name: (int(records), int(quarantined)) for name, records, quarantined, _ in rows(section(ODD))}


def statements() -> list[str]:
    """The page's sentences and rows of tables, in their order, without the table of odd inputs."""
    found = []
    for block in re.split(r"\n\n+", PAGE.replace(section(ODD), "")):
        if block.startswith("#"):
            continue
        if block.startswith("|"):
            found += [" | ".join(row) for row in rows(block)]
            continue
        for item in re.split(r"\n- |^- ", block):
            found += [part for part in re.split(r"(?<=[.:])\s+(?=[A-Z`])", " ".join(item.split())) if part]
    return found
