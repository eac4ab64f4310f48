"""The table of retention as data: what it says, and what no clinic may choose."""

from datetime import UTC, datetime

import pytest

from consent.datamap import OutOfBounds, Period, check_period, retention
from consent.datamap.retention import CURRENT_RETENTION, TABLES, End, Sensitivity

RULES = TABLES[CURRENT_RETENTION].rules
CODES = [f"R{n:02}" for n in range(1, 20)]


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def test_the_table_has_the_nineteen_categories_and_the_two_beside_them() -> None:
    assert sorted(RULES) == sorted([*CODES, "R01c", "R04s"])
    assert all(rule.code == code and rule.source and rule.name for code, rule in RULES.items())


@pytest.mark.parametrize(
    ("code", "minimum", "maximum", "end"),
    [
        ("R01", Period(years=20), None, End.REVIEW),
        ("R01c", None, Period(days=90), End.DELETE_KEEP_PROOF),
        ("R03", None, Period(months=12), End.DELETE),
        ("R04", None, Period(hours=48), End.DELETE),
        ("R07", Period(years=5), Period(years=10), End.DELETE),
        ("R08", Period(months=6), Period(months=6), End.DELETE),
        ("R09", Period(years=5), Period(years=20), End.DROP_SEGMENT),
        ("R10", None, Period(days=30), End.DELETE),
        ("R13", None, Period(hours=24), End.DELETE),
        ("R15", None, Period(days=35), End.DESTROY),
        ("R16", Period(years=5), None, End.REVIEW),
    ],
)
def test_a_rule_says_what_the_law_or_our_default_says(
    code: str, minimum: Period | None, maximum: Period | None, end: End
) -> None:
    rule = retention(code)
    assert (rule.minimum, rule.maximum, rule.end) == (minimum, maximum, end)


def test_records_of_patients_never_end_by_themselves() -> None:
    assert {code for code, rule in RULES.items() if rule.end == End.REVIEW} == {"R01", "R16"}
    assert {code for code, rule in RULES.items() if rule.sensitivity == Sensitivity.YES} == {
        "R01", "R01c", "R10", "R11", "R15", "R16",
    }  # fmt: skip


def test_every_default_lies_within_its_own_bounds() -> None:
    chosen = [rule for rule in RULES.values() if rule.maximum]
    for rule in chosen:
        check_period(rule, rule.maximum)  # type: ignore[arg-type]
        assert rule.minimum is None or not rule.maximum.is_shorter_than(rule.minimum)  # type: ignore[union-attr]
    assert len(chosen) > 10


@pytest.mark.parametrize("code", sorted(RULES))
def test_no_period_is_shorter_than_the_minimum(code: str) -> None:
    rule = retention(code)
    if rule.floor is None:
        check_period(rule, Period(hours=1))
        assert rule.minimum is None
        return
    with pytest.raises(OutOfBounds, match=code):
        check_period(rule, Period(days=1))
    check_period(rule, rule.floor)


@pytest.mark.parametrize(
    ("code", "period"),
    [
        ("R01", Period(years=19, months=11, days=30)),
        ("R03", Period(months=2)),
        ("R03", Period(months=25)),
        ("R08", Period(months=7)),
        ("R08", Period(days=150)),
        ("R16", Period(years=4)),
    ],
)
def test_a_clinic_cannot_leave_the_bounds(code: str, period: Period) -> None:
    with pytest.raises(OutOfBounds) as error:
        check_period(retention(code), period)
    assert code in str(error.value)
    assert retention(code).source in str(error.value)


def test_access_records_are_kept_longer_only_under_an_order() -> None:
    check_period(retention("R08"), Period(years=2), has_hold=True)
    with pytest.raises(OutOfBounds):
        check_period(retention("R03"), Period(years=3), has_hold=True)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        (Period(years=20), at(2004, 2, 29), at(2024, 2, 29)),
        (Period(years=1), at(2024, 2, 29), at(2025, 2, 28)),
        (Period(months=1), at(2026, 1, 31), at(2026, 2, 28)),
        (Period(months=6), at(2026, 8, 31), at(2027, 2, 28)),
        (Period(months=12), at(2026, 12, 1), at(2027, 12, 1)),
        (Period(days=90), at(2026, 11, 21), at(2027, 2, 19)),
    ],
)
def test_periods_end_by_the_calendar(period: Period, start: datetime, end: datetime) -> None:
    assert period.after(start) == end


def test_an_unknown_code_or_version_is_an_error() -> None:
    with pytest.raises(KeyError):
        retention("R20")
    with pytest.raises(KeyError):
        retention("R01", version="0")
