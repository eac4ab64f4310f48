"""The audit trail (D1, first form): who did what, when. Read only; names of fields, never their values."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.paginator import InfinitePaginator

from audit.models import AuditLog
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin

# django-auditlog registers a page of its own for the model.
if admin.site.is_registered(AuditLog):
    admin.site.unregister(AuditLog)


class PeriodFilter(admin.SimpleListFilter):
    """Seven days unless asked otherwise: the trail is long and partitioned by time."""

    title = _("period")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("1", _("24 hours")), ("30", _("30 days")), ("90", _("90 days")), ("all", _("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("7 days")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        chosen = self.value() or "7"
        if not chosen.isdecimal():
            return queryset
        return queryset.filter(timestamp__gte=timezone.now() - timedelta(days=min(int(chosen), 36500)))


@admin.register(AuditLog)
class AuditTrailAdmin(ClinicScopedAdmin):
    """Who did what, and who saw whom?"""

    clinic_lookup = "clinic_id"
    view_roles = roles_with(Capability.AUDIT_VIEW)

    list_display = ("timestamp", "action", "who", "what", "field_names", "purpose", "outcome", "reason_code")
    list_filter = (PeriodFilter, "action", "outcome", "actor_type")
    list_select_related = ("actor",)
    paginator = InfinitePaginator
    show_full_result_count = False
    actions = None
    fields = (
        "timestamp",
        "action",
        "who",
        "actor_type",
        "what",
        "field_names",
        "purpose",
        "outcome",
        "reason_code",
        "subject",
        "request_id",
    )
    readonly_fields = fields

    @admin.display(description=_("who"))
    def who(self, entry: AuditLog) -> str:
        return str(entry.actor or entry.actor_ref or entry.get_actor_type_display())

    @admin.display(description=_("object"))
    def what(self, entry: AuditLog) -> str:
        return f"{entry.object_type} {entry.object_id}".strip() or "-"

    @admin.display(description=_("fields"))
    def field_names(self, entry: AuditLog) -> str:
        return ", ".join(entry.fields) or "-"
