"""Read what was written again from Krayin: the last station of the first conversation (screen A5)."""

from django.utils import timezone

from bridge.connecting.access import krayin_setup
from bridge.models import Connection, Setup, SyncedObject


def read_back(setup: Setup, lane_key: str) -> bool:
    """Ask Krayin for the opportunity and the note of a lane: two calls at most. Raises PartnerError.

    Every object of ours there counts: an opportunity without its note was not wanted with these settings.
    """
    connection = setup.connection
    if connection is None:
        return False
    krayin = krayin_setup(connection)
    leads = _numbers(connection, lane_key, SyncedObject.Kind.LEAD)
    notes = _numbers(connection, lane_key, SyncedObject.Kind.NOTE)
    found = {lead.id for lead in krayin.leads_by_ids(leads)} >= set(leads) if leads else False
    if found and notes:
        found = {note.id for note in krayin.activities_by_ids(notes)} >= set(notes)
    if found:
        setup.read_back_at = timezone.now()
        Setup.objects.filter(pk=setup.pk).update(read_back_at=setup.read_back_at)
    return found


def _numbers(connection: Connection, lane_key: str, kind: SyncedObject.Kind) -> list[int]:
    rows = SyncedObject.objects.filter(connection=connection, lane_key=lane_key, kind=kind, gone_at=None)
    return list(rows.order_by("-pk").values_list("foreign_id", flat=True)[:20])
