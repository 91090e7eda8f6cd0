"""RFC 8259 once more, from its grammar: a recogniser that shares nothing with the jobs, nor with Python's `json`."""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
_WORD = re.compile(r"true|false|null")


class Refused(Exception):
    """Not JSON."""


def is_json(data: bytes) -> bool:
    """Whether these bytes are one JSON text."""
    try:
        text = data.decode("utf-8")
        return _space(text, _value(text, _space(text, 0))) == len(text)
    except (UnicodeDecodeError, Refused):
        return False


def is_object(data: bytes) -> bool:
    """Whether these bytes are one JSON object."""
    return is_json(data) and data.lstrip(b" \t\r\n").startswith(b"{")


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found
    return found.end()


def _value(text: str, at: int) -> int:
    opening = text[at : at + 1]
    if opening == "{":
        return _members(text, at + 1, "}", True)
    if opening == "[":
        return _members(text, at + 1, "]", False)
    for pattern in (_STRING, _NUMBER, _WORD):
        found = pattern.match(text, at)
        if found:
            return found.end()
    raise Refused


def _members(text: str, at: int, closing: str, named: bool) -> int:
    at = _space(text, at)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        if named:
            found = _STRING.match(text, at)
            if not found:
                raise Refused
            at = _space(text, found.end())
            if text[at : at + 1] != ":":
                raise Refused
            at = _space(text, at + 1)
        at = _space(text, _value(text, at))
        following = text[at : at + 1]
        if following == closing:
            return at + 1
        if following != ",":
            raise Refused
        at = _space(text, at + 1)
