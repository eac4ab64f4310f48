"""People who sign in by typing, and what the app on their phone shows."""

import secrets
import time

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from factories import user

from consent.models import Clinic, TotpDevice, User
from consent.roles import Role

PASSWORD = "uma senha bem comprida"
DOOR = "/admin/login/"


def person(role: Role | None, *clinics: Clinic | None, device: bool = False) -> User:
    """Somebody with a password, and with an app on the phone when told so."""
    made = user(role, *clinics)
    made.set_password(PASSWORD)
    made.save(update_fields=["password"])
    if device:
        with_app(made)
    return made


def with_app(of: User) -> TotpDevice:
    device = TotpDevice(user=of, confirmed=True, name="app")
    device.keep(secrets.token_bytes(20))
    device.save()
    return device


def app_shows(of: User, *, confirmed: bool = True, steps: int = 0) -> str:
    """The code of now, or of so many half minutes later."""
    totp = TOTP(TotpDevice.objects.get(user=of, confirmed=confirmed).key())
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06}"


def types(client: Client, of: User | str, password: str = PASSWORD, address: str = "203.0.113.7") -> HttpResponse:
    email = of if isinstance(of, str) else of.email
    return client.post(DOOR, {"username": email, "password": password}, REMOTE_ADDR=address)


def types_code(client: Client, code: str, address: str = "203.0.113.7") -> HttpResponse:
    return client.post(reverse("account-code"), {"code": code}, REMOTE_ADDR=address)


def comes_in(client: Client, of: User) -> None:
    """Password and code."""
    types(client, of)
    types_code(client, app_shows(of))
    assert is_in(client)


def is_in(client: Client) -> bool:
    return client.get(reverse("account")).status_code == 200
