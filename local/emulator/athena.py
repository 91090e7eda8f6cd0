"""Athena over Iceberg and Parquet tables: SQL in DuckDB, which reads S3 under the caller's own credentials."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import athena, glue, sts

from local.emulator import cells, statements, views
from local.settings import APPLICATION_ACCOUNT, ROOT_SECRET, Instance

_EXTENSIONS = ("httpfs", "avro", "iceberg")
_SHOW = re.compile(
    r"^\s*SHOW\s+(?P<what>TABLES|DATABASES|SCHEMAS)(?:\s+(?:IN|FROM)\s+[`\"]?(?P<database>\w+)[`\"]?)?\s*;?\s*$", re.I
)
_DESCRIBE = re.compile(r"^\s*(?:DESCRIBE|DESC|SHOW\s+COLUMNS\s+(?:IN|FROM))\s+(?P<name>[\w.`\"]+)\s*;?\s*$", re.I)
_DUCKDB_TYPES = {"string": "VARCHAR", "binary": "BLOB", "int": "INTEGER"}


class AccessDenied(Exception):
    """The caller may not do to a table or a database what the statement does."""


@dataclass(frozen=True)
class Table:
    """`location`: an Iceberg table's current metadata, or the folder of a Parquet table with these `columns`.

    A view has the SQL of its definition instead.
    """

    database: str
    name: str
    location: str
    columns: tuple[tuple[str, str], ...] = ()
    view: str = ""


def install(instance: Instance) -> None:
    original = athena._run_duckdb

    async def run(query: str, database: str, catalog: str | None = None) -> dict[str, Any]:
        # The emulator reads all files below a table's location, whoever asks. An Iceberg table is what its current
        # metadata says, and Athena reads it with the caller's permissions for Glue and S3.
        statements.check(query)
        listed = _catalog_statement(query, database)
        if listed is not None:
            return listed
        tables = named_tables(query, database)
        if not tables:
            return await original(query, database, catalog)
        for table in tables:
            _check_table("glue:GetTable", table.database, table.name)
        key, secret, token = _caller_credentials()
        return await asyncio.to_thread(execute, instance, query, database, tables, key, secret, token)

    change = athena._run_ddl

    def run_ddl(statement: Any, database: str) -> dict[str, Any]:
        # The emulator changes its catalog for whoever asks. Athena calls Glue in the caller's name.
        name = (statement.database or database or "default", statement.table)
        if isinstance(statement, athena._DropTable):
            _check_table("glue:GetTable", *name)
            _check_table("glue:DeleteTable", *name)
        else:
            _check_table("glue:CreateTable", *name)
        return change(statement, database)

    athena._run_duckdb = run
    athena._run_ddl = run_ddl
    athena._save_query_results = _save_results
    _enforce_workgroup_location()


def named_tables(query: str, database: str) -> list[Table]:
    """The tables of the catalog whose names occur in a query (all of a database for information_schema).

    A view comes after those that it is made of: who queries it needs access to all of them.
    """
    words = {text.lower() for kind, text, _, _ in athena._sql_tokens(query) if kind in ("name", "qname")}
    wanted = {(database or "default").lower()} | words
    found = [
        table
        for entry in glue._tables.values()
        if entry["DatabaseName"].lower() in wanted and (entry["Name"].lower() in words or "information_schema" in words)
        if (table := _table(entry)) is not None
    ]
    within = [part for table in found if table.view for part in named_tables(table.view, table.database)]
    return list(dict.fromkeys([*within, *sorted(found, key=lambda table: bool(table.view))]))


def _table(entry: dict[str, Any]) -> Table | None:
    """A table of the catalog, if it is Iceberg or lies as Parquet in folders that Athena works out (projection)."""
    parameters, storage = entry.get("Parameters") or {}, entry.get("StorageDescriptor") or {}
    view = views.definition(entry)
    if view is not None:
        return Table(entry["DatabaseName"], entry["Name"], "", view=view)
    location = parameters.get("metadata_location")
    if parameters.get("table_type", "").upper() == "ICEBERG" and location:
        return Table(entry["DatabaseName"], entry["Name"], location)
    if parameters.get("projection.enabled") == "true" and parameters.get("classification") == "parquet":
        listed = [*(storage.get("Columns") or []), *(entry.get("PartitionKeys") or [])]
        columns = tuple((column["Name"], column["Type"]) for column in listed)
        return Table(entry["DatabaseName"], entry["Name"], storage["Location"].rstrip("/"), columns)
    return None


def _catalog_statement(query: str, database: str) -> dict[str, Any] | None:
    shown = _SHOW.match(query)
    if shown and shown["what"].upper() == "TABLES":
        within = shown["database"] or database
        _check_table("glue:GetTables", within, "*")
        return _one_column("tab_name", sorted(t["Name"] for t in glue._tables.values() if t["DatabaseName"] == within))
    if shown:
        _check_catalog("glue:GetDatabases", "catalog")
        return _one_column("database_name", sorted(glue._databases.keys()))
    described = _DESCRIBE.match(query)
    if not described:
        return None
    within, _, name = described["name"].replace("`", "").replace('"', "").rpartition(".")
    _check_table("glue:GetTable", within or database, name)
    table = glue._tables.get(f"{within or database}/{name}")
    if table is None:
        raise ValueError(f"table not found: {described['name']}")
    columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
    rows = [[column["Name"], column.get("Type", ""), column.get("Comment", "")] for column in columns]
    return {"columns": ["col_name", "data_type", "comment"], "column_types": ["string"] * 3, "rows": rows}


def _one_column(name: str, values: list[str]) -> dict[str, Any]:
    return {"columns": [name], "column_types": ["string"], "rows": [[value] for value in values]}


def _access_key() -> str:
    """The key that signed this request: a session's, or none for a root key (their signatures aren't checked)."""
    return iam_evaluator._verified_key.get()


def _caller_credentials() -> tuple[str, str, str]:
    session = sts._sessions.get(_access_key())
    if session:
        return _access_key(), session["SecretAccessKey"], session.get("SessionToken") or ""
    return get_account_id() or APPLICATION_ACCOUNT, ROOT_SECRET, ""


def _check(action: str, resource: str) -> None:
    key = _access_key()
    if key in sts._sessions and iam_evaluator.enforce(key, action, action.split(":")[0], get_region(), resource):
        raise AccessDenied(f"Access denied when calling {action} on {resource}")


def _check_catalog(action: str, *resources: str) -> None:
    for resource in resources:
        _check(action, f"arn:aws:glue:{get_region()}:{get_account_id()}:{resource}")


def _check_table(action: str, database: str, table: str) -> None:
    """Glue asks for a table together with what it is in."""
    _check_catalog(action, "catalog", f"database/{database}", f"table/{database}/{table}")


def execute(
    instance: Instance, query: str, database: str, tables: list[Table], key: str, secret: str, token: str
) -> dict[str, Any]:
    """Runs one query over views on the tables' current snapshots; a view comes after what it is made of."""
    connection = duckdb.connect(":memory:")
    try:
        _open(connection, instance, key, secret, token)
        for name in sorted({table.database for table in tables} | {database or "default"}):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(name)}")
        for table in tables:
            view = f"{_quoted(table.database)}.{_quoted(table.name)}"
            connection.execute(f"CREATE VIEW {view} AS {_selected(connection, table)}")
        connection.execute(f"USE awsdatacatalog.{_quoted(database or 'default')}")
        result = connection.execute(query)
        described = result.description or []
        types = [cells.type_name(str(column[1])) for column in described]
        # Through Arrow: DuckDB's own conversion of a time with a zone wants a package that nothing else here needs.
        fetched = result.to_arrow_table()
        rows = [
            [cells.text(value) for value in row] for row in zip(*(c.to_pylist() for c in fetched.columns), strict=True)
        ]
        return {"columns": [column[0] for column in described], "column_types": types, "rows": rows}
    finally:
        connection.close()


