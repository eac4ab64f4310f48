"""The register of data protection officers (A3, lgpd section 13): who answers, by which act, and are there days without?"""

import hashlib
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import desk
from consent.designations import Gap, gaps, today_of
from consent.models import Clinic, DeadlineRegime, DpoDesignation
from consent.public.pages import privacy_address
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, signed_in

LARGEST = 20 * 1024 * 1024
LIST = "admin:consent_dpodesignation_changelist"


class DesignationForm(forms.ModelForm):
    """The act is hashed, not kept: the clinic keeps the signed paper."""

    act = forms.FileField(
        label=gettext_lazy("Signed act of designation"),
        required=False,
        help_text=gettext_lazy("Only its hash is kept here; keep the signed file yourself."),
    )

    class Meta:
        model = DpoDesignation
        fields = (
            "clinic", "part", "name", "responsible_person", "contact", "starts_on", "ends_on", "act_signed_on",
            "publication_address", "conflict_statement", "attributions",
        )  # fmt: skip

    def clean_act(self) -> Any:
        file = self.cleaned_data["act"]
        if file is None and not self.instance.act_sha256:
            raise forms.ValidationError(_("The written, dated and signed act is needed."))
        if file is not None and file.size > LARGEST:
            raise forms.ValidationError(_("The file is larger than 20 MB."))
        return file

    def _post_clean(self) -> None:
        # Before the model is checked: the hash is one of its conditions.
        file = self.cleaned_data.get("act")
        if file is not None:
            digest = hashlib.sha256()
            for chunk in file.chunks():
                digest.update(chunk)
            self.instance.act_sha256, self.instance.act_name = digest.hexdigest(), file.name[:120]
        super()._post_clean()  # type: ignore[misc]


@admin.register(DpoDesignation)
class DpoDesignationAdmin(ClinicScopedAdmin):
    """An ended designation stays in the register; nobody removes one."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.CLINIC_VIEW, Capability.PRIVACY_VIEW)
    change_roles = roles_with(Capability.CLINIC_CHANGE, Capability.PRIVACY_ACT)

    question = gettext_lazy("Who answers for the data, by which act, and are there days without anybody?")
    help_text = gettext_lazy(
        "The law wants a data protection officer designated by a written, dated and signed act, whose identity and "
        "contact are published, and a substitute. Days without either of them show here. The privacy page of the "
        "clinic shows whoever is designated today."
    )
    form = DesignationForm
    list_before_template = "admin/bridge/list_before.html"
    list_display = ("name", "clinic", "part", "starts_on", "ends_on", "contact", "published")
    list_filter = ("part", "clinic")
    list_select_related = ("clinic",)
    readonly_fields = ("act_name", "act_sha256")
    actions = ()
    fieldsets = (
        (None, {"fields": ("clinic", "part", "name", "responsible_person", "contact")}),
        (
            gettext_lazy("Act of designation"),
            {"fields": ("starts_on", "ends_on", "act_signed_on", "act", "act_name", "act_sha256")},
        ),
        (
            gettext_lazy("Publication and independence"),
            {"fields": ("publication_address", "conflict_statement", "attributions")},
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": self.summary(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.display(description=gettext_lazy("Privacy page"))
    def published(self, row: DpoDesignation) -> SafeString:
        """How people see it today."""
        address = privacy_address(row.clinic)
        return format_html('<a class="ponte-link" href="{}">{}</a>', address, _("See the privacy page"))

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        clinics = list(clinics_of(signed_in(request), *self.seeing_roles).prefetch_related("designations")[:50])
        found = [_told(clinic, gap) for clinic in clinics for gap in open_gaps(clinic)]
        if found:
            return {"word": {"value": "failed"}, "sentence": " ".join(found[:3])}
        return {"word": {"value": "done"}, "sentence": _("Every day has a data protection officer or a substitute.")}

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """An act that was written down keeps its beginning and its clinic."""
        fixed = ("clinic", "part", "starts_on", "act_signed_on") if obj else ()
        return (*super().get_readonly_fields(request, obj), *fixed)


@admin.register(DeadlineRegime)
class DeadlineRegimeAdmin(ClinicScopedAdmin):
    """Decisions on the deadlines; they are added, never changed."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = roles_with(Capability.PRIVACY_ACT)

    question = gettext_lazy("Which deadlines hold for requests, by whose decision, and why?")
    help_text = gettext_lazy(
        "The full deadlines hold unless the data protection officer decides, with the reason written down, that the "
        "clinic is a small processing entity without high risk. Health data at large scale are high risk. A decision "
        "holds for requests received after it; those already received keep their deadlines."
    )
    list_before_template = "admin/bridge/list_before.html"
    list_display = ("clinic", "regime", "reason", "decided_by", "decided_at")
    list_filter = ("clinic",)
    list_select_related = ("clinic", "decided_by")
    fields = ("clinic", "regime", "reason")
    actions = ()

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.decided_by, obj.decided_at = signed_in(request), timezone.now()
        super().save_model(request, obj, form, change)


def open_gaps(clinic: Clinic) -> list[Gap]:
    return gaps(list(clinic.designations.all()), today_of(clinic, timezone.now()))


def _told(clinic: Clinic, gap: Gap) -> str:
    told = {"clinic": str(clinic), "begins": f"{gap.begins:%d/%m/%Y}"}
    if gap.ends is None:
        return _("%(clinic)s: nobody is designated from %(begins)s on.") % told
    return _("%(clinic)s: nobody was designated from %(begins)s to %(ends)s.") % {
        **told,
        "ends": f"{gap.ends:%d/%m/%Y}",
    }


def designation_card(user: Any, clinics: Any, now: Any) -> desk.Card | None:
    """Days without an officer, on the desk."""
    without = [clinic for clinic in clinics.prefetch_related("designations")[:50] if open_gaps(clinic)]
    text = (
        _("There are days without an officer or a substitute.")
        if without
        else _("Officer and substitute are in order.")
    )
    return desk.Card(_("Data protection officer"), len(without), reverse(LIST), text, _("See the register"))


desk.register_card(designation_card, place=95)
