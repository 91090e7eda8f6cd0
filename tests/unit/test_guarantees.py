"""docs/guarantees.md names tests, faults and files that there are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults.registry import cases

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "guarantees.md").read_text(encoding="utf-8")
RESTS, BREAKS = "| rests on |", "|---|---|"
#: How a test, or what the model's tests are made of, begins in either language.
DEFINITION = re.compile(r"(?:\bfn|\bdef|^ *)[ ]*([a-z][a-z0-9_]{9,})(?:\(|: [A-Z])", re.MULTILINE)


@cache
def defined() -> set[str]:
    """The names of all functions of the tests, and of the protections that the model takes away."""
    folders = ("crates", "glue/tests", "tests", "local/tests")
    sources = [path for folder in folders for kind in ("*.rs", "*.py") for path in (REPOSITORY / folder).rglob(kind)]
    return {name for path in sources for name in DEFINITION.findall(path.read_text(encoding="utf-8"))}


def quoted(text: str) -> list[str]:
    """The faults that a text names."""
    return [re.sub(r"\s+", " ", name) for name in re.findall(r'fault\s+"([^"]+)"', text)]


def names(text: str) -> list[str]:
    """The tests that a text names: in backticks, and of several words."""
    return re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){3,})`", text)


def paths(text: str) -> list[str]:
    return re.findall(r"`((?:crates|glue|tests|terraform)/[\w./-]+)`", text)


def rows() -> list[str]:
    """What breaks, by row of the tables."""
    found = [line.split("|") for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(RESTS)]
    return [cells[2] for cells in found]


@pytest.mark.parametrize("name", quoted(PAGE))
def test_a_fault_that_is_named_is_a_case(name: str) -> None:
    assert name in {case.name for case in cases()}


@pytest.mark.parametrize("name", names(PAGE))
def test_a_test_that_is_named_is_there(name: str) -> None:
    assert name in defined()


@pytest.mark.parametrize("path", paths(PAGE))
def test_a_file_that_is_named_is_there(path: str) -> None:
    assert (REPOSITORY / path).exists()


def test_each_promise_rests_on_something_that_a_test_breaks_with() -> None:
    assert len(rows()) > 20
    assert [row for row in rows() if not (quoted(row) or names(row) or paths(row))] == []
