"""Removing a person from Ponte's own tables. What becomes of a row says the data map; here stands how it is found.

Every model of the map with a field that an erasure removes has a `Reach`, or a test names it: none can be forgotten.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import QuerySet

from consent.datamap import Erasure as Action
from consent.datamap import ModelMap, entries
from consent.holds import assert_removable
from consent.models.access import ExceptionalAccess
from consent.models.consents import ConsentLink
from consent.models.erasures import Erasure, ErasureNode
from consent.models.holds import LegalHold, Minority
from consent.models.subjects import ContactPoint, DataSubject

REMOVING = frozenset({Action.DELETE, Action.NULL, Action.SHRED})
STAFF, LINKS = "R18", "R13"
BATCH = 5000


@dataclass
class Known:
    """What is known of the person while the rows go: who, the nodes with their old numbers, and what apps found."""

    subject: DataSubject
    nodes: tuple[ErasureNode, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)


Rows = Callable[[Known], QuerySet[Any]]


@dataclass(frozen=True)
class Reach:
    """How the person's rows of a model are found. Rows that others refer to have a larger `order`.

    is_record: part of the clinical record, or needed to know whose it is: it stays with who received care.
    is_late: emptied with the rest and removed with the key, because what still arrives must find nobody but the erased.
    """

    label: str
    rows: Rows
    order: int
    is_record: bool = False
    is_late: bool = False


_reaches: dict[str, Reach] = {}
_prepare: dict[str, Callable[[Known], Any]] = {}
_afterwards: dict[str, Callable[[Known], None]] = {}
_elsewhere: set[str] = set()


def register(*reaches: Reach) -> None:
    """Called in `ready()`."""
    _reaches.update({one.label: one for one in reaches})


def prepare_with(name: str, look: Callable[[Known], Any]) -> None:
    """`look` runs before anything goes; what it returns stands in `Known.found[name]`."""
    _prepare[name] = look


def finish_with(name: str, do: Callable[[Known], None]) -> None:
    """`do` runs in the same transaction, after the rows are gone."""
    _afterwards[name] = do


def removed_elsewhere(*labels: str) -> None:
    """Models whose rows something else of the erasure removes."""
    _elsewhere.update(labels)


def ask_all(known: Known) -> Known:
    for name, look in _prepare.items():
        if name not in known.found:
            known.found[name] = look(known)
    return known


def reaches() -> list[Reach]:
    return sorted(_reaches.values(), key=lambda one: (one.order, one.label))


def unreached() -> list[str]:
    """Models that hold what an erasure removes and that nobody says how to find; must be empty."""
    needed = {label for label, told in entries().items() if any(_removed_fields(told))}
    return sorted(needed - _reaches.keys() - _elsewhere)


def _removed_fields(told: ModelMap) -> Iterator[str]:
    for name, entry in told.fields.items():
        if entry.is_personal and entry.category != STAFF and entry.erasure in REMOVING:
            yield name


# Removing -------------------------------------------------------------------------------------------------------------


def remove(known: Known, *, keeps_record: bool, now: datetime) -> dict[str, int]:
    """Remove the rows and, unless the record stays, mark the person erased; counts by model. One transaction.

    Raises HeldBack, with nothing removed.
    """
    counts: dict[str, int] = {}
    with transaction.atomic():
        assert_removable(known.subject)
        ask_all(known)
        for reach in _going(keeps_record):
            counts[reach.label] = _act(reach, known, is_last=False)
        for do in _afterwards.values():
            do(known)
        if not keeps_record:
            DataSubject.objects.filter(pk=known.subject.pk, erased_at=None).update(erased_at=now)
    return {label: count for label, count in counts.items() if count}


def remove_late(known: Known) -> dict[str, int]:
    """Once more everything that arrived since, and the rows that were only emptied; then the pseudonym."""
    with transaction.atomic():
        assert_removable(known.subject)
        ask_all(known)
        counts = {reach.label: _act(reach, known, is_last=True) for reach in reaches()}
        for do in _afterwards.values():
            do(known)
        DataSubject.objects.filter(pk=known.subject.pk).update(pseudonym=None)
    return {label: count for label, count in counts.items() if count}


def left(known: Known, *, keeps_record: bool) -> dict[str, int]:
    """Rows of the person that are still there after `remove`; must be empty."""
    found = {}
    for reach in _going(keeps_record):
        rows = reach.rows(known)
        if reach.is_late or not is_deleted(reach.label):
            rows = _not_empty(rows, reach.label)
        if count := rows.count():
            found[reach.label] = count
    return found


def counts_of(known: Known, *, keeps_record: bool) -> dict[str, int]:
    """How many rows would go, for the preview."""
    ask_all(known)
    found = {reach.label: reach.rows(known).count() for reach in _going(keeps_record)}
    return {label: count for label, count in found.items() if count}


def by_category(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of models as people know them: by category of the retention table, links apart."""
    found: dict[str, int] = {}
    for label, count in counts.items():
        code = _category(entries()[label])
        found[code] = found.get(code, 0) + count
    return found


