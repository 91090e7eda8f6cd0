#!/usr/bin/env python3
"""Writes a made-up travel group's files: the same bytes for the same size and seed, on any machine.

    scripts/generate_samples.py --out samples --size 1MB         what is in the repository
    scripts/generate_samples.py --out /tmp/day --size 200MB        a bigger input: make demo INPUT=/tmp/day

Each dataset is a folder. The shapes are those that arrive in practice: JSON Lines, arrays, one pretty document a
file, some gzipped, nested, with late and repeated states of a key, file names that need quoting, and a few records
and files that are broken in the ways that files break. Fields follow contracts/*.yaml; `excursions` and
`Loyalty Points` have no contract. Everything is invented: no person, account or booking is real.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

Record = dict[str, Any]
DEFAULT_SEED = 1841  # the year of the first package tour
FIRST_DAY = date(2026, 5, 4)

# How the bytes are shared out. What is left goes to the small reference and broken files.
SHARES = {
    "bookings": 0.38,
    "flights": 0.24,
    "customers": 0.16,
    "crew_payroll": 0.08,
    "hotels": 0.06,
    "excursions": 0.04,
    "Loyalty Points": 0.02,
}

AIRPORTS = [
    ("LHR", "London Heathrow", "London", "GB", 51.47, -0.4543, "Europe/London"),
    ("MAN", "Manchester", "Manchester", "GB", 53.3537, -2.275, "Europe/London"),
    ("HAJ", "Hannover", "Hannover", "DE", 52.4611, 9.685, "Europe/Berlin"),
    ("DUS", "Düsseldorf", "Düsseldorf", "DE", 51.2895, 6.7668, "Europe/Berlin"),
    ("PMI", "Palma de Mallorca", "Palma", "ES", 39.5517, 2.7388, "Europe/Madrid"),
    ("TFS", "Tenerife South", "Granadilla", "ES", 28.0445, -16.5725, "Atlantic/Canary"),
    ("AYT", "Antalya", "Antalya", "TR", 36.8987, 30.8005, "Europe/Istanbul"),
    ("HRG", "Hurghada", "Hurghada", "EG", 27.1783, 33.7994, "Africa/Cairo"),
    ("CUN", "Cancún", "Cancún", "MX", 21.0365, -86.8771, "America/Cancun"),
    ("RHO", "Rhodes Diagoras", "Rhodes", "GR", 36.4054, 28.0862, "Europe/Athens"),
]
FIRST_NAMES = ["Amélie", "Björn", "Chloë", "Дмитрий", "Eleni", "Fatma", "Göran", "José", "Łucja", "Noah", "李娜", "Zoë"]
LAST_NAMES = ["Ångström", "Brown", "Çelik", "García", "Jansen", "Müller", "Nowak", "O'Neill", "Papadakis", "Σταύρου"]
# Most bookings have no remark; two of these are medical.
REMARKS = ["", "", "", "late arrival", "sea view if possible", "wheelchair at the airport", "peanut allergy"]
STREETS = ["Hauptstraße", "High Street", "Calle Mayor", "Rue du Lac"]
BRANDS, EPITHETS = ["Riu", "Robinson", "Blue", "Magic Life", "Casa"], ["Playa", "Été", "Garden", "Ñandú"]
EXCURSIONS = ["Whale watching", "Old town on foot", "Jeep safari", "Snorkelling – half day", "Día de compras"]
AMENITIES = ["pool", "spa", "wifi", "gym", "kids club", "beach", "parking", "all inclusive"]


def stamp(rng: random.Random, day: int) -> str:
    """An instant on the day-th day of the data."""
    midnight = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    return (midnight + timedelta(days=day, seconds=rng.randrange(86_400))).strftime("%Y-%m-%dT%H:%M:%SZ")


def money(rng: random.Random, low: int, high: int) -> float:
    return rng.randrange(low * 100, high * 100) / 100


def booking(rng: random.Random, number: int, day: int) -> Record:
    # One in eight is a later, or a late and older, state of a booking that was already sent.
    again = number > 20 and rng.random() < 0.125
    identity = rng.randrange(1, number) if again else number
    adults = [{"kind": "adult", "age": rng.randrange(18, 85)} for _ in range(rng.randrange(1, 4))]
    children = [{"kind": "child", "age": rng.randrange(2, 18)}] if rng.random() < 0.3 else []
    departure = FIRST_DAY + timedelta(days=30 + rng.randrange(200))
    return {
        "booking_id": f"B{identity:09d}",
        "updated_at": stamp(rng, day),
        "created_at": stamp(rng, -rng.randrange(60)),
        "customer_id": f"C{rng.randrange(1, 50_000):08d}",
        "channel": rng.choice(["web", "app", "shop", "agent"]),
        "status": rng.choice(["changed", "cancelled", "travelled"]) if again else "confirmed",
        "hotel_id": f"H{rng.randrange(1, 900):05d}" if rng.random() < 0.9 else None,
        "flight_number": f"X3{rng.randrange(2000, 2400)}",
        "departure_date": departure.isoformat(),
        "return_date": (departure + timedelta(days=rng.choice([3, 7, 10, 14]))).isoformat(),
        "travellers": adults + children,
        "price": {"amount": money(rng, 200, 6000), "currency": rng.choice(["EUR", "GBP", "SEK"])},
        "vip": rng.random() < 0.03,
        "remarks": rng.choice(REMARKS),
    }


def flight(rng: random.Random, number: int, day: int) -> Record:
    origin, destination = rng.sample([row[0] for row in AIRPORTS], 2)
    record: Record = {
        "flight_number": f"X3{rng.randrange(2000, 2400)}",
        "reported_at": stamp(rng, day),
        "movement": rng.choice(["scheduled", "boarding", "departed", "arrived", "diverted", "cancelled"]),
        "origin": origin,
        "destination": destination,
        "scheduled_departure": stamp(rng, day),
        "delay_minutes": rng.randrange(-10, 180),
        "aircraft": {
            "registration": f"D-A{rng.choice('BTU')}{rng.choice('ABCDEF')}{rng.choice('KLMNP')}",
            "model": rng.choice(["B737-800", "B737-8", "E195-E2"]),
            "seats": rng.choice([136, 189]),
        },
        "passengers": rng.randrange(60, 189),
    }
    if number % 50 == 0:
        record["remark_ops"] = "de-icing"  # a field that no contract names
    return record


def customer(rng: random.Random, number: int, day: int) -> Record:
    identity = rng.randrange(1, number) if number > 20 and rng.random() < 0.06 else number
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    born = date(1940, 1, 1) + timedelta(days=rng.randrange(24_000))
    country = rng.choice(["DE", "GB", "NL", "PL", "SE", "ES"])
    return {
        "customer_id": f"C{identity:08d}",
        "updated_at": stamp(rng, day),
        "first_name": first,
        "last_name": last,
        "email": f"guest{identity}@mail.example",
        "phone": f"+49{rng.randrange(10**9, 10**10)}",
        "date_of_birth": born.isoformat(),
        "passport": None
        if rng.random() < 0.2
        else {"number": f"P{rng.randrange(10**7, 10**8)}", "country": country, "expires": "2031-08-31"},
        "address": {
            "street": f"{rng.choice(STREETS)} {rng.randrange(1, 200)}",
            "postcode": f"{rng.randrange(10_000, 99_999)}",
            "city": rng.choice(["Köln", "Leeds", "Málaga", "Łódź", "Malmö"]),
            "country": country,
        },
        "marketing_consent": rng.choice([True, False]),
    }


def payroll(rng: random.Random, number: int, day: int) -> Record:
    rank, hourly = rng.choice([("captain", 190), ("first officer", 120), ("purser", 60), ("cabin crew", 42)])
    hours = rng.randrange(300, 900) / 10
    return {
        "employee_id": f"E{1 + number % 700:06d}",
        "pay_period": f"2026-{1 + (number // 700) % 12:02d}",
        "revision": rng.choice([1, 1, 1, 1, 2]),
        "rank": rank,
        "base": rng.choice([row[0] for row in AIRPORTS[:4]]),
        "block_hours": hours,
        "gross": round(hours * hourly, 2),
        "currency": "EUR",
        "iban": f"DE{rng.randrange(10, 99)}{rng.randrange(10**17, 10**18)}",
    }


def hotel(rng: random.Random, number: int, day: int) -> Record:
    _, _, city, country, latitude, longitude, _ = rng.choice(AIRPORTS[4:])
    return {
        "hotel_id": f"H{number:05d}",
        "revision": 1 + day,
        "name": f"{rng.choice(BRANDS)} {rng.choice(EPITHETS)} {number}",
        "stars": rng.choice([3.0, 3.5, 4.0, 4.5, 5.0]),
        "address": {"street": f"Avenida {rng.randrange(1, 300)}", "city": city, "country": country},
        "location": {
            "latitude": round(latitude + rng.uniform(-0.2, 0.2), 5),
            "longitude": round(longitude + rng.uniform(-0.2, 0.2), 5),
        },
        "rooms": [
            {"code": code, "beds": beds, "price": money(rng, 60, 420)}
            for code, beds in rng.sample([("SGL", 1), ("DBL", 2), ("FAM", 4), ("STE", 3)], rng.randrange(1, 4))
        ],
        "amenities": sorted(rng.sample(AMENITIES, rng.randrange(1, 6))),
        "active": rng.random() < 0.95,
    }


def excursion(rng: random.Random, number: int, day: int) -> Record:
    return {
        "id": number,
        "title": rng.choice(EXCURSIONS),
        "starts": stamp(rng, day),
        "guide": {"name": rng.choice(FIRST_NAMES), "languages": rng.sample(["en", "de", "es", "pl"], 2)},
        "seats": {"total": 40, "taken": rng.randrange(41)},
        "weather": rng.choice([None, "sunny", "windy"]),
    }


def points(rng: random.Random, number: int, day: int) -> Record:
    return {"member": f"C{rng.randrange(1, 50_000):08d}", "points": rng.randrange(10, 5000), "booked": stamp(rng, day)}


def document(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False, indent=2).encode() + b"\n"


def array(records: list[Record]) -> bytes:
    return b"[\n" + b",\n".join(json.dumps(r, ensure_ascii=False).encode() for r in records) + b"\n]\n"


def lines(records: list[Record]) -> bytes:
    return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in records)


def compress(data: bytes) -> bytes:
    """gzip without the name and the time of day, so that equal data gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


