"""Nothing refused, nothing granted in vain, and what is taken away is missed and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from local.demo import conditions
from local.demo.observe import GlueRun, QueryFailed
from tests.end_to_end.analyst import Analyst
from tests.end_to_end.input import lines
from tests.pipeline_under_test import Watched

EXCEPTIONS = Path(__file__).resolve().parents[1] / "iam_exceptions.yaml"


def granted(pipeline: Watched) -> set[tuple[str, str]]:
    """(role, action) of every Allow statement of the pipeline's own roles, as IAM has them."""
    iam = pipeline.client("iam")
    return {
        (role, action)
        for role in pipeline.outputs["roles"].values()
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for action in allowed(iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"])
    }


def allowed(document: dict[str, Any]) -> set[str]:
    statements = [statement for statement in document["Statement"] if statement["Effect"] == "Allow"]
    return {action for statement in statements for action in as_list(statement["Action"])}


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def exceptions() -> dict[tuple[str, str], dict[str, Any]]:
    """(role, action) -> why the local flow never exercises it, or (`sometimes`) only when timing wants it."""
    entries = yaml.safe_load(EXCEPTIONS.read_text())
    return {(role, entry["action"]): entry for entry in entries for role in as_list(entry["roles"])}


def test_no_role_has_a_managed_policy_or_a_wildcard_action(pipeline: Watched) -> None:
    iam = pipeline.client("iam")
    for role in pipeline.outputs["roles"].values():
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    assert {(role, action) for role, action in granted(pipeline) if "*" in action} == set()


def test_a_legacy_reader_reads_legacy_tables_and_no_secured_object(pipeline: Watched) -> None:
    legacy, secured = Analyst(pipeline, "legacy-reader"), Analyst(pipeline, "secured-reader")
    assert legacy.count("tui_legacy_dev", "flights") > 0
    assert secured.count("tui_legacy_dev", "flights") > 0
    assert secured.count("tui_secured_dev", "customers") > 0
    with pytest.raises((ClientError, QueryFailed), match=r"(?i)denied|not authorized"):
        legacy.count("tui_secured_dev", "customers")
    bucket = pipeline.bucket("conformed")
    key = next(key for key in pipeline.keys(bucket, "legacy/secured/") if key.endswith(".parquet"))
    assert secured.s3.get_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    with pytest.raises(ClientError, match="AccessDenied"):
        legacy.s3.get_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        legacy.s3.list_objects_v2(Bucket=bucket, Prefix="legacy/secured/")


def test_analysts_find_their_way_around(pipeline: Watched) -> None:
    """What Athena's console and drivers ask beside the query itself."""
    for name, databases in (("legacy-reader", ["legacy"]), ("secured-reader", ["legacy", "secured"])):
        analyst = Analyst(pipeline, name)
        for database in databases:
            deployed = pipeline.outputs["databases"][database]
            assert analyst.glue.get_database(Name=deployed)["Database"]["Name"] == deployed
            assert "bookings" in {
                table["Name"] for table in analyst.glue.get_tables(DatabaseName=deployed)["TableList"]
            }
        assert analyst.athena.get_work_group(WorkGroup=analyst.workgroup)["WorkGroup"]["Name"] == analyst.workgroup
        assert analyst.s3.list_objects_v2(Bucket=pipeline.bucket("conformed"), Prefix="legacy/flights/")["KeyCount"] > 0
        analyst.s3.get_bucket_location(Bucket=pipeline.bucket("athena"))


def test_every_granted_action_is_exercised_or_its_exception_has_a_reason(pipeline: Watched) -> None:
    exercised = {(entry["role"], entry["action"]) for entry in pipeline.journal("iam") if entry["decision"] == "Allow"}
    excepted = exceptions()
    never = [f"{role} {action}" for role, action in sorted(granted(pipeline) - exercised - set(excepted))]
    assert not never, told("granted and never exercised; take it away, or say why in tests/iam_exceptions.yaml", never)
    unconditional = {pair for pair, entry in excepted.items() if not entry.get("sometimes")}
    stale = [
        f"{role} {action}" for role, action in sorted(unconditional & exercised | set(excepted) - granted(pipeline))
    ]
    assert not stale, told("excepted, and yet exercised or not even granted; see tests/iam_exceptions.yaml", stale)
    assert [pair for pair, entry in excepted.items() if len(entry["reason"].split()) < 4] == []


def told(what: str, lines: list[str]) -> str:
    return "\n  ".join([f"{what}:", *lines])


def test_an_action_taken_away_is_missed_and_named(pipeline: Watched, tmp_path: Path, describe_refusals: Any) -> None:
    iam, role, action = pipeline.client("iam"), pipeline.outputs["roles"]["ingest"], "s3:PutObject"
    assert describe_refusals() == []
    known = {run.run_id for run in failed_runs_of(pipeline, 1)}
    documents = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    with pipeline.refusals_ordered(role, action):
        try:
            for name, document in documents.items():
                narrowed = json.dumps(without(document, action))
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=narrowed)
            landed = pipeline.drop(tmp_path, {"third week/a.jsonl": lines({"id": 1})})
            pipeline.wait_for(pipeline.refusals, "refusal")
            pipeline.wait_for(lambda: {run.run_id for run in failed_runs_of(pipeline, 1)} - known, "failed Glue 1 run")
            assert {(refusal["role"], refusal["action"]) for refusal in pipeline.refusals()} == {(role, action)}
            assert conditions.not_ingested(pipeline.look(), [landed[0].file_id]) != []
        finally:
            for name, document in documents.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    # Another file has Glue 1 look again; on their own, failed runs are followed up ever more slowly.
    pipeline.ingested(landed + pipeline.drop(tmp_path, {"third week/b.jsonl": lines({"id": 2})}))


def failed_runs_of(pipeline: Watched, stage: int) -> list[GlueRun]:
    return [run for run in conditions.failed_runs(pipeline.look()) if run.stage == stage]


def without(document: dict[str, Any], action: str) -> dict[str, Any]:
    """The policy without an action."""
    statements = [
        statement | {"Action": [name for name in as_list(statement["Action"]) if name != action]}
        for statement in document["Statement"]
    ]
    return document | {"Statement": [statement for statement in statements if statement["Action"]]}
