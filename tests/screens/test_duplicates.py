"""B6: pairs with their evidence, three answers, each remembered; what was held goes on; nothing joins by itself."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import EMAIL, NAME, PHONE, clinic, connection, contact, link, refused_step, signed_in, user

from audit.models import AuditLog
from bridge import actions
from bridge.clients.shapes import Labelled, LeadDraft, PersonDraft
from bridge.models import ContactMapping, Effect, KrayinLead, ObservedContact, Suggestion, Wish
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from consent.models import ContactPoint
from consent.roles import Role
from screens.pages import main_of, said
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_suggestion_changelist")
LIVE = pytest.mark.django_db(transaction=True, databases="__all__")


def pair(of: ObservedContact, person: int = 31, evidence: str = "phone:another_name", **fields: object) -> Suggestion:
    return Suggestion.objects.create(
        connection=of.connection, contact=of, krayin_person_id=person, evidence=evidence, **fields
    )


def page(row: Suggestion) -> str:
    return reverse("admin:bridge_suggestion_change", args=[row.pk])


def answer(client: Client, row: Suggestion, what: str) -> HttpResponse:
    return client.post(reverse("admin:bridge_suggestion_decide", args=[row.pk]), {"answer": what})


# What is shown --------------------------------------------------------------------------------------------------------


def test_a_pair_shows_its_evidence_and_what_each_side_has(viewer: Client, marina: ObservedContact) -> None:
    other = contact(marina.connection, name="Otávio Serra", phone="+5511987650000")
    link(other, person=31, lead=71)
    krayin_of = marina.connection.krayin
    KrayinLead.objects.create(krayin=krayin_of, lead_id=71, person_id=31)
    KrayinLead.objects.create(krayin=krayin_of, lead_id=72, person_id=31, closed_at=timezone.now())
    row = pair(marina)
    text = main_of(viewer.get(page(row)))
    assert "same phone, with or without the ninth digit · the names do not agree" in text
    assert "2, of them open: 1" in text
    assert other.mask in text
    assert "phone, e-mail" in text
    content = viewer.get(page(row)).content.decode()
    for personal in (NAME, "Marina", PHONE, EMAIL):
        assert personal not in content
    assert f"{krayin_of.base_url}/admin/contacts/persons/view/31" in content


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ("email:linked_to_another", "same e-mail · that person is linked to another contact"),
        ("phone:several_hits", "same phone, with or without the ninth digit · several persons in Krayin have it"),
        ("merged_in_chatwoot", "the contacts were joined in Chatwoot; each had a person in Krayin"),
        ("something:new", "something · new"),
    ],
)
def test_every_evidence_has_words(viewer: Client, marina: ObservedContact, evidence: str, words: str) -> None:
    assert words in main_of(viewer.get(page(pair(marina, evidence=evidence))))


def test_open_pairs_wait_the_oldest_first_and_answered_ones_are_apart(viewer: Client, marina: ObservedContact) -> None:
    for n in range(22):
        pair(marina, 100 + n)
    pair(marina, 99, state="different", decided_at=timezone.now())
    first = viewer.get(LIST)
    text = main_of(first)
    assert "22 pairs wait for your answer." in text
    assert "person 100" in text
    assert "person 121" not in text
    assert "person 99" not in text
    assert "person 121" in main_of(viewer.get(LIST + f"?after={Suggestion.objects.get(krayin_person_id=119).pk}"))
    assert "person 99" in main_of(viewer.get(f"{LIST}?view=decided"))


def test_no_pair_is_good_news(viewer: Client) -> None:
    assert "No pair waits for an answer." in main_of(viewer.get(LIST))
    assert "No pair was answered yet." in main_of(viewer.get(f"{LIST}?view=decided&after=x"))


def test_pairs_of_another_clinic_do_not_exist(viewer: Client) -> None:
    row = pair(contact(connection(clinic("Clínica Lua"))))
    assert "No pair waits for an answer." in main_of(viewer.get(LIST))
    assert viewer.get(page(row)).status_code == 404
    assert answer(viewer, row, "same").status_code == 404
    row.refresh_from_db()
    assert row.state == "open"


def test_supervisors_look_and_do_not_answer(marina: ObservedContact) -> None:
    row = pair(marina)
    client = signed_in(Role.SUPERVISOR, marina.connection.clinic)
    assert 'name="answer"' not in client.get(page(row)).content.decode()
    assert answer(client, row, "different").status_code == 404
    assert Suggestion.objects.get().state == "open"


# Answers --------------------------------------------------------------------------------------------------------------


def test_different_people_is_remembered_and_what_was_held_goes_on(viewer: Client, marina: ObservedContact) -> None:
    held = refused_step(marina, "KRAYIN_DUPLICATE", kind="create_person")
    row = pair(marina)
    assert said(answer(viewer, row, "different")) == ["Kept as different people: this pair is not proposed again."]
    row.refresh_from_db()
    held.refresh_from_db()
    assert (row.state, row.decided_by_id is not None, held.state) == ("different", True, "intended")
    assert (
        AuditLog.objects.filter(action="hand.duplicate_different", clinic_id=marina.connection.clinic_id).count() == 1
    )
    assert said(answer(viewer, row, "different"))[-1] == "This is settled already."


def test_different_people_of_a_linked_contact_unlinks_it(viewer: Client, marina: ObservedContact) -> None:
    link(marina, person=31)
    answer(viewer, pair(marina), "different")
    assert list(Wish.objects.values_list("kind", "person_id")) == [("unlink", 31)]
    assert Suggestion.objects.get().state == "different"


def test_same_person_of_a_held_contact_asks_for_the_link(viewer: Client, marina: ObservedContact) -> None:
    refused_step(marina, "KRAYIN_DUPLICATE", kind="create_person")
    answer(viewer, pair(marina), "same")
    assert list(Wish.objects.values_list("kind", "person_id", "state")) == [("link", 31, "open")]
    assert Suggestion.objects.get().state == "same"


def test_same_person_of_a_contact_with_its_own_lists_what_to_do_in_krayin(
    viewer: Client, marina: ObservedContact
) -> None:
    link(marina, person=40, lead=80)
    row = pair(marina, evidence="merged_in_chatwoot")
    assert "Join them in Krayin, by hand" not in main_of(viewer.get(page(row)))
    answer(viewer, row, "same")
    assert not Wish.objects.exists()
    text = main_of(viewer.get(page(row)))
    assert "Open person 31 in Krayin and give each of its opportunities to person 40." in text
    assert "a person with opportunities must not be deleted" in text


def test_a_shared_phone_asks_for_an_own_opportunity_on_the_person(viewer: Client, marina: ObservedContact) -> None:
    answer(viewer, pair(marina), "shared")
    assert set(Wish.objects.values_list("kind", "person_id", "lead_number")) == {
        ("opportunity", None, 1),
        ("link", 31, None),
    }
    assert ContactPoint.objects.get(kind="phone").is_shared
    assert Suggestion.objects.get().state == "shared"


@pytest.mark.parametrize("posted", ["", "maybe", "SAME"])
def test_an_answer_nobody_offered_is_404(viewer: Client, marina: ObservedContact, posted: str) -> None:
    row = pair(marina)
    assert answer(viewer, row, posted).status_code == 404
    assert viewer.get(reverse("admin:bridge_suggestion_decide", args=[row.pk])).status_code == 404
    assert Suggestion.objects.get().state == "open"


def test_a_blocked_person_is_left_alone(viewer: Client, marina: ObservedContact) -> None:
    marina.subject.blocked_at = timezone.now()
    marina.subject.save()
    row = pair(marina)
    for what in ("same", "different", "shared"):
        assert said(answer(viewer, row, what))[-1] == (
            "This person's data are blocked: nothing may be changed or sent."
        )
    assert Suggestion.objects.get().state == "open"
    assert not Wish.objects.exists()


# What follows in Krayin -----------------------------------------------------------------------------------------------


def held_back(bridge: Bridge, *, crm_phone: str = "+5511987654321") -> Suggestion:
    """Carlos is in Krayin; Ana writes from the same phone and is held for a decision."""
    client, _pace = krayin_client(bridge.connection)
    carlos = client.person_create(PersonDraft(name="Carlos Pereira", emails=(), phones=(Labelled(crm_phone),))).id
    client.lead_create(LeadDraft(title="Implante", stage_id=1, person_id=carlos, source_id=1, type_id=1))
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511987654321")
    bridge.deliver(deliveries)
    bridge.settle()
    assert bridge.crm["counts"]["leads"] == 1
    return Suggestion.objects.select_related("contact__connection").get()


def manager(bridge: Bridge) -> Actor:
    return Actor.staff(user(Role.CLINIC_MANAGER, bridge.connection.clinic))


@LIVE
def test_the_same_person_goes_on_at_its_opportunity(bridge: Bridge) -> None:
    actions.same_person(held_back(bridge), manager(bridge))
    bridge.settle()
    crm = bridge.crm
    assert crm["counts"]["persons"] == 1
    assert [lead["title"] for lead in crm["leads"]] == ["Implante"]
    assert len(crm["notes"]) == 1
    assert ContactMapping.objects.get().found_by == "manual"
    assert Suggestion.objects.get().state == "same"


@LIVE
def test_a_shared_phone_gets_an_own_opportunity_and_no_field_is_carried(bridge: Bridge) -> None:
    row = held_back(bridge)
    actions.shared_phone(row, manager(bridge))
    bridge.settle()
    crm = bridge.crm
    assert crm["counts"]["persons"] == 1
    assert len(crm["leads"]) == 2
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(row.contact.chatwoot_contact_id, name="Ana Souza", email="ana@exemplo.com.br")
    bridge.deliver(deliveries)
    bridge.settle()
    [person] = bridge.crm["persons"]
    assert person["name"] == "Carlos Pereira"
    assert person["emails"] == []
    assert Suggestion.objects.get().state == "shared"


@LIVE
def test_different_people_become_two_and_the_pair_is_never_asked_again(bridge: Bridge) -> None:
    row = held_back(bridge, crm_phone="(11) 98765-4321")
    actions.different_people(row, manager(bridge))
    bridge.settle()
    crm = bridge.crm
    assert sorted(person["name"] for person in crm["persons"]) == ["Ana Lima", "Carlos Pereira"]
    assert len(crm["leads"]) == 2
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(row.contact.chatwoot_contact_id, email="ana@exemplo.com.br")
    bridge.deliver(deliveries)
    bridge.settle()
    assert list(Suggestion.objects.values_list("state", flat=True)) == ["different"]
    assert not Effect.objects.filter(state="rejected").exists()


@LIVE
def test_nothing_joins_before_somebody_answers(bridge: Bridge) -> None:
    held_back(bridge)
    bridge.settle()
    assert bridge.crm["counts"]["persons"] == 1
    assert bridge.crm["counts"]["notes"] == 0
    assert not ContactMapping.objects.exists()
