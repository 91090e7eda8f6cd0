"""Contracts and rules mean to the tests what they mean to Terraform, or are refused.

`terraform/tests/yaml_scalars.json` says what Terraform makes of a scalar; `validation.tftest.hcl` holds Terraform to
it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contract_yaml import Misread, load, read

SCALARS = json.loads((Path(__file__).parents[2] / "terraform" / "tests" / "yaml_scalars.json").read_text())
FOLDERS = Path(__file__).parents[2] / "terraform" / "tests" / "contracts"


@pytest.mark.parametrize(("written", "meant"), SCALARS["alike"].items())
def test_what_all_read_alike_needs_no_quotes(written: str, meant: Any) -> None:
    found = load(f"[{written}, '{written}', x, {written}]", "x.yaml")
    assert json.dumps(found) == json.dumps([meant, written, "x", meant])


@pytest.mark.parametrize("written", SCALARS["to be quoted"])
def test_what_is_not_read_alike_is_refused_unless_it_is_quoted(written: str) -> None:
    with pytest.raises(Misread, match="^x.yaml, line 3: .* quote it"):
        load(f"a: b\nc:\n  - [d, {written}]\n", "x.yaml")
    with pytest.raises(Misread, match="^x.yaml, line 2: .* quote it"):
        load(f"a: b\n{written}: c\n", "x.yaml")
    assert load(f"'{written}': [\"{written}\", e]", "x.yaml") == {written: [written, "e"]}


@pytest.mark.parametrize("key", ["true", "null", "12", "-0.5", "? \n", "[a]"])
def test_names_are_texts(key: str) -> None:
    with pytest.raises(Misread, match="^x.yaml, line [23]: .* is no text"):
        load(f"a: 1\n{key}: 2\n", "x.yaml")


@pytest.mark.parametrize("value", ["!!str 12", "&x y", "[&x a, *x]", "&x [*x]"])
def test_nothing_stands_for_something_else(value: str) -> None:
    with pytest.raises(Misread, match="^x.yaml, line 2: a contract has no tags, anchors and aliases"):
        load(f"a: 1\nb: {value}\n", "x.yaml")


def test_all_that_is_to_be_quoted_is_named_and_so_is_what_is_there_twice() -> None:
    with pytest.raises(Misread, match="line 1: n is no text.*; x.yaml, line 2: 012 is not .*; x.yaml, line 3: a is"):
        load("n: 1\na: 012\na: 2", "x.yaml")


def test_terraform_s_own_examples_are_told_apart_alike() -> None:
    told = {}
    for path in sorted(FOLDERS.glob("*/bookings.yaml")):
        try:
            told[path.parent.name] = read(path)["dataset"]
        except Misread as error:
            told[path.parent.name] = str(error)
    assert told["quoted"] == "bookings"
    assert told["key"].startswith("bookings.yaml, line 5: n is no text")
    assert told["value"].startswith("bookings.yaml, line 7: Y is not the same")
