"""B5: which contact is which person; what needs somebody is found; linking and unlinking say what happens."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, contact, lane, link, signed_in

from audit.models import AuditLog
from bridge.models import ContactMapping, Lane, ObservedContact, Suggestion, SyncedObject, Wish
from consent.models import ContactPoint
from consent.roles import Role
from screens.pages import main_of, said

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LINKS = reverse("admin:bridge_contactmapping_changelist")


def rows(client: Client, query: str = "") -> set[object]:
    response = client.get(LINKS + query)
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


def page(what: str, person: ObservedContact) -> str:
    return reverse(f"admin:bridge_observedcontact_{what}", args=[person.pk])


def second_lead(person: ObservedContact, **fields: object) -> None:
    ref = f"ponte-{person.connection.ref_code}-c{person.chatwoot_contact_id}-l2"
    SyncedObject.objects.create(
        connection=person.connection, krayin=person.connection.krayin, lane_key=lane(person), kind="lead", ref=ref,
        foreign_id=99, **fields,
    )  # fmt: skip


# Filters --------------------------------------------------------------------------------------------------------------


def without_opportunity(row: ContactMapping, person: ObservedContact) -> None:
    ContactMapping.objects.filter(pk=row.pk).update(krayin_lead_id=None)


def several(row: ContactMapping, person: ObservedContact) -> None:
    second_lead(person)


def person_gone(row: ContactMapping, person: ObservedContact) -> None:
    SyncedObject.objects.filter(kind="person", foreign_id=row.krayin_person_id).update(gone_at=timezone.now())


def contact_gone(row: ContactMapping, person: ObservedContact) -> None:
    ObservedContact.objects.filter(pk=person.pk).update(gone_at=timezone.now())


def by_hand(row: ContactMapping, person: ObservedContact) -> None:
    ContactMapping.objects.filter(pk=row.pk).update(found_by="manual")


def phone_shared(row: ContactMapping, person: ObservedContact) -> None:
    ContactPoint.objects.filter(subject=person.subject, kind="phone").update(is_shared=True)


def called_shared(row: ContactMapping, person: ObservedContact) -> None:
    Suggestion.objects.create(
        connection=person.connection, contact=person, krayin_person_id=31, evidence="phone:another_name", state="shared"
    )


@pytest.mark.parametrize(
    ("only", "arrange"),
    [("none", without_opportunity), ("several", several), ("gone", person_gone), ("gone", contact_gone),
     ("hand", by_hand), ("shared", phone_shared), ("shared", called_shared)],
)  # fmt: skip
def test_what_may_need_somebody_is_filtered(
    viewer: Client,
    marina: ObservedContact,
    only: str,
    arrange: Callable[[ContactMapping, ObservedContact], None],
) -> None:
    row = link(marina, person=31, lead=71)
    link(contact(marina.connection, phone="+5511987650000"), person=32, lead=72)
    assert rows(viewer, f"?only={only}") == set()
    arrange(row, marina)
    assert rows(viewer, f"?only={only}") == {row.pk}


def test_contacts_with_one_person_share_it(viewer: Client, marina: ObservedContact) -> None:
    first = link(marina, person=31, lead=71)
    other = contact(marina.connection, name="Otávio Serra")
    second = ContactMapping.objects.create(
        connection=marina.connection, chatwoot_contact_id=other.chatwoot_contact_id, krayin_person_id=31
    )
    link(contact(marina.connection, phone="+5511987650000"), person=32, lead=72)
    assert rows(viewer, "?only=shared") == {first.pk, second.pk}


def test_an_opportunity_that_is_won_or_deleted_is_not_several(viewer: Client, marina: ObservedContact) -> None:
    link(marina, person=31, lead=71)
    second_lead(marina, closed_at=timezone.now())
    assert rows(viewer, "?only=several") == set()


def test_a_filter_nobody_knows_shows_everything(viewer: Client, marina: ObservedContact) -> None:
    row = link(marina)
    assert rows(viewer, "?only=x") == {row.pk}


# What is shown --------------------------------------------------------------------------------------------------------


def test_a_line_tells_how_it_was_found_and_the_age_of_the_stage(viewer: Client, marina: ObservedContact) -> None:
    row = link(marina, conversations=[1287, 1300])
    by_hand(row, marina)
    text = main_of(viewer.get(LINKS))
    assert "by hand" in text
    assert "Novo · 0 s ago" in text
    assert "Every linked contact has its person; nobody waits for a decision." in text


def test_who_waits_for_a_decision_is_named_on_top(viewer: Client, marina: ObservedContact) -> None:
    Wish.objects.create(
        connection=marina.connection, contact=marina, kind="unlink", state="held", person_id=31, via="panel"
    )
    response = viewer.get(LINKS)
    text = main_of(response)
    assert "1 contact was unlinked and waits until somebody says who it is." in text
    assert reverse("admin:bridge_observedcontact_change", args=[marina.pk]) in response.content.decode()


def test_a_link_offers_its_actions_to_who_may_act(viewer: Client, marina: ObservedContact) -> None:
    address = reverse("admin:bridge_contactmapping_change", args=[link(marina).pk])
    content = viewer.get(address).content.decode()
    for what in ("link", "unlink", "compare"):
        assert page(what, marina) in content
    looking = signed_in(Role.SUPERVISOR, marina.connection.clinic).get(address).content.decode()
    assert page("unlink", marina) not in looking


# Acting ---------------------------------------------------------------------------------------------------------------


def test_a_link_by_number_or_address_is_asked_for(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    krayin = marina.connection.krayin.base_url
    answer = viewer.post(page("link", marina), {"person": f"{krayin}/admin/contacts/persons/view/40", "lead": "80"})
    assert answer["Location"] == reverse("admin:bridge_observedcontact_change", args=[marina.pk])
    wishes = set(Wish.objects.values_list("kind", "state", "person_id", "lead_id", "via"))
    assert wishes == {("unlink", "open", 31, None, "screen"), ("link", "open", 40, 80, "screen")}
    assert AuditLog.objects.filter(action="hand.link", clinic_id=marina.connection.clinic_id).count() == 1


@pytest.mark.parametrize("typed", ["Maria", "-1", "1" * 30, "https://crm/admin/quotes/view/7", "３１"])
def test_what_is_no_number_links_nothing(viewer: Client, marina: ObservedContact, typed: str) -> None:
    link(marina)
    answer = viewer.post(page("link", marina), {"person": typed, "lead": ""})
    assert answer.status_code == 200
    assert said(answer) == ["This is no number or address of Krayin: nothing was done."]
    assert not Wish.objects.exists()


def test_an_empty_link_asks_again(viewer: Client, marina: ObservedContact) -> None:
    answer = viewer.post(page("link", marina), {})
    assert said(answer) == ["Say which person or opportunity of Krayin it is."]
    assert not Wish.objects.exists()


def test_a_person_of_another_clinic_is_refused(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    foreign = connection(clinic("Clínica Lua"), krayin=marina.connection.krayin)
    link(contact(foreign), person=50, lead=90)
    answer = viewer.post(page("link", marina), {"person": "50"})
    assert said(answer) == ["This record belongs to another clinic."]
    assert not Wish.objects.exists()


def test_unlinking_says_what_happens_to_the_notes_before(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    SyncedObject.objects.create(
        connection=marina.connection, krayin=marina.connection.krayin, lane_key=lane(marina), kind="note", ref="n",
        foreign_id=5,
    )  # fmt: skip
    text = main_of(viewer.get(page("unlink", marina)))
    assert "1 note already written stays at that opportunity until somebody deletes it in Krayin." in text
    assert "nothing is deleted there" in text
    assert not Wish.objects.exists()
    answer = viewer.post(page("unlink", marina))
    assert said(answer) == ["Asked for: the contact is unlinked and waits until somebody says who it is."]
    assert list(Wish.objects.values_list("kind", "person_id")) == [("unlink", 31)]
    assert not Suggestion.objects.exists()
    assert said(viewer.post(page("unlink", marina)))[-1] == "This was asked for already and is waiting for Krayin."


def test_not_this_person_is_remembered(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    viewer.post(page("unlink", marina), {"how": "never"})
    assert list(Suggestion.objects.values_list("krayin_person_id", "state")) == [(31, "different")]


def test_the_chosen_links_are_synced_and_the_others_not(viewer: Client, marina: ObservedContact) -> None:
    row = link(marina)
    other = contact(marina.connection, phone="+5511987650000")
    link(other, person=32, lead=72)
    answer = viewer.post(LINKS, {"action": "sync_chosen", "_selected_action": [row.pk], "select_across": "1"})
    assert said(answer) == ["1 contact is looked at again now."]
    assert set(Lane.objects.filter(dirty__gt=0).values_list("lane_key", flat=True)) == {lane(marina)}
    assert list(Wish.objects.values_list("kind", "contact")) == [("sync", marina.pk)]


def test_a_blocked_person_is_not_synced_and_said(viewer: Client, marina: ObservedContact) -> None:
    row = link(marina)
    marina.subject.blocked_at = timezone.now()
    marina.subject.save()
    answer = viewer.post(LINKS, {"action": "sync_chosen", "_selected_action": [row.pk]})
    assert said(answer) == [f"{marina.mask}: This person's data are blocked: nothing may be changed or sent."]
    assert not Wish.objects.exists()


@pytest.mark.parametrize("what", ["link", "unlink", "keep_back", "compare", "choose"])
def test_who_may_only_look_does_not_reach_the_actions(marina: ObservedContact, what: str) -> None:
    link(marina)
    client = signed_in(Role.SUPERVISOR, marina.connection.clinic)
    assert client.get(page(what, marina)).status_code == 404
    assert client.post(page(what, marina), {"person": "1", "choice": "name:krayin"}).status_code == 404
    assert not Wish.objects.exists()
