"""What a Glue 3 run does with the Glue 2 runs that it holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tui_etl import by_file, quarantine, report, run, storage
from tui_etl.classify import inputs
from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform import append, checks, merge, views
from tui_etl.conform.checks import Breach
from tui_etl.conform.contracts import Contract
from tui_etl.conform.merge import Swept
from tui_etl.conform.pair import Pair
from tui_etl.conform.refuse import Sieve, rows_of_quarantine
from tui_etl.conform.tables import Place
from tui_etl.conform.versions import Versions
from tui_etl.quarantine import Aside
from tui_etl.report import ByFile, DatasetBalance, FileTotals

ARGUMENTS = (
    "conformed_bucket",
    "legacy_prefix",
    "secured_prefix",
    "legacy_database",
    "secured_database",
    "contracts_uri",
    "catalog",
    "legacy_bucket",
    "secured_bucket",
    "raw_bucket",
    "quarantine_prefix",
    "versions_database",
)
#: The folder of the table of file versions, below that of its zone. No dataset's folder has a hyphen.
VERSIONS_FOLDER = "file-versions"
#: Datasets that are worked on at the same time; small ones would leave most of a cluster idle.
AT_ONCE = 4
#: Bytes that one task of a shuffle gets; they are compressed, so it is several times that in memory.
_SHUFFLE_BYTES = 64 << 20
_RUN = "RUN#1#"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Params:
    """Where the tables of each zone are, where their inputs may come from, and the datasets' contracts.

    `files_uri`: where the numbers by file go. `quarantine`: the folder (URI) above all that is refused, below which the
    run has its own by `run_id`. `versions`: where the table of the newest file versions of each zone is.
    """

    places: Mapping[str, Place]
    buckets: Mapping[str, str]
    contracts: Mapping[str, Contract]
    files_uri: str
    quarantine: str
    run_id: str
    versions: Mapping[str, Place]

    @classmethod
    def of(cls, arguments: Mapping[str, str], contracts: Mapping[str, Contract]) -> Params:
        root = f"s3://{arguments['conformed_bucket']}/"
        places = {
            zone: Place(
                arguments["catalog"], arguments[f"{zone}_database"], root + arguments[f"{zone}_prefix"].strip("/")
            )
            for zone in (LEGACY, SECURED)
        }
        buckets = {zone: arguments[f"{zone}_bucket"] for zone in (LEGACY, SECURED)}
        run_id = arguments["JOB_RUN_ID"]
        files_uri = report.files_uri(arguments["state_bucket"], report.CONFORM, run_id)
        quarantine = f"s3://{arguments['raw_bucket']}/{arguments['quarantine_prefix'].strip('/')}"
        database = arguments["versions_database"]
        versions = {
            zone: Place(place.catalog, database, f"{place.folder}/{VERSIONS_FOLDER}") for zone, place in places.items()
        }
        return cls(places, buckets, contracts, files_uri, quarantine, run_id, versions)

    def aside(self, dataset: str) -> str:
        """Where this run writes what it refuses of a dataset."""
        return quarantine.aside_of(self.quarantine, dataset, self.run_id)


@dataclass
class Work:
    """The files to conform, and the Glue 1 runs by which their records came: those are named on each row."""

    groups: list[Group]
    run_ids: list[str]


def configure(spark: SparkSession) -> None:
    """Session settings that comparisons and written files depend on."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.caseSensitive", "false")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    # A date in a contract's format is read as that says or not at all; by default some end the run.
    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")


def process(spark: SparkSession, context: run.Context, params: Params, work: Sequence[run.Work]) -> run.Outcome:
    """Bring everything that the held runs classified into the tables."""
    configure(spark)
    manifests = [run.read_manifest(context, item) for item in work]
    listed = [output for manifest in manifests for output in manifest.outputs]
    inputs.refuse_elsewhere(listed, params.buckets)
    runs = [item.removeprefix(_RUN) for manifest in manifests for item in manifest.items]
    work_of_all = Work(inputs.group(context.s3, listed), runs)
    for name in inputs.by_dataset(work_of_all.groups):
        for place in params.places.values():
            views.make_room(context.clients.glue, place.database, name)
    return conform(spark, context.s3, params, work_of_all)


def conform(spark: SparkSession, s3: Any, params: Params, work: Work) -> run.Outcome:
    """Bring the files of `work` into the tables, dataset by dataset; sweeps all keyed datasets first.

    Nothing is touched before all of it has been held against the contracts.
    """
    datasets = inputs.by_dataset(work.groups)
    keyed = [name for name, contract in params.contracts.items() if contract.key]
    # All of them, so that a contract which Spark can't take fails the run before a table is touched.
    pairs = {name: pair_of(spark, params, name) for name in {*datasets, *params.contracts}}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sieves = {name: Sieve.of(pairs[name], datasets[name], work.run_ids) for name in datasets}
        breaches = _checked(spark, pool, sieves, datasets)
        swept = dict(zip(keyed, pool.map(lambda name: merge.sweep(pairs[name]), keyed), strict=True))
        _size_shuffles(spark, [pairs[name] for name in datasets], work.groups)

        def bring(name: str) -> tuple[DatasetBalance, FileTotals]:
            before = swept.get(name, Swept())
            balance, total = _conform_dataset(
                spark, s3, params, sieves[name], datasets[name], work.run_ids, before.lost
            )
            balance.breaches = [str(breach) for breach in breaches if breach.dataset == name]
            return balance, total

        done = list(pool.map(bring, datasets))
        Versions.of(spark, params.versions).note([pairs[name] for name in datasets], work.run_ids)
        kept = [file.uri for name in datasets for file in storage.parquet_files(s3, params.aside(name))]
    for name, moved in swept.items():
        if moved.keys:
            logger.warning("an earlier run had left keys in two tables", extra={"dataset": name, "keys": moved.keys})
    totals = ByFile(params.files_uri, [total for _, total in done])
    aside = Aside(params.quarantine, kept) if kept else None
    return run.Outcome([], [balance for balance, _ in done], by_file=totals, quarantine=aside)


