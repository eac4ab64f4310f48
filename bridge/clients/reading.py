"""Reading foreign JSON: each function takes one decoded value and returns ours, or raises ValueError or TypeError.

Partners write the same field as number, text or null; what is not listed here as accepted is refused, and the client
turns the refusal into an unreadable answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar

T = TypeVar("T")


def mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise TypeError("not an object")


def mapping_or_empty(value: object) -> Mapping[str, object]:
    """PHP writes an empty map as a list, and unset maps are null."""
    return {} if value is None or value == [] else mapping(value)


def listed_or_empty(value: object, read: Callable[[object], T]) -> tuple[T, ...]:
    """Each entry of a field that may be null or missing."""
    return () if value is None else listed(value, read)


def listed(value: object, read: Callable[[object], T]) -> tuple[T, ...]:
    """Each entry; null is refused, because an empty list means "gone" to the callers."""
    if isinstance(value, list):
        return tuple(read(entry) for entry in value)
    raise TypeError("not a list")


def integer(value: object) -> int:
    """A whole number, also as text of digits or as a float without fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise TypeError("not a number")
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError("not whole")
    return number


def integer_or_none(value: object) -> int | None:
    return None if value is None or value == "" else integer(value)


def flag(value: object) -> bool:
    """True, 1 and "1"; null, 0, "0" and "" are false."""
    return value if isinstance(value, bool) else bool(integer_or_none(value))


def text(value: object) -> str:
    """A text; null reads as empty, numbers as written."""
    if value is None:
        return ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise TypeError("not a text")


def text_or_none(value: object) -> str | None:
    return text(value) or None


def money(value: object) -> Decimal | None:
    """A number or a decimal text such as "2500.0000"; null and "" are None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("not money")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("not money") from None
    if not amount.is_finite():
        raise ValueError("not money")
    return amount


def instant(value: object) -> datetime | None:
    """ISO 8601 text with zone, or Unix seconds (0 means unset), as an aware UTC time rounded to microseconds."""
    if value is None or value == "" or value == 0:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("not a time")
    if not isinstance(value, str):
        return _from_epoch(Decimal(str(value)))
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC)


def _from_epoch(seconds: Decimal) -> datetime:
    # Through Decimal: a float product would move the last microsecond of Chatwoot's updated_at.
    microseconds = int((seconds * 1_000_000).to_integral_value())
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def calendar_date(value: object) -> date | None:
    """The date behind Krayin's local midnight written in UTC: add 12 h, take the UTC date.

    Right for every zone from UTC-11 to UTC+12 (Krayin contract section 20.7).
    """
    moment = instant(value)
    return None if moment is None else (moment + timedelta(hours=12)).date()
