"""Is it the same person? DESIGN section 5."""

import pytest
from connected_clinic import Bridge, make_bridge

from bridge.clients.shapes import Labelled, LeadDraft, PersonDraft
from bridge.models import ContactMapping, Effect, Suggestion
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.partners import krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def crm_has_person(bridge: Bridge, name: str, *, phone: str = "", email: str = "") -> int:
    """A person people made in Krayin by hand."""
    client, _ = krayin_client(bridge.connection)
    draft = PersonDraft(
        name=name, emails=(Labelled(email),) if email else (), phones=(Labelled(phone),) if phone else ()
    )
    return client.person_create(draft).id


def writes(bridge: Bridge, name: str, **identifiers: str | None) -> int:
    """A new contact writes one message; return the Chatwoot contact id."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name=name, **identifiers)
    bridge.deliver(deliveries)
    bridge.work()
    return conversation.contact_id


def test_a_person_with_the_same_phone_in_another_spelling_is_adopted(bridge: Bridge) -> None:
    known = crm_has_person(bridge, "Maria da Silva", phone="(11) 98765-4321")
    writes(bridge, "Maria Silva", phone_number="+5511987654321")
    assert bridge.crm["counts"]["persons"] == 1
    assert bridge.crm["leads"][0]["person_id"] == known
    assert ContactMapping.objects.get().found_by == "phone"


def test_the_ninth_digit_does_not_make_another_person(bridge: Bridge) -> None:
    crm_has_person(bridge, "Maria da Silva", phone="+55 11 98765-4321")
    writes(bridge, "Maria", phone_number="+551187654321")
    assert bridge.crm["counts"]["persons"] == 1
    assert not Suggestion.objects.exists()


def test_an_adopted_person_keeps_what_people_wrote_and_gets_our_reference(bridge: Bridge) -> None:
    crm_has_person(bridge, "Maria Aparecida da Silva", phone="+5511987654321", email="maria@exemplo.com.br")
    writes(bridge, "Maria Silva", phone_number="+5511987654321")
    person = bridge.crm["persons"][0]
    assert person["name"] == "Maria Aparecida da Silva"
    assert [e["value"] for e in person["emails"]] == ["maria@exemplo.com.br"]
    assert [p["value"] for p in person["contact_numbers"]] == ["+5511987654321"]
    assert person["attributes"]["chatwoot_contact_ref"].startswith(f"ponte-{bridge.connection.ref_code}-c")


def test_an_open_opportunity_of_the_adopted_person_is_used(bridge: Bridge) -> None:
    known = crm_has_person(bridge, "Maria da Silva", phone="+5511987654321")
    client, _ = krayin_client(bridge.connection)
    mine = client.lead_create(LeadDraft(title="Implante", stage_id=2, person_id=known))
    writes(bridge, "Maria Silva", phone_number="+5511987654321")
    crm = bridge.crm
    assert [lead["id"] for lead in crm["leads"]] == [mine.id]
    assert crm["leads"][0]["title"] == "Implante"
    assert crm["leads"][0]["attributes"]["bridge_ref"].endswith("-l1")


def test_another_name_on_the_same_phone_waits_for_people(bridge: Bridge) -> None:
    crm_has_person(bridge, "Carlos Pereira", phone="+5511987654321")
    writes(bridge, "Ana Lima", phone_number="+5511987654321")
    assert bridge.crm["counts"] | {"system_activities": 0} == {
        "persons": 1, "leads": 0, "notes": 0, "organizations": 0, "stage_changes": 0, "system_activities": 0,
    }  # fmt: skip
    assert Suggestion.objects.get().evidence == "phone:another_name"
    assert Effect.objects.get(kind="create_person").cause == "KRAYIN_DUPLICATE"


def test_a_family_phone_gets_its_own_opportunity_where_the_clinic_says_so(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin)
    bridge.connection.shared_person = "own_lead"
    bridge.connection.save()
    crm_has_person(bridge, "Carlos Pereira", phone="+5511987654321")
    writes(bridge, "Ana Lima", phone_number="+5511987654321")
    crm = bridge.crm
    assert crm["counts"]["persons"] == 1
    assert crm["counts"]["leads"] == 1
    assert crm["persons"][0]["name"] == "Carlos Pereira"


def test_several_hits_are_never_guessed(bridge: Bridge) -> None:
    crm_has_person(bridge, "Maria da Silva", phone="+5511987654321")
    crm_has_person(bridge, "Maria da Silva", phone="+55 11 98765 4321")
    writes(bridge, "Maria da Silva", phone_number="+5511987654321")
    assert Suggestion.objects.get().evidence == "phone:several_hits"
    assert bridge.crm["counts"]["leads"] == 0


def test_a_contact_with_only_a_phone_becomes_a_person_without_email(bridge: Bridge) -> None:
    writes(bridge, "Ana Lima", phone_number="+5511987654321")
    assert bridge.crm["persons"][0]["emails"] == []


def test_a_contact_with_only_an_email_becomes_a_person(bridge: Bridge) -> None:
    writes(bridge, "Ana Lima", email="ana@exemplo.com.br")
    assert [e["value"] for e in bridge.crm["persons"][0]["emails"]] == ["ana@exemplo.com.br"]
    assert bridge.crm["counts"]["leads"] == 1


def test_contacts_with_neither_phone_nor_email_get_an_address_nobody_receives(bridge: Bridge) -> None:
    for number in (1, 2):
        with bridge.chatwoot.capture() as deliveries:
            contact = bridge.chatwoot.create_contact(name=f"Visitante {number}", identifier=f"site-{number}")
            bridge.chatwoot.start_conversation(contact.id, "Oi")
        bridge.deliver(deliveries)
    bridge.work()
    addresses = [p["emails"][0]["value"] for p in bridge.crm["persons"]]
    assert len(set(addresses)) == 2
    assert all(a.endswith("@sem-email.invalid") for a in addresses)


def test_a_contact_without_any_identifier_is_kept_and_not_sent(bridge: Bridge) -> None:
    writes(bridge, "Visitante")
    assert bridge.crm["counts"]["persons"] == 0
    assert not Effect.objects.exists()


def test_a_corrected_name_and_email_reach_the_person(bridge: Bridge) -> None:
    contact_id = writes(bridge, "Ana", phone_number="+5511987654321")
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(contact_id, name="Ana Lima Souza", email="ana@exemplo.com.br")
    bridge.deliver(deliveries)
    bridge.work()
    crm = bridge.crm
    assert crm["persons"][0]["name"] == "Ana Lima Souza"
    assert [e["value"] for e in crm["persons"][0]["emails"]] == ["ana@exemplo.com.br"]
    assert crm["leads"][0]["title"].startswith("Ana Lima Souza · ")


def test_a_name_that_people_changed_in_krayin_is_not_overwritten(bridge: Bridge) -> None:
    contact_id = writes(bridge, "Ana", phone_number="+5511987654321")
    client, _ = krayin_client(bridge.connection)
    person = client.persons_by_ids([1])[0]
    client.person_update(
        person.id,
        PersonDraft(name="Ana Beatriz Lima", emails=person.emails, phones=person.phones, owner_id=1),
    )
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(contact_id, name="Aninha", email="ana@exemplo.com.br")
    bridge.deliver(deliveries)
    bridge.work()
    person = bridge.crm["persons"][0]
    assert person["name"] == "Ana Beatriz Lima"
    assert person["user_id"] == 1
    assert [e["value"] for e in person["emails"]] == ["ana@exemplo.com.br"]


def test_the_company_is_written_where_the_clinic_wants_it(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, send={"sync_to_organization": True, "preset": "contacts"})
    with bridge.chatwoot.capture() as deliveries:
        contact = bridge.chatwoot.create_contact(
            name="Ana Lima", phone_number="+5511987654321", additional_attributes={"company_name": "Padaria Sol"}
        )
        bridge.chatwoot.start_conversation(contact.id, "Oi")
    bridge.deliver(deliveries)
    bridge.work()
    assert [o["name"] for o in bridge.crm["organizations"]] == ["Padaria Sol"]
