from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tui_etl import storage


def write(path: Path, rows: int, columns: int = 1, metadata: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({f"c{column}": range(rows) for column in range(columns)})
    parquet.write_table(table.replace_schema_metadata({"note": metadata}), path)


def test_rows_are_counted_from_footers_short_and_long(tmp_path: Path) -> None:
    write(tmp_path / "a" / "part-0.parquet", 3)
    write(tmp_path / "a" / "part-1.parquet", 70_000, metadata=b"x" * (storage.FOOTER_GUESS * 2))
    files = storage.parquet_files(None, f"file://{tmp_path}/a")
    assert storage.count_rows(None, files) == {
        f"file://{tmp_path}/a/part-0.parquet": 3,
        f"file://{tmp_path}/a/part-1.parquet": 70_000,
    }


def test_committers_left_overs_are_no_output(tmp_path: Path) -> None:
    for name in ("part-0.parquet", "_temporary/0/part-1.parquet", "_large/x.parquet", ".part-2.parquet", "_SUCCESS"):
        write(tmp_path / "_none" / "run=1" / name, 1)
    files = storage.parquet_files(None, f"file://{tmp_path}/_none/run=1/")
    assert [Path(file.key).name for file in files] == ["part-0.parquet"]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"not Parquet at all")
    with pytest.raises(ValueError, match="not a Parquet file"):
        storage.count_rows(None, storage.parquet_files(None, f"file://{tmp_path}"))


def test_objects_in_s3_are_listed_read_and_counted_alike(aws, tmp_path: Path) -> None:
    write(tmp_path / "part-0.parquet", 12, metadata=b"x" * (storage.FOOTER_GUESS + 1))
    aws.s3.create_bucket(Bucket="footers")
    aws.s3.upload_file(str(tmp_path / "part-0.parquet"), "footers", "temp/a/run=1/part ä+%-0.parquet")
    aws.s3.put_object(Bucket="footers", Key="temp/a/run=10/part-0.parquet", Body=b"of another run")
    files = storage.parquet_files(aws.s3, "s3://footers/temp/a/run=1")
    assert [file.key for file in files] == ["temp/a/run=1/part ä+%-0.parquet"]
    assert storage.count_rows(aws.s3, files) == {files[0].uri: 12}


@pytest.mark.parametrize("uri", ["bucket/key", "http://bucket/key", ""])
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not an s3"):
        storage.split_uri(uri)
