"""What screen B5 shows beside a link's own columns; read for the rows of one page."""

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bridge.models import ContactMapping, ConversationMapping, ObservedContact, SyncedObject


def with_companions(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    """Add `mask`, `contact_pk`, `stage_id`, `lead_seen_at`, `lead_gone_at` and `conversations`, each by its index."""
    contact = ObservedContact.objects.filter(
        connection=OuterRef("connection"), chatwoot_contact_id=OuterRef("chatwoot_contact_id")
    )
    lead = SyncedObject.objects.filter(
        krayin=OuterRef("connection__krayin"),
        kind=SyncedObject.Kind.LEAD,
        foreign_id=OuterRef("krayin_lead_id"),
        connection=OuterRef("connection"),
    )
    conversations = ConversationMapping.objects.filter(
        connection=OuterRef("connection"), krayin_lead_id=OuterRef("krayin_lead_id")
    )
    counted = conversations.order_by().values("connection").annotate(n=Count("pk")).values("n")
    return rows.annotate(
        mask=Subquery(contact.values("mask")[:1]),
        contact_pk=Subquery(contact.values("pk")[:1]),
        stage_id=Subquery(lead.values("stage_id")[:1]),
        lead_seen_at=Subquery(lead.values("synced_at")[:1]),
        lead_gone_at=Subquery(lead.values("gone_at")[:1]),
        conversations=Coalesce(Subquery(counted, output_field=IntegerField()), 0),
    )
