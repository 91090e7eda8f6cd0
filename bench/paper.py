"""`python -m bench.paper`: requests, capacity and dollars of the ledger and what is around it, by arithmetic alone.

`FILES_A_DAY`, `SETTINGS` and the prices in `prices.yaml` are there to be changed; docs/scale.md says where each number
comes from, and a test holds it to what comes out here.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.report import Row, show

FILES_A_DAY = 1_000_000
DAYS = 30

#: As the Terraform variables of the same meaning have them by default.
SETTINGS = {
    "messages a batch": 1_000,
    "files a Glue run": 5_000,
    "workers": 2,
    "minutes a Glue run": 5,
    "reconcile every minutes": 5,
    "listing pages": 150,
}
#: On-demand list prices in us-east-1, in dollars a million unless the name says otherwise.
PRICES: dict[str, float] = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())["prices"]

BUCKET = "grp2-landing-prod"
KEY = "tui/legacy/bookings/2026-05-08/part-0000000003.jsonl.gz"
VERSION_ID = "v" * 32
RUN_ID = "jr_" + "0" * 64
MOMENT = "2026-05-08T12:00:00.000Z"
SHARDS = 16
#: What DynamoDB adds to each item that is stored.
STORED_BYTES_MORE = 100


def size(item: dict[str, str | int]) -> int:
    """Bytes of an item as DynamoDB counts them: names and values; two digits of a number a byte, and one more."""
    return sum(
        len(name) + (len(value) if isinstance(value, str) else (len(str(value)) + 1) // 2 + 1)
        for name, value in item.items()
    )


FILE_ID = f"{BUCKET}/{KEY}#{VERSION_ID}"
FILE: dict[str, str | int] = {
    "pk": f"FILE#{FILE_ID}",
    "sk": "ITEM",
    "file_id": FILE_ID,
    "bucket": BUCKET,
    "key": KEY,
    "version_id": VERSION_ID,
    "etag": "e" * 32,
    "size": 123456,
    "landed_at": MOMENT,
    "sequencer": "s" * 18,
    "dataset": "bookings",
    "assigned_to": RUN_ID,
}
MARKER: dict[str, str | int] = {"pk": "OPEN#1#0", "sk": "h" * 64, "item": f"FILE#{FILE_ID}", "at": MOMENT}


def units(count: int, size_of_unit: int) -> int:
    return -(-count // size_of_unit)


def steps() -> list[Row]:
    """What one file asks of the ledger from landing to the end of Glue 1."""
    file, marker = units(size(FILE), 1024), units(size(MARKER), 1024)
    read = units(size(FILE), 4096)
    batch, run = SETTINGS["messages a batch"], SETTINGS["files a Glue run"]

    def row(step: str, requests: float, write: float, read: float) -> Row:
        return {"step": step, "requests a file": requests, "write units": write, "read units": read}

    return [
        row("intake: BatchGetItem, 100 keys a call", 1 / 100, 0, 1),
        row("intake: PutItem marker", 1, marker, 0),
        row("intake: PutItem file, if absent", 1, file, 0),
        row("take: Query of the shards, 1 MB a page", size(MARKER) / 2**20 + SHARDS / run, 0, size(MARKER) / 4096),
        row("take: GetItem file", 1, 0, read),
        row("take: UpdateItem file, if still open", 1, file, 0),
        row("done: DeleteItem marker", 1, marker, 0),
        row("StartJobRun, one a batch (Glue, not the ledger)", 1 / batch, 0, 0),
    ]


def reconcile_a_day() -> Row:
    """What reconcile asks: at intervals and once for the end of each run."""
    runs = FILES_A_DAY / SETTINGS["files a Glue run"]
    calls = 24 * 60 / SETTINGS["reconcile every minutes"] + runs
    pages = calls * SETTINGS["listing pages"]
    return {
        "invocations": calls,
        "versions listed": pages * 1000,
        "share of 30 days' versions": pages * 1000 / (FILES_A_DAY * DAYS),
        "read units": calls * 3 * SHARDS + pages * 1000,
        "LIST requests": pages,
    }


def costs() -> list[Row]:
    """Dollars a day, and in 30 days."""
    write, read = (sum(row[name] for row in steps()) * FILES_A_DAY for name in ("write units", "read units"))
    look = reconcile_a_day()
    runs = FILES_A_DAY / SETTINGS["files a Glue run"]
    batches = FILES_A_DAY / SETTINGS["messages a batch"]
    # A send, and a tenth of a receive and of a delete, as both come ten at a time.
    sqs = FILES_A_DAY * 1.2
    # A batch of 1,000 takes two or three seconds and a look of reconcile about five, both at half a GB.
    gb_seconds = (batches * 3 + look["invocations"] * 5) / 2
    dpu_hours = runs * SETTINGS["workers"] * SETTINGS["minutes a Glue run"] / 60
    lines = {
        "ledger, writes": (write, "write unit"),
        "ledger, reads by intake and Glue 1": (read, "read unit"),
        "ledger, reads by reconcile": (look["read units"], "read unit"),
        "landing queue": (sqs, "SQS request"),
        "Lambda, calls": (batches + look["invocations"], "Lambda request"),
        "Lambda, time": (gb_seconds, "Lambda GB-second"),
        "staging: a COPY a file": (FILES_A_DAY, "S3 PUT, COPY, LIST"),
        "staging and reading: three GETs a file": (3 * FILES_A_DAY, "S3 GET"),
        "reconcile: LIST": (look["LIST requests"], "S3 PUT, COPY, LIST"),
    }
    rows: list[Row] = [
        {
            "what": what,
            "a day": count,
            "$ a day": count * PRICES[price] / 1e6,
            "$ in 30 days": count * PRICES[price] * DAYS / 1e6,
        }
        for what, (count, price) in lines.items()
    ]
    glue = dpu_hours * PRICES["DPU-hour, each"]
    rows.append({"what": "Glue 1, DPU-hours", "a day": dpu_hours, "$ a day": glue, "$ in 30 days": glue * DAYS})
    return rows


def storage() -> list[Row]:
    """The ledger without TTL."""
    a_day = FILES_A_DAY * (size(FILE) + STORED_BYTES_MORE) / 2**30
    each = PRICES["ledger GB-month, each"] + PRICES["recovery GB-month, each"]
    return [
        {
            "after days": days,
            "files": FILES_A_DAY * days,
            "GB": a_day * days,
            "$ a month, with recovery": a_day * days * each,
        }
        for days in (30, 365, 3 * 365)
    ]


def main() -> None:
    print(f"an item is {size(FILE)} bytes, its marker {size(MARKER)}")
    show("The ledger, a file", steps())
    total = {name: sum(row[name] for row in steps()) for name in ("requests a file", "write units", "read units")}
    print(f"\nin all: {', '.join(f'{value:.2f} {name}' for name, value in total.items())}")
    show(f"reconcile, a day of {FILES_A_DAY:,} files", [reconcile_a_day()])
    show("Dollars", costs())
    show("Storage", storage())
    show(
        "Glue 1 runs a day by files a run",
        [
            {
                "files a run": files,
                "runs a day": FILES_A_DAY / files,
                "minutes a run may take": 24 * 60 * files / FILES_A_DAY,
            }
            for files in (1, 100, 1_000, 5_000, 20_000)
        ],
    )


if __name__ == "__main__":
    main()
