"""Whole partitions of links and stage changes: dropped when their time is over and nothing in them is needed any more."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection as db
from psycopg import sql

from config.db import catalogue
from config.db.partitions import Action, ActionKind, Incomplete, apply, is_ours
from consent.datamap.retention import Period
from consent.retention.holding import is_kept
from consent.retention.ways import Found, StillNeeded

# A row is needed while the conversation, or the opportunity, it speaks of is not anonymous: that waits for holds, for
# the clinic's own period, and for a relation that goes on.
NEEDED = {
    "activity_mappings": """SELECT EXISTS (
      SELECT FROM {partition} a JOIN conversation_mappings m
        ON m.connection_id = a.connection_id AND m.chatwoot_conversation_id = a.conversation_id)""",
    "stage_change_logs": """SELECT EXISTS (
      SELECT FROM {partition} a JOIN conversation_mappings m
        ON m.connection_id = a.connection_id AND m.krayin_lead_id = a.krayin_lead_id)""",
}
KEYS = """
DELETE FROM activity_keys k USING {partition} a
WHERE k.connection_id = a.connection_id AND k.chatwoot_message_id = a.chatwoot_message_id
"""


def expired(period: Period, now: datetime) -> Iterator[Found]:
    """Partitions of ours that ended longer ago than the longest period of any clinic."""
    for table in NEEDED:
        for one in catalogue.partitions(db, table):
            if one.upper is None or not is_ours(one.comment, table) or period.after(one.upper) > now:
                continue
            why = "held" if is_kept("R02", "R13") else "needed" if is_needed(table, one.name) else ""
            yield Found(one.name, period.after(one.upper), why)


def is_needed(table: str, partition: str) -> bool:
    with db.cursor() as cursor:
        cursor.execute(sql.SQL(NEEDED[table]).format(partition=sql.Identifier(partition)))
        (answer,) = cursor.fetchone()
    return bool(answer)


def drop(name: str, now: datetime) -> None:
    """Detach and drop it; what a long reader holds up is on the next list again. Raises StillNeeded."""
    for table in NEEDED:
        for one in catalogue.partitions(db, table):
            if one.name == name:
                if table == "activity_mappings":
                    with db.cursor() as cursor:
                        cursor.execute(sql.SQL(KEYS).format(partition=sql.Identifier(name)))
                try:
                    apply([Action(ActionKind.DROP, table, name, one.lower, one.upper)], using=settings.MAINTENANCE)
                except Incomplete as error:
                    raise StillNeeded(str(error)) from error
