"""How much of each period is gone: 50, 80 and 100 percent are told, the last one for as long as it is open (lgpd 5.2)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import RequestItem
from consent.requests.states import OPEN_STATES

LEVELS = (100, 80, 50)


@dataclass(frozen=True)
class DueLevel:
    """An open right that has used this share of its period. Ids only: fit for an alert."""

    item_id: UUID
    request_id: UUID
    clinic_id: int
    protocol: str
    right: str
    due_at: datetime
    level: int


def share_used(item: RequestItem, now: datetime) -> float:
    """Percent of the period that is gone; more than 100 when overdue."""
    whole = (item.due_at - item.received_at).total_seconds()
    return 100 * (now - item.received_at).total_seconds() / whole if whole > 0 else 100.0


def level_of(item: RequestItem, now: datetime) -> int:
    used = share_used(item, now)
    return next((level for level in LEVELS if used >= level), 0)


def due_levels(now: datetime) -> list[DueLevel]:
    """Every open right that has reached a level, the most urgent first. No state hides one, and none stops a clock."""
    items = RequestItem.objects.filter(state__in=OPEN_STATES).select_related("request").order_by("due_at")
    return [
        DueLevel(
            item.pk, item.request_id, item.request.clinic_id, item.request.protocol, item.right, item.due_at, level
        )
        for item in items.iterator(500)
        if (level := level_of(item, now))
    ]
