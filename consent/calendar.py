"""Counting time as the law does: days, business days, in the clinic's own zone (lgpd section 1.4).

The day of the event does not count, the last day does, until 23:59:59. A due date never moves because of a weekend or a
holiday. National holidays are versioned data; carnival, Corpus Christi and local holidays count as working days, so a
result can only be too early.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

LAST_SECOND = time(23, 59, 59)
SATURDAY = 5


@dataclass(frozen=True)
class Holiday:
    """A fixed national holiday; `since` is the first year it counts in."""

    month: int
    day: int
    since: int = 0


# The list is unverified against the official texts; an old version is never edited.
HOLIDAYS: Mapping[str, tuple[Holiday, ...]] = MappingProxyType(
    {
        "1": (
            Holiday(1, 1),
            Holiday(4, 21),
            Holiday(5, 1),
            Holiday(9, 7),
            Holiday(10, 12),
            Holiday(11, 2),
            Holiday(11, 15),
            Holiday(11, 20, since=2024),
            Holiday(12, 25),
        ),
    }
)
CURRENT_HOLIDAYS = "1"


@dataclass(frozen=True)
class BusinessCalendar:
    """Which days are business days: by which version of the list, and whether the clinic keeps Good Friday."""

    version: str = CURRENT_HOLIDAYS
    keeps_good_friday: bool = False

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < SATURDAY and not self.is_holiday(day)

    def is_holiday(self, day: date) -> bool:
        fixed = any((one.month, one.day) == (day.month, day.day) and day.year >= one.since for one in self._list)
        return fixed or (self.keeps_good_friday and day == good_friday(day.year))

    def after(self, day: date, count: int) -> date:
        """The business day number `count` after a day, which itself does not count. Raises ValueError below 1."""
        if count < 1:
            raise ValueError("Count at least one business day.")
        while count:
            day += timedelta(days=1)
            count -= self.is_business_day(day)
        return day

    def between(self, first: date, last: date) -> int:
        """Business days after `first` up to `last`, which counts; negative when `last` lies before."""
        if last < first:
            return -self.between(last, first)
        return sum(self.is_business_day(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))

    @property
    def _list(self) -> tuple[Holiday, ...]:
        return HOLIDAYS[self.version]


def good_friday(year: int) -> date:
    """The Friday before Easter of the Gregorian calendar (algorithm of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f = b // 4, b % 4, (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    rest = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return date(year, month, day + 1) - timedelta(days=2)


def due_after_days(event: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The last second of the last day, counted in the zone. `event` is aware."""
    return last_second(event.astimezone(zone).date() + timedelta(days=days), zone)


def due_after_business_days(event: datetime, days: int, zone: ZoneInfo, calendar: BusinessCalendar) -> datetime:
    """As `due_after_days`, for periods in business days (incidents, lgpd section 11)."""
    return last_second(calendar.after(event.astimezone(zone).date(), days), zone)


def last_second(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, LAST_SECOND, tzinfo=zone)


def business_days_left(due: datetime, now: datetime, zone: ZoneInfo, calendar: BusinessCalendar) -> int:
    """Business days from today to the last day; 0 on the last day, negative once it is over."""
    return calendar.between(now.astimezone(zone).date(), due.astimezone(zone).date())


def days_left(due: datetime, now: datetime, zone: ZoneInfo) -> int:
    """Whole days of the zone's calendar from today to the last day; negative once it is over."""
    return (due.astimezone(zone).date() - now.astimezone(zone).date()).days
