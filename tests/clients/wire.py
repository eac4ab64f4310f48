"""The wire of the client tests: recorded answers of the contracts, a pace and a token store that remember."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

from bridge.clients.base import CallRecord

CONTRACTS = Path(__file__).parent.parent / "contracts"
KRAYIN_SITE = "https://crm.clinicasorriso.example.com.br"
CHATWOOT_SITE = "https://chat.clinicavidaplena.example"


def krayin_sample(name: str) -> dict[str, Any]:
    """One recorded call: `request` and `response` with status, headers, body."""
    return json.loads((CONTRACTS / "krayin" / "samples" / f"{name}.json").read_text())


def chatwoot_payload(name: str) -> dict[str, Any]:
    """One recorded webhook body; REST answers are built from its objects."""
    return json.loads((CONTRACTS / "chatwoot" / "raw" / f"{name}.json").read_text())


class Wire:
    """Registers the answers of one test and shows what was sent. Fails the test when an answer was not fetched."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._mock = mock

    def answers_like(self, name: str, *, method: str = "", path: str = "") -> None:
        """Answer once as recorded, at the recorded method and path or at the given ones."""
        sample = krayin_sample(name)
        response, request = sample["response"], sample["request"]
        headers = dict(response["headers"])
        body = response["body"]
        self._mock.add(
            method or request["method"],
            KRAYIN_SITE + (path or urlsplit(request["path"]).path),
            status=response["status"],
            content_type=headers.pop("Content-Type"),
            headers=headers,
            body=body if isinstance(body, str) else json.dumps(body),
        )

    def answers(self, method: str, url: str, body: object, *, status: int = 200, **headers: str) -> None:
        self._mock.add(method, url, json=body, status=status, headers=headers)

    def raises(self, method: str, path: str, error: Exception) -> None:
        self._mock.add(method, KRAYIN_SITE + path, body=error)

    def adds(self, method: str, url: str, **arguments: Any) -> None:
        self._mock.add(method, url, **arguments)

    @property
    def requests(self) -> list[Any]:
        return [call.request for call in self._mock.calls]

    @property
    def sent(self) -> list[str]:
        """Method and path of every request, in order."""
        return [f"{request.method} {urlsplit(request.url).path}" for request in self.requests]

    @property
    def query(self) -> dict[str, str]:
        """The decoded query of the last request."""
        found = parse_qs(urlsplit(self.requests[-1].url).query, keep_blank_values=True)
        return {key: values[-1] for key, values in found.items()}

    @property
    def body(self) -> Any:
        """The decoded body of the last request."""
        return json.loads(self.requests[-1].body)

    def bearers(self) -> list[str | None]:
        return [request.headers.get("Authorization") for request in self.requests]


class FreePace:
    """Never in the way; remembers what was asked and learnt."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.learnt: list[int | None] = []
        self.windows: list[float] = []
        self.spent = 0

    def acquire(self, priority: int) -> None:
        self.asked.append(int(priority))

    def learn(self, remaining: int | None) -> None:
        self.learnt.append(remaining)

    def spend(self) -> None:
        self.spent += 1

    def opened(self, window_s: float) -> None:
        self.windows.append(window_s)

    def closed_until(self) -> datetime | None:
        return None

    def moment(self, wait_s: float) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=wait_s)


class MemoryTokens:
    """A token store for threads of one process, with the locking the protocol demands."""

    def __init__(
        self, token: str | None = "1|first", credentials: tuple[str, str] | None = ("a@b.example", "pw")
    ) -> None:
        self._token = token
        self._credentials = credentials
        self._lock = threading.Lock()

    def current(self) -> str | None:
        return self._token

    def renew(self, old: str | None, login: Callable[[], str]) -> str:
        with self._lock:
            if self._token is None or self._token == old:
                self._token = login()
            return self._token

    def credentials(self) -> tuple[str, str] | None:
        return self._credentials

    def replace(self, token: str) -> None:
        """What another process does when it has logged in."""
        self._token = token


class CallLog:
    """The `on_call` hook of a test."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def __call__(self, record: CallRecord) -> None:
        self.records.append(record)

    @property
    def endpoints(self) -> list[str]:
        return [f"{record.method} {record.endpoint}" for record in self.records]