def _checked(
    spark: SparkSession,
    pool: ThreadPoolExecutor,
    sieves: Mapping[str, Sieve],
    datasets: Mapping[str, Sequence[Group]],
) -> list[Breach]:
    """What all that arrives breaks of its contracts; raises `Breached` if it must not be published."""

    def check(name: str) -> list[Breach]:
        sieve, groups = sieves[name], datasets[name]
        found = checks.breaches(sieve.pair, groups, partial(sieve.kept, spark))
        return found + checks.to_quarantine(sieve.pair, _refused(spark, sieve, groups))

    breaches = [breach for of_dataset in pool.map(check, datasets) for breach in of_dataset]
    checks.refuse(breaches)
    for breach in breaches:
        logger.warning("an expectation is not met", extra={"dataset": breach.dataset, "breach": str(breach)})
    return breaches


def pair_of(spark: SparkSession, params: Params, dataset: str) -> Pair:
    """The tables of a dataset, by its contract if it has one."""
    contract = params.contracts.get(dataset, Contract(dataset))
    return Pair.of(spark, contract, params.places[LEGACY], params.places[SECURED])


def _refused(spark: SparkSession, sieve: Sieve, groups: Sequence[Group]) -> list[DataFrame]:
    return [rows for rows in (sieve.refused(spark, group) for group in groups) if rows is not None]


def _conform_dataset(
    spark: SparkSession,
    s3: Any,
    params: Params,
    sieve: Sieve,
    groups: Sequence[Group],
    run_ids: Sequence[str],
    lost_before: Sequence[DataFrame],
) -> tuple[DatasetBalance, FileTotals]:
    pair, dataset = sieve.pair, sieve.pair.contract.dataset
    refused = _refused(spark, sieve, groups)
    quarantined = _keep_aside(s3, params, dataset, refused)
    by_zone = {zone: [group for group in groups if group.zone == zone] for zone in (LEGACY, SECURED)}
    merged = (merge if pair.contract.key else append).conform(pair, by_zone, partial(sieve.kept, spark))
    tables = {zone: table for zone, table in pair.tables().items() if table.exists()}
    told = [by_file.read(spark, [output for group in groups for output in group.outputs], "records_in")]
    for zone, table in tables.items():
        numbers = {zone: F.lit(1), "rescued": F.col("_rescued").isNotNull()}
        told.append(by_file.tell(table.rows_of_runs(run_ids), **numbers))
    for rows in (*lost_before, *merged.lost):
        others = rows.where(~F.col("_run_id").isin(list(run_ids)))
        told.append(by_file.tell(others, replaced=F.lit(1)))
    told += [by_file.tell(rows, quarantined=F.lit(1)) for rows in refused]
    total = by_file.write(told, report.CONFORM, dataset, params.files_uri)
    balance = DatasetBalance(
        dataset,
        files=sum(len(group.outputs) for group in groups),
        bytes=sum(group.size for group in groups),
        records_in=sum(group.records for group in groups),
        records_out=total.legacy + total.secured,
        quarantined=quarantined,
        legacy=total.legacy,
        secured=total.secured,
        superseded=merged.superseded,
        replaced=total.replaced,
        conformed=total.legacy + total.secured,
        rescued=total.rescued,
        tables=[table.name for _, table in sorted(tables.items())],
    )
    rows_by_zone = {LEGACY: balance.legacy, SECURED: balance.secured}
    fields = {"dataset": dataset, "rows": rows_by_zone, "superseded": balance.superseded, "quarantined": quarantined}
    logger.info("conformed a dataset", extra=fields)
    return balance, total


def _keep_aside(s3: Any, params: Params, dataset: str, refused: Sequence[DataFrame]) -> int:
    """Write what is refused of a dataset to quarantine; returns how many records the files have."""
    rows = [rows_of_quarantine(frame, dataset, params.run_id) for frame in refused if not frame.isEmpty()]
    if not rows:
        return 0
    writer = reduce(DataFrame.unionByName, rows).write.option(
        "mapreduce.fileoutputcommitter.marksuccessfuljobs", "false"
    )
    writer.parquet(params.aside(dataset))
    return sum(storage.count_rows(s3, storage.parquet_files(s3, params.aside(dataset))).values())


def _size_shuffles(spark: SparkSession, pairs: Sequence[Pair], groups: Sequence[Group]) -> None:
    arriving: dict[str, int] = {}
    for group in groups:
        arriving[group.dataset] = arriving.get(group.dataset, 0) + group.size
    largest = max((arriving[pair.contract.dataset] + pair.size() for pair in pairs), default=0)
    tasks = max(spark.sparkContext.defaultParallelism, -(-largest // _SHUFFLE_BYTES))
    spark.conf.set("spark.sql.shuffle.partitions", str(tasks))
