"""Clients of a connection, with the pace and tokens that all processes share through PostgreSQL (DESIGN section 7)."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from django.db import connection as db
from django.db.models.expressions import RawSQL
from django.utils import timezone

from bridge.clients.base import CallRecord, Priority, build_session
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from bridge.errors import CredentialsRefused, Paced, PartnerMisconfigured
from bridge.models import CallBudget, Connection, KrayinUser, Partner
from consent.encryption import Actor, Context, Sealed, open_system, seal_system

LOGIN_LEASE = timedelta(seconds=30)
LOGIN_RETRY = timedelta(seconds=2)
# Calls that must be left for more urgent work: stage > person and lead > notes > import (DESIGN section 7).
RESERVED = {Priority.STAGE: 0, Priority.RECORD: 1, Priority.NOTE: 2, Priority.BACKGROUND: 5}

TAKE = """
UPDATE call_budgets
SET tokens = least(capacity, tokens + extract(epoch FROM clock_timestamp() - at) * refill_per_minute / 60.0) - %(n)s,
    at = clock_timestamp()
WHERE id = %(id)s AND blocked_until <= clock_timestamp()
  AND least(capacity, tokens + extract(epoch FROM clock_timestamp() - at) * refill_per_minute / 60.0)
      >= %(n)s + %(reserved)s
RETURNING tokens
"""
WHEN = """
SELECT greatest(blocked_until, clock_timestamp() + make_interval(secs => greatest(0.05,
  (%(n)s + %(reserved)s - least(capacity, tokens + extract(epoch FROM clock_timestamp() - at) * refill_per_minute / 60.0))
  * 60.0 / refill_per_minute)))
FROM call_budgets WHERE id = %(id)s
"""
LEARN = """
UPDATE call_budgets SET tokens = least(tokens, %(left)s),
  blocked_until = CASE WHEN %(left)s = 0 THEN clock_timestamp() + interval '60 s' ELSE blocked_until END
WHERE id = %(id)s AND (tokens > %(left)s OR %(left)s = 0)
"""

# The row holds the tokens of its last call; an unused user has gained more since. One time for all rows: now().
BLOCKED = "greatest(call_budgets.blocked_until, now())"
LEFT = """
least(call_budgets.capacity, call_budgets.tokens
      + extract(epoch FROM now() - call_budgets.at) * call_budgets.refill_per_minute / 60.0)
"""


class SharedPace:
    """A token bucket row. `reserve` takes several calls at once, so that a read-then-write is never cut in two."""

    def __init__(self, budget: CallBudget) -> None:
        self._id = budget.pk
        self._capacity = budget.capacity
        self._held = 0

    def reserve(self, calls: int, priority: int) -> None:
        """Take `calls` from the budget or raise Paced. What is not used stays taken: rare and on the safe side."""
        values = {"id": self._id, "n": calls, "reserved": RESERVED[Priority(priority)]}
        with db.cursor() as cursor:
            cursor.execute(TAKE, values)
            if cursor.fetchone():
                self._held = calls
                return
            cursor.execute(WHEN, values)
            until: datetime = cursor.fetchone()[0]
        raise Paced(until)

    def acquire(self, priority: int) -> None:
        if self._held:
            self._held -= 1
            return
        self.reserve(1, priority)
        self._held = 0

    def learn(self, remaining: int | None) -> None:
        """Believe the partner when it says that less is left; plenty left teaches nothing."""
        if remaining is None or remaining >= self._capacity:
            return
        with db.cursor() as cursor:
            cursor.execute(LEARN, {"id": self._id, "left": remaining})


class PatientPace(SharedPace):
    """For set-up and commands, where a person waits: sleeps instead of raising Paced."""

    def reserve(self, calls: int, priority: int) -> None:
        while True:
            try:
                return super().reserve(calls, priority)
            except Paced as paced:
                time.sleep(max(0.05, (paced.until - timezone.now()).total_seconds()))


def user_context(user: KrayinUser, field: str) -> Context:
    """Associated data of a Krayin user's stored password or token."""
    return Context("bridge.KrayinUser", field, f"{user.krayin_id}/{user.email}")


