"""What Glue 2 is given beside records: rules that contracts allow, and the salt from its secret."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tui_etl.classify import process, salt
from tui_etl.classify.rules import RulesError, RuleSet, parse

FIELDS = {name: {"type": "string", "description": ""} for name in ("id", "at", "iban")}
CONTRACT = {"dataset": "x", "owner": "o", "description": "d", "fields": FIELDS, "key": ["id"], "order_by": "at"}


def rules_with(mask: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "rules": [{"id": "a", "dataset": "x", "zone": "legacy", "mask": mask}]})


@pytest.mark.parametrize("column", ["id", "at"])
def test_rules_that_mask_a_key_are_refused_by_name(tmp_path, column: str) -> None:
    contracts, rules = tmp_path / "contracts.json", tmp_path / "rules.json"
    contracts.write_text(json.dumps({"datasets": {"x": CONTRACT}}))
    rules.write_text(rules_with({"iban": "hash"}))
    assert process.read_rules(None, f"file://{rules}", f"file://{contracts}").hashes
    rules.write_text(rules_with({"iban": "hash", column: None}))
    with pytest.raises(RulesError, match=f"rules.json: rule 'a' masks '{column}', by which x is merged"):
        process.read_rules(None, f"file://{rules}", f"file://{contracts}")


def rule_set(how: str) -> RuleSet:
    return parse(rules_with({"iban": how}))


def test_the_salt_is_read_only_if_a_rule_hashes(aws) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="salt", SecretString="s" * 32)
    assert salt.read(client, "salt", rule_set("hash")) == "s" * 32
    assert salt.read(client, "there is none", rule_set("last_four")) is None


def test_a_salt_that_is_missing_or_could_be_guessed_ends_the_run(aws) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="short", SecretString="s" * 31)
    client.create_secret(Name="empty")
    with pytest.raises(salt.SaltError, match="short has fewer than 32 characters"):
        salt.read(client, "short", rule_set("hash"))
    for name in ("empty", "none"):
        with pytest.raises(salt.SaltError, match=f"secret {name} has no value: set mask_salt"):
            salt.read(client, name, rule_set("hash"))