def batches(
    make: Callable[[random.Random, int, int], Record], name: str, seed: int, budget: int, file_bytes: int
) -> Iterator[tuple[int, list[Record]]]:
    """Records of one dataset in file-sized lots, `budget` bytes of JSON Lines in all (at least one lot)."""
    rng = random.Random(f"{seed}:{name}")
    number = index = spent = 0
    while index == 0 or spent < budget:
        lot: list[Record] = []
        size = 0
        while size < min(file_bytes, max(budget - spent, 1)):
            number += 1
            lot.append(make(rng, number, index % 60))
            size += len(json.dumps(lot[-1], ensure_ascii=False).encode()) + 1
        yield index, lot
        index, spent = index + 1, spent + size


def broken_tail(lot: list[Record]) -> bytes:
    """JSON Lines in which a few lines are broken, each in another way; the good ones around them must survive."""
    good = lines(lot).splitlines(keepends=True)
    bad = [
        b'{"booking_id": "B000000001", "updated_at": \n',  # cut off
        b"{'booking_id': 'single quotes'}\n",
        b'{"booking_id": "B000000002", "price": {"amount": NaN, "currency": "EUR"}}\n',
        b'"just a string"\n',
        b'{"booking_id": "B000000003"} {"booking_id": "B000000004"}\n',  # two on a line
        b'{"booking_id": "caf\xe9"}\n',  # Latin-1, not UTF-8
        b"\n   \n",  # blank lines are no records
    ]
    middle = len(good) // 2
    return b"".join(good[:middle] + bad + good[middle:])


