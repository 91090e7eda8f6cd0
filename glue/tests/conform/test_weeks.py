"""Two weeks of files through Glue 1, 2 and 3, and the same files through a plain reference: the tables row by row.

The second week brings what the first did not: new fields and nested ones, values of other types, corrections, records
that are older than what stands, keys that turn secured, files that come again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tui_etl import report
from tui_etl.classify import process as classifying
from tui_etl.classify.rules import parse
from tui_etl.ingest import job, staging, transform
from tui_etl.ingest.staging import Landed

RULES = [
    {"id": "vips", "dataset": "stays", "zone": "secured", "when": "vip", "requires": ["vip"]},
    {"id": "others", "dataset": "stays", "zone": "legacy", "when": "not vip", "requires": ["vip"]},
    {"id": "audits", "dataset": "log", "zone": "secured", "when": "level = 'audit'", "requires": ["level"]},
    {"id": "open", "dataset": "log", "zone": "legacy"},
]
FIELDS = {"id": "string", "at": "timestamp", "guests": "int", "price": "decimal(10,2)", "rooms": "int"}
START = datetime(2026, 5, 4, tzinfo=UTC)
#: What the comparison leaves out: they tell of the run and not of the record.
OF_THE_RUN = {"_key", "_rules_version", "_run_id", "_sequencer"}
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class File:
    """A landed file: its lines are its positions."""

    number: int
    week: int
    dataset: str
    lines: tuple[str, ...]

    @property
    def file_id(self) -> str:
        return f"landing/tui/legacy/{self.dataset}/{self.number:03}.jsonl#v"

    @property
    def landed_at(self) -> datetime:
        return START + timedelta(minutes=self.number)


@dataclass
class Source:
    """Writes the files of the weeks by chance."""

    chance: random.Random
    files: list[File] = field(default_factory=list)
    records: int = 0

    def run(self, week: int) -> list[File]:
        """The files of one Glue 1 run; one of them may have come before, under another version."""
        drafts = [("stays", self._lines(week, self._stay)) for _ in range(3)]
        drafts += [("log", self._lines(week, self._entry)) for _ in range(2)]
        if self.files:
            again = self.chance.choice(self.files)
            drafts.append((again.dataset, again.lines))
        made = [File(len(self.files) + number, week, *draft) for number, draft in enumerate(drafts)]
        self.files += made
        return made

    def _lines(self, week: int, make: Any) -> tuple[str, ...]:
        return tuple(make(week) for _ in range(8))

    def _stay(self, week: int) -> str:
        pick, self.records = self.chance.choice, self.records + 1
        record = {
            "n": self.records,
            "vip": pick([False] * 9 + [True]),
            "at": pick(["soon", None, *(f"2026-0{4 + week}-{day:02}T10:00:00Z" for day in range(1, 9))]),
            "guests": pick([1, 2, 3, 2.5, "two"] if week > 1 else [1, 2, 3]),
            "price": pick(["12.50", "99.90", "free", None]),
        }
        if self.chance.random() < 0.95:
            record["id"] = f"S{self.chance.randint(1, 20):02}"
        if week > 1:
            if self.chance.random() < 0.3:  # a state that is older than what stands
                record["at"] = "2026-04-30T23:59:59.5+02:00"
            record |= {"rooms": pick([1, 3_000_000_000]), "meal": pick(["half", {"kind": "full"}])}
            record |= pick([{}, {"card": {"no": self.records}}, {"card": {"no": None, "of": ["x", "y"]}}])
        if self.chance.random() < 0.3:
            record["Guests"] = record.pop("guests")
        for name in self.chance.sample(sorted(record), self.chance.randint(0, 2)):
            if name not in ("n", "id"):
                del record[name]
        text = json.dumps(record, separators=(",", ":"))
        return f'{text[:-1]},"n":{self.records}}}' if self.chance.random() < 0.1 else text

    def _entry(self, week: int) -> str:
        pick = self.chance.choice
        record = {"level": pick(["info", "warn", "audit", None]), "v": pick([1, 2, 3, None])}
        if week > 1:
            record |= {"v": pick([4, 0.5, "x", [1]]), "host": pick(["a", None])}
        return pick([json.dumps(record, separators=(",", ":"))] * 9 + ['{"level":"info","v":NaN}'])


# --- the reference: a table is a list of rows, and what came is gone through once ---

MISFIT = object()


def fits(kind: str, value: Any) -> Any:
    """The value as the column has it."""
    if value is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if kind == "whole":
        return value if isinstance(value, int) else MISFIT
    try:
        return Decimal(value) if kind == "decimal" else datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, ArithmeticError):
        return MISFIT


KINDS = {"guests": "whole", "rooms": "whole", "v": "whole", "price": "decimal", "at": "time", "meal": "text"}


def row_of(file: File, position: int, line: str, columns: set[str]) -> tuple[str, dict[str, Any]]:
    """Zone and row of one record."""
    pairs = json.loads(line, object_pairs_hook=list)
    record = {key.lower(): value for key, value in json.loads(line).items()}
    row: dict[str, Any] = dict.fromkeys(columns)
    rescued: dict[str, Any] = {"_record": json.loads(line)} if len({key for key, _ in pairs}) < len(pairs) else {}
    told = not rescued
    for name, value in record.items():
        row[name] = fits(KINDS[name], value) if name in KINDS else value
        if row[name] is MISFIT:
            row[name], rescued[name] = None, value
    if row.get("card"):
        row["card"] = {"no": None, "of": None} | row["card"]
    if file.dataset == "stays":
        rule = {True: "vips", False: "others" if told else "others:not-applicable"}.get(row["vip"], "default")
    else:
        rule = "audits" if row["level"] == "audit" else "open"
    row |= {"_file_id": file.file_id, "_position": position, "_landed_at": file.landed_at, "_rule_id": rule}
    row["_origin_file_id"] = None  # no file here was landed again from quarantine
    row["_rescued"] = {name: spelled(value) for name, value in rescued.items()} or None
    return "legacy" if rule in ("others", "open") else "secured", row


def spelled(value: Any) -> str:
    """A rescued value as its text: in a column of several types a number is rescued as one."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)


