"""B1: one box finds a person by phone, e-mail or conversation number, and one time line tells what became of them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import (
    CONVERSATION,
    EMAIL,
    NAME,
    PHONE,
    away,
    clinic,
    connection,
    contact,
    conversation,
    event,
    lane,
    link,
    parked_event,
    refused_step,
    signed_in,
    stage_change,
    step,
)

from audit.models import AuditLog
from bridge.clients.shapes import PersonDraft
from bridge.models import Connection, Lane, ObservedContact, Suggestion, SyncedObject, WebhookEvent, Wish
from bridge.sync.partners import krayin_client
from consent.models import ConsentRecord
from consent.roles import Role
from screens.pages import main_of, said
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("in_english")]

LIVE = pytest.mark.django_db(transaction=True, databases="__all__")

TRACE = reverse("admin:bridge_trace")
SYNC = reverse("admin:bridge_trace_sync_now")


def story_of(person: ObservedContact, query: str = "") -> str:
    return reverse("admin:bridge_observedcontact_change", args=[person.pk]) + query


def search(client: Client, text: str) -> HttpResponse:
    return client.post(TRACE, {"q": text})


def searches() -> list[AuditLog]:
    return list(AuditLog.objects.using("audit").filter(action="search"))


# Searching ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [PHONE, "(11) 98765-4321", "11987654321", "+55 11 8765-4321", EMAIL, EMAIL.upper(), f"  {EMAIL} "],
)
def test_a_phone_or_e_mail_opens_the_person(viewer: Client, marina: ObservedContact, typed: str) -> None:
    response = search(viewer, typed)
    assert response["Location"] == story_of(marina)
    assert viewer.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("typed", ["1287", "#1287", "https://chat.exemplo.com.br/app/accounts/3/conversations/1287"])
def test_a_conversation_number_or_address_opens_that_conversation(
    viewer: Client, marina: ObservedContact, typed: str
) -> None:
    assert search(viewer, typed)["Location"] == story_of(marina, "?conversation=1287")


def test_no_address_holds_what_was_typed(viewer: Client, marina: ObservedContact) -> None:
    for typed in (PHONE, EMAIL):
        address = search(viewer, typed)["Location"]
        assert "8765" not in address
        assert "exemplo" not in address
    asked_by_address = viewer.get(TRACE, {"q": PHONE})
    assert asked_by_address.status_code == 200
    assert marina.mask not in main_of(asked_by_address)


def test_each_search_leaves_one_row_without_the_text(viewer: Client, marina: ObservedContact) -> None:
    search(viewer, EMAIL)
    [row] = searches()
    assert (row.fields, row.subject, row.clinic_id) == (
        ["email"],
        marina.subject.pseudonym,
        marina.connection.clinic_id,
    )
    assert row.reason_code == "found"
    assert EMAIL not in str(vars(row))
    search(viewer, "(21) 3333-4444")
    assert [(row.subject, row.reason_code) for row in searches()[:1]] == [(None, "nothing_found")]


def test_looking_at_a_person_leaves_no_row(viewer: Client, marina: ObservedContact) -> None:
    before = AuditLog.objects.count()
    viewer.get(story_of(marina))
    viewer.get(TRACE)
    assert AuditLog.objects.count() == before


def test_nothing_found_says_what_was_searched(viewer: Client, marina: ObservedContact) -> None:
    text = main_of(search(viewer, "21999998888"))
    assert "Nothing found. Searched exactly as: phone, conversation number." in text


@pytest.mark.parametrize("typed", ["Maria", "12-34", "4321", "@", "9" * 300])
def test_a_part_of_a_phone_or_name_finds_nobody(viewer: Client, marina: ObservedContact, typed: str) -> None:
    response = search(viewer, typed)
    assert response.status_code == 200
    assert marina.mask not in main_of(response)


def test_what_is_no_identifier_is_not_searched(viewer: Client) -> None:
    assert "nothing was searched" in main_of(search(viewer, "dona Maria"))
    assert searches() == []


def test_several_people_with_one_phone_are_listed_by_mask(viewer: Client, here: Connection) -> None:
    people = [contact(here, name=name) for name in ("Marina Serra", "Otávio Serra")]
    text = main_of(search(viewer, PHONE))
    assert "2 results" in text
    assert all(person.mask in text for person in people)
    assert {row.subject for row in searches()} == {person.subject.pseudonym for person in people}


def test_another_clinics_people_are_not_found(viewer: Client) -> None:
    stranger = contact(connection(clinic("Clínica Lua")), email=EMAIL)
    conversation(stranger)
    for typed in (PHONE, EMAIL, str(CONVERSATION)):
        assert "Nothing found." in main_of(search(viewer, typed))
    assert viewer.get(story_of(stranger)).status_code == 404


# Telling --------------------------------------------------------------------------------------------------------------


def test_the_header_shows_mask_links_flags_and_no_name(viewer: Client, marina: ObservedContact) -> None:
    link(marina, person=31, lead=71)
    marina.subject.has_hold = marina.subject.is_minor = True
    marina.subject.save()
    response = viewer.get(story_of(marina, "?conversation=1287"))
    content, text = response.content.decode(), main_of(response)
    krayin = marina.connection.krayin.base_url
    for address in (
        f"{krayin}/admin/leads/view/71",
        f"{krayin}/admin/contacts/persons/view/31",
        "https://chat.exemplo.com.br/app/accounts/3/conversations/1287",
        f"https://chat.exemplo.com.br/app/accounts/3/contacts/{marina.chatwoot_contact_id}",
    ):
        assert f'href="{address}"' in content
    assert marina.mask in text
    assert "minor legal hold no consent to marketing" in text
    for personal in (NAME, "Marina", PHONE, EMAIL):
        assert personal not in content


def test_consent_to_marketing_takes_the_flag_away(viewer: Client, marina: ObservedContact) -> None:
    ConsentRecord.objects.create(
        subject=marina.subject, consent_type="marketing", status="granted", granted_at=timezone.now(),
        consent_text="…", consent_version="1",
    )  # fmt: skip
    text = main_of(viewer.get(story_of(marina)))
    assert "no consent to marketing" not in text
    assert "Consent: Marketing, Granted" in text


def test_the_time_line_joins_both_systems_newest_first(viewer: Client, marina: ObservedContact) -> None:
    now = timezone.now()
    event(
        marina.connection, lane_key=lane(marina), conversation_id=CONVERSATION, received_at=now - timedelta(minutes=9)
    )
    step(marina, kind="create_lead", foreign_id=71, sent_at=now - timedelta(minutes=8),
         confirmed_at=now - timedelta(minutes=7))  # fmt: skip
    link(marina, lead=71)
    stage_change(marina.connection, lead=71, created_at=now - timedelta(minutes=3))
    refused_step(marina, kind="create_note")
    text = main_of(viewer.get(story_of(marina)))
    order = ["Stopped:", "stage from Novo to Contatado", "Opportunity 71 created", "Received: message written"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "began in the inbox «WhatsApp Recepção»" in text


@pytest.mark.parametrize(
    ("query", "seen", "hidden"),
    [
        ("?only=problems", "Write the note", "Opportunity 71 created"),
        ("?system=krayin", "Opportunity 71 created", "Received: message written"),
        ("?system=chatwoot", "Received: message written", "Opportunity 71 created"),
    ],
)
def test_filters_narrow_the_time_line(
    viewer: Client, marina: ObservedContact, query: str, seen: str, hidden: str
) -> None:
    event(marina.connection, lane_key=lane(marina), conversation_id=CONVERSATION)
    step(marina, foreign_id=71)
    refused_step(marina, kind="create_note")
    text = main_of(viewer.get(story_of(marina, query)))
    assert seen in text
    assert hidden not in text


def waiting(person: ObservedContact) -> None:
    step(person, "intended")


def partner_away(person: ObservedContact) -> None:
    step(person, "intended")
    away(person.connection)


def blocked(person: ObservedContact) -> None:
    person.subject.blocked_at = timezone.now()
    person.subject.save()


def held(person: ObservedContact) -> None:
    refused_step(person, "KRAYIN_DUPLICATE")
    Suggestion.objects.create(connection=person.connection, contact=person, krayin_person_id=9, evidence="phone:x")


def paused(person: ObservedContact) -> None:
    step(person, "intended")
    Connection.objects.filter(pk=person.connection_id).update(state="paused")


@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (link, "In step since"),
        (waiting, "1 step waits for Krayin"),
        (partner_away, "Krayin does not answer. Nothing is lost; we try again by ourselves. Next try at"),
        (refused_step, "Stopped: Krayin refused a field."),
        (held, "Waiting for a decision: perhaps this person already exists in Krayin."),
        (blocked, "Not sent: the titular is blocked."),
        (paused, "Kept: the connection is paused and writes nothing."),
    ],
)
def test_one_sentence_says_how_it_stands(
    viewer: Client, marina: ObservedContact, arrange: Callable[[ObservedContact], object], sentence: str
) -> None:
    arrange(marina)
    assert sentence in main_of(viewer.get(story_of(marina)))


def test_what_is_stopped_leads_to_its_group(viewer: Client, marina: ObservedContact) -> None:
    refused_step(marina)
    group = reverse("admin:bridge_failedwebhook_group", args=[marina.connection_id, "KRAYIN_REJECTED"])
    assert f'href="{group}"' in viewer.get(story_of(marina)).content.decode()


def test_a_foreign_inbox_is_said(viewer: Client, here: Connection) -> None:
    person = contact(here)
    conversation(person, inbox_id=99)
    assert "Not sent: the inbox is not in the connection's list." in main_of(viewer.get(story_of(person)))


def test_a_conversation_that_nobody_read_yet_is_told(viewer: Client, here: Connection) -> None:
    event(here, status="received", conversation_id=4711)
    response = search(viewer, "4711")
    text = main_of(viewer.get(response["Location"]))
    assert "Received; waiting to be read." in text
    assert "conversation 4711" in text
    assert searches()[0].clinic_id == here.clinic_id


def test_a_stopped_event_is_told(viewer: Client, here: Connection) -> None:
    parked_event(here, conversation_id=4712)
    text = main_of(viewer.get(search(viewer, "4712")["Location"]))
    assert "Received and stopped: The event could not be read" in text


def test_conversations_of_one_person_are_told_apart(viewer: Client, marina: ObservedContact) -> None:
    conversation(marina, 1300)
    whole = main_of(viewer.get(story_of(marina)))
    one = main_of(viewer.get(story_of(marina, "?conversation=1300")))
    assert "Conversation 1287 began" in whole
    assert "Conversation 1300 began" in whole
    assert "Conversation 1287 began" not in one
    assert viewer.get(story_of(marina, "?conversation=5")).status_code == 404


# Acting ---------------------------------------------------------------------------------------------------------------


def test_sync_now_makes_the_lane_due_and_is_audited(viewer: Client, marina: ObservedContact) -> None:
    response = viewer.post(SYNC, {"contact": str(marina.pk)})
    assert response["Location"] == story_of(marina)
    assert said(response) == [f"{marina.mask} is looked at again now."]
    row = Lane.objects.get(lane_key=lane(marina))
    assert row.dirty > row.clean_to
    assert AuditLog.objects.filter(action="hand.sync", clinic_id=marina.connection.clinic_id).count() == 1


@pytest.mark.parametrize("posted", [{}, {"contact": "x"}, {"contact": "00000000-0000-0000-0000-000000000000"}])
def test_sync_now_of_nobody_is_404(viewer: Client, posted: dict[str, str]) -> None:
    assert viewer.post(SYNC, posted).status_code == 404
    assert viewer.get(SYNC).status_code == 404


def test_supervisors_trace_but_do_not_act(here: Connection, marina: ObservedContact) -> None:
    client = signed_in(Role.SUPERVISOR, here.clinic)
    response = client.get(search(client, PHONE)["Location"])
    assert marina.mask in main_of(response)
    assert SYNC not in response.content.decode()
    assert client.post(SYNC, {"contact": str(marina.pk)}).status_code == 404
    assert not Lane.objects.exists()


def test_old_events_are_cut_and_said(viewer: Client, marina: ObservedContact) -> None:
    now = timezone.now()
    rows = [
        WebhookEvent(connection=marina.connection, event_type="message_created", lane_key=lane(marina), arrived_at=now,
                     verification="signed", status="observed", received_at=now)
        for _ in range(401)
    ]  # fmt: skip
    WebhookEvent.objects.bulk_create(rows)
    text = main_of(viewer.get(story_of(marina)))
    assert "Only the most recent part is shown." in text
    assert "message written ×400" in text


# By hand, in the time line --------------------------------------------------------------------------------------------


def asked(of: ObservedContact, kind: str, state: str = "open", **fields: object) -> Wish:
    return Wish.objects.create(
        connection=of.connection, contact=of, kind=kind, state=state, via="screen", asked_by_ref="7", **fields
    )


def test_what_people_did_by_hand_is_in_the_time_line(viewer: Client, marina: ObservedContact) -> None:
    asked(marina, "link", "refused", lead_id=88, reason="other_person")
    asked(marina, "stage", "done", stage_id=1)
    text = main_of(viewer.get(story_of(marina)))
    assert "By hand: link · opportunity 88" in text
    assert "The opportunity belongs to another person in Krayin." in text
    assert "By hand: change the stage → Novo" in text


def test_calls_and_their_duration_are_in_the_time_line(viewer: Client, marina: ObservedContact) -> None:
    now = timezone.now()
    step(marina, foreign_id=71, sent_at=now - timedelta(seconds=2.5), confirmed_at=now, calls=2)
    assert "2 calls · 2.5 s" in main_of(viewer.get(story_of(marina)))


@pytest.mark.parametrize(
    ("query", "seen", "hidden"),
    [
        ("?kind=hand", "By hand: link", "Opportunity 71 created"),
        ("?kind=sent", "Opportunity 71 created", "By hand: link · opportunity"),
        ("?kind=stage", "stage from Novo to Contatado", "Opportunity 71 created"),
        ("?kind=sent&only=problems", "Write the note", "Opportunity 71 created"),
        ("?kind=nonsense", "Opportunity 71 created", "Nothing with this filter."),
    ],
)
def test_kind_system_and_problems_combine(
    viewer: Client, marina: ObservedContact, query: str, seen: str, hidden: str
) -> None:
    link(marina, lead=71)
    step(marina, foreign_id=71)
    refused_step(marina, kind="create_note")
    stage_change(marina.connection, lead=71)
    asked(marina, "link", "refused", lead_id=88, reason="other_person")
    text = main_of(viewer.get(story_of(marina, query)))
    assert seen in text
    assert hidden not in text


def test_filters_keep_each_other(viewer: Client, marina: ObservedContact) -> None:
    content = viewer.get(story_of(marina, "?kind=hand&conversation=1287")).content.decode()
    assert "?conversation=1287&amp;kind=hand&amp;system=krayin" in content


def test_a_conversation_is_kept_back_after_a_question_and_sent_again(viewer: Client, marina: ObservedContact) -> None:
    address = reverse("admin:bridge_observedcontact_keep_back", args=[marina.pk])
    question = main_of(viewer.get(f"{address}?conversation=1287"))
    assert "no note, no stage. What is there already stays." in question
    assert not Wish.objects.exists()
    viewer.post(address, {"conversation": "1287"})
    assert list(Wish.objects.values_list("kind", "state")) == [("keep_back", "open")]
    assert "Send this conversation again" in main_of(viewer.get(story_of(marina)))
    viewer.post(address, {"conversation": "1287"})
    assert list(Wish.objects.values_list("kind", "state")) == [("keep_back", "withdrawn")]


@pytest.mark.parametrize("number", ["", "x", "4711", "9" * 30])
def test_a_conversation_of_somebody_else_is_404(viewer: Client, marina: ObservedContact, number: str) -> None:
    address = reverse("admin:bridge_observedcontact_keep_back", args=[marina.pk])
    assert viewer.post(address, {"conversation": number}).status_code == 404
    assert not Wish.objects.exists()


# Comparing ------------------------------------------------------------------------------------------------------------


def test_looking_at_a_person_never_compares(viewer: Client, marina: ObservedContact) -> None:
    assert viewer.get(reverse("admin:bridge_observedcontact_compare", args=[marina.pk])).status_code == 404


@pytest.mark.parametrize("choice", ["", "name", "name:somebody", "company:krayin"])
def test_a_side_nobody_offered_is_404(viewer: Client, marina: ObservedContact, choice: str) -> None:
    address = reverse("admin:bridge_observedcontact_choose", args=[marina.pk])
    assert viewer.post(address, {"choice": choice}).status_code == 404


def written(bridge: Bridge) -> tuple[Client, ObservedContact]:
    """Ana is on both sides; somebody gave her another name in Krayin."""
    client = signed_in(Role.CLINIC_MANAGER, bridge.connection.clinic)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.settle()
    crm, _pace = krayin_client(bridge.connection)
    [person] = crm.persons_by_ids([1])
    crm.person_update(1, PersonDraft(name="Bia Rocha", emails=person.emails, phones=person.phones))
    return client, ObservedContact.objects.get()


def compare(client: Client, of: ObservedContact) -> HttpResponse:
    return client.post(reverse("admin:bridge_observedcontact_compare", args=[of.pk]))


def choose(client: Client, of: ObservedContact, choice: str) -> str:
    answer = client.post(reverse("admin:bridge_observedcontact_choose", args=[of.pk]), {"choice": choice})
    return said(answer)[-1]


@LIVE
def test_comparing_shows_both_sides_by_mask_and_what_it_cost(bridge: Bridge) -> None:
    client, ana = written(bridge)
    before = bridge.calls()
    response = compare(client, ana)
    assert bridge.calls() == before + 2
    text = main_of(response)
    assert "1 thing differs." in text
    assert "asked both partners just now: 3 calls" in text
    assert "name A.L. B.R. changed in Krayin different" in text
    assert "phone ·0021 ·0021 as last written equal" in text
    assert "Take the one of Chatwoot" in text
    assert "Take the one of Krayin" not in text
    for personal in ("Ana", "Lima", "Bia", "Rocha", "900000021"):
        assert personal not in response.content.decode()


@LIVE
def test_the_side_of_chatwoot_is_written_to_krayin_by_the_lane(bridge: Bridge) -> None:
    client, ana = written(bridge)
    compare(client, ana)
    bridge.settle()
    assert bridge.crm["persons"][0]["name"] == "Bia Rocha"
    assert "name is taken over from Chatwoot in a moment" in choose(client, ana, "name:chatwoot")
    assert bridge.crm["persons"][0]["name"] == "Bia Rocha"
    bridge.settle()
    assert bridge.crm["persons"][0]["name"] == "Ana Lima"
    assert "Both sides are equal." in main_of(compare(client, ana))
    rows = AuditLog.objects.using("audit").filter(action="hand.choose_side")
    assert [(row.fields, row.reason_code) for row in rows] == [(["name"], "chatwoot")]


@LIVE
def test_the_side_of_krayin_needs_the_way_back(bridge: Bridge) -> None:
    client, ana = written(bridge)
    compare(client, ana)
    assert (
        choose(client, ana, "name:krayin") == "This connection writes nothing to Chatwoot: correct the contact there."
    )
    base = SyncedObject.objects.get(kind="person").base
    assert choose(client, ana, "phone:chatwoot") == "This is settled already."
    assert SyncedObject.objects.get(kind="person").base == base


@LIVE
def test_a_partner_that_is_away_is_said_and_nothing_changes(bridge: Bridge) -> None:
    client, ana = written(bridge)
    bridge.fault("down")
    answer = compare(client, ana)
    assert answer["Location"] == story_of(ana)
    assert said(answer) == ["Krayin does not answer: try again later."]


@LIVE
def test_a_person_deleted_in_krayin_is_said(bridge: Bridge) -> None:
    client, ana = written(bridge)
    crm, _pace = krayin_client(bridge.connection)
    crm.lead_delete(1)
    crm.person_delete(1)
    assert "Somebody deleted the person in Krayin." in main_of(compare(client, ana))
