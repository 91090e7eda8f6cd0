"""One run of Glue 1, between taking its files and committing: stage, write, quarantine, balance."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from tui_etl import quarantine, storage
from tui_etl.ingest import staging, transform
from tui_etl.ingest.staging import Landed
from tui_etl.ingest.transform import Learned, Reading, Refused
from tui_etl.ledger import Ledger
from tui_etl.manifest import Output
from tui_etl.quarantine import Aside
from tui_etl.report import DatasetBalance, FileOutcome
from tui_etl.run import Outcome, Work
from tui_etl.storage import StoredFile

ARGUMENTS = (
    "landing_bucket",
    "landing_prefix",
    "raw_bucket",
    "staging_prefix",
    "temp_prefix",
    "quarantine_prefix",
    "max_files",
)
#: Datasets whose quarantine is written at the same time: a small one doesn't fill the cluster.
_AT_ONCE = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """The folders of one run, as URIs without a trailing slash."""

    landing_prefix: str
    staging: str
    temp: str
    quarantine: str
    run_id: str

    def temp_of(self, dataset: str) -> str:
        return f"{self.temp}/{dataset}/run={self.run_id}"

    def quarantine_of(self, dataset: str) -> str:
        return quarantine.aside_of(self.quarantine, dataset, self.run_id)

    def staging_of_run(self) -> str:
        return f"{self.staging}/run={self.run_id}"


def places(arguments: dict[str, str]) -> Places:
    """The places that the job's arguments name."""
    root = f"s3://{arguments['raw_bucket']}/"
    staged, temp, kept = (
        root + arguments[name].strip("/") for name in ("staging_prefix", "temp_prefix", "quarantine_prefix")
    )
    return Places(arguments["landing_prefix"], staged, temp, kept, arguments["JOB_RUN_ID"])


def process(spark: SparkSession, s3: Any, ledger: Ledger, where: Places, work: Sequence[Work]) -> Outcome:
    """What happens between taking and committing: from held files to written Parquet and a balance."""
    transform.configure(spark)
    claimed = staging.claim(ledger, where.run_id, staging.spellings(work, where.landing_prefix))
    files = staging.describe(work, where.landing_prefix, claimed)
    staging.stage(s3, files, where.staging_of_run(), where.landing_prefix)
    return ingest(spark, s3, where, files)


def ingest(spark: SparkSession, s3: Any, where: Places, files: Sequence[Landed]) -> Outcome:
    """Staged files to typed Parquet below temp, all else to quarantine."""
    read = [file for file in files if file.uri is not None and file.refused is None]
    parts = [part for file in read for part in staging.parts(file)]
    learned = transform.ingest(spark, files, parts, where.temp_of, where.run_id)
    refused = _refused(files, learned)
    objects = _keep_large(s3, where, files, refused, learned)
    datasets = sorted({file.place for file in files})

    def set_aside(dataset: str) -> None:
        _quarantine(spark, where, dataset, files, learned, refused.get(dataset, []), objects)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(set_aside, datasets))
    outputs = _outputs(s3, where, datasets, learned)
    outcomes = [_outcome(file, learned.of(file), refused) for file in files]
    aside = {dataset: storage.parquet_files(s3, where.quarantine_of(dataset)) for dataset in datasets}
    balances = _balances(s3, aside, files, learned, refused, outputs)
    for balance in balances:
        balance.rescued = sum(file.rescued for file in learned.written.get(balance.dataset, []))
    kept = [file.uri for some in aside.values() for file in some]
    return Outcome(outputs, balances, outcomes, quarantine=Aside(where.quarantine, kept) if kept else None)


def _refused(files: Sequence[Landed], learned: Learned) -> dict[str, list[Refused]]:
    """Files that are quarantined as a whole, by dataset."""
    refused: dict[str, list[Refused]] = {}
    for file in files:
        error = next((reading.found.error for reading in learned.of(file) if reading.found.error), None)
        reason = file.refused or error
        if reason is not None:
            refused.setdefault(file.place, []).append(Refused(file, reason))
    return refused


