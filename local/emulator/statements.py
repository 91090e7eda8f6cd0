"""Which statements the local Athena runs: another would seem to have worked, as its engine keeps nothing it is told."""

from __future__ import annotations

from ministack.services import athena

_QUERIES = ("select", "with", "values", "table", "show", "describe", "desc", "explain")


class NotRun(Exception):
    """A statement that Athena may run, and the local one does not."""


def check(query: str) -> None:
    """Refuses what is no query. CREATE TABLE and DROP TABLE, as far as they are known, never come here."""
    tokens = [(kind, text) for kind, text, _, _ in athena._sql_tokens(query)]
    words = [text.lower() for kind, text in tokens if kind == "name"]
    first = words[0] if words else ""
    if first not in _QUERIES:
        raise NotRun(
            f"the local Athena does not run {first.upper() or 'this'} statements: it runs queries, SHOW, DESCRIBE, "
            "CREATE EXTERNAL TABLE and DROP TABLE"
        )
    if any(text == ";" for _, text in tokens[:-1]):
        raise NotRun("Only one sql statement is allowed")
