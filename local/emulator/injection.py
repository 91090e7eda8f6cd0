"""A test facility, and nothing that AWS has: requests of roles go wrong as the rules in `faults` say.

It lies between IAM and the services: what IAM refuses stays refused and is not counted, and what happens here happens
to a request that AWS would have carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring
from hypercorn.protocol.http_stream import ASGIHTTPState
from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.router import extract_access_key_id
from ministack.services import sts

from local.emulator import callers, faults, iam

Application = Callable[[Any, Callable, Callable], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict, bytes, dict], Awaitable[Answer]]

_LOST: Answer = (500, {}, b"")
"""In place of an answer that is never sent."""
_INTEGRITY = ("content-md5", "x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer")


@dataclass
class Exchange:
    """One HTTP request on its way: what IAM was asked about it, and whether its answer is to be lost."""

    checks: list[tuple[str, str]] = field(default_factory=list)
    handled: bool = False
    lost: bool = False


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def install() -> None:
    """Comes after all other patches of IAM, so that a request's own actions are seen, and not those of its keys."""
    callers.install()
    _remember_what_is_asked()
    for service, handler in list(ministack.SERVICE_HANDLERS.items()):
        ministack.SERVICE_HANDLERS[service] = _with_faults(service, handler)


def with_lost_answers(emulator: Application) -> Application:
    """The emulator's application; the connection of a lost answer is closed without a byte."""

    async def application(scope: Any, receive: Callable, send: Callable) -> None:
        exchange = Exchange()
        _exchange.set(exchange)

        async def send_unless_lost(message: dict[str, Any]) -> None:
            if not exchange.lost:
                await send(message)

        await emulator(scope, receive, send_unless_lost)
        if exchange.lost:
            # The server would answer 500 for an application that says nothing. Once the exchange counts as closed
            # it only closes the connection.
            send.__self__.state = ASGIHTTPState.CLOSED  # type: ignore[attr-defined]

    return application


def _remember_what_is_asked() -> None:
    original = iam_evaluator.enforce

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        more = iam.more_resources(service)
        denied = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        exchange = _exchange.get()
        if exchange is not None and not exchange.handled:
            exchange.checks += [(iam_action, resource) for resource in (resource_arn, *more)]
        return denied

    iam_evaluator.enforce = enforce


def _with_faults(service: str, handler: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict, body: bytes, query: dict) -> Answer:
        exchange = _exchange.get()
        key = extract_access_key_id(headers, query)
        principal = str((sts._sessions.get(key) or {}).get("Arn", ""))
        if exchange is None or exchange.handled or ":assumed-role/" not in principal:
            return await handler(method, path, headers, body, query)
        exchange.handled = True
        role = iam.role_arn(principal).rsplit("/", 1)[-1]
        rule = faults.take(_request(service, role, key, exchange, (method, path, headers, body, query)))
        if rule is None:
            return await handler(method, path, headers, body, query)
        call = Call(service, exchange, key, handler, method, path, headers, body, query)
        return await _inject(rule, call)

    return handle


def _request(service: str, role: str, key: str, exchange: Exchange, wire: tuple) -> faults.Request:
    method, path, headers, body, query = wire
    checks = list(exchange.checks)
    # A transaction is authorized as the calls that it consists of; it can be named itself all the same.
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation:
        checks += [(f"{service}:{operation}", arn) for _, arn in exchange.checks or [("", "*")]]
    reads = any(action in ("s3:GetObject", "s3:GetObjectVersion") for action, _ in checks)
    return faults.Request(
        role=role,
        checks=tuple(checks),
        text=partial(_text, method, path, body, query),
        has_process=callers.has_process(key),
        has_run=callers.has_run(key),
        deletes_objects=service == "s3" and method == "POST" and "delete" in query,
        gets_object=service == "s3" and method == "GET" and reads,
    )


def _text(method: str, path: str, body: bytes, query: dict) -> str:
    asked = "&".join(f"{name}={value}" if value else name for name, values in query.items() for value in values)
    return f"{method} {path}" + (f"?{asked}" if asked else "") + f"\n{body.decode('utf-8', errors='replace')}"


