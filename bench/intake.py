"""copy-prefix over batches of ten to ten thousand messages."""

from __future__ import annotations

import json

from bench import events
from bench.aws import Aws
from bench.process import Function
from bench.report import Row, mib


def over_batches(aws: Aws) -> list[Row]:
    """A process of its own each, so that the memory is that batch's."""
    rows: list[Row] = []
    for latency in (0, 20):
        for messages in (10, 100, 1_000, 10_000):
            batch = events.landed(messages)
            aws.reset(latency_ms=latency)
            with Function(aws, "copy-prefix") as function:
                one = function.measure(batch)
            check(aws, messages)
            rows.append(
                {
                    "ms a request": latency,
                    "messages": messages,
                    "event KB": round(len(json.dumps(batch, separators=(",", ":"))) / 1e3),
                    "seconds": round(one.seconds, 3),
                    "messages a second": round(messages / one.seconds),
                    "requests": one.calls,
                    "requests a message": round(one.calls / messages, 3),
                    "peak MiB": mib(one.peak_kib),
                }
            )
    return rows


def check(aws: Aws, messages: int) -> None:
    """A marker and an item a message, and one start."""
    state = aws.state()
    found = (state["files"], state["markers"], state["starts"])
    if found != (messages, messages, 1):
        raise RuntimeError(f"{messages} messages came to (files, markers, starts) = {found}")