def bookings_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(booking, "bookings", seed, budget, file_bytes):
        day = (FIRST_DAY + timedelta(days=index % 60)).isoformat()
        if index == 1:
            yield f"{day}/web+app 100% (final).jsonl", broken_tail(lot)
        elif index % 4 == 2:
            yield f"{day}/part-{index:05d}.jsonl.gz", compress(lines(lot))
        else:
            yield f"{day}/part-{index:05d}.jsonl", lines(lot)


def flights_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(flight, "flights", seed, budget, file_bytes):
        day = (FIRST_DAY + timedelta(days=index % 60)).isoformat()
        if index % 3 == 0:
            yield f"ops/{day}/movements-{index:05d}.ndjson.gz", compress(lines(lot))
        elif index % 3 == 1:
            yield f"ops/{day}/movements-{index:05d}.ndjson", b"\xef\xbb\xbf" + lines(lot)  # a byte order mark
        else:
            yield f"ops/{day}/_movements {index:05d}.json", lines(lot).replace(b"\n", b"\r\n")


def customers_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(customer, "customers", seed, budget, file_bytes):
        if index == 0:
            for position, record in enumerate(lot[:6]):
                yield f"single/{record['last_name']}, {position}.json", document(record)
            lot = lot[6:] or lot
        yield f"export {index:05d}.json" + (".gz" if index % 2 else ""), (compress if index % 2 else bytes)(array(lot))


