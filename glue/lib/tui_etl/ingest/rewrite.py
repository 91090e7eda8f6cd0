"""Fitting a record into its dataset's type where Spark's JSON reader alone would change or lose something.

Only records that need it come here: all of a dataset with mixed columns or several spellings of a key, and elsewhere
the odd ones. Number literals are kept as they were written.
"""

from __future__ import annotations

import json
from typing import Any

from tui_etl.ingest.shape import Type
from tui_etl.ingest.strict import NotARecord, has_surrogate


class Literal(str):
    """A number as it was written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object as it was written: repeated keys and all."""


_decode = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=Literal, parse_float=Literal).decode
_quote = json.JSONEncoder(ensure_ascii=False).encode
_quote_ascii = json.JSONEncoder(ensure_ascii=True).encode
#: How the JSON text of anything but a string or null begins.
_NOT_A_STRING = frozenset("-0123456789tf{[")


def rewrite(text: str, kind: Type) -> tuple[str, bool]:
    """A valid record's text as one that Spark reads exactly under the type, and whether the original must be kept."""
    rewriter = _Rewriter()
    return rewriter.fit(_decode(text), kind), rewriter.lossy


def render(value: Any) -> str:
    """The JSON text of a decoded value: compact, numbers as written, repeated keys kept, lone surrogates escaped."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, str):
        return _quote_ascii(value) if has_surrogate(value) else _quote(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{render(key)}:{render(inner)}" for key, inner in value) + "}"
    return "[" + ",".join(map(render, value)) + "]"


class _Rewriter:
    def __init__(self) -> None:
        self.lossy = False

    def fit(self, value: Any, kind: Type) -> str:
        if value is None:
            return "null"
        if kind.mixed:
            return self._fit_mixed(value)
        if kind.name == "struct" and isinstance(value, Pairs):
            return self._fit_struct(value, kind)
        if kind.items is not None and isinstance(value, list) and not isinstance(value, Pairs):
            items = kind.items
            return "[" + ",".join(self.fit(item, items) for item in value) + "]"
        if kind.name == "string" and isinstance(value, str) and not isinstance(value, Literal):
            return self._text(value)
        if (kind.name == "boolean" and isinstance(value, bool)) or (
            kind.name in ("long", "double") and isinstance(value, Literal)
        ):
            return render(value)
        self.lossy = True
        return "null"

    def _fit_struct(self, pairs: Pairs, kind: Type) -> str:
        fitted: dict[str, str] = {}
        for key, value in pairs:
            column = kind.by_key.get(key)
            if column is None:
                self.lossy |= value is not None or has_surrogate(key)
                continue
            self.lossy |= column.key in fitted
            fitted[column.key] = self.fit(value, column.type)
        return "{" + ",".join(f"{_quote(key)}:{value}" for key, value in fitted.items()) + "}"

    def _fit_mixed(self, value: Any) -> str:
        if isinstance(value, str) and not isinstance(value, Literal):
            self.lossy |= _reads_like_json(value)
            return self._text(value)
        return _quote(render(value))

    def _text(self, value: str) -> str:
        if has_surrogate(value):
            self.lossy = True
            value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _quote(value)


def _reads_like_json(text: str) -> bool:
    if text[:1] not in _NOT_A_STRING:
        return False
    try:
        _decode(text)
    except (ValueError, RecursionError, NotARecord):
        return False
    return True
