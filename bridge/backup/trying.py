"""The restore test: the newest backup into a database of its own, looked at from all sides, and dropped."""

from datetime import datetime

from bridge.backup import results
from bridge.backup.checking import check_trail
from bridge.backup.making import alone
from bridge.backup.restoring import NAME_LENGTH, check, check_fits, choose, load
from bridge.backup.server import Server, working_on
from bridge.backup.stores import Store, store
from bridge.models import SetupMark


def run(*, now: datetime, wanted: str = "latest") -> dict[str, int]:
    """Try a backup; the result is kept for health, alerts and the first steps. Raises BackupError."""
    with results.noted(results.RESTORE_TEST, now=now) as counts:
        counts.update(try_out(store(), wanted))
    SetupMark.objects.get_or_create(code=SetupMark.Code.RESTORE)
    return counts


def try_out(place: Store, wanted: str) -> dict[str, int]:
    """Restore and check one backup; return what was counted. Raises BackupError; the copy is dropped in any case."""
    server = Server.of_settings()
    # What a killed test left is dropped by the next one.
    copy = f"{server.database[:NAME_LENGTH]}_restore_test"
    with alone(server, "ponte.restore_test"):
        chosen = choose(place, wanted)
        check_fits(server, chosen.data)
        try:
            load(place, chosen, server, copy, like=server.database)
            counts = check(server, copy, chosen)
            with working_on(copy):
                counts["audit_rows"] = check_trail(chosen.data)
        finally:
            server.drop(copy)
    return counts
