"""What a Glue 2 run does with the Glue 1 runs that it holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from tui_etl import by_file, report, run, storage
from tui_etl.classify import inputs, rules, transform
from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED, ZONES, RuleSet
from tui_etl.conform import contracts
from tui_etl.manifest import Output
from tui_etl.report import ByFile, DatasetBalance, FileTotals

ARGUMENTS = (
    "raw_bucket",
    "legacy_bucket",
    "secured_bucket",
    "classified_prefix",
    "rules_uri",
    "contracts_uri",
    "salt_secret",
)
TEMP = "temp"
#: Bytes of input that go into one written file.
_FILE_BYTES = 128 << 20
#: Datasets that are worked on at the same time; small ones would leave most of a cluster idle.
_AT_ONCE = 4
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Params:
    """Where records come from and go to, by zone, and by what rules. `folders` end with a slash.

    `files_uri`: where the numbers by file go. `salt`: of hashed columns; None if no rule hashes.
    """

    raw_bucket: str
    folders: Mapping[str, str]
    rules: RuleSet
    run_id: str
    files_uri: str
    salt: str | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, str], rules: RuleSet, salt: str | None = None) -> Params:
        prefix = arguments["classified_prefix"].strip("/")
        buckets = {LEGACY: arguments["legacy_bucket"], SECURED: arguments["secured_bucket"]}
        folders = {zone: f"s3://{bucket}/{prefix}/" for zone, bucket in buckets.items()}
        run_id = arguments["JOB_RUN_ID"]
        files_uri = report.files_uri(arguments["state_bucket"], report.CLASSIFY, run_id)
        return cls(arguments["raw_bucket"], folders, rules, run_id, files_uri, salt)

    def folder(self, zone: str, dataset: str) -> str:
        return f"{self.folders[zone]}{dataset}/run={self.run_id}"


def read_rules(s3: Any, rules_uri: str, contracts_uri: str) -> RuleSet:
    """The rules, if they are sound and leave the keys of described datasets alone."""
    found = rules.parse(storage.read(s3, rules_uri), rules_uri)
    described = contracts.parse(storage.read(s3, contracts_uri)).values()
    keys = {one.dataset: [*one.key, *filter(None, [one.order_by])] for one in described if one.key}
    rules.refuse_masked_keys(found, keys, rules_uri)
    return found


def configure(spark: SparkSession) -> None:
    """Session settings that predicates and written files depend on."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.caseSensitive", "false")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")


def process(spark: SparkSession, context: run.Context, params: Params, work: Sequence[run.Work]) -> run.Outcome:
    """Classify everything that the held runs wrote."""
    configure(spark)
    transform.check(spark, params.rules)
    listed = [output for item in work for output in run.read_manifest(context, item).outputs]
    inputs.refuse_elsewhere(listed, {TEMP: params.raw_bucket})
    return classify(spark, context.s3, params, listed)


def classify(spark: SparkSession, s3: Any, params: Params, listed: Sequence[Output]) -> run.Outcome:
    """Classify the listed files, dataset by dataset."""
    datasets = inputs.by_dataset(inputs.group(s3, listed))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(lambda name: _classify_dataset(spark, s3, params, name, datasets[name]), datasets))
    outputs = [output for written, _, _ in done for output in written]
    totals = ByFile(params.files_uri, [total for _, _, total in done])
    return run.Outcome(outputs, [balance for _, balance, _ in done], by_file=totals)


def _classify_dataset(
    spark: SparkSession, s3: Any, params: Params, dataset: str, groups: Sequence[Group]
) -> tuple[list[Output], DatasetBalance, FileTotals]:
    zones: set[str] = set()
    for group in groups:
        zones |= _write(spark, params, group)
    outputs = [output for zone in sorted(zones) for output in _written(s3, params, zone, dataset)]
    balance = DatasetBalance(
        dataset,
        files=sum(len(group.outputs) for group in groups),
        bytes=sum(group.size for group in groups),
        records_in=sum(group.records for group in groups),
        records_out=sum(output.records for output in outputs),
        legacy=sum(output.records for output in outputs if output.zone == LEGACY),
        secured=sum(output.records for output in outputs if output.zone == SECURED),
    )
    read = [output for group in groups for output in group.outputs]
    written = {zone: [output for output in outputs if output.zone == zone] for zone in ZONES}
    told = [by_file.read(spark, files, name) for name, files in {"records_in": read, **written}.items()]
    total = by_file.write(told, report.CLASSIFY, dataset, params.files_uri)
    fields = {"dataset": dataset, "run_id": params.run_id, "schemas": len(groups)}
    logger.info("classified a dataset", extra=fields | {"legacy": balance.legacy, "secured": balance.secured})
    return outputs, balance, total


def _write(spark: SparkSession, params: Params, group: Group) -> set[str]:
    """Write a group's rows, a zone at a time; returns the zones that its rules can lead to."""
    rows = inputs.read(spark, group)
    arms = transform.plan(rows, transform.Params(group.dataset, params.rules))
    classified = transform.classify(rows, arms, params.rules.version)
    zones = transform.zones(arms)
    for zone in sorted(zones):
        chosen = transform.rows_of(classified, arms, zone, params.salt)
        files = max(1, -(-group.size // _FILE_BYTES))
        writer = chosen.coalesce(files).write.mode("append")
        writer.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(
            params.folder(zone, group.dataset)
        )
    return zones


def _written(s3: Any, params: Params, zone: str, dataset: str) -> list[Output]:
    files = storage.parquet_files(s3, params.folder(zone, dataset))
    rows = storage.count_rows(s3, files)
    return [Output(file.bucket, file.key, dataset, zone, rows[file.uri], file.size) for file in files if rows[file.uri]]
