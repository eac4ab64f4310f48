"""B4: what arrived, what only polling brought, what differs; each number opens its list; looking now says its cost."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, event, lane, link, signed_in, stage_change, step

from audit.models import AuditLog
from bridge.models import Connection, Effect, EqualTitle, FieldFlip, FieldStop, ObservedContact, ReconcileDay
from consent.roles import Role
from screens.pages import main_of, said
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_reconcileday_changelist")
RUN = reverse("admin:bridge_reconcileday_run")
ZONE = ZoneInfo("America/Sao_Paulo")


def yesterday() -> date:
    return timezone.now().astimezone(ZONE).date() - timedelta(days=1)


def noon() -> datetime:
    return datetime.combine(yesterday(), time(12), tzinfo=ZONE)


def arrived(of: Connection, number: int, *ways: str, **fields: object) -> None:
    for way in ways:
        event(of, conversation_id=number, arrived_by=way, received_at=noon(), **fields)


def list_of(of: Connection, what: str, day: date | None = None) -> str:
    return reverse("admin:bridge_reconcileday_list", args=[of.pk, (day or yesterday()).isoformat(), what])


def opened(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return main_of(response)


# The answer -----------------------------------------------------------------------------------------------------------


def test_the_sentence_counts_conversations_not_events(viewer: Client, here: Connection) -> None:
    arrived(here, 1, "webhook", "webhook", "poll")
    arrived(here, 2, "poll", "poll")
    arrived(here, 3, "webhook")
    arrived(here, 4, "webhook", status="parked")
    arrived(here, 5, "replay")
    text = opened(viewer, LIST)
    assert "Of 4 conversations of yesterday, 3 arrived (1 by polling)." in text
    assert "25.0 %" in text


def test_a_day_without_sample_says_no_data_and_not_nought(viewer: Client, here: Connection) -> None:
    ReconcileDay.objects.create(connection=here, day=yesterday(), gone=2)
    text = opened(viewer, LIST)
    assert "Nothing to compare for yesterday: no conversation changed." in text
    assert "no data" in text


def test_nothing_at_all_says_what_fills_it(viewer: Client) -> None:
    assert "Numbers appear once conversations arrive" in opened(viewer, LIST)


def test_a_day_ends_at_midnight_of_the_clinic(viewer: Client, here: Connection) -> None:
    late = datetime.combine(yesterday(), time(23, 30), tzinfo=ZONE)
    event(here, conversation_id=1, received_at=late)
    event(here, conversation_id=2, received_at=late + timedelta(hours=1))
    assert "Of 1 conversation of yesterday, 1 arrived (0 by polling)." in opened(viewer, LIST)
    assert "Conversation 2" not in opened(viewer, list_of(here, "conversations"))


def test_another_clinics_numbers_do_not_exist(viewer: Client) -> None:
    other = connection(clinic("Clínica Lua"))
    arrived(other, 1, "webhook")
    assert "no conversation changed" in opened(viewer, LIST)
    assert viewer.get(f"{LIST}?connection={other.pk}").status_code == 404
    assert viewer.get(list_of(other, "conversations")).status_code == 404
    assert viewer.post(RUN, {"connection": other.pk}).status_code == 404


# Each number opens its list -------------------------------------------------------------------------------------------


def test_each_number_opens_its_list(viewer: Client, marina: ObservedContact) -> None:
    here = marina.connection
    link(marina, person=31, lead=71)
    arrived(here, 1287, "poll", lane_key=lane(marina))
    arrived(here, 1300, "webhook", status="received")
    doubtful = step(marina, "unknown", kind="create_note")
    Effect.objects.filter(pk=doubtful.pk).update(updated_at=noon())
    ObservedContact.objects.filter(pk=marina.pk).update(gone_at=noon())
    ReconcileDay.objects.create(connection=here, day=yesterday(), listed=9, missed=1, gone=1)
    FieldStop.objects.create(connection=here, lane_key=lane(marina), ref="r", field="name", stopped_at=noon())
    stage_change(here, lead=71, trigger_source="manual", created_at=noon())
    FieldFlip.objects.create(connection=here, ref="r", field="phone", direction="chatwoot", at=noon())
    content = viewer.get(LIST).content.decode()
    wanted = {
        "conversations": "Conversation 1287 · by polling",
        "polled": "Conversation 1287",
        "unread": "Conversation 1300 · not read yet",
        "unknown": "Write the note",
        "gone": "Contact no longer in Chatwoot",
        "differ": "name kept changing back and forth",
        "by_hand": "Opportunity 71: stage from Novo to Contatado",
    }
    for what, words in wanted.items():
        address = list_of(here, what)
        assert f'href="{address}"' in content, what
        text = opened(viewer, address)
        assert words in text, what
        assert what == "unread" or marina.mask in text, what
    assert "phone changed in Krayin, taken over in Chatwoot" in opened(viewer, list_of(here, "by_hand"))
    assert "Conversation 1300" not in opened(viewer, list_of(here, "polled"))


@pytest.mark.parametrize("what", ["conversations", "polled", "unread", "unknown", "gone", "differ", "by_hand"])
def test_a_list_that_is_empty_by_now_says_so(viewer: Client, here: Connection, what: str) -> None:
    assert "Nothing is in this list any more." in opened(viewer, list_of(here, what))


@pytest.mark.parametrize("path", ["2026-13-01/polled", "yesterday/polled", "2026-11-20/everything"])
def test_a_list_there_is_not_is_404(viewer: Client, here: Connection, path: str) -> None:
    assert viewer.get(f"{LIST}{here.pk}/{path}/").status_code == 404


def test_long_lists_go_on_page_by_page(viewer: Client, here: Connection) -> None:
    for n in range(53):
        arrived(here, 2000 + n, "webhook")
    first = viewer.get(list_of(here, "conversations"))
    assert "?after=50" in first.content.decode()
    rest = opened(viewer, list_of(here, "conversations") + "?after=50")
    assert rest.count("Conversation ") == 3


def test_records_with_one_reference_are_shown(viewer: Client, here: Connection) -> None:
    EqualTitle.objects.create(connection=here, ref="ponte-x-c1-l1", foreign_ids=[71, 72])
    text = opened(viewer, LIST)
    assert "opportunity 71" in text
    assert "opportunity 72" in text


# Looking now ----------------------------------------------------------------------------------------------------------


def test_who_may_only_look_does_not_run_it(here: Connection) -> None:
    client = signed_in(Role.SUPERVISOR, here.clinic)
    assert RUN not in client.get(LIST).content.decode()
    assert client.post(RUN, {"connection": here.pk}).status_code == 404
    assert not AuditLog.objects.filter(action="reconcile_now").exists()


@pytest.mark.parametrize("posted", ["", "x", "9" * 30])
def test_a_connection_there_is_not_is_404(viewer: Client, posted: str) -> None:
    assert viewer.post(RUN, {"connection": posted}).status_code == 404
    assert viewer.get(RUN).status_code == 404


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_looking_now_brings_what_the_webhooks_missed(bridge: Bridge) -> None:
    client = signed_in(Role.CLINIC_MANAGER, bridge.connection.clinic)
    with bridge.chatwoot.capture():
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    assert "3 calls" in main_of(client.get(LIST))
    answer = client.post(RUN, {"connection": bridge.connection.pk})
    assert said(answer) == ["Looked: 1 conversation listed, 1 brought, 0 changed by hand in Krayin."]
    bridge.settle()
    assert bridge.crm["counts"]["leads"] == 1
    assert AuditLog.objects.using("audit").filter(action="reconcile_now").count() == 1


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_partner_that_is_away_is_said(bridge: Bridge) -> None:
    client = signed_in(Role.CLINIC_MANAGER, bridge.connection.clinic)
    bridge.fault("down")
    answer = client.post(RUN, {"connection": bridge.connection.pk})
    assert said(answer) == ["Krayin does not answer: try again later."]
