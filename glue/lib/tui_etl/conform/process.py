"""What a Glue 3 run does with the Glue 2 runs that it holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark.sql import SparkSession

from tui_etl import run
from tui_etl.classify import inputs
from tui_etl.classify.inputs import Group
from tui_etl.classify.rules import LEGACY, SECURED
from tui_etl.conform import append, merge
from tui_etl.conform.contracts import Contract
from tui_etl.conform.pair import Pair
from tui_etl.conform.tables import Place
from tui_etl.report import DatasetBalance

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
)
#: Datasets that are worked on at the same time; small ones would leave most of a cluster idle.
_AT_ONCE = 4
#: Bytes that one task of a shuffle gets; they are compressed, so it is several times that in memory.
_SHUFFLE_BYTES = 64 << 20
_RUN = "RUN#1#"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Params:
    """Where the tables of each zone are, where their inputs may come from, and the datasets' contracts."""

    places: Mapping[str, Place]
    buckets: Mapping[str, str]
    contracts: Mapping[str, Contract]

    @classmethod
    def of(cls, arguments: Mapping[str, str], contracts: Mapping[str, Contract]) -> Params:
        root = f"s3://{arguments['conformed_bucket']}/"
        places = {
            zone: Place(
                arguments["catalog"], arguments[f"{zone}_database"], root + arguments[f"{zone}_prefix"].strip("/")
            )
            for zone in (LEGACY, SECURED)
        }
        return cls(places, {zone: arguments[f"{zone}_bucket"] for zone in (LEGACY, SECURED)}, contracts)


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


def process(spark: SparkSession, context: run.Context, params: Params, work: Sequence[run.Work]) -> run.Outcome:
    """Bring everything that the held runs classified into the tables."""
    configure(spark)
    manifests = [run.read_manifest(context, item) for item in work]
    listed = [output for manifest in manifests for output in manifest.outputs]
    inputs.refuse_elsewhere(listed, params.buckets)
    runs = [item.removeprefix(_RUN) for manifest in manifests for item in manifest.items]
    return conform(spark, params, Work(inputs.group(context.s3, listed), runs))


def conform(spark: SparkSession, params: Params, work: Work) -> run.Outcome:
    """Bring the files of `work` into the tables, dataset by dataset; sweeps all keyed datasets first."""
    datasets = inputs.by_dataset(work.groups)
    keyed = [name for name, contract in params.contracts.items() if contract.key]
    pairs = {name: _pair(spark, params, name) for name in {*datasets, *keyed}}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        swept = list(pool.map(lambda name: merge.sweep(pairs[name]), keyed))
        _size_shuffles(spark, [pairs[name] for name in datasets], work.groups)
        done = list(pool.map(lambda name: _conform_dataset(spark, pairs[name], datasets[name], work.run_ids), datasets))
    for name, moved in zip(keyed, swept, strict=True):
        if moved:
            logger.warning("an earlier run had left keys in two tables", extra={"dataset": name, "keys": moved})
    return run.Outcome([], done)


def _pair(spark: SparkSession, params: Params, dataset: str) -> Pair:
    contract = params.contracts.get(dataset, Contract(dataset))
    return Pair.of(spark, contract, params.places[LEGACY], params.places[SECURED])


def _conform_dataset(
    spark: SparkSession, pair: Pair, groups: Sequence[Group], run_ids: Sequence[str]
) -> DatasetBalance:
    dataset = pair.contract.dataset
    by_zone = {zone: [group for group in groups if group.zone == zone] for zone in (LEGACY, SECURED)}
    superseded = (merge if pair.contract.key else append).conform(spark, pair, by_zone)
    counts = {zone: table.count_of_runs(run_ids) for zone, table in pair.tables().items() if table.exists()}
    rows = {zone: counts.get(zone, (0, 0))[0] for zone in (LEGACY, SECURED)}
    balance = DatasetBalance(
        dataset,
        files=sum(len(group.outputs) for group in groups),
        bytes=sum(group.size for group in groups),
        records_in=sum(group.records for group in groups),
        records_out=sum(rows.values()),
        legacy=rows[LEGACY],
        secured=rows[SECURED],
        superseded=superseded,
        conformed=sum(rows.values()),
        rescued=sum(rescued for _, rescued in counts.values()),
        tables=[table.name for zone, table in sorted(pair.tables().items()) if zone in counts],
    )
    logger.info("conformed a dataset", extra={"dataset": dataset, "rows": rows, "superseded": superseded})
    return balance


def _size_shuffles(spark: SparkSession, pairs: Sequence[Pair], groups: Sequence[Group]) -> None:
    arriving: dict[str, int] = {}
    for group in groups:
        arriving[group.dataset] = arriving.get(group.dataset, 0) + group.size
    largest = max((arriving[pair.contract.dataset] + pair.size() for pair in pairs), default=0)
    tasks = max(spark.sparkContext.defaultParallelism, -(-largest // _SHUFFLE_BYTES))
    spark.conf.set("spark.sql.shuffle.partitions", str(tasks))
