"""The samples in the repository are what the generator writes, and hold what they are there for."""

import gzip
import importlib.util
import sys
from pathlib import Path

import pytest

from local.demo.landing import input_files
from local.demo.reference import Count, count_file

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "samples"

spec = importlib.util.spec_from_file_location("generate_samples", REPOSITORY / "scripts" / "generate_samples.py")
assert spec and spec.loader
generate_samples = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = generate_samples
spec.loader.exec_module(generate_samples)


def content(data: bytes) -> bytes:
    """Unzipped where it can be: how well zlib compresses differs from one version to the next."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError):
        return data[:10] if data[:2] == b"\x1f\x8b" else data


def test_samples_are_what_the_generator_writes() -> None:
    made = {name: content(data) for name, data in generate_samples.files(10**6, generate_samples.DEFAULT_SEED)}
    committed = {file.name: content(file.path.read_bytes()) for file in input_files(SAMPLES)}
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_samples_have_records_broken_ones_and_files_without_any() -> None:
    counts = {file.name: count_file(file.path) for file in input_files(SAMPLES)}
    assert sum((count for count in counts.values()), Count(0, 0)).records > 2000
    assert counts["bookings/2026-05-05/web+app 100% (final).jsonl"].quarantined == 6
    assert counts["flights/ops/truncated.ndjson.gz"] == Count(0, 1)
    assert counts["excursions/mixed.json"] == Count(2, 2)
    assert counts["customers/empty.json"] == counts["customers/nobody.json"] == Count(0, 0)


def test_samples_are_small_and_bigger_ones_are_about_as_big_as_asked(tmp_path: Path) -> None:
    assert sum(file.path.stat().st_size for file in input_files(SAMPLES)) < 1_100_000
    size = sum(len(content(data)) for _, data in generate_samples.files(5 * 10**6, 7))
    assert 0.9 < size / (5 * 10**6) < 1.1


def test_another_seed_gives_other_records(tmp_path: Path) -> None:
    first = dict(generate_samples.files(10**5, 1))
    again = dict(generate_samples.files(10**5, 1))
    other = dict(generate_samples.files(10**5, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("text", "size"), [("512KB", 512_000), ("1MB", 10**6), ("2 gb", 2 * 10**9), ("77", 77)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert generate_samples.parse_size(text) == size


def test_writing_leaves_what_lies_beside_the_datasets(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "hotels").mkdir()
    (tmp_path / "hotels" / "old.json").write_text("{}")
    files, size = generate_samples.write(tmp_path, 10**5, 1)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "hotels" / "old.json").exists()
    written = input_files(tmp_path)
    assert (files, size) == (len(written), sum(file.path.stat().st_size for file in written))
