"""Sums per day: the same when built twice, days add up to the range, few people stay hidden."""

from datetime import date, timedelta

import pytest
from history import Lead, at, joined, lead, open_unit

from bridge.models import Connection, ObservedContact, ObservedConversation, ObservedMessage
from insights.models import DayCounts, DayDurations, Insight
from insights.outcomes import keep_survey
from insights.queries import hiding, ranges
from insights.queries.ranges import Range
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
    found = ranges.counts(week(busy))
    assert (found["conversations"], found["attendances"], found["resolutions"], found["one_contact"]) == (7, 7, 7, 7)
    answers = ranges.durations(week(busy), First, Clock.CALENDAR)
    assert (answers.n, answers.mean, answers.shortest, answers.longest) == (7, 40, 10, 70)
    assert answers.median == pytest.approx(40, rel=0.1)
    assert answers.p90 == 70
    assert ranges.histograms(week(busy))[0][First, Clock.CALENDAR].bands == [5, 2, 0, 0, 0]
    rates = ranges.rates(found)
    assert (rates["reopenings"], rates["one_contact"], rates["bot_only"], rates["satisfied"]) == (0.0, 100.0, 0.0, None)


def test_a_day_built_twice_is_the_same(busy: Connection) -> None:
    rebuild_day(busy.pk, MONDAY)
    before = [list(rows.order_by("pk").values_list()[0][1:]) for rows in (DayCounts.objects, DayDurations.objects)]
    rebuild_day(busy.pk, MONDAY)
    after = [list(rows.order_by("pk").values_list()[0][1:]) for rows in (DayCounts.objects, DayDurations.objects)]
    assert before == after
    assert DayCounts.objects.count() == 1


def test_a_range_without_anything_has_no_median(busy: Connection) -> None:
    empty = ranges.durations(week(busy), First, Clock.BUSINESS)
    assert (empty.n, empty.mean, empty.median) == (0, None, None)
    assert ranges.rates(ranges.counts(week(busy)))["one_contact"] is None


def test_fewer_than_ten_people_are_not_told(busy: Connection) -> None:
    assert ranges.people(week(busy)) is None
    for _ in range(3):
        lead(busy).talk((at("10-06 09:00"), "patient"))
    assert ranges.people(week(busy)) == 10


def test_days_of_inboxes_and_attendants_merge_to_the_same_numbers(busy: Connection) -> None:
    ObservedConversation.objects.filter(contact=ObservedContact.objects.first()).update(assignee_id=5)
    for day in WEEK:
        rebuild_day(busy.pk, day)
    whole = ranges.histograms(week(busy))[0]
    by_attendant = ranges.histograms(week(busy), "assignee_id")
    assert set(by_attendant) == {0, 5}
    assert sum(drawn[First, Clock.CALENDAR].n for drawn in by_attendant.values()) == whole[First, Clock.CALENDAR].n
    assert ranges.merged(by_attendant.values(), First, Clock.CALENDAR) == whole[First, Clock.CALENDAR].told()
    assert sum(one["attendances"] for one in ranges.counts_by(week(busy), "assignee_id").values()) == 7


def test_arrivals_are_counted_by_local_hour_and_weekday(busy: Connection) -> None:
    for day in WEEK:
        rebuild_day(busy.pk, day)
    assert ranges.arrivals(week(busy)) == {(weekday, 9): 1 for weekday in range(1, 8)}


def test_surveys_count_for_the_day_they_are_sent_and_answered(busy: Connection) -> None:
    talk = ObservedConversation.objects.order_by("started_at").first()
    assert talk is not None
    keep_survey(talk, 1, sent_at=at("10-05 12:00"), rating=5, answered_at=at("10-06 08:00"))
    keep_survey(talk, 2, sent_at=at("10-05 12:00"))
    keep_survey(talk, 2, sent_at=at("10-05 12:00"), rating=2, answered_at=at("10-05 13:00"))
    for day in WEEK[:2]:
        rebuild_day(busy.pk, day)
    found = ranges.counts(week(busy))
    assert (found["surveys"], found["ratings"], found["satisfied"], found["rating_sum"]) == (2, 2, 1, 7)
    assert ranges.rates(found)["satisfied"] == 50.0


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"a": 40, "b": 30, "c": 12}, {"a": 40, "b": 30, "c": 12}),
        ({"a": 40, "b": 30, "c": 9}, {"a": 40, "b": None, "c": None}),
        ({"a": 40, "b": 3, "c": 9}, {"a": 40, "b": None, "c": None}),
        ({"a": 40, "b": 0, "c": 0}, {"a": 40, "b": 0, "c": 0}),
    ],
)
def test_a_small_part_is_not_told_nor_computable_from_the_others(
    parts: dict[str, int], told: dict[str, int | None]
) -> None:
    assert hiding.shown_parts(parts) == told


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
    assert ranges.counts(week(busy))["conversations"] == 1
