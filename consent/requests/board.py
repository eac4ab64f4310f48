"""What the screens of requests show: rows, due dates in words, what is missing for the next step. Opens nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.calendar import days_left
from consent.models import Clinic, DataRequest, RequestItem
from consent.queries import people_search
from consent.requests.clock import share_used
from consent.requests.rules import Proof, RightRule, rules
from consent.requests.states import ENDS, OPEN_STATES, TRANSITIONS, WAITING_FOR_PERSON, State

MOST = 100
SOON = timedelta(days=5)
# Icon and colour of a state (screens section 1, rule 6).
WORDS = {
    State.CLOSED: "done",
    State.CANCELLED: "ignored",
    State.FAILED: "failed",
    State.ON_HOLD: "blocked",
    State.REFUSED: "blocked",
    State.NOT_VERIFIED: "blocked",
    State.RECEIVED: "waiting",
    State.IDENTITY_PENDING: "waiting",
    State.READY: "waiting",
    State.WAITING_THIRD_PARTY: "postponed",
}
NEXT = {
    State.IDENTITY_PENDING: gettext_lazy("The titular has to prove who it is."),
    State.VERIFIED: gettext_lazy("Somebody has to decide."),
    State.TRIAGE: gettext_lazy("Somebody has to decide."),
    State.APPROVED: gettext_lazy("It has to be carried out."),
    State.PARTIALLY_APPROVED: gettext_lazy("It has to be carried out."),
    State.EXECUTING: gettext_lazy("It has to be carried out, read back, and told."),
    State.WAITING_THIRD_PARTY: gettext_lazy("Somebody else has to answer first; the clock runs on."),
    State.FAILED: gettext_lazy("It failed; it is tried again, or somebody does it by hand."),
    State.READY: gettext_lazy("The answer has to be sent, with proof."),
    State.DELIVERED: gettext_lazy("It has to be closed."),
}


@dataclass(frozen=True)
class Line:
    """One right in the list."""

    item: RequestItem
    rule: RightRule
    mask: str
    due: str
    received: str
    is_overdue: bool
    share: int

    @property
    def request(self) -> DataRequest:
        return self.item.request

    @property
    def word(self) -> str:
        return "failed" if self.is_overdue else word_of(self.item.state)


def word_of(state: str) -> str:
    return WORDS.get(State(state), "running")


def next_of(item: RequestItem) -> str:
    return str(NEXT.get(State(item.state), ""))


def may_be_cancelled(item: RequestItem) -> bool:
    """Whether the person may still take it back."""
    return State.CANCELLED in TRANSITIONS[State(item.state)]


# Few words for the person: the same for who is known and who is not.
TO_PERSON = {
    State.RECEIVED: gettext_lazy("We need to be sure that it is you"),
    State.IDENTITY_PENDING: gettext_lazy("We need to be sure that it is you"),
    State.READY: gettext_lazy("It was answered"),
    State.DELIVERED: gettext_lazy("It was answered"),
    State.CLOSED: gettext_lazy("It was answered"),
    State.CANCELLED: gettext_lazy("You no longer want it"),
}


def said_to_person(item: RequestItem) -> str:
    return str(TO_PERSON.get(State(item.state), _("Being answered")))


def due_words(item: RequestItem, now: datetime, zone: ZoneInfo) -> str:
    """`vence 03/12 · 4 dias`; what is over says since when, or that it was in time."""
    day = f"{item.due_at.astimezone(zone):%d/%m}"
    if item.sent_at:
        in_time = item.sent_at <= item.due_at
        text = _("answered %(day)s · in time") if in_time else _("answered %(day)s · late")
        return text % {"day": f"{item.sent_at.astimezone(zone):%d/%m}"}
    if not item.is_open:
        return _("ended")
    left = days_left(item.due_at, now, zone)
    if now > item.due_at:
        late = max(-left, 0)
        text = ngettext("due %(day)s · %(n)d day late", "due %(day)s · %(n)d days late", late) if late else ""
        return (text or _("due %(day)s · late today")) % {"day": day, "n": late}
    if left == 0:
        return _("due today, %(hour)s") % {"hour": f"{item.due_at.astimezone(zone):%H:%M}"}
    return ngettext("due %(day)s · %(n)d day", "due %(day)s · %(n)d days", left) % {"day": day, "n": left}


def lines(items: Sequence[RequestItem], now: datetime) -> list[Line]:
    masks = people_search.masks([one.request.subject.pseudonym for one in items if one.request.subject])
    return [_line(item, masks, now) for item in items]


def _line(item: RequestItem, masks: dict[UUID, str], now: datetime) -> Line:
    request, zone = item.request, ZoneInfo(item.request.clinic.time_zone)
    known = masks.get(request.subject.pseudonym, "") if request.subject and request.subject.pseudonym else ""
    share = min(100, round(share_used(item, now))) if item.is_open else 100
    rule = rules(request.rules_version).rights[item.right]
    mask = known or request.contact_mask or _("unknown")
    received = f"{request.received_at.astimezone(zone):%d/%m %H:%M}"
    return Line(item, rule, mask, due_words(item, now, zone), received, item.is_overdue(now), share)


def rows(clinics: QuerySet[Clinic]) -> QuerySet[RequestItem]:
    own = RequestItem.objects.filter(request__clinic__in=clinics.order_by().values("pk"))
    return own.select_related("request__clinic", "request__subject", "request__owner")


TABS = {
    "open": Q(state__in=OPEN_STATES - WAITING_FOR_PERSON),
    "person": Q(state__in=WAITING_FOR_PERSON),
    "done": Q(state__in=ENDS),
}


def chosen(clinics: QuerySet[Clinic], tab: str, right: str, now: datetime) -> list[RequestItem]:
    """The overdue ones first, whatever is asked for; then what is asked for, by due date; at most 100 of each."""
    late = list(overdue(clinics, now)[:MOST])
    found = rows(clinics).filter(TABS[tab]).exclude(pk__in=[item.pk for item in late])
    if right:
        found = found.filter(right=right)
    order = F("sent_at").desc(nulls_last=True) if tab == "done" else F("due_at").asc()
    return [*late, *found.order_by(order, "right")[:MOST]]


def overdue(clinics: QuerySet[Clinic], now: datetime) -> QuerySet[RequestItem]:
    return rows(clinics).filter(state__in=OPEN_STATES, due_at__lt=now).order_by("due_at", "right")


@dataclass(frozen=True)
class Identity:
    """What is proved, and what an item still needs, in words."""

    reached: Collection[Proof]

    def words(self, needed: Proof) -> str:
        if needed in self.reached:
            return _("proved: %(how)s") % {"how": needed.label}
        return _("still needed: %(how)s") % {"how": needed.label}
