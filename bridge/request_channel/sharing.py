"""Who got the person's data (T08), as far as Ponte and the registers know: recipient, purpose, base, dates, country."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from bridge.export.ponte import recipients_of
from consent.datamap import Processing, retention
from consent.datamap.codes import base_name
from consent.models import Clinic, InternationalTransfer, RequestItem
from consent.requests import answers, execution
from consent.requests.execution import Done
from consent.requests.rules import Right, text_of
from consent.requests.states import State


def tell(item: RequestItem, now: datetime) -> Done:
    request = item.request
    if request.subject is None:
        return Done(State.VERIFYING, answers.confirmation(item, now=now), RequestItem.Verified.NOTHING_DONE)
    zone = ZoneInfo(request.clinic.time_zone)
    lines = [_line(one, zone) for one in recipients_of(request.subject)]
    lines += list(_abroad(request.clinic, now))
    name = "T08_some" if lines else "T08_none"
    words = text_of(request.rules_version, name).format(lines="\n".join(f"• {line}" for line in lines))
    return Done(State.VERIFYING, answers.carried_out(item, words, now=now), RequestItem.Verified.CHECKED)


def _line(told: Mapping[str, Any], zone: ZoneInfo) -> str:
    first, last = told.get("first_at"), told.get("last_at")
    parts = [
        told["recipient"],
        told["role"],
        ", ".join(str(retention(code).title) for code in told["categories"]),
        told["purpose"],
        base_name(told["legal_base"]) if told.get("legal_base") else "",
        f"{first.astimezone(zone):%d/%m/%Y} a {last.astimezone(zone):%d/%m/%Y}" if first and last else "",
    ]
    return " · ".join(str(part) for part in parts if part)


def _abroad(clinic: Clinic, now: datetime) -> Iterator[str]:
    """Transfers the clinic has on record: importer, country, purpose."""
    today = now.astimezone(ZoneInfo(clinic.time_zone)).date()
    rows = InternationalTransfer.objects.filter(clinic=clinic, started_on__lte=today)
    for row in rows.filter(Q(ended_on=None) | Q(ended_on__gte=today)).order_by("importer"):
        purposes = ", ".join(str(Processing(one).label) for one in row.operations)
        yield f"{row.importer} · {row.country} · {purposes}"


def register() -> None:
    execution.register(Right.SHARING, tell)
