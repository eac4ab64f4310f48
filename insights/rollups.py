"""Days: written again from the facts, so that doing it twice changes nothing."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from bridge.models import Connection
from insights import updating

# "Not reopened within 7 days" is only known then; the day itself and one for zones come on top.
STILL_MOVING_DAYS = 9
REBUILD = "SELECT rebuild_insight_day(%s, %s)"


def rebuild_day(connection_id: int, day: date) -> int:
    """Write one local day of a connection again; return its number of rows of counts."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REBUILD, [connection_id, day])
        written: int = cursor.fetchone()[0]
    return written


def rebuild_recent(now: datetime) -> int:
    """Nightly: the days whose numbers may still move, of every connection; return how many days were written."""
    days = 0
    for pk, zone in Connection.objects.values_list("pk", "clinic__time_zone"):
        today = now.astimezone(ZoneInfo(zone)).date()
        for back in range(STILL_MOVING_DAYS):
            rebuild_day(pk, today - timedelta(days=back))
        days += STILL_MOVING_DAYS
    return days


def recompute_after_erasure(connection_id: int, lead_ids: Sequence[int], days: Sequence[date]) -> int:
    """Facts were removed: write the days again and the numbers, which say `recomputed_after_erasure`."""
    for day in days:
        rebuild_day(connection_id, day)
    return updating.refresh(connection_id, lead_ids, after_erasure=True)
