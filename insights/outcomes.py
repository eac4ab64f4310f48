"""Keeping surveys and appointments: whoever learns of them calls these; telling twice changes nothing."""

from datetime import datetime
from typing import Any

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from bridge.models import Connection, ObservedConversation
from insights.models import Appointment, InsightMark, SurveyAnswer


@transaction.atomic
def keep_survey(
    conversation: ObservedConversation,
    message_id: int,
    *,
    sent_at: datetime,
    rating: int | None = None,
    answered_at: datetime | None = None,
) -> SurveyAnswer:
    """Remember that a survey was sent, and its answer (1 to 5) once there is one. Comments are not taken."""
    row, _made = SurveyAnswer.objects.update_or_create(
        connection_id=conversation.connection_id,
        chatwoot_message_id=message_id,
        defaults={"conversation": conversation, "sent_at": sent_at, "rating": rating, "answered_at": answered_at},
    )
    with db.cursor() as cursor:
        cursor.execute("SELECT insight_mark_conversations(ARRAY[%s]::uuid[])", [conversation.pk])
    return row


@transaction.atomic
def keep_appointment(connection: Connection, lead_id: int, ref: str, **facts: Any) -> Appointment:
    """Remember an appointment as it is now: `status`, `booked_at`, `starts_at`, and the times of what happened."""
    row, _made = Appointment.objects.update_or_create(
        connection=connection, ref=ref, defaults={"krayin_lead_id": lead_id, **facts}
    )
    InsightMark.objects.create(connection=connection, krayin_lead_id=lead_id, due_at=timezone.now())
    return row
