"""Requests that a person looks at a score (LGPD Art. 20): recorded, with a due date, answered by a person."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class InsightReview(models.Model):
    """A human review of an opportunity's score: what was shown then is the row it names."""

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", _("the facts are right")
        CORRECTED = "corrected", _("facts were corrected")

    connection = models.ForeignKey("bridge.Connection", models.CASCADE, db_index=False, related_name="+")
    krayin_lead_id = models.BigIntegerField(db_comment="Krayin lead id")
    score = models.DecimalField(max_digits=3, decimal_places=1, null=True, db_comment="The score that was contested")
    asked_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, db_index=False, related_name="+")
    asked_at = models.DateTimeField(db_default=Now(), db_comment="When it was asked for")
    due_on = models.DateField(db_comment="Day by which a person answers")
    done_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, db_index=False, related_name="+")
    done_at = models.DateTimeField(null=True, db_comment="When a person answered; NULL: open")
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, db_comment="confirmed or corrected")

    class Meta:
        db_table = "insight_reviews"
        db_table_comment = "Human reviews of scores: who asked, until when, who answered what"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "krayin_lead_id"], condition=Q(done_at__isnull=True), name="insight_reviews_open"
            ),
            models.CheckConstraint(
                name="insight_reviews_outcome",
                condition=Q(done_at__isnull=True, outcome="")
                | Q(done_at__isnull=False, outcome__in=["confirmed", "corrected"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.krayin_lead_id}"
