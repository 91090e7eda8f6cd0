"""The control of an instance's faults, and a small caller for them to hit."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from local import up
from local.tests.support import Cloud, statement, wait_for


class Faults:
    """The control of an instance's faults."""

    def __init__(self, cloud: Cloud) -> None:
        self.endpoint = cloud.instance.endpoint

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return up.ask(f"{self.endpoint}/_local/{path}", body)

    def refusal(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """The status and the message with which a request is refused."""
        sent = urllib.request.Request(f"{self.endpoint}/_local/{path}", data=json.dumps(body).encode())
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(sent)
        return caught.value.code, json.loads(caught.value.read())["error"]

    def add(self, do: str, **rule: Any) -> str:
        answer = self.ask("faults", {"faults": [{"do": do, **rule}]})
        assert list(answer) == ["ids"], answer
        return answer["ids"][0]

    def told(self, rule_id: str) -> dict[str, Any]:
        return next(fault for fault in self.ask("faults")["faults"] if fault["id"] == rule_id)

    def counts(self, rule_id: str) -> tuple[int, int]:
        told = self.told(rule_id)
        return told["seen"], told["injected"]

    def held(self, rule_id: str) -> None:
        wait_for(lambda: self.told(rule_id)["holding"] == 1)

    def release(self, rule_id: str) -> int:
        return self.ask("faults/release", {"id": rule_id})["released"]


class Sender:
    """A queue, and a role that may send to it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.url, self.arn = cloud.queue()
        self.role = cloud.role(statement("sqs:SendMessage", self.arn))
        self.name = self.role.rsplit("/", 1)[-1]

    def send(self, body: str = "x", patience_seconds: float = 60) -> Any:
        return self.cloud.as_role(self.role, "sqs", patience_seconds).send_message(QueueUrl=self.url, MessageBody=body)

    def arrived(self) -> list[str]:
        return sorted(message["Body"] for message in self.cloud.messages(self.url))
