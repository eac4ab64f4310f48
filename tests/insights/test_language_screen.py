"""The page of the language model: who enters, who switches, who sees what would leave."""

from collections.abc import Iterator
from typing import Any

import factories
import pytest
from django.test import Client
from django.urls import reverse
from fake_model import KEY, FakeModel, Talk, anthropic, provider, running, talk
from screens.pages import text_of

from audit.models import AuditLog
from consent.encryption import Actor, open_system
from consent.models import User
from consent.roles import Role
from insights.models import LanguageCall, LanguageSettings, LanguageStop

BOTH = ["default", "audit"]
pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("in_english")]
FORM = {
    "kind": "openai", "base_url": "https://api.exemplo.com/v1", "model": "gpt-de-teste", "contract": "DPA 7",
    "region": "us", "retention_days": "0", "training_off": "on", "transfer_clauses": "19/2024", "currency": "USD",
    "price_in": "3", "price_out": "15", "calls_per_day": "10", "calls_per_month": "100", "cost_per_day": "1",
    "cost_per_month": "10", "timeout_s": "20",
}  # fmt: skip


@pytest.fixture
def model(settings: Any) -> Iterator[FakeModel]:
    settings.LANGUAGE_MODEL = True
    with running() as server:
        yield server


@pytest.fixture
def marina(model: FakeModel) -> Talk:
    made = talk()
    provider(made.conversation.connection.clinic, model.url, is_on=False)
    made.says("Oi, sou a Marina, (11) 98765-4321, quero marcar")
    return made


def row() -> LanguageSettings:
    return LanguageSettings.objects.get()


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def of(role: Role, person: Talk) -> Client:
    return factories.signed_in(role, person.conversation.connection.clinic)


def address(name: str, *args: int) -> str:
    return reverse(f"admin:insights_languagesettings_{name}", args=args)


def does(client: Client, what: str) -> int:
    return client.post(address("act", row().pk), {"do": what}).status_code


def preview_of(person: Talk, **more: str) -> dict[str, Any]:
    talked = person.conversation
    return {"connection": talked.connection_id, "conversation": talked.chatwoot_conversation_id, **more}


def test_the_technical_administrator_enters_a_provider_and_the_management_switches_it_on(settings: Any) -> None:
    settings.LANGUAGE_MODEL = True
    clinic = factories.clinic()
    technical, manager = (factories.signed_in(role, clinic) for role in (Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER))
    assert manager.post(address("add"), {**FORM, "clinic": clinic.pk}).status_code == 403
    technical.post(address("add"), {**FORM, "clinic": factories.clinic("Clínica Lua").pk})
    assert not LanguageSettings.objects.exists()
    technical.post(address("add"), {**FORM, "clinic": clinic.pk})
    assert "still missing key" in text_of(manager.get(address("change", row().pk)))
    assert does(manager, "on") == 404
    technical.post(address("provider", row().pk), {**FORM, "api_key_new": KEY})
    assert (row().is_on, row().region) == (False, "US")
    opened = open_system(row().api_key, context=row().key_context, actor=Actor.system("test"), purpose="system")
    assert opened.decode() == KEY
    assert KEY not in technical.get(address("provider", row().pk)).content.decode()
    assert does(manager, "on") == 302
    assert row().is_on
    changes = AuditLog.objects.filter(object_type="insights.LanguageSettings").order_by("pk")
    assert [sorted(one.fields) for one in changes][1:] == [["api_key"], ["is_on"]]


def test_another_address_loses_the_key_and_the_switch(marina: Talk) -> None:
    LanguageSettings.objects.update(is_on=True)
    technical = of(Role.TECHNICAL_ADMIN, marina)
    technical.post(address("provider", row().pk), {**FORM, "kind": "anthropic", "base_url": "https://mal.exemplo.com"})
    assert (row().is_on, row().api_key) == (False, None)


