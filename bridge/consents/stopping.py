"""What waits to be sent for a purpose is cancelled in the transaction that takes its consent back (lgpd section 4)."""

from datetime import datetime
from uuid import UUID

from bridge.models import Effect, Saying, Wish
from bridge.models.inbound import lane_of

NOT_SENT = (Effect.State.SHADOW, Effect.State.INTENDED)


def stop(subject_id: UUID, consent_type: str, now: datetime) -> None:
    """Cancel questions for this consent that were not sent yet; what is being sent this moment cannot be held."""
    waiting = Saying.objects.filter(
        contact__subject=subject_id, kind=Saying.Kind.QUESTION, consent_type=consent_type, wish__state=Wish.State.OPEN
    )
    rows = list(waiting.select_related("contact"))
    Wish.objects.filter(pk__in=[row.pk for row in rows]).update(state=Wish.State.WITHDRAWN, settled_at=now)
    for row in rows:
        Effect.objects.filter(
            connection=row.connection_id,
            lane_key=lane_of(row.contact.chatwoot_contact_id),
            kind=Effect.Kind.SEND_MESSAGE,
            object_ref__endswith=f"-s{row.pk.hex[:16]}",
            state__in=NOT_SENT,
        ).update(state=Effect.State.CANCELLED, updated_at=now)
