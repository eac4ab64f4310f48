"""What verifies deliveries, on this host's disk: a web process that starts without PostgreSQL still knows its senders.

All connections with their live secrets, sealed like a spool file and replaced in one step. Web processes renew it
while they read connections, the drainer while nothing comes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django.db.models import Q
from django.utils import timezone

from bridge.models import Connection, Partner, WebhookSecret
from bridge.models.connections import secret_context
from bridge.spool import folder
from bridge.spool.records import BadHeader, Header, Seal, frames, read_header
from bridge.spool.status import KNOWN
from bridge.webhooks.registry import Registered
from bridge.webhooks.signing import Secret
from bridge.webhooks.wakeups import Afterwards
from consent.encryption import Actor, Undecryptable, open_system

logger = logging.getLogger(__name__)

LOCK = "connections.lock"
RENEW_EVERY_S = 5.0
Entries = list[dict[str, Any]]


class SecretsCache:
    """The file as this process last read it, and when the process last renewed it."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._read_from: tuple[str, int, int] | None = None
        self._renewed = -RENEW_EVERY_S

    def find(self, public_id: str) -> Registered | None:
        """Return a connection as it was when PostgreSQL last answered on this host, or None."""
        path = folder.directory() / KNOWN
        try:
            state = path.stat()
            marks = (str(path), state.st_ino, state.st_mtime_ns)
            if marks != self._read_from:
                self._known = {entry["public_id"]: entry for entry in load(path)["connections"]}
                self._read_from = marks
        except FileNotFoundError:
            return None
        except (OSError, BadHeader, Undecryptable, ValueError, KeyError) as error:
            logger.error("spool: known connections cannot be read: %s", type(error).__name__)
            return None
        entry = self._known.get(public_id)
        return _registered(entry, timezone.now()) if entry else None

    def note_use(self) -> None:
        """A connection was asked for: renew the file soon, outside the request. Never blocks, never raises."""
        now = time.monotonic()
        if now - self._renewed >= RENEW_EVERY_S:
            self._renewed = now
            renewals.put(1)


def renew_quietly(_: set[int]) -> None:
    """Renew the file; it can wait, whatever the reason."""
    try:
        renew()
    except (Error, Undecryptable, OSError) as error:
        logger.warning("spool: known connections not renewed: %s", type(error).__name__)
    finally:
        # The thread rests for seconds; it need not hold a connection meanwhile.
        connections["intake"].close()


renewals = Afterwards("known connections", renew_quietly)
secrets_cache = SecretsCache()


def keep_fresh(stop: threading.Event) -> None:
    """Renew the file every few seconds until told to stop."""
    while not stop.wait(RENEW_EVERY_S):
        renew_quietly(set())


def renew(*, using: str = "intake") -> bool:
    """Write the file if the connections differ from it; True when it was written.

    One process at a time reads and writes, so that an older reading never replaces a newer one. Raises django.db.Error,
    Undecryptable, OSError.
    """
    spool = folder.directory()
    folder.make(spool)
    with folder.only_one(spool / LOCK) as is_mine:
        if not is_mine:
            return False
        rows, secrets = _rows(using)
        digest = _digest(rows, secrets)
        if _is_current(spool / KNOWN, digest):
            return False
        _write(spool / KNOWN, {"digest": digest, "connections": _entries(rows, secrets)})
        return True


def load(path: Path) -> dict[str, Any]:
    """Open the file. Raises OSError, BadHeader, Undecryptable, ValueError."""
    _, content = _opened(path)
    return content


def _opened(path: Path) -> tuple[Header, dict[str, Any]]:
    with path.open("rb") as file:
        header, start = read_header(file)
        record = next(frames(file, start), None)
        if record is None:
            raise BadHeader("the file holds no record")
        content: dict[str, Any] = json.loads(Seal.of(header).open(record))
        return header, content


def _write(path: Path, content: dict[str, Any]) -> None:
    seal, now_ms = Seal.fresh(), time.time_ns() // 1_000_000
    record = seal.record(json.dumps(content).encode(), number=0, now_ms=now_ms)
    folder.put(path, seal.beginning(now_ms) + record)
    logger.info("spool: known connections written: %s", len(content["connections"]))


def _is_current(path: Path, digest: str) -> bool:
    """Tell whether the file says the same already, under the newest master key."""
    try:
        header, content = _opened(path)
    except (OSError, BadHeader, Undecryptable, ValueError):
        return False
    return content.get("digest") == digest and header.master_key_id == next(iter(settings.MASTER_KEYS))


# Reading --------------------------------------------------------------------------------------------------------------


def _rows(using: str) -> tuple[list[Connection], list[WebhookSecret]]:
    """Every connection and its live secrets: two statements."""
    live = Q(retired_at__isnull=True) | Q(retired_at__gt=timezone.now())
    secrets = WebhookSecret.objects.using(using).filter(live).order_by("pk")
    return list(Connection.objects.using(using).order_by("pk")), list(secrets)


def _digest(rows: list[Connection], secrets: list[WebhookSecret]) -> str:
    """What distinguishes two states, without opening a secret."""
    seen = [
        [row.pk, row.public_id, row.state, row.chatwoot_account_id, row.all_inboxes, row.inbox_ids, row.krayin_id]
        for row in rows
    ]
    kept = [[row.pk, row.secret.as_base64(), row.partner, row.connection_id, str(row.retired_at)] for row in secrets]
    return hashlib.sha256(json.dumps([seen, kept]).encode()).hexdigest()


def _entries(rows: list[Connection], secrets: list[WebhookSecret]) -> Entries:
    opened: dict[int, list[dict[str, Any]]] = {}
    actor = Actor.system("intake")
    for row in secrets:
        context = secret_context(row.connection_id, row.partner)
        value = open_system(row.secret, context=context, actor=actor, purpose="system")
        opened.setdefault(row.connection_id, []).append(
            {
                "id": row.pk,
                "partner": row.partner,
                "value": b64encode(value).decode(),
                "retired_at": row.retired_at.isoformat() if row.retired_at else None,
            }
        )
    return [
        {
            "public_id": row.public_id,
            "id": row.pk,
            "state": row.state,
            "account_id": row.chatwoot_account_id,
            "all_inboxes": row.all_inboxes,
            "inbox_ids": row.inbox_ids,
            "krayin_id": row.krayin_id,
            "secrets": opened.get(row.pk, []),
        }
        for row in rows
    ]


def _registered(entry: dict[str, Any], now: datetime) -> Registered:
    live = [s for s in entry["secrets"] if not s["retired_at"] or datetime.fromisoformat(s["retired_at"]) > now]
    of = {
        partner: tuple(Secret(s["id"], b64decode(s["value"])) for s in live if s["partner"] == partner.value)
        for partner in Partner
    }
    return Registered(
        id=entry["id"],
        state=entry["state"],
        account_id=entry["account_id"],
        all_inboxes=entry["all_inboxes"],
        inbox_ids=frozenset(entry["inbox_ids"]),
        chatwoot_secrets=of[Partner.CHATWOOT],
        krayin_secrets=of[Partner.KRAYIN],
        krayin_id=entry["krayin_id"],
    )
