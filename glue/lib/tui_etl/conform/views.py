"""`<table>_current`: of a dataset without a key, the rows of the newest version of each landed key; a view of Athena's.

Athena has views that Spark doesn't have. In the catalog one is a table of the type VIRTUAL_VIEW, whose text is a JSON
document in base64 inside a comment, with the SQL and the type of each column in Trino's words. A view runs with the
rights of who asks: on the view, on the table, and on that of the newest versions.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
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

from tui_etl.conform.contracts import Contract
from tui_etl.conform.versions import DATASET

SUFFIX = "_current"
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

logger = logging.getLogger(__name__)


def name_of(dataset: str) -> str:
    """The view's name."""
    return f"{dataset}{SUFFIX}"


def keep(glue: Any, database: str, versions: str, contract: Contract, columns: StructType) -> None:
    """Have the catalog hold the view of a table with these columns; `versions`: the table of the newest versions.

    A view is a convenience: that it can't be had is told, and is no failure.
    """
    wanted = entry(database, versions, contract, columns)
    fields = {"database": database, "view": wanted["Name"]}
    if len(wanted["Name"]) > _NAME_LIMIT or len(wanted["ViewOriginalText"]) > _TEXT_LIMIT:
        logger.warning("a table has no view of its current rows: its name is too long, or its columns", extra=fields)
        return
    found = find(glue, database, wanted["Name"])
    if found is None:
        glue.create_table(DatabaseName=database, TableInput=wanted)
    elif found.get("Parameters", {}).get(VIEW_OF) != contract.dataset:
        logger.warning("a table has no view of its current rows: a dataset has the name", extra=fields)
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


def entry(database: str, versions: str, contract: Contract, columns: StructType) -> dict[str, Any]:
    """The view as Glue's API wants it."""
    document = {
        "originalSql": sql(database, versions, contract.dataset, columns),
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column.name, "type": trino_type(column.dataType)} for column in columns],
    }
    text = base64.b64encode(json.dumps(document).encode()).decode()
    described = f" {contract.description}" if contract.description else ""
    return {
        "Name": name_of(contract.dataset),
        "Description": f"Of the newest version of each landed key:{described or ' ' + contract.dataset}",
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View", VIEW_OF: contract.dataset},
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [_catalog_column(column) for column in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def sql(database: str, versions: str, dataset: str, columns: StructType) -> str:
    """The view's query."""
    selected = ",\n  ".join(_selected(column) for column in columns)
    catalog, _, table = versions.partition(".")
    newest = f"{_quoted(catalog)}.{_quoted(table)}"
    return (
        f'SELECT\n  {selected}\nFROM {_quoted(database)}.{_quoted(dataset)}\nWHERE "_file_id" IN (\n'
        f'  SELECT "_file_id" FROM {newest} WHERE "{DATASET}" = {_literal(dataset)}\n)'
    )


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
