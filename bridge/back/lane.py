"""What a lane does for this direction before it plans: read what was hinted at, find out once if Chatwoot is ready."""

from datetime import datetime

from bridge.back import setup
from bridge.back.readings import settle_hints
from bridge.models import KrayinHint
from bridge.sync.work import Work


def begin(work: Work) -> datetime | None:
    """Return when the lane has to come back for a hint. Raises the partner errors of `bridge.errors` (Krayin)."""
    held_until = work.claim.krayin_held_until
    if held_until:
        hints = KrayinHint.objects.filter(connection=work.connection, lane_key=work.claim.lane_key)
        return held_until if hints.exists() else None
    was_checked = setup.check_once(work.connection, work.claim)
    was_read, come_back = settle_hints(work)
    if was_checked or was_read:
        work.reload()
    return come_back
