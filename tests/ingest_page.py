"""docs/ingest.md in pieces, for the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.pages import rows, section

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "ingest.md").read_text(encoding="utf-8")
ODD = "Odd inputs"


def odd_inputs() -> dict[str, tuple[int, int]]:
    """Each odd input that the page names, with its records and those of them that are quarantined."""
    return {name: (int(records), int(quarantined)) for name, records, quarantined, _ in rows(section(PAGE, ODD))}


def statements() -> list[str]:
    """The page's sentences and rows of tables, in their order, without the table of odd inputs."""
    found = []
    for block in re.split(r"\n\n+", PAGE.replace(section(PAGE, ODD), "")):
        if block.startswith("#"):
            continue
        if block.startswith("|"):
            found += [" | ".join(row) for row in rows(block)]
            continue
        for item in re.split(r"\n- |^- ", block):
            found += [part for part in re.split(r"(?<=[.:])\s+(?=[A-Z`])", " ".join(item.split())) if part]
    return found