def _keep_large(
    s3: Any, where: Places, files: Sequence[Landed], refused: dict[str, list[Refused]], learned: Learned
) -> dict[int, str]:
    """Copy the files to quarantine whose bad bytes are too many for a cell; their places by file number."""
    whole = {one.file.number for some in refused.values() for one in some}
    large = [
        file
        for file in files
        if file.uri is not None
        and ((file.number in whole and file.size > transform.MAX_CELL) or _oversized(learned.of(file)))
    ]
    kept = {}
    for file in large:
        bucket, key = storage.split_uri(str(file.uri))
        kept[file.number] = f"{where.quarantine_of(file.place)}/_large/{key.rpartition('/')[2]}"
        staging.copy(s3, {"Bucket": bucket, "Key": key}, kept[file.number], file.size)
    return kept


def _oversized(readings: Iterable[Reading]) -> bool:
    return any(reading.found.oversized for reading in readings)


def _quarantine(
    spark: SparkSession,
    where: Places,
    dataset: str,
    files: Sequence[Landed],
    learned: Learned,
    refused: Sequence[Refused],
    objects: dict[int, str],
) -> None:
    """Write what of one dataset is no record."""
    readings = learned.readings.get(dataset, [])
    if refused or any(reading.found.bad for reading in readings):
        frame = transform.quarantine(spark, readings, refused, files, objects, where.run_id)
        transform.write(frame, where.quarantine_of(dataset))


def _outputs(s3: Any, where: Places, datasets: Iterable[str], learned: Learned) -> list[Output]:
    """The Parquet files below temp that successful tasks name, with the rows that their footers name.

    Other files there are of attempts that failed, or that had other columns: nobody would ever remove them.
    """
    found = [(dataset, file) for dataset in datasets for file in storage.parquet_files(s3, where.temp_of(dataset))]
    named = {file.uri for written in learned.written.values() for file in written}
    storage.delete(s3, [file for _, file in found if file.uri not in named])
    kept = [(dataset, file) for dataset, file in found if file.uri in named]
    rows = storage.count_rows(s3, [file for _, file in kept])
    return [Output(file.bucket, file.key, dataset, "temp", rows[file.uri], file.size) for dataset, file in kept]


def _balances(
    s3: Any,
    aside: Mapping[str, Sequence[StoredFile]],
    files: Sequence[Landed],
    learned: Learned,
    refused: dict[str, list[Refused]],
    outputs: Sequence[Output],
) -> list[DatasetBalance]:
    """The books of each dataset: in as the reader counted, out and quarantined as the written files' footers say."""
    balances = []
    for dataset in sorted({file.place for file in files}):
        mine = [file for file in files if file.place == dataset]
        unread = sum(1 for one in refused.get(dataset, []) if one.file.refused is not None)
        quarantined = storage.count_rows(s3, aside[dataset])
        again = [file for file in mine if file.origin]
        balances.append(
            DatasetBalance(
                dataset,
                files=len(mine),
                bytes=sum(file.size for file in mine),
                records_in=unread + sum(reading.found.records for reading in learned.readings.get(dataset, [])),
                records_out=sum(output.records for output in outputs if output.dataset == dataset),
                quarantined=sum(quarantined.values()),
                reingested=sum(_seen(file, learned) for file in again),
            )
        )
    return balances


def _seen(file: Landed, learned: Learned) -> int:
    """How many records came in by a file."""
    return 1 if file.refused is not None else sum(reading.found.records for reading in learned.of(file))


def _outcome(file: Landed, readings: Sequence[Reading], refused: dict[str, list[Refused]]) -> FileOutcome:
    """What became of one file, as the reader saw it."""
    reason = next((one.reason for one in refused.get(file.place, []) if one.file is file), None)
    if reason is not None:
        outcome = "vanished" if file.vanished else "quarantined"
        return FileOutcome(file.file_id, file.dataset, outcome, 0, 1, reason)
    seen = sum(reading.found.records for reading in readings)
    bad = sum(len(reading.found.bad) for reading in readings)
    reason = f"{bad} of {seen} records are no JSON objects" if bad else None
    return FileOutcome(file.file_id, file.dataset, "ingested" if seen else "empty", seen - bad, bad, reason)
