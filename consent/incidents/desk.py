"""C1: incident clocks that run, and a red check of the trail that waits for somebody to look."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.desk import Card
from consent.incidents.proposals import proposals
from consent.incidents.timers import Timer, open_timers
from consent.models import Clinic, User

LAST_DAY = 1  # business days left from which on it is urgent


def card(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    timers, proposed = open_timers(now, clinics), proposals(clinics)
    if not timers and not proposed:
        return None
    return Card(
        title=gettext_lazy("Incidents"),
        count=len(timers) + len(proposed),
        address=reverse("admin:consent_incident_changelist"),
        sentence=_sentence(timers, is_proposed=bool(proposed)),
        button=gettext_lazy("Open the incidents"),
        is_urgent=bool(proposed) or timers[0].days_left <= LAST_DAY,
    )


def _sentence(timers: Sequence[Timer], *, is_proposed: bool) -> str:
    if not timers:
        return _("A check of the audit trail was red: say whether it is an incident.")
    told = {"n": timers[0].number, "what": timers[0].clock.label, "due": due_words(timers[0])}
    text = _("Incident %(n)d: %(what)s, %(due)s.") % told
    return f"{text} {_('A check of the audit trail was red, too.')}" if is_proposed else text


def due_words(timer: Timer) -> str:
    """`due 25/11 · 2 business days`, or since when it is over; of one that is met, when it was."""
    day = f"{timer.due_at.astimezone(timer.zone):%d/%m/%Y}"
    if timer.met_at:
        text = _("told on %(met)s · late") if timer.is_late else _("told on %(met)s · in time")
        return text % {"met": f"{timer.met_at.astimezone(timer.zone):%d/%m/%Y}"}
    if timer.is_waived:
        return _("not told: decided with its reason")
    if timer.days_left < 0:
        late = -timer.days_left
        return ngettext("was due %(day)s · %(n)d business day late", "was due %(day)s · %(n)d business days late", late) % {
            "day": day, "n": late,
        }  # fmt: skip
    if timer.days_left == 0:
        return _("due today, %(day)s") % {"day": day}
    left = timer.days_left
    return ngettext("due %(day)s · %(n)d business day", "due %(day)s · %(n)d business days", left) % {
        "day": day, "n": left,
    }  # fmt: skip
