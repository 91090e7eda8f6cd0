"""The faults' names: each case is a function with a group of the issue's list, a name and a seed."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

Act = Callable[[Any], None]


@dataclass(frozen=True)
class Case:
    """One named fault. `quick`: it belongs to what `make test` runs."""

    group: int
    name: str
    seed: int
    quick: bool
    act: Act

    @property
    def slug(self) -> str:
        """The name as it may stand in a dataset's name."""
        return f"f{self.group}_" + re.sub("[^a-z0-9]+", "_", self.name.lower()).strip("_")[:60]

    def matches(self, pattern: str) -> bool:
        return fnmatch(self.name, f"*{pattern}*") or fnmatch(self.slug, f"*{pattern}*")


_cases: dict[str, Case] = {}


def case(group: int, name: str, seed: int = 1, quick: bool = False) -> Callable[[Act], Act]:
    """Registers a function `(lab) -> None` as the fault `name` of a group."""

    def register(act: Act) -> Act:
        if name in _cases and _cases[name].act.__qualname__ != act.__qualname__:
            raise ValueError(f"two faults are called {name!r}")
        _cases[name] = Case(group, name, seed, quick, act)
        return act

    return register


def cases(only: str | None = None) -> list[Case]:
    """All registered cases in the order of their groups; those that match a pattern, if one is given."""
    from tests.faults import cases as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found = sorted(_cases.values(), key=lambda one: one.group)
    return [one for one in found if only is None or one.matches(only)]
