"""How rules name columns: `iban`, `*_iban`, `guests.passport*`; `*` is any text and `?` any character.

Without a dot it is the name of a field at any depth, with one the whole path. An array's elements share its path. Case
does not matter.
"""

from __future__ import annotations

import re
from functools import cache

_VALID = re.compile(r"[^\s.\"]+(\.[^\s.\"]+)*")


def valid(pattern: object) -> bool:
    """Whether it can name a column."""
    return isinstance(pattern, str) and _VALID.fullmatch(pattern) is not None


def is_search(pattern: str) -> bool:
    """Whether it looks for columns, which may be there or not; a plain name says that one is."""
    return "*" in pattern or "?" in pattern


def matches(pattern: str, path: str) -> bool:
    """Whether it names the field at this path (`guests.passport_no`)."""
    return matches_name(pattern.lower(), path if "." in pattern else path.rpartition(".")[2])


def matches_name(pattern: str, name: str) -> bool:
    """Whether it names this, as a whole."""
    return _compiled(pattern).fullmatch(name.lower()) is not None


def key_in_text(pattern: str) -> str:
    """A regular expression that finds a key of such a name, with a value, in JSON text.

    A column has `_` where the key may have had any other character, and only the path's last name is looked for: it
    may find too much, never too little.
    """
    name = _translated(pattern.lower().rpartition(".")[2], any_text='[^"]*', any_one='[^"]', other='[^"]+')
    return rf'(?iu)"{name}"\s*+:\s*+(?!null\b)'


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_translated(pattern, any_text=".*", any_one=".", other="_"))


def _translated(pattern: str, any_text: str, any_one: str, other: str) -> str:
    meaning = {"*": any_text, "?": any_one, "_": other}
    return "".join(meaning.get(letter, letter if letter.isalnum() else re.escape(letter)) for letter in pattern)
