"""Facts that are only ever added: consent given, refused, withdrawn; decisions of the gate."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.models.subjects import DataSubject
from consent.policy import Action, Category, Purpose

UUID_TEXT = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class ConsentRecord(models.Model):
    """One act about consent; the newest act of a type is the person's present will. The database refuses changes."""

    class Type(models.TextChoices):
        DATA_PROCESSING = "data_processing", _("Data processing")
        MARKETING = "marketing", _("Marketing")
        HEALTH_DATA = "health_data", _("Health data")
        LANGUAGE_MODEL = "language_model", _("Language model")

    class Status(models.TextChoices):
        GRANTED = "granted", _("Granted")
        DENIED = "denied", _("Denied")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    subject = models.ForeignKey(
        DataSubject,
        models.PROTECT,
        verbose_name=_("data subject"),
        related_name="consent_records",
        db_column="contact_id",
        db_index=False,
    )
    chatwoot_contact_id = models.BigIntegerField(null=True, blank=True)
    krayin_lead_id = models.BigIntegerField(null=True, blank=True)
    consent_type = models.CharField(_("type"), max_length=50, choices=Type)
    status = models.CharField(_("status"), max_length=20, choices=Status)
    granted_at = models.DateTimeField(_("granted at"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    ip_address = models.CharField(
        max_length=45,
        null=True,
        blank=True,
        db_comment="Id of the access log row that holds the address, never the address: it must expire after 6 months.",
    )
    user_agent = models.CharField(
        max_length=45, null=True, blank=True, db_comment="Id of the access log row that holds it, never the text."
    )
    consent_text = models.TextField(_("text shown"), db_comment="Exactly as shown; no personal data.")
    consent_version = models.CharField(_("version of the text"), max_length=20)
    created_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(
        db_default=Now(), editable=False, db_comment="Equals created_at: rows never change."
    )

    class Meta:
        db_table = "consent_records"
        db_table_comment = "LGPD Art. 8: every act about consent, one row each, insert only (R05)."
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        get_latest_by = "created_at"
        indexes: ClassVar = [
            # The present will: the newest act of a person and type.
            models.Index(fields=["subject", "consent_type", "-created_at"], name="idx_consent_contact_type"),
            # Acts of the contact open in the Chatwoot panel.
            models.Index(
                fields=["chatwoot_contact_id"],
                name="idx_consent_chatwoot_contact",
                condition=models.Q(chatwoot_contact_id__isnull=False),
            ),
            # The list of withdrawals, refusals and so on.
            models.Index(fields=["status", "consent_type"], name="idx_consent_status"),
            # The list, newest first.
            models.Index(fields=["-created_at"], name="idx_consent_created_at"),
            # Who ever consented to this?
            models.Index(
                fields=["subject", "consent_type"],
                name="idx_consent_valid",
                condition=models.Q(status="granted", withdrawn_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(consent_type__in=["data_processing", "marketing", "health_data", "language_model"]),
                name="chk_consent_type",
            ),
            models.CheckConstraint(
                condition=models.Q(status="granted", granted_at__isnull=False, withdrawn_at__isnull=True)
                | models.Q(status="withdrawn", withdrawn_at__isnull=False)
                | models.Q(status="denied", granted_at__isnull=True, withdrawn_at__isnull=True),
                name="chk_consent_status_dates",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at__isnull=True)
                | models.Q(granted_at__isnull=True)
                | models.Q(withdrawn_at__gte=models.F("granted_at")),
                name="chk_consent_dates_order",
            ),
            models.CheckConstraint(
                condition=(models.Q(ip_address__isnull=True) | models.Q(ip_address__regex=UUID_TEXT))
                & (models.Q(user_agent__isnull=True) | models.Q(user_agent__regex=UUID_TEXT)),
                name="chk_consent_references",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent_type} {self.status}"


class Reason(models.TextChoices):
    """Why a decision came out as it did."""

    ALLOWED = "allowed", _("Allowed")
    ERASED = "erased", _("The person's data are erased")
    BLOCKED = "blocked", _("The person's data are blocked")
    HOLD = "hold", _("A legal hold forbids removal")
    OPPOSED = "opposed", _("The person objected to this purpose")
    MINOR = "minor", _("The person is a minor")
    POLICY_NOT_CONFIRMED = "policy_not_confirmed", _("The clinic's policy is not confirmed")
    SWITCHED_OFF = "switched_off", _("The connection's setting is off")
    NO_CONSENT = "no_consent", _("There is no valid consent")
    REFUSED = "refused", _("The policy refuses this purpose")


class Decision(models.Model):
    """One answer of the gate, with the base and the policy version it was taken with."""

    subject = models.ForeignKey(DataSubject, models.PROTECT, related_name="decisions", db_index=False)
    connection_id = models.BigIntegerField(null=True, db_comment="bridge.Connection; without constraint.")
    purpose = models.CharField(_("purpose"), max_length=32, choices=Purpose)
    category = models.CharField(_("category"), max_length=8, choices=Category)
    action = models.CharField(_("action"), max_length=16, choices=Action)
    allowed = models.BooleanField(_("allowed"))
    base = models.CharField(_("legal base"), max_length=10)
    policy_version = models.CharField(_("policy"), max_length=20)
    reason = models.CharField(_("reason"), max_length=32, choices=Reason)
    decided_at = models.DateTimeField(_("decided at"))

    class Meta:
        db_table = "decisions"
        db_table_comment = "Answers of the decision gate: who, for what, on which base, by which policy."
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        indexes: ClassVar = [
            # What was decided about this person, newest first (trace, access request).
            models.Index(fields=["subject", "-decided_at"], name="idx_decisions_subject"),
            # Refusals of a connection, newest first.
            models.Index(
                fields=["connection_id", "-decided_at"],
                name="idx_decisions_refused",
                condition=models.Q(allowed=False),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="chk_decisions_purpose"),
            models.CheckConstraint(condition=models.Q(category__in=Category.values), name="chk_decisions_category"),
            models.CheckConstraint(condition=models.Q(action__in=Action.values), name="chk_decisions_action"),
            models.CheckConstraint(condition=models.Q(reason__in=Reason.values), name="chk_decisions_reason"),
            models.CheckConstraint(
                condition=models.Q(allowed=True, reason="allowed")
                | (models.Q(allowed=False) & ~models.Q(reason="allowed")),
                name="chk_decisions_allowed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.action}: {self.reason}"
