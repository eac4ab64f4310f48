"""E6 Does the calculation hold? Scores of 60 days ago against what was won since."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.queries.words import Word
from config.charts import chart
from insights import words
from insights.admin.base import NumbersAdmin, table, told
from insights.queries import prediction
from insights.queries.prediction import BandShare, Prediction
from insights.words import BAND_NAMES

HELP = gettext_lazy(
    "Scores as they were 60 days ago are compared with what was won since. The area under the curve is the chance that a "
    "won opportunity had the higher score than one that was not: 0.5 is pure chance."
)


def page(screen: NumbersAdmin, request: HttpRequest) -> HttpResponse:
    place = screen.place(request)
    if place is None:
        return screen.nothing(request, _("Does the calculation hold?"))
    found = prediction.prediction(place.pks, place.now)
    word, sentence = predicts_sentence(found)
    known = [one for one in found.bands if one.won_share is not None]
    rows = [
        [BAND_NAMES[one.band], told(one.n, words.rounded), told(one.won_share, words.percent)] for one in found.bands
    ]
    return screen.page(
        request,
        "admin/insights/predicts.html",
        _("Does the calculation hold?"),
        question=_("Did opportunities with a better score become patients more often?"),
        help=HELP,
        selects=[one for one in screen.selects(place, with_days=False) if one.name == "place"],
        word=word,
        sentence=sentence,
        bands=table([_("band 60 days ago"), "n", _("won since")], rows),
        bands_chart=chart(
            [str(BAND_NAMES[one.band]) for one in known], (_("won"), [one.won_share for one in known]), suffix=" %"
        )
        if known
        else "",
        auc=_("no data") if found.auc is None or found.n < prediction.ENOUGH else words.rounded(found.auc, 2),
        n=words.rounded(found.n),
    )


def _chart(known: list[BandShare]) -> str:
    if not known:
        return ""
    labels = [str(BAND_NAMES[one.band]) for one in known]
    return chart(labels, (_("won"), [one.won_share for one in known]), suffix=" %")


def predicts_sentence(found: Prediction) -> tuple[Word, str]:
    if not found.is_enough:
        return Word.IGNORED, _(
            "Not enough to judge by: %(n)s opportunities had a score 60 days ago, %(enough)d with some won are needed."
        ) % {"n": words.rounded(found.n), "enough": prediction.ENOUGH}
    values = {"auc": words.rounded(found.auc or 0, 2), "n": words.rounded(found.n)}
    if not found.predicts:
        return Word.FAILED, _(
            "The score does not predict winning here: area under the curve %(auc)s over %(n)s opportunities."
        ) % values
    return Word.DONE, _(
        "The score predicts winning here: area under the curve %(auc)s over %(n)s opportunities."
    ) % values
