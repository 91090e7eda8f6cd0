"""Types and values of DuckDB as Athena prints them."""

from __future__ import annotations

import datetime
from typing import Any

_NAMES = {
    "VARCHAR": "varchar",
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "BLOB": "varbinary",
}


def type_name(duckdb_type: str) -> str:
    """A type as Athena names it."""
    base = duckdb_type.upper()
    if base.startswith("DECIMAL"):
        return base.lower()
    if base.startswith("STRUCT"):
        return "row"
    if base.startswith("MAP"):
        return "map"
    if base.endswith("]"):
        return "array"
    return _NAMES.get(base, "varchar")


def text(value: Any) -> str | None:
    """A value as Athena prints it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        zone = " UTC" if value.tzinfo else ""
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}{zone}"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(str(text(inner)) for inner in value) + "]"
    return str(value)
