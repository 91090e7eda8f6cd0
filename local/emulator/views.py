"""Athena's views, parameters and functions, in the words of DuckDB."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from ministack.services import athena

# Bytes that are no UTF-8 become replacement characters, where DuckDB would fail the query: so character by character.
_CHARACTER = "[0-7]. |[CD]. [89AB]. |E. (?:[89AB]. ){2}|F. (?:[89AB]. ){3}|.. "
_CHARACTERS = rf"regexp_extract_all(regexp_replace(hex(bytes), '(..)', '\1 ', 'g'), '{_CHARACTER}')"
_DECODED = "lambda character: coalesce(try(decode(unhex(replace(character, ' ', '')))), '\ufffd')"
#: Functions of Athena's that DuckDB lacks, as macros.
FUNCTIONS = (
    f"from_utf8(bytes) AS coalesce(try(decode(bytes)), array_to_string(list_transform({_CHARACTERS}, {_DECODED}), ''))",
    "to_utf8(text) AS encode(text)",
)
_BEGIN, _END = "/* Presto View: ", " */"


def definition(entry: dict[str, Any]) -> str | None:
    """The SQL of a view in the catalog; None if it is none of Athena's."""
    text = entry.get("ViewOriginalText") or ""
    if entry.get("TableType") != "VIRTUAL_VIEW" or not text.startswith(_BEGIN):
        return None
    document = json.loads(base64.b64decode(text.removeprefix(_BEGIN).removesuffix(_END)))
    return str(document["originalSql"])


def in_duckdb(sql: str) -> str:
    """A view's SQL with types as DuckDB spells them: `array(t)` is `t[]` there."""
    edits: list[tuple[int, int, str]] = []
    brackets: list[bool] = []
    tokens = list(athena._sql_tokens(sql))
    for number, (kind, text, begin, end) in enumerate(tokens):
        if kind == "punct" and text == "(":
            before = tokens[number - 1] if number else ("", "", 0, 0)
            brackets.append(before[:2] == ("name", "array"))
            if brackets[-1]:
                edits.append((before[2], end, ""))
        elif kind == "punct" and text == ")" and brackets and brackets.pop():
            edits.append((begin, end, "[]"))
    return _edited(sql, edits)


def with_parameters(sql: str, parameters: Sequence[str]) -> str:
    """A query with its parameters, which are literals, for its question marks."""
    marks = [token for token in athena._sql_tokens(sql) if token[:2] == ("punct", "?")]
    if len(marks) != len(parameters):
        raise ValueError(f"the query has {len(marks)} parameters, and {len(parameters)} are given")
    return _edited(sql, [(begin, end, value) for (_, _, begin, end), value in zip(marks, parameters, strict=True)])


def _edited(sql: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for begin, end, text in sorted(edits, reverse=True):
        sql = sql[:begin] + text + sql[end:]
    return sql
