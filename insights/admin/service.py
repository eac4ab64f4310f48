"""E1 Now: who is waiting for an answer? E2 Service: do we answer well? And the printable report of both."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.models import DirectoryEntry
from bridge.queries import addresses
from bridge.queries.words import Word
from config.charts import chart
from config.times import ago
from consent.roles import Capability, Role, roles_with
from consent.scope import has_role
from insights import words
from insights.admin.base import NumbersAdmin, Place, as_csv, hidden_text, table
from insights.models import DayCounts, DayDurations, UnitInbox
from insights.queries import ranges
from insights.queries.hiding import COMPARED_FROM, SMALL_CELL
from insights.queries.ranges import By, Durations
from insights.queries.waiting import READ_AT_MOST, Wait, names_of, waits

Measure, Clock = DayDurations.Measure, DayDurations.Clock
MEASURES = (
    (Measure.FIRST_RESPONSE, gettext_lazy("first response")),
    (Measure.REPLY, gettext_lazy("reply")),
    (Measure.RESOLUTION, gettext_lazy("resolution")),
)
CLOCKS = ((Clock.BUSINESS, gettext_lazy("opening hours")), (Clock.CALENDAR, gettext_lazy("calendar")))
BANDS = (
    gettext_lazy("up to 1 h"), gettext_lazy("1 to 4 h"), gettext_lazy("4 to 8 h"), gettext_lazy("8 to 24 h"),
    gettext_lazy("more than 24 h"),
)  # fmt: skip
LATE_MIN, VERY_LATE_MIN = 30, 240
SHOWN = 50
HEAT_STEPS = 5
EVERY_S = 30
WEEKDAYS = (
    gettext_lazy("Mon"), gettext_lazy("Tue"), gettext_lazy("Wed"), gettext_lazy("Thu"), gettext_lazy("Fri"),
    gettext_lazy("Sat"), gettext_lazy("Sun"),
)  # fmt: skip


@admin.register(DayCounts)
class ServiceAdmin(NumbersAdmin):
    """The list of days is screen E2; screen E1 and the report lie below it."""

    view_roles = roles_with(Capability.NUMBERS_VIEW)
    change_roles = frozenset()
    question = gettext_lazy("Do we answer well?")
    help_text = gettext_lazy(
        "A wait begins with the first message of the patient and ends when a person of the clinic answers; a robot does "
        "not end it. The middle one (median) is shown because one forgotten weekend ruins a mean. Opening hours count "
        "where the unit has entered them. Fewer than ten people are never told."
    )
    now_question = gettext_lazy("Who is waiting for an answer?")
    now_help = gettext_lazy(
        "Conversations whose last word is the patient's, the longest wait first, counted in opening hours where the unit "
        "has entered them. The page looks again every 30 seconds. Waits of more than 7 days are under Opportunities."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("now/", view(self.now_view), name="insights_daycounts_now"),
            path("now/live/", view(self.live_view), name="insights_daycounts_live"),
            path("report/", view(self.report_view), name="insights_daycounts_report"),
        ]
        return [*own, *super().get_urls()]

    # E1 ---------------------------------------------------------------------------------------------------------------

    def now_view(self, request: HttpRequest) -> HttpResponse:
        return self._now(request, "admin/insights/now.html")

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the page that is asked for again."""
        return self._now(request, "admin/insights/now_live.html")

    def _now(self, request: HttpRequest, template: str) -> HttpResponse:
        place = self.place(request)
        if place is None:
            return self.nothing(request, _("Now"))
        found = waits(place.connections, place.now, place.inbox_id)
        word, sentence = now_sentence(found, place)
        live = reverse("admin:insights_daycounts_live")
        return self.page(
            request,
            template,
            _("Now"),
            place=place,
            selects=self.selects(place, with_days=False),
            word=word,
            sentence=sentence,
            lines=_lines(found[:SHOWN], place, with_leads=has_role(request.user, Role.CLINIC_MANAGER)),
            more=len(found) - SHOWN if len(found) > SHOWN else 0,
            is_cut=len(found) >= READ_AT_MOST,
            every=EVERY_S,
            live=f"{live}?{request.GET.urlencode()}",
            looked=place.now.astimezone(place.zone),
        )

    # E2 ---------------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        place = self.place(request)
        if place is None:
            return self.nothing(request, _("Service"))
        if request.GET.get("format") == "csv":
            return self._file(request, place)
        return self.page(
            request,
            "admin/insights/service.html",
            _("Service"),
            selects=self.selects(place),
            file=as_csv(request),
            report=f"{reverse('admin:insights_daycounts_report')}?{request.GET.urlencode()}",
            **service(place),
        )

    def _file(self, request: HttpRequest, place: Place) -> HttpResponse:
        days = ranges.counts_by(place.range, "day")
        header = [_("day"), *(str(name) for name in ranges.COUNTS)]
        hidden = {
            day: [n if n == 0 or n >= SMALL_CELL else hidden_text() for n in totals.values()]
            for day, totals in days.items()
        }
        rows = ([day.isoformat(), *values] for day, values in hidden.items())
        return self.as_file(request, place, "service", header, rows)

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """One printed page, A4: the browser makes a PDF of it."""
        place = self.place(request)
        if place is None:
            return self.nothing(request, _("Report"))
        found = service(place)
        return self.page(
            request,
            "admin/insights/report.html",
            _("Report"),
            place=place,
            back=f"{reverse('admin:insights_daycounts_changelist')}?{request.GET.urlencode()}",
            period=f"{date_format(place.range.first, 'SHORT_DATE_FORMAT')} – "
            f"{date_format(place.range.last, 'SHORT_DATE_FORMAT')}",
            clinic=place.connections[0].clinic,
            **found,
        )


