"""Who a contact is in Krayin, decided by hand: not this person, link, another opportunity."""

import pytest

from bridge import actions
from bridge.clients.shapes import Labelled, LeadDraft, PersonDraft
from bridge.models import ContactMapping, ConversationMapping, ObservedConversation, Suggestion, Wish
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def writes(bridge: Bridge, conversation: ObservedConversation, text: str) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(conversation.chatwoot_conversation_id, text)
    bridge.deliver(deliveries)
    bridge.settle()


def notes_of(bridge: Bridge, lead_id: int) -> list[str]:
    return [note["comment"] for note in bridge.crm["notes"] if lead_id in note["lead_ids"]]


def another_person(bridge: Bridge, name: str = "Rita Alves", phone: str = "+5511900000099") -> int:
    client, _ = krayin_client(bridge.connection)
    return client.person_create(PersonDraft(name=name, emails=(), phones=(Labelled(phone),))).id


def a_lead(bridge: Bridge, person_id: int) -> int:
    client, _ = krayin_client(bridge.connection)
    draft = LeadDraft(title="Implante", stage_id=1, person_id=person_id, person=None, source_id=1, type_id=1)
    return client.lead_create(draft).id


def test_after_not_this_person_nothing_more_is_written_until_somebody_decides(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.not_this_person(conversation, attendant, via="panel")
    bridge.settle()
    before = bridge.crm
    writes(bridge, conversation, "Sou outra pessoa")
    assert bridge.crm["notes"] == before["notes"]
    assert bridge.crm["counts"]["persons"] == 1
    assert not ContactMapping.objects.exists()
    assert not ConversationMapping.objects.exists()
    assert Wish.objects.get(kind="unlink").state == "held"
    suggestion = Suggestion.objects.get()
    assert (suggestion.state, suggestion.krayin_person_id, suggestion.decided_by) == ("different", 1, attendant.user)


def test_a_link_brings_the_conversation_to_the_right_person(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor, manager: Actor
) -> None:
    actions.not_this_person(conversation, attendant)
    bridge.settle()
    person_id = another_person(bridge)
    lead_id = a_lead(bridge, person_id)
    actions.link(conversation, manager, person_id=person_id, lead_id=lead_id)
    bridge.settle()
    mapping = ContactMapping.objects.get()
    assert (mapping.krayin_person_id, mapping.krayin_lead_id, mapping.found_by) == (person_id, lead_id, "manual")
    assert "Bom dia" in notes_of(bridge, lead_id)[0]
    assert set(Wish.objects.values_list("kind", "state")) == {("unlink", "done"), ("link", "done")}
    writes(bridge, conversation, "Obrigada")
    assert len(notes_of(bridge, 1)) == 1
    assert "Obrigada" not in notes_of(bridge, 1)[0]
    assert "Obrigada" in notes_of(bridge, lead_id)[0]


def test_linking_another_person_unlinks_first(
    bridge: Bridge, conversation: ObservedConversation, manager: Actor
) -> None:
    person_id = another_person(bridge)
    actions.link(conversation.contact, manager, person_id=person_id)
    bridge.settle()
    mapping = ContactMapping.objects.get()
    assert mapping.krayin_person_id == person_id
    leads = {lead["id"]: lead["person_id"] for lead in bridge.crm["leads"]}
    assert leads[mapping.krayin_lead_id] == person_id
    assert leads[1] == 1


def test_a_contact_that_is_a_person_of_its_own_is_not_found_again_by_its_phone(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.not_this_person(conversation, attendant)
    bridge.settle()
    client, _ = krayin_client(bridge.connection)
    (wrong,) = client.persons_by_ids([1])
    client.person_update(1, PersonDraft(name=wrong.name, emails=wrong.emails, phones=(Labelled("+551133334444"),)))
    actions.create_opportunity(conversation, attendant)
    bridge.settle()
    mapping = ContactMapping.objects.get()
    assert mapping.krayin_person_id == 2
    assert {lead["person_id"] for lead in bridge.crm["leads"]} == {1, 2}
    refs = sorted(person["attributes"]["chatwoot_contact_ref"] for person in bridge.crm["persons"])
    assert len(set(refs)) == 2


def test_another_opportunity_takes_the_conversation_on(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.create_opportunity(conversation, attendant)
    with pytest.raises(actions.NothingToDo):
        actions.create_opportunity(conversation, attendant)
    bridge.settle()
    writes(bridge, conversation, "Quero também um clareamento")
    assert bridge.crm["counts"]["leads"] == 2
    assert {lead["person_id"] for lead in bridge.crm["leads"]} == {1}
    assert ConversationMapping.objects.get().krayin_lead_id == 2
    assert Wish.objects.get(kind="opportunity").state == "done"
    bridge.settle()
    assert bridge.crm["counts"]["leads"] == 2


def test_an_opportunity_of_somebody_else_is_refused_and_the_conversation_stays(
    bridge: Bridge, conversation: ObservedConversation, manager: Actor
) -> None:
    lead_id = a_lead(bridge, another_person(bridge))
    wish = actions.link(conversation, manager, lead_id=lead_id)
    bridge.settle()
    wish.refresh_from_db()
    assert (wish.state, wish.reason) == ("refused", "other_person")
    conversation.refresh_from_db()
    assert conversation.lead_number == 1
    assert bridge.crm["counts"]["leads"] == 2


def test_a_person_that_does_not_exist_leaves_the_contact_waiting(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor, manager: Actor
) -> None:
    actions.not_this_person(conversation, attendant)
    bridge.settle()
    wish = actions.link(conversation, manager, person_id=999)
    bridge.settle()
    wish.refresh_from_db()
    assert (wish.state, wish.reason) == ("refused", "object_gone")
    assert bridge.crm["counts"]["persons"] == 1
    assert Wish.objects.get(kind="unlink").state == "held"


def test_attendants_do_not_link(bridge: Bridge, conversation: ObservedConversation, attendant: Actor) -> None:
    with pytest.raises(actions.AskForPermission):
        actions.link(conversation, attendant, person_id=1)
    with pytest.raises(actions.AskForPermission):
        actions.unlink(conversation, attendant)
    assert not Wish.objects.exists()


def test_the_same_person_again_is_nothing_to_do(
    bridge: Bridge, conversation: ObservedConversation, manager: Actor
) -> None:
    with pytest.raises(actions.NothingToDo):
        actions.link(conversation, manager, person_id=1)
    with pytest.raises(actions.ChooseAnother):
        actions.link(conversation, manager)
