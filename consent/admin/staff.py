"""Clinics (A3, first form)."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.forms import CharField, Widget
from django.forms import Field as FormField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent.models import Clinic
from consent.roles import Capability, Role, roles_with
from consent.scope import ClinicScopedAdmin, has_role, sees_all_clinics, signed_in
from consent.validators import cnpj_normalised

PRIVACY_ACT = roles_with(Capability.PRIVACY_ACT)


class CnpjField(CharField):
    """Takes the CNPJ as people paste it, with its punctuation."""

    def to_python(self, value: str | None) -> str | None:
        return cnpj_normalised(super().to_python(value) or "") or None

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "maxlength": "18"}


@admin.register(Clinic)
class ClinicAdmin(ClinicScopedAdmin):
    """Who answers for the data, and how are they found?"""

    clinic_lookup = "pk"
    view_roles = roles_with(Capability.CLINIC_VIEW)
    change_roles = roles_with(Capability.CLINIC_CHANGE)
    add_roles = frozenset({Role.TECHNICAL_ADMIN})

    list_display = ("trade_name", "cnpj", "dpo_name", "policy_version", "time_zone", "is_example")
    search_fields = ("trade_name", "legal_name", "cnpj")
    list_filter = ("is_example",)
    readonly_fields = ("policy_version", "policy_confirmed_at", "policy_confirmed_by", "is_example", "created_at")
    actions = ("confirm_policy",)
    fieldsets = (
        (None, {"fields": ("trade_name", "legal_name", "cnpj", "address", "time_zone")}),
        (_("Public contact"), {"fields": ("contact_email", "contact_phone")}),
        (_("Data protection officer"), {"fields": ("dpo_name", "dpo_contact")}),
        (_("Policy"), {"fields": ("policy_version", "policy_confirmed_at", "policy_confirmed_by")}),
        (None, {"fields": ("is_example", "created_at")}),
    )

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: object) -> FormField | None:
        if db_field.name == "cnpj":
            kwargs["form_class"] = CnpjField
        formfield: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        return formfield

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Whoever may change some clinics only must not add one that they could not see afterwards.
        return sees_all_clinics(request.user, *self.adding_roles)

    def has_confirm_policy_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *PRIVACY_ACT)

    def actionable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        # The one action here is the DPO's, who may not change the clinic's data.
        return self.scoped(request, queryset, PRIVACY_ACT)

    @admin.action(description=_("Confirm the proposed policy"), permissions=["confirm_policy"])
    def confirm_policy(self, request: HttpRequest, queryset: models.QuerySet[Clinic]) -> None:
        """The DPO accepts the shipped legal bases; from then on connections may write."""
        clinics = list(queryset)
        for clinic in clinics:
            clinic.confirm_policy(by=signed_in(request), now=timezone.now())
        self.message_user(request, _("Policy confirmed for %(count)s clinics.") % {"count": len(clinics)})
