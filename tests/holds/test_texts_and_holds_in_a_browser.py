"""The DPO's way in a real browser, on a phone: a text from proposal to force, a hold, a blocking."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from factories import PHONE, connection, contact
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from consent.models import DataSubject, LegalHold, TextKind, TextVersion
from consent.roles import Role
from tests.browsing import PHONE_SIZE, Visitor, account, browser, context
from tests.texts.shown_texts import whole_clinic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser", "context"]


@pytest.fixture
def size() -> tuple[int, int]:
    return PHONE_SIZE


def test_a_dpo_approves_a_text_freezes_and_blocks(context: BrowserContext, live_server: LiveServer) -> None:
    here = connection(whole_clinic())
    anna = contact(here).subject
    dpo = Visitor(context.new_page(), live_server.url)
    dpo.sign_in(account(Role.DPO, here))
    page = dpo.page

    def press(name: str) -> None:
        with page.expect_navigation():
            page.get_by_role("button", name=name, exact=True).click()
        assert dpo.sideways == 0, name

    dpo.open(reverse("admin:consent_textversion_changelist"))
    press("Criar rascunhos das propostas")
    draft = TextVersion.objects.get(kind=TextKind.CONSENT, purpose="marketing")
    dpo.open(reverse("admin:consent_textversion_edit", args=[draft.pk]))
    page.fill("#id_body", draft.body + "\nVocê gosta de novidades?")
    press("Guardar e ver")
    dpo.open(reverse("admin:consent_textversion_approve", args=[draft.pk]))
    press("Aprovar")
    assert "em vigor" in dpo.text
    assert TextVersion.objects.get(pk=draft.pk).state == "approved"

    dpo.open(reverse("admin:consent_legalhold_place", args=[here.clinic_id]))
    page.fill("#id_person", PHONE)
    page.fill("#id_document", "0001234-55.2026.8.26.0100")
    page.set_input_files("#id_file", {"name": "ordem.pdf", "mimeType": "application/pdf", "buffer": b"ordem"})
    page.fill("#id_review_on", (timezone.localdate() + timedelta(days=90)).isoformat())
    press("Congelar")
    assert "0001234-55.2026.8.26.0100" in dpo.text
    assert LegalHold.objects.get().subject_id == anna.pk

    dpo.open(reverse("admin:consent_legalhold_person", args=[anna.pk]))
    press("Bloquear")
    assert "Encerrar este bloqueio" in dpo.text
    assert DataSubject.objects.get(pk=anna.pk).blocked_at
    assert dpo.complaints == []
