"""`/_local/...`: what tests and the command line may ask of this emulator and of no AWS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.emulator import faults, glue, polling, schedules
from local.glue import behaviour
from local.settings import Instance

Application = Callable[[Any, Callable, Callable], Awaitable[None]]


def with_control(instance: Instance, emulator: Application) -> Application:
    """The emulator's application, with the control paths before it."""

    async def application(scope: Any, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/_local/"):
            await emulator(scope, receive, send)
            return
        status, answer = await _answer(instance, scope["method"], scope["path"], await _body(receive))
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


async def _body(receive: Callable) -> Any:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    try:
        return json.loads(b"".join(chunks) or b"{}")
    except ValueError:
        return None


async def _answer(instance: Instance, method: str, path: str, request: Any) -> tuple[int, Any]:
    if path == "/_local/ready":
        return 200, {"folder": str(instance.folder), "port": instance.port}
    if path == "/_local/faults" or path.startswith("/_local/faults/"):
        try:
            return 200, faults.answer(method, path, request)
        except faults.Refused as refused:
            return 400, {"error": str(refused)}
    if method != "POST" or not isinstance(request, dict):
        return 400, {"error": "POST a JSON object"}
    if path == "/_local/fire":
        try:
            return 200, await asyncio.to_thread(schedules.fire, instance, str(request.get("schedule", "")))
        except KeyError as unknown:
            return 404, {"error": f"there is no schedule {unknown}"}
    if path == "/_local/glue/next":
        return _order(request)
    if path == "/_local/glue/give-up":
        try:
            glue.give_up(str(request.get("run_id", "")))
        except KeyError as unknown:
            return 404, {"error": f"run_id: no run {unknown} is active"}
        return 200, {}
    if path == "/_local/glue/pending":
        return 200, {"behaviours": behaviour.pending(str(request.get("job", "")))}
    if path == "/_local/sqs/redeliver":
        try:
            return 200, {"redelivered": polling.redeliver(str(request.get("queue", "")))}
        except KeyError as unknown:
            return 404, {"error": f"queue: there is no queue {unknown}"}
    return 404, {"error": f"there is nothing at {path}"}


def _order(request: dict[str, Any]) -> tuple[int, Any]:
    """How the next starts of a job are to go."""
    try:
        job, wanted, times = str(request["job"]), str(request["behaviour"]), int(request.get("times", 1))
        if not glue.is_job(job):
            return 404, {"error": f"job: there is no job {job!r}"}
        behaviour.order(job, wanted, times)
    except (KeyError, ValueError):
        known = ", ".join(sorted([*behaviour.Behaviour, "normal"]))
        return 400, {"error": f'want {{"job", "behaviour", "times"}}; behaviour is one of {known}'}
    return 200, {}
