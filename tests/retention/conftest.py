"""One clinic with a connection, and its data protection officer."""

import pytest
from factories import clinic, connection

from bridge.models import Connection
from consent.models import User
from tests.retention.ended import dpo_of


@pytest.fixture
def sol() -> Connection:
    return connection(clinic("Clínica Sol"))


@pytest.fixture
def dpo(sol: Connection) -> User:
    return dpo_of(sol.clinic)
