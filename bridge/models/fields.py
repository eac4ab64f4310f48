"""Field mapping (screen A7): the draft, its published versions, and the values of Chatwoot that mapped fields have."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from bridge.models.connections import Connection
from bridge.models.observed import ObservedContact, ObservedConversation
from consent.encryption import Context, SealedField
from consent.policy import Category


class FieldRow(Audited):
    """One row of the draft: a field of Chatwoot, a field of Krayin, and how one becomes the other."""

    class Entity(models.TextChoices):
        PERSON = "person", _("person")
        LEAD = "lead", _("opportunity")

    class Direction(models.TextChoices):
        KRAYIN = "krayin", _("to Krayin")
        CHATWOOT = "chatwoot", _("to Chatwoot")
        BOTH = "both", _("both ways")

    class Conversion(models.TextChoices):
        TEXT = "text", _("text as it is")
        DIGITS = "digits", _("digits only")
        PHONE = "phone", _("phone")
        EMAIL = "email", _("e-mail")
        DATE = "date", _("date (31/12/2026)")
        NUMBER = "number", _("number (1.234,56)")
        YES_NO = "yes_no", _("yes or no")
        OPTION = "option", _("option by its name")
        LIST = "list", _("several options by name")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="field_rows", verbose_name=_("connection"))
    chatwoot = models.CharField(
        _("field of Chatwoot"),
        max_length=140,
        db_comment="contact.name, contact.custom.<key>, conversation.custom.<key> …",
    )
    entity = models.CharField(_("record in Krayin"), max_length=10, choices=Entity, db_comment="person or lead")
    code = models.CharField(_("field of Krayin"), max_length=100, db_comment="Code of the attribute in Krayin")
    conversion = models.CharField(_("conversion"), max_length=10, choices=Conversion)
    direction = models.CharField(_("direction"), max_length=10, choices=Direction, default=Direction.KRAYIN)
    winner = models.CharField(
        _("who wins"), max_length=10, choices=Connection.Source, default=Connection.Source.CHATWOOT,
        db_comment="Side whose value counts when both changed",
    )  # fmt: skip
    category = models.CharField(
        _("data category"), max_length=3, choices=Category, blank=True, db_comment="Of the data map; needed to publish"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "field_rows"
        db_table_comment = "Draft of each connection's field mapping"
        verbose_name = _("mapped field")
        verbose_name_plural = _("mapped fields")
        ordering = ["connection", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "chatwoot", "entity", "code"], name="field_rows_once"),
            models.CheckConstraint(name="field_rows_entity", condition=Q(entity__in=["person", "lead"])),
            models.CheckConstraint(
                name="field_rows_direction", condition=Q(direction__in=["krayin", "chatwoot", "both"])
            ),
            models.CheckConstraint(name="field_rows_winner", condition=Q(winner__in=["chatwoot", "krayin", "newest"])),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot} → {self.entity}.{self.code}"

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id


class FieldVersion(Audited):
    """A published mapping. Never changed: a correction is the next version (the database refuses an update)."""

    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="field_versions", verbose_name=_("connection")
    )
    number = models.PositiveIntegerField(_("version"))
    rows = models.JSONField(default=list, db_comment="The rows with names, types and options as they were")
    reason = models.CharField(_("reason"), max_length=200)
    author = models.ForeignKey("consent.User", models.DO_NOTHING, null=True, related_name="+", db_index=False)
    restored_from = models.PositiveIntegerField(null=True, db_comment="Number of the version it repeats")
    created_at = models.DateTimeField(_("published"), db_default=Now())

    class Meta:
        db_table = "field_versions"
        db_table_comment = "Published field mappings, one row per version, never changed"
        verbose_name = _("version of the mapped fields")
        verbose_name_plural = _("versions of the mapped fields")
        ordering = ["connection", "-number"]
        constraints = [models.UniqueConstraint(fields=["connection", "number"], name="field_versions_once")]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.number}"

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id


class ObservedValue(models.Model):
    """A value of Chatwoot that a mapping names; fields nobody maps are not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(ObservedContact, models.CASCADE, related_name="values", db_index=False)
    conversation = models.ForeignKey(ObservedConversation, models.CASCADE, null=True, related_name="values")
    subject = models.ForeignKey("consent.DataSubject", models.PROTECT, related_name="+")
    key = models.CharField(max_length=140, db_comment="As in field_rows.chatwoot")
    value = SealedField(null=True)
    digest = models.CharField(max_length=64, db_comment="Keyed digest of the value; compares, never opens")
    mask = models.CharField(max_length=8, db_comment="First character at most: what screens show")
    version = models.BigIntegerField(default=0, db_comment="Version of the conversation that showed it")
    changed_at = models.DateTimeField(db_comment="When this value was first seen")

    class Meta:
        db_table = "observed_values"
        db_table_comment = "Values of mapped Chatwoot fields, encrypted per titular"
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "conversation", "key"], name="observed_values_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.mask}"

    @property
    def context(self) -> Context:
        return Context("bridge.ObservedValue", "value", str(self.pk))
