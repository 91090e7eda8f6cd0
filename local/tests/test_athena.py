"""What the local Athena does to its catalog, and in whose name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from local.tests.support import Cloud, statement, wait_for

PREFIX = "arn:aws:glue:us-east-1:222222222222:"
CALLS = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"]


@dataclass(frozen=True)
class Catalog:
    """A database with one table, and roles that may ask Athena."""

    cloud: Cloud
    database: str
    results: str

    def role(self, *actions: str) -> Any:
        """Athena as a role that may do this to the database and its tables, and nothing else."""
        ask = statement(CALLS, "arn:aws:athena:us-east-1:222222222222:workgroup/primary")
        write = statement("s3:PutObject", f"arn:aws:s3:::{self.results}/*")
        parts = ("catalog", f"database/{self.database}", f"table/{self.database}/*")
        may = [statement(list(actions), [PREFIX + part for part in parts])] if actions else []
        return self.cloud.as_role(self.cloud.role(ask, write, *may), "athena")

    def run(self, athena: Any, sql: str) -> str:
        """How a statement ended: its state, with the reason of a failure."""
        query_id = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.results}/athena/"},
        )["QueryExecutionId"]

        def status() -> dict[str, Any]:
            return athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]

        wait_for(lambda: status()["State"] in ("SUCCEEDED", "FAILED"))
        return f"{status()['State']} {status().get('StateChangeReason', '')}".strip()

    def tables(self) -> set[str]:
        found = self.cloud.client("glue").get_tables(DatabaseName=self.database)["TableList"]
        return {table["Name"] for table in found}


@pytest.fixture
def catalog(cloud: Cloud) -> Catalog:
    database = cloud.name("catalog").replace("-", "_")
    glue = cloud.client("glue")
    glue.create_database(DatabaseInput={"Name": database})
    columns = [{"Name": "id", "Type": "bigint"}]
    table = {"Name": "people", "StorageDescriptor": {"Columns": columns, "Location": "s3://nowhere/people"}}
    glue.create_table(DatabaseName=database, TableInput=table)
    return Catalog(cloud, database, cloud.bucket())


def test_a_table_is_dropped_by_who_may_delete_it(catalog: Catalog) -> None:
    reader = catalog.role("glue:Get*")
    ended = catalog.run(reader, "DROP TABLE people")
    assert ended.startswith("FAILED") and "glue:DeleteTable" in ended
    assert catalog.tables() == {"people"}
    assert catalog.run(catalog.role("glue:Get*", "glue:DeleteTable"), "DROP TABLE people") == "SUCCEEDED"
    assert catalog.tables() == set()


def test_a_table_is_created_by_who_may_create_it(catalog: Catalog) -> None:
    sql = "CREATE EXTERNAL TABLE more (id bigint) STORED AS PARQUET LOCATION 's3://nowhere/more/'"
    ended = catalog.run(catalog.role("glue:Get*"), sql)
    assert ended.startswith("FAILED") and "glue:CreateTable" in ended
    assert catalog.tables() == {"people"}
    assert catalog.run(catalog.role("glue:Get*", "glue:CreateTable"), sql) == "SUCCEEDED"
    assert catalog.tables() == {"people", "more"}


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        ("SHOW TABLES", "glue:GetTables"),
        ("SHOW DATABASES", "glue:GetDatabases"),
        ("DESCRIBE people", "glue:GetTable"),
    ],
)
def test_the_catalog_is_shown_to_who_may_see_it(catalog: Catalog, sql: str, action: str) -> None:
    ended = catalog.run(catalog.role(), sql)
    assert ended.startswith("FAILED") and f"{action} " in ended
    assert catalog.run(catalog.role(action), sql) == "SUCCEEDED"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO people VALUES (1)",
        "DELETE FROM people",
        "MERGE INTO people USING people AS other ON false WHEN MATCHED THEN DELETE",
        "ALTER TABLE people ADD COLUMNS (name string)",
        "CREATE VIEW all_people AS SELECT 1 AS one",
        "CREATE TABLE copy AS SELECT 1 AS one",
        "DROP VIEW people",
        "DROP DATABASE people",
        "COPY (SELECT 1) TO 's3://nowhere/x.csv'",
        "VACUUM people",
    ],
)
def test_a_statement_that_is_not_run_does_not_seem_to_have_been(catalog: Catalog, sql: str) -> None:
    word = sql.split()[0]
    assert f"the local Athena does not run {word} statements" in catalog.run(catalog.cloud.client("athena"), sql)


def test_one_statement_is_run_at_a_time(catalog: Catalog) -> None:
    athena = catalog.cloud.client("athena")
    assert catalog.run(athena, "SELECT ';'; -- the end") == "SUCCEEDED"
    assert "Only one sql statement" in catalog.run(athena, "SELECT 1; DROP TABLE people")
    assert catalog.tables() == {"people"}
