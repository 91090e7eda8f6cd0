"""The files that the end-to-end tests drop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from local.demo import hostile
from local.demo.landing import LocalFile, input_files
from local.demo.running import REPOSITORY
from tests.unit.test_reference import CASES

# Names that break what handles keys carelessly: URL encoding, shells, globs, Spark's hidden files, mislabelled types.
HOSTILE_NAMES = [
    "plain.json",
    "two words.json",
    "plus+sign.json",
    "per%cent %20 %2B.json",
    'double "quotes".json',
    "single 'quotes'.json",
    "ünïcödé 日本 🏝.json",
    "_hidden.json",
    ".dotted.json",
    "glob*[a-z]?{x,y}.json",
    "hash#tag.json",
    "question?mark&amp=1;semi:colon.json",
    "back\\slash.json",
    "deep/er/and deeper/run=1/part-0.json",
    "no extension",
    "not zipped.json.gz",
    "$(echo pwned) `id`.json",
    "trailing space .json ",
    "new\nline.json",
    "ends with a new line\n",
]


def lines(*records: dict[str, object]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def hostile_files() -> dict[str, bytes]:
    return {f"hostile/{name}": lines({"id": n, "name": name}) for n, name in enumerate(HOSTILE_NAMES)}


def awkward_files() -> dict[str, bytes]:
    """Content, folders and types that are legal and rare, or not legal at all."""
    broken = {f"broken ones/{name}.json": data for name, (data, _, _) in CASES.items()}
    return broken | {
        "secured/no dataset.json": lines({"a": 1}),
        "___/no dataset either.json": lines({"a": 1}),
        "Same-Name/a.json": lines({"a": 1}, {"a": 2}),
        "same_name/b.json": lines({"a": 4}),
        "drift/1.jsonl": lines({"a": 1, "b": {"c": 1}}, {"a": "x", "b": [1]}, {"A": 2, "a": 3}),
        "drift/2.jsonl": lines({"a": {"x": 1}}, {"first name": "j", "_file_id": "mine"}, {}, {"": 1, " ": 2}),
        "select/from.json": lines({"from": 1, "select": 2, "group": {"by": 1}}),
        "2026/digits.json": lines({"1": 1, "2": {"3": 4}}),
        "flights/unlike its contract.json": lines({"delay_minutes": "late", "aircraft": 7}, {"other": [1, "x"]}),
        "hotels/unlike its contract.json": lines({"hotel_id": 5, "revision": "x", "rooms": "none"}, {"revision": 1}),
    }


def odd_files() -> dict[str, bytes]:
    """The odd inputs of docs/ingest.md, all in one dataset: how many columns it gets is not the matter here."""
    return {f"odd inputs/{name.partition('/')[2]}": content for name, content in hostile.files().items()}


def first_of_its_name() -> dict[str, bytes]:
    """A file whose folder has its table when another folder that means the same table comes, in a later run."""
    return {"same_name/a.json": lines({"a": 1}, {"a": 2}, {"a": 3})}


def many_files(number: int) -> dict[str, bytes]:
    return {f"many/2026/{n % 7}/part {n:04d}.jsonl": lines({"n": n}, {"n": -n}) for n in range(number)}


def samples(folder: Path) -> list[LocalFile]:
    shutil.copytree(REPOSITORY / "samples", folder, dirs_exist_ok=True)
    return input_files(folder)
