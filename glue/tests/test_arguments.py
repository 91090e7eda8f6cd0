import pytest

from tui_etl.arguments import ArgumentError, parse

GIVEN = ["--environment", "dev", "--ledger_table=t", "--state_bucket", "s", "--started_by", "schedule 2024-01-05T12:00"]
GLUE = [
    "job.py",
    "--job-bookmark-option",
    "job-bookmark-disable",
    "--JOB_NAME",
    "j",
    "--JOB_RUN_ID",
    "jr_1",
    "--TempDir",
]


def test_values_are_found_among_glues_own_arguments_in_both_spellings() -> None:
    assert parse([*GLUE, *GIVEN, "--max_files=5"], ["max_files"]) == {
        "environment": "dev",
        "ledger_table": "t",
        "state_bucket": "s",
        "started_by": "schedule 2024-01-05T12:00",
        "JOB_NAME": "j",
        "JOB_RUN_ID": "jr_1",
        "max_files": "5",
    }


def test_a_value_may_be_empty_hold_an_equals_sign_or_begin_with_dashes() -> None:
    found = parse([*GLUE, *GIVEN, "--a", "--b", "--c=d=e", "--f="], ["a", "c", "f"])
    assert (found["a"], found["c"], found["f"]) == ("--b", "d=e", "")


def test_the_last_one_given_wins() -> None:
    assert parse([*GLUE, *GIVEN, "--started_by", "reconcile"], [])["started_by"] == "reconcile"


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ArgumentError, match="--raw_bucket, --max_files"):
        parse([*GLUE, *GIVEN], ["raw_bucket", "max_files"])


def test_an_argument_at_the_end_without_a_value_is_refused() -> None:
    with pytest.raises(ArgumentError, match="--max_files has no value"):
        parse([*GLUE, *GIVEN, "--max_files"], ["max_files"])
