"""The database's clock: the only one that schedules anything, because the clocks of hosts differ (DESIGN section 4)."""

from datetime import datetime, timedelta

from django.db import connection as db


def database_now(wait: timedelta = timedelta(0)) -> datetime:
    """The moment it is in PostgreSQL, `wait` later; inside a transaction, too, it goes on."""
    with db.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() + make_interval(secs => %s)", [wait.total_seconds()])
        now: datetime = cursor.fetchone()[0]
        return now
