"""B2 To solve: what stands still, why, and what do I do? Groups, never single rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.fixes import Leads, button_of, can_reprocess, fix_of
from bridge.admin.scope import connections_of
from bridge.causes import Cause
from bridge.models import Connection, FailedWebhook
from bridge.queries import addresses
from bridge.queries.home import away_sentence
from bridge.queries.inbound import uncounted_traffic
from bridge.queries.story_lines import cause_text
from bridge.queries.stuck import SIGNATURE_REASONS, Group, PartnerAway, Stuck, partner_of, stuck
from bridge.queries.stuck_people import PEOPLE_SHOWN, Person, people_in
from bridge.queries.words import Word
from bridge.replay import LIMIT, Counts, Selection, preview, replay, try_now
from consent.scope import ClinicScopedAdmin, signed_in

NOT_SENT = "not_sent"
LIST = "admin:bridge_failedwebhook_changelist"
GROUP = "admin:bridge_failedwebhook_group"
# Causes whose detail names the fields that Krayin refused.
NAMES_FIELDS = frozenset({Cause.KRAYIN_REJECTED, Cause.KRAYIN_EMAIL_REQUIRED, Cause.MAPPING})


@dataclass(frozen=True)
class Rights:
    """Ids of the connections in which the viewer may act, and of those whose settings the viewer may open."""

    act: frozenset[int]
    settings: frozenset[int]


@dataclass(frozen=True)
class Button:
    """A way out of a problem."""

    text: str
    address: str


@dataclass(frozen=True)
class Card:
    """A group as it is shown."""

    group: Group
    cause: str
    what_to_do: str
    partner: str
    size: str
    fields: str
    since: SafeString
    last: SafeString
    state: SafeString
    detail: str
    main: Button | None
    may_reprocess: bool


@admin.register(FailedWebhook)
class ToSolveAdmin(OperationAdmin):
    """The list is drawn by hand: what Django would list here are single events and steps."""

    question = gettext_lazy("What is stopped, why, and what do I do?")
    help_text = gettext_lazy(
        "Everything that stopped for the same reason in one connection is one line. Nothing here is lost: after the "
        "fix, reprocess the group. What heals by itself says so, and needs nobody."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_failedwebhook"
        own = [
            path("group/<int:connection_id>/<str:cause>/", view(self.group_view), name=f"{name}_group"),
            path("reprocess/", view(self.reprocess_view), name=f"{name}_reprocess"),
            path("try-now/", view(self.try_now_view), name=f"{name}_try_now"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = list(self.connections(request))
        chosen = request.GET.get("connection", "")
        shown = [row for row in own if not chosen or str(row.pk) == chosen]
        if chosen and not shown:
            raise Http404
        found, rights = stuck(shown), self._rights(request)
        only_kept = request.GET.get("view") == NOT_SENT
        groups = found.not_sent if only_kept else found.failures
        word, sentence = _sentence(found)
        return self.page(
            request,
            "admin/bridge/to_solve.html",
            _("To solve"),
            word=word,
            sentence=sentence,
            tabs=_tabs(found, chosen, only_kept=only_kept),
            only_kept=only_kept,
            connections=own,
            chosen=chosen,
            may_act=bool(rights.act),
            away=[] if only_kept else [_away(line, rights) for line in found.away],
            cards=[_card(group, rights) for group in groups],
            suggestions=0 if only_kept else found.suggestions,
        )

    def _rights(self, request: HttpRequest) -> Rights:
        may_open = self.admin_site._registry[Connection]
        seeing = may_open.seeing_roles if isinstance(may_open, ClinicScopedAdmin) else frozenset()
        return Rights(
            act=frozenset(self.connections(request, act=True).values_list("pk", flat=True)),
            settings=frozenset(connections_of(signed_in(request), seeing).values_list("pk", flat=True)),
        )

    # One group --------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One event or step has no page here; its group has."""
        row: Any = self.object_or_404(request, object_id, change=False)
        return HttpResponseRedirect(reverse(GROUP, args=[row.connection_id, row.cause]))

    def group_view(self, request: HttpRequest, connection_id: int, cause: str) -> HttpResponse:
        """One line for each person; a group that is empty by now says so."""
        connection = self.connections(request).filter(pk=connection_id).first()
        if connection is None:
            raise Http404
        found = stuck([connection])
        group = next((one for one in (*found.failures, *found.not_sent) if one.cause == cause), None)
        if group is None and cause not in Cause.values:
            raise Http404
        card = _card(group, self._rights(request)) if group else None
        return self.page(
            request,
            "admin/bridge/to_solve_group.html",
            cause_text(cause),
            connection=connection,
            card=card,
            people=[_line(connection, person) for person in people_in(connection, cause)] if card else [],
            shown=PEOPLE_SHOWN,
            refused=_refused(connection) if cause == Cause.SIGNATURE else [],
            back=reverse(LIST),
        )

    # Acting -----------------------------------------------------------------------------------------------------------

    def reprocess_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection` and `cause`: with `confirmed` it is done, without it is asked."""
        connection, cause = self._posted_connection(request), request.POST.get("cause", "")
        if not can_reprocess(cause):
            raise Http404
        selection = Selection((connection.pk,), cause=cause)
        if "confirmed" in request.POST:
            counts = replay(selection, actor=actor_of(request))
            messages.success(request, _done(counts, connection, cause))
            return HttpResponseRedirect(reverse(LIST))
        counts = preview(selection)
        return self.page(
            request,
            "admin/bridge/to_solve_confirm.html",
            _("Reprocess the group"),
            connection=connection,
            cause=cause,
            cause_text=cause_text(cause),
            counts=counts,
            size=counts_text(counts.events, counts.effects, counts.people),
            limit=LIMIT if max(counts.events, counts.effects) >= LIMIT else 0,
            back=reverse(GROUP, args=[connection.pk, cause]),
        )

    def try_now_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection` (one or more): end their wait for a partner that was away."""
        if request.method != "POST":
            raise Http404
        ids = [int(pk) for pk in request.POST.getlist("connection") if pk.isdecimal() and len(pk) < 19]
        rows = list(self.connections(request, act=True).filter(pk__in=ids))
        if not rows:
            raise Http404
        try_now(rows, actor=actor_of(request))
        text = ngettext(
            "Ponte asks again now, for %(n)d connection.", "Ponte asks again now, for %(n)d connections.", len(rows)
        )
        messages.success(request, text % {"n": len(rows)})
        return HttpResponseRedirect(reverse(LIST))

    def _posted_connection(self, request: HttpRequest) -> Connection:
        """The connection to act upon, of those where the viewer may act; anything else does not exist."""
        pk = request.POST.get("connection", "")
        rows = self.connections(request, act=True)
        row = rows.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
        if request.method != "POST" or row is None:
            raise Http404
        return row


# Cards ---------------------------------------------------------------------------------------------------------------


def _away(line: PartnerAway, rights: Rights) -> dict[str, Any]:
    now, first = timezone.now(), line.connections[0]
    return {
        "sentence": away_sentence(line, now),
        "cause": cause_text(line.cause),
        "what_to_do": fix_of(line.cause).what_to_do,
        "state": cells.badge(Word.WAITING if line.heals_itself else Word.FAILED),
        "connections": [row.name for row in line.connections],
        "ids": [row.pk for row in line.connections if row.pk in rights.act],
        "next_try": cells.since(line.next_try, cells.zone_of(first)) if line.next_try > now else "",
        "settings": _settings(first, rights),
    }


def _card(group: Group, rights: Rights) -> Card:
    connection, fix = group.connection, fix_of(group.cause)
    zone = cells.zone_of(connection)
    return Card(
        group=group,
        cause=cause_text(group.cause),
        what_to_do=str(fix.what_to_do),
        partner=partner_of(group.cause),
        size=size_of(group),
        fields=", ".join(group.details) if group.cause in NAMES_FIELDS else "",
        since=cells.since(group.since, zone),
        last=cells.since(group.last, zone),
        state=_state(group),
        detail=reverse(GROUP, args=[connection.pk, group.cause]),
        main=_main_button(group, fix.leads, rights),
        may_reprocess=connection.pk in rights.act and can_reprocess(group.cause),
    )


def _main_button(group: Group, leads: Leads, rights: Rights) -> Button | None:
    """Where the cause is put right; None when that is the page of the group, or not the viewer's business."""
    settings = _settings(group.connection, rights)
    if leads is Leads.CONNECTION and settings:
        return Button(button_of(group.cause), settings)
    if leads is Leads.EVENTS:
        events = reverse("admin:bridge_webhookevent_changelist")
        query = urlencode({"connection": group.connection.pk, "status__exact": "parked", "days": 30})
        return Button(button_of(group.cause), f"{events}?{query}")
    return None


