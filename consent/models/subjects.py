"""Data subjects (titulares) and the contact points they are reached under."""

import uuid
from collections.abc import Iterable
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.encryption import Context, SealedField, blind, blind_version, blinds, seal
from consent.models.staff import Clinic
from consent.policy import POLICY_CHOICES, POLICY_VALUES


class DataSubjectQuerySet(models.QuerySet["DataSubject"]):
    def titulares(self) -> Self:
        """Without the rows that only hold the key of a request's file: whoever lists or counts people asks this."""
        return self.filter(request_file__isnull=True)


class DataSubject(models.Model):
    """One person of one clinic. The id is used inside Ponte; the audit trail knows the person by `pseudonym` only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="subjects")
    pseudonym = models.UUIDField(
        null=True, unique=True, default=uuid.uuid4, editable=False, db_comment="In audit rows; null after erasure."
    )
    blocked_at = models.DateTimeField(_("blocked since"), null=True, blank=True, db_comment="LGPD Art. 5 XIII.")
    has_hold = models.BooleanField(_("legal hold"), default=False, db_comment="Nothing may be removed.")
    opposed_purposes = ArrayField(
        models.CharField(max_length=32, choices=POLICY_CHOICES),
        verbose_name=_("opposed purposes"),
        default=list,
        blank=True,
        db_comment="LGPD Art. 18 §2.",
    )
    is_minor = models.BooleanField(_("minor"), default=False)
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True, db_comment="The row stays, empty.")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = DataSubjectQuerySet.as_manager()

    class Meta:
        db_table = "data_subjects"
        db_table_comment = "Data subjects (titulares), one row per person and clinic. No identifying data."
        verbose_name = _("data subject")
        verbose_name_plural = _("data subjects")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(opposed_purposes__contained_by=POLICY_VALUES), name="chk_data_subjects_opposed"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]


class ContactPointQuerySet(models.QuerySet["ContactPoint"]):
    def matching(self, clinic_id: int, kind: str, forms: Iterable[str]) -> Self:
        """Contact points of a clinic equal to one of the normalised forms, under every live blind key.

        For telephones pass `phone_forms(e164)`.
        """
        digests = [digest for form in forms for digest in blinds(kind, form)]
        return self.filter(clinic_id=clinic_id, kind=kind, blind__in=digests)


class ContactPoint(models.Model):
    """A telephone, e-mail address or partner identifier. It is not the person: families share telephones."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("Telephone")
        EMAIL = "email", _("E-mail")
        IDENTIFIER = "identifier", _("Identifier")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(DataSubject, models.CASCADE, related_name="contact_points")
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    blind = models.BinaryField(null=True, max_length=32, db_comment="Keyed digest of the normalised value.")
    blind_version = models.CharField(max_length=16, blank=True, db_comment="Which key of PONTE_BLIND_KEYS made it.")
    value = SealedField(null=True, db_comment="Encrypted; null after erasure.")
    mask = models.CharField(max_length=32, blank=True, db_comment="What lists show.")
    is_shared = models.BooleanField(default=False, db_comment="Used by several people: never identifies one alone.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ContactPointQuerySet.as_manager()

    class Meta:
        db_table = "contact_points"
        db_table_comment = "How people are reached; values encrypted, found by blind index."
        verbose_name = _("contact point")
        verbose_name_plural = _("contact points")
        indexes: ClassVar = [
            # Who of this clinic has this telephone, address or identifier?
            models.Index(fields=["clinic", "kind", "blind"], name="idx_contact_points_blind"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subject", "kind", "blind"], name="uq_contact_points_subject"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["phone", "email", "identifier"]), name="chk_contact_points_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.mask or str(self.pk)[:8]

    @property
    def value_context(self) -> Context:
        return Context("consent.ContactPoint", "value", str(self.pk))

    def seal_value(self, normalised: str, *, mask: str) -> None:
        """Seal and index a normalised value; the row is not saved. Raises KeyMissing without the person's key."""
        self.value = seal(normalised, subject=self.subject_id, context=self.value_context)
        self.blind, self.blind_version, self.mask = blind(self.kind, normalised), blind_version(), mask
