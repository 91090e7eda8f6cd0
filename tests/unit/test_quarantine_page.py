"""docs/quarantine.md, the tables that Terraform declares, and what is written for them have the same columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from local.demo.running import REPOSITORY
from tui_etl.ingest.transform import QUARANTINE
from tui_etl.reingest import __main__ as command
from tui_etl.reingest.land import _REINGESTED

PAGE = (REPOSITORY / "docs" / "quarantine.md").read_text(encoding="utf-8")
WRITTEN = {"quarantine": QUARANTINE.names, "reingested": _REINGESTED.names}


def declared(table: str) -> list[str]:
    text = (REPOSITORY / "terraform" / "quarantine.tf").read_text(encoding="utf-8")
    [columns] = re.findall(rf"^    {table} = {{.*?columns = \[(.*?)^      \]", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'{ name = "(\w+)"', columns)


def told(table: str) -> list[str]:
    [rows] = re.findall(rf"^\| `{table}` \| \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize(("table", "written"), WRITTEN.items())
def test_each_column_is_written_declared_and_told(table: str, written: Sequence[str]) -> None:
    assert declared(table) == list(written)
    assert sorted(told(table)) == sorted([*written, "month"])


def test_the_commands_that_are_told_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    runbook = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
    lines = [line for line in (PAGE + runbook).splitlines() if "-m tui_etl.reingest --" in line]
    assert len(lines) >= 3
    for line in lines:
        words = re.findall(r"'[^']*'|\S+", line.partition("-m tui_etl.reingest ")[2])
        given = command._parser().parse_args([word.strip("'") for word in words])
        assert command._problem(given) is None
    options = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert options <= set(command._parser()._option_string_actions)