def reference(files: list[File], dataset: str, columns: set[str]) -> dict[str, list[dict[str, Any]]]:
    """What both tables hold after all these files, in whatever runs they came."""
    tables: dict[str, list[dict[str, Any]]] = {"legacy": [], "secured": []}
    found = [
        row_of(file, at, line, columns) for file in files for at, line in good_lines(file) if file.dataset == dataset
    ]
    if dataset == "log":
        for zone, row in found:
            tables[zone].append(row)
        return tables
    by_key: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    for zone, row in found:
        by_key.setdefault(row["id"] or (row["_file_id"], row["_position"]), []).append((zone, row))
    long_ago = datetime(1, 1, 1, tzinfo=UTC)
    for states in by_key.values():
        zone = "secured" if any(zone == "secured" for zone, _ in states) else "legacy"
        latest = max(states, key=lambda one: (one[1]["at"] or long_ago, one[1]["_landed_at"], one[1]["_position"]))
        tables[zone].append(latest[1])
    return tables


def good_lines(file: File) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(file.lines, 1) if "NaN" not in line)


# --- the jobs ---


def ingested(lake: Any, folder: Path, run_id: str, files: list[File]) -> Any:
    """One Glue 1 run."""
    root = folder / run_id
    (root / "staging").mkdir(parents=True)
    landed = []
    for number, file in enumerate(files):
        content = "\n".join(file.lines).encode()
        path = root / "staging" / f"{number}.json"
        path.write_bytes(content)
        when = file.landed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        landed.append(Landed(number, file.file_id, "landing", str(number), "v", file.dataset, when, None, len(content)))
        landed[-1].uri, landed[-1].head = f"file://{path}", content[: staging.HEAD]
    transform.configure(lake.spark)
    places = job.Places("tui/legacy/", *(f"file://{root}/{name}" for name in ("staging", "temp", "quarantine")), run_id)
    outcome = job.ingest(lake.spark, None, places, landed)
    report.build(1, "ingest", run_id, "a test", datetime.now(UTC), outcome.datasets, outcome.files)
    return outcome


