"""Is a restored copy the same, and does it open? Works on the database that Django's connections point to."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from audit.models import Segment
from audit.verifying import Kind, check
from bridge.backup.errors import NotTheSame
from bridge.backup.facts import Table, differences, measured
from bridge.backup.manifest import Manifest
from bridge.backup.server import Server
from consent.encryption import KeyMissing, Sealed, Undecryptable, datakeys, keycheck
from consent.encryption.places import Owner, Place, places
from consent.encryption.sealed import decrypt, key_version
from consent.encryption.sealing import SYSTEM_OWNER, day_owner, subject_owner
from consent.encryption.tables import DataKey

# Of each encrypted field.
VALUES = 20
TOLD = 5
# A copy stands still: places outside have gone on since, and rows that waited for the sealer wait for ever.
EXPECTED = (Kind.CUT, Kind.LATE)


def check_same(server: Server, database: str, manifest: Manifest, keys: Mapping[str, Table]) -> int:
    """Rows and sums of every table are those of the dump; return how many tables. Raises NotTheSame."""
    with server.connection(database, autocommit=False) as held:
        found = measured(held, keys=False) | measured(held, keys=True)
    expected = {**manifest.facts.tables, **keys}
    wrong = differences(expected, found)
    if wrong:
        told = ", ".join(wrong[:TOLD])
        raise NotTheSame(_("What was restored is not what was dumped: %(tables)s.") % {"tables": told})
    return len(expected)


def check_opens() -> int:
    """The configured keys fit, and values of every encrypted field open; return how many did. Raises NotTheSame.

    Values whose data key was destroyed stay closed, as they should.
    """
    wrong = keycheck.problems()
    if wrong:
        raise NotTheSame(_("The configured keys do not fit the backup: %(problem)s") % {"problem": wrong[0]})
    opened, broken = 0, []
    for place in places():
        try:
            opened += sum(opens(place, row) for row in newest(place))
        except Undecryptable:
            broken.append(place.label)
    if broken:
        fields = ", ".join(broken[:TOLD])
        raise NotTheSame(_("Restored values do not open with the restored keys: %(fields)s.") % {"fields": fields})
    return opened


def newest(place: Place) -> models.QuerySet[Any]:
    rows = place.model._base_manager.filter(**{f"{place.field}__isnull": False}).order_by("-pk")
    if place.owner is Owner.SUBJECT:
        rows = rows.annotate(owned_by=models.F(place.subject))
    return rows[:VALUES]


@sensitive_variables()
def opens(place: Place, row: Any) -> bool:
    """Whether the value of a row opens; False when its key was destroyed. Nobody is shown it. Raises Undecryptable."""
    sealed: Sealed = getattr(row, place.field)
    kind, ref, owner = key_of(place, row, sealed)
    version = key_version(sealed)
    try:
        # Past the cache, which may hold keys of another database.
        key = datakeys.exactly(datakeys.load(kind, [ref], using="default"), ref, version)
    except KeyMissing:
        if DataKey.objects.filter(kind=kind, ref=ref, version=version, wrapped=None).exists():
            return False
        raise
    decrypt(sealed, key=key, owner=owner, context=place.context_of(row))
    return True


def key_of(place: Place, row: Any, sealed: Sealed) -> tuple[DataKey.Kind, str, str]:
    """Kind and reference of the data key, and the owner it stands for in the associated data."""
    if place.owner is Owner.SYSTEM:
        return DataKey.Kind.SYSTEM, datakeys.SYSTEM_REF, SYSTEM_OWNER
    if place.owner is Owner.SUBJECT:
        return DataKey.Kind.SUBJECT, str(row.owned_by), subject_owner(row.owned_by)
    version = key_version(sealed)
    day = date.fromordinal(version).isoformat() if 0 < version <= date.max.toordinal() else ""
    return DataKey.Kind.DAY, day, day_owner(day)


def check_trail(manifest: Manifest) -> int:
    """The audit chain runs to the segment it had when the dump was taken; return the rows read. Raises NotTheSame."""
    last = Segment.objects.order_by("-number").first()
    found = [finding for finding in check(full=False, processes=1).findings if finding.kind not in EXPECTED]
    if found or (last.number if last else 0) != manifest.facts.segment:
        told = ", ".join(f"{finding.kind}: {finding.where}" for finding in found[:TOLD])
        raise NotTheSame(_("The audit trail of the copy is not whole: %(findings)s") % {"findings": told})
    return manifest.facts.position
