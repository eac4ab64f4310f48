"""What a clinic's model may be asked and cost: exact, because the clinic's settings row is locked while it is counted.

A call is written down as sent, at its worst price, before anything leaves; the answer then lowers the price. Whatever
dies in between stays counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, Sum, Value, When
from django.db.models.functions import Least

from bridge.sync.clock import database_now
from insights.language.answers import MOST_TOKENS
from insights.models.language import LanguageCall, LanguageSettings, LanguageStop

PER_USER_AN_HOUR = 30
PER_CONVERSATION_AN_HOUR = 6
MILLION = Decimal(1_000_000)
MICRO = Decimal("0.000001")
PAUSE_S, LONGEST_PAUSE_S = 60, 3600


class NotAsked(Exception):
    """Nothing left. `reason` is a short code of `insights.language.asking.SENTENCES`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Used:
    """Calls and cost of this local day and month, the worst price of what is unanswered included."""

    day_calls: int
    day_cost: Decimal
    month_calls: int
    month_cost: Decimal


def is_used(clinic_id: int) -> bool:
    """Tell whether the clinic works with a model at all; `ready` tells whether it may be asked now."""
    return settings.LANGUAGE_MODEL and LanguageSettings.objects.filter(clinic=clinic_id, is_on=True).exists()


def ready(clinic_id: int, now: datetime) -> LanguageSettings:
    """The clinic's settings when it may ask at all. Raises NotAsked."""
    row = LanguageSettings.objects.filter(clinic=clinic_id).select_related("clinic").first()
    if row is None:
        raise NotAsked("off")
    check(row, now)
    return row


def check(row: LanguageSettings, now: datetime) -> None:
    """Every switch, the strongest first. Raises NotAsked."""
    if not settings.LANGUAGE_MODEL:
        raise NotAsked("not_installed")
    if LanguageStop.objects.exists():
        raise NotAsked("stopped")
    if not row.is_on:
        raise NotAsked("off")
    if row.missing():
        raise NotAsked("incomplete")
    if row.paused_until and now < row.paused_until:
        raise NotAsked("paused")


def used(row: LanguageSettings, now: datetime) -> Used:
    month, day = starts(now, ZoneInfo(row.clinic.time_zone))
    today = Q(asked_at__gte=day)
    sums = LanguageCall.objects.filter(clinic=row.clinic_id, sent_at__isnull=False, asked_at__gte=month).aggregate(
        day_calls=Count("pk", filter=today),
        day_cost=Sum("cost", filter=today, default=Decimal(0)),
        month_calls=Count("pk"),
        month_cost=Sum("cost", default=Decimal(0)),
    )
    return Used(**sums)


def starts(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the local month and the local day of a moment began."""
    day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(day=1), day


def reserve(call: LanguageCall, *, tokens_in: int) -> None:
    """Write the call down as sent, at its worst price, or raise NotAsked. Its commit comes before the question leaves."""
    with transaction.atomic():
        row = (
            LanguageSettings.objects.select_for_update(of=("self",)).select_related("clinic").get(clinic=call.clinic_id)
        )
        now = database_now()
        check(row, now)
        call.cost = price(row, tokens_in, MOST_TOKENS)
        _check_budget(row, call, now)
        _check_pace(call, now)
        call.provider, call.model = row.kind, row.model
        call.asked_at = call.sent_at = now
        call.outcome = LanguageCall.Outcome.SENT
        call.save()


def _check_budget(row: LanguageSettings, call: LanguageCall, now: datetime) -> None:
    so_far = used(row, now)
    if so_far.day_calls >= row.calls_per_day or so_far.day_cost + call.cost > row.cost_per_day:
        raise NotAsked("budget_day")
    if so_far.month_calls >= row.calls_per_month or so_far.month_cost + call.cost > row.cost_per_month:
        raise NotAsked("budget_month")


def _check_pace(call: LanguageCall, now: datetime) -> None:
    recent = LanguageCall.objects.filter(
        clinic=call.clinic_id, sent_at__isnull=False, asked_at__gt=now - timedelta(hours=1)
    )
    counts = recent.aggregate(
        by_user=Count("pk", filter=Q(by=call.by_id)), of_talk=Count("pk", filter=Q(conversation=call.conversation_id))
    )
    if counts["by_user"] >= PER_USER_AN_HOUR or counts["of_talk"] >= PER_CONVERSATION_AN_HOUR:
        raise NotAsked("too_often")


def price(row: LanguageSettings, tokens_in: int, tokens_out: int) -> Decimal:
    cost = (row.price_in * tokens_in + row.price_out * tokens_out) / MILLION
    return cost.quantize(MICRO, rounding=ROUND_UP)


def settle(call: LanguageCall, outcome: LanguageCall.Outcome, reason: str = "", **facts: Any) -> None:
    """How a call ended; `facts` are further columns, the true cost where it is known."""
    LanguageCall.objects.filter(pk=call.pk).update(outcome=outcome, reason=reason, **facts)


def true_cost(
    row: LanguageSettings, call: LanguageCall, tokens_in: int | None, tokens_out: int | None
) -> Mapping[str, Any]:
    """Columns of an answered call; where the provider did not count, the worst price stays."""
    if tokens_in is None or tokens_out is None:
        return {}
    return {"tokens_in": tokens_in, "tokens_out": tokens_out, "cost": price(row, tokens_in, tokens_out)}


def failed(row: LanguageSettings) -> None:
    """Let nobody ask for a minute, then two, up to an hour: no storm of repetitions."""
    now = database_now()
    pauses = [
        When(failures=n, then=Value(now + timedelta(seconds=min(PAUSE_S * 2**n, LONGEST_PAUSE_S)))) for n in range(6)
    ]
    LanguageSettings.objects.filter(pk=row.pk).update(
        failures=Least(F("failures") + 1, 1000),
        paused_until=Case(*pauses, default=Value(now + timedelta(seconds=LONGEST_PAUSE_S))),
    )


def answered(row: LanguageSettings) -> None:
    LanguageSettings.objects.filter(pk=row.pk).exclude(failures=0).update(failures=0, paused_until=None)
