"""Numbers as people read them: bands, trends, parts of a score, suggestions. Sentences are made when shown."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.queries.words import Word
from config.times import hour
from insights.models import Insight

DAY_MIN = 1440


class Band(models.TextChoices):
    """What pictures show instead of tenths."""

    LOW = "low", gettext_lazy("0–3.9 · needs attention")
    MIDDLE = "middle", gettext_lazy("4–6.9 · in the middle")
    HIGH = "high", gettext_lazy("7–10 · going well")
    NONE = "none", gettext_lazy("no data")


BAND_WORDS = {Band.LOW: Word.FAILED, Band.MIDDLE: Word.WAITING, Band.HIGH: Word.DONE, Band.NONE: Word.IGNORED}
BAND_EDGES = {Band.LOW: (Decimal("0"), Decimal("3.9")), Band.MIDDLE: (Decimal("4"), Decimal("6.9")),
              Band.HIGH: (Decimal("7"), Decimal("10"))}  # fmt: skip
BAND_NAMES = {
    Band.LOW: gettext_lazy("needs attention"),
    Band.MIDDLE: gettext_lazy("in the middle"),
    Band.HIGH: gettext_lazy("going well"),
    Band.NONE: gettext_lazy("no data"),
}


def band(score: Decimal | None) -> Band:
    if score is None:
        return Band.NONE
    return next(band for band, (_from, up_to) in BAND_EDGES.items() if score <= up_to)


def score_text(score: Decimal | None) -> str:
    return _("no data") if score is None else number_format(score, 1)


def rounded(value: float | Decimal, digits: int = 0) -> str:
    """Half up, as every number here is rounded at its edge."""
    step = Decimal(1).scaleb(-digits)
    return number_format(Decimal(str(value)).quantize(step, ROUND_HALF_UP), digits, force_grouping=True)


def minutes(value: float | Decimal | None) -> str:
    """`18 min`, `2 h 05 min`, `3 d 4 h`; *sem dados* without sample."""
    if value is None:
        return _("no data")
    whole = int(Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_UP))
    if whole < 60:
        return _("%(n)d min") % {"n": whole}
    if whole < 2 * DAY_MIN:
        return _("%(hours)d h %(minutes)02d min") % {"hours": whole // 60, "minutes": whole % 60}
    return _("%(days)d d %(hours)d h") % {"days": whole // DAY_MIN, "hours": whole % DAY_MIN // 60}


def percent(value: float | Decimal | None) -> str:
    """A share of a hundred already; *sem dados* without sample."""
    return _("no data") if value is None else f"{rounded(value)} %"


def confidence(value: Decimal | None) -> str:
    if value is None:
        return _("no data")
    if value < Decimal("0.30"):
        return _("little data")
    return _("moderate") if value < Decimal("0.60") else _("good")


TRENDS = {
    Insight.Trend.IMPROVING: ("↗", Word.DONE),
    Insight.Trend.STABLE: ("→", Word.IGNORED),
    Insight.Trend.DECLINING: ("↘", Word.FAILED),
}


def trend(value: str | None) -> str:
    if not value:
        return _("no data")
    found = Insight.Trend(value)
    return f"{TRENDS[found][0]} {found.label}"


# Parts of the score ---------------------------------------------------------------------------------------------------


def part_name(part: Mapping[str, Any]) -> str:
    """What a part says about this relationship."""
    given, is_good = part["inputs"], part.get("value", 0) >= 0.5
    if part["part"] == "resolution":
        conversations = given["conversations"] or 1
        return _("resolved %(share)s %%") % {"share": rounded(100 * given["resolved"] / conversations)}
    if part["part"] == "speed":
        return _("fast answers") if is_good else _("slow answers")
    if part["part"] == "engagement":
        return _("frequent contact") if is_good else _("little contact")
    if part["part"] == "satisfaction":
        return _("satisfaction %(share)s %%") % {"share": rounded(100 * part["value"])}
    if part["part"] == "progress" and not given["stage"]:
        return _("lost")
    if part["part"] == "progress":
        return _("stage %(stage)d of %(stages)d") % dict(given)
    return _("waiting for an answer for %(time)s") % {"time": minutes(given["open_wait_min"])}


MISSING = {
    "speed": gettext_lazy("no answered wait"),
    "satisfaction": gettext_lazy("no survey"),
    "progress": gettext_lazy("no stage"),
}


def part_points(part: Mapping[str, Any]) -> str:
    points = rounded(abs(part["points"]), 1)
    if part["points"] < 0:
        return f"−{points}"
    return _("+%(points)s of %(ceiling)s") % {"points": points, "ceiling": rounded(part["ceiling"], 1)}


def parts_text(parts: list[dict[str, Any]] | None) -> list[str]:
    """Each part with its points, the weightiest first, then what is missing."""
    if not parts:
        return []
    told = [f"{part_name(one)} {part_points(one)}" for one in sorted(parts, key=lambda one: -abs(one["points"]))]
    present = {one["part"] for one in parts}
    return told + [str(text) for name, text in MISSING.items() if name not in present]


def losses(parts: list[dict[str, Any]] | None) -> list[str]:
    """The two parts that cost the most; an open wait is told by its suggestion already."""
    earned = [one for one in parts or () if "ceiling" in one]
    costly = sorted(earned, key=lambda one: one["points"] - one["ceiling"])[:2]
    return [f"{part_name(one)} {part_points(one)}" for one in costly]


def why(row: Insight) -> str:
    """The whole calculation in one line: `6,7 · respostas rápidas +2,3 de 2,9 · …`."""
    return " · ".join([score_text(row.performance_score), *parts_text(row.parts)])


# Suggestions ----------------------------------------------------------------------------------------------------------

ACTS = {
    "reply_now": gettext_lazy("Answer now"),
    "window_closing": gettext_lazy("Answer before the WhatsApp window closes"),
    "escalate": gettext_lazy("Let somebody with more experience take over"),
    "confirm_appointment": gettext_lazy("Confirm the appointment"),
    "use_template": gettext_lazy("Write by an approved template"),
    "no_show_recover": gettext_lazy("Offer another date"),
    "merge_contacts": gettext_lazy("Check whether these contacts are one person"),
    "reengage": gettext_lazy("Make contact again"),
    "close": gettext_lazy("Close the conversation"),
}


def act(suggestion: Mapping[str, Any]) -> str:
    return str(ACTS[suggestion["id"]])


def because(suggestion: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> str:
    """The numbers behind a suggestion, in words."""
    given = suggestion["because"]

    def at(name: str) -> str:
        found = parse_datetime(given[name])
        return hour(found, zone, now) if found else ""

    if suggestion["id"] == "reply_now":
        return _("waiting for %(time)s") % {"time": minutes(given["open_wait_min"])}
    if suggestion["id"] == "window_closing":
        return _("the window ends at %(time)s") % {"time": at("window_ends_at")}
    if suggestion["id"] == "use_template":
        return _("the window ended at %(time)s") % {"time": at("window_ended_at")}
    if suggestion["id"] == "confirm_appointment":
        return _("appointment at %(time)s, not confirmed") % {"time": at("starts_at")}
    if suggestion["id"] == "no_show_recover":
        return _("did not come at %(time)s, nothing booked since") % {"time": at("missed_at")}
    if suggestion["id"] == "merge_contacts":
        return ngettext("%(n)d contact of one person", "%(n)d contacts of one person", given["contacts"]) % {
            "n": given["contacts"]
        }
    if suggestion["id"] == "reengage":
        return _("quiet for %(days)d days, in stage %(stage)d") % {"days": given["quiet_days"], "stage": given["stage"]}
    if suggestion["id"] == "close":
        return _("our last word was at %(time)s, without an answer") % {"time": at("since")}
    if "rating" in given:
        return _("rating %(rating)d in the last %(days)d days") % dict(given)
    return _("reopened %(reopenings)d times in %(days)d days") % dict(given)
