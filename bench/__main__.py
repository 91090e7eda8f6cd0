"""`python -m bench`: every benchmark, or those that are named; tables to standard output, all of it to a report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import clean, cold_start, ingest, intake, reconcile, report
from bench.aws import Aws

REPORT = Path("target/bench/report.json")

BENCHMARKS: dict[str, tuple[str, Callable[[Aws], list[report.Row]]]] = {
    "clean": ("clean-prefix and others delete 100,000 keys", clean.beside_others),
    "clean-memory": ("clean-prefix over more and more keys", clean.over_more_keys),
    "ingest": ("Glue 1 and others over 150 MB of JSON Lines", ingest.beside_others),
    "ingest-files": ("Glue 1 over many small files, in one run and in many", ingest.over_many_files),
    "ingest-growth": ("Glue 1 over more and more bytes", ingest.over_more_bytes),
    "intake": ("copy-prefix over batches", intake.over_batches),
    "pages": ("reconcile over pages of a landing bucket of 30 million versions", reconcile.over_pages),
    "pass": ("reconcile over a million versions, to the end", reconcile.whole_pass),
    "backlog": ("reconcile with files that wait for a run", reconcile.with_a_backlog),
    "cold-start": ("first answer of a new process", cold_start.of_each),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="may be given several times")
    names = parser.parse_args().only or list(BENCHMARKS)
    results: dict[str, list[report.Row]] = {}
    with Aws() as aws:
        for name in names:
            title, measure = BENCHMARKS[name]
            results[name] = measure(aws)
            report.show(title, results[name])
    report.write(REPORT, results)
    print(f"\nwritten to {REPORT}")


if __name__ == "__main__":
    main()
