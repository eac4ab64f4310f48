"""F3: what the panel inside Chatwoot shows of an opportunity's numbers: the score in words, why, what to do."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from bridge.models import Connection
from consent.models import User
from insights import suggestions, words
from insights.models import Insight


def beside() -> Subquery:
    """The current numbers of the opportunity that a row of SyncedObject is, as one value."""
    rows = Insight.objects.filter(
        connection=OuterRef("connection"), krayin_lead_id=OuterRef("foreign_id"), is_current=True
    )
    read = {name: name for name in ("performance_score", "trend", "parts", "suggestions")}
    return Subquery(rows.values(read=JSONObject(**read))[:1])


def told(read: Any, connection: Connection, now: datetime) -> dict[str, Any] | None:
    """None without numbers: nobody wrote yet, or the person does not want them computed."""
    if not read or read["performance_score"] is None:
        return None
    zone, score = ZoneInfo(connection.clinic.time_zone), Decimal(str(read["performance_score"]))
    return {
        "score": _("Service: %(band)s (%(score)s), %(trend)s") % {
            "band": words.BAND_NAMES[words.band(score)],
            "score": words.score_text(score),
            "trend": words.trend(read["trend"]) if read["trend"] else _("no trend yet"),
        },
        "why": words.parts_text(read["parts"]),
        "suggestions": [
            {"id": one["id"], "act": words.act(one), "because": words.because(one, zone, now)}
            for one in (read["suggestions"] or ())[:3]
        ],
    }  # fmt: skip


def dismiss(connection: Connection, lead_id: int, suggestion: str, *, by: User, now: datetime) -> bool:
    row = Insight.objects.filter(connection=connection, krayin_lead_id=lead_id, is_current=True).first()
    if row is None:
        return False
    try:
        suggestions.dismiss(row, suggestion, by=by, now=now)
    except suggestions.NotSuggested:
        return False
    return True
