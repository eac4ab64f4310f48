"""Changing the master key: data keys are wrapped anew, what they sealed stays as it is (lgpd 15).

The rows themselves say how far it has come: a run that is killed is simply started again. Every process keeps both keys
in PONTE_MASTER_KEYS meanwhile, so nothing stops.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import models, transaction
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType
from audit.services import record
from consent.encryption.datakeys import unwrap, wrap
from consent.encryption.tables import DataKey

BATCH = 500


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
    while changed := wrap_batch(newest, batch):
        done += changed
        yield Progress(done, max(total, done))


@sensitive_variables()
def wrap_batch(master_key_id: str, size: int) -> int:
    """Wrap up to `size` data keys; rows another run holds are left to it."""
    with transaction.atomic():
        rows = list(to_wrap().order_by("pk").select_for_update(skip_locked=True)[:size])
        for row in rows:
            key = unwrap(row)
            row.wrapped = wrap(key, master_key_id=master_key_id, kind=row.kind, ref=row.ref, version=row.version)
            row.master_key_id = master_key_id
        DataKey.objects.bulk_update(rows, ["wrapped", "master_key_id"])
    return len(rows)


def to_wrap() -> models.QuerySet[DataKey]:
    newest = next(iter(settings.MASTER_KEYS))
    return DataKey.objects.filter(wrapped__isnull=False).exclude(master_key_id=newest)
