"""B7 Stage changes: who or what moved this opportunity, and why was another not moved?"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin
from bridge.admin.filters import ChangedPeriod, ConnectionFilter
from bridge.models import Connection, StageChangeLog, StageRule
from bridge.queries import addresses
from bridge.queries.words import Word
from bridge.rules.lists import key_of

RULES = {
    "stage_on_conversation_created": gettext_lazy("conversation started"),
    "stage_on_first_response": gettext_lazy("first reply"),
    "stage_on_conversation_resolved": gettext_lazy("conversation resolved"),
}
Result = StageChangeLog.Result


def rule_names(rows: Iterable[StageChangeLog]) -> dict[str, str]:
    """Rules of the connections' own lists, by their key in the log: one query, none where no row needs it."""
    numbers = {int(row.rule.removeprefix("rule:")) for row in rows if row.rule.startswith("rule:")}
    found = StageRule.objects.filter(pk__in=numbers) if numbers else ()
    return {key_of(rule): str(rule) for rule in found}


class ViewFilter(admin.SimpleListFilter):
    """The two views of the screen; *moved* unless asked otherwise."""

    title = gettext_lazy("view")
    parameter_name = "view"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("not_moved", gettext_lazy("not moved"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("moved")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() == "not_moved":
            return queryset.exclude(result=Result.MOVED)
        return queryset.filter(result=Result.MOVED)


@admin.register(StageChangeLog)
class StageChangeAdmin(OperationAdmin):
    """Two views: what moved, and what was asked for and not done."""

    question = gettext_lazy("Who or what moved this opportunity?")
    help_text = gettext_lazy(
        "Stages move forward only, never out of won or lost, and never after a person moved the opportunity by hand. "
        "What was asked for and not done is in the second view, with its reason."
    )
    empty_text = gettext_lazy("No stage change in this period.")

    list_display = (
        "opportunity", "old", "new", "why", "conversation", "when", "outcome", "connection_name",
    )  # fmt: skip
    list_filter = (ViewFilter, ChangedPeriod, ConnectionFilter, "trigger_source")
    list_select_related = ("connection__clinic", "connection__krayin", "asked_by")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    actions = ()

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        names = rule_names(changelist.result_list)
        for row in changelist.result_list:
            row.rule_name = names.get(row.rule, "")
        return changelist

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        base = reverse("admin:bridge_stagechangelog_changelist")
        chosen = request.GET.get("view") == "not_moved"
        tabs = [
            {"address": base, "name": _("Moved"), "is_active": not chosen},
            {"address": f"{base}?view=not_moved", "name": _("Not moved"), "is_active": chosen},
        ]
        return {"tabs": tabs}

    @admin.display(description=gettext_lazy("opportunity"))
    def opportunity(self, row: StageChangeLog) -> str:
        return str(row.krayin_lead_id)

    @admin.display(description=gettext_lazy("from"))
    def old(self, row: StageChangeLog) -> str:
        return row.previous_stage or cells.NOTHING

    @admin.display(description=gettext_lazy("to"))
    def new(self, row: StageChangeLog) -> str:
        return row.new_stage or cells.NOTHING

    @admin.display(description=gettext_lazy("cause"))
    def why(self, row: StageChangeLog) -> str:
        who = getattr(row, "rule_name", "") or RULES.get(row.rule) or row.asked_by
        return f"{row.get_trigger_source_display()}: {who}" if who else row.get_trigger_source_display()

    @admin.display(description=gettext_lazy("conversation"))
    def conversation(self, row: StageChangeLog) -> SafeString:
        number = row.chatwoot_conversation_id
        if number is None:
            return cells.number(None)
        return cells.out(addresses.chatwoot_conversation(row.connection, number), str(number))

    @admin.display(description=gettext_lazy("when"))
    def when(self, row: StageChangeLog) -> SafeString:
        return cells.since(row.created_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("result"))
    def outcome(self, row: StageChangeLog) -> SafeString:
        word = Word.DONE if row.result == Result.MOVED else Word.IGNORED
        return cells.badge(word, row.get_result_display())

    @admin.display(description=gettext_lazy("connection"))
    def connection_name(self, row: StageChangeLog) -> str:
        return row.connection.name

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Any = self.object_or_404(request, object_id, change=False)
        connection: Connection = row.connection
        row.rule_name = rule_names([row]).get(row.rule, "")
        address = addresses.krayin_lead(connection, row.krayin_lead_id)
        rows = [
            (_("opportunity"), cells.out(address, str(row.krayin_lead_id))),
            (_("from"), self.old(row)),
            (_("to"), self.new(row)),
            (_("cause"), self.why(row)),
            (_("result"), self.outcome(row)),
            (_("conversation"), self.conversation(row)),
            (_("when"), self.when(row)),
            (_("connection"), connection.name),
        ]
        history = StageChangeLog.objects.filter(connection=connection, krayin_lead_id=row.krayin_lead_id)
        lines = [
            {"when": self.when(one), "old": self.old(one), "new": self.new(one), "outcome": self.outcome(one)}
            for one in history.select_related("connection__clinic").order_by("-created_at")[:50]
        ]
        title = _("Opportunity %(id)s") % {"id": row.krayin_lead_id}
        return self.page(
            request, "admin/bridge/stage.html", title, rows=rows, lines=lines, audit=audit_of(request, row)
        )
