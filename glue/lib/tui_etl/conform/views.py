"""Views of Athena's.

`<table>_current`: of a dataset without a key, the rows of the newest version of each landed key.
`<zone>_files`, beside the tables of file versions: how many rows of which file the tables of a zone have.

Athena has views that Spark doesn't have. In the catalog one is a table of the type VIRTUAL_VIEW, whose text is a JSON
document in base64 inside a comment, with the SQL and the type of each column in Trino's words. A view runs with the
rights of who asks: on the view, on the table, and on that of the newest versions.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from tui_etl.conform.contracts import LINEAGE, Contract
from tui_etl.conform.versions import DATASET

SUFFIX, FILES = "_current", "_files"
#: By this parameter of a catalog entry a view of ours is known, and what it is a view of.
VIEW_OF = "tui-etl.view-of"
_NAME_LIMIT, _COMMENT_LIMIT, _TEXT_LIMIT = 255, 255, 409600
_NAMES: Mapping[type[DataType], tuple[str, str]] = {
    IntegerType: ("integer", "int"),
    LongType: ("bigint", "bigint"),
    FloatType: ("real", "float"),
    DoubleType: ("double", "double"),
    StringType: ("varchar", "string"),
    BinaryType: ("varbinary", "binary"),
    # A view can't have a time with a zone. Iceberg's are in UTC, and so are these.
    TimestampType: ("timestamp(6)", "timestamp"),
}

_FILES = StructType(
    [
        StructField("dataset", StringType(), metadata={"comment": "The dataset, which is the table's name"}),
        StructField("file_id", StringType(), metadata={"comment": "The landed file version: bucket/key#version"}),
        StructField("run_id", StringType(), metadata={"comment": "The load: the run of Glue 1 that read the file"}),
        StructField("landed_at", TimestampType(), metadata={"comment": "When the file landed (UTC)"}),
        StructField("records", LongType(), metadata={"comment": "Rows of the table that came of the file"}),
        StructField("rescued", LongType(), metadata={"comment": "Of these, rows with values in _rescued"}),
    ]
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """`of`: what it is a view of, by which it is known to be ours. The SQL gives the columns in their order."""

    name: str
    of: str
    description: str
    sql: str
    columns: StructType


def current(database: str, versions: str, contract: Contract, columns: StructType) -> View:
    """The view of a table with these columns; `versions`: the table of the newest versions, with its database."""
    dataset = contract.dataset
    selected = ",\n  ".join(_selected(column) for column in columns)
    catalog, _, table = versions.partition(".")
    sql = (
        f"SELECT\n  {selected}\nFROM {_quoted(database)}.{_quoted(dataset)}\nWHERE "
        f'coalesce("_origin_file_id", "_file_id") IN (\n'
        f'  SELECT "_file_id" FROM {_quoted(catalog)}.{_quoted(table)} WHERE "{DATASET}" = {_literal(dataset)}\n)'
    )
    description = f"Of the newest version of each landed key: {contract.description or dataset}"
    return View(f"{dataset}{SUFFIX}", dataset, description, sql, columns)


def files(zone: str, database: str, tables: Sequence[str]) -> View:
    """The view of all files of which these tables of a zone have rows."""
    each = [
        f'SELECT CAST({_literal(table)} AS varchar) AS "dataset", "_file_id" AS "file_id", '
        '"_run_id" AS "run_id", CAST("_landed_at" AS timestamp(6)) AS "landed_at", count(*) AS "records", '
        f'count("_rescued") AS "rescued"\nFROM {_quoted(database)}.{_quoted(table)}\n'
        'GROUP BY "_file_id", "_run_id", "_landed_at"'
        for table in tables
    ]
    if not each:
        nothing = (f'CAST(NULL AS {trino_type(column.dataType)}) AS "{column.name}"' for column in _FILES)
        each = [f"SELECT {', '.join(nothing)} WHERE false"]
    description = f"How many rows of which file, and by which load, the tables of {database} have"
    return View(f"{zone}{FILES}", database, description, "\nUNION ALL\n".join(each), _FILES)


def tables_of(glue: Any, database: str) -> list[str]:
    """The tables of ours in a database: those with lineage."""
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
    found = {
        table["Name"]: {column["Name"] for column in table.get("StorageDescriptor", {}).get("Columns", [])}
        for page in pages
        for table in page["TableList"]
        if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
    }
    return sorted(name for name, columns in found.items() if columns >= {*LINEAGE})


def keep(glue: Any, database: str, view: View) -> None:
    """Have the catalog hold a view.

    A view is a convenience: that it can't be had is told, and is no failure.
    """
    wanted = entry(database, view)
    fields = {"database": database, "view": view.name}
    if len(view.name) > _NAME_LIMIT or len(wanted["ViewOriginalText"]) > _TEXT_LIMIT:
        logger.warning("there can be no view: its name is too long, or its text", extra=fields)
        return
    found = find(glue, database, view.name)
    if found is None:
        glue.create_table(DatabaseName=database, TableInput=wanted)
    elif found.get("Parameters", {}).get(VIEW_OF) != view.of:
        logger.warning("there can be no view: a table has its name", extra=fields)
        return
    elif all(found.get(part) == wanted[part] for part in ("ViewOriginalText", "Description")):
        return
    else:
        glue.update_table(DatabaseName=database, TableInput=wanted)
    logger.info("wrote a view", extra=fields)


def make_room(glue: Any, database: str, dataset: str) -> None:
    """Remove the view that has the name of a dataset: the dataset's own table goes before it."""
    if dataset.endswith(SUFFIX):
        found = find(glue, database, dataset)
        if found is not None and VIEW_OF in found.get("Parameters", {}):
            glue.delete_table(DatabaseName=database, Name=dataset)