def _settings(connection: Connection, rights: Rights) -> str:
    """Address of the connection's page; empty for viewers who may not open it."""
    return reverse("admin:bridge_connection_change", args=[connection.pk]) if connection.pk in rights.settings else ""


# Words ---------------------------------------------------------------------------------------------------------------


def counts_text(events: int, steps: int, people: int) -> str:
    """`3 eventos · 12 passos · 2 pessoas`, without what is nought."""
    parts = [
        ngettext("%(n)s event", "%(n)s events", events) % {"n": number_format(events)} if events else "",
        ngettext("%(n)s step", "%(n)s steps", steps) % {"n": number_format(steps)} if steps else "",
        ngettext("%(n)s person", "%(n)s people", people) % {"n": number_format(people)} if people else "",
    ]
    return " · ".join(part for part in parts if part)


def size_of(group: Group) -> str:
    if group.cause == Cause.SIGNATURE:
        text = ngettext("%(n)s call refused in 24 hours", "%(n)s calls refused in 24 hours", group.events)
        return text % {"n": number_format(group.events)}
    return counts_text(group.events, group.steps, group.people)


def _state(group: Group) -> SafeString:
    if group.is_failure:
        return cells.badge(Word.WAITING, _("heals by itself")) if group.heals_itself else cells.badge(Word.FAILED)
    is_refused = group.cause in {Cause.NOT_ALLOWED, Cause.BLOCKED_PERSON}
    return cells.badge(Word.BLOCKED if is_refused else Word.IGNORED)


