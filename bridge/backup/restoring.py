"""Restoring a backup: verified whole, loaded beside the database, checked, erasures replayed, and only then in its place.

Until the last step nobody is served from it: it has another name. What had the name before keeps living under a third
one, until people drop it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _
from psycopg import sql

from bridge.backup import results
from bridge.backup.checking import check_opens, check_same
from bridge.backup.errors import Damaged, TargetRefused
from bridge.backup.facts import one
from bridge.backup.keeping import LATEST, manifest_of, named, with_keys
from bridge.backup.manifest import DATA, ID, KEYS, Manifest
from bridge.backup.sealing import Measured, PartKey
from bridge.backup.server import Server, working_on
from bridge.backup.stores import Store
from bridge.models import Krayin
from config.db.partitions import apply, plan
from consent.erasure import ledger
from consent.erasure.replaying import replay

Say = Callable[[str], None]
NAME_LENGTH = 40
MARK = "ponte: restored, not finished: "


@dataclass(frozen=True)
class Chosen:
    """A dump, and the data keys it is read with: the newest, which know everybody but the erased."""

    data: Manifest
    keys: Manifest


@dataclass(frozen=True)
class Names:
    """The database, the one that is being prepared, and what the old one is called afterwards."""

    target: str
    fresh: str
    aside: str

    @classmethod
    def of(cls, target: str, now: datetime) -> "Names":
        short = target[:NAME_LENGTH]
        return cls(target, f"{short}_restoring", f"{short}_before_{now:%Y%m%d%H%M%S}")


# Before anything is touched -------------------------------------------------------------------------------------------


def choose(place: Store, wanted: str = LATEST, keys: str = LATEST) -> Chosen:
    """Read both manifests. Raises NoBackup, Damaged, KeyUnknown, StoreUnusable."""
    data = manifest_of(place, named(place, wanted).id)
    holder = with_keys(place, keys).id
    return Chosen(data, data if holder == data.id else manifest_of(place, holder))


def verify(place: Store, chosen: Chosen) -> int:
    """Read every byte once, to nowhere; return how many. Raises Damaged, KeyUnknown, StoreUnusable."""
    return sum(
        len(chunk)
        for manifest, part in ((chosen.data, DATA), (chosen.keys, KEYS))
        for chunk in stream(place, manifest, part)
    )


def stream(place: Store, manifest: Manifest, part: str) -> Iterator[bytes]:
    """What pg_dump wrote. Raises Damaged at the first byte that differs, at the latest at the end."""
    held = manifest.parts[part]
    stored = Measured(place.get(f"{manifest.id}/{part}"))
    yield from PartKey.unwrapped(manifest.id, part, held.key).open(stored)
    if (stored.size, stored.sha256) != (held.size, held.sha256):
        raise Damaged(_("Part “%(part)s” of the backup is not the one its manifest names.") % {"part": part})


def check_fits(server: Server, manifest: Manifest) -> None:
    """Role, version and this Ponte can take the dump. Raises TargetRefused."""
    with server.connection("postgres") as held:
        role, version = one(held, "SELECT current_user, current_setting('server_version_num')::int / 10000")
    if role != manifest.facts.role:
        raise TargetRefused(
            _("The backup belongs to the role “%(role)s”: rights are part of it. Name that role in DATABASE_URL.")
            % {"role": manifest.facts.role}
        )
    if version < int(manifest.facts.server.split(".")[0]):
        raise TargetRefused(
            _("The backup comes from PostgreSQL %(version)s; this server is older.")
            % {"version": manifest.facts.server}
        )
    shipped = MigrationLoader(None).disk_migrations
    # A squashed migration stands for those it replaces.
    known = {f"{app}.{name}" for key, one in shipped.items() for app, name in (key, *one.replaces)}
    if unknown := [name for name in manifest.facts.migrations if name not in known]:
        raise TargetRefused(
            _("The backup was made by a newer Ponte (%(migration)s): install that version first.")
            % {"migration": unknown[-1]}
        )


def check_target(server: Server, names: Names, *, may_replace: bool) -> None:
    """The database is missing, empty, or may be put aside. Raises TargetRefused."""
    if not may_replace and server.exists(names.target) and not server.is_empty(names.target):
        raise TargetRefused(
            _(
                "The database “%(name)s” is not empty. With --replace it is kept as “%(aside)s”, and the backup takes "
                "its place."
            )
            % {"name": names.target, "aside": names.aside}
        )


def check_ledger(manifest: Manifest) -> None:
    """The ledger of erasures outside the database is at least as long as the dump knew it. Raises TargetRefused."""
    lines = sum(1 for _line in ledger.outside())
    if lines < manifest.erasures:
        raise TargetRefused(
            _(
                "The backup knows %(known)s lines of the erasure ledger, the places of PONTE_AUDIT_CHECKPOINTS hold "
                "%(found)s: bring the file erasure-ledger.jsonl back first, or erased people would return."
            )
            % {"known": manifest.erasures, "found": lines}
        )


# The copy -------------------------------------------------------------------------------------------------------------


def load(place: Store, chosen: Chosen, server: Server, database: str, *, like: str) -> None:
    """Make a database and fill it. On any error it is gone again."""
    server.drop(database)
    server.create(database, like)
    try:
        server.load(database, stream(place, chosen.data, DATA))
        # Its triggers call functions of the dump, so the keys come second.
        server.load(database, stream(place, chosen.keys, KEYS), "--data-only")
    except BaseException:
        server.drop(database)
        raise


def check(server: Server, database: str, chosen: Chosen) -> dict[str, int]:
    """The copy is the same and opens. Raises NotTheSame."""
    tables = check_same(server, database, chosen.data, chosen.keys.key_tables)
    with working_on(database):
        return {"tables": tables, "values": check_opens()}


# The whole way --------------------------------------------------------------------------------------------------------


def prepare(place: Store, chosen: Chosen, server: Server, names: Names, say: Say) -> None:
    """Load and check the copy under its own name; it waits for `finish`. On any error it is gone again."""
    load(place, chosen, server, names.fresh, like=names.target)
    try:
        found = check(server, names.fresh, chosen)
    except BaseException:
        server.drop(names.fresh)
        raise
    mark(server, names.fresh, f"{MARK}{chosen.data.id}")
    say(_("%(tables)s tables are as they were dumped; %(values)s encrypted values were opened as a sample.") % found)


def finish(server: Server, names: Names, say: Say, *, now: datetime) -> None:
    """Bring the copy up to date, replay the erasures, and give it its place. Can be repeated until it succeeds.

    Raises TargetRefused when nothing was prepared; whatever the replay raises leaves everything as it was.
    """
    backup = prepared(server, names.fresh)
    with working_on(names.fresh):
        call_command("migrate", interactive=False, verbosity=0)
        apply(plan(now))
        # What we made in Krayin after the dump is forgotten: every create looks before it writes (DESIGN section 8).
        Krayin.objects.update(restored_at=now)
        say(_("%(erasures)s erasures were replayed, %(people)s people were erased again.") % replay(now=now))
        results.told("backup.restore", backup=backup)
        connection.close()
    had_nothing = server.exists(names.target) and server.is_empty(names.target)
    server.take_place(names.fresh, names.target, names.aside)
    mark(server, names.target, "")
    if had_nothing:
        server.drop(names.aside)


def mark(server: Server, database: str, text: str) -> None:
    with server.connection("postgres") as held:
        words = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(text))
        held.execute(words)


def prepared(server: Server, database: str) -> str:
    """The id of the backup whose checked copy waits under this name. Raises TargetRefused."""
    with server.connection("postgres") as held:
        found = held.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
        ).fetchone()
    told = str(found[0] or "") if found else ""
    backup = told.removeprefix(MARK)
    if not told.startswith(MARK) or not ID.fullmatch(backup):
        raise TargetRefused(_("No restored copy waits to be finished. Run restore without --finish."))
    return backup
