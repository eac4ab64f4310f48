"""The clocks of an incident, in business days of the clinic's zone: to the ANPD, to the people, complement, statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from consent.calendar import business_days_left, due_after_business_days
from consent.incidents.facts import Report, Telling
from consent.incidents.periods import PERIODS, calendar_of
from consent.models import Clinic, Incident, IncidentEntry

Kind = IncidentEntry.Kind


class Clock(TextChoices):
    AUTHORITY = "authority", _("report to the ANPD")
    PERSONS = "persons", _("tell the people")
    COMPLEMENT = "complement", _("complement to the ANPD")
    STATEMENT = "statement", _("statement to the ANPD that the people were told")


@dataclass(frozen=True)
class Timer:
    """One clock. `met_at` is when it was stopped by telling; `is_waived`: decided that nothing is told. Ids only: fit
    for an alert. `days_left` are business days: 0 on the last day, negative when overdue."""

    incident_id: UUID
    clinic_id: int
    number: int
    clock: Clock
    due_at: datetime
    days_left: int
    zone: ZoneInfo
    met_at: datetime | None = None
    is_waived: bool = False

    @property
    def is_open(self) -> bool:
        return self.met_at is None and not self.is_waived

    @property
    def is_late(self) -> bool:
        return self.met_at > self.due_at if self.met_at else self.is_open and self.days_left < 0


def open_timers(now: datetime, clinics: QuerySet[Clinic] | None = None) -> list[Timer]:
    """Every running clock, the most urgent first; of these clinics, or of all. Two queries."""
    rows = Incident.objects.filter(closed_at=None)
    if clinics is not None:
        rows = rows.filter(clinic__in=clinics.order_by().values("pk"))
    found = [timer for row in with_entries(rows) for timer in timers_of(row, row.entries.all(), now) if timer.is_open]
    return sorted(found, key=lambda timer: (timer.due_at, timer.number))


def with_entries(rows: QuerySet[Incident]) -> QuerySet[Incident]:
    entries = IncidentEntry.objects.defer("affected").select_related("by").order_by("number")
    return rows.select_related("clinic").prefetch_related(Prefetch("entries", entries))


def timers_of(incident: Incident, entries: Iterable[IncidentEntry], now: datetime) -> list[Timer]:
    """All clocks that ever ran, in the order of the law."""
    told = _Told(incident, list(entries))
    known = incident.known_at
    found = [
        told.timer(Clock.AUTHORITY, told.due(known, "report"), told.first_report, now),
        told.timer(Clock.PERSONS, told.due(known, "report"), told.first_to_persons, now),
    ]
    if told.is_preliminary and told.first_report:
        due = told.due(told.first_report, "complement")
        found.append(told.timer(Clock.COMPLEMENT, due, told.complement, now))
    if told.notice_ends:
        found.append(told.timer(Clock.STATEMENT, told.due(told.notice_ends, "statement"), told.statement, now))
    return found


def is_settled(incident: Incident, entries: Sequence[IncidentEntry]) -> bool:
    """Whether no clock runs."""
    return not any(timer.is_open for timer in timers_of(incident, entries, incident.known_at))


class _Told:
    """What the entries say was told, and when."""

    def __init__(self, incident: Incident, entries: Sequence[IncidentEntry]) -> None:
        self.incident, self.zone = incident, ZoneInfo(incident.clinic.time_zone)
        self.periods, self.calendar = PERIODS[incident.rules_version], calendar_of(incident.calendar_version)
        decided = [entry.details["report"] for entry in entries if entry.kind == Kind.DECIDED]
        self.is_waived = bool(decided) and not decided[-1]
        self.reports = [entry.details for entry in entries if entry.kind == Kind.TOLD_AUTHORITY]
        self.to_persons = [entry.details for entry in entries if entry.kind == Kind.TOLD_PERSONS]

    @property
    def first_report(self) -> datetime | None:
        return _first(one for one in self.reports if one["report_type"] in {Report.COMPLETE, Report.PRELIMINARY})

    @property
    def is_preliminary(self) -> bool:
        return any(one["report_type"] == Report.PRELIMINARY for one in self.reports)

    @property
    def complement(self) -> datetime | None:
        return _first(one for one in self.reports if one["report_type"] in {Report.COMPLEMENT, Report.COMPLETE})

    @property
    def statement(self) -> datetime | None:
        return _first(one for one in self.reports if one["report_type"] == Report.STATEMENT)

    @property
    def first_to_persons(self) -> datetime | None:
        return _first(self.to_persons)

    @property
    def notice_ends(self) -> datetime | None:
        """The last day on which a public notice has to stay."""
        began = _first(one for one in self.to_persons if one["form"] == Telling.PUBLIC)
        return began + timedelta(days=self.periods.notice_days) if began else None

    def due(self, event: datetime, period: str) -> datetime:
        days = getattr(self.periods, period)[self.incident.regime]
        return due_after_business_days(event, days, self.zone, self.calendar)

    def timer(self, clock: Clock, due_at: datetime, met_at: datetime | None, now: datetime) -> Timer:
        row = self.incident
        left = business_days_left(due_at, now, self.zone, self.calendar)
        # On a day off the business days may stand at 0 although the last day is over.
        left = min(left, -1) if now > due_at else left
        return Timer(
            row.pk, row.clinic_id, row.number, clock, due_at, left, self.zone, met_at,
            is_waived=self.is_waived and met_at is None,
        )  # fmt: skip


def _first(told: Iterable[dict]) -> datetime | None:
    return min((datetime.fromisoformat(one["sent_at"]) for one in told), default=None)
