import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_etl import manifest
from tui_etl.manifest import ManifestError, Output

OUTPUT = Output("raw", "tui/legacy/temp/a/run=jr_1/part-0.parquet", "a", "temp", 3, 100)


ROWS = json.loads((Path(__file__).parents[2] / "tests" / "decisions" / "manifest.json").read_text())


def check(lines: Iterable[dict | bytes]) -> list[dict]:
    raw = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return list(manifest.check(raw, 1, "jr_1"))


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
        check(line for number, line in enumerate(lines()) if number not in cut)


def test_lines_after_the_end_are_refused() -> None:
    with pytest.raises(ManifestError, match="goes on"):
        check([*lines(), {"item": "FILE#b/k#3"}])


def test_an_empty_object_is_no_manifest() -> None:
    with pytest.raises(ManifestError, match="truncated"):
        check([])


def test_what_was_written_is_read_whatever_the_names_and_the_size(aws) -> None:
    aws.s3.create_bucket(Bucket="state-manifest")
    place = manifest.uri("state-manifest", 1, "jr_1")
    items = [f"FILE#b/tui/ä +%'\"\u2028{number}.json#v" for number in range(40_000)]
    manifest.write(aws.s3, place, 1, "jr_1", "glue1", items, [OUTPUT])
    read = manifest.read(aws.s3, place, 1, "jr_1")
    assert (read.stage, read.run_id, read.job, read.outputs) == (1, "jr_1", "glue1", [OUTPUT])
    assert read.items == items
    assert manifest.read_items(aws.s3, place, 1, "jr_1") == set(items)


def test_a_truncated_object_is_refused(aws) -> None:
    aws.s3.create_bucket(Bucket="state-truncated")
    body = "\n".join(json.dumps(line) for line in lines()[:-1])
    aws.s3.put_object(Bucket="state-truncated", Key="m.jsonl", Body=body.encode())
    with pytest.raises(ManifestError, match="truncated"):
        manifest.read(aws.s3, "s3://state-truncated/m.jsonl", 1, "jr_1")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_manifests_are_taken_and_refused_as_the_table_says(row: dict) -> None:
    raw = [line.encode() for line in row["lines"]]
    if row["expect"] is None:
        with pytest.raises(ManifestError):
            check(raw)
    else:
        _, *body = check(raw)
        kinds = [kind for line in body for kind in ("items", "outputs") if kind[:-1] in line]
        assert {kind: kinds.count(kind) for kind in ("items", "outputs")} == row["expect"]


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    class Endless(io.BytesIO):
        blocks = 0

        def read(self, size: int | None = -1) -> bytes:
            self.blocks += 1
            assert self.blocks < 10, "read on and on"
            return b"x" * (size or 0)

    first, *rest = lines()
    long = {"item": "x" * (manifest.LONGEST_LINE - 12)}
    assert len(json.dumps(long)) == manifest.LONGEST_LINE
    assert check([first, long, {"end": True, "items": 1, "outputs": 0}])[1] == long
    with pytest.raises(ManifestError, match="line 2 .* longer than 65536"):
        check([first, {"item": long["item"] + "x"}, *rest])
    with pytest.raises(ManifestError, match="line 1 .* longer than 65536"):
        list(manifest.check(manifest._split(Endless()), 1, "jr_1"))


@given(st.binary(max_size=60), st.integers(min_value=0), st.sampled_from(["instead", "inside", "flip", "cut"]))
def test_whatever_is_done_to_the_bytes_it_is_refused_as_a_manifest_or_read(junk: bytes, at: int, how: str) -> None:
    whole = b"\n".join(json.dumps(line).encode() for line in lines()) + b"\n"
    at %= len(whole)
    damaged = {
        "instead": junk,
        "inside": whole[:at] + junk + whole[at:],
        "flip": whole[:at] + bytes([whole[at] ^ (junk[0] if junk else 1)]) + whole[at + 1 :],
        "cut": whole[:at],
    }[how]
    try:
        read = list(manifest.check(manifest._split(io.BytesIO(damaged)), 1, "jr_1"))
    except ManifestError:
        return
    assert [sorted(line)[0] for line in read[1:]] == ["item", "item", "output"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(manifest._LINE)), inner),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=4))
def test_no_values_make_the_reader_fail_otherwise_than_by_refusing(values: list) -> None:
    first, *_ = lines()
    try:
        check([first, *values])
    except ManifestError:
        return
    assert values, "a header alone was taken"
    assert values[-1]["end"] is True


def test_a_line_that_is_not_utf8_is_refused_even_where_nobody_reads_it() -> None:
    first, *rest = (json.dumps(line).encode() for line in lines())
    with pytest.raises(ManifestError, match="line 1"):
        check([first[:-1] + b',"note":"\xff"}', *rest])