def week(lake: Any, folder: Path, number: int, runs: list[list[File]]) -> dict[str, report.DatasetBalance]:
    """The Glue 1 runs of a week, and Friday."""
    ids = [f"jr_{number}{position}" for position in range(len(runs))]
    done = [ingested(lake, folder, run_id, files) for run_id, files in zip(ids, runs, strict=True)]
    classifying.configure(lake.spark)
    folders = {zone: f"file://{folder}/week{number}/{zone}/" for zone in ("legacy", "secured")}
    rules = parse(json.dumps({"version": 1, "rules": RULES}))
    params = classifying.Params("", folders, rules, f"jr_c{number}", f"file://{folder}/week{number}/lineage")
    classified = classifying.classify(lake.spark, None, params, [output for one in done for output in one.outputs])
    return lake.conform(classified.outputs, ids)


def table(lake: Any, zone: str, dataset: str) -> list[dict[str, Any]]:
    """A table as the reference has it."""
    rows = [row.asDict(recursive=True) for row in lake.rows(zone, dataset)]
    for row in rows:
        for name in OF_THE_RUN & row.keys():
            del row[name]
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = value.astimezone(UTC)
        rescued = json.loads(row["_rescued"] or "{}")
        row["_rescued"] = {name: spelled(value) for name, value in rescued.items()} or None
    return rows


def ordered(rows: list[dict[str, Any]]) -> list[str]:
    """Each row as a text that tells types apart."""
    return sorted(repr(sorted(row.items())) for row in rows)


def keys(rows: list[dict[str, Any]]) -> set[str]:
    return {row["id"] for row in rows if row["id"]}


def assert_the_second_week_is_hard(files: list[File], first: dict[str, Any], second: dict[str, Any]) -> None:
    """There was something to get wrong: keys that turn secured, records that come too late, files that come again."""
    assert keys(first["legacy"]) & keys(second["secured"])
    came = {json.loads(line).get("id") for file in files if file.week == 2 for line in file.lines}
    old = {file.file_id for file in files if file.week == 1}
    assert came & {row["id"] for rows in second.values() for row in rows if row["_file_id"] in old}
    assert len({file.lines for file in files}) < len(files)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tables_are_after_each_week_what_a_plain_reference_makes_of_the_files(
    lake: Any, tmp_path: Path, seed: int
) -> None:
    lake.describe("stays", fields=FIELDS, key=["id"], order_by="at")
    source = Source(random.Random(seed))
    columns = {"stays": {*FIELDS, "n", "vip"}, "log": {"level", "v"}}
    stays: list[dict[str, Any]] = []
    for number in (1, 2):
        if number == 2:
            columns = {"stays": columns["stays"] | {"meal", "card"}, "log": columns["log"] | {"host"}}
        balances = week(lake, tmp_path, number, [source.run(number) for _ in range(2)])
        for dataset in ("stays", "log"):
            expected = reference(source.files, dataset, columns[dataset])
            for zone, rows in expected.items():
                assert ordered(table(lake, zone, dataset)) == ordered(rows), f"{zone}.{dataset}, week {number}"
        stays.append(reference(source.files, "stays", columns["stays"]))
        assert balances["log"].superseded == 0 < balances["stays"].superseded
    assert_the_second_week_is_hard(source.files, *stays)
    schema = lake.spark.table(f"{lake.catalog}.secured.stays").schema
    kinds = {field.name: field.dataType.simpleString() for field in schema}
    assert (kinds["rooms"], kinds["card"], kinds["meal"]) == ("bigint", "struct<no:bigint,of:array<string>>", "string")
    assert balances["stays"].rescued > 0 and balances["log"].rescued > 0 and balances["stays"].replaced > 0
