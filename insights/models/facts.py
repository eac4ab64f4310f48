"""What the insights remember beside the observed rows. Written by triggers and SQL functions, never by screens."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class ConversationState(models.Model):
    """A state a conversation came into. Observed rows hold the present one only; reopenings need the ones before."""

    id = models.BigAutoField(primary_key=True)
    conversation = models.ForeignKey(
        "bridge.ObservedConversation", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField(db_comment="Chatwoot's time of the body that showed it, in whole seconds")
    status = models.CharField(max_length=10, db_comment="open, resolved, pending or snoozed")

    class Meta:
        db_table = "conversation_states"
        db_table_comment = "States of conversations over time, kept by triggers on observed_conversations"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "at", "status"], name="conversation_states_once"),
            models.CheckConstraint(
                name="conversation_states_status",
                condition=Q(status__in=["open", "resolved", "pending", "snoozed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.status}"


class InsightMark(models.Model):
    """An opportunity whose numbers may have changed. Only ever added and removed: who observes never waits for it."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(
        "bridge.Connection", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    krayin_lead_id = models.BigIntegerField(db_comment="Krayin lead id")
    due_at = models.DateTimeField(db_comment="Not before: changes of half a minute are computed once")

    class Meta:
        db_table = "insight_marks"
        db_table_comment = "Opportunities to compute again, and when"
        indexes: ClassVar = [
            # What is due.
            models.Index(fields=["due_at"], name="insight_marks_due"),
            # All marks of the opportunities that are being computed.
            models.Index(fields=["connection", "krayin_lead_id"], name="insight_marks_lead"),
        ]

    def __str__(self) -> str:
        return f"{self.krayin_lead_id}"


class ClinicRate(models.Model):
    """A clinic's own share of resolved conversations, fixed once per local day so that a day's scores agree."""

    clinic = models.ForeignKey("consent.Clinic", models.CASCADE, db_index=False, related_name="+")
    day = models.DateField(db_comment="Day in the clinic's zone")
    rate = models.DecimalField(
        max_digits=5, decimal_places=4, db_comment="Resolved share of 90 days; 0.60 until there are 30 conversations"
    )
    conversations = models.IntegerField(db_comment="How many it is computed from")

    class Meta:
        db_table = "clinic_rates"
        db_table_comment = "Resolved share per clinic and day, to which opportunities with few conversations are drawn"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "day"], name="clinic_rates_once"),
            models.CheckConstraint(name="clinic_rates_rate", condition=Q(rate__range=(0, 1))),
        ]

    def __str__(self) -> str:
        return f"{self.clinic_id} {self.day}"
