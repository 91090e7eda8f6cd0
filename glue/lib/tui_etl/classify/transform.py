"""The Spark part of Glue 2: one expression that classifies each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from tui_etl.classify.rules import LEGACY, SECURED, Rule, RulesError, RuleSet, Step, steps

#: Where `transform` puts the zone (no field of any record gets such a name); it is not written.
ZONE = "zone of the row"
RULE_ID = "_rule_id"
RULES_VERSION = "_rules_version"
#: Where Glue 1 keeps what a record's columns can't tell.
RESCUED = "_rescued"
#: Added to the id of a legacy rule whose record has something that the rule could not look at.
NOT_ALL_SEEN = ":not-all-seen"


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
    """Rows classified by the first arm that takes them; a predicate that is null takes nothing.

    A rule sees columns. What a record holds beside them, as the first of two equal keys, no rule has looked at: such a
    record is secured even where a legacy rule takes it.
    """
    *conditional, rest = arms
    hidden = F.col(RESCUED).isNotNull() if RESCUED in df.columns else F.lit(False)

    def value(arm: Step, seen: str, not_seen: str) -> Column:
        return F.when(hidden, not_seen).otherwise(seen) if arm.zone == LEGACY else F.lit(seen)

    def decide(of: Callable[[Step], Column]) -> Column:
        cases = [(F.coalesce(F.expr(str(arm.when)), F.lit(False)), of(arm)) for arm in conditional]
        return reduce(lambda other, case: F.when(case[0], case[1]).otherwise(other), reversed(cases), of(rest))

    return df.select(
        "*",
        decide(lambda arm: value(arm, arm.rule_id, arm.rule_id + NOT_ALL_SEEN)).alias(RULE_ID),
        F.lit(version).alias(RULES_VERSION),
        decide(lambda arm: value(arm, arm.zone, SECURED)).alias(ZONE),
    )


def zones(df: DataFrame, arms: list[Step]) -> set[str]:
    """The zones that rows with these columns can come to."""
    return {arm.zone for arm in arms} | ({SECURED} if RESCUED in df.columns else set())


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
