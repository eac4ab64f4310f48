from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from consent.encryption import ensure_subject_keys
from consent.models import Clinic, DataSubject, Membership, User
from consent.roles import Role

PASSWORD = "uma senha bem comprida"


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def make_clinic() -> Callable[..., Clinic]:
    def make(trade_name: str = "Clínica Sol", **fields: Any) -> Clinic:
        return Clinic.objects.create(trade_name=trade_name, legal_name=f"{trade_name} Ltda", **fields)

    return make


@pytest.fixture
def clinic(make_clinic: Callable[..., Clinic]) -> Clinic:
    return make_clinic()


@pytest.fixture
def other_clinic(make_clinic: Callable[..., Clinic]) -> Clinic:
    return make_clinic("Clínica Lua")


@pytest.fixture
def make_subject(clinic: Clinic) -> Callable[..., DataSubject]:
    """A person with a data key, of the first clinic unless told otherwise."""

    def make(**fields: Any) -> DataSubject:
        subject = DataSubject.objects.create(**{"clinic": clinic, **fields})
        ensure_subject_keys([subject.pk])
        return subject

    return make


@pytest.fixture
def make_user() -> Callable[..., User]:
    """An account with (role, clinic) grants."""

    def make(email: str = "ana@clinica.example", *grants: tuple[Role, Clinic | None], **fields: Any) -> User:
        user = User.objects.create_user(email, PASSWORD, **fields)
        Membership.objects.bulk_create([Membership(user=user, role=role, clinic=clinic) for role, clinic in grants])
        return user

    return make


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in
