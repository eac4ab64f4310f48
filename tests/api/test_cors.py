"""Pages of other sites may call the API only where a live key lists them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from factories import user

from api.conftest import Program
from bridge.api.keys import revoke
from bridge.models import Connection

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LIST = "/api/v1/connections"
SITE = "https://painel.exemplo.com.br"


@pytest.fixture
def page(sol: Connection, program: Callable[..., Program]) -> Program:
    return program(sol.clinic, origins=[SITE])


def preflight(origin: str, address: str = LIST) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    return Client().options(address, headers=headers)


def test_a_listed_site_is_let_in(page: Program) -> None:
    asked = preflight(SITE)
    assert asked.status_code == 200
    assert asked["Access-Control-Allow-Origin"] == SITE
    assert "authorization" in asked["Access-Control-Allow-Headers"]
    assert asked["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Access-Control-Allow-Credentials" not in asked
    read = page.get(LIST, headers={"Origin": SITE})
    assert (read.status_code, read["Access-Control-Allow-Origin"]) == (200, SITE)
    assert "X-RateLimit-Remaining" in read["Access-Control-Expose-Headers"]
    assert "origin" in read["Vary"].lower()


def test_a_refusal_can_be_read_by_the_page_too(page: Program) -> None:
    refused = Client().get(LIST, headers={"Origin": SITE})
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, SITE)


@pytest.mark.parametrize(
    "origin", ["https://outro.exemplo.com.br", "http://painel.exemplo.com.br", "null", "", "https://painel.exemplo.com.br:8443",
               "x" * 300, "https://painel.exemplo.com.br.mal.example"]
)  # fmt: skip
def test_other_sites_are_not(page: Program, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(origin)
    assert "Access-Control-Allow-Origin" not in page.get(LIST, headers={"Origin": origin})


def test_a_revoked_keys_site_is_out_at_once(sol: Connection, page: Program) -> None:
    revoke([page.key], by=user(None), now=timezone.now())
    assert "Access-Control-Allow-Origin" not in preflight(SITE)


@pytest.mark.parametrize("address", ["/admin/login/", "/healthz", "/webhooks/chatwoot/x/"])
def test_the_rest_of_the_site_is_never_opened(page: Program, address: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(SITE, address)
    assert "Access-Control-Allow-Origin" not in Client().get(address, headers={"Origin": SITE})