def find(glue: Any, database: str, name: str) -> dict[str, Any] | None:
    """An entry of the catalog."""
    try:
        table: dict[str, Any] = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None
    return table


def entry(database: str, view: View) -> dict[str, Any]:
    """The view as Glue's API wants it."""
    document = {
        "originalSql": view.sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column.name, "type": trino_type(column.dataType)} for column in view.columns],
    }
    text = base64.b64encode(json.dumps(document).encode()).decode()
    return {
        "Name": view.name,
        "Description": view.description,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View", VIEW_OF: view.of},
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [_catalog_column(column) for column in view.columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def trino_type(kind: DataType) -> str:
    """A column's type as Trino spells it."""
    if isinstance(kind, StructType):
        return f"row({', '.join(f'{_quoted(field.name)} {trino_type(field.dataType)}' for field in kind)})"
    if isinstance(kind, ArrayType):
        return f"array({trino_type(kind.elementType)})"
    if isinstance(kind, MapType):
        return f"map({trino_type(kind.keyType)}, {trino_type(kind.valueType)})"
    if isinstance(kind, DecimalType):
        return f"decimal({kind.precision},{kind.scale})"
    return _NAMES[type(kind)][0] if type(kind) in _NAMES else kind.simpleString()


def hive_type(kind: DataType) -> str:
    """A column's type as the catalog spells it."""
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name}:{hive_type(field.dataType)}' for field in kind)}>"
    if isinstance(kind, ArrayType):
        return f"array<{hive_type(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{hive_type(kind.keyType)},{hive_type(kind.valueType)}>"
    return _NAMES[type(kind)][1] if type(kind) in _NAMES else kind.simpleString()


def _selected(column: StructField) -> str:
    name = _quoted(column.name)
    # Trino has Iceberg's times with their zone, wherever they are in a value.
    return f"CAST({name} AS {trino_type(column.dataType)}) AS {name}" if _has_times(column.dataType) else name


def _has_times(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return any(_has_times(field.dataType) for field in kind)
    if isinstance(kind, ArrayType):
        return _has_times(kind.elementType)
    if isinstance(kind, MapType):
        return _has_times(kind.keyType) or _has_times(kind.valueType)
    return isinstance(kind, TimestampType)


def _catalog_column(column: StructField) -> dict[str, str]:
    comment = (column.metadata or {}).get("comment", "")[:_COMMENT_LIMIT]
    told = {"Comment": comment} if comment else {}
    return {"Name": column.name, "Type": hive_type(column.dataType)} | told


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
