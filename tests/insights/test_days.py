"""Sums per day: the same when built twice, days add up to the range, few people stay hidden."""

from datetime import date, timedelta

import pytest
from history import Lead, at, joined, lead, open_unit

from bridge.models import Connection, ObservedMessage
from insights import queries
from insights.models import DayCounts, DayDurations, Insight
from insights.queries import Range
from insights.rollups import rebuild_day, recompute_after_erasure

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 10, 5)
WEEK = [MONDAY + timedelta(days=n) for n in range(7)]
First, Clock = DayDurations.Measure.FIRST_RESPONSE, DayDurations.Clock


@pytest.fixture
def busy() -> Connection:
    """One patient a day, answered after 10, 20, … 70 minutes, resolved an hour later."""
    made = joined()
    open_unit(made)
    for n, day in enumerate(WEEK, 1):
        start = at(f"{day:%m-%d} 09:00")
        answer = start + timedelta(minutes=10 * n)
        lead(made).talk((start, "patient"), (answer, "human"), (answer + timedelta(hours=1), "resolved"))
    return made


def week(of: Connection) -> Range:
    return Range([of.pk], WEEK[0], WEEK[-1])


def test_seven_days_add_up_to_the_week(busy: Connection) -> None:
    for day in WEEK:
        rebuild_day(busy.pk, day)
    found = queries.counts(week(busy))
    assert (found["conversations"], found["attendances"], found["resolutions"], found["one_contact"]) == (7, 7, 7, 7)
    answers = queries.durations(week(busy), First, Clock.CALENDAR)
    assert (answers.n, answers.mean, answers.shortest, answers.longest) == (7, 40, 10, 70)
    assert answers.median == pytest.approx(40, rel=0.1)
    assert answers.p90 == 70
    assert queries.first_response_bands(week(busy), Clock.CALENDAR) == [5, 2, 0, 0, 0]
    assert queries.rates(found) == {"reopenings": 0.0, "one_contact": 100.0, "bot_only": 0.0}


def test_a_day_built_twice_is_the_same(busy: Connection) -> None:
    rebuild_day(busy.pk, MONDAY)
    before = [list(rows.order_by("pk").values_list()[0][1:]) for rows in (DayCounts.objects, DayDurations.objects)]
    rebuild_day(busy.pk, MONDAY)
    after = [list(rows.order_by("pk").values_list()[0][1:]) for rows in (DayCounts.objects, DayDurations.objects)]
    assert before == after
    assert DayCounts.objects.count() == 1


def test_a_range_without_anything_has_no_median(busy: Connection) -> None:
    empty = queries.durations(week(busy), First, Clock.BUSINESS)
    assert (empty.n, empty.mean, empty.median) == (0, None, None)
    assert queries.rates(queries.counts(week(busy)))["one_contact"] is None


def test_fewer_than_ten_people_are_not_told(busy: Connection) -> None:
    assert queries.people(week(busy)) is None
    for _ in range(3):
        lead(busy).talk((at("10-06 09:00"), "patient"))
    assert queries.people(week(busy)) == 10


def test_small_teams_are_not_compared(busy: Connection) -> None:
    rebuild_day(busy.pk, MONDAY)
    assert queries.by_team(week(busy)) == {}
    DayCounts.objects.update(attendances=20, team_id=4)
    assert list(queries.by_team(week(busy))) == [4]


def test_after_an_erasure_the_numbers_fall_and_say_why(busy: Connection) -> None:
    person: Lead = lead(busy)
    talk = person.talk((at("10-05 09:00"), "patient"), (at("10-05 09:05"), "human"))
    rebuild_day(busy.pk, MONDAY)
    person.update(at("10-06 09:00"))
    ObservedMessage.objects.filter(conversation=talk).delete()
    talk.delete()
    recompute_after_erasure(busy.pk, [person.number], [MONDAY])
    row = Insight.objects.get(krayin_lead_id=person.number, is_current=True)
    assert (row.total_conversations, row.performance_score) == (0, None)
    assert row.numbers == {"recomputed_after_erasure": True}
    assert queries.counts(week(busy))["conversations"] == 1
