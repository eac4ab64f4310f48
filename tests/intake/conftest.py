"""Every test starts without remembered connections and without counted strangers."""

import pytest

from bridge.webhooks.answers import invalid_traffic
from bridge.webhooks.registry import registry
from tests.intake.clinic import Address, make_address


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    registry.forget()
    invalid_traffic.forget()


@pytest.fixture
def address(transactional_db: None) -> Address:
    """An active connection of account 3, inbox 7: those of the contract's bodies."""
    return make_address()
