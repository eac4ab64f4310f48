"""From a page of the operation to what the trail knows of its object or person, for who may see the trail."""

from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from factories import busy_clinic, user
from screens.pages import main_of

from audit.services import record
from bridge.models import Connection, ContactMapping, Effect, ObservedContact, StageChangeLog, WebhookEvent
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
TRAIL = reverse("admin:audit_auditlog_changelist")


@pytest.fixture
def here() -> Connection:
    return busy_clinic()


def audit_link(client: Client, address: str) -> dict[str, list[str]]:
    """What the link of the page asks the trail for; empty when there is none."""
    content = client.get(address).content.decode()
    found = [unescape(part.split('"')[0]) for part in content.split('ponte-item-audit" href="')[1:]]
    assert len(found) <= 1
    return parse_qs(urlsplit(found[0]).query) if found else {}


def pages(of: Connection) -> dict[str, dict[str, list[str]]]:
    """Pages by address, with what each must lead to."""
    contact = ObservedContact.objects.filter(connection=of, has_phone=True).latest("chatwoot_contact_id")
    link = ContactMapping.objects.get(connection=of, chatwoot_contact_id=contact.chatwoot_contact_id)
    event, change = WebhookEvent.objects.filter(connection=of).first(), StageChangeLog.objects.first()
    step = Effect.objects.filter(connection=of, state="rejected").first()
    assert event is not None
    assert change is not None
    assert step is not None
    person = {"person": [str(contact.subject.pseudonym)]}
    return {
        reverse("admin:bridge_contactmapping_change", args=[link.pk]): person,
        reverse("admin:bridge_observedcontact_change", args=[contact.pk]): person,
        reverse("admin:bridge_leadhealthprofile_person", args=[contact.pk]): person,
        **{
            reverse(name, args=[row.pk]): {"object_type": [row._meta.label], "object_id": [str(row.pk)]}
            for name, row in (
                ("admin:bridge_webhookevent_change", event),
                ("admin:bridge_stagechangelog_change", change),
                ("admin:bridge_failedwebhook_force", step),
            )
        },
    }


def test_each_page_leads_to_the_trail_of_its_item(here: Connection, sign_in: Callable[..., Client]) -> None:
    client = sign_in(None)
    for address, wanted in pages(here).items():
        found = audit_link(client, address)
        assert found.pop("from"), address
        assert found == wanted, address
    connection = reverse("admin:bridge_connection_audit_one", args=[here.pk])
    led = parse_qs(urlsplit(client.get(connection)["Location"]).query)
    assert (led["object_type"], led["object_id"]) == (["bridge.Connection"], [str(here.pk)])


def test_who_may_not_see_the_trail_has_no_link(here: Connection, sign_in: Callable[..., Client]) -> None:
    client = sign_in(Role.CLINIC_MANAGER, here.clinic)
    assert [audit_link(client, address) for address in pages(here)] == [{}] * len(pages(here))
    assert client.get(reverse("admin:bridge_connection_audit_one", args=[here.pk])).status_code == 403


def test_the_link_shows_the_acts_on_this_item_only(here: Connection, sign_in: Callable[..., Client]) -> None:
    event = WebhookEvent.objects.filter(connection=here).first()
    assert event is not None
    member = user(Role.CLINIC_MANAGER, here.clinic, name="Bia Campos")
    for number in (event.pk, event.pk + 1000):
        record(
            action="replay", actor_type="staff", actor_id=str(member.pk), clinic_id=here.clinic_id,
            object_type="bridge.WebhookEvent", object_id=str(number), own_connection=False,
        )  # fmt: skip
    client = sign_in(None)
    content = client.get(reverse("admin:bridge_webhookevent_change", args=[event.pk])).content.decode()
    address = unescape(content.split('ponte-item-audit" href="')[1].split('"')[0])
    assert address.startswith(TRAIL)
    assert main_of(client.get(address)).count("Bia Campos") == 2  # once in the list of the staff to choose from
