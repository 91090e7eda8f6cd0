"""JSON Lines to Parquet, once: `python ingest.py PEER WARM_UP OUTPUT INPUT...`; prints what it cost as JSON.

CPU seconds are those of the session that this process leads: the JVM and Python workers are in it. What is measured
comes after a first run on a small file, so that no start is in it. Only of `glue-process` it is all that the process
does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

#: A schema is learned from so much of the input, outside of the measurement.
_SAMPLE = 2 << 20
_STAT_SESSION, _STAT_TIMES = 3, slice(11, 15)


def cpu_seconds() -> float:
    """User and system time of this session's processes, and of those of their children that have ended."""
    ticks, session = 0, os.getsid(0)
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[_STAT_SESSION]) == session:
            ticks += sum(map(int, fields[_STAT_TIMES]))
    return ticks / os.sysconf("SC_CLK_TCK")


def spark_session() -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g")
    for name in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        builder = builder.config(name, "false")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def glue(spark: Any, sources: Sequence[Path], target: Path) -> Callable[[], None]:
    """Glue 1 between staging and committing, on local files: counts, positions, quarantine, lineage and all."""
    from tui_etl.ingest import job, staging, transform

    transform.configure(spark)
    when = "2026-01-01T00:00:00.000Z"
    staged, temp, kept = (f"file://{target}/{name}" for name in ("staging", "temp", "quarantine"))
    where = job.Places("tui/legacy/", staged, temp, kept, "jr_bench")
    files = []
    for number, source in enumerate(sources):
        with source.open("rb") as stream:
            head = stream.read(staging.HEAD)
        size, key = source.stat().st_size, f"bench/{source.name}"
        landed = staging.Landed(number, f"b/{key}#v", "b", key, "v", "bench", when, "s", size)
        landed.uri, landed.head = f"file://{source}", head
        files.append(landed)

    def run() -> None:
        job.ingest(spark, None, where, files)

    return run


def glue_each(spark: Any, sources: Sequence[Path], target: Path) -> Callable[[], None]:
    """A run of Glue 1 for each file, in one session."""
    runs = [glue(spark, [source], target / source.stem) for source in sources]

    def run() -> None:
        for one in runs:
            one()

    return run


def bare(spark: Any, sources: Sequence[Path], target: Path) -> Callable[[], None]:
    """What one would write first, with the schema given."""
    sample = target.parent / f"{target.name}.sample"
    with sources[0].open("rb") as stream:
        sample.write_bytes(stream.read(_SAMPLE).rpartition(b"\n")[0])
    schema = spark.read.json(str(sample)).schema

    def run() -> None:
        spark.read.schema(schema).json([str(source) for source in sources]).write.parquet(str(target))

    return run


def duckdb(threads: int, sources: Sequence[Path], target: Path) -> Callable[[], None]:
    """What one machine can do."""
    import duckdb as engine

    connection = engine.connect(config={"threads": threads})
    target.mkdir(parents=True)
    query = "COPY (SELECT * FROM read_json($1, format = 'newline_delimited')) TO '{}' (FORMAT parquet)"

    def run() -> None:
        connection.execute(query.format(target / "out.parquet"), [[str(source) for source in sources]])

    return run


_SPARK = {"glue": glue, "glue-process": glue, "glue-each": glue_each, "bare": bare}


def main() -> None:
    peer, warm_up, target, *sources = sys.argv[1], *map(Path, sys.argv[2:])
    if peer in _SPARK:
        prepare = partial(_SPARK[peer], spark_session())
    else:
        prepare = partial(duckdb, int(peer.removeprefix("duckdb-")))
    alone = peer == "glue-process"
    if not alone:
        prepare([warm_up], target / "warm-up")()
    run = prepare(sources, target / "measured")
    seconds, cpu = time.monotonic(), 0.0 if alone else cpu_seconds()
    run()
    cost = {"cpu_seconds": cpu_seconds() - cpu, "seconds": time.monotonic() - seconds}
    files = [path for path in (target / "measured").rglob("*.parquet") if not path.name.startswith(".")]
    print(json.dumps(cost | {"records": _rows(files), "files": len(files)}))


def _rows(files: list[Path]) -> int:
    from pyarrow import parquet

    return sum(parquet.read_metadata(file).num_rows for file in files)


if __name__ == "__main__":
    main()
