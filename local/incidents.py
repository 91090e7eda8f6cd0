"""A stand-in for ServiceNow's Table API on loopback: incidents are looked up, created and kept in a file."""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.settings import Instance

USERNAME = "tui-etl"
PASSWORD_VARIABLE = "TUI_LOCAL_INCIDENT_PASSWORD"
MODES = ("ok", "down", "slow", "401", "429", "html")
_TABLE = "/api/now/table/incident"
_SLOW_SECONDS = 30.0
_HIBERNATING = b"<html><head><title>Instance Hibernating</title></head><body>Please wake it up.</body></html>"


class Incidents:
    """The records, in the order of their arrival; one JSON line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    def add(self, given: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            record = {
                "state": "1",
                "active": "true",
                **{key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()},
                "number": f"INC{10001 + len(self._records):07d}",
                "sys_id": secrets.token_hex(16),
                "sys_created_on": at,
                "sys_created_by": USERNAME,
            }
            self._records.append(record)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            return record

    def find(self, query: str) -> list[dict[str, Any]]:
        """`field=value^other=value`; as in ServiceNow, a condition that is not understood is left out."""
        wanted = [part.partition("=") for part in query.split("^") if "=" in part and not part.startswith("ORDERBY")]
        with self._lock:
            return [r for r in self._records if all(r.get(name, "") == value for name, _, value in wanted)]


class Desk(ThreadingHTTPServer):
    """The server with its records, its password and the mode that tests switch."""

    daemon_threads = True

    def __init__(self, port: int, incidents: Incidents, password: str) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.incidents = incidents
        self.accept(password)
        self.mode = "ok"
        self.slow_seconds = _SLOW_SECONDS

    def accept(self, password: str) -> None:
        """Takes this password from now on, and no other."""
        self.authorization = "Basic " + base64.b64encode(f"{USERNAME}:{password}".encode()).decode()


class Answer(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Desk

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/_control":
            self._send(200, {"mode": self.server.mode})
            return
        if not self._admitted(url.path):
            return
        query = parse_qs(url.query)
        found = self.server.incidents.find(query.get("sysparm_query", [""])[0])
        limit = int(query.get("sysparm_limit", ["10000"])[0])
        fields = [name for name in query.get("sysparm_fields", [""])[0].split(",") if name]
        self._send(200, {"result": [_only(record, fields) for record in found[:limit]]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            request = None
        if url.path == "/_control":
            self._switch(request)
            return
        if not self._admitted(url.path):
            return
        if not isinstance(request, dict):
            self._send(400, _error("Exception while reading request", "The payload is not valid JSON"))
            return
        record = self.server.incidents.add(request)
        location = {"Location": f"http://{self.headers.get('Host')}{_TABLE}/{record['sys_id']}"}
        fields = [name for name in parse_qs(url.query).get("sysparm_fields", [""])[0].split(",") if name]
        self._send(201, {"result": _only(record, fields)}, location)

    def _switch(self, request: Any) -> None:
        request = request if isinstance(request, dict) else {}
        password = request.get("password")
        mode = request.get("mode", self.server.mode if password else None)
        if mode not in MODES:
            self._send(400, {"error": f"mode is one of {', '.join(MODES)}"})
            return
        if "password" in request and not (isinstance(password, str) and password):
            self._send(400, {"error": "password is a text that is not empty"})
            return
        if password:
            self.server.accept(password)
        if "mode" in request:
            self.server.mode = mode
            self.server.slow_seconds = float(request.get("seconds", _SLOW_SECONDS))
        self._send(200, {"mode": mode})

    def _admitted(self, path: str) -> bool:
        """Whether the request goes on to the table; otherwise it has been answered as the mode wants it."""
        mode = self.server.mode
        if mode == "down":
            self.close_connection = True
            self.connection.close()
            return False
        if mode == "html":
            self._send_bytes(200, _HIBERNATING, "text/html;charset=UTF-8", {})
            return False
        if mode == "429":
            self._send(429, _error("Rate limit exceeded", "Too many requests"), {"Retry-After": "1"})
            return False
        if mode == "401" or self.headers.get("Authorization") != self.server.authorization:
            refused = _error("User Not Authenticated", "Required to provide Auth information")
            self._send(401, refused, {"WWW-Authenticate": 'BASIC realm="Service-now"'})
            return False
        if path != _TABLE:
            self._send(400, _error("Invalid table", path))
            return False
        return True

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), "application/json;charset=UTF-8", headers or {})

    def _send_bytes(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        if self.server.mode == "slow" and self.path != "/_control":
            time.sleep(self.server.slow_seconds)
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _only(record: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    return {name: record.get(name, "") for name in fields} if fields else record


def _error(message: str, detail: str) -> dict[str, Any]:
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


def main() -> None:
    instance = Instance.from_environment()
    incidents = Incidents(instance.folder / "incidents.jsonl")
    Desk(instance.incident_port, incidents, os.environ[PASSWORD_VARIABLE]).serve_forever()


if __name__ == "__main__":
    main()
