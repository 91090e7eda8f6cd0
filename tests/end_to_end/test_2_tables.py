"""What analysts and operators do with tables: views of what is current, saved queries, a roll-back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.demo.landing import Landed
from local.demo.observe import QueryFailed
from tests.end_to_end.analyst import Analyst, session_of
from tests.end_to_end.input import lines
from tests.pipeline_under_test import Watched

KEY = "flights/tables/movements.jsonl"
BROKEN = "trips/tables/broken.jsonl"
CURRENT = 'SELECT "flight_number" FROM "tui_legacy_dev"."flights_current" WHERE "flight_number" LIKE \'TT%\''


def flight(number: str, **fields: Any) -> dict[str, Any]:
    reported = {"flight_number": number, "reported_at": "2026-11-02T10:00:00Z", "movement": "arrived"}
    return reported | {"delay_minutes": 1} | fields


@dataclass
class Weeks:
    """What was landed in two weeks, and what the view showed between them."""

    first: dict[str, Landed]
    second: dict[str, Landed]
    between: datetime
    seen: list[list[str | None]]


def week(pipeline: Watched, folder: Any, files: dict[str, bytes]) -> dict[str, Landed]:
    landed = pipeline.drop(folder, files)
    pipeline.ingested(landed)
    pipeline.friday()
    pipeline.conformed()
    return {file.file.name: file for file in landed}


@pytest.fixture(scope="module")
def weeks(pipeline: Watched, tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    files = {KEY: lines(flight("TT1"), flight("TT2")), "trips/tables/a.jsonl": lines({"id": 1})}
    first = week(pipeline, tmp_path_factory.mktemp("first"), files)
    between = datetime.now(UTC)
    reader = Analyst(pipeline, "legacy-reader")
    seen = reader.query(CURRENT, workgroup=reader.workgroup)
    # The same key again with one flight less and another one's delay out of all bounds, and bad lines beside good ones.
    files = {
        KEY: lines(flight("TT3", delay_minutes=99999)),
        "trips/tables/a.jsonl": lines({"id": 2}, {"id": 3}),
        BROKEN: b"no JSON\n" + lines({"id": 4}) + b"[]\n",
    }
    second = week(pipeline, tmp_path_factory.mktemp("second"), files)
    return Weeks(first, second, between, seen)


def saved(analyst: Analyst) -> dict[str, str]:
    """The queries that an analyst finds in Athena, as the console asks for them."""
    ids = analyst.athena.list_named_queries(WorkGroup=analyst.workgroup)["NamedQueryIds"]
    found = analyst.athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert [analyst.athena.get_named_query(NamedQueryId=one["NamedQueryId"])["NamedQuery"] for one in found] == found
    return {one["Name"]: one["QueryString"] for one in found}


def ask(analyst: Analyst, title: str, *parameters: str) -> list[list[str | None]]:
    return analyst.query(saved(analyst)[title], workgroup=analyst.workgroup, parameters=parameters)


@pytest.fixture
def legacy(pipeline: Watched) -> Analyst:
    return Analyst(pipeline, "legacy-reader")


@pytest.fixture
def secured(pipeline: Watched) -> Analyst:
    return Analyst(pipeline, "secured-reader")


def zones_of(pipeline: Watched) -> dict[str, str]:
    return {database: zone for zone, database in pipeline.outputs["databases"].items()}


def test_the_current_view_shows_the_newest_version_of_a_key(weeks: Weeks, legacy: Analyst) -> None:
    assert sorted(weeks.seen) == [["TT1"], ["TT2"]]
    assert legacy.query(CURRENT, workgroup=legacy.workgroup) == [["TT3"]]
    every = 'SELECT count(*) FROM "tui_legacy_dev"."flights" WHERE "flight_number" LIKE \'TT%\''
    assert legacy.query(every, workgroup=legacy.workgroup) == [["3"]]


def test_a_legacy_reader_gets_no_further_through_views(weeks: Weeks, legacy: Analyst, secured: Analyst) -> None:
    for database, name in (
        ("tui_secured_dev", "trips_current"),
        ("tui_versions_dev", "secured"),
        ("tui_versions_dev", "secured_files"),
    ):
        assert secured.count(database, name) > 0
        with pytest.raises((ClientError, QueryFailed), match=r"(?i)denied|not authorized"):
            legacy.count(database, name)
    assert legacy.count("tui_versions_dev", "legacy") > 0


def test_each_role_finds_its_queries(weeks: Weeks, legacy: Analyst, secured: Analyst) -> None:
    everyone = {"Rows by load", "Freshness", "Lineage of a file", "Values that did not fit"}
    assert set(saved(legacy)) == everyone
    assert set(saved(secured)) == everyone | {"Quarantine by reason", "Quarantine of a file"}


def test_rows_by_load_are_those_of_the_tables(
    pipeline: Watched, weeks: Weeks, legacy: Analyst, secured: Analyst
) -> None:
    expected: dict[tuple[str, str, str], list[str]] = {}
    for database, table in pipeline.tables():
        sql = f'SELECT "_run_id", count(DISTINCT "_file_id"), count(*) FROM "{database}"."{table}" GROUP BY "_run_id"'
        for run_id, files, records in pipeline.query(sql):
            expected[table, zones_of(pipeline)[database], str(run_id)] = [str(files), str(records)]
    found = {(str(row[0]), str(row[1]), str(row[2])): row[5:] for row in ask(secured, "Rows by load")}
    assert found == expected
    of_legacy = {(str(row[0]), str(row[1]), str(row[2])): row[5:] for row in ask(legacy, "Rows by load")}
    assert of_legacy == {key: numbers for key, numbers in expected.items() if key[1] == "legacy"}


def test_freshness_names_the_newest_file_of_each_dataset(pipeline: Watched, weeks: Weeks, secured: Analyst) -> None:
    rows = {str(row[0]): row[1:] for row in ask(secured, "Freshness")}
    newest = weeks.second[KEY]
    bucket, key, version = parts(newest.file_id)
    head = pipeline.s3.head_object(Bucket=bucket, Key=key, VersionId=version)
    landed, hours, files, records = rows["trips"]
    assert rows["flights"][0] is not None and landed is not None
    told = datetime.fromisoformat(rows["flights"][0]).replace(tzinfo=UTC)
    assert abs(told - head["LastModified"]) < timedelta(seconds=30)
    assert (hours, files, records) == ("0", "3", "4")


def parts(file_id: str) -> tuple[str, str, str]:
    location, _, version = file_id.rpartition("#")
    bucket, _, key = location.partition("/")
    return bucket, key, version


def test_the_lineage_of_a_file_names_its_rows_and_their_loads(
    pipeline: Watched, weeks: Weeks, legacy: Analyst, secured: Analyst
) -> None:
    found = ask(secured, "Lineage of a file", f"'{KEY}'")
    assert [(row[0], row[2], row[3], row[5], row[6]) for row in found] == [
        (weeks.first[KEY].file_id, "flights", "legacy", "2", "0"),
        (weeks.second[KEY].file_id, "flights", "legacy", "1", "1"),
    ]
    runs = {run["run_id"] for run in pipeline.look().runs if run["stage"] == 1}
    assert {row[4] for row in found} <= runs
    assert ask(legacy, "Lineage of a file", f"'{KEY}'") == found
    assert ask(legacy, "Lineage of a file", f"'{BROKEN}'") == []
    of_broken = ask(secured, "Lineage of a file", f"'{BROKEN}'")
    assert [(row[2], row[3], row[5]) for row in of_broken] == [("trips", "secured", "1")]


def test_values_that_did_not_fit_are_told_by_load(weeks: Weeks, legacy: Analyst) -> None:
    load = ask(legacy, "Lineage of a file", f"'{KEY}'")[1][4]
    [row] = [row for row in ask(legacy, "Values that did not fit") if row[2] == load and row[0] == "flights"]
    assert row[4:] == ["1", "1"]


def test_quarantine_is_told_by_reason_and_by_file(pipeline: Watched, weeks: Weeks, secured: Analyst) -> None:
    rows = ask(secured, "Quarantine of a file", f"'{BROKEN}'")
    file_id = weeks.second[BROKEN].file_id
    assert [row[:3] for row in rows] == [[file_id, "1", "1"], [file_id, "3", "1"]]
    reasons = {str(row[3]) for row in rows}
    by_reason = [row for row in ask(secured, "Quarantine by reason") if row[0] == "trips"]
    assert {str(row[2]) for row in by_reason} == reasons
    assert all(row[3:6] == ["1", "1", "1"] for row in by_reason)
    told = sum(int(row[3] or 0) for row in ask(secured, "Quarantine by reason"))
    every = 'SELECT count(*) FROM "tui_quarantine_dev"."quarantine"'
    assert [[str(told)]] == secured.query(every, workgroup=secured.workgroup)


def test_a_dataset_of_the_name_of_a_view_gets_its_table(
    pipeline: Watched, weeks: Weeks, secured: Analyst, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert secured.count("tui_secured_dev", "trips_current") == 3
    week(pipeline, tmp_path_factory.mktemp("third"), {"trips current/a.jsonl": lines({"id": 9})})
    assert secured.count("tui_secured_dev", "trips_current") == 1


def test_a_dataset_is_rolled_back_with_one_command_and_comes_in_again(pipeline: Watched, weeks: Weeks) -> None:
    """In the end everything is as before: what went is landed again."""
    session = session_of(pipeline, "rollback")
    glue, s3 = (session.client(name, endpoint_url=pipeline.instance.endpoint) for name in ("glue", "s3"))
    job = pipeline.job(3)
    mails, tickets = len(pipeline.mails()), len(pipeline.journal("incidents"))
    asked = {"--rollback": f"flights@{weeks.between.isoformat()}", "--started_by": "ann, INC0012345"}
    run_id = glue.start_job_run(JobName=job, Arguments=asked)["JobRunId"]
    ends = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR")

    def state() -> str | None:
        found: str = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]["JobRunState"]
        return found if found in ends else None

    assert pipeline.wait_for(state, "the roll-back's end") == "SUCCEEDED"
    key = f"reports/stage=3/rollback={run_id}.json"
    report = json.loads(s3.get_object(Bucket=pipeline.bucket("state"), Key=key)["Body"].read())
    assert (report["dataset"], report["started_by"]) == ("flights", "ann, INC0012345")
    [told] = [table for table in report["tables"] if table["table"] == "tui_legacy_dev.flights"]
    assert told["rows_gone"] == {weeks.second[KEY].file_id: 1}
    reader = Analyst(pipeline, "legacy-reader")
    assert sorted(reader.query(CURRENT, workgroup=reader.workgroup)) == [["TT1"], ["TT2"]]
    assert (len(pipeline.mails()), len(pipeline.journal("incidents"))) == (mails, tickets)
    again = pipeline.drop(weeks_folder(weeks), {KEY: lines(flight("TT3"))})
    pipeline.ingested(again)
    pipeline.friday()
    pipeline.conformed()
    assert reader.query(CURRENT, workgroup=reader.workgroup) == [["TT3"]]


def weeks_folder(weeks: Weeks) -> Any:
    return weeks.first[KEY].file.path.parents[2]


def test_maintenance_of_no_table_failed(pipeline: Watched, weeks: Weeks) -> None:
    logs = pipeline.client("logs")
    group = f"/aws-glue/jobs/{pipeline.job(3)}/output"
    found = logs.filter_log_events(logGroupName=group, filterPattern='"maintenance failed"')["events"]
    assert [event["message"] for event in found] == []
    assert "wrote a view" in json.dumps(logs.filter_log_events(logGroupName=group)["events"])
