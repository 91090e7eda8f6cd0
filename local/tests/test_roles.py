"""Whom a role's trust policy lets in."""

from __future__ import annotations

from typing import Any

import pytest

from local.emulator import roles

ROLE = "arn:aws:iam::222222222222:role/job-role"
GLUE = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (GLUE, True),
        (GLUE | {"Effect": "Deny"}, False),
        (GLUE | {"Principal": {"Service": "lambda.amazonaws.com"}}, False),
        (GLUE | {"Condition": {"StringEquals": {"aws:SourceAccount": "222222222222"}}}, True),
        (GLUE | {"Condition": {"StringEquals": {"aws:SourceAccount": ["1", "222222222222"]}}}, True),
        (GLUE | {"Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}, False),
        (GLUE | {"Condition": {"StringNotEquals": {"aws:SourceAccount": "222222222222"}}}, False),
    ],
)
def test_a_service_is_let_in_for_the_account_that_the_policy_names(
    statement: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Roles:
        def get_scoped(self, account: str, _region: None, name: str) -> dict[str, Any]:
            assert (account, name) == ("222222222222", "job-role")
            return {"AssumeRolePolicyDocument": {"Statement": [statement]}}

    monkeypatch.setattr(roles.iam, "_roles", Roles())
    assert roles.trusts(ROLE, "glue.amazonaws.com") is expected
