"""B5 Links: which contact is which person, which conversation is which opportunity?"""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin import cells
from bridge.admin.base import OperationAdmin
from bridge.admin.filters import ConnectionFilter, SyncedPeriod
from bridge.models import ContactMapping, ConversationMapping, ObservedConversation
from bridge.queries import addresses
from bridge.queries.links import with_companions
from bridge.queries.story_lines import stage_name

CONVERSATIONS_SHOWN = 50


class OpportunityFilter(admin.SimpleListFilter):
    """Contacts that have a person in Krayin but no opportunity."""

    title = gettext_lazy("opportunity")
    parameter_name = "opportunity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("none", gettext_lazy("without opportunity"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(krayin_lead_id=None) if self.value() == "none" else queryset


@admin.register(ContactMapping)
class LinkAdmin(OperationAdmin):
    """Masks and numbers only; the objects themselves are in the partners' screens."""

    question = gettext_lazy("Which contact is which person, which conversation is which opportunity?")
    help_text = gettext_lazy(
        "A link is made when Ponte creates a person and an opportunity, or finds exactly one sure match. Nothing is "
        "joined by itself when in doubt. Search by the number of the contact, the person or the opportunity."
    )
    empty_text = gettext_lazy("No link in this period. Links appear when the first conversation reaches Krayin.")

    list_display = (
        "contact", "person", "opportunity", "stage", "conversation_count", "last_sync", "found", "connection_name",
    )  # fmt: skip
    list_filter = (SyncedPeriod, ConnectionFilter, OpportunityFilter)
    list_select_related = ("connection__clinic", "connection__krayin")
    ordering = ("-updated_at",)
    sortable_by = ()
    search_fields = ("chatwoot_contact_id",)
    search_help_text = gettext_lazy("Number of contact, person or opportunity")
    actions = ()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return with_companions(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Numbers, exactly, inside the viewer's connections: each of the three has an index with the connection."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if not (term.isascii() and term.isdecimal() and len(term) < 19):
            return queryset.none(), False
        wanted = models.Q(pk__in=[])
        for column in ("chatwoot_contact_id", "krayin_person_id", "krayin_lead_id"):
            wanted |= models.Q(**{column: int(term)})
        return queryset.filter(wanted, connection__in=self.connections(request).order_by().values("pk")), False

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("contact"))
    def contact(self, row: Any) -> str:
        return row.mask or _("contact %(n)s") % {"n": row.chatwoot_contact_id}

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: ContactMapping) -> SafeString:
        if row.krayin_person_id is None:
            return cells.number(None)
        return cells.out(addresses.krayin_person(row.connection, row.krayin_person_id), str(row.krayin_person_id))

    @admin.display(description=gettext_lazy("opportunity"))
    def opportunity(self, row: ContactMapping) -> SafeString:
        if row.krayin_lead_id is None:
            return cells.number(None)
        return cells.out(addresses.krayin_lead(row.connection, row.krayin_lead_id), str(row.krayin_lead_id))

    @admin.display(description=gettext_lazy("stage"))
    def stage(self, row: Any) -> str | SafeString:
        """As Ponte last saw it: it never decides on this without reading."""
        if row.lead_gone_at:
            return _("deleted in Krayin")
        return stage_name(row.connection, row.stage_id) or cells.NOTHING

    @admin.display(description=gettext_lazy("conversations"))
    def conversation_count(self, row: Any) -> int:
        return int(row.conversations)

    @admin.display(description=gettext_lazy("last sync"))
    def last_sync(self, row: ContactMapping) -> SafeString:
        return cells.since(row.updated_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("found by"))
    def found(self, row: ContactMapping) -> str:
        return row.get_found_by_display()

    @admin.display(description=gettext_lazy("connection"))
    def connection_name(self, row: ContactMapping) -> str:
        return row.connection.name

    # One link ---------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Any = self.object_or_404(request, object_id, change=False)
        connection = row.connection
        zone = cells.zone_of(connection)
        trace = reverse("admin:bridge_observedcontact_change", args=[row.contact_pk]) if row.contact_pk else ""
        contact_address = addresses.chatwoot_contact(connection, row.chatwoot_contact_id)
        rows = [
            (_("contact"), cells.out(contact_address, f"{self.contact(row)} ({row.chatwoot_contact_id})")),
            (_("person"), self.person(row)),
            (_("opportunity"), self.opportunity(row)),
            (_("stage"), self.stage(row)),
            (_("stage read"), cells.since(row.lead_seen_at, zone)),
            (_("found by"), self.found(row)),
            (_("created"), cells.since(row.created_at, zone)),
            (_("last sync"), cells.since(row.updated_at, zone)),
            (_("connection"), connection.name),
        ]
        title = _("Link of %(who)s") % {"who": self.contact(row)}
        return self.page(
            request, "admin/bridge/link.html", title, rows=rows, trace=trace, conversations=self._conversations(row)
        )

    def _conversations(self, row: ContactMapping) -> list[dict[str, Any]]:
        if row.krayin_lead_id is None:
            return []
        held = ConversationMapping.objects.filter(connection=row.connection, krayin_lead_id=row.krayin_lead_id)
        names = dict(ObservedConversation.Status.choices)
        zone = cells.zone_of(row.connection)
        return [
            {
                "number": cells.out(
                    addresses.chatwoot_conversation(row.connection, one.chatwoot_conversation_id),
                    str(one.chatwoot_conversation_id),
                ),
                "status": names.get(one.status, one.status),
                "messages": one.message_count,
                "last": cells.since(one.last_message_at, zone),
            }
            for one in held.order_by("-updated_at")[:CONVERSATIONS_SHOWN]
        ]
