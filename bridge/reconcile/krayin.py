"""Ask Krayin what changed without us: stages moved by hand, records deleted, records with the same reference.

Webhooks of Krayin are lost as easily as Chatwoot's, and mass changes send none (contract Krayin 13.2). All of this runs
below live traffic: one call every five minutes, one call per hundred objects a night.
"""

from collections.abc import Callable, Collection

from django.utils import timezone

from bridge.clients.base import Priority
from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Lead
from bridge.models import Connection, EqualTitle, StageChangeLog, SyncedObject
from bridge.reconcile.chatwoot import count
from bridge.sync.partners import krayin_client

BATCH = 100
Kind = SyncedObject.Kind


def watch_leads(connection: Connection) -> dict[str, int]:
    """Compare the hundred leads changed last with what is known. Raises the partner errors of `bridge.errors`."""
    leads = _client(connection).leads_changed(limit=BATCH)
    known = {
        row.foreign_id: row
        for row in SyncedObject.objects.filter(
            connection=connection, kind=Kind.LEAD, foreign_id__in=[lead.id for lead in leads]
        )
    }
    by_hand = sum(_moved_by_hand(connection, known[lead.id], lead) for lead in leads if lead.id in known)
    equal = _equal_titles(connection, leads, known.keys())
    if by_hand:
        count(connection, timezone.now(), by_hand=by_hand)
    return {"by_hand": by_hand, "equal_titles": equal}


def _client(connection: Connection) -> KrayinClient:
    return krayin_client(connection)[0].at(Priority.BACKGROUND)


def _moved_by_hand(connection: Connection, row: SyncedObject, lead: Lead) -> bool:
    """Log a stage that differs from the one we last saw; a change newer than the reading is left for the next one."""
    if lead.stage_id == row.stage_id or lead.stage_id is None:
        return False
    changed = SyncedObject.objects.filter(pk=row.pk, seq=row.seq, stage_id=row.stage_id).update(
        stage_id=lead.stage_id, closed_at=lead.closed_at
    )
    if not changed:
        return False
    names = {s["id"]: s["name"] for p in connection.pipelines for s in p["stages"]}
    StageChangeLog.objects.create(
        connection=connection,
        krayin_lead_id=lead.id,
        previous_stage=names.get(row.stage_id),
        new_stage=names.get(lead.stage_id, str(lead.stage_id)),
        trigger_source=StageChangeLog.Trigger.MANUAL,
    )
    return True


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
            missing = set(batch) - ask(batch)
            gone += rows.filter(foreign_id__in=missing).update(gone_at=timezone.now())
    if gone:
        count(connection, timezone.now(), gone=gone)
    return gone
