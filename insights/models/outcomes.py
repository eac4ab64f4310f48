"""What became of a conversation beside its messages: answers to surveys, appointments. Facts in times, codes, numbers.

Nothing of the kind reaches Ponte from today's two partners; whoever brings it calls `insights.outcomes`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class SurveyAnswer(models.Model):
    """A satisfaction survey that was sent, and what was answered; the comment is never kept here."""

    connection = models.ForeignKey("bridge.Connection", models.CASCADE, db_index=False, related_name="+")
    conversation = models.ForeignKey(
        "bridge.ObservedConversation", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    chatwoot_message_id = models.BigIntegerField(db_comment="Message that asked")
    sent_at = models.DateTimeField(db_comment="When it was asked")
    answered_at = models.DateTimeField(null=True, db_comment="NULL: not answered")
    rating = models.SmallIntegerField(null=True, db_comment="1 to 5; NULL: not answered")

    class Meta:
        db_table = "survey_answers"
        db_table_comment = "Satisfaction surveys and their ratings; no comments"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "chatwoot_message_id"], name="survey_answers_once"),
            models.CheckConstraint(name="survey_answers_rating", condition=Q(rating__range=(1, 5))),
            models.CheckConstraint(
                name="survey_answers_answered",
                condition=Q(rating__isnull=True, answered_at__isnull=True)
                | Q(rating__isnull=False, answered_at__gte=F("sent_at")),
            ),
        ]
        indexes: ClassVar = [
            # The surveys of the conversations of some opportunities, or of a day.
            models.Index(fields=["conversation"], name="survey_answers_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_message_id}"


class Appointment(models.Model):
    """A booked visit of an opportunity: when, and whether the person came. Never what for."""

    class Status(models.TextChoices):
        BOOKED = "booked"
        ATTENDED = "attended"
        MISSED = "missed"
        CANCELLED = "cancelled"

    connection = models.ForeignKey("bridge.Connection", models.CASCADE, db_index=False, related_name="+")
    krayin_lead_id = models.BigIntegerField(db_comment="Krayin lead id")
    ref = models.CharField(max_length=80, db_comment="Id in the system that keeps the appointments")
    status = models.CharField(
        max_length=10, choices=Status, default=Status.BOOKED, db_comment="booked, attended, missed or cancelled"
    )
    booked_at = models.DateTimeField(db_comment="When it was made")
    starts_at = models.DateTimeField(db_comment="When the person is expected")
    confirmed_at = models.DateTimeField(null=True, db_comment="When the person confirmed")
    reminded_at = models.DateTimeField(null=True, db_comment="When a reminder was sent")
    read_at = models.DateTimeField(null=True, db_comment="When the reminder was read")
    cancelled_at = models.DateTimeField(null=True, db_comment="When it was cancelled")

    class Meta:
        db_table = "appointments"
        db_table_comment = "Appointments of opportunities: times and whether people came; never what for"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "ref"], name="appointments_once"),
            models.CheckConstraint(
                name="appointments_status", condition=Q(status__in=["booked", "attended", "missed", "cancelled"])
            ),
        ]
        indexes: ClassVar = [
            # The past and next appointments of some opportunities.
            models.Index(fields=["connection", "krayin_lead_id", "starts_at"], name="appointments_lead"),
        ]

    def __str__(self) -> str:
        return self.ref
