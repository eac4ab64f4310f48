"""A clinic with an officer and one patient, reached by telephone and e-mail; letters stay here."""

from typing import Any

import pytest
from factories import clinic, connection, contact, user

from consent.models import Clinic, DataSubject, User
from consent.roles import Role


@pytest.fixture(autouse=True)
def _letters(settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True
    settings.PUBLIC_URL = "https://ponte.exemplo.com.br"


@pytest.fixture
def sol(db: None) -> Clinic:
    return clinic("Clínica Sol", dpo_name="Paula Prado", dpo_contact="lgpd@clinica.exemplo")


@pytest.fixture
def dpo(sol: Clinic) -> User:
    return user(Role.DPO, sol, name="Paula Prado")


@pytest.fixture
def marina(sol: Clinic) -> DataSubject:
    subject: DataSubject = contact(connection(sol), email="marina.serra@exemplo.com.br").subject
    return subject
