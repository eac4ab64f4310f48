"""Calls of the frame's script, and what the panel's tests know about the conversation in front of it."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from bridge.models import Connection
from bridge.panel import tokens
from consent.models import User

NAME, NUMBER = "Marina Serra Azul", 1287
PIPELINES = [
    {
        "id": 1,
        "name": "Funil padrão",
        "stages": [
            {"id": 1, "code": "new", "name": "Novo"},
            {"id": 2, "code": "contacted", "name": "Contatado"},
            {"id": 3, "code": "won", "name": "Ganho"},
        ],
    }
]


@dataclass
class Panel:
    """Calls of the frame's script, signed in as somebody."""

    connection: Connection
    token: str = ""
    client: Client = field(default_factory=Client)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, number: int = NUMBER, query: str = "", public_id: str = "") -> HttpResponse:
        path = f"/panel/{public_id or self.connection.public_id}/api/conversas/{number}/{query}"
        return self.client.get(path, headers=self._headers())

    def post(self, action: str, body: object = None, number: int = NUMBER) -> HttpResponse:
        path = f"/panel/{self.connection.public_id}/api/conversas/{number}/{action}/"
        return self.client.post(path, body or {}, content_type="application/json", headers=self._headers())

    def shown(self) -> dict[str, Any]:
        answer = self.get()
        assert answer.status_code == 200, answer.content
        content: dict[str, Any] = answer.json()
        return content


def account_of(panel: Panel) -> User:
    viewer = tokens.viewer_of(panel.token, panel.connection.public_id, timezone.now())
    assert viewer is not None
    return viewer.user
