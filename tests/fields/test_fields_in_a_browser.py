"""A7 as somebody works with it, on a desk and on a phone: add, check, publish."""

import pytest
from django.urls import reverse
from django.utils import timezone
from factories import busy_clinic
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from bridge.models import DirectoryEntry, FieldVersion
from consent.roles import Role
from tests.browsing import Visitor, account, browser, context, size

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser", "context", "size"]


def test_a_field_is_joined_checked_and_published(context: BrowserContext, live_server: LiveServer) -> None:
    here = busy_clinic()
    for kind, key, name in (("contact", "plano", "Plano de saúde"), ("person", "convenio", "Convênio")):
        DirectoryEntry.objects.create(
            connection=here, kind=kind, key=key, name=name, detail={"type": "text"}, seen_at=timezone.now()
        )
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in(account(Role.CLINIC_MANAGER, here))
    page = visitor.page
    visitor.open(reverse("admin:bridge_fieldrow_new", args=[here.pk]))
    assert visitor.sideways == 0
    page.select_option("#id_chatwoot", "contact.custom.plano")
    page.select_option("#id_target", "person.convenio")
    page.select_option("#id_category", "R02")
    press(visitor, "Salvar no rascunho")
    assert "O rascunho não está publicado" in visitor.text
    press(visitor, "Conferir com 20 contatos")
    assert "Conferência a seco" in visitor.text
    assert visitor.sideways == 0
    page.fill("#id_reason", "pedido da recepção")
    press(visitor, "Publicar")
    assert "A versão 1 está valendo: 1 campo." in visitor.text
    assert "pedido da recepção" in visitor.text
    assert visitor.sideways == 0
    assert visitor.complaints == []
    assert FieldVersion.objects.get().author is not None


def press(visitor: Visitor, name: str) -> None:
    with visitor.page.expect_navigation():
        visitor.page.get_by_role("button", name=name, exact=True).click()
