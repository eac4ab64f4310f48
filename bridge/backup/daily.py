"""What the scheduler does about backups; nothing where none are set up."""

import logging
from datetime import datetime

from django.conf import settings

from bridge.backup import making, trying
from bridge.backup.errors import BackupError
from bridge.backup.keeping import expire
from bridge.backup.stores import store

log = logging.getLogger(__name__)


def backup(now: datetime) -> dict[str, int]:
    """Make a backup and remove what has reached its time. Raises BackupError when none was made."""
    if not settings.BACKUP_TO:
        return {"off": 1}
    try:
        made = making.run(now=now)
    except BackupError as error:
        log.error("ALERT backup: none was made: %s", error.code)
        raise
    return {"bytes": made.size, **expire(store(), now)}


def test_restore(now: datetime) -> dict[str, int]:
    """Try the newest backup. Raises BackupError when it is not one that could be used."""
    if not settings.BACKUP_TO:
        return {"off": 1}
    try:
        return trying.run(now=now)
    except BackupError as error:
        log.error("ALERT backup: the restore test failed: %s", error.code)
        raise
