"""What the screens of the operation share: read-only lists, scoped to the viewer, acting only by named actions."""

from typing import Any, ClassVar

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise

from bridge.admin.paging import BoundedPaginator
from bridge.admin.scope import connections_of
from bridge.models import Connection
from consent.encryption import Actor
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, has_role, signed_in

SEE = roles_with(Capability.OPERATE_VIEW)
ACT = roles_with(Capability.OPERATE_ACT)


class OperationAdmin(ClinicScopedAdmin):
    """A screen that shows what happened. Nobody edits it; `change_roles` may use its actions."""

    clinic_lookup = "connection__clinic"
    view_roles = SEE
    change_roles = ACT

    paginator = BoundedPaginator
    show_full_result_count = False
    list_disable_select_all = True
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True

    # What the screen is for, and what an empty list means.
    question: ClassVar[str | Promise] = ""
    help_text: ClassVar[str | Promise] = ""
    empty_text: ClassVar[str | Promise] = ""
    empty_is_good: ClassVar[bool] = False
    list_before_template = "admin/bridge/list_before.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Permission of the actions: in any clinic; the rows are limited to the right ones by `actionable`."""
        return has_role(request.user, *self.change_roles)

    def connections(self, request: HttpRequest, *, act: bool = False) -> models.QuerySet[Connection]:
        """The viewer's connections, or those where the viewer may act."""
        return connections_of(signed_in(request), self.change_roles if act else self.seeing_roles)

    def chosen_ids(self, request: HttpRequest) -> list[str]:
        """What was ticked. "All pages" is never acted upon: only rows the viewer saw."""
        return request.POST.getlist(ACTION_CHECKBOX_NAME)

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        """More for the top of the list: `word` and `sentence` that answer the screen's question."""
        return {}

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)
        # There is no total: the theme would otherwise offer to "show all" of it.
        changelist.full_result_count = changelist.result_count
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": self.summary(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response


class PerConnectionAdmin(OperationAdmin):
    """A page about one of the viewer's connections at a time."""

    joined: ClassVar[tuple[str, ...]] = ("clinic",)  # what the page needs of the connection besides itself

    def connections(self, request: HttpRequest, *, act: bool = False) -> models.QuerySet[Connection]:
        return super().connections(request, act=act).select_related(*self.joined)

    def one_connection(self, request: HttpRequest, pk: int, *, act: bool = False) -> Connection:
        found = self.connections(request, act=act).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def choice(self, request: HttpRequest) -> tuple[list[Connection], Connection | None]:
        """The viewer's connections, and the one that was asked for, else the first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        connections = list(self.connections(request))
        asked = request.GET.get("connection", "")
        return connections, next((row for row in connections if str(row.pk) == asked), next(iter(connections), None))


def actor_of(request: HttpRequest) -> Actor:
    return Actor.staff(signed_in(request))
