"""Glue 3: takes committed Glue 2 runs, and merges or appends their records into the conformed Iceberg tables.

With `--rollback <dataset>@<moment>` (or `@empty`) it takes no work, and rolls the tables of that dataset back.
"""

import sys

from pyspark.sql import SparkSession

from tui_etl import arguments, log, run, storage
from tui_etl.conform import aftercare, contracts, learned, process, rollback
from tui_etl.conform.maintenance import Policy


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, (*process.ARGUMENTS, "maintenance", rollback.ARGUMENT))
    context = run.open_context(3, given)
    params = process.Params.of(given, contracts.parse(storage.read(context.s3, given["contracts_uri"])))
    policy = Policy.parse(given["maintenance"])
    if given[rollback.ARGUMENT] != rollback.NONE:
        asked = rollback.Asked.parse(given[rollback.ARGUMENT])
        rollback.execute(SparkSession.builder.getOrCreate(), context, params, asked)
        return
    done = run.execute(context, lambda work: process.process(SparkSession.builder.getOrCreate(), context, params, work))
    if done is not None:
        spark, folder = SparkSession.builder.getOrCreate(), learned.folder_of(context.state_bucket)
        learned.keep(spark, context.s3, params, folder, context.run_id, done.datasets)
        aftercare.tend(spark, context.clients.glue, params, policy, [row.dataset for row in done.datasets])


if __name__ == "__main__":
    main(sys.argv)
