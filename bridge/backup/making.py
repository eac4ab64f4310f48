"""Making a backup: two dumps, sealed and measured while they are stored; the manifest comes last, or nothing stays."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import psycopg
from django.utils.translation import gettext as _

from bridge.backup import results
from bridge.backup.errors import AlreadyRunning, BackupError
from bridge.backup.facts import KEYS_SCHEMA, facts_of, measured, one
from bridge.backup.manifest import DATA, KEYS, NAME, Manifest, Part, new_id
from bridge.backup.sealing import Measured, PartKey, newest_key_id
from bridge.backup.server import Server
from bridge.backup.stores import Store, store

LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
LEDGER = "SELECT count(*) FROM erasure_ledger"


def run(*, now: datetime) -> Manifest:
    """Make a backup; the result is kept for health and alerts. Raises BackupError, after the failure is noted."""
    with results.noted(results.BACKUP, now=now) as counts:
        manifest = make(store(), now=now)
        counts.update(bytes=manifest.size, tables=len(manifest.facts.tables))
    return manifest


def make(place: Store, *, now: datetime) -> Manifest:
    """Make one backup. Raises BackupError; then nothing of it is left."""
    newest_key_id()
    server, backup = Server.of_settings(), new_id(now)
    written: list[str] = []
    started = time.monotonic()
    try:
        with alone(server, "ponte.backup"):
            with snapshot(server) as (held, name):
                facts, erasures = facts_of(held), one(held, LEDGER)[0]
                parts = {
                    DATA: put(place, backup, DATA, server.dump(f"--exclude-table-data={KEYS_SCHEMA}.*", name), written)
                }
            # After the data: whoever they name has a key in the keys, unless it was destroyed in between.
            with snapshot(server) as (held, name):
                tables = measured(held, keys=True)
                dumped = server.dump(f"--schema={KEYS_SCHEMA}", "--data-only", name)
                parts[KEYS] = put(place, backup, KEYS, dumped, written)
        finished = now + timedelta(seconds=time.monotonic() - started)
        manifest = Manifest(backup, now.isoformat(), finished.isoformat(), facts, tables, erasures, parts)
        written.append(f"{backup}/{NAME}")
        place.put(f"{backup}/{NAME}", [manifest.as_bytes()])
    except BaseException:
        for name in reversed(written):
            with suppress(BackupError):
                place.remove(name)
        raise
    return manifest


def put(place: Store, backup: str, part: str, chunks: Iterator[bytes], written: list[str]) -> Part:
    """Seal and store one part."""
    key = PartKey.fresh(backup, part)
    stored = Measured(key.seal(chunks))
    written.append(f"{backup}/{part}")
    place.put(f"{backup}/{part}", stored)
    return Part(stored.size, stored.sha256, key.wrapped)


@contextmanager
def alone(server: Server, what: str) -> Iterator[None]:
    """One backup, or one restore test, of a database at a time. Raises AlreadyRunning."""
    with server.connection(server.database) as held:
        if not one(held, LOCK, what)[0]:
            raise AlreadyRunning(_("Another backup or restore test of this database is under way."))
        yield


@contextmanager
def snapshot(server: Server) -> Iterator[tuple[psycopg.Connection, str]]:
    """A transaction that sees one moment, and the option that lets pg_dump see the same."""
    with server.connection(server.database, autocommit=False) as held:
        held.execute(SNAPSHOT)
        yield held, f"--snapshot={one(held, 'SELECT pg_export_snapshot()')[0]}"