@dataclass
class Call:
    """A request that a rule hits, with the service that would handle it."""

    service: str
    exchange: Exchange
    key: str
    handler: Handler
    method: str
    path: str
    headers: dict
    body: bytes
    query: dict

    async def apply(self) -> Answer:
        return await self.handler(self.method, self.path, self.headers, self.body, self.query)


async def _inject(rule: faults.Rule, call: Call) -> Answer:
    given = rule.given
    match given["do"]:
        case "error":
            return _error(call, given)
        case "delay":
            await asyncio.sleep(given["seconds"])
            return await call.apply()
        case "hold":
            await rule.hold()
            return await call.apply()
        case "hold-after":
            answer = await call.apply()
            await rule.hold()
            return answer
        case "timeout-after" | "zombie-after":
            return await _end_run(rule, call)
        case "keys":
            return await _delete_some(call, given)
        case "truncate":
            return _cut(await call.apply(), given["bytes"])
        case lost:
            return await _lose(call, lost)


async def _lose(call: Call, do: str) -> Answer:
    """`drop`, `lose-answer`, `kill` and `kill-after`: nobody gets an answer."""
    call.exchange.lost = True
    if do in ("lose-answer", "kill-after"):
        await call.apply()
    if do in ("kill", "kill-after"):
        callers.kill(call.key)
    return _LOST


async def _end_run(rule: faults.Rule, call: Call) -> Answer:
    """`timeout-after` and `zombie-after`: the run gets no answer before Glue has told its end. A call that the service
    refuses is none that the run could end after, and doesn't count."""
    answer = await call.apply()
    if answer[0] >= 400:
        rule.injected -= 1
        return answer
    told = callers.end_run(call.key, rule.given["do"].removesuffix("-after"))
    await asyncio.to_thread(told.wait)
    return answer


def _error(call: Call, given: dict[str, Any]) -> Answer:
    """The error as the service puts it on the wire."""
    _, headers, body = iam_actions.access_denied_response(
        call.service, "", "", str(uuid4()), error_code=given["code"], message=given["message"], headers=call.headers
    )
    if given["status"] >= 500:
        body = body.replace(b"<Type>Sender<", b"<Type>Receiver<")
        headers = {name: value.replace(";Sender", ";Receiver") for name, value in headers.items()}
    return given["status"], headers, body


async def _delete_some(call: Call, given: dict[str, Any]) -> Answer:
    """DeleteObjects without every nth key, which the answer has as an error."""
    root = fromstring(call.body)
    objects = [child for child in root if _name(child) == "Object"]
    kept = objects[given["every"] - 1 :: given["every"]]
    for child in kept:
        root.remove(child)
    call.body = tostring(root)
    call.headers = {name: value for name, value in call.headers.items() if not name.startswith(_INTEGRITY)}
    status, headers, body = await call.apply()
    if status != 200:
        return status, headers, body
    result = fromstring(body)
    namespace = result.tag.rpartition("}")[0] + "}" if result.tag.startswith("{") else ""
    for child in kept:
        told = {_name(part): part.text or "" for part in child if _name(part) in ("Key", "VersionId")}
        error = SubElement(result, f"{namespace}Error")
        for name, value in {**told, "Code": given["code"], "Message": given["message"]}.items():
            SubElement(error, f"{namespace}{name}").text = value
    return status, headers, tostring(result, xml_declaration=True, default_namespace=namespace[1:-1] or None)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _cut(answer: Answer, size: int) -> Answer:
    """The beginning of an object, with headers that are true of it, as far as they are about its length."""
    status, headers, body = answer
    if status not in (200, 206) or len(body) <= size:
        return answer
    gone = ("content-length", "x-amz-checksum")
    headers = {name: value for name, value in headers.items() if not name.lower().startswith(gone)}
    return status, {**headers, "Content-Length": str(size)}, body[:size]
