"""Who has to know when somebody says no: an app registers itself in its `ready()` (consent imports no app)."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Listener = Callable[[UUID, str, datetime], None]
_listeners: list[Listener] = []


def on_no(listener: Listener) -> None:
    """Have `listener(subject id, consent type, now)` called inside the transaction that takes a consent back."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(subject_id: UUID, consent_type: str, now: datetime) -> None:
    for listener in _listeners:
        listener(subject_id, consent_type, now)
