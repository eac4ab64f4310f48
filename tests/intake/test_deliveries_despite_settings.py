"""Deliveries are never sent again: a forgotten setting of the web site must not cost them."""

import pytest
from django.test import Client, override_settings

from tests.intake.clinic import Address, raw
from tests.settings.starting import run

PRINT_HOSTS = "from django.conf import settings; print(settings.ALLOWED_HOSTS)"


@pytest.mark.django_db(transaction=True, databases="__all__")
@override_settings(SECURE_SSL_REDIRECT=True)
def test_a_delivery_in_clear_is_taken_instead_of_redirected(address: Address) -> None:
    address.http = Client()  # with middleware that knows the setting
    assert address.http.get("/admin/").status_code == 301
    assert address.deliver(raw("message_created")).status_code == 202


def test_the_public_address_is_always_answered() -> None:
    ended = run(
        "-c", PRINT_HOSTS, PONTE_PUBLIC_URL="https://ponte.clinica.example", PONTE_ALLOWED_HOSTS="inside.example"
    )
    assert ended.said.strip() == "['inside.example', 'ponte.clinica.example']"