def _category(told: ModelMap) -> str:
    codes = {entry.category for entry in told.fields.values() if entry.is_personal and entry.category != STAFF}
    return min(codes - {LINKS}, default=LINKS)


def _going(keeps_record: bool) -> list[Reach]:
    return [one for one in reaches() if not (keeps_record and one.is_record)]


def is_deleted(label: str) -> bool:
    """Whether the row goes; else its values are emptied."""
    told = entries()[label]
    return any(entry.erasure == Action.DELETE and entry.category != STAFF for entry in told.fields.values())


def _act(reach: Reach, known: Known, *, is_last: bool) -> int:
    rows = reach.rows(known)
    if not is_deleted(reach.label) or (reach.is_late and not is_last):
        return _empty(rows, reach.label)
    return _delete(rows)


def _delete(rows: QuerySet[Any]) -> int:
    model, count = rows.model, 0
    has_log = _is_logged(model)
    while pks := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        if has_log:
            _forget_log(model, pks)
        deleted, _by_model = model._default_manager.filter(pk__in=pks).delete()
        count += len(pks)
        if not deleted:
            break
    return count


def _empty(rows: QuerySet[Any], label: str) -> int:
    values = _emptied(label)
    return _not_empty(rows, label).update(**values) if values else 0


def _emptied(label: str) -> Mapping[str, Any]:
    """Every value of the row that an erasure takes, and what stands there afterwards."""
    model, told = apps.get_model(label), entries()[label]
    taken = [
        model._meta.get_field(name)
        for name, entry in told.fields.items()
        if entry.is_personal and entry.category != STAFF and entry.erasure in {Action.NULL, Action.SHRED}
    ]
    return {field.attname: _nothing(field) for field in taken}


def _nothing(field: Any) -> Any:
    if field.null:
        return None
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, ArrayField):
        return []
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.BinaryField):
        return b""
    return ""


def _not_empty(rows: QuerySet[Any], label: str) -> QuerySet[Any]:
    wanted = models.Q()
    for name, empty in _emptied(label).items():
        wanted |= models.Q(**{f"{name}__isnull": False}) if empty is None else ~models.Q(**{name: empty})
    return rows.filter(wanted) if wanted else rows.none()


# The admin's own log --------------------------------------------------------------------------------------------------


def _is_logged(model: type[models.Model]) -> bool:
    kind = ContentType.objects.get_for_model(model)
    return LogEntry.objects.filter(content_type=kind).exists()


def _forget_log(model: type[models.Model], pks: Iterable[Any]) -> None:
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.filter(content_type=kind, object_id__in=[str(pk) for pk in pks]).delete()


def forget_log(known: Known) -> None:
    """Entries that name the person's own row."""
    _forget_log(DataSubject, [known.subject.pk])


# What is consent's own ------------------------------------------------------------------------------------------------


def known_of(erasure: Erasure) -> Known:
    return Known(erasure.subject, tuple(erasure.nodes.all()))


def of_subject(model: type[models.Model], *, order: int, is_record: bool = False) -> Reach:
    """Rows with a column `subject`."""
    return Reach(
        model._meta.label, lambda known: model._default_manager.filter(subject=known.subject), order, is_record
    )


def register_own() -> None:
    """Called in `ready()`."""
    register(
        of_subject(ConsentLink, order=70),
        of_subject(Minority, order=70),
        of_subject(ContactPoint, order=70, is_record=True),
        of_subject(ExceptionalAccess, order=70),
        of_subject(LegalHold, order=70),
    )
    # Rows that go by acts of their own: packages by their control, the key last, the pseudonym with it.
    removed_elsewhere(
        "consent.ExportPackage", "consent.ExportLink", "consent.DataKey", "consent.DataSubject", "consent.ErasureNode"
    )
    finish_with("admin_log", forget_log)
