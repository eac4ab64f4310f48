"""Opportunities as Krayin last showed them: kept from every answer, shown to people, never decided upon.

The reading that began last wins, whoever writes it down first.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection as db

from bridge.clients.shapes import Lead
from bridge.fields.readings import digests_of
from bridge.models import Connection, Effect, KrayinLead, StageChangeLog, SyncedObject

KEEP = """
INSERT INTO krayin_leads (krayin_id, lead_id, person_id, pipeline_id, stage_id, value, owner_id, owner_name, closed_at,
                          changed_at, fields, seen_at)
SELECT %(krayin)s, x.*, %(seen_at)s FROM unnest(
  %(lead)s::bigint[], %(person)s::bigint[], %(pipeline)s::bigint[], %(stage)s::bigint[], %(value)s::numeric[],
  %(owner)s::bigint[], %(owner_name)s::text[], %(closed_at)s::timestamptz[], %(changed_at)s::timestamptz[],
  %(fields)s::jsonb[]) AS x
ON CONFLICT (krayin_id, lead_id) DO UPDATE SET
  person_id = excluded.person_id, pipeline_id = excluded.pipeline_id, stage_id = excluded.stage_id,
  value = excluded.value, owner_id = excluded.owner_id, owner_name = excluded.owner_name,
  closed_at = excluded.closed_at, changed_at = excluded.changed_at, fields = excluded.fields,
  seen_at = excluded.seen_at, gone_at = NULL
WHERE krayin_leads.seen_at <= excluded.seen_at
"""
OWNER_NAME_LENGTH = 255
CENTS = Decimal("0.01")


def keep_leads(krayin_id: int, leads: Iterable[Lead], seen_at: datetime) -> None:
    """Write down what Krayin showed. `seen_at` is when the call began; an answer to an earlier call changes nothing."""
    rows = sorted({lead.id: lead for lead in leads}.values(), key=lambda lead: lead.id)
    if not rows:
        return
    values: dict[str, Any] = {
        "krayin": krayin_id,
        "seen_at": seen_at,
        "lead": [lead.id for lead in rows],
        "person": [lead.person_id for lead in rows],
        "pipeline": [lead.pipeline_id for lead in rows],
        "stage": [lead.stage_id for lead in rows],
        "value": [lead.value for lead in rows],
        "owner": [lead.owner_id for lead in rows],
        "owner_name": [lead.owner_name[:OWNER_NAME_LENGTH] for lead in rows],
        "closed_at": [lead.closed_at for lead in rows],
        "changed_at": [lead.updated_at for lead in rows],
        "fields": [json.dumps(digests_of(lead)) for lead in rows],
    }
    with db.cursor() as cursor:
        cursor.execute(KEEP, values)


def lost(krayin_id: int, lead_ids: Collection[int], now: datetime) -> None:
    """Krayin no longer lists these."""
    KrayinLead.objects.filter(krayin_id=krayin_id, lead_id__in=lead_ids, gone_at=None).update(gone_at=now, seen_at=now)


def differing(krayin_id: int, leads: Sequence[Lead]) -> set[int]:
    """Which of these leads look different from what is kept, to somebody who sees them in Chatwoot or in the panel."""
    kept = {
        row.lead_id: row for row in KrayinLead.objects.filter(krayin_id=krayin_id, lead_id__in=[x.id for x in leads])
    }
    return {lead.id for lead in leads if lead.id not in kept or _looks(kept[lead.id]) != _looks_now(lead)}


def _looks(row: KrayinLead) -> tuple[object, ...]:
    return (
        row.person_id, row.pipeline_id, row.stage_id, row.value, row.owner_id, row.owner_name, row.closed_at, row.gone_at,
        row.fields,
    )  # fmt: skip


def _looks_now(lead: Lead) -> tuple[object, ...]:
    return (
        lead.person_id, lead.pipeline_id, lead.stage_id, _money(lead.value), lead.owner_id,
        lead.owner_name[:OWNER_NAME_LENGTH], lead.closed_at, None, digests_of(lead),
    )  # fmt: skip


def _money(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(CENTS)


def note_stage(connection: Connection, row: SyncedObject, lead: Lead) -> bool:
    """Log a stage that differs from the one we last saw; a change newer than the reading is left for the next one.

    While a call of ours on the lead is unfinished, a new stage may be our own: its answer tells.
    """
    if lead.stage_id == row.stage_id or lead.stage_id is None or _is_in_flight(row):
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


def _is_in_flight(row: SyncedObject) -> bool:
    rows = Effect.objects.filter(krayin_id=row.krayin_id, object_ref=row.ref)
    return rows.filter(state__in=[Effect.State.SENT, Effect.State.UNKNOWN]).exists()
