"""Trigger files and their answers, as an engineer sees them: two objects of the state bucket."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from tests.pipeline_under_test import Watched


def put(pipeline: Watched, kind: str, name: str, **fields: Any) -> None:
    """Puts a trigger file; its request id is its name unless the fields say otherwise."""
    common = {"request_id": name, "requested_by": "an engineer", "reason": "a test"}
    put_raw(pipeline, kind, name, json.dumps(common | fields))


def put_raw(pipeline: Watched, kind: str, name: str, content: str) -> None:
    key = f"intermediary/scripts/{kind}/{name}.json"
    pipeline.s3.put_object(Bucket=pipeline.bucket("state"), Key=key, Body=content.encode())


def answer(pipeline: Watched, kind: str, name: str) -> dict[str, Any] | None:
    """The answer beside that name, if there is one yet."""
    try:
        return json.loads(pipeline.read(f"s3://{pipeline.bucket('state')}/intermediary/results/{kind}/{name}.json"))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise


def answered(pipeline: Watched, kind: str, name: str) -> dict[str, Any]:
    """Waits for an answer, whichever."""
    return pipeline.wait_for(lambda: answer(pipeline, kind, name), f"answer to {kind}/{name}")


def ended(pipeline: Watched, kind: str, name: str) -> dict[str, Any]:
    """Waits for the last answer."""

    def last() -> dict[str, Any] | None:
        found = answer(pipeline, kind, name)
        return found if found and found["state"] != "ACCEPTED" else None

    return pipeline.wait_for(last, f"last answer to {kind}/{name}", explain=lambda: [str(answer(pipeline, kind, name))])


def done(pipeline: Watched, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """Puts a trigger file and waits for its last answer."""
    put(pipeline, kind, name, **fields)
    return ended(pipeline, kind, name)
