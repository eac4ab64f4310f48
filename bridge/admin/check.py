"""B4 Check: is everything the same on both sides, did we lose anything?"""

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.services import record
from bridge.admin import cells
from bridge.admin.base import OperationAdmin, actor_of
from bridge.errors import Paced, PartnerError
from bridge.jobs.kinds import KINDS
from bridge.models import Connection, Partner, ReconcileDay
from bridge.queries import addresses, check, check_lists
from bridge.queries.check import Day
from bridge.queries.check_lists import Line
from bridge.reconcile import chatwoot, krayin

LIST = "admin:bridge_reconcileday_changelist"
STORY = "admin:bridge_observedcontact_change"
NEW_JOB = "admin:bridge_syncjob_new"
FULL_CHECK = "full_check"
PERIODS = (7, 30)

# Which column of a day opens which list; a header in words.
COLUMNS: tuple[tuple[str, Any], ...] = (
    ("conversations", gettext_lazy("conversations")),
    ("polled", gettext_lazy("only by polling")),
    ("unread", gettext_lazy("not read")),
    ("unknown", gettext_lazy("end unknown")),
    ("gone", gettext_lazy("gone")),
    ("differ", gettext_lazy("fields that differ")),
    ("by_hand", gettext_lazy("by hand in Krayin")),
)