# E1 in words ----------------------------------------------------------------------------------------------------------


def now_sentence(found: list[Wait], place: Place) -> tuple[Word, str]:
    if not found:
        return Word.DONE, _("Nobody is waiting for an answer.")
    longest = found[0]
    late = sum(one.minutes >= LATE_MIN for one in found)
    head = ngettext("%(n)d person is waiting for an answer", "%(n)d people are waiting for an answer", len(found)) % {
        "n": len(found)
    }
    tail = _("the longest for %(time)s: %(who)s, %(inbox)s.") % {
        "time": words.minutes(longest.minutes),
        "who": longest.mask or _("conversation %(n)d") % {"n": longest.conversation},
        "inbox": place.inbox_name(longest.connection_id, longest.inbox_id),
    }
    middle = _(", %(late)d for more than half an hour") % {"late": late} if late else ""
    word = Word.FAILED if longest.minutes >= VERY_LATE_MIN else Word.WAITING if late else Word.RUNNING
    return word, f"{head}{middle}; {tail}"


def _lines(found: list[Wait], place: Place, *, with_leads: bool) -> list[dict[str, Any]]:
    agents = names_of(place.connections, DirectoryEntry.Kind.AGENT)
    by_pk = {row.pk: row for row in place.connections}
    return [_line(one, place, by_pk[one.connection_id], agents, with_leads=with_leads) for one in found]


def _line(
    one: Wait, place: Place, connection: Any, agents: Mapping[tuple[int, int], str], *, with_leads: bool
) -> dict[str, Any]:
    attendant = agents.get((one.connection_id, one.assignee_id or 0), _("nobody") if not one.assignee_id else "")
    word = Word.FAILED if one.minutes >= VERY_LATE_MIN else Word.WAITING if one.minutes >= LATE_MIN else Word.RUNNING
    ends = one.window_ends
    window = ""
    if ends:
        window = ago(ends, place.now) if ends > place.now else _("window closed")
    return {
        "who": one.mask or _("no name"),
        "conversation": one.conversation,
        "inbox": place.inbox_name(one.connection_id, one.inbox_id),
        "attendant": attendant or _("attendant %(n)d") % {"n": one.assignee_id or 0},
        "waiting": cells.badge(word, words.minutes(one.minutes)),
        "calendar": words.minutes(one.calendar_minutes),
        "clock": _("opening hours") if one.is_business else _("calendar"),
        "window": window,
        "suggestion": words.act(one.suggestion) if one.suggestion else "",
        "chat": addresses.chatwoot_conversation(connection, one.conversation),
        "lead": reverse("admin:insights_insight_of", args=[connection.pk, one.lead_id])
        if one.lead_id and with_leads
        else "",
    }


