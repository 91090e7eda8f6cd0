"""The Spark part of Glue 2: one expression that classifies each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from tui_etl.classify.rules import Rule, RulesError, RuleSet, Step, steps

#: Where `transform` puts the zone (no field of any record gets such a name); it is not written.
ZONE = "zone of the row"
RULE_ID = "_rule_id"
RULES_VERSION = "_rules_version"


@dataclass(frozen=True)
class Params:
    """Which dataset the rows are of, and by what rules they are classified."""

    dataset: str
    rules: RuleSet


def transform(df: DataFrame, params: Params) -> DataFrame:
    """The rows with their zone, rule id and rules version."""
    return classify(df, plan(df, params), params.rules.version)


def plan(df: DataFrame, params: Params) -> list[Step]:
    """The arms of the classification for rows with these columns."""
    return steps(params.rules.of(params.dataset), df.columns, lambda rule: applies(df, rule))


def classify(df: DataFrame, arms: list[Step], version: str) -> DataFrame:
    """Rows classified by the first arm that takes them; a predicate that is null takes nothing."""
    *conditional, rest = arms

    def decide(value: str, last: str) -> Column:
        cases = [(F.coalesce(F.expr(str(arm.when)), F.lit(False)), F.lit(getattr(arm, value))) for arm in conditional]
        return reduce(lambda other, case: F.when(case[0], case[1]).otherwise(other), reversed(cases), F.lit(last))

    return df.select(
        "*",
        decide("rule_id", rest.rule_id).alias(RULE_ID),
        F.lit(version).alias(RULES_VERSION),
        decide("zone", rest.zone).alias(ZONE),
    )


def applies(df: DataFrame, rule: Rule) -> bool:
    """Whether a rule's predicate can be applied to the columns it requires, and to no others.

    Raises `RulesError` for a predicate that is none, or that need not give the same answer twice.
    """
    try:
        answer = df.select(*(F.col(f"`{name}`") for name in rule.requires)).select(
            F.expr(str(rule.when)).alias("answer")
        )
    except ParseException as error:
        raise RulesError(f"rule {rule.id}: {rule.when!r} is not a Spark SQL predicate") from error
    except AnalysisException:
        return False
    if not answer._jdf.queryExecution().analyzed().deterministic():
        raise RulesError(f"rule {rule.id}: {rule.when!r} need not give the same answer twice")
    return isinstance(answer.schema["answer"].dataType, BooleanType)
