"""The filter grammar of contacts and conversations (contract section 8.1, `POST /contacts/filter`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from .rows import MICROSECONDS, Json, Value

RowT = TypeVar("RowT")
Read = Callable[[RowT, str], Any]

OPERATORS = (
    "equal_to",
    "not_equal_to",
    "contains",
    "does_not_contain",
    "is_present",
    "is_not_present",
    "is_greater_than",
    "is_less_than",
    "days_before",
)
DATE_KEYS = frozenset({"created_at", "last_activity_at"})


class BadFilter(ValueError):
    """Unknown key or operator, or a value that does not fit: answered as 422 `{error}`."""


def select(
    items: Iterable[RowT], conditions: Value, *, keys: frozenset[str], read: Read[RowT], today: date
) -> list[RowT]:
    """The items that meet the conditions; AND binds more tightly than OR, as in the SQL Chatwoot writes.

    `read(item, key)` gives the value under a key, dates as microseconds. Raises `BadFilter`.
    """
    groups = _groups(conditions, keys)
    return [
        item
        for item in items
        if any(all(_meets(read(item, one["attribute_key"]), one, today) for one in group) for group in groups)
    ]


def _groups(conditions: Value, keys: frozenset[str]) -> list[list[Json]]:
    if not isinstance(conditions, list) or not conditions:
        raise BadFilter("payload must be a list of conditions")
    groups: list[list[Json]] = [[]]
    for condition in conditions:
        _check(condition, keys)
        groups[-1].append(condition)
        if str(condition.get("query_operator") or "AND").upper() == "OR":
            groups.append([])
    return [group for group in groups if group]


def _check(condition: Value, keys: frozenset[str]) -> None:
    if not isinstance(condition, dict):
        raise BadFilter("a condition must be an object")
    key, operator = condition.get("attribute_key"), condition.get("filter_operator")
    if key not in keys:
        raise BadFilter(f"Invalid attribute key - [{key}]. The key should be one of [{', '.join(sorted(keys))}]")
    if operator not in OPERATORS:
        raise BadFilter(f"Invalid operator. The allowed operators for {key} are [{', '.join(OPERATORS)}].")
    if operator not in ("is_present", "is_not_present") and not _values(condition):
        raise BadFilter(f"Invalid value. The values provided for {key} are invalid")


def _meets(value: Value, condition: Json, today: date) -> bool:
    operator = condition["filter_operator"]
    if operator == "is_present":
        return value not in (None, "", [])
    if operator == "is_not_present":
        return value in (None, "", [])
    key, wanted = condition["attribute_key"], _values(condition)
    if key in DATE_KEYS:
        return _meets_day(value, operator, wanted[0], today)
    if key == "status" and "all" in wanted:
        return True
    found = [_plain(key, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
    return _meets_text(found, operator, [_plain(key, one) for one in wanted])


def _meets_text(found: list[str], operator: str, wanted: list[str]) -> bool:
    if operator in ("equal_to", "not_equal_to"):
        return any(one in wanted for one in found) == (operator == "equal_to")
    if operator in ("contains", "does_not_contain"):
        return any(want in one for one in found for want in wanted) == (operator == "contains")
    try:
        number, limit = float(found[0]), float(wanted[0])
    except (IndexError, ValueError):
        return False
    return number > limit if operator == "is_greater_than" else number < limit


def _meets_day(value: int | None, operator: str, wanted: Value, today: date) -> bool:
    """Dates compare by day."""
    if value is None:
        return False
    day = datetime.fromtimestamp(value // MICROSECONDS, UTC).date()
    try:
        if operator == "days_before":
            return day < today - timedelta(days=int(wanted))
        limit = date.fromisoformat(str(wanted)[:10])
    except ValueError as error:
        raise BadFilter("Invalid value. The values provided for a date are invalid") from error
    if operator == "is_greater_than":
        return day > limit
    if operator == "is_less_than":
        return day < limit
    return (day == limit) == (operator == "equal_to")


def _values(condition: Json) -> list[Any]:
    values = condition.get("values")
    return values if isinstance(values, list) else [] if values is None else [values]


def _plain(key: str, value: Value) -> str:
    """Text without case; a telephone number may be written with or without its plus sign."""
    text = str(value).lower()
    return text.replace("+", "") if key == "phone_number" else text
