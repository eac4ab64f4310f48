"""Contacts merged in Chatwoot, of which it tells nobody."""

import pytest
from connected_clinic import Bridge

from bridge.models import ContactMapping, Effect, LaneAlias, Suggestion

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def writes(bridge: Bridge, name: str, **identifiers: str) -> tuple[int, int]:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name=name, **identifiers)
    bridge.deliver(deliveries)
    bridge.settle()
    return conversation.contact_id, conversation.display_id


def test_the_surviving_contact_takes_over_person_lead_and_notes(bridge: Bridge) -> None:
    old, number = writes(bridge, "Ana Lima", phone_number="+5511900000021")
    with bridge.chatwoot.capture():
        base = bridge.chatwoot.create_contact(name="Ana Lima Souza", email="ana@exemplo.com.br")
        bridge.chatwoot.merge_contacts(base.id, old)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Ainda sou eu")
        bridge.chatwoot.set_status(number, "resolved")
    bridge.deliver(deliveries)
    for _ in range(4):
        bridge.settle()
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (1, 1, 1)
    assert "Ainda sou eu" in crm["notes"][0]["comment"]
    assert crm["persons"][0]["name"] == "Ana Lima Souza"
    assert crm["leads"][0]["stage_code"] == "negotiation"
    assert ContactMapping.objects.get().chatwoot_contact_id == base.id
    assert LaneAlias.objects.get().canonical == f"c:{base.id}"
    assert not Effect.objects.exclude(state__in=["confirmed", "cancelled"]).exists()


def test_two_contacts_that_both_had_a_person_are_shown_to_people(bridge: Bridge) -> None:
    old, number = writes(bridge, "Ana Lima", phone_number="+5511900000021")
    base, _ = writes(bridge, "Ana L.", email="ana@exemplo.com.br")
    with bridge.chatwoot.capture():
        bridge.chatwoot.merge_contacts(base, old)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Ainda sou eu")
    bridge.deliver(deliveries)
    for _ in range(4):
        bridge.settle()
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (2, 2, 2)
    assert Suggestion.objects.get().evidence == "merged_in_chatwoot"
    assert any("Ainda sou eu" in note["comment"] for note in crm["notes"])
