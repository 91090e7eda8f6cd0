"""Showing how far a run is: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text


class Display:
    """Prints headlines, and below them the numbers that change. A context manager, so that the cursor comes back."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.started = time.monotonic()
        self._numbers: dict[str, str] = {}
        self._phase = ""
        self._live: Live | None = None

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live = Live(self._table(), console=self.console, refresh_per_second=4, get_renderable=self._table)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def clock(self) -> str:
        seconds = int(time.monotonic() - self.started)
        return f"{seconds // 60:3d}:{seconds % 60:02d}"

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"{self.clock()}  {text}", markup=False)

    def phase(self, text: str) -> None:
        """What is being waited for now."""
        self._phase = text
        self.say(text)

    def numbers(self, numbers: Mapping[str, object]) -> None:
        """The numbers as they are now; off a terminal a line is printed only if one of them has changed."""
        now = {name: str(value) for name, value in numbers.items()}
        if now != self._numbers and not self._live:
            self.say("  " + ", ".join(f"{name} {value}" for name, value in now.items()))
        self._numbers = now

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(self.clock(), style="bold"), Text(self._phase, style="bold cyan"))
        for name, value in self._numbers.items():
            table.add_row(Text(name, style="dim"), Text(value))
        return table
