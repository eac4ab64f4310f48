"""E3 Opportunities: which relationships cool down? One of them with its calculation; what people do about it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.queries import addresses
from bridge.queries.story_lines import stage_name
from bridge.queries.words import Word
from config.charts import chart
from config.times import ago, clock
from consent.access.recheck import lead_to_check
from consent.roles import Role
from consent.scope import signed_in
from insights import reviews, suggestions, words
from insights.admin import consent, funnel, predicts
from insights.admin.base import MOST_ROWS, NumbersAdmin, Place, Select, place_of, table
from insights.language import budget
from insights.language.answers import Task
from insights.language.asking import Answer, ask
from insights.models import Insight, InsightReview
from insights.queries import opportunities
from insights.queries.opportunities import COUNTED, Asked, Counts, Order
from insights.words import BAND_NAMES, BAND_WORDS, TRENDS, Band

LIST = "admin:insights_insight_changelist"
ONE = "admin:insights_insight_of"
PER_PAGE, PAGES = 25, 40
LAST_CONTACT = ((7, gettext_lazy("7 days")), (30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")))
HISTORY = timedelta(days=90)
TASKS = {
    Task.SUMMARY: gettext_lazy("Summarise the conversation"),
    Task.ORDER: gettext_lazy("Put the suggestions in order"),
    Task.DRAFT: gettext_lazy("Draft a reply"),
}
PARTS = {
    "resolution": gettext_lazy("resolution"),
    "speed": gettext_lazy("speed of the answers"),
    "engagement": gettext_lazy("contact by the patient"),
    "satisfaction": gettext_lazy("satisfaction"),
    "progress": gettext_lazy("progress in the pipeline"),
    "waiting": gettext_lazy("open wait"),
}


@admin.register(Insight)
class InsightAdmin(NumbersAdmin):
    """For the clinic's management; supervisors see the pages of the day (screens section 2)."""

    view_roles = frozenset({Role.CLINIC_MANAGER})
    change_roles = frozenset({Role.CLINIC_MANAGER})
    question = gettext_lazy("Which relationships cool down, and whom to call first?")
    help_text = gettext_lazy(
        "The score (0 to 10) tells how well the clinic serves this contact: resolved conversations, speed of the answers, "
        "how often the patient writes, satisfaction, progress in the pipeline; a wait that is open now lowers it. It is "
        "computed from times and directions of messages, never from their text."
    )
    notice = gettext_lazy(
        "The score judges the clinic's service, never the patient. It must not decide who is treated, what is charged or "
        "who is refused."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("of/<int:connection_id>/<int:lead_id>/", view(self.one_view), name="insights_insight_of"),
            path("of/<int:connection_id>/<int:lead_id>/act/", view(self.act_view), name="insights_insight_act"),
            path("of/<int:connection_id>/<int:lead_id>/ask/", view(self.ask_view), name="insights_insight_ask"),
            path("funnel/", view(self.funnel_view), name="insights_insight_funnel"),
            path("consent/", view(self.consent_view), name="insights_insight_consent"),
            path("predicts/", view(self.predicts_view), name="insights_insight_predicts"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        place = self.place(request)
        if place is None:
            return self.nothing(request, _("Opportunities"))
        asked = asked_of(request, place)
        found = opportunities.rows(asked, place.now)
        if request.GET.get("format") == "csv":
            return self.as_file(request, place, "opportunities", FILE_HEADER, _file_rows(found[:MOST_ROWS], place))
        number = request.GET.get("page", "1")
        page = min(int(number), PAGES) if number.isdecimal() and 0 < len(number) < 4 and int(number) else 1
        start = (page - 1) * PER_PAGE
        rows = list(found[start : start + PER_PAGE + 1])
        counts = opportunities.counts(place.pks, place.now)
        word, sentence = sentence_of(counts)
        bands = opportunities.bands(place.pks)
        return self.page(
            request,
            "admin/insights/opportunities.html",
            _("Opportunities"),
            selects=self.selects(place, *_selects(asked), with_days=False),
            word=word,
            sentence=sentence,
            lines=[line(row, place) for row in rows[:PER_PAGE]],
            is_filtered=bool(asked.band or asked.engagement or asked.trend or asked.days or asked.inbox_id),
            is_call_first=asked.order == Order.CALL_FIRST,
            first=start,
            before=_query(request, page=page - 1) if page > 1 else "",
            following=_query(request, page=page + 1) if len(rows) > PER_PAGE and page < PAGES else "",
            file=_query(request, format="csv"),
            bands_chart=chart([str(BAND_NAMES[band]) for band in bands], (_("opportunities"), list(bands.values())))
            if sum(bands.values())
            else "",
            bands=table([_("band"), "n"], [(band.label, words.rounded(n)) for band, n in bands.items()]),
        )

    # One --------------------------------------------------------------------------------------------------------------

    def one_view(self, request: HttpRequest, connection_id: int, lead_id: int) -> HttpResponse:
        return self._shown(request, self._one(request, connection_id, lead_id))

    def ask_view(self, request: HttpRequest, connection_id: int, lead_id: int) -> HttpResponse:
        """POST `task`: ask the clinic's language model about the newest conversation; the answer is shown, not kept."""
        row, task = self._one(request, connection_id, lead_id), request.POST.get("task")
        if task not in Task.values:
            raise Http404
        if check := lead_to_check(request, back_to=reverse(ONE, args=[connection_id, lead_id])):
            return check
        talk, offered = opportunities.newest_conversation(row), [one["id"] for one in row.suggestions or ()]
        if talk is None:
            return self._shown(request, row, Answer(Task(task), reason="nothing_to_read"))
        return self._shown(request, row, ask(talk, Task(task), by=signed_in(request), offered=offered))

    def _shown(self, request: HttpRequest, row: Insight, answer: Answer | None = None) -> HttpResponse:
        connection_id, lead_id = row.connection_id, row.krayin_lead_id
        place = place_of(row.connection)
        since = place.now - HISTORY
        history = opportunities.history(row, since)
        review = InsightReview.objects.filter(connection=connection_id, krayin_lead_id=lead_id, done_at=None).first()
        lead = opportunities.krayin_lead(row)
        person = row.contact_pk  # type: ignore[attr-defined]
        found = [_suggestion(one, place) for one in row.suggestions or ()]
        return self.page(
            request,
            "admin/insights/opportunity.html",
            _("Opportunity %(n)d") % {"n": lead_id},
            back=reverse(LIST),
            row=row,
            line=line(row, place),
            word=BAND_WORDS[words.band(row.performance_score)],
            sentence=one_sentence(row),
            parts=_parts(row),
            facts=_facts(row, place, stage_name(row.connection, lead.stage_id) if lead else ""),
            suggestions=_in_order(found, answer),
            tasks=_tasks(row, len(found)),
            answer=answer,
            ask=reverse("admin:insights_insight_ask", args=[connection_id, lead_id]),
            review=review,
            outcomes=InsightReview.Outcome.choices,
            act=reverse("admin:insights_insight_act", args=[connection_id, lead_id]),
            krayin=cells.out(addresses.krayin_lead(row.connection, lead_id), _("Open in Krayin")),
            trace=reverse("admin:bridge_observedcontact_change", args=[person]) if person else "",
            history_chart=_history_chart(history, place) if len(history) > 1 else "",
            history=_history(history, place),
        )

    def act_view(self, request: HttpRequest, connection_id: int, lead_id: int) -> HttpResponse:
        """POST one of: `dismiss`, `acted` (id of a suggestion), `review=ask`, `outcome`."""
        if request.method != "POST":
            raise Http404
        row, by, now = self._one(request, connection_id, lead_id), signed_in(request), timezone.now()
        try:
            if "dismiss" in request.POST:
                suggestions.dismiss(row, request.POST["dismiss"], by=by, now=now)
                messages.success(request, _("Put aside; it comes back after its rest if it still holds."))
            elif "acted" in request.POST:
                suggestions.act_upon(row, request.POST["acted"], by=by)
                messages.success(request, _("Noted that somebody is doing it."))
            elif request.POST.get("review") == "ask":
                made = reviews.ask(row, by=by, now=now)
                due = date_format(made.due_on, "SHORT_DATE_FORMAT")
                messages.success(request, _("Human review asked for: to be answered until %(day)s.") % {"day": due})
            else:
                self._conclude(request, row)
        except suggestions.NotSuggested:
            messages.warning(request, _("It is no longer suggested; nothing was changed."))
        except (reviews.AlreadyAsked, reviews.AlreadyDone):
            messages.warning(request, _("Somebody was faster; nothing was changed."))
        return HttpResponseRedirect(reverse(ONE, args=[connection_id, lead_id]))

    def _conclude(self, request: HttpRequest, row: Insight) -> None:
        outcome = request.POST.get("outcome", "")
        open_ones = InsightReview.objects.filter(connection=row.connection_id, krayin_lead_id=row.krayin_lead_id)
        review = open_ones.filter(done_at=None).select_related("connection").first()
        if outcome not in InsightReview.Outcome.values or review is None:
            raise Http404
        found = InsightReview.Outcome(outcome)
        reviews.conclude(review, found, by=signed_in(request), now=timezone.now())
        messages.success(request, _("The review is answered: %(outcome)s.") % {"outcome": found.label})

    def _one(self, request: HttpRequest, connection_id: int, lead_id: int) -> Insight:
        """The current row of an opportunity of the viewer; Http404 for any other."""
        own = self.connections(request).filter(pk=connection_id)
        rows = Insight.objects.filter(
            connection__in=own.order_by().values("pk"), krayin_lead_id=lead_id, is_current=True
        )
        row = opportunities.with_people(rows).first()
        if row is None:
            raise Http404
        return row

    # The other pages --------------------------------------------------------------------------------------------------

    def funnel_view(self, request: HttpRequest) -> HttpResponse:
        return funnel.page(self, request)

    def consent_view(self, request: HttpRequest) -> HttpResponse:
        return consent.page(self, request)

    def predicts_view(self, request: HttpRequest) -> HttpResponse:
        return predicts.page(self, request)


# The language model ---------------------------------------------------------------------------------------------------


def _suggestion(one: dict[str, Any], place: Place) -> dict[str, Any]:
    return {"id": one["id"], "act": words.act(one), "because": words.because(one, place.zone, place.now)}


def _in_order(found: list[dict[str, Any]], answer: Answer | None) -> list[dict[str, Any]]:
    """As the model put them; what it left out follows."""
    ids = answer.ids if answer else ()
    return sorted(found, key=lambda one: ids.index(one["id"]) if one["id"] in ids else len(ids))


def _tasks(row: Insight, suggested: int) -> list[tuple[str, Any]]:
    """What may be asked here: nothing where the clinic uses no model."""
    if not budget.is_used(row.connection.clinic_id):
        return []
    return [(task.value, TASKS[task]) for task in Task if task != Task.ORDER or suggested > 1]


# What was asked -------------------------------------------------------------------------------------------------------


def asked_of(request: HttpRequest, place: Place) -> Asked:
    """Unknown values choose nothing."""

    def one_of(name: str, allowed: list[str], default: str = "") -> str:
        value = request.GET.get(name, default)
        return value if value in allowed else default

    contact = one_of("contact", [str(days) for days, _name in LAST_CONTACT])
    return Asked(
        connections=place.pks,
        inbox_id=place.inbox_id,
        band=one_of("band", Band.values),
        engagement=one_of("engagement", Insight.Engagement.values),
        trend=one_of("trend", Insight.Trend.values),
        days=int(contact) if contact else None,
        order=one_of("order", Order.values, Order.CALL_FIRST),
    )


def _selects(asked: Asked) -> list[Select]:
    every = ("", gettext_lazy("all"))
    periods = [(str(days), name) for days, name in LAST_CONTACT]
    return [
        Select("order", _("Order"), Order.choices, asked.order),
        Select("band", _("Band"), [every, *Band.choices], asked.band),
        Select("trend", _("Trend"), [every, *Insight.Trend.choices], asked.trend),
        Select("engagement", _("Engagement"), [every, *Insight.Engagement.choices], asked.engagement),
        Select("contact", _("Last contact within"), [every, *periods], str(asked.days or "")),
    ]


def _query(request: HttpRequest, **more_of: object) -> str:
    query = request.GET.copy()
    for name, value in more_of.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


# In words -------------------------------------------------------------------------------------------------------------


def _many(n: int) -> str:
    return f"{words.rounded(COUNTED)}+" if n > COUNTED else words.rounded(n)


def sentence_of(counts: Counts) -> tuple[Word, str]:
    if not counts.scored:
        return Word.IGNORED, _("No data: no opportunity has a conversation yet.")
    told = []
    if counts.today:
        told.append(
            ngettext("%(n)s opportunity needs somebody today", "%(n)s opportunities need somebody today", counts.today)
            % {"n": _many(counts.today)}
        )
    if counts.forgotten:
        told.append(
            ngettext("%(n)s waits since more than 7 days", "%(n)s wait since more than 7 days", counts.forgotten)
            % {"n": _many(counts.forgotten)}
        )
    if counts.declining:
        told.append(
            ngettext("%(n)s is cooling down", "%(n)s are cooling down", counts.declining)
            % {"n": _many(counts.declining)}
        )
    if counts.reviews:
        told.append(
            ngettext("%(n)s human review is open", "%(n)s human reviews are open", counts.reviews)
            % {"n": _many(counts.reviews)}
        )
    if not told:
        return Word.DONE, _("No opportunity needs anybody today, and none is cooling down.")
    return Word.WAITING, f"{'; '.join(told)}."


def one_sentence(row: Insight) -> str:
    if row.performance_score is None:
        return _("No data: this opportunity has no conversation.")
    values = {
        "score": words.score_text(row.performance_score),
        "band": BAND_NAMES[words.band(row.performance_score)],
        "trend": words.trend(row.trend) if row.trend else _("no trend yet"),
        "confidence": words.confidence(row.confidence),
    }
    return _("Score %(score)s: %(band)s; %(trend)s. Basis: %(confidence)s.") % values


def line(row: Insight, place: Place) -> dict[str, Any]:
    """One opportunity as the list shows it."""
    band = words.band(row.performance_score)
    last = row.last_interaction_at
    first = (row.suggestions or [None])[0]
    return {
        "who": row.mask or _("no name"),  # type: ignore[attr-defined]
        "lead": row.krayin_lead_id,
        "address": reverse(ONE, args=[row.connection_id, row.krayin_lead_id]),
        "score": cells.badge(BAND_WORDS[band], words.score_text(row.performance_score)),
        "band": BAND_NAMES[band],
        "parts": words.losses(row.parts),
        "why": words.why(row),
        "trend": words.trend(row.trend) if row.trend else _("no trend yet"),
        "trend_word": TRENDS[Insight.Trend(row.trend)][1].value if row.trend else "",
        "confidence": words.confidence(row.confidence),
        "engagement": row.get_engagement_level_display() if row.total_conversations else _("no data"),
        "last": cells.since(last, place.zone, place.now) if last else _("no data"),
        "act": words.act(first) if first else "",
        "because": words.because(first, place.zone, place.now) if first else "",
        "is_urgent": bool(first and first["priority"] >= opportunities.TODAY),
        "review_due": row.review_due,  # type: ignore[attr-defined]
    }


FILE_HEADER = (
    gettext_lazy("opportunity"), gettext_lazy("person"), gettext_lazy("score"), gettext_lazy("band"),
    gettext_lazy("trend"), gettext_lazy("confidence"), gettext_lazy("engagement"), gettext_lazy("conversations"),
    gettext_lazy("resolved"), gettext_lazy("mean wait, min"), gettext_lazy("last contact"),
    gettext_lazy("suggestion"), gettext_lazy("because"),
)  # fmt: skip


def _file_rows(found: Any, place: Place) -> Iterator[list[Any]]:
    for row in found.iterator(chunk_size=1000):
        first = (row.suggestions or [None])[0]
        nothing = _("no data")
        yield [
            row.krayin_lead_id,
            row.mask or "",
            words.score_text(row.performance_score),
            BAND_NAMES[words.band(row.performance_score)],
            words.trend(row.trend),
            words.confidence(row.confidence),
            row.get_engagement_level_display() if row.total_conversations else nothing,
            row.total_conversations,
            row.resolved_conversations,
            nothing if row.average_response_time_minutes is None else row.average_response_time_minutes,
            clock(row.last_interaction_at, place.zone, place.now) if row.last_interaction_at else nothing,
            words.act(first) if first else "",
            words.because(first, place.zone, place.now) if first else "",
        ]


# One in numbers -------------------------------------------------------------------------------------------------------


def _parts(row: Insight) -> dict[str, Any]:
    """The calculation: points, ceiling and where they come from; they add up to the score."""
    rows = [
        [
            PARTS[part["part"]],
            words.part_name(part),
            words.rounded(part["points"], 2).replace("-", "−"),
            words.rounded(part["ceiling"], 2) if "ceiling" in part else "—",
        ]
        for part in row.parts or ()
    ]
    absent = {part["part"] for part in row.parts or ()}
    rows += [[PARTS[name], text, "—", "—"] for name, text in words.MISSING.items() if name not in absent]
    rows.append([_("score"), _("kept within 0 and 10"), words.score_text(row.performance_score), "10"])
    return table([_("part"), _("what"), _("points"), _("at most")], rows, words=2)


def _facts(row: Insight, place: Place, stage: str) -> list[tuple[str, Any]]:
    numbers = row.numbers or {}
    first = numbers.get("first_response", {})
    found: list[tuple[str, Any]] = [
        (
            _("conversations"),
            _("%(n)d, %(resolved)d resolved") % {"n": row.total_conversations, "resolved": row.resolved_conversations},
        ),
        (_("mean wait"), words.minutes(row.average_response_time_minutes)),
        (_("first response, median"), f"{words.minutes(first.get('median'))} · n = {first.get('n', 0)}"),
        (_("engagement"), row.get_engagement_level_display() if row.total_conversations else _("no data")),
        (_("last contact"), ago(row.last_interaction_at, place.now) if row.last_interaction_at else _("no data")),
        (_("clock"), _("opening hours") if numbers.get("clock") == "business" else _("calendar")),
        (_("stage in Krayin"), stage or _("no data")),
        (_("computed"), clock(row.calculated_at, place.zone, place.now)),
    ]
    no_show = (numbers.get("appointments") or {}).get("no_show")
    if no_show:
        chance = _("%(share)s %% — for choosing whom to remind, nothing else") % {
            "share": words.rounded(100 * no_show["p"])
        }
        found.append((_("chance of not coming"), chance))
    if numbers.get("recomputed_after_erasure"):
        found.append((_("remark"), _("computed again after an erasure")))
    return found


def _history_chart(history: list[Any], place: Place) -> str:
    labels = [f"{at.astimezone(place.zone):%d/%m}" for at, _score in history]
    return chart(labels, (_("score"), [float(score) for _at, score in history]), ends=(0, 10))


def _history(history: list[Any], place: Place) -> dict[str, Any]:
    rows = [(clock(at, place.zone, place.now), words.score_text(score)) for at, score in reversed(history)]
    return table([_("computed"), _("score")], rows[:100])
