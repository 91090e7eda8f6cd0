"""Bad records, from quarantine back into their table: seen in Athena, mended, landed again, and counted throughout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.demo.conditions import not_ingested, not_quiet
from local.demo.flow import take_stock
from local.demo.landing import Landed
from local.demo.observe import QueryFailed
from tests.end_to_end.analyst import Analyst, session_of
from tests.end_to_end.input import lines
from tests.pipeline_under_test import Watched

GOOD, DEAR, LISTED = {"id": "good", "cost": 1.5}, {"id": "dear", "cost": 1000}, {"id": "listed", "cost": 2}
ASTRAY = {"id": "astray", "cost": 3}
TABLE = '"tui_quarantine_dev"."quarantine"'
CONTRACT: dict[str, Any] = {
    "dataset": "repairs",
    "owner": "fleet@tui-group.example",
    "description": "Repairs of aircraft",
    "fields": {"id": {"type": "string", "description": "Job"}, "cost": {"type": "double", "description": "In euro"}},
}


@dataclass
class Refused:
    """The files that were landed, and what a secured reader saw of them in quarantine."""

    lines: Landed
    array: Landed
    astray: Landed
    seen: list[list[str | None]]

    @property
    def landed(self) -> list[Landed]:
        return [self.lines, self.array, self.astray]


def deploy(pipeline: Watched, most: int) -> None:
    """A contract for repairs, put where `terraform apply` puts it."""
    bucket, key = pipeline.bucket("scripts"), "contracts/contracts.json"
    contracts = json.loads(pipeline.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    expected = {"rule": "range", "field": "cost", "max": most, "on_breach": "quarantine"}
    contracts["datasets"]["repairs"] = CONTRACT | {"expectations": [expected]}
    pipeline.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(contracts).encode())


def reingest(pipeline: Watched, *arguments: str) -> str:
    """The command as an engineer runs it, with nothing but the role for it; what it says."""
    keys = session_of(pipeline, "reingest").get_credentials().get_frozen_credentials()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(pipeline.instance.repository / "glue" / "lib")}
    environment |= pipeline.instance.client_environment()
    environment |= {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
    environment["AWS_SESSION_TOKEN"] = keys.token
    command = [sys.executable, "-m", "tui_etl.reingest", "--environment", "dev", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(pipeline: Watched, files: list[Landed]) -> list[list[str | None]]:
    """What quarantine shows of landed files."""
    return rows_of_quarantine(pipeline, [file.file_id for file in files])


def rows_of_quarantine(pipeline: Watched, file_ids: list[str]) -> list[list[str | None]]:
    """What quarantine shows of some file versions, as a secured reader sees it."""
    named = ", ".join(f"'{file_id}'" for file_id in file_ids)
    reader = Analyst(pipeline, "secured-reader")
    columns = '"file_id", "position", "stage", "reason", "bytes", "dataset"'
    return sorted(
        reader.query(f'SELECT {columns} FROM {TABLE} WHERE "file_id" IN ({named})', workgroup=reader.workgroup), key=str
    )


def spelled(data: bytes) -> str:
    """Bytes as Athena prints them."""
    return data.hex(" ")


@pytest.fixture(scope="module")
def refused(pipeline: Watched, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    deploy(pipeline, most=100)
    files = {
        "repairs/2026/lines.jsonl": lines(GOOD) + b"no JSON\n" + lines(DEAR),
        "repairs/2026/array.json": json.dumps([LISTED, 7]).encode(),
        "secured/astray.json": lines(ASTRAY),
    }
    landed = {file.file.name: file for file in pipeline.drop(tmp_path_factory.mktemp("repairs"), files)}
    pipeline.ingested(list(landed.values()))
    array, of_lines, astray = (landed[name] for name in sorted(landed))
    before = rows_of(pipeline, list(landed.values()))
    assert {row[2] for row in before} == {"1"}
    pipeline.friday()
    pipeline.conformed()
    return Refused(of_lines, array, astray, rows_of(pipeline, list(landed.values())))


def test_quarantine_shows_reason_position_and_bytes_of_each_record(refused: Refused) -> None:
    seen = {(row[0], row[1]): row[2:] for row in refused.seen}
    assert len(seen) == len(refused.seen) == 4
    said = "Expecting value at character 0"
    assert seen[refused.lines.file_id, "2"] == ["1", said, spelled(b"no JSON"), "repairs"]
    assert seen[refused.array.file_id, "2"] == ["1", "a JSON number, not an object", spelled(b"7"), "repairs"]
    stage, reason, data, dataset = seen[refused.lines.file_id, "3"]
    assert (stage, reason, dataset) == ("3", "range of cost", "repairs")
    assert json.loads(bytes.fromhex(data or "")) == DEAR | {"cost": 1000.0}
    whole = seen[refused.astray.file_id, "0"]
    assert (whole[0], whole[2:]) == ("1", [spelled(lines(ASTRAY)), "_none"])


def test_a_legacy_reader_is_denied_quarantine(pipeline: Watched, refused: Refused) -> None:
    legacy, secured = Analyst(pipeline, "legacy-reader"), Analyst(pipeline, "secured-reader")
    for table in pipeline.outputs["quarantine"]["tables"].values():
        with pytest.raises((ClientError, QueryFailed), match=r"(?i)denied|not authorized"):
            legacy.count("tui_quarantine_dev", table)
    bucket, folder = pipeline.bucket("raw"), "tui/legacy/quarantine/committed-rows/"
    key = next(pipeline.keys(bucket, folder))
    assert secured.s3.get_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    with pytest.raises(ClientError, match="AccessDenied"):
        legacy.s3.get_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        legacy.s3.list_objects_v2(Bucket=bucket, Prefix=folder)


def test_what_is_mended_comes_into_its_table_once_and_names_its_origin(pipeline: Watched, refused: Refused) -> None:
    asked = ["--dataset", "repairs", "--stage", "3"]
    assert "nothing was done" in reingest(pipeline, *asked)
    # Too early: the contract is what it was, so it is refused again.
    [early] = bring_back(pipeline, asked)
    [again] = [row for row in rows_of_quarantine(pipeline, [early]) if row[2] == "3"]
    assert again[:4] == [early, "1", "3", "range of cost"]
    deploy(pipeline, most=10_000)
    bring_back(pipeline, asked, ["--file-id", refused.astray.file_id, "--into", "repairs"])
    snapshot = pipeline.look()
    rows = pipeline.query('SELECT "id", "cost", "_origin_file_id" FROM "tui_secured_dev"."repairs"')
    assert sorted(rows, key=str) == sorted(
        [
            ["good", "1.5", None],
            ["listed", "2.0", None],
            ["dear", "1000.0", refused.lines.file_id],
            ["astray", "3.0", refused.astray.file_id],
        ],
        key=str,
    )
    stock = take_stock(pipeline, snapshot, refused.landed)
    [account] = [account for account in stock.accounts if account.dataset == "repairs"]
    assert account.problems() == []
    assert (account.records, account.reingested, account.quarantined, account.conformed) == (5, 3, 4, 4)


def bring_back(pipeline: Watched, *commands: list[str]) -> list[str]:
    """Land a record by each command, and have all jobs take it; the ids of the new files."""
    told = [reingest(pipeline, *asked, "--yes") for asked in commands]
    assert all("1 records of 1 files" in one for one in told), told
    again = [line.removeprefix("landed ") for one in told for line in one.splitlines() if line.startswith("landed ")]
    assert len(again) == len(commands)
    pipeline.settle(lambda seen: not_ingested(seen, again) + not_quiet(seen), "Glue 1 run of what was landed again")
    pipeline.friday()
    pipeline.conformed()
    return again


def test_a_second_command_does_nothing_and_the_table_shows_what_was_landed_again(
    pipeline: Watched, refused: Refused
) -> None:
    files = len(pipeline.look().files)
    versions = set(pipeline.keys(pipeline.bucket("landing")))
    told = reingest(pipeline, "--dataset", "repairs", "--stage", "3", "--yes")
    assert "landed again before: 1 record" in told and "0 records of 0 files" in told
    assert set(pipeline.keys(pipeline.bucket("landing"))) == versions
    pipeline.tick()
    assert len(pipeline.look().files) == files
    reader = Analyst(pipeline, "secured-reader")
    left = reader.query(
        f'SELECT q."file_id", q."position" FROM {TABLE} q LEFT JOIN "tui_quarantine_dev"."reingested" r '
        'ON q."stage" = r."stage" AND q."run_id" = r."run_id" AND q."file_id" = r."file_id" '
        'AND q."position" = r."position" WHERE r."file_id" IS NULL AND q."dataset" = \'repairs\'',
        workgroup=reader.workgroup,
    )
    assert sorted(left) == sorted([[refused.lines.file_id, "2"], [refused.array.file_id, "2"]])
