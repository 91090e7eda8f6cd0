"""The tables of decisions that the Rust side runs as well, and the keys of the ledger."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tui_etl import protocol
from tui_etl.protocol import Holder, Item

TABLES = Path(__file__).parents[2] / "tests" / "decisions"


def rows(table: str) -> list:
    found = json.loads((TABLES / f"{table}.json").read_text())
    assert found, f"{table}.json has no rows"
    return [pytest.param(row, id=row["name"]) for row in found]


@pytest.mark.parametrize("row", rows("take"))
def test_take(row: dict) -> None:
    item = row["item"] and Item(**row["item"])
    holder = row["holder"] and Holder(**row["holder"])
    decision = protocol.decide_take(row["me"], item, holder, row["holder_lists_item"], row["holder_ended"])
    assert decision == row["expect"]


ITEMS = ["absent", "FILE", "RUN STARTED", "RUN COMMITTED", "RUN VOID"]
ASSIGNED_TO = ["nobody", "me", "other"]
HOLDERS = [
    "absent",
    *(f"{who} {state}" for who in ("me", "other", "third") for state in ("STARTED", "COMMITTED", "VOID")),
]
KNOWN = [None, False, True]
FIELDS = ("item", "assigned_to", "holder", "lists", "ended")


def decision_for(item: str, assigned_to: str, holder: str, lists: bool | None, ended: bool | None) -> protocol.Decision:
    kind, _, state = item.partition(" ")
    seen = None if item == "absent" else Item(kind, state or None, None if assigned_to == "nobody" else assigned_to)
    read = None if holder == "absent" else Holder(*holder.split(" "))
    return protocol.decide_take("me", seen, read, lists, ended)


def test_whatever_a_run_may_read_the_first_rule_for_it_says_what_it_does() -> None:
    rules: list[dict[str, Any]] = json.loads((TABLES / "take_rules.json").read_text())
    cases = list(itertools.product(ITEMS, ASSIGNED_TO, HOLDERS, KNOWN, KNOWN))
    assert len(cases) == 1350
    used = set()
    for case in cases:
        values = dict(zip(FIELDS, case, strict=True))
        rule = next(
            rule for rule in rules if all(values[field] in rule.get(field, [values[field]]) for field in FIELDS)
        )
        used.add(rule["name"])
        assert decision_for(*case) == rule["expect"], (rule["name"], case)
    assert used == {rule["name"] for rule in rules}


def job_rows(table: str) -> list:
    found = json.loads((TABLES / "job.json").read_text())[table]
    return [pytest.param(row, id=row["name"]) for row in found]


@pytest.mark.parametrize("row", job_rows("begin"))
def test_begin(row: dict) -> None:
    assert protocol.decide_begin(row["found"]) == row["expect"]


@pytest.mark.parametrize("row", job_rows("after_taking"))
def test_after_taking(row: dict) -> None:
    assert protocol.decide_after_taking(row["held"]) == row["expect"]


@pytest.mark.parametrize("row", job_rows("after_commit"))
def test_after_commit(row: dict) -> None:
    assert protocol.decide_after_commit(row["accepted"], row["found"]) == row["expect"]


@pytest.mark.parametrize("row", job_rows("commit_order"))
def test_commit_order(row: dict) -> None:
    assert protocol.commit_order(row["stage"]) == row["expect"]


@pytest.mark.parametrize("row", rows("dataset"))
def test_dataset_of(row: dict) -> None:
    assert protocol.dataset_of(row["key"], row["prefix"]) == row["expect"]


@pytest.mark.parametrize("row", rows("file_id"))
def test_file_id(row: dict) -> None:
    identity = protocol.file_id(row["bucket"], row["key"], row["version_id"])
    assert (identity, protocol.file_pk(identity)) == (row["expect"], row["pk"])
    assert protocol.marker(1, row["pk"]) == (row["marker"]["pk"], row["marker"]["sk"])


def test_a_marker_lies_in_the_shard_of_its_item() -> None:
    pk, sk = protocol.marker(2, protocol.run_pk(1, "jr_1"))
    assert pk == f"OPEN#2#{protocol.shard_of('RUN#1#jr_1')}"
    assert sk[0] == protocol.shard_of("RUN#1#jr_1")
    assert set(protocol.SHARDS) == set("0123456789abcdef")
