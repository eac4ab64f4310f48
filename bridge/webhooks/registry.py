"""What the web process must know about a connection to judge a delivery, held in memory for a moment.

The intake opens one statement per delivery; reading the connection each time would double that. Two seconds of age are
harmless: a new secret is added while the old one still lives, and `off` loses events anyway.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error
from django.db.models import Q
from django.utils import timezone

from bridge.models import Connection, Partner, WebhookSecret
from bridge.webhooks.intake import on_live_connection
from bridge.webhooks.signing import Secret
from consent.encryption import Actor, Context, open_system

FRESH_S = 2.0
PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Registered:
    """A connection as the intake sees it."""

    id: int
    state: str
    account_id: int
    all_inboxes: bool
    inbox_ids: frozenset[int]
    chatwoot_secrets: tuple[Secret, ...]
    krayin_secrets: tuple[Secret, ...]
    krayin_id: int

    def serves_inbox(self, inbox_id: int | None) -> bool:
        return self.all_inboxes or inbox_id is None or inbox_id in self.inbox_ids


def secret_context(connection_id: int, partner: str) -> Context:
    """Associated data of a stored webhook secret."""
    return Context("bridge.WebhookSecret", "secret", f"{connection_id}/{partner}")


def _secrets(connection: Connection, partner: Partner) -> tuple[Secret, ...]:
    live = WebhookSecret.objects.using("intake").filter(connection=connection, partner=partner)
    live = live.filter(Q(retired_at__isnull=True) | Q(retired_at__gt=timezone.now()))
    context = secret_context(connection.pk, partner)
    actor = Actor.system("intake")
    return tuple(
        Secret(row.pk, open_system(row.secret, context=context, actor=actor, purpose="system")) for row in live
    )


def read(public_id: str) -> Registered | None:
    """Read a connection from PostgreSQL; None when there is none with this path token.

    Raises django.db.Error, and Undecryptable when a secret does not open.
    """
    row = Connection.objects.using("intake").filter(public_id=public_id).first()
    if row is None:
        return None
    return Registered(
        id=row.pk,
        state=row.state,
        account_id=row.chatwoot_account_id,
        all_inboxes=row.all_inboxes,
        inbox_ids=frozenset(row.inbox_ids),
        chatwoot_secrets=_secrets(row, Partner.CHATWOOT),
        krayin_secrets=_secrets(row, Partner.KRAYIN),
        krayin_id=row.krayin_id,
    )


class Registry:
    """Bounded cache of `read`. An unreachable database serves what was known: the statement will tell the truth."""

    def __init__(
        self,
        reader: Callable[[str], Registered | None] = read,
        *,
        limit: int = 5000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._limit, self._clock = reader, limit, clock
        self._known: dict[str, tuple[float, Registered]] = {}
        self._lock = threading.Lock()

    def get(self, public_id: str) -> Registered | None:
        """Return the connection or None. Raises django.db.Error when it is not known here and cannot be read."""
        if not PUBLIC_ID.fullmatch(public_id):
            return None
        held_at, held = self._known.get(public_id, (0.0, None))
        if held and self._clock() - held_at < FRESH_S:
            return held
        return self._renewed(public_id, held)

    def _renewed(self, public_id: str, held: Registered | None) -> Registered | None:
        now = self._clock()
        try:
            current = on_live_connection(lambda: self._reader(public_id), using="intake")
        except Error:
            if held is None:
                raise
            return held
        with self._lock:
            if current is None:
                # Not remembered: a stranger trying addresses must not push out the connections in use.
                self._known.pop(public_id, None)
                return None
            if len(self._known) >= self._limit:
                self._known.clear()
            self._known[public_id] = (now, current)
        return current

    def forget(self) -> None:
        """Drop everything, so that the next delivery sees the database."""
        with self._lock:
            self._known.clear()


registry = Registry()
