"""The tables of decisions that the Rust side runs as well, and the keys of the ledger."""

import json
from pathlib import Path

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
