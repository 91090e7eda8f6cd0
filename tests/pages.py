"""Pages of docs/ in pieces, for the tests that hold them."""

from __future__ import annotations


def section(page: str, heading: str) -> str:
    """What stands below a heading, which may be named by its beginning, up to the next one."""
    _, _, rest = page.partition(f"\n## {heading}")
    return rest.partition("\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {number for line, number in zip(lines, range(-1, len(lines)), strict=False) if set(line) <= set("|-")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if number not in heads and number - 1 not in heads
    ]
