"""Ask Krayin what changed without us: stages moved by hand, people corrected, records deleted, equal references.

Webhooks of Krayin are lost as easily as Chatwoot's, and mass changes send none (contract Krayin 13.2). All of this runs
below live traffic: two calls every five minutes, one call per hundred objects a night.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from bridge.back import leads as kept
from bridge.back import readings
from bridge.clients.base import Priority
from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Lead
from bridge.models import Connection, EqualTitle, SyncedObject
from bridge.reconcile.chatwoot import count
from bridge.sync.by_hand import mark
from bridge.sync.clock import database_now
from bridge.sync.partners import krayin_client

BATCH = 100
Kind = SyncedObject.Kind

# Precision of `updated_at` is a second, and clocks and requests overlap (contract Krayin 20.8).
OVERLAP = timedelta(minutes=2)
# After the first page, which nearly always reaches back far enough: at most 15 calls a poll are 30 % of a minute's.
LARGE_PAGE = 1000
MOST_PAGES = 6


class Changed(Protocol):
    """A record of a list sorted by its time of change."""

    @property
    def updated_at(self) -> datetime | None: ...


Record = TypeVar("Record", bound=Changed)


def watch(connection: Connection) -> dict[str, int]:
    """Look at what changed in Krayin since the last look. Raises the partner errors of `bridge.errors`."""
    return {**watch_leads(connection), **watch_persons(connection)}


def watch_leads(connection: Connection) -> dict[str, int]:
    """Compare the leads changed since the last look with what is known, and wake the lanes of those that differ."""
    client, since, at = _client(connection), connection.leads_read_to, database_now()
    leads = list(_since(lambda limit, page: client.leads_changed(limit=limit, page=page), since))
    rows = SyncedObject.objects.filter(
        connection=connection, kind=Kind.LEAD, foreign_id__in=[lead.id for lead in leads], forgotten_at=None
    )
    known = {row.foreign_id: row for row in rows}
    owned = _owned(connection, [lead.person_id for lead in leads if lead.person_id])
    ours = [lead for lead in leads if lead.id in known or lead.person_id in owned]
    differing = kept.differing(connection.krayin_id, ours)
    kept.keep_leads(connection.krayin_id, ours, at)
    by_hand = sum(kept.note_stage(connection, known[lead.id], lead) for lead in leads if lead.id in known)
    people = readings.note_people(connection, [lead.person for lead in ours if lead.person], at)
    lanes = {known[i].lane_key for i in differing if i in known} | {row.lane_key for row, differs in people if differs}
    mark(connection.pk, lanes)
    equal = _equal_titles(connection, leads, known.keys())
    if by_hand:
        count(connection, timezone.now(), by_hand=by_hand)
    _read_to(connection, "leads_read_to", leads)
    return {"by_hand": by_hand, "equal_titles": equal, "leads": len(differing)}


def watch_persons(connection: Connection) -> dict[str, int]:
    """Write down what Krayin shows of our persons changed since the last look; wake the lanes of those that differ."""
    client, since, at = _client(connection), connection.persons_read_to, database_now()
    persons = list(_since(lambda limit, page: client.persons_changed(limit=limit, page=page), since))
    noted = readings.note_people(connection, persons, at)
    lanes = {row.lane_key for row, differs in noted if differs}
    mark(connection.pk, lanes)
    _read_to(connection, "persons_read_to", persons)
    return {"persons": len(lanes)}


def _since(ask: Callable[[int, int], Collection[Record]], since: datetime | None) -> Iterator[Record]:
    """Records changed after `since`, less the overlap, newest first; a hundred at the first look."""
    begin = since - OVERLAP if since else None
    found: Collection[Record] = ask(BATCH, 1)
    if begin and len(found) == BATCH and not _reaches(found, begin):
        # The pages shift while people go on working: read again from the top, in larger pages.
        found = []
        for page in range(1, MOST_PAGES + 1):
            more = ask(LARGE_PAGE, page)
            found = [*found, *more]
            if len(more) < LARGE_PAGE or _reaches(more, begin):
                break
    for record in found:
        if begin is None or record.updated_at is None or record.updated_at >= begin:
            yield record


def _reaches(found: Collection[Record], begin: datetime) -> bool:
    return any(record.updated_at and record.updated_at < begin for record in found)


def _read_to(connection: Connection, name: str, found: Collection[Record]) -> None:
    """Remember how far was read, by Krayin's own clock; never a time that lies ahead of ours (contract 20.7)."""
    newest = max((record.updated_at for record in found if record.updated_at), default=None)
    if newest:
        newest = min(newest, database_now())
        Connection.objects.filter(pk=connection.pk).update(**{name: newest})
        setattr(connection, name, newest)


def _owned(connection: Connection, person_ids: Collection[int]) -> set[int]:
    rows = SyncedObject.objects.filter(connection=connection, kind=Kind.PERSON, foreign_id__in=person_ids)
    return set(rows.filter(gone_at=None, forgotten_at=None).values_list("foreign_id", flat=True))


def _client(connection: Connection) -> KrayinClient:
    return krayin_client(connection)[0].at(Priority.BACKGROUND)


def _equal_titles(connection: Connection, leads: Collection[Lead], known: Collection[int]) -> int:
    """Report leads that carry one of our references but are not the lead we know by it."""
    marker = f" ponte-{connection.ref_code}-"
    strangers = [lead for lead in leads if lead.id not in known and marker in lead.title.casefold()]
    found = 0
    for lead in strangers:
        ref = lead.title.casefold().rsplit(" ", 1)[-1]
        own = SyncedObject.objects.filter(connection=connection, ref=ref, gone_at=None).first()
        if own is None:
            continue
        _, is_new = EqualTitle.objects.get_or_create(
            connection=connection, ref=ref, defaults={"foreign_ids": [own.foreign_id, lead.id]}
        )
        found += is_new
    return found


def lose(connection: Connection, rows: QuerySet[SyncedObject], kind: Kind) -> int:
    """Mark objects gone; Chatwoot stops showing their opportunities."""
    found = list(rows.values_list("pk", "foreign_id", "lane_key"))
    now = database_now()
    if kind == Kind.LEAD:
        kept.lost(connection.krayin_id, [foreign_id for _, foreign_id, _ in found], now)
    gone = SyncedObject.objects.filter(pk__in=[pk for pk, _, _ in found], gone_at=None).update(gone_at=now)
    if connection.krayin_to_chatwoot and kind != Kind.NOTE:
        mark(connection.pk, {lane_key for _, _, lane_key in found})
    return gone


def find_gone(connection: Connection) -> int:
    """Ask, a hundred ids a call, which of our persons, leads and notes still exist; mark the others gone.

    A list filtered by id answers 200 with what exists (contract Krayin 20.2), so absence is proof.
    """
    client = _client(connection)
    asks: dict[Kind, Callable[[list[int]], set[int]]] = {
        Kind.PERSON: lambda ids: {p.id for p in client.persons_by_ids(ids)},
        Kind.LEAD: lambda ids: {lead.id for lead in client.leads_by_ids(ids, priority=Priority.BACKGROUND)},
        Kind.NOTE: lambda ids: {a.id for a in client.activities_by_ids(ids)},
    }
    gone = 0
    for kind, ask in asks.items():
        rows = SyncedObject.objects.filter(connection=connection, kind=kind, gone_at=None).order_by("pk")
        ids = list(rows.values_list("foreign_id", flat=True))
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            gone += lose(connection, rows.filter(foreign_id__in=set(batch) - ask(batch)), kind)
    if gone:
        count(connection, timezone.now(), gone=gone)
    return gone
