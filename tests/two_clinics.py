"""Two clinics in which every screen has something to show: one's own, and one nobody of the first may see."""

import pytest
from factories import busy_clinic

from bridge.models import Connection


@pytest.fixture
def sol() -> Connection:
    return busy_clinic("Clínica Sol")


@pytest.fixture
def lua() -> Connection:
    return busy_clinic("Clínica Lua")
