"""Which suggestions appear when, how many, and how long a dismissed one is silent."""

from datetime import timedelta

import factories
import pytest
from history import Lead, at, joined, lead, open_unit

from audit.models import AuditLog
from consent.models import ConsentRecord
from consent.roles import Role
from insights.models import Insight
from insights.suggestions import NotSuggested, act_upon, dismiss

pytestmark = pytest.mark.django_db
NOW = at("10-20 12:00")  # a Tuesday
WHATSAPP = {"channel": "Channel::Whatsapp"}


@pytest.fixture
def person() -> Lead:
    return lead(joined())


def ids(row: Insight) -> list[str]:
    return [suggestion["id"] for suggestion in row.suggestions or []]


@pytest.mark.parametrize(("minutes", "found"), [(29, []), (30, ["reply_now"])])
def test_a_patient_who_waits_half_an_hour_is_answered_now(person: Lead, minutes: int, found: list[str]) -> None:
    person.talk((NOW - timedelta(minutes=minutes), "patient"))
    assert ids(person.update(NOW)) == found


@pytest.mark.parametrize(
    ("hours", "found"),
    [(21, ["reply_now"]), (22.5, ["reply_now", "window_closing"]), (25, ["reply_now", "use_template"])],
)
def test_the_window_of_a_day_closes(person: Lead, hours: float, found: list[str]) -> None:
    person.talk((NOW - timedelta(hours=hours), "patient"), **WHATSAPP)
    assert ids(person.update(NOW)) == found


def test_the_window_that_ends_before_the_unit_reopens(person: Lead) -> None:
    open_unit(person.connection)
    person.talk((at("10-17 11:50"), "patient"), **WHATSAPP)  # Saturday; reopens on Monday
    assert ids(person.update(at("10-17 13:00"))) == ["window_closing"]


def test_two_reopenings_in_two_weeks_go_to_somebody_else(person: Lead) -> None:
    person.talk(*((NOW - timedelta(days=day), what) for day, what in ((9, "patient"), (8, "resolved"), (7, "open"),
                  (6, "resolved"), (5, "open"), (4, "resolved"))))  # fmt: skip
    assert ids(person.update(NOW)) == ["escalate"]


def test_our_last_word_without_answer_for_three_days_is_closed(person: Lead) -> None:
    person.talk((NOW - timedelta(hours=80), "patient"), (NOW - timedelta(hours=73), "human"))
    assert ids(person.update(NOW)) == ["close"]


@pytest.mark.parametrize(("granted", "stage", "found"), [(True, 3, ["reengage"]), (False, 3, []), (True, 7, [])])
def test_only_who_agreed_and_is_not_lost_is_written_to_again(
    person: Lead, granted: bool, stage: int, found: list[str]
) -> None:
    start = NOW - timedelta(days=45)
    person.talk((start, "patient"), (start, "human"), (start + timedelta(hours=1), "resolved"))
    person.in_stage(stage)
    if granted:
        ConsentRecord.objects.create(
            subject=person.contact.subject, consent_type="marketing", status="granted", granted_at=start,
            created_at=start, consent_text="t", consent_version="1",
        )  # fmt: skip
    assert ids(person.update(NOW)) == found


def test_what_waits_is_silent_until_it_is_another_wait(person: Lead) -> None:
    manager = factories.user(Role.CLINIC_MANAGER, person.connection.clinic)
    talk = person.talk((NOW - timedelta(hours=1), "patient"))
    dismiss(person.update(NOW), "reply_now", by=manager, now=NOW)
    assert ids(Insight.objects.get(is_current=True)) == []
    person.talk((NOW - timedelta(hours=2), "patient"))
    assert ids(person.update(NOW)) == ["reply_now"]
    assert talk.status == "open"


def test_a_cool_down_ends(person: Lead) -> None:
    manager = factories.user(Role.CLINIC_MANAGER, person.connection.clinic)
    person.talk((NOW - timedelta(hours=80), "patient"), (NOW - timedelta(hours=73), "human"))
    dismiss(person.update(NOW), "close", by=manager, now=NOW)
    assert ids(person.update(NOW + timedelta(days=2))) == []
    assert ids(person.update(NOW + timedelta(days=4))) == ["close"]


def test_acting_leaves_an_audit_row_and_what_was_not_suggested_does_not(person: Lead) -> None:
    manager = factories.user(Role.CLINIC_MANAGER, person.connection.clinic)
    person.talk((NOW - timedelta(hours=1), "patient"))
    row = person.update(NOW)
    act_upon(row, "reply_now", by=manager)
    with pytest.raises(NotSuggested):
        act_upon(row, "close", by=manager)
    assert AuditLog.objects.filter(action="insights.suggestion_acted").count() == 1
