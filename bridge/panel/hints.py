"""F3: hints about an opportunity come from an app that the bridge does not know: it registers where they are kept.

They are read along with the opportunity, so that the panel asks the database no more often than before.
"""

from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.db.models.expressions import BaseExpression, Combinable

from bridge.models import Connection, SyncedObject
from consent.models import User


class Hints(Protocol):
    """Knows nothing about the panel."""

    def beside(self) -> BaseExpression | Combinable:
        """What to read beside a row of SyncedObject that is an opportunity."""

    def told(self, read: Any, connection: Connection, now: datetime) -> dict[str, Any] | None:
        """`{score, why: [text], suggestions: [{id, act, because}]}` of what was read; None: nothing to tell."""

    def dismiss(self, connection: Connection, lead_id: int, suggestion: str, *, by: User, now: datetime) -> bool:
        """Put one aside; False when it is no longer suggested."""


_sources: list[Hints] = []


def register(source: Hints) -> None:
    """One source; registering again replaces it."""
    _sources[:] = [source]


def beside(rows: QuerySet[SyncedObject]) -> QuerySet[SyncedObject]:
    return rows.annotate(hints=_sources[0].beside()) if _sources else rows


def of(held: SyncedObject, connection: Connection, now: datetime) -> dict[str, Any] | None:
    """The hints of an opportunity that was read with `beside`."""
    return _sources[0].told(getattr(held, "hints", None), connection, now) if _sources else None


def dismiss(connection: Connection, lead_id: int, suggestion: str, *, by: User, now: datetime) -> bool:
    return bool(_sources) and _sources[0].dismiss(connection, lead_id, suggestion, by=by, now=now)
