"""Changing the master key: data keys are wrapped anew, what they sealed stays as it is (lgpd 15).

The rows themselves say how far it has come: a run that is killed is simply started again. Every process keeps both keys
in PONTE_MASTER_KEYS meanwhile, so nothing stops.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType
from audit.services import record
from consent.encryption.datakeys import unwrap, wrap
from consent.encryption.tables import DataKey

BATCH = 500
# The ORM's bulk_update takes ten times as long for a million keys.
WRITE = """UPDATE "keys"."data_keys" k SET wrapped = new.wrapped, master_key_id = %s
FROM unnest(%s::uuid[], %s::bytea[]) AS new (id, wrapped) WHERE k.id = new.id
"""


@dataclass(frozen=True)
class Progress:
    """Data keys wrapped anew so far, and how many were to be when it began."""

    done: int
    total: int


def outstanding() -> int:
    """Live data keys that the newest master key does not wrap yet."""
    return to_wrap().count()


def rotate_master_key(*, batch: int = BATCH) -> Iterator[Progress]:
    """Wrap every live data key with the newest master key, a batch a transaction; yields after each.

    Raises KeyMissing or Undecryptable when an old master key is not configured any more: nothing is changed by the
    batch it happens in.
    """
    newest = next(iter(settings.MASTER_KEYS))
    total, done = outstanding(), 0
    record(action="keys.rotate", actor_type=ActorType.SYSTEM, actor_id="rotate_keys", object_id=newest)
    # From key to key: looking each time among all that are done would cost the square of their number.
    after = UUID(int=0)
    while changed := wrap_batch(newest, batch, after):
        after = changed[-1].pk
        done += len(changed)
        yield Progress(done, max(total, done))


@sensitive_variables()
def wrap_batch(master_key_id: str, size: int, after: UUID) -> list[DataKey]:
    """Wrap up to `size` data keys that come `after` a key; rows another run holds are left to it."""
    with transaction.atomic():
        rows = list(to_wrap().filter(pk__gt=after).order_by("pk").select_for_update(skip_locked=True)[:size])
        wrapped = [
            wrap(unwrap(row), master_key_id=master_key_id, kind=row.kind, ref=row.ref, version=row.version)
            for row in rows
        ]
        with connection.cursor() as cursor:
            cursor.execute(WRITE, [master_key_id, [row.pk for row in rows], wrapped])
    return rows


def to_wrap() -> models.QuerySet[DataKey]:
    newest = next(iter(settings.MASTER_KEYS))
    return DataKey.objects.filter(wrapped__isnull=False).exclude(master_key_id=newest)
