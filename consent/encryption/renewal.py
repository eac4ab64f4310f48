"""Giving a person a new data key: every value of the person is sealed again, then the old key is destroyed (lgpd 15).

The key rows say how far it has come: two live versions mean that it has begun. Readers find a version they have not
cached by looking once more; writers may seal with the old version until their cache forgets it, hence the grace before
the old key goes, and the second look at every field.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models, transaction
from django.db.models import Count, F, Func, Max, Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType
from audit.services import record
from consent.encryption import datakeys
from consent.encryption.places import Owner, Place, places
from consent.encryption.sealed import FORMAT, VERSION_BYTES, Sealed, decrypt, encrypt, key_version
from consent.encryption.sealing import subject_owner
from consent.encryption.tables import DataKey

BATCH = 500
# Caches forget after CACHE_TTL_S; a piece of work that began just before may last as long as a lease and more.
GRACE = timedelta(seconds=5 * datakeys.CACHE_TTL_S)


@dataclass(frozen=True)
class Renewed:
    """One person: how many values were sealed again just now, and whether the old key is gone."""

    values: int
    is_finished: bool


class SealedWith(Func):
    """The version of the data key in a stored envelope, as its bytes."""

    template = f"substring(%(expressions)s from {len(FORMAT) + 1} for {VERSION_BYTES})"
    output_field = models.BinaryField()


def people_due(made_before: datetime) -> list[UUID]:
    """People whose newest live key was made before this moment, and those whose renewal has begun; in steady order."""
    live = DataKey.objects.filter(kind=DataKey.Kind.SUBJECT, wrapped__isnull=False)
    grouped = live.values("ref").annotate(newest=Max("created_at"), versions=Count("pk"))
    due = grouped.filter(Q(newest__lt=made_before) | Q(versions__gt=1)).order_by("ref")
    return [UUID(ref) for ref in due.values_list("ref", flat=True)]


def renew(subject: UUID, *, now: datetime | None = None, batch: int = BATCH) -> Renewed:
    """Do what can be done for one person now; call it again after GRACE to finish. A stopped run goes on here.

    Raises Undecryptable, naming model and field, when a value does not open: the old key stays.
    """
    version = begin(subject)
    if version is None:
        return Renewed(0, is_finished=True)
    values = sum(seal_again(place, subject, version, batch) for place in places(Owner.SUBJECT))
    return Renewed(values, is_finished=finish(subject, now=now or timezone.now()))


def begin(subject: UUID) -> int | None:
    """Make the new version unless one is on its way; return it, or None for who has no live key."""
    with transaction.atomic():
        versions = live_versions(subject)
        if len(versions) != 1:
            return max(versions, default=None)
        # Destroyed versions are never used again.
        last = DataKey.objects.filter(kind=DataKey.Kind.SUBJECT, ref=str(subject)).aggregate(v=Max("version"))["v"]
        datakeys.fresh_key(DataKey.Kind.SUBJECT, str(subject), last + 1).save(force_insert=True)
        note("keys.renew", subject, last + 1)
    datakeys.cache.drop(DataKey.Kind.SUBJECT, [str(subject)])
    return int(last) + 1


def live_versions(subject: UUID) -> dict[int, datetime]:
    """Live versions with the time each was made; locked, so that an erasure cannot come between."""
    rows = DataKey.objects.select_for_update().filter(kind=DataKey.Kind.SUBJECT, ref=str(subject))
    return {row.version: row.created_at for row in rows.order_by("version") if row.wrapped is not None}


def seal_again(place: Place, subject: UUID, version: int, batch: int) -> int:
    """Seal a person's values of one field with this version, a batch a transaction; return how many."""
    done = 0
    while changed := seal_batch(place, subject, version, batch):
        done += changed
    return done


@sensitive_variables()
def seal_batch(place: Place, subject: UUID, version: int, size: int) -> int:
    ref, owner = str(subject), subject_owner(subject)
    with transaction.atomic():
        rows: list[Any] = list(behind(place, subject, version).order_by("pk").select_for_update(of=("self",))[:size])
        keys = datakeys.load(DataKey.Kind.SUBJECT, [ref], using="default") if rows else {}
        for row in rows:
            sealed: Sealed = getattr(row, place.field)
            context = place.context_of(row)
            data = decrypt(sealed, key=datakeys.exactly(keys, ref, key_version(sealed)), owner=owner, context=context)
            fresh = datakeys.exactly(keys, ref, version)
            setattr(row, place.field, encrypt(data, key=fresh, version=version, owner=owner, context=context))
        place.model._default_manager.bulk_update(rows, [place.field])
    return len(rows)


def behind(place: Place, subject: UUID, version: int) -> models.QuerySet[Any]:
    """A person's rows whose value another version sealed."""
    rows = place.model._default_manager.filter(**{place.subject: subject, f"{place.field}__isnull": False})
    told: models.QuerySet[Any] = rows.alias(sealed_with=SealedWith(F(place.field)))
    return told.exclude(sealed_with=version.to_bytes(VERSION_BYTES, "big"))


def finish(subject: UUID, *, now: datetime) -> bool:
    """Destroy the old versions once nobody can seal with them any more and nothing is left that they sealed."""
    with transaction.atomic():
        versions = live_versions(subject)
        newest = max(versions, default=None)
        if newest is None or len(versions) == 1:
            return True
        if versions[newest] + GRACE > now or any(
            behind(place, subject, newest).exists() for place in places(Owner.SUBJECT)
        ):
            return False
        old = DataKey.objects.filter(kind=DataKey.Kind.SUBJECT, ref=str(subject), wrapped__isnull=False)
        old.filter(version__lt=newest).update(wrapped=None, destroyed_at=now)
        note("keys.destroy_old", subject, newest)
    datakeys.cache.drop(DataKey.Kind.SUBJECT, [str(subject)])
    return True


def note(action: str, subject: UUID, version: int) -> None:
    """The row of the act, in its transaction."""
    # By name: consent.models needs this package's fields, so it cannot be imported from here.
    person = (
        apps.get_model("consent", "DataSubject").objects.filter(pk=subject).values("clinic_id", "pseudonym").first()
    )
    record(
        action=action,
        actor_type=ActorType.SYSTEM,
        actor_id="rotate_keys",
        clinic_id=person["clinic_id"] if person else None,
        subject=person["pseudonym"] if person else None,
        object_type="consent.DataKey",
        object_id=str(version),
        own_connection=False,
    )
