"""The Spark part of Glue 2: one expression that classifies each row, and what each zone gets of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StructType

from tui_etl.classify import look, mask
from tui_etl.classify.rules import LEGACY, NOT_APPLICABLE, SECURED, Rule, RulesError, RuleSet, Step, steps
from tui_etl.ingest.shape import RESCUED

#: Where `classify` puts the zone and the number of the outcome (no field of any record gets such names).
ZONE = "zone of the row"
OUTCOME = "outcome of the row"
_SALT = "salt of the run"
RULE_ID = "_rule_id"
RULES_VERSION = "_rules_version"


@dataclass(frozen=True)
class Params:
    """Which dataset the rows are of, and by what rules they are classified."""

    dataset: str
    rules: RuleSet


def check(spark: SparkSession, rules: RuleSet, source: str = "rules") -> None:
    """Raises `RulesError` for a predicate or a regular expression that is none, whatever data there is."""
    parser = spark._jsparkSession.sessionState().sqlParser()
    jvm = spark._jvm
    assert jvm is not None
    for rule in rules.rules:
        try:
            if rule.when:
                parser.parseExpression(rule.when)
        except ParseException as error:
            raise RulesError(f"{source}: rule {rule.id!r}: {rule.when!r} is not a Spark SQL predicate") from error
        try:
            if rule.matches:
                jvm.java.util.regex.Pattern.compile(rule.matches)
        except IllegalArgumentException as error:
            raise RulesError(f"{source}: rule {rule.id!r}: {rule.matches!r} is not a regular expression") from error


def transform(df: DataFrame, params: Params) -> DataFrame:
    """The rows with their zone, rule id and rules version, nothing masked."""
    return classify(df, plan(df, params), params.rules.version).drop(OUTCOME)


def plan(df: DataFrame, params: Params) -> list[Step]:
    """The arms of the classification for rows with these columns."""
    return steps(params.rules.of(params.dataset), df.columns, lambda rule: applies(df, rule))


def zones(arms: Sequence[Step]) -> set[str]:
    """The zones that rows may get by these arms."""
    found = {arm.zone for arm in arms}
    return found if arms[0] == Step(None, LEGACY, arms[0].rule_id) else {*found, SECURED}


def classify(df: DataFrame, arms: Sequence[Step], version: str) -> DataFrame:
    """Rows classified by the first arm that takes them; what is null takes nothing.

    A row that would be legacy by what its columns hold is secured if they don't hold all of it.
    """
    cases: list[tuple[Column, Column]] = []
    outcomes: list[tuple[str, str]] = []
    asked = False
    for number, arm in enumerate(arms):
        asked = asked or arm.when is not None
        outcomes += [(arm.zone, arm.rule_id), (SECURED, arm.rule_id + NOT_APPLICABLE)]
        outcome = F.lit(2 * number)
        if arm.zone == LEGACY and (asked or arm.mask):
            outcome = F.when(_elsewhere(df.schema, arm), 2 * number + 1).otherwise(outcome)
        condition = F.lit(True) if arm.when is None else F.coalesce(matched(df, arm.when), F.lit(False))
        cases.append((condition, outcome))

    decided = F.when(*cases[0])
    for case in cases[1:]:
        decided = decided.when(*case)
    zones, ids = (F.array(*map(F.lit, values)) for values in zip(*outcomes, strict=True))
    return df.select("*", decided.alias(OUTCOME)).select(
        "*",
        F.get(ids, F.col(f"`{OUTCOME}`")).alias(RULE_ID),
        F.lit(version).alias(RULES_VERSION),
        F.get(zones, F.col(f"`{OUTCOME}`")).alias(ZONE),
    )


def rows_of(classified: DataFrame, arms: Sequence[Step], zone: str, salt: str | None = None) -> DataFrame:
    """What is written for a zone: its rows, masked if it is legacy, without the columns that are ours alone.

    The salt is joined, as a literal would be told by every plan and error message that Spark prints.
    """
    chosen = classified.where(F.col(f"`{ZONE}`") == zone).drop(ZONE)
    masks = {2 * number: arm.mask for number, arm in enumerate(arms) if arm.mask and arm.zone == zone}
    if masks:
        salts = classified.sparkSession.createDataFrame([(salt or "",)], f"`{_SALT}` string")
        columns = mask.masked(chosen.schema, masks, F.col(f"`{OUTCOME}`"), F.col(f"`{_SALT}`"))
        chosen = chosen.crossJoin(F.broadcast(salts)).select(*columns)
    return chosen.drop(OUTCOME)


def matched(df: DataFrame, rule: Rule) -> Column:
    """Whether a row is what the rule asks for."""
    if rule.when:
        return F.expr(rule.when)
    if rule.any_not_null:
        return look.any_not_null(df.schema, rule.columns)
    return look.any_value(df.schema, rule)


def applies(df: DataFrame, rule: Rule) -> bool:
    """Whether the columns that a rule names are there, and can be asked and masked as it wants.

    Raises `RulesError` for a predicate that is none, or that need not give the same answer twice.
    """
    if not look.has_all(df.schema, rule.named) or not mask.applicable(df.schema, rule.mask):
        return False
    return rule.when is None or _predicate_applies(df, rule)


def _predicate_applies(df: DataFrame, rule: Rule) -> bool:
    try:
        answer = df.select(*(F.col(f"`{name}`") for name in rule.requires)).select(
            F.expr(str(rule.when)).alias("answer")
        )
    except ParseException as error:
        raise RulesError(f"rule {rule.id!r}: {rule.when!r} is not a Spark SQL predicate") from error
    except AnalysisException:
        return False
    if not answer._jdf.queryExecution().analyzed().deterministic():
        raise RulesError(f"rule {rule.id!r}: {rule.when!r} need not give the same answer twice")
    return isinstance(answer.schema["answer"].dataType, BooleanType)


def _elsewhere(schema: StructType, arm: Step) -> Column:
    """Whether a row holds more than its columns say: its whole text, or a masked field inside another's text."""
    hidden = look.hidden(schema, [pattern for pattern, _ in arm.mask])
    return hidden | F.col(RESCUED).isNotNull() if RESCUED in schema.names else hidden
