"""A Spark job on s3:// and Iceberg under its role, and Athena over what it left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.tests.support import DATA_ACCOUNT, Cloud, for_role, statement, wait_for
from local.tests.test_glue import Job

SCRIPT = """
import sys
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

bucket = sys.argv[sys.argv.index("--bucket") + 1]
database = sys.argv[sys.argv.index("--database") + 1]
root = f"s3://{bucket}/open"
spark = SparkSession.builder.getOrCreate()

rows = spark.read.schema("id long, name string").json(f"{root}/in/*.json")
rows.write.partitionBy("name").mode("append").parquet(f"{root}/out")
back = spark.read.parquet(f"{root}/out")
assert sorted(map(tuple, back.select("id", "name").collect())) == [(1, "a"), (2, "b"), (3, "b")], back.collect()
back.filter("id > 1").write.mode("overwrite").parquet(f"{root}/again")
spark.range(5).write.mode("overwrite").parquet(f"{root}/again")
assert spark.read.parquet(f"{root}/again").count() == 5

jvm, conf = spark._jvm, spark._jsc.hadoopConfiguration()
path = jvm.org.apache.hadoop.fs.Path(f"{root}/odd")
files = path.getFileSystem(conf)
odd = "x + y%41 \\u00e9'\\".txt"
name = jvm.org.apache.hadoop.fs.Path(f"{root}/odd", odd)
stream = files.create(name, True)
stream.write(bytearray(b"hello"))
stream.close()
assert [s.getPath().getName() for s in files.listStatus(path)] == [odd]
assert files.getFileStatus(name).getLen() == 5
assert files.rename(name, jvm.org.apache.hadoop.fs.Path(f"{root}/odd/moved")) and not files.exists(name)
assert files.delete(path, True) and not files.exists(path)
assert not files.exists(jvm.org.apache.hadoop.fs.Path(f"{root}/ou"))

table = f"glue_catalog.{database}.people"
spark.sql(f"CREATE TABLE {table} (id bigint, name string, at timestamp) USING iceberg LOCATION '{root}/table'")
rows.withColumn("at", F.lit("2026-05-04 10:00:00").cast("timestamp")).writeTo(table).append()
spark.createDataFrame([(3, "c"), (4, "d")], "id long, name string").createOrReplaceTempView("news")
spark.sql(f"MERGE INTO {table} t USING news n ON t.id = n.id WHEN MATCHED THEN UPDATE SET t.name = n.name "
          "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (n.id, n.name)")
assert spark.table(table).count() == 4

try:
    spark.read.text(f"s3://{bucket}/closed/").count()
except Exception as refused:
    assert "403" in str(refused), refused
else:
    raise AssertionError("read what the role may not read")
