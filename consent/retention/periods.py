"""Which period holds: the clinic's newest choice within the bounds of the table, else the table's own (lgpd 3.2)."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from consent.datamap.retention import CURRENT_RETENTION, TABLES, Period, check_period, retention
from consent.encryption import Actor
from consent.models import Clinic, LegalHold, RetentionPeriod, User
from consent.models.retention_runs import UNITS
from consent.retention.notes import Refused, note, permit
from consent.retention.ways import listed, longer


def choose(clinic: Clinic, code: str, wanted: Period, *, reason: str, by: User, now: datetime) -> RetentionPeriod:
    """Keep a category for `wanted` from the next list on. Raises Refused, OutOfBounds, KeyError for an unknown code."""
    permit("retention.period", by, clinic.pk)
    rule = retention(code)
    if not is_free(code):
        raise Refused("fixed")
    check_period(rule, wanted, has_hold=is_under_order(clinic, code))
    with transaction.atomic():
        Clinic.objects.select_for_update().get(pk=clinic.pk)
        before = RetentionPeriod.objects.filter(clinic=clinic, code=code).order_by("-number").first()
        row = RetentionPeriod.objects.create(
            clinic=clinic, code=code, number=before.number + 1 if before else 1, table_version=CURRENT_RETENTION,
            reason=reason, chosen_by=by, valid_from=now, **{unit: getattr(wanted, unit) for unit in UNITS},
        )  # fmt: skip
        note("retention.period", Actor.staff(by), clinic_id=clinic.pk, row=row, reason=code.lower())
    return row


def is_free(code: str) -> bool:
    """Whether a clinic may choose: something here goes by the period, and waits for an approval."""
    return any(way.code == code for way in listed().values())


def is_under_order(clinic: Clinic, code: str) -> bool:
    """Whether an order recorded as a legal hold asks to keep the whole category, or everything."""
    rows = LegalHold.objects.active().filter(clinic=clinic, subject=None)
    return any(hold.covers(category=code) for hold in rows if hold.scope in ("all", "category"))


def chosen(clinics: Iterable[Clinic]) -> dict[tuple[int, str], RetentionPeriod]:
    """The newest choices by clinic and category. One query."""
    rows = RetentionPeriod.objects.filter(clinic__in=list(clinics)).select_related("chosen_by")
    rows = rows.order_by("clinic_id", "code", "-number").distinct("clinic_id", "code")
    return {(row.clinic_id, row.code): row for row in rows}


def of_clinic(clinic: Clinic) -> dict[str, Period]:
    """The period after which each category leaves this clinic: the maximum, for reviewed ones the minimum."""
    own = {code: row.period for (_clinic, code), row in chosen([clinic]).items()}
    return {**defaults(), **own}


def of_installation() -> dict[str, Period]:
    """Where rows of several clinics lie in one table, the longest of their periods holds."""
    periods = defaults()
    theirs = [of_clinic(clinic) for clinic in Clinic.objects.all()]
    for code in periods:
        own = [one[code] for one in theirs]
        for one in own[1:]:
            own[0] = longer(own[0], one)
        periods[code] = own[0] if own else periods[code]
    return periods


def defaults() -> dict[str, Period]:
    rules = TABLES[CURRENT_RETENTION].rules.values()
    told = {rule.code: rule.maximum or rule.minimum for rule in rules}
    return {code: period for code, period in told.items() if period is not None}
