"""reconcile over a landing bucket of 30 million versions, and with a million files that wait."""

from __future__ import annotations

import json
from typing import Any

from bench.aws import Aws
from bench.process import Function
from bench.report import Row, mib

#: A month of a million files a day.
VERSIONS = 30_000_000
#: Every so many-th version has no item, as if its event had been lost.
MISSING_EVERY = 1_000
PAGE = 1_000
EVENT: dict[str, Any] = {}


def over_pages(aws: Aws) -> list[Row]:
    """One invocation over ever more pages; each page has a version that no event brought."""
    rows: list[Row] = []
    for latency in (0, 20):
        first = 0
        for pages in (1, 10, 100):
            aws.reset(latency_ms=latency, versions=VERSIONS, missing_every=MISSING_EVERY)
            with Function(aws, "reconcile", {"LISTING_PAGES": str(pages)}) as function:
                one = function.measure(EVENT)
            check(aws, pages * PAGE)
            first = first or one.peak_kib
            rows.append(
                {
                    "ms a request": latency,
                    "pages": pages,
                    "seconds": round(one.seconds, 3),
                    "pages a second": round(pages / one.seconds, 1),
                    "requests a page": round(one.calls / pages, 1),
                    "peak MiB": mib(one.peak_kib),
                    "times the first's memory": round(one.peak_kib / first, 2),
                }
            )
    return rows


def whole_pass(aws: Aws) -> list[Row]:
    """A pass over a million versions to its end, invocation by invocation in one process, with the default window."""
    rows: list[Row] = []
    for latency in (0, 20):
        versions = 1_000_000
        aws.reset(latency_ms=latency, versions=versions, missing_every=MISSING_EVERY)
        seconds, invocations, after_first = 0.0, 0, 0
        with Function(aws, "reconcile") as function:
            done = False
            while not done:
                answer = function.invoke(EVENT)
                seconds += answer["seconds"]
                invocations += 1
                after_first = after_first or function.peak_kib()
                done = json.loads(answer["payload"])["pass_completed"]
            peak = function.peak_kib()
        check(aws, versions)
        rows.append(
            {
                "ms a request": latency,
                "versions": versions,
                "invocations": invocations,
                "seconds": round(seconds, 1),
                "versions a second": round(versions / seconds),
                "seconds for 30 million": round(seconds * VERSIONS / versions),
                "peak MiB": mib(peak),
                "times the first invocation's": round(peak / after_first, 2),
            }
        )
    return rows


def with_a_backlog(aws: Aws) -> list[Row]:
    """Nothing to list, and ever more files that wait for a run: what the markers cost."""
    rows: list[Row] = []
    for waiting in (0, 1_000, 100_000, 1_000_000):
        aws.reset(open_markers=waiting)
        with Function(aws, "reconcile") as function:
            one = function.measure(EVENT)
        starts = aws.state()["starts"]
        if starts != (1 if waiting else 0):
            raise RuntimeError(f"with {waiting} files waiting there were {starts} starts")
        rows.append(
            {
                "files that wait": waiting,
                "seconds": round(one.seconds, 3),
                "requests": one.calls,
                "peak MiB": mib(one.peak_kib),
            }
        )
    return rows


def check(aws: Aws, versions: int) -> None:
    """All were listed, and exactly those taken in that had no item."""
    state = aws.state()
    found = (state["listed"], state["files"], state["markers"])
    missing = versions // MISSING_EVERY
    if found != (versions, missing, missing):
        raise RuntimeError(f"of {versions} versions {missing} were missing; (listed, files, markers) = {found}")