# E2 in numbers --------------------------------------------------------------------------------------------------------


def service(place: Place) -> dict[str, Any]:
    """Everything the page and the report draw of the period; `is_hidden` where too few people were there."""
    of = place.range
    people = ranges.people_by(of, "all").get(0, 0)
    if people < SMALL_CELL:
        word, sentence = Word.IGNORED, _("No data: nobody wrote in this period.")
        if people:
            sentence = _("Fewer than ten people wrote in this period: their numbers are not told.")
        return {"is_hidden": True, "word": word, "sentence": sentence}
    drawn = ranges.histograms(of).get(0, {})
    counts = ranges.counts(of)
    first = _best(drawn, Measure.FIRST_RESPONSE)
    bands = drawn.get((Measure.FIRST_RESPONSE, first[0]), ranges.EMPTY).bands
    days = ranges.histograms(of, "day", only=Measure.FIRST_RESPONSE)
    word, sentence = service_sentence(first[1], counts, people)
    return {
        "is_hidden": False,
        "word": word,
        "sentence": sentence,
        "tiles": _tiles(drawn, counts),
        "durations": _durations(drawn),
        "clock": dict(CLOCKS)[Clock(first[0])],
        "bands": _bands(bands),
        "bands_chart": chart([str(name) for name in BANDS], (_("first responses"), _safe(bands))) if sum(bands) else "",
        "days_chart": _days_chart(days, first[0]),
        "days": _days(days, first[0]),
        "heat": _heat(ranges.arrivals(of)),
        **_groups(place),
    }


def _best(drawn: ranges.Drawn, measure: str) -> tuple[str, Durations]:
    """By opening hours where a unit entered them, else by the calendar."""
    for clock, _name in CLOCKS:
        found = drawn.get((measure, clock))
        if found is not None and found.n:
            return clock, found.told()
    return Clock.CALENDAR, Durations()


def service_sentence(first: Durations, counts: Mapping[str, int], people: int) -> tuple[Word, str]:
    if first.n < SMALL_CELL:
        return Word.WAITING, _("Few answers in this period: there is not enough to judge by.")
    values = {
        "median": words.minutes(first.median), "p90": words.minutes(first.p90), "n": words.rounded(first.n),
        "people": words.rounded(people),
    }  # fmt: skip
    if (first.median or 0) > 60:
        return Word.FAILED, _(
            "Answers take too long: half of the %(n)s first responses took more than %(median)s, one in ten more than "
            "%(p90)s."
        ) % values
    if (first.p90 or 0) > VERY_LATE_MIN:
        return Word.WAITING, _(
            "Half of the %(n)s first responses came within %(median)s, but one in ten took more than %(p90)s."
        ) % values
    return Word.DONE, _(
        "Answered well: half of the %(n)s first responses came within %(median)s, nine in ten within %(p90)s."
    ) % values


