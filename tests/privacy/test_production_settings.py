"""What every answer carries in production, and that Django's own check of a deployment finds nothing to say."""

from collections.abc import Callable

import pytest
from django.conf import settings as production
from django.test import Client
from django.urls import reverse
from factories import clinic, connection
from pytest_django import Settings

from bridge.models import Connection
from config.middleware import PERMISSIONS
from consent.roles import Role
from tests.settings.starting import KEY, MANAGE, run

PRODUCTION = {
    "PONTE_PUBLIC_URL": "https://ponte.clinica.exemplo",
    "PONTE_BEHIND_TLS_PROXY": "1",
    "PONTE_SECRET_KEY": "".join(chr(ord("!") + number) for number in range(64) if number not in (1, 6)) + "zz",
    "PONTE_MASTER_KEYS": KEY,
    "PONTE_DEBUG": "",
}
YEAR_S = 31536000


def test_the_check_of_a_deployment_finds_nothing() -> None:
    ended = run(*MANAGE, "check", "--deploy", "--fail-level", "DEBUG", **PRODUCTION)
    assert ended.code == 0, ended.said
    assert "no issues" in ended.said


def test_the_check_notices_what_does_not_belong_in_production() -> None:
    careless = {**PRODUCTION, "PONTE_DEBUG": "1", "PONTE_PUBLIC_URL": "http://ponte.clinica.exemplo"}
    ended = run(*MANAGE, "check", "--deploy", "--fail-level", "WARNING", **careless)
    assert ended.code != 0
    assert all(told in ended.said for told in ("ponte.W001", "security.W008", "security.W004"))


@pytest.fixture
def in_production(settings: Settings) -> None:
    """As the settings are with an https:// address."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_HSTS_SECONDS = YEAR_S
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True


@pytest.fixture
def here() -> Connection:
    return connection(clinic("Clínica Sol"), chatwoot_url="https://chat.clinica.exemplo")


def addresses(of: Connection) -> dict[str, str]:
    """One of each kind of page."""
    return {
        "admin": reverse("admin:bridge_webhookevent_changelist"),
        "panel": reverse("panel", args=[of.public_id]),
        "window": reverse("panel-sign-in", args=[of.public_id]),
        "panel data": reverse("panel-conversation", args=[of.public_id, 1]),
        "api": reverse("api-connections"),
        "docs": reverse("api-docs"),
        "public": reverse("healthz"),
        "missing": "/nowhere",
    }


@pytest.mark.django_db(databases=["default", "audit", "intake"])
def test_the_headers_of_each_kind_of_page(
    in_production: None, here: Connection, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(Role.CLINIC_MANAGER, here.clinic)
    for kind, address in addresses(here).items():
        answer = client.get(address, secure=True)
        assert "Content-Security-Policy" in answer, kind
        policy = answer["Content-Security-Policy"]
        scripts = next((part for part in policy.split("; ") if part.startswith("script-src")), "")
        assert "unsafe-inline" not in scripts, kind
        assert ("unsafe-eval" in policy) == (kind == "admin"), kind
        assert "default-src 'self'" in policy if kind == "admin" else "default-src 'none'" in policy, kind
        framed = "frame-ancestors https://chat.clinica.exemplo" if kind == "panel" else "frame-ancestors 'none'"
        assert framed in policy, kind
        assert ("X-Frame-Options" in answer) == (kind != "panel"), kind
        assert answer["Strict-Transport-Security"] == f"max-age={YEAR_S}; includeSubDomains; preload", kind
        assert answer["X-Content-Type-Options"] == "nosniff", kind
        assert answer["Referrer-Policy"] == "same-origin", kind
        assert answer["Permissions-Policy"] == PERMISSIONS, kind
        opener = "unsafe-none" if kind == "window" else "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == opener, kind
        assert "http://" not in policy, kind


@pytest.mark.django_db
def test_cookies_are_secure_and_clear_calls_are_led_away(in_production: None, here: Connection) -> None:
    answer = Client().get(reverse("admin:login"), secure=True)
    for cookie in answer.cookies.values():
        assert cookie["secure"], cookie.key
        assert cookie["samesite"] in ("Lax", "Strict"), cookie.key
    assert production.SESSION_COOKIE_HTTPONLY
    clear = Client().get(reverse("admin:login"))
    assert (clear.status_code, clear["Location"][:8]) == (301, "https://")
    assert Client().get(reverse("healthz")).status_code == 200


@pytest.mark.django_db
def test_an_error_page_tells_nothing(settings: Settings, here: Connection) -> None:
    settings.DEBUG = False
    client = Client(raise_request_exception=False)
    for address in ("/nowhere?q=CANARIO", "/api/v1/nowhere?q=CANARIO", "/panel/nowhere/?q=CANARIO"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "CANARIO" not in answer.content.decode()
        assert "Traceback" not in answer.content.decode()
