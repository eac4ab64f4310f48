"""A running sandbox Chatwoot, a receiver for its webhooks, and a client of its REST API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, ChatwootSandbox
from bridge.sandbox.http import Request, Response, SandboxServer, json_response


class Receiver(SandboxServer):
    """Keeps every webhook it gets; `answer` says what it replies."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Response] = lambda request: json_response(202, {})
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
        return self.answer(request)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.requests]

    @property
    def events(self) -> list[str]:
        return [body["event"] for body in self.bodies]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["event"] == event]


class Api:
    """The REST API of one account with one token."""

    def __init__(self, url: str, token: str | None = ADMIN_TOKEN, account_id: int = ACCOUNT_ID) -> None:
        self.url = url
        self.base = f"{url}/api/v1/accounts/{account_id}"
        self.session = requests.Session()
        if token is not None:
            self.session.headers["api_access_token"] = token

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.base + path, timeout=10, **options)

    def get(self, path: str, **params: Any) -> Any:
        return self._ok(self.call("GET", path, params=params))

    def post(self, path: str, body: Any = None) -> Any:
        return self._ok(self.call("POST", path, json=body))

    def patch(self, path: str, body: Any) -> Any:
        return self._ok(self.call("PATCH", path, json=body))

    def delete(self, path: str) -> Any:
        return self._ok(self.call("DELETE", path))

    @staticmethod
    def _ok(response: requests.Response) -> Any:
        assert response.status_code == 200, response.text
        return response.json() if response.content else None


@pytest.fixture
def chatwoot() -> Iterator[ChatwootSandbox]:
    with ChatwootSandbox(shuffle=False, concurrency=1) as sandbox:
        yield sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def api(chatwoot: ChatwootSandbox) -> Api:
    return Api(chatwoot.url)