def _sentence(found: Stuck) -> tuple[Word, str]:
    """The answer to the screen's question."""
    healing = len(found.away) + len(found.failures) - found.needs_somebody
    n = found.needs_somebody
    if n:
        parts = [ngettext("%(n)d matter waits for you.", "%(n)d matters wait for you.", n) % {"n": n}]
    else:
        parts = [_("Nothing waits for you.")]
    if healing:
        text = ngettext("%(n)d more heals by itself.", "%(n)d more heal by themselves.", healing)
        parts.append(text % {"n": healing})
    if not n and not healing:
        parts = [_("Nothing is stopped.")]
    return (Word.FAILED if n else Word.WAITING if healing else Word.DONE), " ".join(parts)


def _tabs(found: Stuck, chosen: str, *, only_kept: bool) -> list[dict[str, Any]]:
    base = reverse(LIST)
    query = f"connection={chosen}" if chosen else ""
    kept = "&".join(part for part in (f"view={NOT_SENT}", query) if part)
    stopped = len(found.away) + len(found.failures)
    return [
        {"address": f"{base}?{query}" if query else base, "name": _("Stopped"), "count": stopped,
         "is_active": not only_kept},
        {"address": f"{base}?{kept}", "name": _("Kept, not sent"), "count": len(found.not_sent),
         "is_active": only_kept},
    ]  # fmt: skip


def _done(counts: Counts, connection: Connection, cause: str) -> SafeString | str:
    if not counts.total:
        return _("Nothing was left to reprocess.")
    return format_html(
        "{} {}",
        _("Goes on now: %(what)s.") % {"what": counts_text(counts.events, counts.effects, counts.people)},
        cells.link(reverse(GROUP, args=[connection.pk, cause]), _("See the group")),
    )


def _line(connection: Connection, person: Person) -> dict[str, Any]:
    """One person of a group, by mask, with the ways to look closer."""
    zone, contact = cells.zone_of(connection), person.contact
    return {
        "who": (contact.mask or _("contact %(n)s") % {"n": contact.chatwoot_contact_id}) if contact else "",
        "trace": reverse("admin:bridge_observedcontact_change", args=[contact.pk]) if contact else "",
        "chatwoot": cells.out(addresses.chatwoot_contact(connection, contact.chatwoot_contact_id), "Chatwoot")
        if contact
        else "",
        "size": counts_text(person.events, person.steps, 0),
        "since": cells.since(person.since, zone),
        "candidates": [
            cells.out(addresses.krayin_person(connection, number), _("person %(n)s") % {"n": number})
            for number in person.candidates
        ],
        "stops": [
            {"at": cells.since(stop.at, zone), "name": stop.name, "detail": stop.detail, "number": stop.number}
            for stop in person.stops
        ],
    }


def _refused(connection: Connection) -> Iterable[Any]:
    """Calls without the right secret, by reason: nothing else of them is stored."""
    counted = uncounted_traffic([connection.pk], now=timezone.now())
    return [one for one in counted if one.reason in SIGNATURE_REASONS]
