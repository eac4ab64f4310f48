"""E5 Consent: whom may we write to for what, and whose consent ends soon?"""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.queries.words import Word
from config.charts import chart
from insights import words
from insights.admin.base import NumbersAdmin, as_csv, table, told
from insights.queries import consents
from insights.queries.consents import Coverage

HELP = gettext_lazy(
    "Active people wrote or were written to within a year. The newest act of a person and purpose is the person's will; "
    "a yes is valid for two years. Care itself needs no consent: refusing changes nothing for the patient."
)

ANSWERS_BACK = timedelta(days=365)


def page(screen: NumbersAdmin, request: HttpRequest) -> HttpResponse:
    place = screen.place(request)
    if place is None:
        return screen.nothing(request, _("Consent"))
    found = consents.coverage(place.pks, place.now)
    answers = consents.answers([place.clinic_id], place.now - ANSWERS_BACK, place.now)
    word, sentence = consent_sentence(found)
    head = [
        _("purpose"),
        _("active people"),
        _("with valid consent"),
        _("coverage"),
        _("ends in 30 days"),
        _("said no or took it back"),
    ]
    rows = [_coverage(one) for one in found]
    if request.GET.get("format") == "csv":
        return screen.as_file(request, place, "consent", head, rows)
    known = [one for one in found if one.share is not None]
    return screen.page(
        request,
        "admin/insights/consent.html",
        _("Consent"),
        question=_("Whom may we write to for what, and whose consent ends soon?"),
        help=HELP,
        selects=[one for one in screen.selects(place, with_days=False) if one.name == "place"],
        word=word,
        sentence=sentence,
        coverage=table(head, rows),
        coverage_chart=chart(
            [str(one.purpose.label) for one in known], (_("coverage"), [one.share for one in known]), suffix=" %"
        )
        if known
        else "",
        answers=table(
            [_("purpose"), _("version of the text"), _("said yes"), _("said no"), _("took it back"), _("share of yes")],
            [
                [
                    one.purpose.label,
                    one.version,
                    *(told(n, words.rounded) for n in (one.granted, one.denied, one.withdrawn)),
                    told(one.share, words.percent),
                ]
                for one in answers
            ],
            words=2,
        ),
        file=as_csv(request),
    )


def _chart(known: list[Coverage]) -> str:
    if not known:
        return ""
    labels = [str(one.purpose.label) for one in known]
    return chart(labels, (_("coverage"), [one.share for one in known]), suffix=" %")


def consent_sentence(found: list[Coverage]) -> tuple[Word, str]:
    active = found[0].active
    if not active:
        return Word.IGNORED, (
            _("Fewer than ten active people: they are not told.")
            if active is None
            else _("No data: nobody is active yet.")
        )
    ending = sum(one.ending or 0 for one in found)
    if ending:
        return Word.WAITING, _("%(n)s consents end within 30 days; ask again before they do.") % {
            "n": words.rounded(ending)
        }
    best = max(found, key=lambda one: one.share or 0)
    if best.share is None:
        return Word.IGNORED, _("%(n)s active people, and fewer than ten consents: nothing to tell yet.") % {
            "n": words.rounded(active)
        }
    return Word.DONE, _("No consent ends soon; %(share)s of %(n)s active people agreed to %(purpose)s.") % {
        "share": words.percent(best.share), "n": words.rounded(active), "purpose": str(best.purpose.label).lower(),
    }  # fmt: skip


def _coverage(one: Coverage) -> list[Any]:
    return [
        one.purpose.label,
        *(told(n, words.rounded) for n in (one.active, one.valid)),
        told(one.share, words.percent),
        *(told(n, words.rounded) for n in (one.ending, one.refused)),
    ]
