"""Krayin → Chatwoot: what Krayin hinted at, and fields that both sides keep changing (DESIGN section 8)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection

FIELD_NAMES = ["name", "email", "phone"]
IS_FIELD = Q(field__in=FIELD_NAMES) | Q(field__regex=r"^[0-9a-f]{8}$")  # or the id of a mapped field


class Field(models.TextChoices):
    """The fields of a person that both sides may change."""

    NAME = "name", _("name")
    EMAIL = "email", _("e-mail")
    PHONE = "phone", _("phone")


def name_of(field: str) -> str | Promise:
    """A field as people know it."""
    return Field(field).label if field in FIELD_NAMES else _("mapped field")


class KrayinHint(models.Model):
    """Krayin said that a record of ours changed; it is read over REST and the hint forgotten. Hints coalesce."""

    pk = models.CompositePrimaryKey("connection_id", "ref")
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    ref = models.CharField(max_length=80, db_comment="Our reference of the person or opportunity")
    lane_key = models.CharField(max_length=60, db_comment="Contact whose lane reads it")
    at = models.DateTimeField(db_default=Now(), db_comment="Last hint: a reading begun before it does not settle it")
    not_before = models.DateTimeField(
        db_default=Now(), db_comment="Deletions are announced before they happen: read a moment later"
    )

    class Meta:
        db_table = "krayin_hints"
        db_table_comment = "Records Krayin hinted at and that are not read yet; no personal data"
        indexes = [
            # What one lane has to read.
            models.Index(fields=["connection", "lane_key"], name="krayin_hints_lane"),
        ]

    def __str__(self) -> str:
        return self.ref


class FieldFlip(models.Model):
    """One change of a person's field that was carried to the other side; counted to notice a quarrel."""

    class Direction(models.TextChoices):
        TO_CHATWOOT = "chatwoot", "→ Chatwoot"
        TO_KRAYIN = "krayin", "→ Krayin"

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    ref = models.CharField(max_length=80, db_comment="Our reference of the person")
    field = models.CharField(max_length=10, choices=Field, db_comment="name, email or phone")
    direction = models.CharField(max_length=10, choices=Direction, db_comment="Side that was written")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "field_flips"
        db_table_comment = "Changes of name, e-mail and phone carried from one side to the other, without values"
        constraints = [
            models.CheckConstraint(name="field_flips_field", condition=IS_FIELD),
            models.CheckConstraint(name="field_flips_direction", condition=Q(direction__in=["chatwoot", "krayin"])),
        ]
        indexes = [
            # How often did this field flip lately?
            models.Index(fields=["connection", "ref", "at"], name="field_flips_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.field}"


class FieldStop(models.Model):
    """A field that flipped too often: neither side is written until a person lets it go on (screen B2)."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(
        Connection, models.CASCADE, db_index=False, related_name="+", verbose_name=_("connection")
    )
    lane_key = models.CharField(max_length=60, db_comment="Contact whose field it is")
    ref = models.CharField(max_length=80, db_comment="Our reference of the person")
    field = models.CharField(_("field"), max_length=10, choices=Field, db_comment="name, email or phone")
    stopped_at = models.DateTimeField(_("since"), db_default=Now())
    resumed_at = models.DateTimeField(null=True, db_comment="When a person let it go on")
    resumed_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        db_table = "field_stops"
        db_table_comment = "Fields that changed back and forth too often and wait for a person"
        verbose_name = _("stopped field")
        verbose_name_plural = _("stopped fields")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "ref", "field"], name="field_stops_once", condition=Q(resumed_at__isnull=True)
            ),
            models.CheckConstraint(name="field_stops_field", condition=IS_FIELD),
        ]
        indexes = [
            # Screen B2: what waits, by connection.
            models.Index(
                fields=["connection", "stopped_at"], name="field_stops_open", condition=Q(resumed_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.field}"