def _tiles(drawn: ranges.Drawn, counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    first, reply, resolution = (_best(drawn, measure)[1] for measure, _name in MEASURES)
    rates = ranges.rates(counts)
    return [
        (_("first response"), _median(first), _n(first.n)),
        (_("reply"), _median(reply), _n(reply.n)),
        (_("resolution"), _median(resolution), _n(resolution.n)),
        (_("reopened"), _rate(rates["reopenings"], counts["resolutions"]), _n(counts["resolutions"])),
        (_("solved in one contact"), _rate(rates["one_contact"], counts["resolutions"]), _n(counts["resolutions"])),
        (_("solved by the robot"), _rate(rates["bot_only"], counts["resolutions"]), _n(counts["resolutions"])),
        (_("never answered"), _count(counts["unanswered"]), _n(counts["attendances"])),
        (_("satisfied"), _rate(rates["satisfied"], counts["ratings"]), _n(counts["ratings"])),
    ]


def _n(n: int) -> str:
    return f"n = {_count(n)}"


def _count(n: int) -> str:
    return words.rounded(n) if n == 0 or n >= SMALL_CELL else hidden_text()


def _rate(value: float | None, n: int) -> str:
    return hidden_text() if 0 < n < SMALL_CELL else words.percent(value)


def _median(of: Durations) -> str:
    return hidden_text() if 0 < of.n < SMALL_CELL else words.minutes(of.median)


def _durations(drawn: ranges.Drawn) -> dict[str, Any]:
    rows = []
    for measure, name in MEASURES:
        for clock, clock_name in CLOCKS:
            found = drawn.get((measure, clock), ranges.EMPTY).told()
            values = [words.minutes(one) for one in (found.median, found.p90, found.mean)]
            values = [hidden_text()] * 3 if 0 < found.n < SMALL_CELL else values
            rows.append([name, clock_name, _count(found.n), *values])
    return table([_("what"), _("clock"), "n", _("median"), _("p90"), _("mean")], rows, words=2)


def _safe(bands: list[int]) -> list[float | None]:
    return [n if n == 0 or n >= SMALL_CELL else None for n in bands]


def _bands(bands: list[int]) -> dict[str, Any]:
    total = sum(bands)
    rows = [
        [name, _count(n), _rate(100 * n / total if total else None, n)] for name, n in zip(BANDS, bands, strict=True)
    ]
    return {**table([_("first response"), "n", "%"], rows), "bars": _bars(bands)}


def _bars(bands: list[int]) -> list[tuple[str, str, float]]:
    """For the printed report: label, value, width in percent of the longest."""
    most = max(bands) or 1
    return [
        (str(name), _count(n), 0 if 0 < n < SMALL_CELL else round(100 * n / most, 1))
        for name, n in zip(BANDS, bands, strict=True)
    ]


def _days(days: Mapping[date, ranges.Drawn], clock: str) -> dict[str, Any]:
    rows = []
    for day in sorted(days, reverse=True):
        found = days[day].get((Measure.FIRST_RESPONSE, clock), ranges.EMPTY).told()
        p90 = hidden_text() if 0 < found.n < SMALL_CELL else words.minutes(found.p90)
        rows.append([date_format(day, "SHORT_DATE_FORMAT"), _count(found.n), _median(found), p90])
    return table([_("day"), "n", _("median"), _("p90")], rows)


def _days_chart(days: Mapping[date, ranges.Drawn], clock: str) -> str:
    told = {day: days[day].get((Measure.FIRST_RESPONSE, clock), ranges.EMPTY).told() for day in sorted(days)}
    enough = {day: one for day, one in told.items() if one.n >= SMALL_CELL}
    if not enough:
        return ""
    return chart(
        [f"{day:%d/%m}" for day in enough],
        (_("median"), [one.median for one in enough.values()]),
        (_("p90"), [one.p90 for one in enough.values()]),
        suffix=" min",
    )


def _heat(found: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
    """Twelve rows of two hours, seven weekdays: step of the colour and the number; small cells are empty."""
    sums = {
        (weekday, start): found.get((weekday, start), 0) + found.get((weekday, start + 1), 0)
        for weekday in ranges.WEEKDAYS
        for start in range(0, 24, 2)
    }
    most = max(sums.values(), default=0)
    if most < SMALL_CELL:
        return []
    return [
        {
            "hours": f"{start}–{start + 2} h",
            "cells": [
                (str(WEEKDAYS[weekday - 1]), *_warmth(sums[weekday, start], most)) for weekday in ranges.WEEKDAYS
            ],
        }
        for start in range(0, 24, 2)
    ]


def _warmth(n: int, most: int) -> tuple[int, str]:
    if n == 0:
        return 0, ""
    if n < SMALL_CELL:
        return 1, "<10"
    return max(1, round(HEAT_STEPS * n / most)), words.rounded(n)


def _groups(place: Place) -> dict[str, Any]:
    """By inbox, unit, team and attendant; who is too small to be compared is left out."""
    teams = names_of(place.connections, DirectoryEntry.Kind.TEAM)
    agents = names_of(place.connections, DirectoryEntry.Kind.AGENT)
    inboxes = {int(pk): name for pk, name in place.inboxes}
    found = {}
    names: dict[By, Mapping[int, str]] = {
        "inbox_id": inboxes,
        "team_id": {number: name for (_pk, number), name in teams.items()},
        "assignee_id": {number: name for (_pk, number), name in agents.items()},
    }
    histograms = {}
    for by, known in names.items():
        counts = ranges.counts_by(place.range, by)
        histograms[by] = ranges.histograms(place.range, by, only=Measure.FIRST_RESPONSE)
        people = ranges.people_by(place.range, by)
        enough = {
            key: totals
            for key, totals in counts.items()
            if totals["attendances"] >= COMPARED_FROM and people.get(key, 0) >= SMALL_CELL
        }
        rows = [
            [_name(by, key, known), *_compared(totals, _best(histograms[by].get(key, {}), Measure.FIRST_RESPONSE)[1])]
            for key, totals in enough.items()
        ]
        rows.sort(key=lambda row: str(row[0]).casefold())
        found[by] = {**table(_group_head(by), rows), "left_out": len(counts) - len(enough)}
    return {
        "groups": [found["inbox_id"], _units(place, histograms["inbox_id"]), found["team_id"], found["assignee_id"]]
    }


GROUP_NAMES: Mapping[str, Any] = {
    "inbox_id": gettext_lazy("inbox"),
    "team_id": gettext_lazy("team"),
    "assignee_id": gettext_lazy("attendant"),
    "unit": gettext_lazy("unit"),
}


def _group_head(by: str) -> list[str]:
    return [
        str(GROUP_NAMES[by]), _("attendances"), _("first response, median"), _("p90"), _("reopened"),
        _("never answered"),
    ]  # fmt: skip


def _name(by: str, key: int, known: Mapping[int, str]) -> str:
    if by != "inbox_id" and key == 0:
        return _("without %(what)s") % {"what": GROUP_NAMES[by]}
    return known.get(key) or f"{GROUP_NAMES[by]} {key}"


def _compared(totals: Mapping[str, int], first: Durations) -> list[str]:
    p90 = hidden_text() if 0 < first.n < SMALL_CELL else words.minutes(first.p90)
    reopened = _rate(ranges.rates(totals)["reopenings"], totals["resolutions"])
    return [_count(totals["attendances"]), _median(first), p90, reopened, _count(totals["unanswered"])]


def _units(place: Place, by_inbox: Mapping[int, ranges.Drawn]) -> dict[str, Any]:
    """First responses by unit, merged from its inboxes."""
    served = UnitInbox.objects.filter(connection__in=place.connections).select_related("unit")
    units: dict[str, list[ranges.Drawn]] = {}
    for row in served:
        units.setdefault(row.unit.name, []).append(by_inbox.get(row.inbox_id, {}))
    rows = []
    for name, drawn in sorted(units.items()):
        first = ranges.merged(drawn, Measure.FIRST_RESPONSE, Clock.BUSINESS)
        if first.n >= COMPARED_FROM:
            rows.append([name, _count(first.n), words.minutes(first.median), words.minutes(first.p90)])
    head = [str(GROUP_NAMES["unit"]), _("first responses"), _("median"), _("p90")]
    return {**table(head, rows), "left_out": len(units) - len(rows)}
