"""C1: what waits beside requests and incidents: texts, holds, minors, consents that end, the trail, unusual access."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, DurationField, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.models import ActorType, AuditLog, Outcome, Unsealed, Verification
from consent.consents.state import YES
from consent.desk import Card, Maker, register_card
from consent.holds import holds_to_review, minors_without_guardian, turning_adult
from consent.models import Clinic, ConsentEvent, ExceptionalAccess, RequestItem, TextVersion, User
from consent.queries.integrity import LATE_AFTER
from consent.queries.trail_words import SEEING
from consent.roles import Capability, roles_with
from consent.scope import has_role

SOON = timedelta(days=30)
WEEK = timedelta(days=7)
MANY_PEOPLE = 30  # seen by one account within an hour
HOLDS = "admin:consent_legalhold_changelist"


def register() -> None:
    """Called in `ready()`."""
    for place, make in CARDS:
        register_card(make, place=place)


def texts(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Drafts that wait for approval, and clinics whose legal bases nobody confirmed. Two queries."""
    drafts = TextVersion.objects.filter(clinic__in=ids(clinics), state=TextVersion.State.DRAFT).count()
    unconfirmed = clinics.filter(policy_version="").count()
    told = []
    if unconfirmed:
        text = ngettext(
            "The legal bases of %(n)d clinic are not confirmed: nothing is written to the CRM.",
            "The legal bases of %(n)d clinics are not confirmed: nothing is written to the CRM.",
            unconfirmed,
        )
        told.append(text % {"n": unconfirmed})
    if drafts:
        text = ngettext("%(n)d draft waits for approval.", "%(n)d drafts wait for approval.", drafts)
        told.append(text % {"n": drafts})
    to_clinics = not drafts and has_role(user, *roles_with(Capability.CLINIC_VIEW))
    address = reverse(f"admin:consent_{'clinic' if to_clinics else 'textversion'}_changelist")
    return _card(gettext_lazy("Texts and legal bases"), drafts + unconfirmed, address, told, is_urgent=unconfirmed > 0)


