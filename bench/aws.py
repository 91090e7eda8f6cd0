"""The server that stands for AWS: started, set up, asked."""

from __future__ import annotations

import json
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any

SERVER = Path("target/bench/server/release/bench-server")
#: A function may take this long to answer.
PATIENCE_SECONDS = 1800


class Aws:
    """A running server, for a `with` statement."""

    def __init__(self, binary: Path = SERVER) -> None:
        self.binary = binary

    def __enter__(self) -> Aws:
        self.process = subprocess.Popen([self.binary], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def reset(self, **world: int) -> None:
        """A new world, described in bench/server/src/world.rs; nothing of the last one is left."""
        self._ask("reset", world)

    def put_items(self, items: list[dict[str, Any]]) -> None:
        """Put items into the ledger, as DynamoDB spells them."""
        self._ask("items", items)

    def invoke(self, event: Any) -> dict[str, Any]:
        """Call the function that runs: `payload`, `is_error`, and `seconds` from handing out the event."""
        return self._ask("invoke", event)

    def state(self) -> dict[str, Any]:
        """What was asked for, and what is left."""
        return self._ask("state", {})

    def requests(self) -> dict[str, int]:
        """How many requests of each kind came since the reset; refuses any that the server could not answer."""
        requests: dict[str, int] = self.state()["requests"]
        if "unknown" in requests:
            raise RuntimeError("the server was asked for something that it does not know; its error output says what")
        return requests

    def _ask(self, what: str, body: Any) -> Any:
        connection = HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", f"/_bench/{what}", json.dumps(body))
            answer = connection.getresponse()
            content = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the server refuses {what}: {content}")
        return json.loads(content)
