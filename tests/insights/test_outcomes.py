"""Surveys and appointments where somebody tells of them: satisfaction in the score, who to remind, the no-show table."""

import json
from datetime import datetime, timedelta
from typing import Any

import factories
import pytest
from django.db import connection as db
from history import Lead, at, joined, lead

from consent.roles import Role
from insights.models import Appointment, Insight, InsightMark, SurveyAnswer
from insights.outcomes import keep_appointment, keep_survey
from insights.suggestions import dismiss
from insights.updating import refresh_due

pytestmark = pytest.mark.django_db
NOW = at("10-20 12:00")


@pytest.fixture
def person() -> Lead:
    return lead(joined())


def booked(person: Lead, starts_at: datetime, ref: str = "a1", **facts: Any) -> Appointment:
    told = {"booked_at": starts_at - timedelta(days=21), "starts_at": starts_at, "status": "booked"} | facts
    return keep_appointment(person.connection, person.number, ref, **told)


def ids(row: Insight) -> list[str]:
    return [one["id"] for one in row.suggestions or []]


@pytest.mark.parametrize(
    ("missed", "past", "days", "same_day", "confirmed", "read", "first", "chance"),
    [
        (0, 0, 21, False, False, False, True, 0.313),
        (2, 4, 21, False, False, False, False, 0.492),
        (0, 6, 0, True, False, False, False, 0.025),
        (0, 6, 14, False, True, True, False, 0.024),
    ],
)
def test_the_table_of_the_no_show_estimate(
    missed: int, past: int, days: int, same_day: bool, confirmed: bool, read: bool, first: bool, chance: float
) -> None:
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT insight_no_show(0.15, %s, %s, %s, %s, %s, %s, %s)",
            [missed, past, days, same_day, confirmed, read, first],
        )
        found = json.loads(cursor.fetchone()[0])
    assert found["p"] == chance
    assert set(found["terms"]) == {"base", "history", "lead", "confirmed", "read", "first"}


def test_who_has_an_appointment_gets_the_estimate_with_its_terms(person: Lead) -> None:
    person.talk((NOW - timedelta(hours=3), "patient"), (NOW - timedelta(hours=2), "human"))
    for n, status in enumerate(["missed", "attended", "missed", "attended"]):
        booked(person, NOW - timedelta(days=60 + n), f"old{n}", status=status)
    booked(person, NOW + timedelta(days=3))
    told = (person.update(NOW).numbers or {})["appointments"]
    assert (told["past"], told["missed"], told["no_show"]["p"]) == (4, 2, 0.492)


def test_without_appointments_nothing_is_estimated(person: Lead) -> None:
    person.talk((NOW - timedelta(hours=3), "patient"))
    assert "appointments" not in (person.update(NOW).numbers or {})


@pytest.mark.parametrize(
    ("hours", "facts", "found"),
    [
        (19, {}, []), (20, {}, ["confirm_appointment"]), (48, {}, ["confirm_appointment"]), (49, {}, []),
        (24, {"confirmed_at": NOW}, []), (24, {"read_at": NOW}, []), (24, {"status": "cancelled"}, []),
    ],
)  # fmt: skip
def test_an_appointment_is_confirmed_a_day_or_two_before(
    person: Lead, hours: int, facts: dict[str, Any], found: list[str]
) -> None:
    person.talk((NOW - timedelta(hours=3), "patient"), (NOW - timedelta(hours=2), "human"))
    booked(person, NOW + timedelta(hours=hours), **facts)
    assert ids(person.update(NOW)) == found


def test_a_dismissed_confirmation_is_silent_for_that_appointment_only(person: Lead) -> None:
    person.talk((NOW - timedelta(hours=3), "patient"), (NOW - timedelta(hours=2), "human"))
    booked(person, NOW + timedelta(hours=24))
    dismiss(person.update(NOW), "confirm_appointment", by=factories.user(Role.CLINIC_MANAGER), now=NOW)
    assert ids(person.update(NOW)) == []
    booked(person, NOW + timedelta(hours=24, minutes=30))
    assert ids(person.update(NOW)) == ["confirm_appointment"]


@pytest.mark.parametrize(
    ("since", "next_one", "found"), [(3, False, ["no_show_recover"]), (8, False, []), (3, True, [])]
)
def test_who_did_not_come_is_offered_another_date(person: Lead, since: int, next_one: bool, found: list[str]) -> None:
    person.talk((NOW - timedelta(days=20), "patient"), (NOW - timedelta(days=20), "human"),
                (NOW - timedelta(days=19), "resolved"))  # fmt: skip
    booked(person, NOW - timedelta(days=since), status="missed")
    if next_one:
        booked(person, NOW + timedelta(days=9), "a2")
    assert ids(person.update(NOW)) == found


def test_a_rating_counts_in_the_score_as_in_the_definitions(person: Lead) -> None:
    talk = person.talk((NOW - timedelta(hours=3), "patient"), (NOW - timedelta(hours=2), "human"))
    before = person.update(NOW)
    InsightMark.objects.all().delete()
    keep_survey(talk, 1, sent_at=NOW - timedelta(hours=1), rating=5, answered_at=NOW)
    keep_survey(talk, 1, sent_at=NOW - timedelta(hours=1), rating=5, answered_at=NOW)
    keep_survey(talk, 2, sent_at=NOW - timedelta(hours=1))
    assert SurveyAnswer.objects.count() == 2
    assert refresh_due(NOW + timedelta(days=365)) == 1
    row = person.update(NOW)
    satisfaction = next(part for part in row.parts or [] if part["part"] == "satisfaction")
    assert satisfaction["value"] == 0.8333
    assert "satisfaction" not in {part["part"] for part in before.parts or []}
    assert (row.numbers or {})["satisfaction"] == {"sent": 2, "answered": 1, "satisfied": 1, "mean": 5.0}


@pytest.mark.parametrize(("rating", "days", "found"), [(2, 29, ["escalate"]), (2, 31, []), (3, 1, [])])
def test_a_bad_rating_goes_to_somebody_else(person: Lead, rating: int, days: int, found: list[str]) -> None:
    when = NOW - timedelta(days=days)
    talk = person.talk((when, "patient"), (when, "human"), (when, "resolved"))
    keep_survey(talk, 1, sent_at=when, rating=rating, answered_at=when)
    assert ids(person.update(NOW)) == found
