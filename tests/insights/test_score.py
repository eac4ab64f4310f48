"""The score, its parts and ceilings, engagement: worked examples to the digit, and what must hold for any facts."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from history import at, joined, lead
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.django_db
AGAIN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
A = {
    "resolved": 3, "conversations": 5, "rate": 0.6, "median": 38.0, "engagement": 0.7547, "ratings_sum": None,
    "ratings": 0, "place": 2, "stages": 5, "open_wait": None,
}  # fmt: skip


def ask(sql: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def score(**facts: Any) -> tuple[list[dict[str, Any]], Decimal | None]:
    told = {**A, **facts}
    values = [told[name] for name in A]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p, insight_score(p) FROM insight_parts(%s::int, %s::int, %s::float, %s::float, %s::float, %s::float,"
            " %s::int, %s::int, %s::int, %s::float) AS p",
            values,
        )
        parts, total = cursor.fetchone()
    return json.loads(parts or "[]"), total


def points(parts: list[dict[str, Any]]) -> list[float]:
    return [round(part["points"], 4) for part in parts]


def test_example_a_without_survey() -> None:
    parts, total = score()
    assert points(parts) == [2.1176, 2.3422, 1.7758, 0.4706]
    assert [round(part["ceiling"], 2) for part in parts] == [3.53, 2.94, 2.35, 1.18]
    assert total == Decimal("6.7")


def test_example_b_with_a_rating_and_a_long_wait() -> None:
    parts, total = score(ratings_sum=1.0, ratings=1, open_wait=300.0)
    assert points(parts) == [1.8, 1.9909, 1.5094, 1.25, 0.4, -1.0]
    assert total == Decimal("6.0")


@pytest.mark.parametrize(
    ("minutes", "speed"),
    [(15, 1), (30, 0.8481), (60, 0.6963), (147, 0.5), (240, 0.3926), (480, 0.2407), (1440, 0), (9999, 0)],
)
def test_speed_falls_by_the_logarithm(minutes: float, speed: float) -> None:
    assert round(ask("SELECT insight_speed(%s::float)", minutes), 4) == pytest.approx(speed, abs=1e-4)


@pytest.mark.parametrize(
    ("ages", "engagement", "level"),
    [
        ([], 0, "low"),
        ([0], 0.2212, "low"),
        ([0, 0, 0], 0.5276, "medium"),
        ([60], 0.0127, "low"),
        ([0, 2, 4, 6, 8, 10, 12, 14], 0.7656, "high"),
        ([0, 1, 1, 3, 6, 10, 20, 41], 0.7547, "high"),
        ([0, 0, 0, 0, 0], 0.5276, "medium"),
        ([90], 0, "low"),
    ],
)
def test_engagement_of_patient_messages(ages: list[int], engagement: float, level: str) -> None:
    now = at("10-20 12:00")
    person = lead(joined())
    moments = [(now - timedelta(days=age, minutes=n), "patient") for n, age in enumerate(ages)]
    person.talk((now - timedelta(days=100), "human"), *moments)
    row = person.update(now)
    assert (row.numbers or {})["engagement"] == pytest.approx(engagement, abs=1e-4)
    assert row.engagement_level == level


def test_nothing_known_is_no_score() -> None:
    parts, total = score(conversations=0, resolved=0, median=None, engagement=None, place=None, stages=None)
    assert (parts, total) == ([], None)


FACTS = st.fixed_dictionaries(
    {
        "conversations": st.integers(1, 40),
        "resolved": st.integers(0, 40),
        "rate": st.floats(0, 1, allow_subnormal=False),
        "median": st.none() | st.floats(0, 5000, allow_subnormal=False),
        "engagement": st.floats(0, 1, allow_subnormal=False),
        "place": st.none() | st.integers(0, 7),
        "open_wait": st.none() | st.floats(0, 5000, allow_subnormal=False),
        "ratings": st.integers(0, 10),
        "ratings_sum": st.floats(0, 1, allow_subnormal=False),  # here: of each rating
    }
).map(lambda facts: {**facts, "resolved": min(facts["resolved"], facts["conversations"]),
                     "ratings_sum": facts["ratings"] * facts["ratings_sum"] if facts["ratings"] else None,
                     "stages": None if facts["place"] is None else 7})  # fmt: skip


@AGAIN
@given(FACTS)
def test_parts_add_up_to_the_score_and_stay_under_their_ceilings(facts: dict[str, Any]) -> None:
    parts, total = score(**facts)
    unrounded = min(10.0, max(0.0, sum(part["points"] for part in parts)))
    assert total is not None
    assert 0 <= total <= 10
    assert abs(float(total) - unrounded) <= 0.0500001
    earned = [part for part in parts if part["part"] != "waiting"]
    assert all(0 <= part["points"] <= part["ceiling"] + 1e-6 for part in earned)
    assert sum(part["ceiling"] for part in earned) == pytest.approx(10, abs=1e-4)


@AGAIN
@given(FACTS)
def test_one_more_resolved_conversation_never_lowers_and_a_longer_wait_never_raises(facts: dict[str, Any]) -> None:
    before = score(**facts)[1]
    more = score(**{**facts, "resolved": facts["resolved"] + 1, "conversations": facts["conversations"] + 1})[1]
    slower = score(**{**facts, "median": None if facts["median"] is None else facts["median"] + 30})[1]
    waiting = score(**{**facts, "open_wait": (facts["open_wait"] or 0) + 30})[1]
    assert before is not None
    assert more is not None
    assert slower is not None
    assert waiting is not None
    assert more >= before >= max(slower, waiting)


@pytest.mark.parametrize(("stage", "part"), [(2, {"stage": 2, "stages": 5}), (6, {"stage": 5, "stages": 5}),
                                             (7, {"stage": 0, "stages": 5})])  # fmt: skip
def test_progress_is_the_place_of_the_stage_won_is_the_end_lost_is_nothing(stage: int, part: dict[str, int]) -> None:
    person = lead(joined())
    person.talk((at("10-01 09:00"), "patient"))
    person.in_stage(stage)
    row = person.update(at("10-01 10:00"))
    assert next(p for p in row.parts or [] if p["part"] == "progress")["inputs"] == part


def test_few_conversations_are_said_to_be_few() -> None:
    person = lead(joined())
    person.talk((at("10-01 09:00"), "patient"))
    assert person.update(at("10-01 10:00")).confidence == Decimal("0.17")