"""


@pytest.fixture(scope="module")
def lake(instance: Any) -> dict[str, Any]:
    """A bucket of the data account with a table that a job has written."""
    cloud = Cloud(instance)
    bucket, results = cloud.bucket(DATA_ACCOUNT), cloud.bucket()
    database = cloud.name("db").replace("-", "_")
    cloud.client("glue").create_database(DatabaseInput={"Name": database})
    data = cloud.client("s3", DATA_ACCOUNT)
    data.put_object(Bucket=bucket, Key="open/in/1.json", Body=b'{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n')
    data.put_object(Bucket=bucket, Key="open/in/2.json", Body=b'{"id": 3, "name": "b"}\n')
    data.put_object(Bucket=bucket, Key="closed/1.txt", Body=b"secret")
    catalog = "spark.sql.catalog.glue_catalog"
    settings = {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.warehouse": f"s3://{bucket}/open",
    }
    conf = " --conf ".join(f"{key}={value}" for key, value in settings.items())
    job = Job(
        cloud,
        SCRIPT,
        DefaultArguments={"--bucket": bucket, "--database": database, "--conf": conf, "--datalake-formats": "iceberg"},
    )
    role = job.role.rsplit("/", 1)[-1]
    objects = statement(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{bucket}/open/*")
    listing = statement(
        "s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": ["open", "open/*"]}}
    )
    prefix = "arn:aws:glue:us-east-1:222222222222:"
    tables = statement(
        ["glue:GetDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable"],
        [f"{prefix}catalog", f"{prefix}database/{database}", f"{prefix}table/{database}/*"],
    )
    document = json.dumps({"Version": "2012-10-17", "Statement": [objects, listing, tables]})
    cloud.client("iam").put_role_policy(RoleName=role, PolicyName="data", PolicyDocument=document)
    named = for_role(job.role)
    listed = {**listing, **named, "Condition": {**listing["Condition"], **named["Condition"]}}
    cloud.put_bucket_policy(bucket, DATA_ACCOUNT, {**objects, **named}, listed)
    run_id = job.start()
    run = wait_for(lambda: job.run(run_id)["JobRunState"] in ("SUCCEEDED", "FAILED") and job.run(run_id), seconds=180)
    return {"cloud": cloud, "bucket": bucket, "database": database, "results": results, "job": job, "run": run}


def query(lake: dict[str, Any], sql: str, athena: Any = None) -> tuple[str, list[list[str | None]]]:
    """State (with the reason of a failure) and rows of a query, the column names first."""
    athena = athena or lake["cloud"].client("athena")
    query_id = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": lake["database"]},
        ResultConfiguration={"OutputLocation": f"s3://{lake['results']}/athena"},
    )["QueryExecutionId"]

    def status() -> dict:
        return athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]

    wait_for(lambda: status()["State"] in ("SUCCEEDED", "FAILED"))
    if status()["State"] == "FAILED":
        return f"FAILED {status()['StateChangeReason']}", []
    rows = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    return "SUCCEEDED", [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]


def test_a_job_reads_and_writes_s3_and_iceberg_under_its_role(lake: dict[str, Any]) -> None:
    assert lake["run"]["JobRunState"] == "SUCCEEDED", lake["job"].log(lake["run"]["Id"])[-3000:]
    denied = lake["cloud"].decisions(lake["job"].role, decision="Deny")
    assert {line["action"] for line in denied} <= {"s3:ListBucket", "s3:GetObject"}
    assert denied, "the read of closed/ was not decided on"


def test_what_is_not_committed_is_not_in_the_bucket(lake: dict[str, Any]) -> None:
    listed = lake["cloud"].client("s3").list_objects_v2(Bucket=lake["bucket"], Prefix="open/")["Contents"]
    assert not [entry["Key"] for entry in listed if "_temporary" in entry["Key"]]


def test_athena_joins_and_aggregates_the_current_snapshot(lake: dict[str, Any]) -> None:
    database = lake["database"]
    sql = (
        f"SELECT p.name, count(*) AS n, max(p.at) AS latest FROM {database}.people p "
        f"JOIN people q ON p.id = q.id WHERE p.id < 4 GROUP BY p.name ORDER BY 1"
    )
    moment = "2026-05-04 10:00:00.000 UTC"
    expected = [["name", "n", "latest"], ["a", "1", moment], ["b", "1", moment], ["c", "1", moment]]
    assert query(lake, sql) == ("SUCCEEDED", expected)
    assert query(lake, f'SELECT count(*) FROM "{database}"."people"')[1][1:] == [["4"]]


def test_athena_reads_bytes_as_text(lake: dict[str, Any]) -> None:
    read = "from_utf8(to_utf8(name || 'ü')), from_utf8(from_hex('7BFFC3BC22')), from_utf8(NULL)"
    state, rows = query(lake, f"SELECT {read} FROM people WHERE id = 1")
    assert (state, rows[1:]) == ("SUCCEEDED", [["aü", '{\ufffdü"', None]])


def test_athena_lists_tables_and_columns(lake: dict[str, Any]) -> None:
    assert query(lake, f"SHOW TABLES IN {lake['database']}")[1] == [["people"]]
    assert [row[0] for row in query(lake, "DESCRIBE people")[1]] == ["id", "name", "at"]


def test_athena_reads_with_the_callers_permissions(lake: dict[str, Any]) -> None:
    cloud, database = lake["cloud"], lake["database"]
    prefix = "arn:aws:glue:us-east-1:222222222222:"
    tables = [f"{prefix}catalog", f"{prefix}database/{database}", f"{prefix}table/{database}/people"]
    calls = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"]
    ask = statement(calls, "arn:aws:athena:us-east-1:222222222222:workgroup/primary")
    results = statement("s3:PutObject", f"arn:aws:s3:::{lake['results']}/*")
    reader = cloud.role(ask, results, statement("glue:GetTable", tables))
    state, _ = query(lake, "SELECT count(*) FROM people", cloud.as_role(reader, "athena"))
    assert state.startswith("FAILED") and "403" in state, state
    nobody = cloud.role(ask, results)
    state, _ = query(lake, "SELECT count(*) FROM people", cloud.as_role(nobody, "athena"))
    assert "glue:GetTable" in state
