"""The register of data protection officers (lgpd section 13): who, by which act, from when to when."""

import uuid
from typing import ClassVar

from django.core.validators import URLValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from consent.models.staff import Clinic


class DpoDesignation(Audited):
    """One act of designation. The document stays with the clinic; its hash proves which one it was."""

    class Part(models.TextChoices):
        DPO = "dpo", _("Data protection officer")
        SUBSTITUTE = "substitute", _("Substitute")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="designations")
    part = models.CharField(_("part"), max_length=10, choices=Part)
    name = models.CharField(_("name of the person or company"), max_length=200)
    responsible_person = models.CharField(
        _("responsible person"), max_length=200, blank=True, help_text=_("When a company is designated.")
    )
    contact = models.CharField(
        _("contact"), max_length=200, help_text=_("E-mail or telephone that is published on the privacy page.")
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"), null=True, blank=True, help_text=_("Last day; empty: until it is ended."))
    act_signed_on = models.DateField(_("act signed on"))
    act_sha256 = models.CharField(_("hash of the act (SHA-256)"), max_length=64, editable=False)
    act_name = models.CharField(_("file of the act"), max_length=120, editable=False)
    publication_address = models.CharField(
        _("publication address"),
        max_length=200,
        blank=True,
        validators=[URLValidator(["https", "http"])],
        help_text=_("Empty: only the privacy page made by Ponte."),
    )
    conflict_statement = models.TextField(
        _("statement on conflicts of interest"),
        max_length=2000,
        help_text=_("Other tasks of the person in the clinic, and why they are no conflict."),
    )
    attributions = models.TextField(_("attributions"), max_length=2000, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        db_table = "dpo_designations"
        db_table_comment = "Acts of designation of data protection officers and substitutes (Res. CD/ANPD 18/2024)."
        verbose_name = _("designation")
        verbose_name_plural = _("designations")
        ordering: ClassVar = ["-starts_on"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(part__in=["dpo", "substitute"]), name="chk_designations_part"),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="chk_designations_dates",
                violation_error_message=_("It cannot end before it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(act_sha256__regex=r"^[0-9a-f]{64}$"), name="chk_designations_act"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_part_display()} · {self.name}"

    @property
    def audited_clinic_id(self) -> int:
        return self.clinic_id
