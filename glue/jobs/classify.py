"""Glue 2: takes committed Glue 1 runs, and writes their records into the legacy or the secured bucket, by the rules."""

import sys

import boto3
from pyspark.sql import SparkSession

from tui_etl import arguments, log, run, storage
from tui_etl.classify import process, salt


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, process.ARGUMENTS)
    context = run.open_context(2, given)
    rules = process.read_rules(context.s3, given["rules_uri"], given["contracts_uri"])
    secrets = boto3.client("secretsmanager", config=storage.CLIENT_CONFIG)
    params = process.Params.of(given, rules, salt.read(secrets, given["salt_secret"], rules))
    run.execute(context, lambda work: process.process(SparkSession.builder.getOrCreate(), context, params, work))


if __name__ == "__main__":
    main(sys.argv)
