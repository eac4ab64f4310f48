"""Waits, attendances and durations on two clocks: the worked examples of the definitions, to the minute."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from history import at, go_on, joined, lead, open_unit

from bridge.models import Connection, ConversationMapping, ObservedConversation, ObservedMessage
from insights.hours import close_on_national_holidays, national_holidays
from insights.models import ClosedDay, Insight, OpeningHours, Unit, UnitInbox

pytestmark = pytest.mark.django_db

LATER = at("10-06 09:00")
WORKED = (
    (at("10-01 09:00"), "patient"), (at("10-01 09:01"), "bot"), (at("10-01 09:02"), "patient"),
    (at("10-01 09:20"), "human"), (at("10-01 09:25"), "patient"), (at("10-01 09:26"), "patient"),
    (at("10-01 09:55"), "human"), (at("10-01 18:30"), "patient"), (at("10-02 08:15"), "human"),
    (at("10-02 10:00"), "human"), (at("10-02 12:00"), "resolved"), (at("10-05 07:30"), "open"),
    (at("10-05 07:30"), "patient"), (at("10-05 08:20"), "human"), (at("10-05 09:00"), "resolved"),
)  # fmt: skip


@pytest.fixture
def connection() -> Connection:
    return joined()


def waits(row: Insight) -> dict[str, Any]:
    found: dict[str, Any] = (row.numbers or {})["waits"]
    return found


@pytest.mark.parametrize(
    ("asked", "answered", "minutes"),
    [
        ("10-02 17:50", "10-05 08:10", 260),
        ("10-04 10:00", "10-05 09:00", 60),
        ("10-09 17:00", "10-13 09:00", 360),
        ("10-06 22:00", "10-06 23:00", 0),
    ],
)
def test_business_minutes_are_the_open_ones(connection: Connection, asked: str, answered: str, minutes: int) -> None:
    close_on_national_holidays(open_unit(connection), 2026)
    person = lead(connection)
    person.talk((at(asked), "patient"), (at(answered), "human"))
    row = person.update(at("10-20 12:00"))
    assert row.average_response_time_minutes == minutes
    assert waits(row)["business"]["median"] == minutes


def test_the_worked_conversation(connection: Connection) -> None:
    open_unit(connection)
    person = lead(connection)
    person.talk(*WORKED)
    row = person.update(LATER)
    assert waits(row)["business"] == {"n": 4, "mean": 21.25, "median": 20, "p90": 30}
    assert waits(row)["calendar"] == {"n": 4, "mean": 231.25, "median": 40, "p90": 825}
    assert row.average_response_time_minutes == 21
    assert row.numbers is not None
    assert row.numbers["first_response"] == {"n": 2, "median": 20}
    assert (row.numbers["attendances"], row.numbers["reopenings"]) == (2, 1)
    counts = [row.numbers[f"{who}_messages"] for who in ("patient", "human", "bot")]
    assert (counts, row.total_messages) == ([6, 5, 1], 11)
    assert row.last_interaction_at == at("10-05 08:20")


def test_each_attendance_has_its_own_resolution_time(connection: Connection) -> None:
    open_unit(connection)
    person = lead(connection)
    talk = person.talk(*WORKED[:11])
    first = person.update(at("10-02 13:00")).numbers or {}
    assert first["resolution"] == {
        "n": 1, "calendar_median": 1620, "business_median": 780, "since_creation_median": 1620,
    }  # fmt: skip
    go_on(talk, *WORKED[11:])
    both = person.update(LATER).numbers or {}
    # Chatwoot measures the second one from the creation, too: 5760 minutes.
    assert both["resolution"] == {
        "n": 2, "calendar_median": 855, "business_median": 420, "since_creation_median": 3690,
    }  # fmt: skip


def test_a_reopened_conversation_is_pending_and_keeps_its_first_attendance(connection: Connection) -> None:
    person = lead(connection)
    talk = person.talk(*WORKED[:11])
    before = person.update(at("10-02 13:00"))
    assert before.resolution_rate == 100
    go_on(talk, *WORKED[11:13])
    after = person.update(at("10-05 07:45"))
    assert (after.resolution_rate, after.pending_conversations) == (0, 1)
    assert (after.numbers or {})["resolution"] == (before.numbers or {})["resolution"]
    assert (after.numbers or {})["attendances"] == 2


def test_a_resolution_heard_of_after_the_reopening_is_told_all_the_same(connection: Connection) -> None:
    person = lead(connection)
    talk = person.talk((at("10-01 09:00"), "patient"), (at("10-01 10:00"), "human"), (at("10-02 09:00"), "patient"))
    ObservedConversation.objects.filter(pk=talk.pk).update(
        resolved_at=at("10-01 12:00"), version=int(at("10-02 09:00").timestamp()) * 1_000_000
    )
    numbers = person.update(LATER).numbers or {}
    assert (numbers["attendances"], numbers["reopenings"], numbers["resolution"]["n"]) == (2, 1, 1)


def test_a_wait_ended_by_a_resolution_is_counted_without_duration(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-01 09:00"), "patient"), (at("10-01 10:00"), "resolved"))
    row = person.update(LATER)
    assert (waits(row)["unanswered"], waits(row)["calendar"], row.average_response_time_minutes) == (1, None, None)


def test_a_wait_above_seven_days_is_counted_but_left_out_of_the_mean(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("09-01 09:00"), "patient"), (at("09-09 09:00"), "human"), (at("09-09 10:00"), "patient"),
                (at("09-09 10:10"), "human"))  # fmt: skip
    row = person.update(LATER)
    assert (waits(row)["stale"], row.average_response_time_minutes) == (1, 10)


def test_after_a_bot_the_wait_starts_with_the_hand_over(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-01 09:00"), "pending"), (at("10-01 09:00"), "patient"), (at("10-01 09:01"), "bot"),
                (at("10-01 09:10"), "open"), (at("10-01 09:15"), "human"), status="pending")  # fmt: skip
    assert person.update(LATER).average_response_time_minutes == 5


def test_without_a_hand_over_a_bot_does_not_end_the_wait(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-01 09:00"), "patient"), (at("10-01 09:01"), "bot"), (at("10-01 09:15"), "human"))
    assert person.update(LATER).average_response_time_minutes == 15


def test_when_the_clinic_wrote_first_the_wait_starts_with_the_patient(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-01 08:00"), "human"), (at("10-01 09:00"), "patient"), (at("10-01 09:07"), "human"))
    row = person.update(LATER)
    assert (row.numbers or {})["first_response"] == {"n": 1, "median": 7}


@pytest.mark.parametrize("who", ["bot", "campaign", "greeting"])
def test_only_automatic_messages_are_no_conversation(connection: Connection, who: str) -> None:
    person = lead(connection)
    person.talk((at("10-01 09:00"), who))
    row = person.update(LATER)
    assert (row.total_conversations, row.performance_score, row.numbers, row.parts) == (0, None, None, None)


def test_only_the_clinics_messages_have_no_wait(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-01 09:00"), "human"))
    row = person.update(LATER)
    assert (row.total_conversations, row.average_response_time_minutes, row.total_messages) == (1, None, 1)


def test_without_hours_the_calendar_clock_is_used_and_said(connection: Connection) -> None:
    person = lead(connection)
    person.talk((at("10-03 20:00"), "patient"), (at("10-04 20:00"), "human"))
    row = person.update(LATER)
    assert row.average_response_time_minutes == 24 * 60
    assert ((row.numbers or {})["clock"], waits(row)["business"]) == ("calendar", None)


def test_a_unit_closed_for_a_week_waits_no_business_minute(connection: Connection) -> None:
    unit = open_unit(connection)
    ClosedDay.objects.bulk_create(ClosedDay(unit=unit, day=date(2026, 10, day)) for day in range(5, 11))
    person = lead(connection)
    person.talk((at("10-05 08:00"), "patient"), (at("10-10 20:00"), "human"))
    row = person.update(at("10-20 12:00"))
    assert (waits(row)["business"]["mean"], waits(row)["calendar"]["mean"]) == (0, 7920)


def test_an_inbox_of_another_unit_follows_its_hours_and_zone(connection: Connection) -> None:
    open_unit(connection)
    far = Unit.objects.create(clinic=connection.clinic, name="Rio Branco", time_zone="America/Rio_Branco")
    OpeningHours.objects.create(unit=far, weekday=4, opens_min=480, closes_min=1080)
    UnitInbox.objects.create(unit=far, connection=connection, inbox_id=8)
    person = lead(connection)
    # 09:00 in São Paulo is 07:00 in Rio Branco, an hour before it opens.
    person.talk((at("10-01 09:00"), "patient"), (at("10-01 10:30"), "human"), inbox_id=8)
    assert person.update(LATER).average_response_time_minutes == 30


def test_a_zone_that_changes_its_clock_counts_real_minutes(connection: Connection) -> None:
    chile = ZoneInfo("America/Santiago")
    unit = Unit.objects.create(clinic=connection.clinic, name="Sul", time_zone="America/Santiago", is_default=True)
    OpeningHours.objects.bulk_create(
        OpeningHours(unit=unit, weekday=day, opens_min=0, closes_min=1440) for day in range(1, 8)
    )
    person = lead(connection)
    # The night of 5 to 6 September 2026 has 23 hours there.
    person.talk((at("09-05 12:00", chile), "patient"), (at("09-06 12:00", chile), "human"))
    row = person.update(LATER)
    assert (waits(row)["business"]["mean"], waits(row)["calendar"]["mean"]) == (23 * 60, 23 * 60)


def test_merged_contacts_count_a_conversation_once(connection: Connection) -> None:
    one, other = lead(connection), lead(connection)
    moved = other.talk((at("10-01 09:00"), "patient"))
    one.talk((at("10-01 10:00"), "patient"))
    ConversationMapping.objects.filter(chatwoot_conversation_id=moved.chatwoot_conversation_id).update(
        krayin_lead_id=one.number
    )
    assert (one.update(LATER).total_conversations, other.update(LATER).total_conversations) == (2, 0)


def test_an_erased_text_changes_no_number(connection: Connection) -> None:
    person = lead(connection)
    person.talk(*WORKED)
    before = person.update(LATER)
    ObservedMessage.objects.update(content=None, is_deleted=True)
    assert person.update(LATER).pk == before.pk


def test_the_national_holidays_of_2026() -> None:
    days = set(national_holidays(2026))
    assert {date(2026, 4, 3), date(2026, 10, 12), date(2026, 11, 20)} <= days
    assert (len(days), date(2023, 11, 20) in national_holidays(2023)) == (10, False)


def test_holidays_are_added_once(connection: Connection) -> None:
    unit = open_unit(connection)
    assert (close_on_national_holidays(unit, 2026), close_on_national_holidays(unit, 2026)) == (10, 0)
