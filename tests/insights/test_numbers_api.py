"""Numbers in the API: one opportunity now and before, the leaderboard, the clinic's; few people are not told."""

from datetime import timedelta
from typing import Any

import factories
import pytest
from django.test import Client
from django.utils import timezone
from history import Lead, joined, lead, numbers

from bridge.api.keys import issue
from bridge.api.limits import counters
from bridge.models import Connection, Scope
from consent.roles import Role
from insights.models import Insight
from insights.rollups import rebuild_recent
from insights.updating import refresh_all

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


@pytest.fixture
def here() -> Connection:
    counters.forget()
    return joined()


def asked(of: Connection, address: str, *scopes: Scope, **query: Any) -> tuple[int, Any]:
    """What a program of the connection's clinic gets."""
    now = timezone.now()
    made = issue(
        clinic=of.clinic, client=f"Painel {next(numbers)}", scopes=list(scopes or [Scope.READ_INSIGHTS]), now=now,
        expires_at=now + timedelta(days=1), by=factories.user(Role.CLINIC_MANAGER, of.clinic),
    )  # fmt: skip
    answer = Client().get(f"/api/v1/connections/{address}", query, headers={"Authorization": f"Bearer {made.token}"})
    return answer.status_code, answer.json()


def answered(of: Connection, days: int = 2) -> Lead:
    start, person = timezone.now() - timedelta(days=days), lead(of)
    person.talk((start, "patient"), (start + timedelta(minutes=10), "human"), (start + timedelta(hours=1), "resolved"))
    return person


def test_one_opportunity_now_with_its_parts_and_suggestions(here: Connection) -> None:
    person = lead(here)
    person.talk((timezone.now() - timedelta(hours=1), "patient"))
    refresh_all()
    status, told = asked(here, f"{here.pk}/leads/{person.number}/insights")
    assert status == 200
    assert (told["lead_id"], told["has_data"], told["trend"]) == (person.number, True, None)
    assert told["score"] == pytest.approx(sum(part["points"] for part in told["parts"]), abs=0.051)
    assert [(one["id"], one["because"]["open_wait_min"]) for one in told["suggestions"]] == [("reply_now", 60)]


def test_without_numbers_it_says_so_and_unknown_opportunities_do_not_exist(here: Connection) -> None:
    person = lead(here)
    status, told = asked(here, f"{here.pk}/leads/{person.number}/insights")
    assert (status, told["has_data"], told["score"], told["calculated_at"]) == (200, False, None, None)
    assert asked(here, f"{here.pk}/leads/404/insights")[0] == 404
    assert asked(here, f"{here.pk}/leads/404/insights/history")[0] == 404


def test_the_history_is_told_page_by_page_newest_first(here: Connection) -> None:
    person = answered(here)
    for hours in (3, 2, 1):
        person.update(timezone.now() - timedelta(hours=hours))
        Insight.objects.filter(is_current=True).update(total_messages=900 + hours)
    address = f"{here.pk}/leads/{person.number}/insights/history"
    _status, first = asked(here, address, limit=2)
    _status, second = asked(here, address, limit=2, cursor=first["next_cursor"])
    times = [one["calculated_at"] for one in first["results"] + second["results"]]
    assert (len(times), times) == (3, sorted(times, reverse=True))
    assert [one["valid_to"] is None for one in first["results"]] == [True, False]
    assert second["next_cursor"] is None


def test_the_leaderboard_is_best_first_filtered_and_without_those_without_data(here: Connection) -> None:
    made = [answered(here) for _ in range(3)]
    lead(here)
    refresh_all()
    for person, score in zip(made, ("3.1", "9.0", "6.5"), strict=True):
        Insight.objects.filter(krayin_lead_id=person.number).update(performance_score=score)
    _status, first = asked(here, f"{here.pk}/insights", limit=2)
    _status, second = asked(here, f"{here.pk}/insights", limit=2, cursor=first["next_cursor"])
    assert [one["score"] for one in first["results"] + second["results"]] == [9.0, 6.5, 3.1]
    _status, low = asked(here, f"{here.pk}/insights", band="low")
    assert [one["score"] for one in low["results"]] == [3.1]
    assert asked(here, f"{here.pk}/insights", band="none")[0] == 400


def test_clinic_numbers_hide_few_people_and_tell_many(here: Connection) -> None:
    for _ in range(9):
        answered(here)
    rebuild_recent(timezone.now())
    _status, few = asked(here, f"{here.pk}/insights/clinic")
    assert (few["people"], few["counts"]["attendances"], few["rates"]["one_contact"]) == (None, None, None)
    assert {one["n"] for one in few["durations"]} == {0}
    answered(here)
    rebuild_recent(timezone.now())
    _status, many = asked(here, f"{here.pk}/insights/clinic", days="7")
    assert (many["people"], many["counts"]["attendances"]) == (10, 10)
    assert (many["first_response_bands"], many["rates"]["one_contact"]) == ([10, 0, 0, 0, 0], 100.0)
    first = next(one for one in many["durations"] if (one["measure"], one["clock"]) == ("first_response", "calendar"))
    assert (first["n"], first["median"]) == (10, 10.0)
    assert asked(here, f"{here.pk}/insights/clinic", days="8")[0] == 400


def test_the_scope_and_the_clinic_are_needed(here: Connection) -> None:
    person, foreign = answered(here), joined()
    for address in ("insights", "insights/clinic", f"leads/{person.number}/insights"):
        assert asked(here, f"{here.pk}/{address}", Scope.READ_LEADS)[0] == 403
        assert asked(foreign, f"{here.pk}/{address}")[0] == 404