def connection_context(connection: Connection) -> Context:
    """Associated data of a connection's stored Chatwoot token."""
    return Context("bridge.Connection", "chatwoot_token", connection.public_id)


class StoredTokens:
    """The token of one Krayin user. A login revokes all its other tokens, so one process at a time may log in."""

    def __init__(self, user: KrayinUser) -> None:
        self._user = user

    def _open(self, sealed: Sealed | None, field: str) -> str | None:
        if sealed is None:
            return None
        context = user_context(self._user, field)
        return open_system(sealed, context=context, actor=Actor.system("lanes"), purpose="system").decode()

    def current(self) -> str | None:
        return self._open(KrayinUser.objects.values_list("token", flat=True).get(pk=self._user.pk), "token")

    def renew(self, old: str | None, login: Callable[[], str]) -> str:
        """Return a token newer than `old`. Raises Paced while another process is signing in."""
        now = timezone.now()
        mine = KrayinUser.objects.filter(pk=self._user.pk, login_until__lte=now).update(login_until=now + LOGIN_LEASE)
        try:
            stored = self.current()
            if stored is not None and stored != old:
                return stored
            if not mine:
                raise Paced(now + LOGIN_RETRY, partner=Partner.KRAYIN, endpoint="POST /login", code="signing-in")
            token = login()
            sealed = seal_system(token.encode(), context=user_context(self._user, "token"))
            KrayinUser.objects.filter(pk=self._user.pk).update(token=sealed)
            return token
        finally:
            if mine:
                KrayinUser.objects.filter(pk=self._user.pk).update(login_until=now)

    def credentials(self) -> tuple[str, str] | None:
        password = self._open(self._user.password, "password")
        return (self._user.email, password) if password else None


_local = threading.local()


def session() -> requests.Session:
    """One HTTP session per thread, so that connections to partners stay open between calls."""
    if not hasattr(_local, "session"):
        _local.session = build_session()
    kept: requests.Session = _local.session
    return kept


def ignore_call(record: CallRecord) -> None:
    """Nobody counts this call."""


def krayin_client(
    connection: Connection, on_call: Callable[[CallRecord], None] = ignore_call, *, patient: bool = False
) -> tuple[KrayinClient, SharedPace]:
    """A client of the connection's Krayin user with most calls left, and its pace."""
    users = KrayinUser.objects.filter(connections=connection).select_related("budget", "krayin")
    user = users.order_by(RawSQL(BLOCKED, ()), RawSQL(LEFT, ()).desc()).first()  # noqa: S611 - constants
    if user is None:
        raise CredentialsRefused(Partner.KRAYIN, "POST /login", code="no-user")
    pace = PatientPace(user.budget) if patient else SharedPace(user.budget)
    client = KrayinClient(
        user.krayin.base_url, session=session(), tokens=StoredTokens(user), pace=pace, on_call=on_call
    )
    return client, pace


def chatwoot_client(connection: Connection, on_call: Callable[[CallRecord], None] = ignore_call) -> ChatwootClient:
    """A client of the connection's Chatwoot account. Raises PartnerMisconfigured without token."""
    if connection.chatwoot_token is None or connection.chatwoot_budget is None:
        raise PartnerMisconfigured(Partner.CHATWOOT, "GET /profile", code="no-token")
    token = open_system(
        connection.chatwoot_token, context=connection_context(connection), actor=Actor.system("lanes"), purpose="system"
    )
    return ChatwootClient(
        connection.chatwoot_url,
        connection.chatwoot_account_id,
        token.decode(),
        session=session(),
        pace=SharedPace(connection.chatwoot_budget),
        on_call=on_call,
    )
