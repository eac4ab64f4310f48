"""What beat runs and what a person starts: one partner that is away never stops the other connections."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from bridge.errors import PartnerError
from bridge.models import Connection
from bridge.reconcile import chatwoot, krayin

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
EVERY = timedelta(minutes=5)


def due(now: datetime) -> QuerySet[Connection]:
    """Connections to poll now: those that only live by polling each minute, the others every five."""
    receiving = Connection.objects.filter(
        state__in=[Connection.State.SHADOW, Connection.State.ACTIVE, Connection.State.PAUSED]
    ).select_related("clinic")
    return receiving.filter(Q(polled_at=None) | Q(polling_only=True) | Q(polled_at__lte=now - EVERY))


def poll_due() -> dict[str, int]:
    """Poll every connection that is due and watch its leads. Return counts."""
    counts = {"connections": 0, "brought": 0, "missed": 0, "by_hand": 0, "failed": 0}
    for connection in due(timezone.now()):
        counts["connections"] += 1
        polled = _attempt(connection, chatwoot.poll)
        if polled:
            counts["brought"] += polled.brought
            counts["missed"] += polled.missed
        watched = _attempt(connection, krayin.watch) if connection.state == Connection.State.ACTIVE else {}
        counts["by_hand"] += (watched or {}).get("by_hand", 0)
        counts["failed"] += (polled is None) + (watched is None)
    return counts


def nightly() -> dict[str, int]:
    """Every night: contacts that vanished from Chatwoot, records that vanished from Krayin."""
    counts = {"connections": 0, "contacts_gone": 0, "records_gone": 0, "failed": 0}
    for connection in Connection.objects.filter(state=Connection.State.ACTIVE).select_related("clinic"):
        contacts, records = _attempt(connection, chatwoot.check_contacts), _attempt(connection, krayin.find_gone)
        counts["connections"] += 1
        counts["contacts_gone"] += contacts or 0
        counts["records_gone"] += records or 0
        counts["failed"] += (contacts is None) + (records is None)
    return counts


def _attempt(connection: Connection, job: Callable[[Connection], Result]) -> Result | None:
    try:
        return job(connection)
    except PartnerError as error:
        logger.warning("not reconciled: connection=%s %s", connection.pk, error)
        return None
