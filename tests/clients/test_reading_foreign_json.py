"""Reading values partners write in several ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clients import reading

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
READERS = [
    reading.mapping,
    reading.mapping_or_empty,
    reading.integer,
    reading.integer_or_none,
    reading.flag,
    reading.text,
    reading.text_or_none,
    reading.money,
    reading.instant,
    reading.calendar_date,
]


@settings(deadline=None)
@given(JSON, st.sampled_from(READERS))
def test_a_value_is_read_or_refused_in_a_way_the_clients_expect(
    value: object, reader: Callable[[object], object]
) -> None:
    try:
        result = reader(value)
    except (ValueError, TypeError, ArithmeticError):
        result = None
    assert result is None or isinstance(result, (dict, int, str, Decimal, date))


@pytest.mark.parametrize(
    ("value", "amount"),
    [(2500, Decimal(2500)), ("2500.0000", Decimal("2500.0000")), (0.1, Decimal("0.1")), (None, None), ("", None)],
)
def test_money_is_a_number_or_a_text(value: object, amount: Decimal | None) -> None:
    assert reading.money(value) == amount


@pytest.mark.parametrize("value", ["R$ 2.500,00", "NaN", "Infinity", float("nan"), True, []])
def test_what_is_not_money_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading.money(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-20T22:13:51.000000Z", datetime(2026, 11, 20, 22, 13, 51, tzinfo=UTC)),
        ("2026-11-20T19:13:51.000-03:00", datetime(2026, 11, 20, 22, 13, 51, tzinfo=UTC)),
        (1794836524, datetime(2026, 11, 16, 13, 42, 4, tzinfo=UTC)),
        (1794837302.338907, datetime(2026, 11, 16, 13, 55, 2, 338907, tzinfo=UTC)),
        (0, None),
        (None, None),
    ],
)
def test_times_are_texts_with_zone_or_seconds(value: object, moment: datetime | None) -> None:
    assert reading.instant(value) == moment


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)))
def test_no_microsecond_of_a_float_is_lost(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)

    assert reading.instant(float(f"{moment.timestamp():.6f}")) == moment


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        reading.instant("2026-11-20T22:13:51")


@pytest.mark.parametrize(
    "zone", ["America/Sao_Paulo", "America/Rio_Branco", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Honolulu", "UTC"]
)
def test_local_midnight_is_the_same_date_in_every_zone_that_was_run(zone: str) -> None:
    midnight = datetime(2026, 12, 15, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    assert reading.calendar_date(midnight.strftime("%Y-%m-%dT%H:%M:%S.000000Z")) == date(2026, 12, 15)


@given(st.integers(min_value=-11, max_value=11), st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)))
def test_a_close_date_survives_every_offset_up_to_eleven_hours(hours: int, day: date) -> None:
    zone = timezone(timedelta(hours=hours))
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)

    assert reading.calendar_date(midnight.isoformat()) == day


@pytest.mark.parametrize(
    ("value", "is_set"), [(1, True), ("1", True), (True, True), (0, False), ("0", False), (None, False), (False, False)]
)
def test_flags_come_as_numbers_texts_or_booleans(value: object, is_set: bool) -> None:
    assert reading.flag(value) is is_set


@pytest.mark.parametrize("value", [True, 1.5, "x", None, [], {}])
def test_what_is_not_a_whole_number_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading.integer(value)


def test_a_list_that_is_null_is_refused_unless_it_may_be_missing() -> None:
    with pytest.raises(TypeError):
        reading.listed(None, reading.text)
    assert reading.listed_or_empty(None, reading.text) == ()
