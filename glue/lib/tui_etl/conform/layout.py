"""How a table that is there is kept: partitions, sort order, comments and owner become those of its contract.

Each change is one of Iceberg's metadata alone. What is stored stays as it lies, and is read as before; what is written
from then on, compaction included, lies by the new layout. A dataset that nobody has described is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from pyspark.sql import SparkSession

from tui_etl.conform.contracts import KEY, KEY_COMMENT, LINEAGE, Contract
from tui_etl.conform.types import literal, quoted

#: The properties of a table that its contract decides.
COMMENT, OWNER, SPREAD = "comment", "owner.contact", "write.distribution-mode"
_SORT_ORDER = "sort-order"
_DETAILS = "# Detailed Table Information"

Described = Sequence[tuple[str, str]]


def keep(spark: SparkSession, sql: str, contract: Contract) -> None:
    """Change what differs, and nothing else; the columns that the contract names must be there."""
    if not contract.owner:
        return
    rows = spark.sql(f"DESCRIBE TABLE EXTENDED {sql}").collect()
    described = [(row["col_name"], row["data_type"]) for row in rows]
    _keep_partitions(spark, sql, contract, described)
    _keep_order(spark, sql, contract)
    _keep_properties(spark, sql, contract, described)
    _keep_comments(spark, sql, contract)


def properties(contract: Contract) -> dict[str, str]:
    """Those of a table by its contract.

    Rows come together by partition before they are written, and not by their order: to have a range of it in each file
    would cost a shuffle and a second look at the source, so it is left to compaction.
    """
    return {
        COMMENT: contract.description,
        OWNER: contract.owner,
        SPREAD: "hash" if contract.partition_by else "none",
    }


def sort_columns(contract: Contract) -> tuple[str, ...]:
    """What rows are sorted by in a file: what the contract says, or else the key, by which they are merged."""
    return contract.sort_by or ((KEY,) if contract.key else ())


def order_clause(contract: Contract) -> str:
    """The end of an `ALTER TABLE` that gives a table its order; it leaves `SPREAD` alone if there is any."""
    columns = ", ".join(quoted(name) for name in sort_columns(contract))
    return f"WRITE LOCALLY ORDERED BY {columns}" if columns else "WRITE UNORDERED"


def comment_of(contract: Contract, column: str) -> str:
    """The comment of a column: the pipeline's own columns have theirs, others that of the contract."""
    own = {name: comment for name, (_, comment) in LINEAGE.items()} | {KEY: KEY_COMMENT}
    return own.get(column) or contract.comment(column)


def _keep_partitions(spark: SparkSession, sql: str, contract: Contract, described: Described) -> None:
    found = _partitions(described)
    wanted = {_bare(part.sql): part.sql for part in contract.partition_by}
    for part in found:
        if part not in wanted:
            spark.sql(f"ALTER TABLE {sql} DROP PARTITION FIELD {_field(part)}")
    for name, part in wanted.items():
        if name not in found:
            spark.sql(f"ALTER TABLE {sql} ADD PARTITION FIELD {part}")


def _partitions(described: Described) -> list[str]:
    """The transforms in the answer to DESCRIBE TABLE, which has a form of its own if all of them are identities."""
    titles = [name for name, _ in described]
    if "# Partitioning" in titles:
        rest = described[titles.index("# Partitioning") + 1 :]
        return [_bare(transform) for name, transform in rest if name.startswith("Part ")]
    if "# Partition Information" in titles:
        rest = described[titles.index("# Partition Information") + 2 :]
        return [_bare(name) for name, _ in takewhile(lambda row: row[0] and not row[0].startswith("# "), rest)]
    return []


def _bare(transform: str) -> str:
    """Without quotes: contracts have names only that need none, and Spark quotes what it must."""
    return transform.replace("`", "")


def _field(transform: str) -> str:
    """A transform as SQL, its column quoted: a name may begin with a digit."""
    head, bracket, inner = transform.rpartition("(")
    if not bracket:
        return quoted(transform)
    *number, column = inner.removesuffix(")").split(", ")
    return f"{head}({', '.join([*number, quoted(column)])})"


def _keep_order(spark: SparkSession, sql: str, contract: Contract) -> None:
    wanted = ", ".join(f"{name} ASC NULLS FIRST" for name in sort_columns(contract))
    if _properties(spark, sql).get(_SORT_ORDER, "") != wanted:
        spark.sql(f"ALTER TABLE {sql} {order_clause(contract)}")


def _keep_properties(spark: SparkSession, sql: str, contract: Contract, described: Described) -> None:
    titles = [name for name, _ in described]
    details = dict(described[titles.index(_DETAILS) + 1 :])
    # The comment is a property that is told with the details alone.
    found = _properties(spark, sql) | {COMMENT: details.get("Comment")}
    changed = {name: value for name, value in properties(contract).items() if found.get(name) != value}
    if changed:
        listed = ", ".join(f"{literal(name)}={literal(value)}" for name, value in changed.items())
        spark.sql(f"ALTER TABLE {sql} SET TBLPROPERTIES ({listed})")


def _properties(spark: SparkSession, sql: str) -> dict[str, str]:
    return {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {sql}").collect()}


def _keep_comments(spark: SparkSession, sql: str, contract: Contract) -> None:
    for column in spark.table(sql).schema:
        comment = comment_of(contract, column.name)
        if comment != (column.metadata or {}).get("comment", ""):
            spark.sql(f"ALTER TABLE {sql} ALTER COLUMN {quoted(column.name)} COMMENT {literal(comment)}")
