"""Glue 2: takes committed Glue 1 runs, and writes their records into the legacy or the secured bucket, by the rules."""

import sys
from typing import Any

import boto3
from pyspark.sql import SparkSession

from tui_etl import arguments, log, run, storage
from tui_etl.classify import process, rules, salt
from tui_etl.conform import contracts


def main(argv: list[str]) -> None:
    log.configure()
    given = arguments.parse(argv, process.ARGUMENTS)
    context = run.open_context(2, given)
    found = read_rules(context.s3, given["rules_uri"], given["contracts_uri"])
    secrets = boto3.client("secretsmanager", config=storage.CLIENT_CONFIG)
    params = process.Params.of(given, found, salt.read(secrets, given["salt_secret"], found))
    run.execute(context, lambda work: process.process(SparkSession.builder.getOrCreate(), context, params, work))


def read_rules(s3: Any, rules_uri: str, contracts_uri: str) -> rules.RuleSet:
    """The rules, if they are sound and leave the keys of described datasets alone."""
    found = rules.parse(storage.read(s3, rules_uri), rules_uri)
    described = contracts.parse(storage.read(s3, contracts_uri)).values()
    keys = {one.dataset: [*one.key, *filter(None, [one.order_by])] for one in described if one.key}
    rules.refuse_masked_keys(found, keys, rules_uri)
    return found


if __name__ == "__main__":
    main(sys.argv)
