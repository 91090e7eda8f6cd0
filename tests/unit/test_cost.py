"""docs/cost.md and docs/scale.md say what the arithmetic says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import cost, paper

REPOSITORY = Path(__file__).resolve().parents[2]
COST = (REPOSITORY / "docs" / "cost.md").read_text(encoding="utf-8")
SCALE = (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")
FLOW = (REPOSITORY / "terraform" / "variables_flow.tf").read_text(encoding="utf-8")


def test_the_tables_of_the_page_are_what_comes_out() -> None:
    assert cost.filled(COST) == COST


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"docs/cost\.md has tables"):
        cost.filled(COST.replace("<!-- table: by week -->", ""))


def test_old_numbers_are_replaced() -> None:
    assert cost.filled(re.sub(r"^\| 10 \|.*$", "| 10 | old |", COST, flags=re.MULTILINE)) == COST


@pytest.mark.parametrize("job", cost.JOBS)
def test_the_workers_are_those_that_are_deployed(job: str) -> None:
    found = re.search(rf"{job}\s+= optional\(object\(.*?workers\s+= optional\(number, (\d+)\)", FLOW, re.DOTALL)
    assert found
    assert int(found[1]) == cost.JOBS[job]["workers"]


def test_the_reckoned_runs_take_what_the_deployed_ones_take() -> None:
    found = re.search(r'variable "ingest_max_files".*?default\s+= (\d+)', FLOW, re.DOTALL)
    assert found
    assert int(found[1]) == paper.SETTINGS["files a Glue run"]
    assert paper.SETTINGS["workers"] == cost.JOBS["ingest"]["workers"]


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"workers": 3, "seconds to start": 40, "seconds a file": 0.5, "seconds a dataset": 5, "MB a vCPU-second": 2}
    monkeypatch.setitem(cost.JOBS, "ingest", needs)
    monkeypatch.setitem(cost.BILLING, "seconds at least", 60)
    monkeypatch.setitem(cost.BILLING, "vCPUs a DPU", 4)


@pytest.mark.parametrize(
    ("megabytes", "files", "datasets", "seconds", "dpu_seconds"),
    [
        (0, 0, 0, 60, 2 * 60),  # a minute at least
        (0, 20, 2, 60, 2 * 60),  # 40 + 10 + 10
        (0, 40, 2, 70, 2 * 70),
        (160, 40, 2, 80, 2 * 70 + 3 * 10),  # 8 vCPUs read 16 MB a second
        (16, 0, 1, 60, 2 * 59 + 3 * 1),  # 46 seconds, and 14 that are billed all the same
    ],
)
def test_a_run_has_two_workers_until_there_is_work_for_all(
    simple: None, megabytes: int, files: int, datasets: int, seconds: int, dpu_seconds: int
) -> None:
    run = cost.run_of("ingest", megabytes, files, datasets)
    assert (run.seconds, run.dpu_hours * 3600) == pytest.approx((seconds, dpu_seconds))
    assert run.dollars(0.5) == pytest.approx(dpu_seconds / 7200)


def test_more_files_a_run_are_never_dearer() -> None:
    dollars = [float(row[5].replace(",", "")) for row in cost.by_files_a_run()[1:]]
    assert dollars == sorted(dollars, reverse=True)
    assert all(float(row[6].replace(",", "")) < float(row[5].replace(",", "")) for row in cost.by_files_a_run()[1:])


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.00844, "0.0084"), (0.2, "0.2"), (1.55, "1.6"), (9.96, "10"), (347, "350"), (152778, "150,000")],
)
def test_numbers_have_two_digits_that_count(number: float, text: str) -> None:
    assert cost.spell(number) == text


# --- docs/scale.md, whose tables are written by hand ---


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = SCALE.partition(f"\n## {heading}")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def agrees(text: str, number: float) -> bool:
    """Whether a number is what a text says, rounded to as many places."""
    said = text.replace(",", "")
    return float(said) == round(number, len(said.partition(".")[2]))


def is_about(text: str, number: float) -> bool:
    return abs(float(re.sub(r"[^\d.]", "", text)) / number - 1) < 0.02


def test_what_a_file_asks_of_the_ledger() -> None:
    names = ("requests a file", "write units", "read units")
    *rows, total = table("What a file asks of the ledger (reckoned)")
    steps = paper.steps()
    for row, step in zip(rows, steps[:-1], strict=True):  # the last one is Glue's
        assert row[1].split()[0] in step["step"]
        assert all(agrees(text or "0", step[name]) for text, name in zip(row[2:], names, strict=True)), row
    assert all(agrees(text, sum(step[name] for step in steps)) for text, name in zip(total[2:], names, strict=True))
    sizes = re.search(r"the item of a file is (\d+) bytes and its marker (\d+)", SCALE)
    assert sizes and (int(sizes[1]), int(sizes[2])) == (paper.size(paper.FILE), paper.size(paper.MARKER))


def test_dollars_a_day() -> None:
    costs = {row["what"]: (row["a day"], row["$ a day"], row["$ in 30 days"]) for row in paper.costs()}
    calls, time = costs.pop("Lambda, calls"), costs.pop("Lambda, time")
    expected = list(costs.values())
    expected.insert(4, (calls[0], calls[1] + time[1], calls[2] + time[2]))
    for row, (count, day, month) in zip(table("Dollars"), expected, strict=True):
        assert is_about(row[1], count), row
        assert agrees(row[2], day) and agrees(row[3], month), row


def test_storage_of_the_ledger() -> None:
    for row, reckoned in zip(table("Storage"), paper.storage(), strict=True):
        assert agrees(row[2], reckoned["GB"]) and agrees(row[3], reckoned["$ a month, with recovery"]), row


def test_runs_of_glue_1() -> None:
    for row in table("Runs of Glue 1"):
        assert agrees(row[1], paper.FILES_A_DAY / int(row[0].split()[0].replace(",", ""))), row


@pytest.mark.parametrize(("column", "pages"), [(1, 20), (2, 110), (3, 150)])
def test_what_the_listing_costs(monkeypatch: pytest.MonkeyPatch, column: int, pages: int) -> None:
    monkeypatch.setitem(paper.SETTINGS, "listing pages", pages)
    look, dollars = paper.reconcile_a_day(), {row["what"]: row["$ a day"] for row in paper.costs()}
    calls, versions, _, units, listed = (row[column] for row in table("reconcile's listing"))
    assert agrees(calls, look["invocations"])
    assert is_about(versions, look["versions listed"] / 1e6)
    assert agrees(units.partition("$")[2], dollars["ledger, reads by reconcile"])
    assert is_about(listed.partition(", $")[0], look["LIST requests"])
    assert agrees(listed.partition("$")[2], dollars["reconcile: LIST"])
