"""B3, B5, B7: lists of masks and numbers, filters over bounded periods, details, and reading again what stopped."""

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
    connection,
    contact,
    event,
    lane,
    link,
    parked_event,
    refused_step,
    stage_change,
    step,
)

from audit.models import AuditLog
from bridge.models import (
    Connection,
    ContactMapping,
    IntakeCounter,
    ObservedContact,
    StageChangeLog,
    SyncedObject,
    WebhookEvent,
)
from screens.pages import main_of, said

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

EVENTS = reverse("admin:bridge_webhookevent_changelist")
LINKS = reverse("admin:bridge_contactmapping_changelist")
STAGES = reverse("admin:bridge_stagechangelog_changelist")
READ_AGAIN = reverse("admin:bridge_webhookevent_read_again")


def opened(client: Client, address: str) -> HttpResponse:
    response = client.get(address)
    assert response.status_code == 200
    return response


def rows(client: Client, address: str) -> set[object]:
    return {row.pk for row in opened(client, address).context["cl"].result_list}


def detail(row: WebhookEvent | ContactMapping | StageChangeLog) -> str:
    return reverse(f"admin:bridge_{row._meta.model_name}_change", args=[row.pk])


# Received events ------------------------------------------------------------------------------------------------------


def test_events_are_those_of_the_last_day_unless_asked_otherwise(viewer: Client, here: Connection) -> None:
    today = event(here)
    older = event(here, received_at=timezone.now() - timedelta(days=3))
    assert rows(viewer, EVENTS) == {today.pk}
    assert rows(viewer, f"{EVENTS}?days=7") == {today.pk, older.pk}


@pytest.mark.parametrize(
    ("query", "kept"),
    [("status__exact=parked", "parked"), ("type=contact_created", "contact"), ("type=krayin", "hint"),
     ("arrived_by__exact=poll", "polled")],
)  # fmt: skip
def test_events_are_filtered(viewer: Client, here: Connection, query: str, kept: str) -> None:
    made = {
        "parked": parked_event(here),
        "contact": event(here, event_type="contact_created"),
        "hint": event(here, event_type="krayin:lead.update"),
        "polled": event(here, arrived_by="poll"),
    }
    assert rows(viewer, f"{EVENTS}?{query}") == {made[kept].pk}


def test_events_are_filtered_by_connection(viewer: Client, here: Connection) -> None:
    other = connection(here.clinic, name="Odonto")
    event(here)
    wanted = event(other)
    assert rows(viewer, f"{EVENTS}?connection={other.pk}") == {wanted.pk}


def test_the_top_says_whether_anything_waits_and_what_left_no_event(viewer: Client, here: Connection) -> None:
    parked = parked_event(here)
    event(here, status="received")
    IntakeCounter.objects.create(connection=here, hour=parked.received_at, reason="signature wrong", count=12)
    text = main_of(opened(viewer, EVENTS))
    assert "1 waiting to be read · 1 stopped." in text
    assert "wrong signature: 12" in text


def test_an_event_tells_what_became_of_it(viewer: Client, marina: ObservedContact) -> None:
    row = event(marina.connection, lane_key=lane(marina), conversation_id=CONVERSATION)
    step(marina, foreign_id=71)
    refused_step(marina, kind="create_note")
    text = main_of(opened(viewer, detail(row)))
    assert "Opportunity 71 created" in text
    assert "Krayin refused a field." in text
    assert "signed" in text
    link_to_trace = reverse("admin:bridge_observedcontact_change", args=[marina.pk])
    assert link_to_trace in opened(viewer, detail(row)).content.decode()


def test_a_stopped_event_is_read_again_after_a_question(viewer: Client, here: Connection) -> None:
    row = parked_event(here)
    asked = viewer.post(READ_AGAIN, {"event": row.pk})
    assert "1 event will be read again." in main_of(asked)
    assert WebhookEvent.objects.get(pk=row.pk).status == "parked"
    done = viewer.post(READ_AGAIN, {"event": row.pk, "confirmed": "1"})
    assert said(done) == ["1 event will be read again."]
    assert WebhookEvent.objects.get(pk=row.pk).status == "received"
    assert AuditLog.objects.filter(action="replay", clinic_id=here.clinic_id).count() == 1


def test_the_list_action_reaches_only_what_was_ticked(viewer: Client, here: Connection) -> None:
    ticked, other = parked_event(here), parked_event(here)
    data = {"action": "read_again", "_selected_action": [ticked.pk], "select_across": "1"}
    asked = viewer.post(EVENTS, data)
    assert list(asked.context["events"]) == [ticked.pk]
    assert WebhookEvent.objects.filter(status="parked").count() == 2
    assert other.status == "parked"


def test_an_event_without_body_cannot_be_read_again(viewer: Client, here: Connection) -> None:
    row = parked_event(here, has_body=False)
    assert "its body is no longer kept" in main_of(opened(viewer, detail(row)))
    viewer.post(READ_AGAIN, {"event": row.pk, "confirmed": "1"})
    assert WebhookEvent.objects.get(pk=row.pk).status == "parked"


