"""What a person who helps from outside needs to see, in one archive without personal data and without secrets.

Redacted by construction: codes, counts, sizes, times and our own sentences; no names of clinics or people, no addresses
of partners, no bodies, no statements with values. Whatever of the settings' secrets should still turn up is struck out.
"""

import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count
from django.utils.translation import gettext as _

from bridge.health import database, lines, schedule
from bridge.models import Connection, Effect, FailureGroup, SyncJob, WebhookEvent
from config.db.partitions import plan
from consent.queries import integrity

CONTENTS = "CONTENTS.txt"
STRUCK = "•••"
# What may be told of a setting besides whether it is set: numbers, and words of a closed list.
HARMLESS = re.compile(r"\d{1,12}|true|false|yes|no|on|off|auto|system|wheels|debug|info|warning|error|critical", re.I)
SHORTEST_SECRET = 8
# Their values name clinics and connections.
NAMED = frozenset({"oldest_event", "chatwoot_api", "krayin_api", "certificate"})

Piece = Callable[[datetime], object]


def write(path: Path, *, now: datetime) -> list[str]:
    """Write the archive and return the lines of its contents. Raises FileExistsError, OSError."""
    told = [f"{name}: {what}" for name, what, _piece in pieces()]
    with path.open("xb") as file:
        path.chmod(0o600)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(CONTENTS, "\n".join(told) + "\n")
            for name, _what, piece in pieces():
                archive.writestr(name, redacted(json.dumps(looked(piece, now), indent=1, default=str)))
    return told


def pieces() -> Iterator[tuple[str, str, Piece]]:
    """Name, what it holds, and where it comes from."""
    yield "versions.json", _("versions of Python, PostgreSQL, the system and every package"), versions
    yield "settings.json", _("which variables are set; values of numbers and switches only"), variables
    yield "checks.json", _("what the program's own checks say"), own_checks
    yield "migrations.json", _("migrations of this database"), migrations
    yield "health.json", _("the lines of the page Health, without names"), health
    yield "database.json", _("slow statements without values, sizes, unused indexes, connections, locks"), tables
    yield "scheduled.json", _("results of what runs by itself"), scheduled
    yield "partitions.json", _("partitions that are to be made or dropped"), partitions
    yield "connections.json", _("number and state of each connection, without name and address"), connections
    yield "work.json", _("events, steps, jobs and failures, counted by state and cause"), work
    yield "audit.json", _("state of the audit chain"), audit


def looked(piece: Piece, now: datetime) -> object:
    """What a piece tells, or the class of the error that kept it from telling: an archive with a gap still helps."""
    try:
        return piece(now)
    except Exception as error:  # noqa: BLE001 - of a system that is to be helped
        return {"error": type(error).__name__}


def redacted(text: str) -> str:
    for secret in sorted(secrets(), key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    return text


def secrets() -> set[str]:
    """The values of the settings, whole and the passwords inside addresses, as far as they are long enough to be one."""
    found: set[str] = set()
    for name in known_variables():
        value = os.environ.get(name, "")
        if not value or HARMLESS.fullmatch(value):
            continue
        found |= {value, *re.split(r"[,:;]", value)} if "KEY" in name else {value}
        if "://" in value:
            parts = urlsplit(value)
            found |= {part for part in (parts.password, parts.username, parts.hostname) if part}
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}


def known_variables() -> list[str]:
    """Every variable deploy/env.example explains, and what else is set under our name."""
    explained = settings.BASE_DIR / "deploy" / "env.example"
    text = explained.read_text(encoding="utf-8") if explained.exists() else ""
    own = {name for name in os.environ if name.startswith("PONTE_") and not name.endswith("_FILE")}
    return sorted(own | set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.M)))


# The pieces -----------------------------------------------------------------------------------------------------------


def versions(now: datetime) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), current_setting('server_version')")
        server, short = cursor.fetchone()
    packages = {item.metadata["Name"]: item.version for item in metadata.distributions()}
    return {
        "made_at": now, "python": sys.version, "system": platform.platform(), "postgresql": short, "build": server,
        "packages": dict(sorted(packages.items())),
    }  # fmt: skip


def variables(now: datetime) -> object:
    return {name: told_of(os.environ.get(name), os.environ.get(f"{name}_FILE")) for name in known_variables()}


def told_of(value: str | None, file: str | None) -> str:
    if not value:
        return "set by file" if file else "not set"
    return value if HARMLESS.fullmatch(value) else "set"


def own_checks(now: datetime) -> object:
    found = checks.run_checks(databases=[DEFAULT_DB_ALIAS])
    return [{"id": one.id, "level": one.level, "told": one.msg} for one in found]


def migrations(now: datetime) -> object:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


def health(now: datetime) -> object:
    return [
        {"line": one.code, "state": str(one.word), "since": one.since}
        | ({} if one.code in NAMED else {"value": one.value})
        for one in lines.lines(now)
    ]


def tables(now: datetime) -> object:
    return {
        section.code: {"columns": [str(name) for name in section.columns], "rows": section.rows}
        for section in database.report()
    }


def scheduled(now: datetime) -> object:
    return [
        {
            "task": line.task, "last": line.result and line.result.at, "went_well": line.result and line.result.is_ok,
            "problem": line.result and line.result.problem, "counts": line.result and line.result.counts,
            "late": line.is_late, "paused": line.is_paused,
        }
        for line in schedule.lines(now)
    ]  # fmt: skip


def partitions(now: datetime) -> object:
    return [f"{action.kind.value} {action.name}" for action in plan(now)]


def connections(now: datetime) -> object:
    names = ("pk", "state", "preset", "polling_only", "is_example", "created_at", "polled_at", "back_problem")
    return list(Connection.objects.order_by("pk").values(*names))


def work(now: datetime) -> dict[str, Any]:
    def counted(rows: Any, *names: str) -> list[dict[str, Any]]:
        return list(rows.order_by().values(*names).annotate(count=Count("pk")))

    return {
        "events": counted(WebhookEvent.objects, "connection_id", "status"),
        "steps": counted(Effect.objects, "connection_id", "kind", "state"),
        "jobs": counted(SyncJob.objects, "kind", "state"),
        "failures": counted(FailureGroup.objects.filter(done_at=None), "connection_id", "cause"),
    }


def audit(now: datetime) -> object:
    state = integrity.state(now=now)
    return {"sealed_at": state.sealed_at, "delay": state.delay, "findings": len(state.findings or ())}
