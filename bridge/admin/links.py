"""B5 Links: which contact is which person, which conversation is which opportunity?"""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge import actions as by_hand
from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.filters import ConnectionFilter, SyncedPeriod
from bridge.admin.health import PERSON as HEALTH
from bridge.admin.health import SEE as HEALTH_ROLES
from bridge.admin.scope import connections_of
from bridge.models import ContactMapping, ConversationMapping, ObservedContact, ObservedConversation
from bridge.queries import addresses, links
from bridge.queries.story_lines import stage_name
from bridge.queries.words import Word
from consent.scope import signed_in

CONVERSATIONS_SHOWN = 50
STORY = "admin:bridge_observedcontact_change"

Rows = models.QuerySet[Any]
WANTED: dict[str, tuple[Any, Callable[[Rows], Rows]]] = {
    "none": (gettext_lazy("without opportunity"), links.without_opportunity),
    "several": (gettext_lazy("several open opportunities"), links.with_several_open),
    "gone": (gettext_lazy("deleted on one side"), links.with_something_gone),
    "hand": (gettext_lazy("made by hand"), links.made_by_hand),
    "shared": (gettext_lazy("shared phone"), links.with_shared_phone),
}


class OnlyFilter(admin.SimpleListFilter):
    """What about a link may need somebody; inside the chosen period."""

    title = gettext_lazy("only")
    parameter_name = "only"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code, name) for code, (name, _narrow) in WANTED.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        wanted = WANTED.get(self.value() or "")
        return wanted[1](queryset) if wanted else queryset


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
    list_filter = (OnlyFilter, SyncedPeriod, ConnectionFilter)
    ordering = ("-updated_at",)
    sortable_by = ()
    search_fields = ("chatwoot_contact_id",)
    search_help_text = gettext_lazy("Number of contact, person or opportunity")
    actions = ("sync_chosen",)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = links.shown(changelist.result_list)
        return changelist

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        own = list(self.connections(request))
        waiting = links.undecided(own)
        word, text = links.sentence(own, len(waiting))
        lines = [
            {
                "address": reverse(STORY, args=[wish.contact_id]),
                "name": wish.contact.mask or str(wish.contact.chatwoot_contact_id),
                "since": cells.since(wish.created_at, cells.zone_of(wish.connection)),
            }
            for wish in waiting[: links.WAITING_SHOWN]
        ]
        return {"word": word, "sentence": text, "waiting": lines}

    list_before_template = "admin/bridge/link_list_before.html"

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
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

    # Acting -----------------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Sync the chosen now"), permissions=["operate"])
    def sync_chosen(self, request: HttpRequest, queryset: Rows) -> None:
        """Have the ticked contacts looked at again; one that must be left alone says why."""
        asked = 0
        for row in links.shown(queryset.filter(pk__in=self.chosen_ids(request))):
            try:
                by_hand.sync_now(row, actor_of(request))
                asked += 1
            except by_hand.ActionRefused as refused:
                messages.warning(request, f"{self.contact(row)}: {refused}")
        if asked:
            text = ngettext("%(n)d contact is looked at again now.", "%(n)d contacts are looked at again now.", asked)
            messages.success(request, text % {"n": asked})

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("contact"))
    def contact(self, row: Any) -> str:
        return row.mask or _("contact %(n)s") % {"n": row.chatwoot_contact_id}

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: Any) -> SafeString:
        if row.krayin_person_id is None:
            return cells.number(None)
        shown = cells.out(addresses.krayin_person(row.connection, row.krayin_person_id), str(row.krayin_person_id))
        return format_html("{} {}", shown, _deleted()) if row.person_gone_at else shown

    @admin.display(description=gettext_lazy("opportunity"))
    def opportunity(self, row: ContactMapping) -> SafeString:
        if row.krayin_lead_id is None:
            return cells.number(None)
        return cells.out(addresses.krayin_lead(row.connection, row.krayin_lead_id), str(row.krayin_lead_id))

    @admin.display(description=gettext_lazy("stage"))
    def stage(self, row: Any) -> str | SafeString:
        """As Ponte last saw it, with its age: it never decides on this without reading."""
        if row.lead_gone_at:
            return _deleted()
        name = stage_name(row.connection, row.stage_id)
        if not name:
            return cells.NOTHING
        return format_html("{} · {}", name, cells.since(row.lead_seen_at, cells.zone_of(row.connection)))

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
        row: Any = self._row(request, object_id)
        connection = row.connection
        zone = cells.zone_of(connection)
        may_act = self.connections(request, act=True).filter(pk=connection.pk).exists()
        contact_address = addresses.chatwoot_contact(connection, row.chatwoot_contact_id)
        rows = [
            (_("contact"), cells.out(contact_address, f"{self.contact(row)} ({row.chatwoot_contact_id})")),
            (_("person"), self.person(row)),
            (_("opportunity"), self.opportunity(row)),
            (_("stage"), self.stage(row)),
            (_("found by"), self.found(row)),
            (_("created"), cells.since(row.created_at, zone)),
            (_("last sync"), cells.since(row.updated_at, zone)),
            (_("connection"), connection.name),
        ]
        return self.page(
            request,
            "admin/bridge/link.html",
            _("Link of %(who)s") % {"who": self.contact(row)},
            rows=rows,
            contact=row.contact_pk,
            may_act=may_act,
            health=self._health_address(request, row),
            audit=audit_of(request, person=self._pseudonym(row)),
            conversations=self._conversations(row),
            back=reverse("admin:bridge_contactmapping_changelist"),
        )

    def _row(self, request: HttpRequest, object_id: str) -> ContactMapping:
        found = links.shown([cast("ContactMapping", self.object_or_404(request, object_id, change=False))])
        if not found:
            raise Http404
        return found[0]

    def _health_address(self, request: HttpRequest, row: Any) -> str:
        """For who may see or write health data in the clinic."""
        has_right = connections_of(signed_in(request), HEALTH_ROLES).filter(pk=row.connection_id).exists()
        return reverse(HEALTH, args=[row.contact_pk]) if row.contact_pk and has_right else ""

    def _pseudonym(self, row: Any) -> UUID | None:
        contact = ObservedContact.objects.filter(pk=row.contact_pk).select_related("subject").first()
        return contact.subject.pseudonym if contact else None

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


def _deleted() -> SafeString:
    return cells.badge(Word.IGNORED, _("deleted in Krayin"))
