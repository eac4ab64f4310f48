"""Health data of a person, as seed 000 asks: kept here encrypted, shown only by a reveal, never sent to a partner."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection
from consent.encryption import SealedField

PROFILE_FIELDS = ("medical_notes", "health_conditions", "medications")


class LeadHealthProfile(models.Model):
    """Clinical notes, conditions and medications of one person of a clinic. A row exists once something was written."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.OneToOneField("consent.DataSubject", models.PROTECT, verbose_name=_("person"), related_name="+")
    medical_notes = SealedField(_("clinical notes"), null=True, editable=False)
    health_conditions = SealedField(_("health problems"), null=True, editable=False)
    medications = SealedField(_("medicines in use"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True, db_comment="Last time somebody wrote")

    class Meta:
        db_table = "lead_health_profiles"
        db_table_comment = "Health data of people, encrypted with the titular's key; never part of what is synced"
        verbose_name = _("health data")
        verbose_name_plural = _("health data")
        indexes = [
            # The list: last written first.
            models.Index(fields=["-updated_at"], name="lead_health_profiles_recent"),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def filled(self) -> list[str]:
        """Names of the fields that hold something."""
        return [name for name in PROFILE_FIELDS if getattr(self, name) is not None]


class SensitiveNote(models.Model):
    """A clinical note on one activity of a person. It is written once and stays beside the note that Krayin shows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+")
    subject = models.ForeignKey("consent.DataSubject", models.PROTECT, related_name="+", db_index=False)
    chatwoot_conversation_id = models.BigIntegerField(null=True, db_comment="Conversation it is about, if any")
    krayin_activity_id = models.BigIntegerField(null=True, db_comment="Note in Krayin it goes with, if any")
    sensitive_notes = SealedField(
        _("sensitive note"), null=True, editable=False, db_comment="Encrypted with the titular's key; null once removed"
    )
    written_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    class Meta:
        db_table = "sensitive_notes"
        db_table_comment = "Clinical notes on activities, encrypted with the titular's key; never sent to a partner"
        verbose_name = _("sensitive note")
        verbose_name_plural = _("sensitive notes")
        indexes = [
            # The notes of one person, newest first.
            models.Index(fields=["subject", "-created_at"], name="sensitive_notes_person"),
        ]
        constraints = [
            models.CheckConstraint(
                name="sensitive_notes_activity",
                condition=Q(krayin_activity_id__isnull=True) | Q(chatwoot_conversation_id__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]