@pytest.mark.parametrize("url", ["http://10.0.0.7", "ftp://exemplo.com", "https://u:s@exemplo.com", "https://[::1"])
def test_an_address_without_tls_is_refused(marina: Talk, url: str) -> None:
    answer = of(Role.TECHNICAL_ADMIN, marina).post(address("provider", row().pk), {**FORM, "base_url": url})
    assert "Use an https address" in text_of(answer)
    assert row().base_url != url


def test_the_data_protection_officer_may_only_switch_off(marina: Talk) -> None:
    dpo = of(Role.DPO, marina)
    assert does(dpo, "on") == 404
    LanguageSettings.objects.update(is_on=True)
    assert does(dpo, "off") == 302
    assert not row().is_on


def test_only_who_works_for_all_clinics_stops_every_one(marina: Talk) -> None:
    LanguageSettings.objects.update(is_on=True)
    assert does(as_(marina.manager), "stop") == 404
    everywhere = factories.signed_in(Role.TECHNICAL_ADMIN, None)
    assert does(everywhere, "stop") == 302
    assert "stopped for every clinic" in text_of(everywhere.get(address("change", row().pk)))
    assert AuditLog.objects.filter(object_type="insights.LanguageStop").exists()
    assert does(everywhere, "release") == 302
    assert not LanguageStop.objects.exists()


def test_what_would_leave_is_shown_masked_and_not_sent(marina: Talk, model: FakeModel) -> None:
    manager = as_(marina.manager)
    shown = text_of(manager.post(address("preview", row().pk), preview_of(marina)))
    assert "Oi, sou a <PESSOA_1>, <TELEFONE_1>, quero marcar" in shown
    assert "Nothing would leave: The language model of this clinic is switched off." in shown
    LanguageSettings.objects.update(is_on=True)
    answer = manager.post(address("preview", row().pk), preview_of(marina))
    assert "This, and nothing else of the conversation, would leave:" in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    assert model.got == []


def test_who_may_not_read_messages_sees_none(marina: Talk) -> None:
    for role in (Role.TECHNICAL_ADMIN, Role.DPO):
        assert of(role, marina).post(address("preview", row().pk), preview_of(marina)).status_code == 404
        assert of(role, marina).get(address("change", row().pk)).status_code == 200


def test_another_clinic_has_no_such_page_and_no_such_conversation(marina: Talk) -> None:
    other = talk("Rui Barbosa")
    stranger = as_(other.manager)
    for name, data in (("act", {"do": "off"}), ("preview", preview_of(marina))):
        assert stranger.post(address(name, row().pk), data).status_code == 404
    assert stranger.get(address("change", row().pk)).status_code == 404
    answer = as_(marina.manager).post(address("preview", row().pk), preview_of(other), follow=True)
    assert "There is no such conversation in this clinic." in text_of(answer)


@pytest.mark.django_db(transaction=True, databases=BOTH)
def test_an_answer_is_marked_as_made_by_a_model(marina: Talk, model: FakeModel) -> None:
    LanguageSettings.objects.update(is_on=True)
    model.reply = lambda body: anthropic({"texto": "<PESSOA_1> quer <b>marcar</b>."})
    refused = as_(marina.manager).post(address("preview", row().pk), preview_of(marina, task="summary"))
    assert "The model gave no usable answer." in text_of(refused)
    model.reply = lambda body: anthropic({"texto": "<PESSOA_1> quer marcar."})
    shown = text_of(as_(marina.manager).post(address("preview", row().pk), preview_of(marina, task="draft")))
    assert "Marina quer marcar." in shown
    assert "Written by a language model (Anthropic · claude-de-teste)." in shown
    page = text_of(as_(marina.manager).get(address("change", row().pk)))
    assert "Draft of a reply · answered" in page
    assert "2 / 50" in page
    assert list(LanguageCall.objects.order_by("pk").values_list("outcome", flat=True)) == ["discarded", "answered"]
