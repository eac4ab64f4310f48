"""Suggestions that a person put aside."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SuggestionSilence(models.Model):
    """A dismissed suggestion: not shown again before `until`, or as long as the same wait lasts."""

    connection = models.ForeignKey("bridge.Connection", models.CASCADE, db_index=False, related_name="+")
    krayin_lead_id = models.BigIntegerField(db_comment="Krayin lead id")
    suggestion = models.CharField(max_length=30, db_comment="Id of the closed list")
    until = models.DateTimeField(null=True, db_comment="End of the silence; NULL: as long as `about` lasts")
    about = models.DateTimeField(null=True, db_comment="Start of the wait it is about")
    by = models.ForeignKey("consent.User", models.SET_NULL, null=True, db_index=False, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), db_comment="When it was dismissed")

    class Meta:
        db_table = "suggestion_silences"
        db_table_comment = "Suggestions people dismissed, and until when they stay silent"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "krayin_lead_id", "suggestion"], name="suggestion_silences_once"
            ),
            models.CheckConstraint(
                name="suggestion_silences_end", condition=Q(until__isnull=False) | Q(about__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.krayin_lead_id} {self.suggestion}"
