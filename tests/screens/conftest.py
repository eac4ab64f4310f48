"""Fixtures of the screens' tests: a browser-like client for each role."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from factories import busy_clinic, user

from bridge.models import Connection
from consent.encryption.datakeys import cache
from consent.models import Clinic
from consent.roles import Role


@pytest.fixture(autouse=True)
def _empty_key_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def sol() -> Connection:
    return busy_clinic("Clínica Sol")


@pytest.fixture
def lua() -> Connection:
    return busy_clinic("Clínica Lua")


@pytest.fixture
def signed_in() -> Callable[..., Client]:
    """A client signed in with a role in the clinics; without role a superuser."""

    def sign_in(role: Role | None, *clinics: Clinic | None) -> Client:
        client = Client()
        client.force_login(user(role, *clinics))
        return client

    return sign_in


@pytest.fixture
def manager(sol: Connection, signed_in: Callable[..., Client]) -> Client:
    return signed_in(Role.CLINIC_MANAGER, sol.clinic)