def _selected(connection: Any, table: Table) -> str:
    """What a table is in DuckDB's words."""
    if table.view:
        return views.in_duckdb(table.view)
    if not table.columns:
        return f"SELECT * FROM iceberg_scan({_literal(table.location)})"
    files = _literal(f"{table.location}/*/*.parquet")
    typed = [(_quoted(name), _DUCKDB_TYPES.get(kind, kind)) for name, kind in table.columns]
    if not connection.execute(f"SELECT count(*) FROM glob({files})").fetchone()[0]:
        return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in typed)} WHERE false"
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in typed)
    return f"SELECT {columns} FROM read_parquet({files}, hive_partitioning = true, union_by_name = true)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _open(connection: Any, instance: Instance, key: str, secret: str, token: str) -> None:
    connection.execute(f"SET home_directory = '{os.environ['HOME']}'")
    for extension in _EXTENSIONS:
        connection.execute(f"LOAD {extension}")
    connection.execute("SET threads = 2")
    connection.execute("SET TimeZone = 'UTC'")
    for function in views.FUNCTIONS:
        connection.execute(f"CREATE TEMP MACRO {function}")
    connection.execute("ATTACH ':memory:' AS awsdatacatalog")
    connection.execute("USE awsdatacatalog")
    session = f", SESSION_TOKEN '{token}'" if token else ""
    connection.execute(
        f"CREATE SECRET caller (TYPE s3, KEY_ID '{key}', SECRET '{secret}'{session}, REGION '{get_region()}', "
        f"ENDPOINT '127.0.0.1:{instance.port}', URL_STYLE 'path', USE_SSL false)"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _enforce_workgroup_location() -> None:
    original = athena._start_query_execution

    def start(data: dict) -> tuple:
        # The emulator lets a query choose its own output location whatever its workgroup enforces, glues the file name
        # to a location that has no slash at its end, and knows no parameters.
        if "ExecutionParameters" in data:
            query = views.with_parameters(data["QueryString"], data["ExecutionParameters"])
            data = {**data, "QueryString": query}
        settings = (athena._workgroups.get(data.get("WorkGroup", "primary")) or {}).get("Configuration") or {}
        fixed = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
        given = (data.get("ResultConfiguration") or {}).get("OutputLocation")
        chosen = (fixed if settings.get("EnforceWorkGroupConfiguration", True) else given) or given or fixed
        if chosen:
            chosen = chosen if chosen.endswith("/") else chosen + "/"
            result = {**(data.get("ResultConfiguration") or {}), "OutputLocation": chosen}
            data = {**data, "ResultConfiguration": result}
        return original(data)

    athena._start_query_execution = start


async def _save_results(query_id: str) -> None:
    # The emulator treats the result's own location as a folder and puts a second file name below it.
    from ministack.services import s3

    execution = athena._executions[query_id]
    results = execution["_results"]
    sheet = io.StringIO()
    writer = csv.writer(sheet, quoting=csv.QUOTE_ALL)
    writer.writerow(results["columns"])
    writer.writerows(results["rows"])
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    _check("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    body = sheet.getvalue().encode()
    headers = {"content-type": "text/csv", "content-length": str(len(body))}
    answer = s3._put_object(bucket, key, body, headers)
    if isinstance(answer, tuple) and answer[0] >= 300:
        raise RuntimeError(f"the result cannot be written to s3://{bucket}/{key}: {answer[2][:300]!r}")


def copy_extensions(home: Path) -> list[str]:
    """Puts DuckDB's extensions where a server with this HOME loads them from; the names that are missing."""
    import importlib.util
    import shutil

    missing = []
    for name in _EXTENSIONS:
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        found = list(Path(spec.origin).parent.rglob(f"{name}.duckdb_extension")) if spec and spec.origin else []
        if not found:
            missing.append(f"duckdb-extension-{name}=={duckdb.__version__}")
            continue
        version, platform = duckdb.execute(
            "SELECT library_version, platform FROM pragma_version(), pragma_platform()"
        ).fetchone() or ("", "")
        target = home / ".duckdb" / "extensions" / version / platform
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[0], target / found[0].name)
    return missing
