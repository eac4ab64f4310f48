"""Fields that both sides keep changing: count the changes carried across, stop a quarrel, let people end it.

A program on either side that "corrects" what the other writes would otherwise go on for ever.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection as db
from django.db import transaction

from bridge.back.fields import Side
from bridge.models import Connection, FieldFlip, FieldStop
from bridge.sync.clock import database_now
from bridge.sync.lanes import mark_dirty
from consent.models import User

STOP = """
INSERT INTO field_stops (connection_id, lane_key, ref, field)
SELECT %(connection)s, %(lane)s, %(ref)s, field FROM field_flips
WHERE connection_id = %(connection)s AND ref = %(ref)s AND field = ANY(%(fields)s)
  AND at > clock_timestamp() - make_interval(secs => %(window)s)
  -- What people let go on starts to count anew.
  AND at > coalesce((SELECT max(resumed_at) FROM field_stops s WHERE s.connection_id = %(connection)s
                     AND s.ref = %(ref)s AND s.field = field_flips.field), '-infinity')
GROUP BY field HAVING count(*) > %(limit)s
ON CONFLICT DO NOTHING
"""
KEPT_FOR = timedelta(days=30)


def note(connection: Connection, lane_key: str, ref: str, names: Iterable[str], side: Side) -> None:
    """Count changes carried across, in the transaction that confirms them; stop what changed too often."""
    rows = [FieldFlip(connection=connection, ref=ref, field=name, direction=side) for name in names]
    if not rows:
        return
    FieldFlip.objects.bulk_create(rows)
    values: dict[str, Any] = {
        "connection": connection.pk,
        "lane": lane_key,
        "ref": ref,
        "fields": [row.field for row in rows],
        "window": settings.FLIP_WINDOW_S,
        "limit": settings.FLIPS_PER_WINDOW,
    }
    with db.cursor() as cursor:
        cursor.execute(STOP, values)


def stopped(connection: Connection, ref: str) -> frozenset[str]:
    """The fields of one person that wait for people."""
    rows = FieldStop.objects.filter(connection=connection, ref=ref, resumed_at=None)
    return frozenset(rows.values_list("field", flat=True))


@transaction.atomic
def resume(stop: FieldStop, user: User) -> bool:
    """Let a stopped field go on; False when somebody already did. The setting then decides between the two values."""
    changed = FieldStop.objects.filter(pk=stop.pk, resumed_at=None).update(resumed_at=database_now(), resumed_by=user)
    if changed:
        mark_dirty(stop.connection_id, stop.lane_key)
    return bool(changed)


def forget_old() -> int:
    """Counted changes are of no use after their window; a month is kept for people who ask why."""
    return FieldFlip.objects.filter(at__lt=database_now(-KEPT_FOR)).delete()[0]
