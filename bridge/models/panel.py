"""What the panel inside Chatwoot needs: sign-ins, who attends which inbox, opportunities as last seen."""

import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection, Krayin


class PanelToken(models.Model):
    """A sign-in of the panel: one person, one connection, twelve hours at most, no renewal (screens section 9, H4)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="panel_tokens", verbose_name=_("connection")
    )
    user = models.ForeignKey("consent.User", models.CASCADE, related_name="panel_tokens", verbose_name=_("person"))
    digest = models.BinaryField(
        unique=True, editable=False, db_comment="SHA-256 of the token (256 random bits); the token itself is not kept"
    )
    created_at = models.DateTimeField(_("signed in"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("ends"), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("ended by hand"), null=True, editable=False)

    class Meta:
        db_table = "panel_tokens"
        db_table_comment = "Sign-ins of the panel inside Chatwoot; hashed, at most twelve hours"
        verbose_name = _("panel sign-in")
        verbose_name_plural = _("panel sign-ins")
        indexes = [
            # Screen H4: newest first.
            models.Index(fields=["connection", "-created_at"], name="panel_tokens_recent"),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


class AttendedInboxes(models.Model):
    """The inboxes a person attends, as Chatwoot's own list of inbox members says; matched by e-mail."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey("consent.User", models.CASCADE, related_name="attended_inboxes")
    inbox_ids = ArrayField(models.BigIntegerField(), default=list)
    chatwoot_user_id = models.BigIntegerField(null=True, db_comment="The agent in Chatwoot with the same e-mail")
    read_at = models.DateTimeField(db_default=Now(), db_comment="When Chatwoot was last asked")

    class Meta:
        db_table = "attended_inboxes"
        db_table_comment = "Which inboxes each attendant belongs to, read from Chatwoot"
        constraints = [models.UniqueConstraint(fields=["connection", "user"], name="attended_inboxes_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {len(self.inbox_ids)}"


class KrayinLead(models.Model):
    """An opportunity as Krayin last showed it, for screens. Nothing is decided on it (DESIGN section 7)."""

    pk = models.CompositePrimaryKey("krayin_id", "lead_id")
    krayin = models.ForeignKey(Krayin, models.CASCADE, related_name="+", db_index=False)
    lead_id = models.BigIntegerField()
    person_id = models.BigIntegerField(null=True, db_comment="Krayin person it belongs to")
    pipeline_id = models.BigIntegerField(null=True)
    stage_id = models.BigIntegerField(null=True)
    value = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    owner_id = models.BigIntegerField(null=True, db_comment="Krayin user who owns it")
    owner_name = models.CharField(max_length=255, blank=True, db_comment="Name of that user: staff, never a patient")
    closed_at = models.DateTimeField(null=True, db_comment="Won or lost")
    changed_at = models.DateTimeField(null=True, db_comment="Krayin's own updated_at")
    fields = models.JSONField(
        default=dict, db_default={}, db_comment="Keyed digests of what can be mapped to Chatwoot; compare, never open"
    )
    seen_at = models.DateTimeField(db_default=Now(), db_comment="When Krayin showed it so")
    gone_at = models.DateTimeField(null=True, db_comment="Deleted in Krayin")

    class Meta:
        db_table = "krayin_leads"
        db_table_comment = "Opportunities as Krayin last showed them; no personal data, never decided upon"
        indexes = [
            # The open opportunities of a person (panel).
            models.Index(fields=["krayin", "person_id"], name="krayin_leads_person"),
            # Screen A9: open opportunities of each owner.
            models.Index(
                fields=["krayin", "owner_id", "lead_id"],
                name="krayin_leads_open",
                condition=Q(closed_at__isnull=True, gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lead_id}"
