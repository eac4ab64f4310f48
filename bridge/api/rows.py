"""What the API reads, always inside one connection, so that every list follows an index of its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from bridge.api.params import EVENTS_SHOWN
from bridge.models import Connection, ContactMapping, ConversationMapping, StageChangeLog, SyncJob, WebhookEvent
from bridge.queries.links import with_companions

Asked = Mapping[str, Any]
# What a list asks for by name and the column that answers.
LINK_COLUMNS = {"contact_id": "chatwoot_contact_id", "person_id": "krayin_person_id", "lead_id": "krayin_lead_id"}


def _equal(rows: QuerySet, asked: Asked, columns: Mapping[str, str]) -> QuerySet:
    return rows.filter(**{column: asked[name] for name, column in columns.items() if name in asked})


def contact_links(connection: Connection, asked: Asked) -> QuerySet[ContactMapping]:
    return _equal(with_companions(ContactMapping.objects.filter(connection=connection)), asked, LINK_COLUMNS)


def conversation_links(connection: Connection, asked: Asked) -> QuerySet[ConversationMapping]:
    rows = ConversationMapping.objects.filter(connection=connection, anonymized_at__isnull=True)
    return _equal(rows, asked, {"status": "status", "lead_id": "krayin_lead_id"})


def leads(connection: Connection, asked: Asked) -> QuerySet[ContactMapping]:
    """One row per opportunity: that of its contact with the lowest number, where people share one."""
    same = ContactMapping.objects.filter(
        connection=OuterRef("connection"),
        krayin_lead_id=OuterRef("krayin_lead_id"),
        chatwoot_contact_id__lt=OuterRef("chatwoot_contact_id"),
    )
    rows = ContactMapping.objects.filter(~Exists(same), connection=connection, krayin_lead_id__isnull=False)
    if "status" in asked:
        held = ConversationMapping.objects.filter(
            connection=OuterRef("connection"), krayin_lead_id=OuterRef("krayin_lead_id"), status=asked["status"]
        )
        rows = rows.filter(Exists(held))
    return with_companions(rows)


def lead(connection: Connection, lead_id: int) -> ContactMapping | None:
    return leads(connection, {}).filter(krayin_lead_id=lead_id).first()


def conversations(connection: Connection, lead_id: int, asked: Asked) -> QuerySet[ConversationMapping]:
    rows = ConversationMapping.objects.filter(connection=connection, krayin_lead_id=lead_id)
    return _equal(rows, asked, {"status": "status"})


def is_lead(connection: Connection, lead_id: int) -> bool:
    """Whether the opportunity is one of this connection: a contact's present one, or of one of its conversations."""
    known = {"connection": connection, "krayin_lead_id": lead_id}
    return ContactMapping.objects.filter(**known).exists() or ConversationMapping.objects.filter(**known).exists()


def events(connection: Connection, asked: Asked, *, now: datetime) -> QuerySet[WebhookEvent]:
    """Events of a period: the table is partitioned by the time they came."""
    since = asked.get("since") or now - EVENTS_SHOWN
    rows = WebhookEvent.objects.filter(connection=connection, received_at__gte=since)
    if "until" in asked:
        rows = rows.filter(received_at__lt=asked["until"])
    return _equal(rows, asked, {name: name for name in ("status", "arrived_by", "conversation_id")})


def stage_changes(connection: Connection, asked: Asked) -> QuerySet[StageChangeLog]:
    rows = StageChangeLog.objects.filter(connection=connection)
    return _equal(rows, asked, {"lead_id": "krayin_lead_id", "result": "result", "trigger": "trigger_source"})


def jobs(connection: Connection, asked: Asked) -> QuerySet[SyncJob]:
    return _equal(SyncJob.objects.filter(connection=connection), asked, {"state": "state"})
