"""E7: whether the integration keeps up, per day; no sample is no data; each chart has its table."""

import json
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, contact, event, lane, parked_event, signed_in, step

from bridge.models import (
    CallBudget,
    Connection,
    Effect,
    IntakeCounter,
    KrayinUser,
    ObservedContact,
    ReconcileDay,
)
from bridge.queries.sync_numbers import Day, numbers_of
from consent.roles import Role
from screens.pages import main_of

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

PAGE = reverse("admin:bridge_intakecounter_changelist")
ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def here() -> Connection:
    made = connection(clinic("Clínica Mar"))
    budget = CallBudget.objects.create(name=f"krayin:{made.pk}", refill_per_minute=50)
    made.krayin_users.add(KrayinUser.objects.create(krayin=made.krayin, email="ponte@clinica.exemplo", budget=budget))
    return made


def yesterday() -> date:
    return timezone.now().astimezone(ZONE).date() - timedelta(days=1)


def noon(seconds: float = 0) -> datetime:
    return datetime.combine(yesterday(), time(12), tzinfo=ZONE) + timedelta(seconds=seconds)


def carried(of: Connection, took: float, *, number: int = 1, calls: int = 3) -> ObservedContact:
    """A conversation whose opportunity was confirmed so many seconds after its event."""
    person = contact(of)
    event(of, lane_key=lane(person), conversation_id=number, received_at=noon())
    step(person, created_at=noon(0.01), sent_at=noon(took - 0.1), confirmed_at=noon(took), calls=calls,
         conversation_id=number)  # fmt: skip
    return person


def numbers(of: Connection) -> Day:
    found = numbers_of(of, now=timezone.now(), days=7)
    assert len(found.days) == 7
    return next(one for one in found.days if one.day == yesterday())


def opened(client: Client, query: str = "") -> HttpResponse:
    response = client.get(PAGE + query)
    assert response.status_code == 200
    return response


def test_the_time_to_the_crm_runs_from_the_event_to_the_confirmation(viewer: Client, here: Connection) -> None:
    for n, took in enumerate([1, 2, 3, 4, 20]):
        carried(here, took, number=n)
    day = numbers(here)
    assert (day.n, day.p50) == (5, 3.0)
    assert day.p95 == pytest.approx(16.8)
    text = main_of(opened(viewer))
    assert "half the conversations took up to 3.0 s to the CRM, 95 % up to 17 s." in text
    assert "17 s (n = 5)" in text


def test_only_the_last_event_before_the_step_counts(here: Connection) -> None:
    person = carried(here, 2)
    event(here, lane_key=lane(person), received_at=noon(-500))
    event(here, lane_key=lane(person), received_at=noon(1))
    assert numbers(here).p50 == 2.0


def test_notes_wait_on_purpose_and_are_not_part_of_it(here: Connection) -> None:
    person = carried(here, 2)
    step(person, kind="create_note", created_at=noon(), sent_at=noon(600), confirmed_at=noon(601))
    assert (numbers(here).n, numbers(here).p95) == (1, 2.0)


def test_calls_rates_and_ends_are_counted_by_day(here: Connection) -> None:
    person = carried(here, 2, calls=6)
    step(person, kind="set_stage", sent_at=noon(), confirmed_at=noon(5), calls=2, absorbed=True, conversation_id=1,
         looked_up_at=noon(4))  # fmt: skip
    for state in ("rejected", "unknown"):
        made = step(person, state, cause="KRAYIN_REJECTED")
        Effect.objects.filter(pk=made.pk).update(updated_at=noon())
    parked_event(here, received_at=noon())
    IntakeCounter.objects.create(connection=here, hour=noon(), reason="duplicate", count=7)
    IntakeCounter.objects.create(connection=here, hour=noon(), reason="foreign", count=5)
    ReconcileDay.objects.create(connection=here, day=yesterday(), listed=200, missed=1)
    day = numbers(here)
    assert (day.events, day.calls, day.echoes, day.repeated, day.parked) == (2, 8, 1, 7, 1)
    assert (day.done, day.rejected, day.unknown, day.doubts_confirmed) == (2, 1, 1, 1)
    assert day.success_rate == pytest.approx(2 / 3)
    assert day.calls_per_conversation == 8.0
    assert day.gap_rate == 0.005
    found = numbers_of(here, now=timezone.now(), days=7)
    assert [(kind, n, calls) for kind, n, calls in found.kinds] == [("create opportunity", 1, 6), ("move stage", 1, 2)]
    assert (found.busiest_minute, found.limit_per_minute) == (8, 50)
    assert sum(n for _cause, n in found.causes) == 3


def test_the_page_shows_them_in_words(viewer: Client, here: Connection) -> None:
    carried(here, 2, calls=6)
    parked_event(here, received_at=noon())
    text = main_of(opened(viewer))
    assert "Busiest minute: 6 of 50 calls allowed (12.0 %)." in text
    assert "create opportunity" in text
    assert "The event could not be read" in text


def test_each_chart_says_what_it_is_and_has_its_numbers_in_a_table(viewer: Client, here: Connection) -> None:
    carried(here, 2)
    response = opened(viewer)
    content = response.content.decode()
    assert content.count('role="img"') == content.count("<canvas") == 2
    for name in ("time_chart", "volume_chart"):
        chart = json.loads(response.context[name])
        assert len(chart["labels"]) == 7
        assert all(one["displayYAxis"] for one in chart["datasets"])
    assert json.loads(response.context["time_chart"])["datasets"][0]["data"][-2:] == [2.0, None]
    assert content.count("<tr>") >= 8


def test_without_sample_it_says_no_data_and_draws_nothing(viewer: Client, here: Connection) -> None:
    response = opened(viewer)
    text = main_of(response)
    assert "No data: no conversation reached Krayin in this period." in text
    assert "<canvas" not in response.content.decode()
    day = numbers(here)
    assert (day.p50, day.success_rate, day.gap_rate, day.calls_per_conversation) == (None, None, None, None)


def test_a_slow_day_is_not_called_good(viewer: Client, here: Connection) -> None:
    carried(here, 900)
    assert "It falls behind" in main_of(opened(viewer))


def test_failures_are_not_called_good(viewer: Client, here: Connection) -> None:
    person = carried(here, 2)
    made = step(person, "rejected", cause="KRAYIN_REJECTED")
    Effect.objects.filter(pk=made.pk).update(updated_at=noon())
    assert "more than one step in a hundred failed" in main_of(opened(viewer))


def test_one_connection_at_a_time_and_only_the_own(viewer: Client, here: Connection) -> None:
    second = connection(here.clinic, name="Odonto")
    foreign = connection(clinic("Clínica Lua"), name="Outra")
    carried(foreign, 2)
    assert "Odonto" in main_of(opened(viewer, f"?connection={second.pk}&days=30"))
    assert "Outra" not in main_of(opened(viewer))
    assert viewer.get(f"{PAGE}?connection={foreign.pk}").status_code == 404
    assert viewer.get(f"{PAGE}?connection=x").status_code == 404


def test_without_connection_the_page_says_so() -> None:
    client = signed_in(Role.CLINIC_MANAGER, clinic("Clínica Nova"))
    assert "No connection yet" in main_of(opened(client))
