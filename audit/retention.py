"""Dropping the rows of quarters that nobody must keep any longer: whole sealed quarters, never single rows (lgpd 14.3)."""

from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Max, Min

from audit.models import Drop, Segment
from config.db import catalogue
from config.db.partitions import Action, ActionKind, Step, apply

TABLES = ("audit_logs", "audit_seals")
UNPROVEN = """
SELECT count(*) FROM audit_logs l
WHERE l.created_at >= %(lower)s AND l.created_at < %(upper)s
  AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = l.id AND s.created_at = l.created_at)
"""


class CannotDrop(Exception):
    """The quarter must stay; the message says why. Seal and verify first, or wait."""


def drop_quarter(quarter: date) -> Drop:
    """Sign for a quarter's rows and drop them with their seals; segments stay, so the chain goes on being provable.

    Whether the quarter has run out is the caller's question (retention policy). Safe to repeat after a crash. Needs a
    direct connection in autocommit. Raises CannotDrop.
    """
    lower = datetime(quarter.year, quarter.month, 1, tzinfo=UTC)
    upper = Step.QUARTER.following(lower)
    if lower != Step.QUARTER.start(lower) or upper > catalogue.database_now(connection):
        raise CannotDrop(f"{quarter} is not the first day of a quarter that is over.")
    with connection.cursor() as cursor:
        cursor.execute(UNPROVEN, {"lower": lower, "upper": upper})
        (unproven,) = cursor.fetchone()
    if unproven:
        raise CannotDrop(f"{unproven} rows of {quarter} are not sealed.")
    drop = signed_drop(quarter)
    actions = [
        Action(ActionKind.DROP, table, partition.name, partition.lower, partition.upper)
        for table in TABLES
        for partition in catalogue.partitions(connection, table)
        if partition.lower and partition.upper and lower <= partition.lower and partition.upper <= upper
    ]
    apply(actions)
    return drop


def signed_drop(quarter: date) -> Drop:
    held = Drop.objects.filter(quarter=quarter).first()
    if held:
        return held
    bounds = Segment.objects.filter(quarter=quarter).aggregate(first=Min("number"), last=Max("number"))
    if bounds["first"] is None:
        raise CannotDrop(f"No sealed rows lie in {quarter}.")
    drop = Drop(quarter=quarter, first_segment=bounds["first"], last_segment=bounds["last"])
    drop.sign()
    drop.save(force_insert=True)
    return drop
