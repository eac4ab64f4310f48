from collections.abc import Callable
from typing import Any

import pytest

from consent.models import Clinic, User


@pytest.fixture
def make_clinic() -> Callable[..., Clinic]:
    def make(trade_name: str = "Clínica Sol", **fields: Any) -> Clinic:
        return Clinic.objects.create(trade_name=trade_name, legal_name=f"{trade_name} Ltda", **fields)

    return make


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@clinica.example", "uma senha bem comprida", name="Ana Lima")
