"""Strict JSON (RFC 8259) with CPython's own scanner, and what was seen in a record while it was read.

The scanner is told to report what an object is made of (a `Kind`) in place of building it, so that one cheap pass both
checks a record and learns its fields. Python's `json` is strict save for NaN and the infinities, which are refused
here; what is well-formed but can't be stored exactly by type (repeated keys, keys that differ in case only, lone
surrogates) is let through and marked `odd`.
"""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

#: An object or array may be nested this deeply; a record beyond it is quarantined.
MAX_DEPTH = 1000
#: Frames that reading or rewriting a record of that depth may need; a worker's C stack holds several times as many.
_FRAMES = 5 * MAX_DEPTH

#: Integers up to here are exact as a double, too.
EXACT_IN_DOUBLE = 1 << 53
_LONG = 1 << 63
#: A double tells numbers apart that are written with up to this many significant digits.
_DOUBLE_DIGITS = 17
#: Number texts up to this length have at most 15 significant digits: exact as long and as double.
_SHORT = 16
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class NotARecord(ValueError):
    """Why a piece of input is no record; the message never holds any of its content."""


def has_surrogate(text: str) -> bool:
    """Whether a string holds half a surrogate pair, which UTF-8 can't express."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _odd_keys(keys: list[str]) -> bool:
    return len({key.lower() for key in keys}) < len(keys) or any(map(has_surrogate, keys))


class Kind:
    """What one JSON value is: a scalar's type, an object's fields, or an array's elements. Interned by `Examiner`."""

    __slots__ = ("depth", "fields", "items", "name", "odd")

    def __init__(self, name: str, fields: tuple[tuple[str, Kind], ...] = (), items: tuple[Kind, ...] = ()):
        inner = [*(kind for _, kind in fields), *items]
        self.name = name
        self.fields = fields
        self.items = items
        self.depth: int = max((kind.depth for kind in inner), default=0) + (name in ("object", "array"))
        self.odd: bool = any(kind.odd for kind in inner) or _odd_keys([key for key, _ in fields])


NULL = Kind("null")
BOOLEAN = Kind("boolean")
STRING = Kind("string")
LONG = Kind("long")
#: An integer of 64 bits that a double can't hold exactly.
WIDE = Kind("wide")
DOUBLE = Kind("double")
#: A number of which neither a 64-bit integer nor a double keeps every digit.
EXACT = Kind("exact")


def kind_of_integer(text: str) -> Kind:
    """The kind of an integer literal."""
    if len(text) < _SHORT:
        return LONG
    if len(text) > 20:
        return EXACT
    value = int(text)
    if abs(value) <= EXACT_IN_DOUBLE:
        return LONG
    return WIDE if -_LONG <= value < _LONG else EXACT


def kind_of_fraction(text: str) -> Kind:
    """The kind of a number literal with a fraction or an exponent."""
    if len(text) <= _SHORT and "e" not in text and "E" not in text:
        return DOUBLE
    try:
        written = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return EXACT
    digits = len("".join(map(str, written.as_tuple().digits)).rstrip("0")) or 1
    kept = digits <= _DOUBLE_DIGITS and Decimal(f"{float(text):.{digits - 1}e}") == written
    return DOUBLE if kept else EXACT


def _refuse_constant(text: str) -> Any:
    raise NotARecord(f"{text} is not JSON")


class Examiner:
    """Reads records and interns what they are made of; one a task, since the interned kinds grow with variety."""

    def __init__(self) -> None:
        self._objects: dict[tuple[tuple[str, Kind], ...], Kind] = {}
        self._arrays: dict[frozenset[Kind], Kind] = {}
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=kind_of_integer,
            parse_float=kind_of_fraction,
            parse_constant=_refuse_constant,
        )
        self._scan = decoder.raw_decode
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _FRAMES))

    @property
    def variety(self) -> int:
        """How many different objects and arrays were seen."""
        return len(self._objects) + len(self._arrays)

    def forget(self) -> None:
        """Start afresh; kinds that were handed out stay valid, though no longer interned."""
        self._objects.clear()
        self._arrays.clear()

    def examine(self, line: bytes) -> tuple[Kind, bool]:
        """What a line that isn't blank is made of, and whether it is odd; raises `NotARecord`."""
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise NotARecord(f"invalid UTF-8 at byte {error.start}") from None
        text = text.strip(" \t\r\n")
        kind, end = self.scan(text, 0)
        if end != len(text):
            raise NotARecord(f"text after the JSON value at character {end}")
        return kind, self.check(kind, text)

    def scan(self, text: str, start: int) -> tuple[Kind, int]:
        """The JSON value at `start` (where no white space may be) and the index behind it; raises `NotARecord`."""
        try:
            value, end = self._scan(text, start)
        except json.JSONDecodeError as error:
            raise NotARecord(f"{error.msg} at character {error.pos - start}") from None
        except RecursionError:
            raise NotARecord(f"nested deeper than {MAX_DEPTH} levels") from None
        return value if value.__class__ is Kind else self._scalar_or_array(value), end

    def check(self, kind: Kind, text: str) -> bool:
        """Whether a JSON value is odd; raises `NotARecord` if it is no object or nested too deeply."""
        if kind.name != "object":
            raise NotARecord(f"a JSON {_plain_name(kind)}, not an object")
        if kind.depth > MAX_DEPTH:
            raise NotARecord(f"nested deeper than {MAX_DEPTH} levels")
        return kind.odd or ("\\u" in text and _has_lone_surrogate(text))

    def _object(self, pairs: list[tuple[str, Any]]) -> Kind:
        fields = tuple(
            [
                (
                    key,
                    value if (of := value.__class__) is Kind else STRING if of is str else self._scalar_or_array(value),
                )
                for key, value in pairs
            ]
        )
        kind = self._objects.get(fields)
        if kind is None:
            kind = self._objects[fields] = Kind("object", fields)
        return kind

    def _scalar_or_array(self, value: Any) -> Kind:
        if value is None:
            return NULL
        if value is True or value is False:
            return BOOLEAN
        if value.__class__ is str:
            return STRING
        items = dict.fromkeys(item if item.__class__ is Kind else self._scalar_or_array(item) for item in value)
        unordered = frozenset(items)
        kind = self._arrays.get(unordered)
        if kind is None:
            kind = self._arrays[unordered] = Kind("array", items=tuple(items))
        return kind


def _plain_name(kind: Kind) -> str:
    return "number" if kind in (LONG, WIDE, DOUBLE, EXACT) else kind.name


def _has_lone_surrogate(text: str) -> bool:
    return _SURROGATE.search(text) is not None and has_surrogate(_decoded_strings(json.loads(text, parse_int=str)))


def _decoded_strings(value: Any) -> str:
    """All strings of a value in one, parted so that two halves never meet."""
    parts: list[str] = []
    rest = [value]
    while rest:
        inner = rest.pop()
        if isinstance(inner, dict):
            rest += [*inner, *inner.values()]
        elif isinstance(inner, list):
            rest += inner
        elif isinstance(inner, str):
            parts.append(inner)
    return " ".join(parts)
