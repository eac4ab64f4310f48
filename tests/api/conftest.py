"""Fixtures of the API's tests: two busy clinics, and programs with keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from factories import user
from two_clinics import lua, sol

from bridge.api.keys import issue
from bridge.api.limits import counters
from bridge.api.route import invalid_traffic
from bridge.models import ApiKey, Connection, Scope
from consent.models import Clinic
from consent.roles import Role

__all__ = ["lua", "sol"]


@pytest.fixture(autouse=True)
def _nothing_counted_before() -> None:
    counters.forget()
    invalid_traffic.forget()


@dataclass
class Program:
    """A program of a clinic that calls the API with its key."""

    key: ApiKey
    token: str

    def get(self, address: str, query: Any = None, **more: Any) -> Any:
        return Client().get(address, query, **self._headers(more))

    def post(self, address: str, data: Any = None, **more: Any) -> Any:
        return Client().post(address, data or {}, content_type="application/json", **self._headers(more))

    def ask(self, method: str, address: str, **more: Any) -> Any:
        return Client().generic(method, address, **self._headers(more))

    def _headers(self, more: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return {"headers": headers, **more}


@pytest.fixture
def program() -> Callable[..., Program]:
    """Make a program with a key for a clinic; every permission unless some are named."""

    def make(clinic: Clinic, *scopes: Scope, name: str = "Painel de números", **more: Any) -> Program:
        now = timezone.now()
        made = issue(
            clinic=clinic,
            client=name,
            scopes=scopes or list(Scope),
            expires_at=more.pop("expires_at", now + timedelta(days=90)),
            by=more.pop("by", None) or user(Role.CLINIC_MANAGER, clinic),
            now=now,
            **more,
        )
        return Program(made.key, made.token)

    return make


@pytest.fixture
def ours(sol: Connection, program: Callable[..., Program]) -> Program:
    return program(sol.clinic)
