"""A client for the simulated Krayin, a clock to turn, a receiver for its webhooks, and the contract's samples."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import requests

from bridge.sandbox.http import Request, Response, SandboxServer, json_response

CONTRACT = Path(__file__).parents[2] / "contracts" / "krayin"

# The evening the contract's samples were recorded (19:13 in São Paulo).
RECORDED = datetime(2026, 11, 20, 22, 13, 50, tzinfo=UTC).timestamp()

WEBHOOK_HEADERS = [
    {"key": "Content-Type", "value": "application/x-www-form-urlencoded"},
    {"key": "X-Bridge-Token", "value": "segredo-compartilhado"},
]


class Clock:
    """Unix seconds that only move when told to."""

    def __init__(self, now: float = RECORDED) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    """One answer; `body` is decoded JSON, or text when the answer is none."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def limited(self) -> bool:
        """Whether the call reached the application behind the limiter."""
        return "X-RateLimit-Remaining" in self.headers


class Api:
    """The REST API with one token; `Accept: application/json` unless told otherwise."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers.update({"Accept": "application/json"})
        self.use(token)

    def use(self, token: str | None) -> None:
        self.token = token
        self.session.headers.pop("Authorization", None)
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        prefix = "" if path.startswith(("/api/", "/__")) else "/api/v1"
        got = self.session.request(
            method, f"{self.url}{prefix}{path}", json=body, timeout=10, allow_redirects=False, **options
        )
        kind = got.headers.get("Content-Type", "")
        return Answer(got.status_code, dict(got.headers), got.json() if "json" in kind else got.text)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body; fails when the status is not 200."""
        answer = self.call(method, path, body)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    def create(self, path: str, body: Any) -> dict[str, Any]:
        created: dict[str, Any] = self.ok("POST", path, body)["data"]
        return created


@dataclass
class Receiver(SandboxServer):
    """Keeps every webhook it gets; `reaction` runs before it answers, as a receiver that calls back would."""

    reaction: Callable[[], object] = field(default=lambda: None)

    def __post_init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self._guard = threading.Lock()

    def handle(self, request: Request) -> Response:
        with self._guard:
            self.requests.append(request)
        self.reaction()
        return json_response(202, {})

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.body.decode(), keep_blank_values=True)) for request in self.requests]


def sample(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CONTRACT / "samples" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def entry(value: str, label: str = "work") -> dict[str, str]:
    return {"value": value, "label": label}


def make_optional(api: Api) -> None:
    """E-mail optional, the two own keys and a boolean attribute: how the contract's second runs were set up."""
    emails = api.ok("GET", "/settings/attributes?code=emails")["data"][0]
    api.ok("PUT", f"/settings/attributes/{emails['id']}", {**emails, "is_required": 0, "is_unique": 1})
    for entity_type, code in (("persons", "chatwoot_contact_ref"), ("leads", "bridge_ref")):
        key = {"code": code, "name": code, "type": "text", "entity_type": entity_type, "is_unique": 1}
        api.create("/settings/attributes", key)
    api.create(
        "/settings/attributes", {"code": "convenio", "name": "Convênio", "type": "boolean", "entity_type": "leads"}
    )


def hook(api: Api, url: str, *, event: str, entity_type: str, payload: Any, **webhook: Any) -> dict[str, Any]:
    """A webhook with the workflow that fires it; answers the workflow."""
    row = {
        "name": f"Bridge {event}",
        "entity_type": entity_type,
        "method": "POST",
        "end_point": url,
        "query_params": [],
        "headers": WEBHOOK_HEADERS,
        "payload_type": "x-www-form-urlencoded",
        "raw_payload_type": "json",
        "payload": payload,
        **webhook,
    }
    created = api.create("/settings/webhooks", row)
    workflow = {
        "name": f"Bridge {event}",
        "entity_type": entity_type,
        "event": event,
        "condition_type": "and",
        "conditions": [],
        "actions": [{"id": "trigger_webhook", "value": created["id"]}],
    }
    return api.create("/settings/workflows", workflow)