def holds(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """One query."""
    found = holds_to_review(clinics.order_by(), now).order_by().aggregate(n=Count("pk"), first=Min("review_on"))
    if not found["n"]:
        return None
    text = ngettext(
        "%(n)d legal hold to review, the first by %(day)s.",
        "%(n)d legal holds to review, the first by %(day)s.",
        found["n"],
    ) % {"n": found["n"], "day": f"{found['first']:%d/%m/%Y}"}
    is_late = found["first"] < now.date()
    return _card(gettext_lazy("Blocks and legal holds"), found["n"], reverse(HOLDS), [text], is_urgent=is_late)


def minors(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Two queries."""
    alone = minors_without_guardian(clinics.order_by(), now).count()
    grown = turning_adult(clinics.order_by(), now).count()
    told = []
    if alone:
        text = ngettext("%(n)d minor without a verified guardian.", "%(n)d minors without a verified guardian.", alone)
        told.append(text % {"n": alone})
    if grown:
        text = ngettext("%(n)d turned 18: ask them.", "%(n)d turned 18: ask them.", grown)
        told.append(text % {"n": grown})
    return _card(gettext_lazy("Minors"), alone + grown, f"{reverse(HOLDS)}?tab=minors", told)


def consents(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Those that still hold and end within a month. One query."""
    later = ConsentEvent.objects.filter(
        subject=OuterRef("subject"), consent_type=OuterRef("consent_type"), record__isnull=False,
        recorded_at__gt=OuterRef("recorded_at"),
    )  # fmt: skip
    rows = ConsentEvent.objects.filter(
        subject__clinic__in=ids(clinics), state__in=YES, valid_until__gt=now, valid_until__lte=now + SOON
    )
    found = rows.filter(~Exists(later)).aggregate(n=Count("pk"), first=Min("valid_until"))
    if not found["n"]:
        return None
    text = ngettext(
        "%(n)d consent ends within 30 days, the first on %(day)s.",
        "%(n)d consents end within 30 days, the first on %(day)s.",
        found["n"],
    ) % {"n": found["n"], "day": f"{found['first']:%d/%m/%Y}"}
    return _card(gettext_lazy("Consents"), found["n"], reverse("admin:consent_consentevent_changelist"), [text])


def trail(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """The last check, and rows that wait for their seal. Two queries."""
    last = Verification.objects.order_by("-pk").first()
    waiting = Unsealed.objects.aggregate(first=Min("created_at"))["first"]
    told = []
    if last and last.findings:
        n = len(last.findings)
        told.append(
            ngettext("The last check found %(n)d problem.", "The last check found %(n)d problems.", n) % {"n": n}
        )
    if waiting and now - waiting > LATE_AFTER:
        told.append(_("Rows of the trail have waited too long for their seal."))
    address = reverse("admin:audit_verification_changelist")
    return _card(gettext_lazy("Integrity of the trail"), len(told), address, told, is_urgent=True)


def access(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Exceptional accesses to review, and accounts that saw many people within an hour of the last week. Two queries."""
    rows = ExceptionalAccess.objects.filter(clinic__in=ids(clinics), reviewed_at=None, until__lte=now)
    waiting = rows.exclude(user=user).aggregate(n=Count("pk"), first=Min("asked_at"))
    many = len(list(_many_seen(clinics, now)))
    told = []
    if waiting["n"]:
        text = ngettext(
            "%(n)d exceptional access waits for its review.",
            "%(n)d exceptional accesses wait for their review.",
            waiting["n"],
        )
        told.append(text % {"n": waiting["n"]})
    if many:
        text = ngettext(
            "%(n)d account saw more than %(most)d people within an hour.",
            "%(n)d accounts saw more than %(most)d people within an hour.",
            many,
        )
        told.append(text % {"n": many, "most": MANY_PEOPLE})
    view = "consent_exceptionalaccess_changelist" if waiting["n"] else "audit_auditlog_who"
    is_late = bool(waiting["first"]) and now - waiting["first"] > ExceptionalAccess.REVIEW_WITHIN
    return _card(
        gettext_lazy("Unusual access"),
        waiting["n"] + many,
        reverse(f"admin:{view}"),
        told,
        is_urgent=is_late or many > 0,
    )


def _many_seen(clinics: QuerySet[Clinic], now: datetime) -> Iterator[int]:
    """The accounts."""
    rows = AuditLog.objects.filter(
        clinic_id__in=ids(clinics), actor_type=ActorType.STAFF, action__in=SEEING, outcome=Outcome.OK,
        timestamp__gt=now - WEEK,
    )  # fmt: skip
    hours = rows.order_by().annotate(hour=TruncHour("timestamp")).values("actor_id", "hour")
    found = hours.annotate(n=Count("subject", distinct=True)).filter(n__gt=MANY_PEOPLE)
    yield from set(found.values_list("actor_id", flat=True))


# The year -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Year:
    """Rights asked for since 1 January. `median_days` from receipt to answer; None where nothing was answered."""

    year: int
    received: int
    answered: int
    in_time: int
    median_days: float | None


def year(clinics: QuerySet[Clinic], now: datetime) -> Year:
    """One query."""
    begin = timezone.localtime(now).replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = RequestItem.objects.filter(request__clinic__in=ids(clinics), received_at__gte=begin)
    answered = Q(sent_at__isnull=False)
    found = rows.aggregate(
        received=Count("pk"), answered=Count("pk", filter=answered),
        in_time=Count("pk", filter=answered & Q(sent_at__lte=F("due_at"))),
        median=Percentile(F("sent_at") - F("received_at"), filter=answered),
    )  # fmt: skip
    median = found["median"].total_seconds() / 86400 if found["median"] is not None else None
    return Year(begin.year, found["received"], found["answered"], found["in_time"], median)


class Percentile(Aggregate):
    """The median of lengths of time."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


def ids(clinics: QuerySet[Clinic]) -> Any:
    return clinics.order_by().values("pk")


def _card(title: Any, count: int, address: str, told: list[str], *, is_urgent: bool = False) -> Card | None:
    if not count:
        return None
    return Card(title, count, address, " ".join(told), gettext_lazy("Open"), is_urgent)


CARDS: tuple[tuple[int, Maker], ...] = (
    (40, texts), (60, holds), (70, minors), (80, consents), (100, trail), (110, access),
)  # fmt: skip
