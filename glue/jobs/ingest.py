"""Glue 1: takes the landed files that are open, and writes them as Parquet below `temp/`."""

import sys

from pyspark.sql import SparkSession

from tui_etl import arguments, log, run
from tui_etl.ingest import job


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, job.ARGUMENTS)
    context = run.open_context(1, given)
    where = job.places(given)
    run.execute(
        context,
        lambda work: job.process(SparkSession.builder.getOrCreate(), context.s3, context.ledger, where, work),
        int(given["max_files"]),
    )


if __name__ == "__main__":
    main(sys.argv)
