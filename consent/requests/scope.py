"""What each system holds of a person, with counts and age, for who decides on a request. Nothing is opened."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.models import ConsentRecord, DataRequest, DataSubject, ExportPackage


@dataclass(frozen=True)
class Part:
    """So many records of one kind, from the oldest to the newest."""

    system: str
    what: str | Promise
    count: int
    oldest: datetime | None
    newest: datetime | None


Counter = Callable[[DataSubject], Iterator[Part]]
_counters: dict[str, Counter] = {}


def register(system: str, counter: Counter) -> None:
    """A system tells what it holds, as far as Ponte knows; called in `ready()`. Asks no partner."""
    _counters[system] = counter


def scope_of(subject: DataSubject) -> list[Part]:
    """What is there, system by system; parts that are empty are left out."""
    return [part for _system, counter in sorted(_counters.items()) for part in counter(subject) if part.count]


def part_of(system: str, what: str | Promise, rows: QuerySet[Any], oldest: str, newest: str = "") -> Part:
    """One query: how many, and the earliest and latest of two columns of time."""
    told = rows.order_by().aggregate(n=Count("pk"), first=Min(oldest), last=Max(newest or oldest))
    return Part(system, what, told["n"], told["first"], told["last"])


def _of_ponte(subject: DataSubject) -> Iterator[Part]:
    system = "Ponte"
    yield part_of(system, _("consents"), ConsentRecord.objects.filter(subject=subject), "created_at")
    yield part_of(system, _("requests"), DataRequest.objects.filter(subject=subject), "received_at")
    yield part_of(system, _("export packages"), ExportPackage.objects.filter(subject=subject), "created_at")


register("ponte", _of_ponte)
