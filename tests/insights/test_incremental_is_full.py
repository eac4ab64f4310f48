"""Computed piece by piece, or everything at once: the same numbers, whatever happened in whatever order."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from history import STATES, Lead, at, go_on, joined, lead, numbers, open_unit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights.models import Insight, InsightMark
from insights.updating import refresh_all, refresh_due

pytestmark = pytest.mark.django_db
START, NOW = at("09-01 08:00"), at("10-20 12:00")
MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 2),  # opportunity
        st.integers(0, 1),  # conversation
        st.integers(1, 50 * 24 * 60),  # minutes after the start
        st.sampled_from(["patient", "patient", "human", "human", "bot", "campaign", *sorted(STATES)]),
    ),
    min_size=1,
    max_size=25,
)
LEFT_OUT = {"id", "calculated_at", "valid_from", "valid_to", "created_at", "trend"}


def visible() -> dict[int, dict[str, Any]]:
    rows = Insight.objects.filter(is_current=True).values()
    return {row["krayin_lead_id"]: {k: v for k, v in row.items() if k not in LEFT_OUT} for row in rows}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(moments=MOMENTS, cuts=st.sets(st.integers(0, 25), max_size=3), has_hours=st.booleans())
def test_any_history_piece_by_piece_ends_where_a_full_computation_does(
    moments: list[tuple[int, int, int, str]], cuts: set[int], has_hours: bool
) -> None:
    with transaction.atomic():
        joined_ = joined()
        if has_hours:
            open_unit(joined_)
        people: list[Lead] = [lead(joined_, next(numbers)) for _ in range(3)]
        talks: dict[tuple[int, int], Any] = {}
        for place, (who, which, minutes, what) in enumerate(moments):
            when = START + timedelta(minutes=minutes)
            if (who, which) not in talks:
                talks[who, which] = people[who].talk((when, "patient"))
            go_on(talks[who, which], (when, what))
            if place in cuts:
                piecewise(when)
        # Time alone changes numbers too: every opportunity is looked at in this last moment.
        InsightMark.objects.bulk_create(
            InsightMark(connection=joined_, krayin_lead_id=person.number, due_at=NOW) for person in people
        )
        piecewise(NOW)
        piece_by_piece = visible()
        assert refresh_all(NOW) == 0
        Insight.objects.all().delete()
        refresh_all(NOW)
        assert visible() == piece_by_piece
        transaction.set_rollback(True)


def piecewise(when: Any) -> None:
    InsightMark.objects.update(due_at=when)
    refresh_due(when)
