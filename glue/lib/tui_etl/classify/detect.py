"""What a text holds, somewhere in it: a payment card's number, an IBAN, an e-mail address, a phone number.

| detector | finds                                                                                                  |
|----------|--------------------------------------------------------------------------------------------------------|
| card     | 13 to 19 digits that begin with 2 to 6 (15 also with 1) and pass Luhn, next to no other digit          |
| iban     | a country's code and as many letters and digits as its IBANs have, with a remainder of 1 by 97         |
| email    | name@host.domain                                                                                       |
| phone    | + or 00, and 8 to 15 digits, also grouped by up to two of space, dot, slash, dash and parentheses      |

In cards and IBANs, one space or dash may stand between any two characters. All of it is Spark's own expressions: a
cheap regular expression first, so that sums are done for texts only that may hold something. Repetition is bounded
throughout: what a text costs is in proportion to its length.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

#: Characters of an IBAN by country, as the registry of SWIFT has them.
IBAN_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
CARD_LENGTHS = range(13, 20)
_AIRLINE_CARD = 15

_GAP = "[ -]?"
_MAYBE_CARD = f"[1-6](?:{_GAP}[0-9]){{12}}"
_MAYBE_IBAN = f"(?i)[A-Z]{_GAP}[A-Z](?:{_GAP}[0-9]){{2}}(?:{_GAP}[A-Z0-9]){{11}}"
_EMAIL = r"(?i)[\p{L}\p{N}_%+'~-]@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.){1,8}\p{L}{2,63}"
PHONE = r"(?<![0-9A-Za-z.,+])(?:\+|00)[1-9](?:[ ().\/-]{0,2}[0-9]){7,14}(?![0-9])"


def card(text: Column) -> Column:
    """Whether the text holds the number of a payment card."""
    found = F.flatten(F.array(*(_all(text, card_of(length)) for length in CARD_LENGTHS)))
    return F.when(text.rlike(_MAYBE_CARD), F.exists(found, _luhn)).otherwise(False)


def iban(text: Column) -> Column:
    """Whether the text holds an IBAN."""
    return F.when(text.rlike(_MAYBE_IBAN), F.exists(_all(text, iban_of_a_country()), _mod_97)).otherwise(False)


def email(text: Column) -> Column:
    """Whether the text holds an e-mail address."""
    return text.rlike(_EMAIL)


def phone(text: Column) -> Column:
    """Whether the text holds a phone number in international form."""
    return text.rlike(PHONE)


BY_NAME: dict[str, Callable[[Column], Column]] = {"card": card, "iban": iban, "email": email, "phone": phone}


def _all(text: Column, pattern: str) -> Column:
    """What group 1 is at each place; looking ahead takes nothing away, so that candidates may overlap."""
    return F.regexp_extract_all(text, F.lit(pattern), F.lit(1))


def card_of(length: int) -> str:
    """The pattern of a card's number, a group at each place, of which Luhn is not known yet."""
    first = "[1-6]" if length == _AIRLINE_CARD else "[2-6]"
    return f"(?<![0-9])(?=({first}(?:{_GAP}[0-9]){{{length - 1}}})(?![0-9]))"


def iban_of_a_country() -> str:
    """The pattern of what may be an IBAN, a group at each place."""
    arms = []
    for length, countries in IBAN_LENGTHS.items():
        codes = "|".join(_GAP.join(code) for code in countries.split())
        arms.append(f"(?:{codes})(?:{_GAP}[0-9]){{2}}(?:{_GAP}[A-Z0-9]){{{length - 4}}}")
    return f"(?i)(?=({'|'.join(arms)}))"


def _characters(text: Column) -> Column:
    return F.filter(F.split(text, ""), lambda letter: letter != "")


def _luhn(candidate: Column) -> Column:
    def weighed(digit: Column, place: Column) -> Column:
        value = F.ascii(digit) - 48
        doubled = value * 2 - F.when(value > 4, 9).otherwise(0)
        return F.when(place % 2 == 1, doubled).otherwise(value)

    digits = _characters(F.reverse(F.regexp_replace(candidate, "[^0-9]", "")))
    return F.aggregate(F.transform(digits, weighed), F.lit(0), lambda total, digit: total + digit) % 10 == 0


def _mod_97(candidate: Column) -> Column:
    def remainder(so_far: Column, letter: Column) -> Column:
        code = F.ascii(letter)
        digit = code < 58
        return (so_far * F.when(digit, 10).otherwise(100) + code - F.when(digit, 48).otherwise(55)) % 97

    plain = F.upper(F.regexp_replace(candidate, "[ -]", ""))
    turned = F.concat(F.substring(plain, 5, 40), F.substring(plain, 1, 4))
    return F.aggregate(_characters(turned), F.lit(0), remainder) == 1
