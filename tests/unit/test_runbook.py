"""The runbook covers each alarm, and its recipes name tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.demo.running import REPOSITORY

RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
TESTS = [
    path
    for folder in ("tests", "crates")
    for path in (REPOSITORY / folder).rglob("*.py" if folder == "tests" else "*.rs")
]


def alarms() -> set[str]:
    """How the name of each alarm ends."""
    root = REPOSITORY / "terraform"
    text = "".join(path.read_text() for path in (*root.glob("*.tf"), *root.glob("modules/*/*.tf")))
    return set(re.findall(r'alarm_name\s*=\s*"\$\{[^}]*\}(-[a-z-]+)"', text))


def test_there_are_alarms() -> None:
    assert {"-errors", "-failed", "-absent"} <= alarms()


@pytest.mark.parametrize("ending", sorted(alarms()))
def test_each_alarm_has_a_recipe(ending: str) -> None:
    told = [
        section
        for section in SECTIONS
        if re.search(rf"`[^`\n]*{ending}`", section.split("\n\n")[0] + section.split("\n\n")[1])
    ]
    assert told, f"no section of docs/runbook.md begins with an alarm that ends in {ending}"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0])
def test_each_recipe_names_tests_that_are_there(section: str) -> None:
    found = re.search(r"^Exercised by (.*?)\.$", section, re.MULTILINE | re.DOTALL)
    assert found, "says by which tests it is exercised"
    for name in re.findall(r"`([^`]+)`", found.group(1)):
        assert exists(name), f"{name} is no test"


def test_each_command_that_asks_for_something_gives_its_reason() -> None:
    asked = re.findall(r"\betl (?:trigger \w+|reland) [^\n`|]*", RUNBOOK)
    assert len(asked) > 8
    assert [command for command in asked if "--reason " not in command] == []


def test_what_etl_says_of_a_missing_file_is_quoted_as_it_says_it() -> None:
    [section] = [section for section in SECTIONS if section.startswith("A file is missing")]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    quoted = [part.strip(" :") for row in rows for text in re.findall(r"`([^`]+)`", row) for part in text.split("…")]
    source = (REPOSITORY / "crates" / "etl" / "src" / "file.rs").read_text(encoding="utf-8")
    said = re.sub(r"\{stage\}", "1", source)
    assert len(rows) == 6
    assert [text for text in quoted if text not in said] == []


def exists(name: str) -> bool:
    if "/" in name:
        return (REPOSITORY / name).is_file()
    defined = re.compile(rf"^\s*(def|class|fn) {re.escape(name)}\b", re.MULTILINE)
    return any(defined.search(Path(path).read_text(encoding="utf-8")) for path in TESTS)
