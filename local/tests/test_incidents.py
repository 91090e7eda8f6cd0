"""The stand-in for ServiceNow answers as ServiceNow does, also when it is made to misbehave."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.incidents import USERNAME, Desk, Incidents

TABLE = "/api/now/table/incident"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    server = Desk(0, Incidents(tmp_path / "incidents.jsonl"), "secret")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(desk: Desk, path: str, body: Any = None, password: str = "secret") -> tuple[int, Any]:
    key = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{desk.server_address[1]}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def switch(desk: Desk, mode: str, **more: Any) -> None:
    assert ask(desk, "/_control", {"mode": mode, **more}) == (200, {"mode": mode})


def test_an_incident_is_found_by_its_correlation_id(desk: Desk, tmp_path: Path) -> None:
    assert ask(desk, f"{TABLE}?sysparm_query=correlation_id%3Drun-1") == (200, {"result": []})
    status, answer = ask(desk, TABLE, {"correlation_id": "run-1", "short_description": "Glue 1 failed"})
    assert (status, answer["result"]["number"]) == (201, "INC0010001")
    ask(desk, TABLE, {"correlation_id": "run-2"})
    query = f"{TABLE}?sysparm_query=correlation_id%3Drun-1%5Eactive%3Dtrue&sysparm_fields=number&sysparm_limit=1"
    assert ask(desk, query) == (200, {"result": [{"number": "INC0010001"}]})
    stored = [json.loads(line) for line in (tmp_path / "incidents.jsonl").read_text().splitlines()]
    assert [line["correlation_id"] for line in stored] == ["run-1", "run-2"]


def test_a_wrong_password_is_refused(desk: Desk) -> None:
    status, answer = ask(desk, TABLE, {}, password="guess")
    assert (status, answer["error"]["message"]) == (401, "User Not Authenticated")
    assert ask(desk, TABLE)[1] == {"result": []}


@pytest.mark.parametrize("mode", ["401", "429"])
def test_a_mode_refuses_and_stores_nothing(desk: Desk, mode: str) -> None:
    switch(desk, mode)
    assert ask(desk, TABLE, {"correlation_id": "x"})[0] == int(mode)
    switch(desk, "ok")
    assert ask(desk, TABLE)[1] == {"result": []}


def test_when_it_is_down_there_is_no_answer_at_all(desk: Desk) -> None:
    switch(desk, "down")
    with pytest.raises(OSError):
        ask(desk, TABLE, {"correlation_id": "x"})
    switch(desk, "ok")
    assert ask(desk, TABLE)[1] == {"result": []}


def test_a_hibernating_instance_says_200_with_a_page(desk: Desk) -> None:
    switch(desk, "html")
    with pytest.raises(json.JSONDecodeError):
        ask(desk, TABLE, {"correlation_id": "x"})


def test_a_slow_answer_that_nobody_waits_for_has_its_effect_all_the_same(desk: Desk) -> None:
    switch(desk, "slow", seconds=0.3)
    ask(desk, TABLE, {"correlation_id": "x"})
    switch(desk, "ok")
    assert len(ask(desk, TABLE)[1]["result"]) == 1


def test_an_unknown_mode_is_refused(desk: Desk) -> None:
    assert ask(desk, "/_control", {"mode": "sleepy"})[0] == 400


def test_a_new_password_is_taken_at_once_and_the_old_one_no_more(desk: Desk) -> None:
    switch(desk, "429")
    assert ask(desk, "/_control", {"password": "rotated"}) == (200, {"mode": "429"})
    switch(desk, "ok")
    assert ask(desk, TABLE)[0] == 401
    assert ask(desk, TABLE, password="rotated")[0] == 200


@pytest.mark.parametrize("password", ["", 7, None])
def test_a_password_that_is_no_text_is_refused(desk: Desk, password: Any) -> None:
    assert ask(desk, "/_control", {"mode": "down", "password": password})[0] == 400
    assert ask(desk, TABLE)[0] == 200
