"""What makes us fail is set aside, visibly, so that nothing else waits for its repair (screen B2).

An event that cannot be observed is parked and its lane goes on. A lane that cannot be planned or carried out is our
defect: its newest event stands for it in the list, and the lane is tried again until it succeeds.
"""

import traceback
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection as db
from django.db import transaction

from bridge.causes import Cause
from bridge.sync.lanes import Claim, LeaseLost, fence

PARK_FIRST = """
UPDATE webhook_events e SET status = 'parked', cause = %(cause)s, observed_at = now()
FROM (SELECT id, received_at FROM webhook_events
      WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND status = 'received' ORDER BY id LIMIT 1) x
WHERE e.id = x.id AND e.received_at = x.received_at
"""

# The newest that stood for the lane before still does: not one more every minute.
PARK_NEWEST = """
UPDATE webhook_events e SET status = 'parked', cause = %(cause)s
FROM (SELECT id, received_at FROM webhook_events
      WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND (status = 'observed' OR cause = %(cause)s)
      ORDER BY received_at DESC LIMIT 1) x
WHERE e.id = x.id AND e.received_at = x.received_at AND e.status = 'observed'
"""

HEAL = """
UPDATE webhook_events SET status = 'observed', cause = ''
WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND status = 'parked' AND cause = %(cause)s
"""


def park_first(claim: Claim) -> None:
    """Park the lane's oldest unread event: observing it failed. Raises LeaseLost."""
    with transaction.atomic():
        fence(claim)
        _run(PARK_FIRST, claim, Cause.MAPPING)


def park_newest(claim: Claim) -> bool:
    """Show the failed lane by its newest event; False when another worker has the lane by now."""
    try:
        with transaction.atomic():
            fence(claim)
            _run(PARK_NEWEST, claim, Cause.INTERNAL)
    except LeaseLost:
        return False
    return True


def healed(claim: Claim) -> None:
    """The lane that failed went through: nobody has to do anything any more. Raises LeaseLost."""
    with transaction.atomic():
        fence(claim)
        _run(HEAL, claim, Cause.INTERNAL)


def trace_of(error: BaseException) -> str:
    """Type and our own lines of an error, innermost first; never its text, which may quote what people wrote."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(settings.BASE_DIR))]
    places = [f"{Path(frame.filename).stem}:{frame.lineno}" for frame in reversed(frames)]
    return f"{type(error).__name__} at {' < '.join(places)}"


def _run(sql: str, claim: Claim, cause: Cause) -> None:
    values: dict[str, Any] = {"connection": claim.connection_id, "lane": claim.lane_key, "cause": cause.value}
    with db.cursor() as cursor:
        cursor.execute(sql, values)
