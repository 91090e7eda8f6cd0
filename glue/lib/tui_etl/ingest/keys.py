"""Keys that are data: the number of a payment card, an IBAN, an e-mail address or a phone number as a member's name.

No column may be called so. Names of columns are no values, which are classified row by row: they stand in the catalog,
in the schema of both tables and in what is learned of a dataset, for everybody to read.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tui_etl.classify import detect

_CARDS = [re.compile(detect.card_of(length)) for length in detect.CARD_LENGTHS]
_IBAN = re.compile(detect.iban_of_a_country())
_PHONE = re.compile(detect.PHONE)
#: A phone number's sign and digits.
_SHORTEST = 9
_EMAIL = re.compile(r"[\w%+'~-]@\w[\w.-]*\.[^\W\d_]{2,}")


@lru_cache(maxsize=1 << 16)
def is_data(key: str) -> bool:
    """Whether a key holds what `classify.detect` looks for in values."""
    if "@" in key and _EMAIL.search(key):
        return True
    if len(key) < _SHORTEST:
        return False
    if _PHONE.search(key) or any(_passes_luhn(found) for card in _CARDS for found in card.findall(key)):
        return True
    return any(_passes_mod_97(found) for found in _IBAN.findall(key))


def _passes_luhn(candidate: str) -> bool:
    digits = [int(letter) for letter in reversed(candidate) if letter.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _passes_mod_97(candidate: str) -> bool:
    plain = re.sub("[ -]", "", candidate)
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1
