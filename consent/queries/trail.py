"""Reading the audit trail: a bounded period, exact filters, pages by key (screens D1, D2)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import TruncDate
from django.http import QueryDict

from audit.models import ActorType, AuditLog, Outcome
from audit.services import ID, NAME, OWN_CONNECTION, Entry, record_many
from consent.models import Membership, Role, User
from consent.policy import PurposeOfUse
from consent.queries.trail_words import ACTIONS, SEEING

PAGE = 50
MOST_EXPORTED = 10_000
MOST_GROUPS = 300
DEFAULT_DAYS, LONGEST_DAYS = 7, 366
MOST_PEOPLE = 20
VIEW_ONCE_PER = timedelta(hours=1)
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Period:
    """Days in the viewer's zone, both included."""

    first: date
    last: date
    zone: ZoneInfo
    was_shortened: bool = False

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Half open, in UTC."""
        begin = datetime.combine(self.first, time.min, self.zone)
        return begin.astimezone(UTC), datetime.combine(self.last + timedelta(days=1), time.min, self.zone).astimezone(
            UTC
        )

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def period(values: Mapping[str, str], *, zone: ZoneInfo, now: datetime, days: int = DEFAULT_DAYS) -> Period:
    """`from` and `to` as given; the last `days` where they are missing or nonsense. Never more than a year."""
    today = now.astimezone(zone).date()
    last = min(_date(values.get("to", "")) or today, today)
    first = _date(values.get("from", "")) or last - timedelta(days=days - 1)
    if first > last:
        first, last = last, first
    earliest = last - timedelta(days=LONGEST_DAYS - 1)
    return Period(max(first, earliest), last, zone, was_shortened=first < earliest)


@dataclass(frozen=True)
class Asked:
    """What the filters say; nothing given means everything."""

    period: Period
    people: tuple[UUID, ...] = ()
    staff: int | None = None
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    purpose: str = ""
    outcome: str = ""

    @property
    def names_somebody(self) -> bool:
        return bool(self.people) or self.staff is not None

    def query(self) -> dict[str, Any]:
        """The same as parameters of an address: pseudonyms, codes and numbers only."""
        told: dict[str, Any] = {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        told |= {"person": [str(one) for one in self.people], "staff": self.staff}
        for name in ("action", "object_type", "object_id", "purpose", "outcome"):
            told[name] = getattr(self, name)
        return {name: value for name, value in told.items() if value}

    def of(self, people: tuple[UUID, ...]) -> "Asked":
        return replace(self, people=people)


def read(values: QueryDict, *, zone: ZoneInfo, now: datetime, days: int = DEFAULT_DAYS) -> Asked:
    """The filters of an address or a form; what is not understood is left out."""
    return Asked(
        period({name: values.get(name, "") for name in ("from", "to")}, zone=zone, now=now, days=days),
        people=tuple(one for one in map(_uuid, values.getlist("person")[:MOST_PEOPLE]) if one),
        staff=_number(values.get("staff", "")),
        action=_one_of(ACTIONS, values.get("action", "")),
        object_type=_matching(NAME, values.get("object_type", "")),
        object_id=_matching(ID, values.get("object_id", "")),
        purpose=_one_of(PurposeOfUse.values, values.get("purpose", "")),
        outcome=_one_of(Outcome.values, values.get("outcome", "")),
    )


def _one_of(known: Collection[str], text: str) -> str:
    return text if text in known else ""


def matching(rows: QuerySet[AuditLog], asked: Asked) -> QuerySet[AuditLog]:
    """Rows of the period that pass every filter, newest first; only partitions of the period are touched."""
    begin, end = asked.period.bounds
    rows = rows.filter(timestamp__gte=begin, timestamp__lt=end)
    given = {
        "subject__in": asked.people,
        "actor_id": asked.staff,
        "action": asked.action,
        "object_type": asked.object_type,
        "object_id": asked.object_id,
        "purpose": asked.purpose,
        "outcome": asked.outcome,
    }
    wanted = {name: value for name, value in given.items() if value not in ("", None, ())}
    return rows.filter(**wanted).order_by("-timestamp", "-id")


@dataclass(frozen=True)
class Page:
    rows: list[AuditLog]
    next: str  # the key of the page after this one; empty on the last


def page(rows: QuerySet[AuditLog], after: str, *, size: int = PAGE) -> Page:
    """One page behind the key `after`: no count, no offset, as fast on page 100 as on page 1."""
    key = _key(after)
    if key:
        at, number = key
        rows = rows.filter(timestamp__lte=at).exclude(timestamp=at, id__gte=number)
    found = list(rows.select_related("actor")[: size + 1])
    is_cut = len(found) > size
    return Page(found[:size], _told_key(found[size - 1]) if is_cut else "")


def _told_key(row: AuditLog) -> str:
    return f"{row.timestamp.astimezone(UTC):%Y%m%d%H%M%S%f}.{row.pk}"


def _key(text: str) -> tuple[datetime, int] | None:
    at, _dot, number = text.partition(".")
    pk = _number(number)
    try:
        return (datetime.strptime(at, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC), pk) if pk else None
    except ValueError:
        return None


# Export ---------------------------------------------------------------------------------------------------------------

EXPORTED = (
    "id", "created_at", "action", "actor_type", "actor_ref", "clinic_id", "subject", "object_type", "object_id",
    "fields", "purpose", "outcome", "reason_code", "request_id",
)  # fmt: skip


def exported(rows: QuerySet[AuditLog]) -> Iterator[dict[str, Any]]:
    """At most 10,000 rows as plain values, newest first. People are pseudonyms, fields are names."""
    for row in rows[:MOST_EXPORTED]:
        columns = row.columns()
        told = {name: columns[name] for name in EXPORTED}
        told["created_at"] = row.timestamp.astimezone(UTC).isoformat(timespec="microseconds")
        told["subject"] = str(row.subject) if row.subject else None
        yield told


# Looking at the trail is itself on the trail ---------------------------------------------------------------------------


def note_view(viewer: User, screen: str, clinic_ids: list[int] | None, *, now: datetime) -> bool:
    """Write that somebody looked, once an hour for each screen; tell whether it was written.

    `clinic_ids` are those of the viewer, None for all. Raises django.db.DatabaseError: then nothing may be shown.
    """
    # Asked where it was written: on a replica, or in an older snapshot, it would be written again.
    own = AuditLog.objects.using(OWN_CONNECTION).filter(actor_id=viewer.pk, action="audit.view", fields=[screen])
    if own.filter(timestamp__gte=now - VIEW_ONCE_PER).exists():
        return False
    note_act(viewer, "audit.view", clinic_ids, fields=[screen])
    return True


def note_act(
    viewer: User, action: str, clinic_ids: list[int] | None, *, fields: list[str] | None = None, reason: str = ""
) -> None:
    """One row for each clinic whose trail it concerns."""
    record_many(
        [
            Entry(
                action=action,
                actor_type=ActorType.STAFF,
                actor_id=str(viewer.pk),
                clinic_id=clinic_id,
                object_type="audit.AuditLog",
                fields=fields or [],
                reason_code=reason,
            )
            for clinic_id in ([None] if clinic_ids is None else clinic_ids)
        ]
    )


# Who saw whom ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """How often somebody saw the same fields of one person on one day, for one purpose."""

    day: date
    actor: int | None
    subject: UUID | None
    action: str
    purpose: str
    fields: list[str]
    object_type: str
    count: int
    last: datetime


def seen(rows: QuerySet[AuditLog], asked: Asked) -> list[Seen]:
    """What people of the staff saw, by day; at most 300 lines, newest first."""
    keys = ("day", "actor_id", "subject", "action", "purpose", "fields", "object_type")
    found = (
        _staff_saw(matching(rows, asked))
        .order_by()
        .annotate(day=TruncDate("timestamp", tzinfo=asked.period.zone))
        .values(*keys)
        .annotate(count=Count("id"), last=Max("timestamp"))
        .order_by("-day", "-last")[:MOST_GROUPS]
    )
    return [Seen(*(row[key] for key in (*keys, "count", "last"))) for row in found]


@dataclass(frozen=True)
class Total:
    """Of one person or one member of the staff in a period."""

    times: int
    staff: int
    people: int
    by_system: int  # openings by jobs of ours and by partners


def total(rows: QuerySet[AuditLog], asked: Asked) -> Total:
    found = matching(rows, asked).order_by().filter(action__in=SEEING, outcome=Outcome.OK)
    is_staff = Q(actor_type=ActorType.STAFF)
    told = found.aggregate(
        times=Count("id", filter=is_staff & Q(subject__isnull=False)),
        staff=Count("actor_id", distinct=True, filter=is_staff & Q(subject__isnull=False)),
        people=Count("subject", distinct=True, filter=is_staff),
        by_system=Count("id", filter=~is_staff),
    )
    return Total(**told)


def _staff_saw(rows: QuerySet[AuditLog]) -> QuerySet[AuditLog]:
    return rows.filter(actor_type=ActorType.STAFF, action__in=SEEING, outcome=Outcome.OK, subject__isnull=False)


def staff_roles(clinic_id: int) -> dict[int, str]:
    """What each account is in the clinic, in words: what a person is told of who saw their data. One query."""
    rows = Membership.objects.filter(Q(clinic=clinic_id) | Q(clinic=None)).order_by("user_id", "role")
    told: dict[int, list[str]] = {}
    for user_id, role in rows.values_list("user_id", "role"):
        told.setdefault(user_id, []).append(str(Role(role).label))
    return {user_id: ", ".join(dict.fromkeys(words)) for user_id, words in told.items()}


# Reading what came from outside ----------------------------------------------------------------------------------------


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    return int(text) if int(text) <= LARGEST_ID else None


def _matching(allowed: Any, text: str) -> str:
    return text if len(text) <= 100 and allowed.fullmatch(text) else ""
