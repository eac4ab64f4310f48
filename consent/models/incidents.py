"""The register of incidents (lgpd section 11, R07): one row per incident, and everything said about it, one entry each."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.encryption import Context, SealedField
from consent.models.staff import Clinic
from consent.requests.rules import Regime

SHA256 = r"^[0-9a-f]{64}$"


class Incident(models.Model):
    """A confirmed adverse event with personal data. Only its end is ever written later; the facts stand in the entries."""

    class Source(models.TextChoices):
        PEOPLE = "people", _("noticed by people")
        PROCESSOR = "processor", _("told by a processor")
        AUDIT = "audit", _("proposed by the check of the audit trail")

    class Outcome(models.TextChoices):
        REPORTED = "reported", _("reported")
        NOT_REPORTED = "not_reported", _("kept in the register, not reported")
        NO_INCIDENT = "no_incident", _("examined: no incident")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="incidents")
    number = models.PositiveIntegerField(_("number"), db_comment="Counted per clinic.")
    known_at = models.DateTimeField(
        _("known since"), db_comment="When the controller learned that personal data were affected; starts the clocks."
    )
    source = models.CharField(_("how it was noticed"), max_length=10, choices=Source)
    verification_id = models.BigIntegerField(
        null=True, db_comment="The check of the audit trail that proposed it; no key, that row may be dropped."
    )
    regime = models.CharField(_("regime"), max_length=5, choices=Regime)
    rules_version = models.CharField(_("version of the periods"), max_length=20)
    calendar_version = models.CharField(_("version of the holidays"), max_length=20)
    entered_at = models.DateTimeField(_("entered"), db_default=Now(), editable=False)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(_("closed"), null=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)

    class Meta:
        db_table = "incidents"
        db_table_comment = "Register of security incidents (Res. CD/ANPD 15/2024); closed once, otherwise insert only."
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        default_permissions = ()
        ordering: ClassVar = ["-known_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "number"], name="uq_incidents_number"),
            models.CheckConstraint(condition=Q(known_at__lte=F("entered_at")), name="chk_incidents_known"),
            models.CheckConstraint(
                condition=Q(source__in=["people", "processor", "audit"]), name="chk_incidents_source"
            ),
            models.CheckConstraint(condition=Q(regime__in=["full", "small"]), name="chk_incidents_regime"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, outcome="")
                | Q(closed_at__isnull=False, outcome__in=["reported", "not_reported", "no_incident"]),
                name="chk_incidents_outcome",
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)


class IncidentEntry(models.Model):
    """One act: what is known from then on, and the details of the act itself. Each names the hash of the one before."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("entered in the register")
        CHANGED = "changed", _("facts completed")
        ESTIMATED = "estimated", _("affected people estimated")
        DECIDED = "decided", _("decided whether to report")
        TOLD_AUTHORITY = "told_authority", _("told to the ANPD")
        TOLD_PERSONS = "told_persons", _("told to the people")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="entries", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=14, choices=Kind)
    facts = models.JSONField(db_comment="What is known after the act: consent.incidents.facts.")
    details = models.JSONField(db_comment="Of the act: decision, proof of sending, scope of an estimate.")
    affected = SealedField(null=True, db_comment="Pseudonyms of the people found, 16 bytes each; system key.")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    previous_hash = models.CharField(max_length=64, blank=True, db_comment="Empty in the first entry.")
    entry_hash = models.CharField(max_length=64, db_comment="SHA-256 over all other columns; also in the audit trail.")

    class Meta:
        db_table = "incident_entries"
        db_table_comment = "History of the incidents: every act with the facts as known then. Insert only."
        default_permissions = ()
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "number"], name="uq_incident_entries_number"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["opened", "changed", "estimated", "decided", "told_authority", "told_persons", "closed"]
                ),
                name="chk_incident_entries_kind",
            ),
            models.CheckConstraint(
                condition=Q(entry_hash__regex=SHA256)
                & (Q(number=1, previous_hash="") | Q(number__gt=1, previous_hash__regex=SHA256)),
                name="chk_incident_entries_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} · {self.get_kind_display()}"

    @property
    def affected_context(self) -> Context:
        return Context("consent.IncidentEntry", "affected", str(self.pk))
