"""Glue 1 beside Spark alone and beside DuckDB, on the same JSON Lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from bench.aws import Aws
from bench.report import Row

_PEER = Path(__file__).parent / "peers" / "ingest.py"
_LIBRARY = Path(__file__).parent.parent / "glue" / "lib"
_PEERS = ("glue", "bare", "duckdb-1", "duckdb-2")
_WARM_UP_MB = 10
_SIZES_MB = (10, 100, 1000)
_FILES, _FILE_MB, _PROCESSES = 50, 2, 3


def beside_others(_: Aws) -> list[Row]:
    """CPU seconds of each peer over 150 MB, as a multiple of bare Spark's."""
    return _measured(_PEERS, (150,))


def over_more_bytes(_: Aws) -> list[Row]:
    """How the cost of Glue 1 grows with its input."""
    return _measured(("glue",), _SIZES_MB)


def over_many_files(_: Aws) -> list[Row]:
    """50 files of 2 MB in one run, and in a run each; and 3 of them in a process each, its start included."""
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as name:
        folder = Path(name)
        warm_up = folder / "warm-up.jsonl"
        write_bookings(warm_up, _WARM_UP_MB)
        sources = [folder / f"{number:02}.jsonl" for number in range(_FILES)]
        records = [write_bookings(source, _FILE_MB) for source in sources]
        size = _FILES * _FILE_MB
        peers = ("glue", "glue-each", "bare", "duckdb-1")
        rows = [_one(peer, sources, warm_up, folder / peer, size, sum(records)) for peer in peers]
        for source, count in zip(sources[:_PROCESSES], records, strict=False):
            rows.append(_one("glue-process", [source], warm_up, folder / f"alone-{source.stem}", _FILE_MB, count))
    return rows


def _measured(peers: tuple[str, ...], sizes: tuple[int, ...]) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as name:
        folder = Path(name)
        warm_up = folder / "warm-up.jsonl"
        write_bookings(warm_up, _WARM_UP_MB)
        for size in sizes:
            source = folder / f"{size}.jsonl"
            records = write_bookings(source, size)
            rows += [_one(peer, [source], warm_up, folder / f"{peer}-{size}", size, records) for peer in peers]
            source.unlink()
    return rows


def _one(peer: str, sources: list[Path], warm_up: Path, target: Path, size: int, records: int) -> Row:
    target.mkdir()
    found = os.environ | {"PYTHONPATH": str(_LIBRARY)}
    command = [sys.executable, str(_PEER), peer, str(warm_up), str(target), *map(str, sources)]
    run = subprocess.run(command, env=found, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True)
    cost = json.loads(run.stdout.splitlines()[-1])
    if cost["records"] != records:
        raise RuntimeError(f"{peer} wrote {cost['records']} of {records} records")
    mb_per_second = size / cost["cpu_seconds"]
    return {"peer": peer, "MB": size, "MB per CPU-second": mb_per_second, **cost}


def write_bookings(place: Path, megabytes: int) -> int:
    """JSON Lines as a booking system might write them; returns how many."""
    random, written, number = Random(7), 0, 0
    with place.open("wb") as stream:
        while written < megabytes * 1_000_000:
            number += 1
            written += stream.write(json.dumps(_booking(random, number), ensure_ascii=False).encode() + b"\n")
    return number


def _booking(random: Random, number: int) -> Row:
    def pick(names: str) -> str:
        return random.choice(names.split())

    return {
        "booking_id": 10**9 + 7 * number,
        "status": pick("OK CANCELLED HELD"),
        "created": f"2026-0{random.randint(1, 9)}-1{random.randint(0, 9)}T08:{random.randint(10, 59)}:00Z",
        "price": random.randint(100, 10**6) / 100,
        "customer": {
            "id": random.randint(1, 10**6),
            "name": f"{pick('Müller Smith García Ōta')} {random.randint(1, 9999)}",
            "email": f"x{random.randint(1, 10**6)}@example.com",
            "vip": random.random() < 0.01,
        },
        "legs": [
            {
                "from": pick("FRA MUC LHR"),
                "to": pick("HND SFO CDG"),
                "delay": random.choice([None, random.random() * 9]),
            }
            for _ in range(random.randint(1, 3))
        ],
        "note": random.choice([None, None, f'Call "back" – {random.randint(1, 10**6)}']),
    }
