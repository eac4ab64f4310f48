"""E4 Funnel: how many of those who write come as far as winning, and where are they lost?"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.queries.words import Word
from config.charts import chart
from insights import words
from insights.admin.base import NumbersAdmin, as_csv, hidden_text, table, told
from insights.queries.funnel import Funnel, Line, Step, funnels

HELP = gettext_lazy(
    "An opportunity counts for the month in which it was first heard of and for the inbox of its first conversation. "
    "The share is of those who reached the step before. A step that nothing tells Ponte about has no data and is left out "
    "of the shares; fewer than ten opportunities are never told."
)


def page(screen: NumbersAdmin, request: HttpRequest) -> HttpResponse:
    place = screen.place(request)
    if place is None:
        return screen.nothing(request, _("Funnel"))
    of = place.range
    found = funnels(place.pks, of.first, of.last, place.inbox_id)
    word, sentence = funnel_sentence(found.total)
    known = [one for one in found.total.lines if one.n is not None]
    head = [*(str(step.label) for step in Step), _("first human word, median")]
    months = [[date_format(month, "F Y"), *_cells(one)] for month, one in found.months.items()]
    inboxes = [[place.inbox_name(*key), *_cells(one)] for key, one in found.inboxes.items()]
    inboxes.sort(key=lambda row: str(row[0]).casefold())
    if request.GET.get("format") == "csv":
        header = [_("division"), _("value"), *head]
        rows = [[_("month"), *row] for row in months] + [[_("inbox"), *row] for row in inboxes]
        return screen.as_file(request, place, "funnel", header, rows)
    return screen.page(
        request,
        "admin/insights/funnel.html",
        _("Funnel"),
        question=_("How many of those who write come as far as the appointment, and where do we lose them?"),
        help=HELP,
        selects=screen.selects(place),
        word=word,
        sentence=sentence,
        steps=table([_("step"), "n", _("of the step before")], [_step(one) for one in found.total.lines]),
        steps_chart=chart([str(one.step.label) for one in known], (_("opportunities"), [one.n for one in known]))
        if found.total.created.n
        else "",
        first_word=words.minutes(found.total.first_word),
        first_word_n=told(None if found.total.first_word is None else found.total.first_word_n, words.rounded),
        months=table([_("month"), *head], months),
        inboxes=table([_("inbox of the first conversation"), *head], inboxes),
        file=as_csv(request),
    )


def funnel_sentence(found: Funnel) -> tuple[Word, str]:
    created = found.created
    if not created.n:
        return Word.IGNORED, (
            _("Fewer than ten opportunities in this period: they are not told.")
            if created.is_hidden
            else _("No data: no opportunity was created in this period.")
        )
    shares = [one for one in found.lines if one.share is not None]
    if not shares:
        return Word.IGNORED, _("%(n)s opportunities were created; what became of them is not known yet.") % {
            "n": words.rounded(created.n)
        }
    worst = min(shares, key=lambda one: one.share or 0)
    values = {
        "n": words.rounded(created.n), "step": worst.step.label, "share": words.percent(worst.share),
    }  # fmt: skip
    return Word.RUNNING, _(
        "Of %(n)s opportunities created most are lost before the step “%(step)s”: %(share)s of the step before reach it."
    ) % values


def _number(line: Line) -> str:
    if line.is_hidden:
        return hidden_text()
    return _("no data") if line.n is None else words.rounded(line.n)


def _step(line: Line) -> list[Any]:
    share = "—" if line.step == Step.CREATED else hidden_text() if line.is_hidden else words.percent(line.share)
    return [line.step.label, _number(line), share]


def _cells(found: Funnel) -> list[str]:
    numbers = [
        f"{_number(one)} · {words.percent(one.share)}" if one.share is not None else _number(one) for one in found.lines
    ]
    return [*numbers, words.minutes(found.first_word)]
