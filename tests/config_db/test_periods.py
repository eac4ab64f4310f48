"""Periods are half-open, in UTC, and leave no gap between them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.db.periods import Step

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("step", "start", "following", "label"),
    [
        (Step.DAY, "2026-11-18", "2026-11-19", "20261118"),
        (Step.WEEK, "2026-11-16", "2026-11-23", "20261116"),
        (Step.MONTH, "2026-11-01", "2026-12-01", "202611"),
        (Step.QUARTER, "2026-10-01", "2027-01-01", "2026q4"),
    ],
)
def test_a_moment_lies_in_its_period(step: Step, start: str, following: str, label: str) -> None:
    moment = datetime(2026, 11, 18, 23, 59, 59, 600000, tzinfo=UTC)
    assert step.start(moment) == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert step.following(moment) == datetime.fromisoformat(following).replace(tzinfo=UTC)
    assert step.label(moment) == label


def test_the_zone_of_the_moment_does_not_move_the_bounds() -> None:
    still_sunday_in_brazil = datetime(2026, 11, 15, 22, 0, tzinfo=timezone(timedelta(hours=-3)))
    assert Step.WEEK.start(still_sunday_in_brazil) == datetime(2026, 11, 16, tzinfo=UTC)


@given(moment=MOMENTS, step=st.sampled_from(Step))
def test_periods_touch_without_overlap(moment: datetime, step: Step) -> None:
    start, following = step.start(moment), step.following(moment)
    assert start <= moment < following
    assert step.start(following) == following
    assert step.start(following - timedelta(microseconds=1)) == start
    assert step.previous(following) == start
    assert step.label(start) != step.label(following)