def payroll_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(payroll, "crew_payroll", seed, budget, file_bytes):
        yield f"2026/lohn-{index:05d}.json.gz", compress(array(lot))


def hotels_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(hotel, "hotels", seed, budget, file_bytes):
        yield f"L'Hôtel & Söhne {index:05d}.json", array(lot)
        revised = dict(lot[0], revision=lot[0]["revision"] + 100, active=False)
        yield f"revisions/{revised['hotel_id']}.json", document(revised)


def excursions_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(excursion, "excursions", seed, budget, file_bytes):
        yield f"日帰り-{index:05d}.jsonl", lines(lot)


def points_files(seed: int, budget: int, file_bytes: int) -> Iterator[tuple[str, bytes]]:
    for index, lot in batches(points, "Loyalty Points", seed, budget, file_bytes):
        yield f"batch={index:05d}/points.json", array(lot)


def airports_files() -> Iterator[tuple[str, bytes]]:
    names = ["iata", "name", "city", "country", "location", "timezone"]
    rows = [
        dict(zip(names, [iata, name, city, country, {"latitude": lat, "longitude": lon}, zone], strict=True))
        for iata, name, city, country, lat, lon, zone in AIRPORTS
    ]
    yield "airports.json", array(rows)
    yield "corrections/PMI.json", document(dict(rows[4], name="Palma de Mallorca Son Sant Joan"))


def broken_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Whole files that can't be read, and files that hold nothing."""
    rng = random.Random(f"{seed}:broken")
    lot = [flight(rng, number, 3) for number in range(1, 40)]
    yield "flights/ops/truncated.ndjson.gz", compress(lines(lot))[:-40]
    yield "flights/ops/not really.json.gz", b"this was never compressed\n"
    yield "hotels/half a document.json", document(hotel(rng, 1, 0))[:200]
    yield "customers/empty.json", b""
    yield "customers/nobody.json", b"[]\n"
    yield "excursions/mixed.json", b'[{"id": 1, "title": "Sunrise"}, 17, null, {"id": 2, "title": "Sunset"}]\n'


def files(size: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(path below the output folder, content) of every file, in a fixed order."""
    file_bytes = min(max(size // 30, 16_000), 8_000_000)
    makers = {
        "bookings": bookings_files,
        "flights": flights_files,
        "customers": customers_files,
        "crew_payroll": payroll_files,
        "hotels": hotels_files,
        "excursions": excursions_files,
        "Loyalty Points": points_files,
    }
    for dataset, make in makers.items():
        for name, data in make(seed, int(size * SHARES[dataset]), file_bytes):
            yield f"{dataset}/{name}", data
    for name, data in airports_files():
        yield f"airports/{name}", data
    yield from broken_files(seed)


def parse_size(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*(B|KB|MB|GB)?", text.strip(), re.IGNORECASE)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 512KB, 1MB or 2GB")
    return int(match[1]) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[(match[2] or "B").upper()]


def write(out: Path, size: int, seed: int) -> tuple[int, int]:
    """Replaces the dataset folders below `out`; returns (files, bytes). Files directly in `out` are left alone."""
    for folder in [*SHARES, "airports"]:
        shutil.rmtree(out / folder, ignore_errors=True)
    count = total = 0
    for name, data in files(size, seed):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        count, total = count + 1, total + len(data)
    return count, total


def main() -> None:
    parser = argparse.ArgumentParser(description="Write sample data of a travel group.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the datasets into")
    parser.add_argument("--size", type=parse_size, default="1MB", help="before compression, as 512KB, 1MB or 2GB")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    arguments = parser.parse_args()
    count, total = write(arguments.out, arguments.size, arguments.seed)
    print(f"{count} files, {total / 1e6:.1f} MB in {arguments.out}")


if __name__ == "__main__":
    main()