def test_reading_again_needs_a_post(viewer: Client, here: Connection) -> None:
    row = parked_event(here)
    assert viewer.get(f"{READ_AGAIN}?event={row.pk}&confirmed=1")["Location"] == EVENTS
    assert WebhookEvent.objects.get(pk=row.pk).status == "parked"


# Links ----------------------------------------------------------------------------------------------------------------


def test_a_link_shows_mask_numbers_and_addresses(viewer: Client, marina: ObservedContact) -> None:
    row = link(marina, person=31, lead=71, conversations=[1287, 1300])
    for address in (LINKS, detail(row)):
        content = opened(viewer, address).content.decode()
        assert marina.mask in content
        assert f"{marina.connection.krayin.base_url}/admin/leads/view/71" in content
        assert f"{marina.connection.krayin.base_url}/admin/contacts/persons/view/31" in content
        for personal in (NAME, "Marina", PHONE, EMAIL):
            assert personal not in content
    text = main_of(opened(viewer, detail(row)))
    assert "Novo" in text
    assert "1300" in text


@pytest.mark.parametrize("column", ["chatwoot_contact_id", "krayin_person_id", "krayin_lead_id"])
def test_links_are_found_by_each_of_their_numbers(viewer: Client, marina: ObservedContact, column: str) -> None:
    row = link(marina, person=9031, lead=9071)
    link(contact(marina.connection, phone="+5511987650000"), person=9032, lead=9072)
    assert rows(viewer, f"{LINKS}?q={getattr(row, column)}") == {row.pk}
    assert rows(viewer, f"{LINKS}?q=90") == set()
    assert rows(viewer, f"{LINKS}?q=marina") == set()


def test_links_without_opportunity_are_filtered(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    bare = ContactMapping.objects.create(connection=marina.connection, chatwoot_contact_id=77, krayin_person_id=32)
    assert rows(viewer, f"{LINKS}?only=none") == {bare.pk}


def test_an_opportunity_deleted_in_krayin_is_said(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    SyncedObject.objects.filter(kind="lead").update(gone_at=timezone.now())
    assert "deleted in Krayin" in main_of(opened(viewer, LINKS))


# Stage changes --------------------------------------------------------------------------------------------------------


def test_what_moved_and_what_did_not_are_two_views(viewer: Client, here: Connection) -> None:
    moved = stage_change(here)
    kept = stage_change(here, result="closed")
    assert rows(viewer, STAGES) == {moved.pk}
    assert rows(viewer, f"{STAGES}?view=not_moved") == {kept.pk}
    assert "not moved: won or lost" in main_of(opened(viewer, f"{STAGES}?view=not_moved"))


def test_a_stage_change_tells_rule_and_history(viewer: Client, here: Connection) -> None:
    first = stage_change(here, rule="stage_on_conversation_created", created_at=timezone.now() - timedelta(days=1))
    stage_change(here, previous_stage="Contatado", new_stage="Ganho", trigger_source="manual")
    stage_change(here, lead=72, new_stage="Alheio")
    text = main_of(opened(viewer, detail(first)))
    assert "rule: conversation started" in text
    assert "Ganho" in text
    assert "Alheio" not in text


# All of them ----------------------------------------------------------------------------------------------------------


def test_a_list_opens_nothing_and_leaves_no_row(viewer: Client, marina: ObservedContact) -> None:
    link(marina)
    parked_event(marina.connection)
    stage_change(marina.connection)
    before = AuditLog.objects.count()
    for address in (EVENTS, LINKS, STAGES):
        assert len(rows(viewer, address)) == 1
    assert AuditLog.objects.count() == before


@pytest.mark.parametrize("address", [EVENTS, LINKS, STAGES])
def test_an_empty_list_says_what_fills_it(viewer: Client, address: str) -> None:
    response = opened(viewer, address)
    assert len(response.context["cl"].result_list) == 0
    assert str(response.context["cl"].model_admin.empty_text) in main_of(response)


@pytest.mark.parametrize("name", ["webhookevent", "contactmapping", "stagechangelog"])
def test_nobody_adds_changes_or_deletes_what_happened(viewer: Client, marina: ObservedContact, name: str) -> None:
    made = {
        "webhookevent": event(marina.connection),
        "contactmapping": link(marina),
        "stagechangelog": stage_change(marina.connection),
    }[name]
    before = type(made).objects.values().get()
    assert viewer.post(reverse(f"admin:bridge_{name}_add"), {}).status_code == 403
    assert viewer.post(reverse(f"admin:bridge_{name}_delete", args=[made.pk]), {"post": "yes"}).status_code == 403
    viewer.post(detail(made), {"cause": "x", "krayin_lead_id": "5", "new_stage": "Ganho"})
    assert type(made).objects.values().get() == before
