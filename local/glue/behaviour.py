"""How a test makes the next run of a job go wrong."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from enum import StrEnum


class Behaviour(StrEnum):
    """See local/README.md for what each looks like from outside."""

    FAIL = "fail"
    FAIL_AFTER = "fail-after"
    HANG = "hang"
    VANISH = "vanish"
    EXPIRE = "expire"
    SILENT = "silent"
    TIMEOUT = "timeout"
    ZOMBIE = "zombie"
    REFUSE = "refuse"
    THROTTLE = "throttle"
    LOSE_ANSWER = "lose-answer"
    DOUBLE = "double"


_next: dict[str, deque[Behaviour]] = defaultdict(deque)
_lock = threading.Lock()


def order(job: str, behaviour: str, times: int = 1) -> None:
    """Arranges for the next `times` starts of a job; `normal` forgets what was arranged."""
    with _lock:
        if behaviour == "normal":
            _next.pop(job, None)
        else:
            _next[job].extend([Behaviour(behaviour)] * times)


def take(job: str) -> Behaviour | None:
    with _lock:
        return _next[job].popleft() if _next.get(job) else None


def pending(job: str) -> list[Behaviour]:
    """What is arranged for a job and has not come true yet."""
    with _lock:
        return list(_next.get(job, ()))
