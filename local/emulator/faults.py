"""The rules by which a test makes requests go wrong: what they say, which requests they match, how often they have."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from jsonschema import Draft202012Validator

TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 1}
SIZE = {"type": "integer", "minimum": 0}

_EVERY_RULE: dict[str, Any] = {
    "do": TEXT,
    "role": TEXT,
    "action": TEXT,
    "resource": TEXT,
    "body": TEXT,
    "after": SIZE,
    "times": {"type": ["integer", "null"], "minimum": 1},
}
_OWN: dict[str, dict[str, Any]] = {
    "error": {"status": {"type": "integer", "minimum": 400, "maximum": 599}, "code": TEXT, "message": TEXT},
    "drop": {},
    "lose-answer": {},
    "delay": {"seconds": {"type": "number", "exclusiveMinimum": 0}},
    "kill": {},
    "kill-after": {},
    "timeout-after": {},
    "zombie-after": {},
    "hold": {},
    "hold-after": {},
    "keys": {"every": COUNT, "code": TEXT, "message": TEXT},
    "truncate": {"bytes": SIZE},
}
_DEFAULTS = {
    "error": {"message": "a test wants this error"},
    "keys": {"code": "InternalError", "message": "a test wants this error"},
}
_KILLS = ("kill", "kill-after")
_ENDS = ("timeout-after", "zombie-after")


class Refused(Exception):
    """A request to the control that is not understood; the message names what is wrong."""


@dataclass(frozen=True)
class Request:
    """What a rule looks at."""

    role: str
    checks: tuple[tuple[str, str], ...]
    """The actions that IAM was asked for, each with its resource's ARN."""
    text: Callable[[], str]
    """`METHOD /path?query`, a line break, and the body."""
    has_process: bool = False
    has_run: bool = False
    deletes_objects: bool = False
    gets_object: bool = False


@dataclass
class Rule:
    """One rule with its counts. All of it is touched on the event loop's thread only."""

    id: str
    given: dict[str, Any]
    seen: int = 0
    injected: int = 0
    gates: list[asyncio.Event] = field(default_factory=list)

    def matches(self, request: Request) -> bool:
        given, do = self.given, self.given["do"]
        if (do == "keys" and not request.deletes_objects) or (do == "truncate" and not request.gets_object):
            return False
        if (do in _KILLS and not request.has_process) or (do in _ENDS and not request.has_run):
            return False
        action, resource = given["action"].lower(), given["resource"]
        return (
            fnmatchcase(request.role, given["role"])
            and any(fnmatchcase(name.lower(), action) and fnmatchcase(arn, resource) for name, arn in request.checks)
            and ("body" not in given or given["body"] in request.text())
        )

    def is_due(self) -> bool:
        """Whether the request that was just counted is one to hit."""
        times = self.given["times"]
        return self.seen > self.given["after"] and (times is None or self.injected < times)

    async def hold(self) -> None:
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()

    def release(self) -> int:
        gates, self.gates = self.gates, []
        for gate in gates:
            gate.set()
        return len(gates)

    def told(self) -> dict[str, Any]:
        counts = {"id": self.id, "seen": self.seen, "injected": self.injected, "holding": len(self.gates)}
        return {**counts, **self.given}


_rules: list[Rule] = []
_numbers = itertools.count(1)


def take(request: Request) -> Rule | None:
    """Counts a request for every rule that it matches; the first rule that is due hits it."""
    hit = None
    for rule in _rules:
        if rule.matches(request):
            rule.seen += 1
            if hit is None and rule.is_due():
                hit = rule
                rule.injected += 1
    return hit


def answer(method: str, path: str, request: Any) -> dict[str, Any]:
    """The control's answer to `/_local/faults...`."""
    if (method, path) == ("GET", "/_local/faults"):
        return {"faults": [rule.told() for rule in _rules]}
    if method != "POST" or not isinstance(request, dict):
        raise Refused("GET /_local/faults, or POST a JSON object")
    if path == "/_local/faults":
        return {"ids": _add(_only(request, "faults"))}
    if path == "/_local/faults/release":
        return {"released": _found(_only(request, "id")).release()}
    if path == "/_local/faults/clear":
        if request:
            raise Refused(f"clear takes no fields: {', '.join(request)}")
        return {"cleared": _clear()}
    raise Refused(f"there is nothing at {path}")


def _only(request: dict[str, Any], name: str) -> Any:
    unknown = sorted(set(request) - {name})
    if unknown or name not in request:
        raise Refused(f"want {{{name!r}: ...}}" + (f"; unknown: {', '.join(unknown)}" if unknown else ""))
    return request[name]


def _found(rule_id: Any) -> Rule:
    for rule in _rules:
        if rule.id == rule_id:
            return rule
    raise Refused(f"id: there is no fault {rule_id!r}")


def _add(faults: Any) -> list[str]:
    """Adds all of them or, if one is wrong, none."""
    if not isinstance(faults, list):
        raise Refused("faults: want a list of rules")
    rules = [_parse(number, fault) for number, fault in enumerate(faults)]
    added = [Rule(f"fault-{next(_numbers)}", rule) for rule in rules]
    _rules.extend(added)
    return [rule.id for rule in added]


def _parse(number: int, fault: Any) -> dict[str, Any]:
    """The rule with its defaults; an unknown or missing field or a wrong value is named."""
    where = f"faults[{number}]"
    if not isinstance(fault, dict):
        raise Refused(f"{where}: want an object, not {fault!r}")
    do = fault.get("do")
    if not isinstance(do, str) or do not in _OWN:
        raise Refused(f"{where}.do: {do!r} is not one of {', '.join(_OWN)}")
    own, defaults = _OWN[do], _DEFAULTS.get(do, {})
    known = {**_EVERY_RULE, **own}
    unknown = sorted(set(fault) - set(known))
    if unknown:
        raise Refused(f"{where}: {do} has no field {', '.join(unknown)}; it has {', '.join(known)}")
    missing = sorted(set(own) - set(defaults) - set(fault))
    if missing:
        raise Refused(f"{where}: {do} wants {', '.join(missing)}")
    for wrong in Draft202012Validator({"properties": known}).iter_errors(fault):
        raise Refused(f"{where}.{'.'.join(str(part) for part in wrong.path)}: {wrong.message}")
    return {"role": "*", "action": "*", "resource": "*", "after": 0, "times": 1, **defaults, **fault}


def _clear() -> int:
    rules, _rules[:] = list(_rules), []
    for rule in rules:
        rule.release()
    return len(rules)
