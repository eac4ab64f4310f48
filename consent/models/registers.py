"""The registers a controller keeps: operations, processors, transfers abroad, assessments (lgpd sections 10 and 12)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from consent.datamap import Processing
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.models.staff import Clinic

HOME = "BR"
# Art. 33 I: Res. CD/ANPD 32/2026, in force since 2026-01-26: European Union, Iceland, Liechtenstein, Norway.
ADEQUATE = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
    "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
DIGEST = r"^[0-9a-f]{64}$"
COUNTRY = r"^[A-Z]{2}$"
country_code = RegexValidator(COUNTRY, _("Two capital letters, as in BR, US or PT."))
sha256_text = RegexValidator(DIGEST, _("64 characters, 0 to 9 and a to f, as sha256sum prints them."))


def ends_after_start(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
        name=name,
        violation_error_message=_("It cannot end before it starts."),
    )


class OperationVersion(models.Model):
    """One approved version of one operation of the register. Insert only: a correction is the next version."""

    class Risk(models.TextChoices):
        LOW = "low", _("low")
        MEDIUM = "medium", _("medium")
        HIGH = "high", _("high")

    class Volume(models.TextChoices):
        HUNDREDS = "hundreds", _("up to 1,000 people")
        THOUSANDS = "thousands", _("1,000 to 10,000 people")
        TENS_OF_THOUSANDS = "tens", _("10,000 to 100,000 people")
        MORE = "more", _("more than 100,000 people")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="+", db_index=False)
    operation = models.CharField(_("operation"), max_length=32, choices=Processing)
    number = models.PositiveIntegerField(_("version"))
    is_in_use = models.BooleanField(_("in use"), db_comment="False: the version with which the operation ended.")
    content = models.JSONField(db_comment="What the data map and the settings said, in codes.")
    digest = models.CharField(max_length=64, db_comment="SHA-256 of `content` in canonical form.")
    notes = models.TextField(_("notes"), blank=True, max_length=4000)
    risk = models.CharField(_("risk"), max_length=8, choices=Risk, blank=True)
    volume = models.CharField(_("people concerned"), max_length=10, choices=Volume, blank=True)
    valid_from = models.DateTimeField(_("valid from"), db_comment="Until the next version's.")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        related_name="+",
        db_index=False,
        verbose_name=_("approved by"),
    )

    class Meta:
        db_table = "operation_versions"
        db_table_comment = "Register of processing operations (LGPD Art. 37), approved versions. Insert only."
        verbose_name = _("register of operations")
        verbose_name_plural = _("registers")
        constraints: ClassVar = [
            # Finds the newest version of each operation, too.
            models.UniqueConstraint(fields=["clinic", "operation", "number"], name="uq_operation_versions_number"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST), name="chk_operation_versions_digest"),
            models.CheckConstraint(
                condition=Q(risk__in=["", "low", "medium", "high"]), name="chk_operation_versions_risk"
            ),
            models.CheckConstraint(
                condition=Q(volume__in=["", "hundreds", "thousands", "tens", "more"]),
                name="chk_operation_versions_volume",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_operation_display()} · {self.number}"


class Kept(Audited):
    """What the three lists kept by hand share: whose it is, and the paper that proves it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="+", verbose_name=_("clinic"))
    document = models.CharField(
        _("document"), max_length=300, blank=True, help_text=_("Where the clinic keeps it, and how it is called.")
    )
    document_sha256 = models.CharField(
        _("hash of the document (SHA-256)"), max_length=64, blank=True, validators=[sha256_text]
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        abstract = True

    @property
    def audited_clinic_id(self) -> int:
        return self.clinic_id


class Processor(Kept):
    """Somebody who works on the clinic's data for it (operador, Art. 39)."""

    class Kind(models.TextChoices):
        BRIDGE = "bridge", _("runs Ponte")
        HOSTING = "hosting", _("hosting")
        CHAT = "chat", _("chat (Chatwoot)")
        CRM = "crm", _("CRM (Krayin)")
        MESSAGING = "messaging", _("messaging channel")
        MAIL = "mail", _("mail")
        LANGUAGE_MODEL = "language_model", _("language model")
        OTHER = "other", _("other")

    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("what for"), max_length=16, choices=Kind)
    country = models.CharField(_("country"), max_length=2, default=HOME, validators=[country_code])
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    instructions = models.TextField(
        _("instructions of the clinic"),
        blank=True,
        max_length=4000,
        help_text=_("What it may do with the data, and what not (Art. 39)."),
    )
    started_on = models.DateField(_("since"))
    ended_on = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        db_table = "processors"
        db_table_comment = "Processors (operadores) of a clinic: hosting, chat, CRM, messaging, mail."
        verbose_name = _("processor")
        verbose_name_plural = _("processors")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(country__regex=COUNTRY), name="chk_processors_country"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["bridge", "hosting", "chat", "crm", "messaging", "mail", "language_model", "other"]
                ),
                name="chk_processors_kind",
            ),
            ends_after_start("chk_processors_dates"),
        ]

    def __str__(self) -> str:
        return self.name


