"""What can go wrong with backups, named for what the technical administrator must do.

The text says what happened and how to go on, and holds no secret and no value of a row; `code` is for results and audit.
"""

from typing import ClassVar


class BackupError(Exception):
    """Base of all errors of this package."""

    code: ClassVar[str] = "failed"


class NotSetUp(BackupError):
    """PONTE_BACKUP_TO or PONTE_BACKUP_KEYS is missing: set it."""

    code = "not_set_up"


class NoBackup(BackupError):
    """The store holds no such backup, or none at all: look at the place, or make one."""

    code = "no_backup"


class StoreUnusable(BackupError):
    """The folder or the store took or gave nothing: full, refused, away. Nothing half-written can be seen there."""

    code = "store_unusable"


class Damaged(BackupError):
    """What the store gave is not what was written: use another backup, and find out who touched this one."""

    code = "damaged"


class KeyUnknown(BackupError):
    """The backup was sealed with a key that PONTE_BACKUP_KEYS does not hold: add it again."""

    code = "key_unknown"


class ProgramMissing(BackupError):
    """No pg_dump or pg_restore that is new enough for the server: install the client programs."""

    code = "program_missing"


class ProgramFailed(BackupError):
    """pg_dump or pg_restore ended with an error, which is quoted."""

    code = "program_failed"


class ServerRefused(BackupError):
    """PostgreSQL is away, or its role lacks a right."""

    code = "server_refused"


class TargetRefused(BackupError):
    """The database that is to be restored is not fit for it: not empty, another role, an older Ponte."""

    code = "target_refused"


class NotTheSame(BackupError):
    """What was restored differs from what was dumped, or does not open: it must not serve anybody."""

    code = "not_the_same"


class AlreadyRunning(BackupError):
    """Another backup or restore test of this database is under way: wait for it."""

    code = "already_running"
