"""docs/ingest.md promises nothing that no test holds, and its odd inputs are what a second opinion finds, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.demo.hostile import CASES, LARGE, QUICK, Odd, files, folder_of, large
from local.demo.reference import Count, count_file
from tests.ingest_page import odd_inputs, statements
from tests.unit.test_guarantees import REPOSITORY, defined

#: Promises nothing that could be broken: it leads to what does.
TELLS = ""
CONTENT = "test_what_a_file_is_and_holds test_content_is_counted"
FOLDERS = "test_the_folder_that_was_first_keeps_the_table_in_every_later_run test_two_folders_are_never_one_table"
REFUSED = "test_a_file_that_s3_does_not_hand_out_is_refused_and_the_others_are_read"
COLUMNS = "test_values_and_their_column test_generated_files_come_out_as_they_went_in"
ODD = "test_an_odd_input_becomes_what_the_page_says"
STRICT = "test_a_strict_dataset_takes_no_drift"
GUESSED = "test_a_wrong_guess_costs_a_second_reading_and_nothing_else"
RANGES = "test_a_large_file_is_read_in_ranges_with_the_line_numbers_of_the_whole"
KEPT = "test_one_very_long_record_is_a_row_and_one_beyond_the_limit_is_quarantined"
SHOWN = "test_quarantine_shows_reason_position_and_bytes_of_each_record"
AGAIN = "test_records_from_quarantine_name_their_origin_whether_they_are_good_now_or_not"
UNSAFE = "test_an_unsafe_change_of_type_goes_where_the_mode_says"
PERMISSIVE = "test_a_permissive_dataset_keeps_the_columns_that_are_described"
CANNOT_TELL = "test_a_record_that_its_columns_cannot_tell_is_not_legacy_by_what_they_hold"
EVOLVES = "test_tables_evolve_and_count_what_they_rescued"

#: The page's statements in their order, each by its beginning, and the tests that break when it is not so.
HELD = [
    ("Any JSON is taken in", f"{ODD} test_names_survive_from_landing_to_athena"),
    ("What is not JSON is kept", f"{ODD} test_hostile_files_each_have_their_outcome"),
    ("The demo's reference counter", "test_content_is_counted test_an_odd_input_counts_as_the_page_says"),
    ("Each line of it is held", "test_each_statement_is_held_by_tests_that_there_are"),
    ("The dataset is the first folder", "test_dataset_of test_datasets_are_named_as_the_pipeline_names_them"),
    ("`Loyalty Points/2026/a.json`", "test_dataset_of"),
    ("In quarantine under `_none` go", "test_files_without_a_dataset_say_why test_a_whole_run"),
    ("directly below", "test_files_without_a_dataset_say_why"),
    ("in a folder `secured`", "test_files_without_a_dataset_say_why"),
    ("Folders that mean one table", f"{FOLDERS} test_a_run_wants_each_table_for_the_first_folder_by_name"),
    ("Files of any other", "test_of_two_folders_that_mean_one_table_the_one_that_has_it_is_read test_a_whole_run"),
    ("Each version that a run took", "test_each_version_is_copied_under_a_name_of_its_own_whatever_it_was_called"),
    ("Only that is read", "test_a_whole_run"),
    ("So it does not matter", "test_the_copy_is_of_the_named_version_even_if_it_is_not_the_latest test_a_whole_run"),
    ("A version that is gone", "test_empty_and_vanished_versions_are_told_apart"),
    ("So does one that S3 doesn't", REFUSED),
    ("`InvalidObjectState`", "test_what_nobody_could_read_is_no_fault_of_the_role"),
    ("`InvalidRequest`", "test_what_nobody_could_read_is_no_fault_of_the_role"),
    ("`AccessDenied`, or an error", f"{REFUSED} test_if_nothing_can_be_read_the_role_is_to_blame_and_the_run_fails"),
    ("The last line must not", "test_if_nothing_can_be_read_the_role_is_to_blame_and_the_run_fails"),
    ("So the role needs a witness", "test_a_witness_is_one_of_the_sixteen_newest_versions"),
    ("Without one the run fails", "test_if_nothing_can_be_read_the_role_is_to_blame_and_the_run_fails"),
    ("What this can't tell", "test_files_that_are_refused_alone_are_to_blame_if_something_else_can_be_read"),
    ("The mails count them", "quarantined_files_are_named_up_to_a_limit"),
    ("The version stays in landing", TELLS),
    ("Its content says so", "test_gzip_is_known_by_its_content_not_by_its_name test_what_a_file_is_and_holds"),
    ("Then the first line", CONTENT),
    ("closes every bracket", CONTENT),
    ("begins with `[`", CONTENT),
    ("begins with `{`", CONTENT),
    ("is another JSON value", CONTENT),
    ("is anything else", CONTENT),
    ("JSON Lines: each line", f"{CONTENT} test_lines_are_records_just_when_the_grammar_says_so"),
    ("Lines end at LF", f"{CONTENT} {ODD}"),
    ("An array: each element", CONTENT),
    ("A document: itself", CONTENT),
    ("An empty file, a blank one", f"{CONTENT} {ODD}"),
    ("An element or line", "test_what_the_grammar_refuses_is_no_record test_hostile_files_each_have_their_outcome"),
    ("An array or document that", "test_an_array_or_document_is_read_just_when_the_grammar_says_so"),
    (
        "Larger than 64 MiB",
        "test_one_line_of_200_mb_is_quarantined_in_bounded_memory test_deeper_nesting_is_a_bad_record",
    ),
    ("Equal records all count", ODD),
    ("A repeated key inside", ODD),
    ("The shapes of all records", "test_files_of_one_dataset_share_their_columns"),
    ("booleans, strings", COLUMNS),
    ("integers that fit", COLUMNS),
    ("numbers that a double", COLUMNS),
    ("objects, arrays", COLUMNS),
    ("a mix, numbers beyond", f"{COLUMNS} test_nesting_beyond_the_limit_is_kept_as_text"),
    ("only null", "test_what_is_always_null_has_no_column"),
    ("Keys become column names", "test_capitals_become_small"),
    ("A key with other characters", "test_other_keys_get_names_of_their_own test_a_plain_key_is_its_columns_name"),
    ("A dataset has 2,000 columns", "test_columns_beyond_the_limit_are_rescued"),
    ("Where a record can't be told", "test_generated_files_come_out_as_they_went_in"),
    ("A key that is data itself", f"test_keys_that_hold_such_data_are_told_from_names {ODD}"),
    ("A nested object with such a key", f"{ODD} {CANNOT_TELL}"),
    ("Every row carries", "test_every_row_tells_where_it_comes_from"),
    ("`_file_id`, `_landed_at`", "test_every_row_tells_where_it_comes_from"),
    ("Position is lineage", "test_a_repeated_run_appends_nothing_and_the_next_one_only_its_own"),
    ("Each task cuts", "test_files_that_no_successful_task_names_are_removed"),
    ("The columns are guessed", GUESSED),
    ("A dataset that turns out", GUESSED),
    ("Besides that, these are read twice", f"{RANGES} {ODD} {KEPT}"),
    ("A task reads 1 GiB", "test_tasks_are_large_and_as_many_as_can_run_at_once"),
    ("What is quarantined is a row", f"{KEPT} {SHOWN}"),
    ("`reason`, `file_id`", f"{KEPT} {SHOWN}"),
    ("It is a secured zone", "terraform/tests/policies_of_resources.tftest.hcl"),
    ("What is landed again from there", AGAIN),
    ("More is in", TELLS),
    ("Glue 2 puts each row", "test_each_record_goes_where_its_first_rule_says"),
    ("What no rule matches", "test_without_the_columns_or_types_that_a_rule_needs_all_is_secured"),
    ("Glue 3 appends to", "test_tables_are_what_a_plain_reference_makes_of_all_records"),
    ("What a run brings", TELLS),
    ("That changes nothing above", TELLS),
    ("a field is new", f"{EVOLVES} {STRICT} {PERMISSIVE}"),
    ("a field is missing", f"{EVOLVES} {STRICT} {PERMISSIVE}"),
    ("numbers are of a wider type", f"test_a_table_only_gains_and_widens {STRICT} {PERMISSIVE}"),
    ("a value doesn't fit", f"test_a_value_is_in_its_column_or_rescued {EVOLVES} {STRICT} {PERMISSIVE}"),
    ("a field has another type", UNSAFE),
]


def test_each_statement_is_held_by_tests_that_there_are() -> None:
    found = statements()
    assert [said for said, (begins, _) in zip(found, HELD, strict=False) if not said.startswith(begins)] == []
    assert len(found) == len(HELD)
    tests = {test for _, named in HELD for test in named.split()}
    assert [test for test in tests if test not in defined() and not (REPOSITORY / test).is_file()] == []


def test_the_page_names_each_odd_input_and_no_other() -> None:
    assert list(odd_inputs()) == [*CASES, LARGE]


@pytest.mark.parametrize("name", [*CASES, LARGE])
def test_an_odd_input_counts_as_the_page_says(tmp_path: Path, name: str) -> None:
    case = large() if name == LARGE else CASES[name]
    found = Count(0, 0)
    for file, content in case.files.items():
        (tmp_path / file).write_bytes(content)
        found += count_file(tmp_path / file)
    assert (found.records, found.quarantined) == odd_inputs()[name]


def test_each_case_has_files_of_its_own_in_a_few_datasets() -> None:
    made = files()
    assert len(made) == sum(len(case.files) for case in QUICK.values())
    assert len({name.partition("/")[0] for name in made}) < 10
    assert folder_of('a "b"/c: d') == "a bc d"
    assert list(files({"a: b": Odd("odd", {"x": b"1"})})) == ["odd/a b/x"]
