"""B3 Received events: what arrived, was it accepted, and what became of it?"""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.filters import ConnectionFilter, ReceivedPeriod
from bridge.models import WebhookEvent
from bridge.queries import addresses, inbound
from bridge.queries.story import contacts_to_tell
from bridge.queries.story_lines import EVENT_NAMES, cause_text, effect_text, event_name
from bridge.queries.words import effect_word, event_word
from bridge.replay import Selection, preview, replay
from bridge.sync.state import contact_id_of
from config.times import amount

PARKED = WebhookEvent.Status.PARKED


@admin.register(WebhookEvent)
class EventAdmin(OperationAdmin):
    """The list never opens a body; the detail says what may be said about it."""

    question = gettext_lazy("What arrived, was it accepted, and what became of it?")
    help_text = gettext_lazy(
        "Every call of Chatwoot and Krayin that was accepted is one line. An event says that something changed; what "
        "changed is then compared with Krayin. A stopped event is not lost: after the fix it can be read again."
    )
    empty_text = gettext_lazy("No event in this period. Events appear when somebody writes to a connected inbox.")

    list_display = (
        "when", "connection_name", "what", "about", "arrived", "verified", "state", "delay",
    )  # fmt: skip
    list_filter = (ReceivedPeriod, ConnectionFilter, "status", "event_type", "arrived_by")
    list_select_related = ("connection__clinic", "connection__krayin")
    ordering = ("-received_at", "-id")
    sortable_by = ()
    search_fields = ()
    actions = ("read_again",)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        # The types that exist are known; Django would look for them in every row.
        return [TypeFilter if item == "event_type" else item for item in super().get_list_filter(request)]

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        ids = [row.pk for row in self.connections(request)]
        word, sentence = inbound.inbound_sentence(ids, now=now)
        return {"word": word, "sentence": sentence, "counters": inbound.uncounted_traffic(ids, now=now)}

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("received"))
    def when(self, row: WebhookEvent) -> SafeString:
        return cells.since(row.received_at, cells.zone_of(row.connection))

    @admin.display(description=gettext_lazy("connection"))
    def connection_name(self, row: WebhookEvent) -> str:
        return row.connection.name

    @admin.display(description=gettext_lazy("type"))
    def what(self, row: WebhookEvent) -> str:
        if row.event_type.startswith("krayin:"):
            return _("Krayin: change")
        return event_name(row.event_type)

    @admin.display(description=gettext_lazy("about"))
    def about(self, row: WebhookEvent) -> str:
        if row.conversation_id:
            return _("conversation %(n)s") % {"n": row.conversation_id}
        contact_id = row.contact_id or contact_id_of(row.lane_key)
        return _("contact %(n)s") % {"n": contact_id} if contact_id else cells.NOTHING

    @admin.display(description=gettext_lazy("arrived by"))
    def arrived(self, row: WebhookEvent) -> str:
        return row.get_arrived_by_display()

    @admin.display(description=gettext_lazy("verification"))
    def verified(self, row: WebhookEvent) -> str:
        return row.get_verification_display()

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: WebhookEvent) -> SafeString:
        return cells.badge(event_word(row.status))

    @admin.display(description=gettext_lazy("delay"))
    def delay(self, row: WebhookEvent) -> str:
        """From arrival until it was read."""
        return amount(row.observed_at - row.received_at) if row.observed_at else cells.NOTHING

    # One event --------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        event = self.object_or_404(request, object_id, change=False)
        if not isinstance(event, WebhookEvent):
            raise TypeError(type(event).__name__)
        zone = cells.zone_of(event.connection)
        steps = [
            {
                "when": cells.since(effect.confirmed_at or effect.updated_at, zone),
                "text": effect_text(effect),
                "state": cells.badge(effect_word(effect.state)),
                "cause": cause_text(effect.cause),
            }
            for effect in inbound.effects_after(event)
        ]
        body = inbound.body_of(event)
        context = {
            "event": event,
            "rows": self._particulars(event),
            "cause": cause_text(event.cause),
            "state": cells.badge(event_word(event.status)),
            "steps": steps,
            "body": body,
            "body_until": cells.since(body.kept_until, zone) if body else "",
            "trace": self._trace_address(event),
            "can_read_again": event.status == PARKED and self._may_act_on(request, event),
            "audit": audit_of(request, event),
            "can_be_read": preview(Selection((event.connection_id,), events=(event.pk,))).events,
        }
        return self.page(request, "admin/bridge/event.html", _("Event %(id)s") % {"id": event.pk}, **context)

    def _particulars(self, event: WebhookEvent) -> list[tuple[str, Any]]:
        zone = cells.zone_of(event.connection)
        rows = [
            (_("received"), cells.since(event.received_at, zone)),
            (_("read"), cells.since(event.observed_at, zone)),
            (_("connection"), event.connection.name),
            (_("type"), f"{self.what(event)} ({event.event_type or '—'})"),
            (_("arrived by"), self.arrived(event)),
            (_("verification"), self.verified(event)),
            (_("signed at"), cells.since(event.occurred_at, zone)),
            (_("delivery"), cells.number(None) if not event.delivery_key else event.delivery_key),
        ]
        if event.conversation_id:
            address = addresses.chatwoot_conversation(event.connection, event.conversation_id)
            rows.append((_("conversation"), cells.out(address, str(event.conversation_id))))
        if event.contact_id:
            address = addresses.chatwoot_contact(event.connection, event.contact_id)
            rows.append((_("contact"), cells.out(address, str(event.contact_id))))
        return rows

    def _trace_address(self, event: WebhookEvent) -> str:
        contact_id = contact_id_of(event.lane_key)
        rows = contacts_to_tell(type(event.connection).objects.filter(pk=event.connection_id))
        contact = rows.filter(chatwoot_contact_id=contact_id).first() if contact_id else None
        return reverse("admin:bridge_observedcontact_change", args=[contact.pk]) if contact else ""

    def _may_act_on(self, request: HttpRequest, event: WebhookEvent) -> bool:
        return self.has_any(request, self.change_roles, event)

    # Reading again ----------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Read again what stopped"), permissions=["operate"])
    def read_again(self, request: HttpRequest, queryset: models.QuerySet[WebhookEvent]) -> HttpResponse:
        """Ask first, with numbers."""
        ids = [int(pk) for pk in self.chosen_ids(request) if pk.isdecimal()]
        return self._confirm(request, queryset.filter(pk__in=ids))

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "read-again/", self.admin_site.admin_view(self.read_again_view), name="bridge_webhookevent_read_again"
        )
        return [own, *super().get_urls()]

    def read_again_view(self, request: HttpRequest) -> HttpResponse:
        """POST `event` (one or more ids): with `confirmed` it is done, without it is asked."""
        ids = [int(pk) for pk in request.POST.getlist("event") if pk.isdecimal() and len(pk) < 19]
        rows = self.scoped(request, WebhookEvent.objects.filter(pk__in=ids), self.change_roles)
        if request.method != "POST" or not ids or not rows.exists():
            return HttpResponseRedirect(reverse("admin:bridge_webhookevent_changelist"))
        if "confirmed" not in request.POST:
            return self._confirm(request, rows)
        done = replay(self._selection(rows), actor=actor_of(request))
        text = ngettext("%(n)d event will be read again.", "%(n)d events will be read again.", done.events)
        messages.success(request, text % {"n": done.events})
        return HttpResponseRedirect(reverse("admin:bridge_webhookevent_changelist"))

    def _selection(self, rows: models.QuerySet[WebhookEvent]) -> Selection:
        pairs = list(rows.values_list("pk", "connection_id"))
        connections = {connection_id for _pk, connection_id in pairs}
        return Selection(tuple(sorted(connections)), events=tuple(pk for pk, _connection in pairs))

    def _confirm(self, request: HttpRequest, rows: models.QuerySet[WebhookEvent]) -> HttpResponse:
        selection = self._selection(rows)
        return self.page(
            request,
            "admin/bridge/confirm_events.html",
            _("Read again"),
            counts=preview(selection),
            events=selection.events,
            back=reverse("admin:bridge_webhookevent_changelist"),
        )


class TypeFilter(admin.SimpleListFilter):
    """Chatwoot's types and Krayin's hints."""

    title = gettext_lazy("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*((kind, event_name(kind)) for kind in EVENT_NAMES), ("krayin", _("Krayin: change"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        value = self.value()
        if value == "krayin":
            return queryset.filter(event_type__startswith="krayin:")
        return queryset.filter(event_type=value) if value in EVENT_NAMES else queryset
