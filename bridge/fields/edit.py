"""Change the draft, publish it, go back to an earlier version. Each change leaves its audit rows in the same
transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from bridge.causes import Cause
from bridge.fields import checks, lists
from bridge.fields.mapping import STANDARD, Row, watched
from bridge.fields.plan import APART
from bridge.models import Connection, Effect, FieldRow, FieldVersion, ObservedContact, ObservedValue
from bridge.models.inbound import lane_of
from bridge.sync.lanes import mark_dirty
from consent.models import User

MOST = 50
SAMPLE = 20
CHOSEN = ("chatwoot", "entity", "code", "conversion", "direction", "winner", "category")


class CannotChange(Exception):
    """A person must put something right first."""


class TooManyRows(CannotChange):
    """The draft is full; take a row away first."""


class CannotPublish(CannotChange):
    """The draft is empty, unchanged, or has rows in trouble."""


@dataclass(frozen=True)
class Draft:
    """A row as chosen on the screen."""

    chatwoot: str
    entity: str
    code: str
    conversion: str
    direction: str
    winner: str
    category: str


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """The mapping, to be changed by one person at a time; values of what it names then are kept, of others no more."""
    with transaction.atomic():
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        yield
        _watch(connection)


def _watch(connection: Connection) -> None:
    version = connection.field_version
    names = set(FieldRow.objects.filter(connection=connection).values_list("chatwoot", flat=True))
    published = watched(Row(**stored) for stored in version.rows) if version else set()
    before = set(connection.field_keys)
    connection.field_keys = sorted((names | published) - STANDARD.keys())
    dropped = before - set(connection.field_keys)
    if dropped:
        ObservedValue.objects.filter(connection=connection, key__in=dropped).delete()
    Connection.objects.filter(pk=connection.pk).update(field_keys=connection.field_keys)


def add(connection: Connection, draft: Draft) -> FieldRow:
    """Append a row. Raises TooManyRows."""
    with _locked(connection):
        if FieldRow.objects.filter(connection=connection).count() >= MOST:
            raise TooManyRows
        return FieldRow.objects.create(connection=connection, **vars(draft))


def change(row: FieldRow, draft: Draft) -> None:
    with _locked(row.connection):
        for name, value in vars(draft).items():
            setattr(row, name, value)
        row.save(update_fields=[*vars(draft)])


def remove(row: FieldRow) -> None:
    with _locked(row.connection):
        row.delete()


def publish(connection: Connection, user: User, reason: str) -> FieldVersion:
    """Let the draft act from now on. Raises CannotPublish."""
    with _locked(connection):
        found = checks.lines_of(connection)
        if any(line.is_bad for line in found):
            raise CannotPublish
        return _publish(connection, user, reason, [line.row for line in found])


def restore(version: FieldVersion, user: User, reason: str) -> FieldVersion:
    """Publish an earlier version again, as a new one; it becomes the draft, too."""
    connection = version.connection
    rows = [Row(**stored) for stored in version.rows]
    with _locked(connection):
        for old in FieldRow.objects.filter(connection=connection):
            old.delete()
        for row in rows:
            FieldRow.objects.create(connection=connection, **{name: getattr(row, name) for name in CHOSEN})
        return _publish(connection, user, reason, rows, restored_from=version.number)


def _publish(
    connection: Connection, user: User, reason: str, rows: list[Row], restored_from: int | None = None
) -> FieldVersion:
    last = FieldVersion.objects.filter(connection=connection).order_by("-number").first()
    made = FieldVersion.objects.create(
        connection=connection, number=last.number + 1 if last else 1, rows=[row.stored() for row in rows],
        reason=reason, author=user, restored_from=restored_from,
    )  # fmt: skip
    connection.field_version = made
    connection.save(update_fields=["field_version", "updated_at"])
    lists.mark_gone(connection)
    _try_again(connection)
    return made


def _try_again(connection: Connection) -> None:
    """What an earlier version could not convert is planned anew."""
    refused = Effect.objects.filter(
        connection=connection, state=Effect.State.REJECTED, cause=Cause.MAPPING, object_ref__contains=APART
    )
    lanes = sorted(set(refused.values_list("lane_key", flat=True)))
    refused.update(state=Effect.State.CANCELLED)
    for lane_key in lanes:
        mark_dirty(connection.pk, lane_key)


def is_changed(connection: Connection, found: list[checks.Line]) -> bool:
    """Whether the draft says anything else than the published version."""
    version = connection.field_version
    stored = [{name: row[name] for name in CHOSEN} for row in version.rows] if version else []
    return stored != [{name: getattr(line.draft, name) for name in CHOSEN} for line in found]


def sample(connection: Connection) -> list[ObservedContact]:
    """The contacts of the dry check: those that were active last."""
    rows = ObservedContact.objects.filter(connection=connection, gone_at=None).select_related("subject")
    return list(rows.order_by("-seen_at")[:SAMPLE])


def read_sample(connection: Connection) -> int:
    """Have the contacts of the dry check read again from Chatwoot, one call each; return how many."""
    contacts = sample(connection)
    ObservedContact.objects.filter(pk__in=[row.pk for row in contacts]).update(needs_read=True)
    for row in contacts:
        mark_dirty(connection.pk, lane_of(row.chatwoot_contact_id))
    return len(contacts)
