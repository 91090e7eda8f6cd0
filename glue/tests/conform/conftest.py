"""Iceberg for the tests of Glue 3: a catalog of its own for each test, in a temporary folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from local.glue import spark as local_spark
from tui_etl import report, run, storage
from tui_etl.classify import inputs
from tui_etl.conform import contracts, process
from tui_etl.conform.tables import Place
from tui_etl.manifest import Output

_JARS = local_spark.find_jars()
_JAR, _CLASSES = _JARS.aws, local_spark.compile_classes(Path(__file__).parents[3], _JARS)
_ICEBERG = "smfs.shaded.org.apache.iceberg.spark"
# Extensions and jars can only be given to Spark before it starts, and all tests share one. Thousands of small queries
# run once each: to compile them as well as the JVM can costs more than it brings.
os.environ["PYSPARK_SUBMIT_ARGS"] = (
    f"--jars {_JAR} --driver-class-path {_JAR}:{_CLASSES} "
    "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' "
    f"--conf spark.sql.extensions={_ICEBERG}.extensions.IcebergSparkSessionExtensions pyspark-shell"
)
_INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
_numbers = count()

LINEAGE = "_rescued string, _file_id string, _landed_at timestamp, _sequencer string, _position bigint, _run_id string"


@dataclass
class Lake:
    """A pair of databases, and a way to bring records there as Glue 2 would hand them over."""

    spark: SparkSession
    folder: Path
    catalog: str = field(default_factory=lambda: f"lake{next(_numbers)}")
    contracts: dict[str, contracts.Contract] = field(default_factory=dict)
    files_uri: str = ""
    """Where the last run put its numbers by file."""
    run_id: str = ""
    """The last run."""
    aside: list[str] = field(default_factory=list)
    """The files with what it refused."""

    def __post_init__(self) -> None:
        self.attach(self.spark)
        for database in ("legacy", "secured", "versions"):
            self.spark.sql(f"CREATE NAMESPACE {self.catalog}.{database}")

    def attach(self, spark: SparkSession) -> None:
        """Make the catalog known to a session."""
        settings = {"": f"{_ICEBERG}.SparkCatalog", ".type": "hadoop", ".warehouse": f"file:{self.folder}/warehouse"}
        for name, value in settings.items():
            spark.conf.set(f"spark.sql.catalog.{self.catalog}{name}", value)

    def describe(self, dataset: str, **entries: Any) -> None:
        """Give a dataset a contract; fields as {name: type}, or whole."""
        entries["fields"] = {
            name: {"description": f"the {name}"} | ({"type": kind} if isinstance(kind, str) else kind)
            for name, kind in entries["fields"].items()
        }
        entry = {"dataset": dataset, "owner": "someone@example.org", "description": "A test's", **entries}
        self.contracts |= contracts.parse(json.dumps({"datasets": {dataset: entry}}))

    def params(self) -> process.Params:
        places = {
            zone: Place(self.catalog, zone, f"file:{self.folder}/warehouse/{zone}") for zone in ("legacy", "secured")
        }
        self.files_uri = f"file://{self.folder}/lineage/{next(_numbers)}"
        self.run_id = f"jr_3_{next(_numbers)}"
        quarantine = f"file://{self.folder}/quarantine"
        here = Place(self.catalog, "versions", f"file:{self.folder}/warehouse/versions")
        versions = {"legacy": here, "secured": here}
        return process.Params(places, {}, self.contracts, self.files_uri, quarantine, self.run_id, versions)

    def classified(self, zone: str, dataset: str, columns: str, rows: Sequence[Mapping[str, Any]]) -> list[Output]:
        """Write rows as Glue 2 does. What they don't tell of their lineage is made up from their order."""
        schema = f"{columns}{', ' if columns else ''}{LINEAGE}, _rule_id string, _rules_version string"
        names = list(self.spark.createDataFrame([], schema).schema.names)
        full = [
            _lineage(number) | {"_rule_id": "a-rule", "_rules_version": "1"} | row for number, row in enumerate(rows, 1)
        ]
        frame = self.spark.createDataFrame([tuple(row.get(name) for name in names) for row in full], schema)
        place = self.folder / "classified" / zone / dataset / f"{next(_numbers):06}"
        frame.coalesce(1).write.parquet(str(place))
        files = storage.parquet_files(None, f"file://{place}")
        counted = storage.count_rows(None, files)
        return [Output(f.bucket, f.key, dataset, zone, counted[f.uri], f.size) for f in files if counted[f.uri]]

    def conform(
        self, outputs: Sequence[Output], runs: Sequence[str] = ("jr_1",), spark: SparkSession | None = None
    ) -> dict[str, report.DatasetBalance]:
        """One Glue 3 run over such files; what it reports must balance."""
        spark = spark or self.spark
        process.configure(spark)
        outcome = process.conform(spark, None, self.params(), process.Work(inputs.group(None, outputs), list(runs)))
        at = run.datetime.now(run.UTC)
        built = report.build(
            3, "conform", "jr_3", "a test", at, outcome.datasets, (), outcome.by_file, outcome.quarantine
        )
        self.aside = outcome.quarantine.files if outcome.quarantine else []
        return {balance.dataset: balance for balance in built.datasets}

    def by_file(self, dataset: str) -> dict[str, dict[str, int]]:
        """The numbers of each file in the last run, without those that are 0."""
        rows = self.spark.read.parquet(report.files_of(self.files_uri, dataset)).collect()
        return {row.file_id: {k: v for k, v in row.asDict().items() if v and k != "file_id"} for row in rows}

    def quarantined(self) -> list[Row]:
        """What the last run refused, in the order of its records' files and positions."""
        return self.spark.read.parquet(*self.aside).orderBy("file_id", "position").collect() if self.aside else []

    def rows(self, zone: str, dataset: str) -> list[Row]:
        """What a table holds, in the order of its records' files and positions."""
        self.spark.sql(f"REFRESH TABLE {self.catalog}.{zone}.`{dataset}`")
        return self.spark.table(f"{self.catalog}.{zone}.`{dataset}`").orderBy("_file_id", "_position").collect()

    def snapshots(self, zone: str, dataset: str) -> int:
        self.spark.sql(f"REFRESH TABLE {self.catalog}.{zone}.`{dataset}`")
        return self.spark.table(f"{self.catalog}.{zone}.`{dataset}`.snapshots").count()

    def exists(self, zone: str, dataset: str) -> bool:
        return self.spark.catalog.tableExists(f"{self.catalog}.{zone}.`{dataset}`")


def _lineage(number: int) -> dict[str, Any]:
    return {
        "_file_id": "landing/x.json#1",
        "_landed_at": run.datetime(2026, 5, 1),
        "_position": number,
        "_run_id": "jr_1",
    }


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    # Code for queries that run once costs a quarter of all the time; end to end, and in other tests, there is code.
    for name, value in _INTERPRETED.items():
        spark.conf.set(name, value)
    made = Lake(spark, tmp_path)
    yield made
    made.spark.catalog.clearCache()
    for name in _INTERPRETED:
        spark.conf.unset(name)
