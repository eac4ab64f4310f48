"""Krayin's hints are read over REST: one call for every opportunity hinted at in the connection, persons included.

A reading is only written down as what Krayin showed (`krayin_leads`, `SyncedObject.there`): the reading that began last
wins, whatever lane it was for, and planning compares it with the last agreement. So lanes share their readings, and a
hint that came twice, late or not at all changes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection as db
from psycopg.types.json import Jsonb

from bridge.back import leads
from bridge.back.fields import agreed_there, seen
from bridge.clients.krayin import MAX_IDS, KrayinClient
from bridge.clients.shapes import Lead, Person
from bridge.models import Connection, KrayinHint, ObservedContact, SyncedObject
from bridge.models.inbound import lane_of
from bridge.sync.clock import database_now
from bridge.sync.work import Work

Kind = SyncedObject.Kind
# Each brings at most one opportunity and one person, and one call reads a hundred of either.
MAX_HINTS = MAX_IDS // 2

# The first reading of a person is the agreement; later ones never touch it.
NOTE_PERSON = """
UPDATE synced_objects SET there = %(there)s, there_at = %(at)s, there_version = %(version)s,
  base = %(first)s || base
WHERE id = %(id)s AND (there_at IS NULL OR there_at <= %(at)s)
"""


def settle_hints(work: Work) -> tuple[bool, datetime | None]:
    """Read what Krayin hinted at about this lane, and what else waits in the connection, as far as one call goes.

    Returns whether anything was read, and when to come back for a hint that has to wait. Raises the partner errors of
    `bridge.errors`; the hints then stay.
    """
    mine = list(KrayinHint.objects.filter(connection=work.connection, lane_key=work.claim.lane_key))
    due = [hint for hint in mine if hint.not_before <= work.now]
    later = min((hint.not_before for hint in mine if hint.not_before > work.now), default=None)
    if due:
        work.claim.hold()
        read_hinted(work.connection, work.client, first=work.claim.lane_key, now=work.now, people=work.people)
    return bool(due), later


def read_hinted(
    connection: Connection, client: KrayinClient, *, first: str, now: datetime, people: dict[int, Person]
) -> int:
    """Read up to fifty hinted records, those of the lane `first` before others; return how many were settled.

    `people` receives the persons of that lane as read, so that writing them to Chatwoot needs no second reading.
    """
    hints = _hints(connection, first, now)
    rows = list(
        SyncedObject.objects.filter(
            connection=connection, ref__in=[h.ref for h in hints], gone_at=None, forgotten_at=None
        )
    )
    owners = [row for row in rows if row.kind == Kind.PERSON]
    wanted = [row for row in rows if row.kind == Kind.LEAD]
    wanted += _companions(connection, owners, {row.lane_key for row in wanted})
    at = database_now()
    found = {lead.id: lead for lead in client.leads_by_ids(_ids(wanted))} if wanted else {}
    _take_leads(connection, wanted, found, at)
    embedded = {lead.person.id: lead.person for lead in found.values() if lead.person}
    missing = [row for row in owners if row.foreign_id not in embedded]
    if missing:
        embedded |= {person.id: person for person in client.persons_by_ids(_ids(missing))}
        _mark_gone([row for row in missing if row.foreign_id not in embedded], at)
    for row, _ in note_people(connection, embedded.values(), at):
        if row.lane_key == first:
            people[row.foreign_id] = embedded[row.foreign_id]
    return KrayinHint.objects.filter(connection=connection, ref__in=[h.ref for h in hints], at__lte=at).delete()[0]


def _hints(connection: Connection, first: str, now: datetime) -> list[KrayinHint]:
    due = KrayinHint.objects.filter(connection=connection, not_before__lte=now)
    own = list(due.filter(lane_key=first)[:MAX_HINTS])
    return own + list(due.exclude(lane_key=first).order_by("at")[: MAX_HINTS - len(own)])


def _companions(
    connection: Connection, owners: Sequence[SyncedObject], covered: Collection[str]
) -> Iterable[SyncedObject]:
    """An opportunity of each hinted person: its answer shows the person, too, and both may have changed."""
    lanes = {row.lane_key for row in owners} - set(covered)
    if not lanes:
        return []
    rows = SyncedObject.objects.filter(connection=connection, lane_key__in=lanes, kind=Kind.LEAD, gone_at=None)
    return {row.lane_key: row for row in rows.filter(forgotten_at=None).order_by("pk")}.values()


def _ids(rows: Sequence[SyncedObject]) -> list[int]:
    return sorted({row.foreign_id for row in rows})


def _take_leads(connection: Connection, rows: Sequence[SyncedObject], found: dict[int, Lead], at: datetime) -> None:
    leads.keep_leads(connection.krayin_id, found.values(), at)
    for row in rows:
        if row.foreign_id in found:
            leads.note_stage(connection, row, found[row.foreign_id])
    _mark_gone([row for row in rows if row.foreign_id not in found], at)


def _mark_gone(rows: Sequence[SyncedObject], now: datetime) -> None:
    """A list filtered by id shows what exists, so absence is proof (contract Krayin 20.2)."""
    gone = [row for row in rows if row.kind == Kind.LEAD]
    SyncedObject.objects.filter(pk__in=[row.pk for row in rows], gone_at=None).update(gone_at=now)
    if gone:
        leads.lost(gone[0].krayin_id, [row.foreign_id for row in gone], now)


def note_people(connection: Connection, persons: Iterable[Person], at: datetime) -> list[tuple[SyncedObject, bool]]:
    """Write down what Krayin showed of these persons, where they are ours; return their rows and whether they differ
    from the reading before."""
    shown = {person.id: person for person in persons}
    rows = list(
        SyncedObject.objects.filter(
            connection=connection, kind=Kind.PERSON, foreign_id__in=shown, gone_at=None, forgotten_at=None
        ).order_by("pk")
    )
    chats = _chat_digests(connection, rows)
    return [(row, note_person(row, shown[row.foreign_id], chats.get(row.lane_key, {}), at)) for row in rows]


def note_person(row: SyncedObject, person: Person, chat: dict[str, str], at: datetime) -> bool:
    """Write down one reading; True if it differs from the one before. `row` shows it afterwards."""
    there = seen(person, chat, row.base)
    differs: bool = there != row.there
    values: dict[str, Any] = {
        "id": row.pk,
        "there": Jsonb(there),
        "at": at,
        "version": person.updated_at or row.there_version,
        "first": Jsonb(agreed_there(there)),
    }
    with db.cursor() as cursor:
        cursor.execute(NOTE_PERSON, values)
        if not cursor.rowcount:
            return False
    row.there, row.there_at, row.there_version = there, at, values["version"]
    row.base = agreed_there(there) | row.base
    return differs


def _chat_digests(connection: Connection, rows: Sequence[SyncedObject]) -> dict[str, dict[str, str]]:
    lanes = {row.lane_key for row in rows}
    contacts = ObservedContact.objects.filter(
        connection=connection,
        chatwoot_contact_id__in=[int(lane.removeprefix("c:")) for lane in lanes if lane.startswith("c:")],
    )
    return {lane_of(row.chatwoot_contact_id): row.digests for row in contacts.only("chatwoot_contact_id", "digests")}


def hint_at_all(connection: Connection) -> int:
    """Have every opportunity of the connection read, a hundred a call: the direction was just switched on."""
    sql = """
    WITH o AS (
      SELECT connection_id, lane_key, ref FROM synced_objects
      WHERE connection_id = %(connection)s AND kind = 'lead' AND gone_at IS NULL
    ), h AS (
      INSERT INTO krayin_hints (connection_id, ref, lane_key) SELECT connection_id, ref, lane_key FROM o ORDER BY ref
      ON CONFLICT (connection_id, ref) DO UPDATE SET at = now() RETURNING 1
    ), l AS (
      INSERT INTO lanes (connection_id, lane_key, dirty, run_at)
      SELECT DISTINCT connection_id, lane_key, 1, now() FROM o ORDER BY lane_key
      ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
        run_at = CASE WHEN lanes.leased AND lanes.run_at > now() THEN lanes.run_at ELSE least(lanes.run_at, now()) END
    )
    SELECT count(*) FROM h
    """
    with db.cursor() as cursor:
        cursor.execute(sql, {"connection": connection.pk})
        found: int = cursor.fetchone()[0]
        return found
