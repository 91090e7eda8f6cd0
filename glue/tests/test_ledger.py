"""Attributes of the ledger as plain values; the steps that write them are tested with the runs."""

from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from tui_etl import ledger

# What DynamoDB can hold, with numbers of 38 digits at most.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**38) + 1, 10**38 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=6))
def test_any_item_is_read_as_it_was_written_with_whole_numbers_as_such(item: dict[str, Any]) -> None:
    serialize = TypeSerializer().serialize
    read = ledger._plain({name: serialize(value) for name, value in item.items()})
    assert repr(read) == repr(item)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_number_with_a_fraction_keeps_it(number: Any) -> None:
    read = ledger._plain({"n": {"N": str(number)}})["n"]
    assert read == number
    assert isinstance(read, int) == (number == int(number))
