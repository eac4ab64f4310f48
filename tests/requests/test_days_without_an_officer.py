"""Days on which neither officer nor substitute is designated are found."""

from datetime import date

from consent.designations import Gap, gaps, on_day
from consent.models import DpoDesignation

TODAY = date(2026, 11, 21)


def term(part: str, begins: date, ends: date | None = None) -> DpoDesignation:
    return DpoDesignation(part=part, name=part, starts_on=begins, ends_on=ends)


def test_an_officer_until_further_notice_leaves_no_gap() -> None:
    assert gaps([term("dpo", date(2026, 1, 1))], TODAY) == []


def test_without_any_designation_the_gap_begins_today() -> None:
    assert gaps([], TODAY) == [Gap(TODAY, None)]


def test_days_between_two_officers_are_a_gap_unless_a_substitute_stands_in() -> None:
    first = term("dpo", date(2026, 1, 1), date(2026, 3, 31))
    second = term("dpo", date(2026, 4, 11))
    assert gaps([first, second], TODAY) == [Gap(date(2026, 4, 1), date(2026, 4, 10))]
    assert gaps([first, second, term("substitute", date(2026, 2, 1), date(2026, 4, 10))], TODAY) == []


def test_one_day_is_a_gap_and_none_is_not() -> None:
    first = term("dpo", date(2026, 1, 1), date(2026, 3, 30))
    assert gaps([first, term("dpo", date(2026, 4, 1))], TODAY) == [Gap(date(2026, 3, 31), date(2026, 3, 31))]
    assert gaps([first, term("dpo", date(2026, 3, 31))], TODAY) == []


def test_an_end_without_successor_leaves_the_days_after_it() -> None:
    assert gaps([term("dpo", date(2026, 1, 1), date(2026, 12, 31))], TODAY) == [Gap(date(2027, 1, 1), None)]


def test_the_officer_comes_before_the_substitute_of_the_same_day() -> None:
    rows = [term("substitute", date(2026, 1, 1)), term("dpo", date(2026, 1, 1), date(2026, 11, 20))]
    on_twentieth, on_next = on_day(rows, date(2026, 11, 20)), on_day(rows, TODAY)
    assert on_twentieth
    assert on_next
    assert (on_twentieth.part, on_next.part) == ("dpo", "substitute")
