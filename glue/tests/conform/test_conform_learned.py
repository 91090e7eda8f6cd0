"""What nobody has described is learned, as a contract that a person can take over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import contract_yaml
import pytest
from jsonschema import Draft202012Validator

from tui_etl.conform import contracts, learned
from tui_etl.storage import Clients

SCHEMA = json.loads((Path(__file__).parents[3] / "contracts" / "schema" / "dataset.schema.json").read_text())
COLUMNS = "`on` bigint, n boolean, `012` string, `1e5` string, deep struct<`null`:array<struct<x:double>>>"


def read(aws: Clients, bucket: str) -> dict[str, Any]:
    listed = aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    keys = [entry["Key"] for entry in listed]
    return {
        key: contract_yaml.load(aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(), key) for key in keys
    }


@pytest.fixture
def bucket(aws: Clients, tmp_path: Path) -> str:
    name = f"learned-{tmp_path.name.replace('_', '-').lower()}"[:60].rstrip("-")
    aws.s3.create_bucket(Bucket=name)
    return name


def test_a_contract_is_learned_once_a_shape_and_can_be_taken_over(lake, aws: Clients, bucket: str) -> None:
    def run(run_id: str, zone: str, columns: str, row: dict[str, Any]) -> None:
        outputs = lake.classified(zone, "odd", columns, [row | {"_run_id": run_id, "_file_id": run_id}])
        outputs += lake.classified(zone, "known", "a string", [{"_run_id": run_id, "_file_id": run_id}])
        params = lake.params()
        balances = lake.conform(outputs, [run_id]).values()
        learned.keep(lake.spark, aws.s3, params, learned.folder_of(bucket), run_id, balances)

    lake.describe("known", fields={"a": "string"})
    run("jr_1", "legacy", COLUMNS, {"on": 1, "1e5": "x", "deep": ([(0.5,)],)})
    run("jr_2", "legacy", "`on` bigint", {"on": 2})
    run("jr_3", "secured", "`more` boolean", {"more": True})
    found = read(aws, bucket)
    assert list(found) == ["contracts/learned/odd/v1.yaml", "contracts/learned/odd/v2.yaml"]
    first, second = found.values()
    assert first["fields"] == {
        "012": {"type": "string", "description": ""},
        "1e5": {"type": "string", "description": ""},
        "deep": {"type": "struct<`null`:array<struct<`x`:double>>>", "description": ""},
        "n": {"type": "boolean", "description": ""},
        "on": {"type": "bigint", "description": ""},
    }
    assert (first["learned"]["version"], first["learned"]["run_id"]) == (1, "jr_1")
    assert first["learned"]["files"].endswith("/dataset=odd")
    assert second["fields"] == first["fields"] | {"more": {"type": "boolean", "description": ""}}
    assert (second["learned"]["version"], second["learned"]["run_id"]) == (2, "jr_3")
    Draft202012Validator(SCHEMA).validate(second)
    lake.contracts |= contracts.parse(json.dumps({"datasets": {"odd": second}}))
    run("jr_4", "legacy", COLUMNS, {"on": 4, "1e5": "x", "deep": ([(0.5,)],)})
    assert [row.on for row in lake.rows("legacy", "odd")] == [1, 2, 4]
    assert len(read(aws, bucket)) == 2


def test_the_newest_version_is_not_the_last_by_name(aws: Clients, bucket: str) -> None:
    folder = f"{learned.folder_of(bucket)}/x"
    written = [learned.write(aws.s3, folder, f"dataset: x{n}\n", f"jr_{n}", "f") for n in range(1, 12)]
    assert written[-1] == f"{folder}/v11.yaml"
    assert learned.write(aws.s3, folder, "dataset: x11\n", "jr_12", "f") is None
    assert learned.write(aws.s3, folder, "dataset: x1\n", "jr_13", "f") == f"{folder}/v12.yaml"
