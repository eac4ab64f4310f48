"""People of the staff at the keyboard, and the two connected sandboxes."""

from collections.abc import Callable

import pytest
from django.test import Client
from factories import user

from consent.models import Clinic
from consent.roles import Role
from tests.bridge.connected_clinic import bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Sign in as somebody with the role in the clinics; None is a superuser. Errors are answers, as in production."""

    def sign_in(role: Role | None, *clinics: Clinic) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(user(role, *clinics))
        return client

    return sign_in
