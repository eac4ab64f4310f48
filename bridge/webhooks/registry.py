"""What the web process must know about a connection to judge a delivery, held in memory for a moment.

The intake opens one statement per delivery; reading the connection each time would double that. Two seconds of age are
harmless: a new secret is added while the old one still lives, and `off` loses events anyway.
"""

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from django.db import Error
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from bridge.models import Connection, Partner, WebhookSecret
from bridge.models.connections import secret_context
from bridge.webhooks.intake import on_live_connection
from bridge.webhooks.signing import Secret
from consent.encryption import Actor, Undecryptable, open_system

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


def read(public_id: str) -> Registered | None:
    """Read a connection from PostgreSQL; None when there is none with this path token.

    Raises django.db.Error, and Undecryptable when a secret does not open.
    """
    return next((_registered(row) for row in _rows([public_id])), None)


def read_all(public_ids: Collection[str]) -> dict[str, Registered]:
    """Read connections from PostgreSQL in two statements; one whose secrets do not open is left out.

    Raises django.db.Error.
    """
    found = {}
    for row in _rows(public_ids):
        with suppress(Undecryptable):
            found[row.public_id] = _registered(row)
    return found


def _rows(public_ids: Collection[str]) -> QuerySet[Connection]:
    live = WebhookSecret.objects.filter(Q(retired_at__isnull=True) | Q(retired_at__gt=timezone.now()))
    rows = Connection.objects.using("intake").filter(public_id__in=public_ids)
    rows = rows.only("public_id", "state", "chatwoot_account_id", "all_inboxes", "inbox_ids", "krayin_id")
    return rows.prefetch_related(Prefetch("secrets", live, to_attr="live_secrets"))


def _registered(row: Connection) -> Registered:
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


def _secrets(row: Connection, partner: Partner) -> tuple[Secret, ...]:
    context = secret_context(row.pk, partner)
    actor = Actor.system("intake")
    live: Iterable[WebhookSecret] = row.live_secrets  # type: ignore[attr-defined] # of the prefetch
    return tuple(
        Secret(held.pk, open_system(held.secret, context=context, actor=actor, purpose="system"))
        for held in live
        if held.partner == partner
    )


class Registry:
    """What is in use, read again together every two seconds by one thread; the others go on with what is held.

    An unreachable database serves what was known: the statement will tell the truth.
    """

    def __init__(
        self,
        reader: Callable[[str], Registered | None] = read,
        renewer: Callable[[Collection[str]], Mapping[str, Registered]] = read_all,
        *,
        limit: int = 5000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._renewer, self._limit, self._clock = reader, renewer, limit, clock
        self._lock, self._renewing = threading.Lock(), threading.Lock()
        self._known: dict[str, Registered] = {}
        self._renewed_at = 0.0

    def get(self, public_id: str) -> Registered | None:
        """Return the connection or None. Raises django.db.Error when it is not known here and cannot be read."""
        if not PUBLIC_ID.fullmatch(public_id):
            return None
        if self._known and self._clock() - self._renewed_at >= FRESH_S and self._renewing.acquire(blocking=False):
            try:
                self._renew()
            finally:
                self._renewing.release()
        return self._known.get(public_id) or self._met(public_id)

    def _met(self, public_id: str) -> Registered | None:
        """Read a connection of which this process knows nothing, and remember it."""
        found = on_live_connection(lambda: self._reader(public_id), using="intake")
        # A stranger trying addresses must not push out the connections in use.
        if found is not None:
            with self._lock:
                others = self._known if len(self._known) < self._limit else {}
                self._renewed_at = self._renewed_at if others else self._clock()
                self._known = {**others, public_id: found}
        return found

    def _renew(self) -> None:
        known = self._known
        try:
            current = on_live_connection(lambda: self._renewer(known.keys()), using="intake")
        except Error:
            return
        with self._lock:
            met_meanwhile = {public_id: held for public_id, held in self._known.items() if public_id not in known}
            self._known = {**current, **met_meanwhile}
            self._renewed_at = self._clock()

    def forget(self) -> None:
        """Drop everything, so that the next delivery sees the database."""
        with self._lock:
            self._known, self._renewed_at = {}, 0.0


registry = Registry()
