"""Times as Krayin keeps them: naive text in the application's time zone, second precision (contract section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_STORED = "%Y-%m-%d %H:%M:%S"
_READABLE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
    r"(?:Z|[+-]\d{2}:?\d{2})?"
)


@lru_cache(maxsize=50_000)
def _to_iso(stored: str, zone: str) -> str:
    local = datetime.strptime(stored, _STORED).replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


class Moments:
    """Converts between the clock, stored local text and the UTC text of the answers."""

    def __init__(self, *, zone: str, clock: Callable[[], float]) -> None:
        self.zone = zone
        self.clock = clock

    def now(self) -> str:
        return datetime.fromtimestamp(int(self.clock()), ZoneInfo(self.zone)).strftime(_STORED)

    def today(self) -> date:
        return datetime.fromtimestamp(self.clock(), ZoneInfo(self.zone)).date()

    def yesterday(self) -> date:
        return self.today() - timedelta(days=1)

    def iso(self, stored: str | None) -> str | None:
        """Stored local text (a date counts as local midnight) as ISO 8601 UTC."""
        if stored is None:
            return None
        return _to_iso(stored if len(stored) > 10 else f"{stored} 00:00:00", self.zone)


def parse(text: object) -> datetime:
    """Reads a date or date-time of a request; offset and `Z` are dropped. Raises ValueError."""
    found = _READABLE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("unreadable date")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(year, month, day, hour, minute, second)


def stored_datetime(text: object) -> str:
    """Raises ValueError for an unreadable text."""
    return parse(text).strftime(_STORED)


def stored_date(text: object) -> str:
    """Raises ValueError for an unreadable text."""
    return parse(text).strftime("%Y-%m-%d")


def long_date(stored: str) -> str:
    """A date as panel and placeholders show it: `Tue Dec 15, 2026`."""
    return parse(stored).strftime("%a %b %d, %Y")


def long_datetime(stored: str) -> str:
    """A date-time as placeholders show it: 24 hours and AM or PM, as the format string says."""
    return parse(stored).strftime("%a %b %d, %Y %H:%M %p")


def format_price(value: object) -> str:
    """Currency text with a no-break space: `R$ 2.500,00`."""
    try:
        amount = float(str(value)) if value not in (None, "") else 0.0
    except ValueError:
        amount = 0.0
    whole = f"{amount:,.2f}".replace(",", "\0").replace(".", ",").replace("\0", ".")
    return f"R$\u00a0{whole}"
