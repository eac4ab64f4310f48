"""H4 Panel sign-ins: who is signed in to the panel inside Chatwoot, and ending it."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.admin.base import OperationAdmin
from bridge.models import PanelToken
from bridge.panel import tokens
from bridge.queries.words import Word
from consent.roles import Capability, roles_with
from consent.scope import signed_in


class StateFilter(admin.SimpleListFilter):
    """Those in force unless asked otherwise."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ended", gettext_lazy("ended"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("signed in")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        in_force = models.Q(revoked_at=None, expires_at__gt=timezone.now())
        return queryset.exclude(in_force) if self.value() == "ended" else queryset.filter(in_force)


@admin.register(PanelToken)
class PanelSignInAdmin(OperationAdmin):
    """Whoever changes people's accounts may end their sign-ins."""

    view_roles = roles_with(Capability.PEOPLE_VIEW)
    change_roles = roles_with(Capability.PEOPLE_CHANGE)

    question = gettext_lazy("Who is signed in to the panel inside Chatwoot?")
    help_text = gettext_lazy(
        "A sign-in belongs to one person and one connection and ends by itself after twelve hours. Ending it here counts "
        "at once: the next look asks the person to sign in again."
    )
    empty_text = gettext_lazy("Nobody is signed in to the panel.")

    list_display = ("person", "connection_name", "since", "used", "ends", "state")
    list_filter = (StateFilter,)
    list_select_related = ("user", "connection__clinic")
    list_display_links = None
    ordering = ("-created_at",)
    sortable_by = ()
    actions = ("end",)

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: PanelToken) -> str:
        return row.user.email

    @admin.display(description=gettext_lazy("connection"))
    def connection_name(self, row: PanelToken) -> str:
        return row.connection.name

    @admin.display(description=gettext_lazy("signed in at"))
    def since(self, row: PanelToken) -> SafeString:
        return cells.since(row.created_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("last used"))
    def used(self, row: PanelToken) -> SafeString:
        return cells.since(row.last_used_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("ends"))
    def ends(self, row: PanelToken) -> SafeString:
        return cells.since(row.expires_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: PanelToken) -> SafeString:
        if row.revoked_at is not None:
            return cells.badge(Word.IGNORED, _("ended by hand"))
        is_over = row.expires_at <= timezone.now()
        return cells.badge(Word.IGNORED, _("ended")) if is_over else cells.badge(Word.DONE, _("signed in"))

    @admin.action(description=gettext_lazy("End the sign-in"), permissions=["operate"])
    def end(self, request: HttpRequest, queryset: models.QuerySet[PanelToken]) -> None:
        """The chosen ones are worth nothing from now on."""
        now, by = timezone.now(), signed_in(request)
        ended = sum(tokens.end(row, by, now) for row in queryset.select_related("connection"))
        text = ngettext("%(n)d sign-in ended.", "%(n)d sign-ins ended.", ended) % {"n": ended}
        self.message_user(request, text, messages.SUCCESS)
