"""`python -m bench.cost [--write]`: dollars per 1,000 files and per TB, by arithmetic over `prices.yaml`.

The tables of docs/cost.md come from here: each stands below a line that names it, `--write` puts them there, and a test
fails when the page has others.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import paper

PAGE = Path("docs/cost.md")
GIVEN: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())
PRICES, BILLING, JOBS, LOAD = (GIVEN[name] for name in ("prices", "billing", "jobs", "load"))
STANDARD, FLEX = PRICES["DPU-hour, each"], PRICES["DPU-hour with FLEX, each"]
MB_A_TB, MB_A_GB = 1e6, 1e3

Cells = list[list[str]]


@dataclass(frozen=True)
class Run:
    """What Glue bills for one run."""

    seconds: float
    dpu_hours: float

    def dollars(self, each: float = STANDARD) -> float:
        return self.dpu_hours * each


def run_of(job: str, megabytes: float, files: float = 0, datasets: int | None = None) -> Run:
    """A run of a job over so much input, with auto scaling: two workers until there is work for all of them."""
    needs = JOBS[job]
    held = LOAD["datasets"] if datasets is None else datasets
    alone = needs["seconds to start"] + files * needs.get("seconds a file", 0) + held * needs["seconds a dataset"]
    executors = needs["workers"] - 1  # the driver's worker reads nothing
    together = megabytes / needs["MB a vCPU-second"] / (executors * BILLING["vCPUs a DPU"])
    short = max(0.0, BILLING["seconds at least"] - alone - together)
    return Run(alone + together + short, (2 * (alone + short) + needs["workers"] * together) / 3600)


def requests_a_file() -> list[tuple[str, float, str]]:
    """What one file asks of everything but Glue: what, how often, and which price."""
    steps = paper.steps()
    write, read = (sum(row[name] for row in steps) for name in ("write units", "read units"))
    return [
        ("ledger: writes", write, "write unit"),
        ("ledger: reads", read, "read unit"),
        ("landing queue: a send, and a tenth of a receive and of a delete", 1.2, "SQS request"),
        ("staging: a copy", 1, "S3 PUT, COPY, LIST"),
        ("staging and reading: three GETs", 3, "S3 GET"),
    ]


def dollars_of_requests(files: float) -> float:
    return files * sum(count * PRICES[price] / 1e6 for _, count, price in requests_a_file())


def datasets_of(files: float) -> int:
    """A run has no more datasets than files."""
    return int(min(files, LOAD["datasets"]))


def by_files_a_run() -> Cells:
    rows = [["files a run", "MB", "seconds", "DPU-hours", "$ a run", "$ per 1,000 files", "with FLEX", "$ per TB"]]
    for files in LOAD["files a run"]:
        megabytes = files * LOAD["KB a file"] / 1e3
        run = run_of("ingest", megabytes, files, datasets_of(files))
        rows.append(
            [f"{files:,}", spell(megabytes), f"{run.seconds:,.0f}", spell(run.dpu_hours), spell(run.dollars())]
            + [spell(run.dollars(each) * 1000 / files) for each in (STANDARD, FLEX)]
            + [spell(run.dollars() * MB_A_TB / megabytes)]
        )
    return rows


def by_size_of_file() -> Cells:
    files = LOAD["files a run, when the files vary"]
    rows = [["KB a file", "seconds", "Glue 1, $ per 1,000 files", "requests, $ per 1,000 files", "both, $ per TB"]]
    for kilobytes in LOAD["KB a file, varied"]:
        megabytes = files * kilobytes / 1e3
        run = run_of("ingest", megabytes, files, datasets_of(files))
        both = run.dollars() + dollars_of_requests(files)
        rows.append(
            [f"{kilobytes:,}", f"{run.seconds:,.0f}", spell(run.dollars() * 1000 / files)]
            + [spell(dollars_of_requests(1000)), spell(both * MB_A_TB / megabytes)]
        )
    return rows


def by_request() -> Cells:
    rows = [["what", "a file", "$ per 1,000 files"]]
    for what, count, price in requests_a_file():
        rows.append([what, spell(count), spell(1000 * count * PRICES[price] / 1e6)])
    return [*rows, ["**in all**", "", f"**{spell(dollars_of_requests(1000))}**"]]


def by_week() -> Cells:
    rows = [["GB a week", "Glue 2, $", "Glue 3, $", "both, $ per TB", "both with FLEX, $ per TB"]]
    for gigabytes in LOAD["GB a week"]:
        megabytes = gigabytes * MB_A_GB
        classify, conform = (run_of(job, megabytes) for job in ("classify", "conform"))
        per_tb = [(classify.dollars(each) + conform.dollars(each)) * MB_A_TB / megabytes for each in (STANDARD, FLEX)]
        rows.append([f"{gigabytes:,}", spell(classify.dollars()), spell(conform.dollars()), *map(spell, per_tb)])
    return rows


def in_all() -> Cells:
    """From landing to the tables: Glue 1 by its batches, the requests, and a file's part of the week's Glue 2 and 3."""
    rows = [["files a run", "Glue 1", "requests", "Glue 2 and 3", "$ per 1,000 files", "$ per TB"]]
    week = LOAD["GB a week, in all"] * MB_A_GB
    friday = sum(run_of(job, week).dollars() for job in ("classify", "conform"))
    for files in LOAD["files a run"]:
        megabytes = files * LOAD["KB a file"] / 1e3
        ingest = run_of("ingest", megabytes, files, datasets_of(files)).dollars()
        parts = [ingest, dollars_of_requests(files), friday * megabytes / week]
        thousand = [part * 1000 / files for part in parts]
        rows.append(
            [f"{files:,}", *map(spell, thousand), spell(sum(thousand)), spell(sum(parts) * MB_A_TB / megabytes)]
        )
    return rows


def price_list() -> Cells:
    rows = [["price", "$"]]
    for name, price in PRICES.items():
        what = name.removesuffix(", each") if name.endswith(", each") else f"a million: {name}"
        rows.append([what, f"{price:g}"])
    return rows


def needs_of_jobs() -> Cells:
    names = list(JOBS["ingest"])
    return [
        ["", *JOBS],
        *([name, *(f"{job[name]:g}" if name in job else "" for job in JOBS.values())] for name in names),
    ]


TABLES: dict[str, Callable[[], Cells]] = {
    "in all": in_all,
    "by files a run": by_files_a_run,
    "by size of file": by_size_of_file,
    "by request": by_request,
    "by week": by_week,
    "prices": price_list,
    "needs": needs_of_jobs,
}


def spell(number: float) -> str:
    """Two digits that count, as more would pretend to be known."""
    if number == 0:
        return "0"
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.10f}".rstrip("0").rstrip(".")


def markdown(cells: Cells) -> str:
    head, *rows = cells
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)).replace(
        " --- ", "---"
    )


def filled(page: str) -> str:
    """The page with the tables as they come out now; raises `ValueError` if it hasn't one place for each."""
    places = re.findall(r"^<!-- table: (.*) -->$", page, re.MULTILINE)
    if sorted(places) != sorted(TABLES):
        raise ValueError(f"{PAGE} has tables {places}, and there are {list(TABLES)}")
    return re.sub(
        r"^<!-- table: (.*) -->\n(?:\|.*\n)*",
        lambda place: f"<!-- table: {place[1]} -->\n{markdown(TABLES[place[1]]())}\n",
        page,
        flags=re.MULTILINE,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    if parser.parse_args().write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    for name, table in TABLES.items():
        print(f"\n{name}\n\n{markdown(table())}")


if __name__ == "__main__":
    main()
