"""Fixtures of the screens' tests: the management of a busy clinic, and of one with a single person."""

import pytest
from django.test import Client
from factories import EMAIL, clinic, connection, contact, conversation, signed_in
from two_clinics import lua, sol

from bridge.models import Connection, ObservedContact
from consent.roles import Role

__all__ = ["lua", "sol"]


@pytest.fixture
def manager(sol: Connection) -> Client:
    return signed_in(Role.CLINIC_MANAGER, sol.clinic)


@pytest.fixture
def here() -> Connection:
    """A connection in which nothing happened yet."""
    return connection(clinic("Clínica Mar"))


@pytest.fixture
def viewer(here: Connection) -> Client:
    return signed_in(Role.CLINIC_MANAGER, here.clinic)


@pytest.fixture
def marina(here: Connection) -> ObservedContact:
    person = contact(here, email=EMAIL)
    conversation(person)
    return person
