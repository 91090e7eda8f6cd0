"""The benchmarks' driver, as far as it can be wrong without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import environment, events, paper

FUNCTIONS = sorted(path.parent.name for path in Path("crates").glob("*/environment.txt"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_of_a_function_has_a_value(name: str) -> None:
    found = environment.of_function(name, "http://127.0.0.1:1")
    for variable in Path(f"crates/{name}/environment.txt").read_text().split():
        assert found[variable], variable


def test_a_variable_without_a_value_is_named_with_its_place() -> None:
    with pytest.raises(LookupError, match="bench/environment.py has no value for NEW, which crates/x/environment.txt"):
        environment.value_of("x", "NEW", "http://127.0.0.1:1")


def test_an_override_comes_first() -> None:
    found = environment.of_function("reconcile", "http://127.0.0.1:1", {"LISTING_PAGES": "7"})
    assert found["LISTING_PAGES"] == "7"


def test_the_size_of_an_item_is_that_of_its_names_and_values() -> None:
    assert paper.size({"pk": "ab", "sk": "ITEM"}) == 10
    assert paper.size({"size": 123456}) == 8


def test_a_file_asks_for_four_writes_and_two_reads() -> None:
    assert sum(row["write units"] for row in paper.steps()) == 4
    assert 2 < sum(row["read units"] for row in paper.steps()) < 2.1


def test_a_batch_has_a_file_a_message() -> None:
    records = events.landed(3)["Records"]
    assert len({record["body"] for record in records}) == 3