class InternationalTransfer(Kept):
    """Personal data that leave Brazil, and what allows it (Art. 33)."""

    class Mechanism(models.TextChoices):
        """Codes of lgpd section 12."""

        ADEQUACY = "ADEQUACY", _("adequate country (Art. 33, I)")
        SCC = "SCC", _("standard clauses (Art. 33, II, b)")
        SPECIFIC = "SPECIFIC", _("specific clauses (Art. 33, II, a)")
        BCR = "BCR", _("global corporate rules (Art. 33, II, c)")
        SEAL = "SEAL", _("seal or certificate (Art. 33, II, d)")
        LIFE = "LIFE", _("protection of life (Art. 33, IV)")
        AUTHORISED = "AUTHORISED", _("authorised by the ANPD (Art. 33, V)")
        CONSENT = "CONSENT", _("specific and highlighted consent (Art. 33, VIII)")
        LEGAL = "LEGAL", _("legal duty (Art. 33, IX)")
        CONTRACT = "CONTRACT", _("contract with the person (Art. 33, IX)")
        RIGHTS = "RIGHTS", _("exercise of rights (Art. 33, IX)")

    # Mechanisms that live in a paper: without it there is no transfer.
    ON_PAPER: ClassVar = ("SCC", "SPECIFIC", "BCR", "SEAL", "AUTHORISED")

    processor = models.ForeignKey(
        Processor, models.PROTECT, null=True, blank=True, related_name="transfers", verbose_name=_("processor")
    )
    importer = models.CharField(_("who receives them"), max_length=200)
    country = models.CharField(_("country"), max_length=2, validators=[country_code])
    operations = ArrayField(models.CharField(max_length=32, choices=Processing), verbose_name=_("for which operations"))
    categories = ArrayField(models.CharField(max_length=4), verbose_name=_("data categories"))
    mechanism = models.CharField(_("mechanism"), max_length=10, choices=Mechanism)
    onward = models.TextField(
        _("onward transfers"), blank=True, max_length=2000, help_text=_("To whom it may pass the data on, and where.")
    )
    started_on = models.DateField(_("since"))
    ended_on = models.DateField(_("until"), null=True, blank=True)
    review_on = models.DateField(_("review on"))

    class Meta:
        db_table = "international_transfers"
        db_table_comment = "Transfers of personal data abroad (LGPD Art. 33-36, Res. CD/ANPD 19/2024)."
        verbose_name = _("international transfer")
        verbose_name_plural = _("international transfers")
        ordering: ClassVar = ["importer"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(country__regex=COUNTRY) & ~Q(country=HOME), name="chk_transfers_country"
            ),
            models.CheckConstraint(
                condition=Q(
                    mechanism__in=[
                        "ADEQUACY", "SCC", "SPECIFIC", "BCR", "SEAL", "LIFE", "AUTHORISED", "CONSENT", "LEGAL",
                        "CONTRACT", "RIGHTS",
                    ]
                ),
                name="chk_transfers_mechanism",
            ),
            models.CheckConstraint(
                condition=~Q(mechanism__in=["SCC", "SPECIFIC", "BCR", "SEAL", "AUTHORISED"])
                | (~Q(document="") & Q(document_sha256__regex=DIGEST)),
                name="chk_transfers_paper",
            ),
            ends_after_start("chk_transfers_dates"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.importer} · {self.country}"

    def clean(self) -> None:
        super().clean()
        problems: dict[str, object] = {}
        if self.country == HOME:
            problems["country"] = _("Data that stay in Brazil are no international transfer.")
        elif self.mechanism == self.Mechanism.ADEQUACY and self.country not in ADEQUATE:
            problems["mechanism"] = _("The ANPD has not recognised this country as adequate; choose another mechanism.")
        if self.mechanism in self.ON_PAPER:
            problems |= {
                name: _("This mechanism needs the document and its hash.")
                for name in ("document", "document_sha256")
                if not getattr(self, name)
            }
        if unknown := sorted({*self.categories} - TABLES[CURRENT_RETENTION].rules.keys()):
            problems["categories"] = _("Unknown: %(codes)s.") % {"codes": ", ".join(unknown)}
        if self.processor and self.processor.clinic_id != self.clinic_id:
            problems["processor"] = _("The processor belongs to another clinic.")
        if problems:
            raise ValidationError(problems)


class Assessment(Kept):
    """An impact report (RIPD, Art. 38) or a balancing test of legitimate interest (Art. 10): the paper and its date."""

    class Kind(models.TextChoices):
        IMPACT = "impact", _("impact report (RIPD)")
        BALANCING = "balancing", _("balancing test of legitimate interest")

    class Decision(models.TextChoices):
        OPEN = "open", _("open")
        APPROVED = "approved", _("the processing goes on")
        REFUSED = "refused", _("the processing stops")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    operation = models.CharField(_("operation"), max_length=32, choices=Processing)
    title = models.CharField(_("title"), max_length=200)
    decision = models.CharField(_("decision"), max_length=8, choices=Decision, default=Decision.OPEN)
    decided_on = models.DateField(_("decided on"), null=True, blank=True)
    review_on = models.DateField(_("review on"))
    risk = models.CharField(_("risk"), max_length=8, choices=OperationVersion.Risk, blank=True)

    class Meta:
        db_table = "assessments"
        db_table_comment = "Impact reports and balancing tests (LGPD Art. 10 and 38): document, decision, review."
        verbose_name = _("assessment")
        verbose_name_plural = _("impact reports and balancing tests")
        ordering: ClassVar = ["review_on"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["impact", "balancing"]), name="chk_assessments_kind"),
            models.CheckConstraint(
                condition=Q(decision="open", decided_on__isnull=True)
                | Q(decision__in=["approved", "refused"], decided_on__isnull=False),
                name="chk_assessments_decision",
                violation_error_message=_("A decision needs its date, and a date its decision."),
            ),
            models.CheckConstraint(condition=Q(risk__in=["", "low", "medium", "high"]), name="chk_assessments_risk"),
        ]

    def __str__(self) -> str:
        return self.title
