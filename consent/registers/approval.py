"""What differs between the register as approved and as it would have to read now, and the approval of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db import transaction

from audit.models import ActorType
from audit.services import record
from consent.datamap import Processing
from consent.models import Clinic, OperationVersion, User
from consent.registers.operations import Generated, generate


class ChangedMeanwhile(Exception):
    """The operation is no longer what was shown: nothing is approved; look again."""


class Kind(Enum):
    NEW = auto()  # never approved
    CHANGED = auto()
    ENDED = auto()  # switched off, or gone from the code
    RESUMED = auto()


@dataclass(frozen=True)
class Change:
    """One line of the content: which codes came, which went. For what is no list, the old and the new value."""

    name: str
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class Difference:
    """What the DPO is asked about. `digest` stands for exactly this answer."""

    operation: Processing
    kind: Kind
    now: Generated
    changes: list[Change]

    @property
    def digest(self) -> str:
        return self.now.digest


def newest(clinic: Clinic) -> dict[Processing, OperationVersion]:
    """The version in force of each operation, those that ended included."""
    rows = OperationVersion.objects.filter(clinic=clinic).select_related("approved_by")
    rows = rows.order_by("operation", "-number").distinct("operation")
    return {Processing(row.operation): row for row in rows}


def differences(
    approved: Mapping[Processing, OperationVersion], now: Mapping[Processing, Generated]
) -> list[Difference]:
    """What waits for approval, in the order of the operations. What is not in use and never was is no matter."""
    found = []
    for operation in Processing:
        row, generated = approved.get(operation), now.get(operation)
        if generated is None and row is not None and row.is_in_use:
            generated = Generated(operation, is_in_use=False, content=row.content)
        if generated is not None and (one := _difference(row, generated)):
            found.append(one)
    return found


def _difference(row: OperationVersion | None, now: Generated) -> Difference | None:
    if row is None:
        return Difference(now.operation, Kind.NEW, now, []) if now.is_in_use else None
    if row.digest == now.digest or not (row.is_in_use or now.is_in_use):
        return None
    kind = Kind.CHANGED if row.is_in_use == now.is_in_use else Kind.RESUMED if now.is_in_use else Kind.ENDED
    return Difference(now.operation, kind, now, changes(row.content, now.content))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What came and what went, line by line, in the order of the content."""
    names = [*after, *(name for name in before if name not in after)]
    told = [(name, _codes(before.get(name)), _codes(after.get(name))) for name in names]
    return [
        Change(name, [one for one in new if one not in old], [one for one in old if one not in new])
        for name, old, new in told
        if old != new
    ]


def _codes(value: Any) -> list[str]:
    if isinstance(value, list):
        return value
    return [] if value in (None, "") else [str(value)]


@dataclass(frozen=True)
class Completion:
    """What only people know of an operation: fields VIII and the complete model's risk and volume."""

    notes: str = ""
    risk: str = ""
    volume: str = ""


def approve(clinic: Clinic, shown: Mapping[Processing, str], *, by: User, now: datetime) -> list[OperationVersion]:
    """Approve differences; `shown` says by digest what the person saw. All or none.

    Raises ChangedMeanwhile when one of them is not (or no longer) the difference of that operation.
    """
    with transaction.atomic():
        held = Clinic.objects.select_for_update().get(pk=clinic.pk)
        approved = newest(held)
        waiting = {one.operation: one for one in differences(approved, generate(held))}
        if any(operation not in waiting or waiting[operation].digest != seen for operation, seen in shown.items()):
            raise ChangedMeanwhile
        return [
            _write(held, waiting[operation].now, approved.get(operation), _kept(approved.get(operation)), by, now)
            for operation in shown
        ]


def complete(
    clinic: Clinic, operation: Processing, said: Completion, *, seen: int, by: User, now: datetime
) -> OperationVersion:
    """Write notes, risk and volume of an approved operation as its next version; nothing else changes.

    seen: number of the version that was shown. Raises ChangedMeanwhile when another came, KeyError without any.
    """
    with transaction.atomic():
        held = Clinic.objects.select_for_update().get(pk=clinic.pk)
        row = newest(held)[operation]
        if row.number != seen:
            raise ChangedMeanwhile
        if said == _kept(row):
            return row
        return _write(held, Generated(operation, row.is_in_use, row.content), row, said, by, now)


def _kept(row: OperationVersion | None) -> Completion:
    return Completion(row.notes, row.risk, row.volume) if row else Completion()


def _write(
    clinic: Clinic, what: Generated, before: OperationVersion | None, said: Completion, by: User, now: datetime
) -> OperationVersion:
    row = OperationVersion.objects.create(
        clinic=clinic,
        operation=what.operation,
        number=before.number + 1 if before else 1,
        is_in_use=what.is_in_use,
        content=dict(what.content),
        digest=what.digest,
        notes=said.notes,
        risk=said.risk,
        volume=said.volume,
        valid_from=now,
        approved_by=by,
    )
    record(
        action="register.approve",
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=clinic.pk,
        object_type=OperationVersion._meta.label,
        object_id=str(row.pk),
        fields=[change.name for change in changes(before.content, what.content)] if before else ["operation"],
        own_connection=False,
    )
    return row
