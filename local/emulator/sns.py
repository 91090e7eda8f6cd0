"""SNS: a log of what was published, as no mail leaves this machine."""

from __future__ import annotations

from typing import Any

from ministack.services import sns

from local.emulator.journal import Journal


def install(journal: Journal) -> None:
    original = sns._fanout

    def fanout(topic_arn: str, msg_id: str, message: str, subject: str, *args: Any, **kwargs: Any) -> Any:
        # The emulator delivers to queues, functions and HTTP, and drops mail without a trace.
        journal.write(topic=topic_arn, subject=subject, message=message, message_id=msg_id)
        return original(topic_arn, msg_id, message, subject, *args, **kwargs)

    sns._fanout = fanout
