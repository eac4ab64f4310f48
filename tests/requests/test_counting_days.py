"""Counting days as the law does: a table of 200 dates, and the due dates of requests in the four zones of Brazil."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from consent.calendar import (
    BusinessCalendar,
    days_left,
    due_after_business_days,
    due_after_days,
    good_friday,
)

TABLE = Path(__file__).with_name("business_days.csv")
ZONES = {"America/Noronha": 2, "America/Sao_Paulo": 3, "America/Manaus": 4, "America/Rio_Branco": 5}


def rows() -> list[list[str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return list(csv.reader(lines, delimiter=";"))


def test_two_hundred_dates_come_out_as_in_the_table() -> None:
    wrong = []
    for begins, zone, days, friday, last in rows():
        there = ZoneInfo(zone)
        noon = datetime.fromisoformat(f"{begins}T12:00").replace(tzinfo=there)
        calendar = BusinessCalendar(keeps_good_friday=friday == "1")
        due = due_after_business_days(noon, int(days), there, calendar)
        if due != datetime.fromisoformat(f"{last}T23:59:59").replace(tzinfo=there):
            wrong.append((begins, zone, days, friday, last, due))
    assert wrong == []
    assert len(rows()) == 200


def test_carnival_and_corpus_christi_are_working_days() -> None:
    calendar = BusinessCalendar(keeps_good_friday=True)
    for day in (date(2026, 2, 16), date(2026, 2, 17), date(2026, 6, 4), date(2027, 2, 8), date(2027, 2, 9)):
        assert calendar.is_business_day(day)


def test_good_friday_counts_unless_the_clinic_keeps_it() -> None:
    friday = date(2026, 4, 3)
    assert good_friday(2026) == friday
    assert BusinessCalendar().is_business_day(friday)
    assert not BusinessCalendar(keeps_good_friday=True).is_business_day(friday)


def test_the_twentieth_of_november_is_national_since_2024() -> None:
    calendar = BusinessCalendar()
    assert calendar.is_business_day(date(2023, 11, 20))
    assert [calendar.is_business_day(date(year, 11, 20)) for year in (2024, 2025, 2026)] == [False] * 3


@pytest.mark.parametrize(("zone", "behind"), ZONES.items())
def test_the_day_of_receipt_does_not_count_and_the_last_one_does_in_the_clinics_zone(zone: str, behind: int) -> None:
    there = ZoneInfo(zone)
    # Half past one in the morning in UTC: in Brazil it is still the evening of the day before.
    received = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    due = due_after_days(received, 15, there)
    assert due == datetime(2026, 12, 5, 23, 59, 59, tzinfo=there)
    assert due.astimezone(UTC) == datetime(2026, 12, 6, behind - 1, 59, 59, tzinfo=UTC)
    assert days_left(due, received, there) == 15


def test_a_due_date_is_not_moved_by_a_holiday_or_a_weekend() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    received = datetime(2026, 12, 10, 12, 0, tzinfo=zone)
    assert due_after_days(received, 15, zone).date() == date(2026, 12, 25)


def test_a_period_without_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        BusinessCalendar().after(date(2026, 1, 1), 0)
