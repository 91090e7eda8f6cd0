"""What a contract may expect of the records that arrive: read from the contract here, held against data in `checks`.

| rule        | says                                              | a null           |
|-------------|---------------------------------------------------|------------------|
| `not_null`  | the fields have a value that fits their type      | is the breach    |
| `unique`    | no two records have equal fields                  | equals nothing   |
| `range`     | the field is from `min` to `max`, both included   | is no breach     |
| `set`       | the field is one of `values`                      | is no breach     |
| `regex`     | the whole field matches `pattern` (Java's syntax) | is no breach     |
| `row_count` | a run brings from `min` to `max` records          | does not matter  |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

FAIL, RESCUE, QUARANTINE, WARN = "fail", "rescue", "quarantine", "warn"
#: Rules about one value: only such a value can be kept out of its column, and in `_rescued`.
OF_A_VALUE = ("range", "set", "regex")
#: Rules about one record: only such a record can be kept out of the tables.
OF_A_RECORD = ("not_null", *OF_A_VALUE)

#: What each rule must have, and of what it must have something, beside `rule` and `on_breach`.
_ENTRIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "not_null": (("fields",), ()),
    "unique": (("fields",), ()),
    "range": (("field",), ("min", "max")),
    "set": (("field", "values"), ()),
    "regex": (("field", "pattern"), ()),
    "row_count": ((), ("min", "max")),
}


@dataclass(frozen=True)
class Expectation:
    """One rule; `fields` are columns, or paths into objects (`price.amount`)."""

    rule: str
    fields: tuple[str, ...] = ()
    on_breach: str = FAIL
    low: Any = None
    high: Any = None
    values: tuple[Any, ...] = ()
    pattern: str = ""

    @property
    def label(self) -> str:
        """The rule in a message: what it is about, and never a value of the data."""
        return f"{self.rule} of {', '.join(self.fields)}" if self.fields else self.rule


def parse(entry: Mapping[str, Any]) -> Expectation:
    """An expectation of which `problems` found nothing to say."""
    fields = tuple(entry.get("fields", ())) or tuple(entry[name] for name in ("field",) if name in entry)
    return Expectation(
        entry["rule"],
        fields,
        entry.get("on_breach", FAIL),
        entry.get("min"),
        entry.get("max"),
        tuple(entry.get("values", ())),
        entry.get("pattern", ""),
    )


def holds(expectation: Expectation, value: Column, kind: DataType) -> Column:
    """Whether a value of this type is as expected; a null is."""
    if expectation.rule == "set":
        found = value.isin([_constant(one, kind) for one in expectation.values])
    elif expectation.rule == "regex":
        found = value.rlike(f"\\A(?:{expectation.pattern})\\z")
    else:
        found = F.lit(True)
        if expectation.low is not None:
            found = found & (value >= _constant(expectation.low, kind))
        if expectation.high is not None:
            found = found & (value <= _constant(expectation.high, kind))
    return F.coalesce(found, F.lit(True))


def breaks(expectation: Expectation, values: Sequence[Column], kind: DataType) -> Column:
    """Whether a record with these values of the expectation's fields breaks it; `kind` is the type of the first."""
    if expectation.rule == "not_null":
        return reduce(lambda one, other: one | other, (value.isNull() for value in values))
    return ~holds(expectation, values[0], kind)


def _constant(value: Any, kind: DataType) -> Column:
    return F.lit(value).cast(kind) if isinstance(value, str) else F.lit(value)


def hold_all(expected: Sequence[Expectation], value: Column, kind: DataType) -> Column:
    """Whether a value is as all of these expect it."""
    return reduce(lambda one, other: one & other, (holds(each, value, kind) for each in expected))


def problems(entry: Any, contract: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with one entry of `expectations`: the path inside it, and the rule that it breaks."""
    if not isinstance(entry, dict) or not isinstance(entry.get("rule"), str) or entry["rule"] not in _ENTRIES:
        yield "rule", f"must be one of {', '.join(_ENTRIES)}"
        return
    required, some = _ENTRIES[entry["rule"]]
    yield from ((name, "is required") for name in required if name not in entry)
    if some and not set(some) & set(entry):
        yield "", f"needs {' or '.join(some)}"
    unknown = set(entry) - {"rule", "on_breach", *required, *some}
    yield from ((name, f"is no entry of the rule {entry['rule']}") for name in sorted(unknown))
    yield from _wrong_values(entry)
    yield from _wrong_fields(entry, contract)
    yield from _wrong_breach(entry, contract)


def _wrong_values(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("fields", "values"):
        value = entry.get(name, [None])
        if not isinstance(value, list) or not value or len({repr(one) for one in value}) < len(value):
            yield name, "must be a list that is not empty and repeats nothing"
    if isinstance(entry.get("values"), list) and any(isinstance(one, dict | list | None) for one in entry["values"]):
        yield "values", "must be single values"
    if not isinstance(entry.get("pattern", ""), str):
        yield "pattern", "must be a text"
    for name in ("min", "max"):
        kind = int if entry["rule"] == "row_count" else int | float | str
        if name in entry and (isinstance(entry[name], bool) or not isinstance(entry[name], kind)):
            yield name, "must be a number" if entry["rule"] == "row_count" else "must be a number, or a date in quotes"
    low, high = entry.get("min"), entry.get("max")
    if type(low) is type(high) and low is not None and low > high:
        yield "min", "must not be above max"


def _wrong_fields(entry: Mapping[str, Any], contract: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    listed = entry["fields"] if isinstance(entry.get("fields"), list) else []
    for path in [*listed, *(entry[name] for name in ("field",) if name in entry)]:
        if not isinstance(path, str) or path.split(".")[0] not in contract["fields"]:
            yield "field" if "field" in entry else "fields", f"no field is called {path!r}"


def _wrong_breach(entry: Mapping[str, Any], contract: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    on_breach = entry.get("on_breach", FAIL)
    if on_breach not in (FAIL, RESCUE, QUARANTINE, WARN):
        yield "on_breach", f"must be {FAIL}, {RESCUE}, {QUARANTINE} or {WARN}"
    if on_breach == QUARANTINE and entry["rule"] not in OF_A_RECORD:
        yield "on_breach", f"only the rules {', '.join(OF_A_RECORD)} can quarantine: they are about one record"
    if on_breach != RESCUE:
        return
    if entry["rule"] not in OF_A_VALUE:
        yield "on_breach", f"only the rules {', '.join(OF_A_VALUE)} can rescue: they are about one value"
    elif "." in str(entry.get("field")):
        yield "on_breach", "only a column can be rescued, no field inside one"
    elif entry.get("field") in (*contract.get("key", ()), contract.get("order_by")):
        yield "on_breach", "a key or an order can't be rescued: the record would be another one"
    if contract.get("mode") == "strict":
        yield "on_breach", "strict rescues nothing"