@admin.register(ReconcileDay)
class CheckAdmin(OperationAdmin):
    """All pages are drawn by hand: the stored rows are only a part of what a day is made of."""

    question = gettext_lazy("Is everything the same on both sides? Did we lose anything?")
    help_text = gettext_lazy(
        "Webhooks can get lost; Ponte therefore asks Chatwoot every five minutes what changed, and Krayin what somebody "
        "changed by hand. What only this polling brought is the gap. Each number opens its list."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("run-now/", view(self.run_view), name="bridge_reconcileday_run"),
            path("<int:connection_id>/<str:day>/<str:what>/", view(self.list_view), name="bridge_reconcileday_list"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A stored day has no page of its own; its connection's table has."""
        row: Any = self.object_or_404(request, object_id, change=False)
        return HttpResponseRedirect(f"{reverse(LIST)}?connection={row.connection_id}")

    # The table --------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own, now = list(self.connections(request)), timezone.now()
        asked = request.GET.get("connection", "")
        shown = [row for row in own if asked in ("", str(row.pk))][: check.CONNECTIONS_SHOWN]
        if asked and not shown:
            raise Http404
        days = 30 if request.GET.get("days") == "30" else PERIODS[0]
        found = check.days_of(shown, now=now, days=days)
        word, sentence = check.sentence(shown, found, now=now)
        acting = set(self.connections(request, act=True).order_by().values_list("pk", flat=True))
        return self.page(
            request,
            "admin/bridge/check.html",
            _("Daily check"),
            word=word,
            sentence=sentence,
            connections=own,
            chosen=asked,
            days=days,
            periods=PERIODS,
            is_cut=len(own) > len(shown) and not asked,
            columns=[name for _code, name in COLUMNS],
            rows=[_row(one) for one in found],
            doubles=[_double(row) for row in check.pairs_with_equal_reference(shown)[: check_lists.PAGE]],
            runnable=[row for row in shown if row.pk in acting and row.receives],
            calls=check.calls_of_a_look(1),
            full_check=reverse(NEW_JOB, args=[FULL_CHECK]) if FULL_CHECK in KINDS else "",
        )

    # One number -------------------------------------------------------------------------------------------------------

    def list_view(self, request: HttpRequest, connection_id: int, day: str, what: str) -> HttpResponse:
        """The lines behind one number; `?after=` goes on."""
        connection = self.connections(request).filter(pk=connection_id).first()
        if connection is None or what not in check_lists.READERS:
            raise Http404
        try:
            wanted = date.fromisoformat(day)
        except ValueError:
            raise Http404 from None
        after = request.GET.get("after", "")
        begin = int(after) if after.isdecimal() and len(after) < 6 else 0
        page = check_lists.page_of(connection, wanted, what, begin)
        return self.page(
            request,
            "admin/bridge/check_list.html",
            f"{check_lists.TITLES[what]} · {date_format(wanted, 'SHORT_DATE_FORMAT')}",
            connection=connection,
            lines=[_line(line, connection) for line in page.lines],
            may_act=self.connections(request, act=True).filter(pk=connection.pk).exists(),
            following=f"?after={page.following}" if page.following else "",
            back=f"{reverse(LIST)}?connection={connection.pk}",
        )

    # Looking now ------------------------------------------------------------------------------------------------------

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection`: ask both partners now what changed, as the five-minute look does."""
        pk = request.POST.get("connection", "")
        usable = pk.isdecimal() and len(pk) < 19
        connection = self.connections(request, act=True).filter(pk=int(pk)).first() if usable else None
        if request.method != "POST" or connection is None or not connection.receives:
            raise Http404
        actor = actor_of(request)
        record(
            action="reconcile_now",
            actor_type=actor.kind,
            actor_id=actor.ref,
            clinic_id=connection.clinic_id,
            object_type="bridge.Connection",
            object_id=str(connection.pk),
        )
        try:
            polled = chatwoot.poll(connection)
            watched = krayin.watch(connection) if connection.state == Connection.State.ACTIVE else {}
        except Paced:
            messages.warning(request, _("The limit of calls is reached: try again in a minute."))
        except PartnerError as error:
            partner = Partner(error.partner).label if error.partner in Partner.values else error.partner
            messages.error(request, _("%(partner)s does not answer: try again later.") % {"partner": partner})
        else:
            by_hand = watched.get("by_hand", 0)
            text = ngettext(
                "Looked: %(listed)d conversation listed, %(brought)d brought, %(by_hand)d changed by hand in Krayin.",
                "Looked: %(listed)d conversations listed, %(brought)d brought, %(by_hand)d changed by hand in Krayin.",
                polled.listed,
            )
            messages.success(request, text % {"listed": polled.listed, "brought": polled.brought, "by_hand": by_hand})
        return HttpResponseRedirect(f"{reverse(LIST)}?connection={connection.pk}")


def _row(one: Day) -> dict[str, Any]:
    return {
        "day": date_format(one.day, "SHORT_DATE_FORMAT"),
        "connection": one.connection.name,
        "cells": [(name, _number(one, code)) for code, name in COLUMNS],
        "listed": number_format(one.listed) if one.listed else _("no data"),
        "gap": percent(one.gap_rate),
    }


def _number(one: Day, code: str) -> SafeString | str:
    """A number that opens its list; nothing to open is plain."""
    count = getattr(one, code)
    if not count:
        return "0" if one.conversations or code not in {"polled", "unread"} else _("no data")
    address = reverse("admin:bridge_reconcileday_list", args=[one.connection.pk, one.day.isoformat(), code])
    return cells.link(address, number_format(count))


def percent(share: float | None) -> str:
    """`1,3 %`; without sample *sem dados*, never nought."""
    return _("no data") if share is None else f"{number_format(share * 100, 1)} %"


def _line(line: Line, connection: Connection) -> dict[str, Any]:
    return {
        "at": cells.since(line.at, cells.zone_of(connection)),
        "text": line.text,
        "who": cells.link(reverse(STORY, args=[line.contact.pk]), str(line.contact)) if line.contact else "",
        "out": cells.out(addresses.chatwoot_conversation(connection, line.conversation), "Chatwoot")
        if line.conversation
        else "",
        "accept": reverse("admin:bridge_observedcontact_choose", args=[line.contact.pk])
        if line.contact and line.field
        else "",
        "field": line.field,
    }


def _double(row: Any) -> dict[str, Any]:
    connection = row.connection
    return {
        "ref": row.ref,
        "records": [
            cells.out(addresses.krayin_lead(connection, number), _("opportunity %(n)s") % {"n": number})
            for number in row.foreign_ids
        ],
        "found": cells.since(row.found_at, cells.zone_of(connection)),
    }
