"""The detectors, against tables and against a plain Python of their own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from tui_etl.classify import detect
from tui_etl.ingest.keys import is_data

HOLDS = {
    "card": [
        "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "card 5500005555555559, thanks",
        "378282246310005", "6011000990139424", "30569309025904", "4222222222222", "2223003122003222",
        "122000000000003", "6304000000000000000"[:18] + "0", "on 12 4111 1111 1111 1111 2026", "No4111111111111111x",
        '{"n":4111111111111111}',
    ],
    "iban": [
        "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00",
        "GB82 WEST 1234 5698 7654 32", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
        "to LC14BOSL123456789012345678901234 please", "IBANFR1420041010050500013M02606.", "D E89370400440532013000",
    ],
    "email": ["a@b.de", "Write to jane.o'neil+tui@mail.example.co.uk!", "<ü@münchen.example>", "x@a-b.travel"],
    "phone": [
        "+44 20 7946 0958", "+49 (0)30/123456-78", "0049 30 12345678", "call +1.202.555.0143 now", "tel:+34912345678",
    ],
}  # fmt: skip
HOLDS_NOT = {
    "card": [
        "", "4111111111111112", "411111111111111", "41111111111111111", "1746700000000", "0000000000000000",
        "4111  1111 1111 1111", "4111.1111.1111.1111", "9111111111111111", "2026-05-08T10:00:00Z",
    ],
    "iban": [
        "", "DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000", "booking DE12",
        "DE89  370400440532013000", "DE89370400440532013",
    ],
    "email": ["", "a@b", "@b.de", "a@.de", "a b.de", "user @host.de", "a@b.c"],
    "phone": [
        "", "030 12345678", "+0012345678", "+1234567", "2026-05-08T10:00:00+02:00", "+1234567890123456", "1.0012345678",
    ],
}  # fmt: skip


def held(spark, texts: list[str]) -> list[set[str]]:
    """What each text holds."""
    frame = spark.createDataFrame(list(enumerate(texts)), "i int, t string").coalesce(1)
    rows = frame.select("i", *(find(F.col("t")).alias(name) for name, find in detect.BY_NAME.items())).collect()
    return [{name for name in detect.BY_NAME if row[name]} for row in sorted(rows)]


@pytest.mark.parametrize("name", HOLDS)
def test_a_detector_finds_what_is_there_and_nothing_else(spark, name: str) -> None:
    assert [text for text, found in zip(HOLDS[name], held(spark, HOLDS[name]), strict=True) if name not in found] == []
    assert [text for text, f in zip(HOLDS_NOT[name], held(spark, HOLDS_NOT[name]), strict=True) if name in f] == []


@pytest.mark.parametrize("name", HOLDS)
def test_keys_that_hold_such_data_are_told_from_names(name: str) -> None:
    assert [text for text in HOLDS[name] if not is_data(text)] == []
    assert [text for text in HOLDS_NOT[name] if is_data(text)] == []
    names = ("id", "address12residential", "rate_2026_05_01", "20260501", "sensor_00012345678", "0xdeadbeef00000000")
    assert [name for name in names if is_data(name)] == []


def holds_card(text: str) -> bool:
    """Runs of digits, their groups put together as a person would."""
    for run in re.findall(r"[0-9](?:[ -]?[0-9])*", text):
        groups = re.split("[ -]", run)
        for first in range(len(groups)):
            for last in range(first, len(groups)):
                number = "".join(groups[first : last + 1])
                begins = "123456" if len(number) == 15 else "23456"
                if 13 <= len(number) <= 19 and number[0] in begins and passes_luhn(number):
                    return True
    return False


def passes_luhn(number: str) -> bool:
    doubled = [sum(map(int, str(2 * int(digit)))) for digit in number[-2::-2]]
    return (sum(doubled) + sum(map(int, number[-1::-2]))) % 10 == 0


def holds_iban(text: str) -> bool:
    lengths = {country: length for length, names in detect.IBAN_LENGTHS.items() for country in names.split()}
    for start in range(len(text)):
        number, place = "", start
        while place < len(text):
            if text[place] in " -":
                if not number or text[place - 1] in " -":
                    break
            elif text[place].isascii() and text[place].isalnum():
                number += text[place].upper()
            else:
                break
            place += 1
            wanted = lengths.get(number[:2])
            if wanted == len(number) and number[2:4].isdigit():
                turned = "".join(str(int(letter, 36)) for letter in number[4:] + number[:4])
                if int(turned) % 97 == 1:
                    return True
    return False


def card_number(digits: str) -> str:
    return next(digits + check for check in "0123456789" if passes_luhn(digits + check))


def iban(country: str, account: str) -> str:
    rest = int("".join(str(int(letter, 36)) for letter in account + country + "00")) % 97
    return f"{country}{98 - rest:02d}{account}"


COUNTRIES = [(name, length) for length, names in detect.IBAN_LENGTHS.items() for name in names.split()]
CARDS = st.text("0123456789", min_size=12, max_size=18).map(card_number)
IBANS = st.sampled_from(COUNTRIES).flatmap(
    lambda country: st.text("0123456789ABCXYZ", min_size=country[1] - 4, max_size=country[1] - 4).map(
        lambda account: iban(country[0], account)
    )
)
NOISE = st.text("0145 -.x+DE", max_size=6)


@st.composite
def texts(draw) -> str:
    """A number, perhaps cut into groups, perhaps with a wrong character, within other text."""
    number = draw(CARDS | IBANS)
    if draw(st.booleans()):
        size, gap = draw(st.integers(2, 5)), draw(st.sampled_from(["", " ", "-", "  "]))
        number = gap.join(number[i : i + size] for i in range(0, len(number), size))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(number) - 1))
        number = number[:place] + draw(st.sampled_from("07 -aZ")) + number[place + 1 :]
    return draw(NOISE) + number + draw(NOISE)


@settings(max_examples=12, deadline=None)
@given(st.lists(texts(), min_size=100, max_size=100))
def test_cards_and_ibans_are_found_as_plain_python_finds_them(spark, many: list[str]) -> None:
    for text, found in zip(many, held(spark, many), strict=True):
        assert ("card" in found, "iban" in found) == (holds_card(text), holds_iban(text)), text
        assert is_data(text) == bool(found), text


def test_long_texts_cost_no_more_than_their_length(spark) -> None:
    """Without an end to repetition, Java's stack would overflow, or the time would be that of the square."""
    size = 1 << 17
    texts = ["a" * size, "a." * size, "1 " * size, "a@" * size, "+1" * size, "a@" + "b." * size, "DE89" * size]
    assert len(held(spark, texts)) == len(texts)
