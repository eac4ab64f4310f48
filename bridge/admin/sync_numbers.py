"""E7 Synchronisation: is the integration keeping up?"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin.base import OperationAdmin
from bridge.admin.check import percent
from bridge.models import IntakeCounter
from bridge.queries import sync_numbers as numbers
from bridge.queries.sync_numbers import Day, Numbers
from config.charts import chart

PERIODS = (7, 30)


@admin.register(IntakeCounter)
class SyncNumbersAdmin(OperationAdmin):
    """One page; the counters themselves are shown on screen B3."""

    question = gettext_lazy("Is the integration keeping up?")
    help_text = gettext_lazy(
        "The time to the CRM runs from the event that Chatwoot sent to the moment when Krayin confirmed the opportunity; "
        "notes wait for a quiet moment on purpose and are not part of it. Nothing is estimated: without a sample the "
        "page says so."
    )
    actions = ()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A counter has no page of its own."""
        raise Http404

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = list(self.connections(request))
        asked = request.GET.get("connection", "")
        chosen = next((row for row in own if asked in ("", str(row.pk))), None)
        if asked and chosen is None:
            raise Http404
        days = 30 if request.GET.get("days") == "30" else PERIODS[0]
        found = numbers.numbers_of(chosen, now=timezone.now(), days=days) if chosen else None
        word, sentence = numbers.sentence(found) if found else (None, "")
        return self.page(
            request,
            "admin/bridge/numbers_sync.html",
            _("Synchronisation"),
            word=word,
            sentence=sentence,
            found=found,
            connections=own,
            chosen=str(chosen.pk) if chosen else "",
            days=days,
            periods=PERIODS,
            **(_drawn(found) if found else {}),
        )


def _drawn(found: Numbers) -> dict[str, Any]:
    share = found.busiest_minute / found.limit_per_minute if found.limit_per_minute and found.busiest_minute else None
    return {
        "time_chart": _time_chart(found.days) if any(one.p50 is not None for one in found.days) else "",
        "volume_chart": _volume_chart(found.days) if not found.is_empty else "",
        "rows": [_row(one) for one in reversed(found.days)],
        "kinds": [(name, number_format(n), number_format(calls)) for name, n, calls in found.kinds],
        "causes": [(cause, number_format(n)) for cause, n in found.causes],
        "budget": {
            "busiest": number_format(found.busiest_minute),
            "limit": number_format(found.limit_per_minute),
            "share": percent(share),
        },
    }


def _time_chart(days: Sequence[Day]) -> str:
    return chart(
        [f"{one.day:%d/%m}" for one in days],
        (_("median"), [one.p50 for one in days]),
        (_("95 % up to"), [one.p95 for one in days]),
        suffix="s",
    )


def _volume_chart(days: Sequence[Day]) -> str:
    return chart(
        [f"{one.day:%d/%m}" for one in days],
        (_("events"), [one.events for one in days]),
        (_("CRM calls"), [one.calls for one in days]),
    )


def _row(one: Day) -> list[tuple[Any, str]]:
    """One day in words; the names are the headers of the table."""
    per_conversation = one.calls_per_conversation
    doubts = [
        (one.doubts_confirmed, _("confirmed")),
        (one.doubts_rejected, _("refused")),
        (one.unknown, _("open")),
    ]
    return [
        (_("day"), date_format(one.day, "SHORT_DATE_FORMAT")),
        (_("events"), number_format(one.events) if one.events else _("no data")),
        (_("time to the CRM, median"), numbers.seconds(one.p50)),
        (_("95 % up to"), numbers.seconds(one.p95) + (f" (n = {one.n})" if one.n else "")),
        (_("success"), percent(one.success_rate)),
        (_("stopped"), number_format(one.rejected + one.parked)),
        (_("CRM calls"), number_format(one.calls) if one.done else _("no data")),
        (_("calls per conversation"), _("no data") if per_conversation is None else number_format(per_conversation, 1)),
        (_("repeated deliveries avoided"), number_format(one.repeated)),
        (_("echoes ignored"), number_format(one.echoes)),
        (_("gap rate"), percent(one.gap_rate)),
        (_("end unknown"), " · ".join(f"{number_format(n)} {name}" for n, name in doubts if n) or "0"),
    ]
