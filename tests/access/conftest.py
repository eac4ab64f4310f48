"""Fast passwords, and a clinic with people who sign in by hand."""

from typing import Any

import pytest
from factories import clinic

from consent.models import Clinic


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def sol(db: None) -> Clinic:
    return clinic("Clínica Sol")
