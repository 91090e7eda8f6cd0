import json

import pytest

from tui_etl import manifest
from tui_etl.manifest import ManifestError, Output

OUTPUT = Output("raw", "tui/legacy/temp/a/run=jr_1/part-0.parquet", "a", "temp", 3, 100)


def lines() -> list[dict]:
    return list(manifest.lines(1, "jr_1", "glue1", ["FILE#b/k#1", "FILE#b/k#2"], [OUTPUT]))


def test_the_lines_are_what_the_functions_read() -> None:
    assert lines() == [
        {"manifest": 1, "stage": 1, "run_id": "jr_1", "job": "glue1"},
        {"item": "FILE#b/k#1"},
        {"item": "FILE#b/k#2"},
        {
            "output": {
                "bucket": "raw",
                "key": "tui/legacy/temp/a/run=jr_1/part-0.parquet",
                "dataset": "a",
                "zone": "temp",
                "records": 3,
                "size": 100,
            }
        },
        {"end": True, "items": 2, "outputs": 1},
    ]


@pytest.mark.parametrize("cut", [[4], [1], [3], [0]], ids=["end", "item", "output", "header"])
def test_a_manifest_that_lacks_a_line_is_refused(cut: list[int]) -> None:
    with pytest.raises(ManifestError):
        list(manifest.check(line for number, line in enumerate(lines()) if number not in cut))


def test_lines_after_the_end_are_refused() -> None:
    with pytest.raises(ManifestError, match="goes on"):
        list(manifest.check([*lines(), {"item": "FILE#b/k#3"}]))


def test_an_empty_object_is_no_manifest() -> None:
    with pytest.raises(ManifestError, match="truncated"):
        list(manifest.check([]))


def test_what_was_written_is_read_whatever_the_names_and_the_size(aws) -> None:
    aws.s3.create_bucket(Bucket="state-manifest")
    place = manifest.uri("state-manifest", 1, "jr_1")
    items = [f"FILE#b/tui/ä +%'\"\u2028{number}.json#v" for number in range(40_000)]
    manifest.write(aws.s3, place, 1, "jr_1", "glue1", items, [OUTPUT])
    read = manifest.read(aws.s3, place)
    assert (read.stage, read.run_id, read.job, read.outputs) == (1, "jr_1", "glue1", [OUTPUT])
    assert read.items == items
    assert manifest.read_items(aws.s3, place) == set(items)


def test_a_truncated_object_is_refused(aws) -> None:
    aws.s3.create_bucket(Bucket="state-truncated")
    body = "\n".join(json.dumps(line) for line in lines()[:-1])
    aws.s3.put_object(Bucket="state-truncated", Key="m.jsonl", Body=body.encode())
    with pytest.raises(ManifestError, match="truncated"):
        manifest.read(aws.s3, "s3://state-truncated/m.jsonl")
