"""Filters of the operation's lists: only over indexed columns, always bounded in time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.admin.scope import connections_of
from bridge.models import Connection
from consent.scope import signed_in


class PeriodFilter(SimpleListFilter):
    """The last so many days of `column`; the first choice is the default and shown as chosen."""

    title = _("period")
    parameter_name = "days"
    column: ClassVar[str]
    periods: ClassVar[tuple[tuple[int, str | Promise], ...]]

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [(str(days), name) for days, name in self.periods[1:]]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": self.periods[0][1]}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = {str(days): days for days, _name in self.periods}.get(self.value() or "", self.periods[0][0])
        return queryset.filter(**{f"{self.column}__gte": timezone.now() - timedelta(days=days)})


DAY, WEEK, MONTH, QUARTER = (1, _("24 hours")), (7, _("7 days")), (30, _("30 days")), (90, _("90 days"))


class ReceivedPeriod(PeriodFilter):
    column = "received_at"
    periods = (DAY, WEEK, MONTH)


class SyncedPeriod(PeriodFilter):
    column = "updated_at"
    periods = (MONTH, WEEK, (365, _("1 year")))


class ChangedPeriod(PeriodFilter):
    column = "created_at"
    periods = (WEEK, MONTH, QUARTER)


class ConnectionFilter(SimpleListFilter):
    """The viewer's connections; Django's own filter would look for them in every row of the table."""

    title = _("connection")
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        rows = connections_of(signed_in(request), getattr(model_admin, "seeing_roles", ()))
        return [(str(pk), name) for pk, name in rows.order_by("name").values_list("pk", "name")[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(connection=int(value)) if value.isdecimal() and len(value) < 19 else queryset


class ProblemFilter(SimpleListFilter):
    """Connections as they stand."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return list(Connection.State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in Connection.State.values else queryset
