"""Labels, teams and people of Chatwoot are read when somebody asks, and what is gone stays, marked (screen A8)."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from factories import signed_in

from bridge.models import DirectoryEntry
from bridge.sandbox.chatwoot import AGENT_ID
from consent.roles import Role
from tests.bridge.connected_clinic import Bridge

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.usefixtures("in_english")]


@pytest.fixture
def manager(bridge: Bridge) -> Client:
    return signed_in(Role.CLINIC_MANAGER, bridge.connection.clinic)


def fetch(client: Client, bridge: Bridge, back: str = "") -> tuple[str, list[str]]:
    """Ask as the button does; return where it leads and what is said."""
    address = reverse("admin:bridge_stagerule_list_act", args=[bridge.connection.pk])
    response = client.post(address, {"do": "fetch", "back": back})
    return response["Location"], [str(message) for message in get_messages(response.wsgi_request)]


def known(kind: str) -> dict[str, str]:
    return dict(DirectoryEntry.objects.filter(kind=kind, gone_at=None).values_list("key", "name"))


def test_three_calls_bring_labels_teams_and_people_without_e_mails(manager: Client, bridge: Bridge) -> None:
    form = reverse("admin:bridge_stagerule_new", args=[bridge.connection.pk])
    where, said = fetch(manager, bridge, back=form)
    assert where == form
    assert said == ["8 entries read from Chatwoot."]
    assert sorted(known("label")) == ["agendamento", "convenio", "retorno"]
    assert known("team") == {"2": "recepção", "3": "financeiro"}
    assert known("agent")[str(AGENT_ID)] == "Rafael Nogueira"
    assert not DirectoryEntry.objects.filter(name__contains="@").exists()
    assert '<option value="retorno">' in manager.get(form).content.decode()


def test_what_chatwoot_no_longer_has_is_marked_and_comes_back(manager: Client, bridge: Bridge) -> None:
    fetch(manager, bridge)
    label = bridge.chatwoot.store.labels.pop(2)
    fetch(manager, bridge)
    assert sorted(known("label")) == ["agendamento", "retorno"]
    bridge.chatwoot.store.labels[2] = label
    fetch(manager, bridge)
    assert sorted(known("label")) == ["agendamento", "convenio", "retorno"]
    assert DirectoryEntry.objects.filter(kind="label").count() == 3


def test_a_chatwoot_that_does_not_answer_changes_nothing_and_is_told(manager: Client, bridge: Bridge) -> None:
    fetch(manager, bridge)
    bridge.connection.chatwoot_url = "http://127.0.0.1:9"
    bridge.connection.save()
    _, said = fetch(manager, bridge)
    assert said[-1].startswith("Nothing answers at this address.")
    assert len(known("team")) == 2


def test_the_button_leads_to_our_own_pages_only(manager: Client, bridge: Bridge) -> None:
    where, _ = fetch(manager, bridge, back="https://evil.example/admin/bridge/stagerule/")
    assert where == f"{reverse('admin:bridge_stagerule_changelist')}?connection={bridge.connection.pk}"
