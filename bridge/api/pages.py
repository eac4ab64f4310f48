"""Pages of a list, newest first, by keyset: no totals, no offsets, the same price on every page."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bridge.api.problems import invalid

BIGGEST = 2**63 - 1


@dataclass(frozen=True)
class Page:
    """Rows of one page; `next_cursor` is None on the last."""

    rows: list[Any]
    next_cursor: str | None


def page_of(rows: QuerySet, *, by: str, cursor: str, limit: int) -> Page:
    """The rows after the cursor, newest `by` first, equal ones by descending key. Raises Problem 400."""
    if cursor:
        value, pk = _read(cursor, of_times=by.endswith("_at"))
        # Bounded on the indexed column first; the second part only separates rows of the same moment.
        rows = rows.filter(**{f"{by}__lte": value}).filter(Q(**{f"{by}__lt": value}) | Q(pk__lt=pk))
    found = list(rows.order_by(f"-{by}", "-pk")[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], _write(getattr(last, by), last.pk))


def _write(value: Any, pk: int) -> str:
    told = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([told, pk]).encode()).decode().rstrip("=")


def _read(cursor: str, *, of_times: bool) -> tuple[Any, int]:
    try:
        told, pk = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        value = datetime.fromisoformat(told) if of_times else told
        if not (_is_key(pk) and (_is_key(value) or (of_times and value.tzinfo is not None))):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise invalid("cursor", _("Send `next_cursor` of the page before, unchanged.")) from None
    return value, pk


def _is_key(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BIGGEST
