"""Clients of a connection, with the pace and tokens that all processes share through PostgreSQL (DESIGN section 7)."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import requests
from django.db import connection as db
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from bridge.clients.base import CallRecord, Priority, build_session
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from bridge.errors import CredentialsRefused, Paced, PartnerError, PartnerMisconfigured
from bridge.models import CallBudget, Connection, KrayinUser, Partner
from bridge.sync.breaker import FIRST_PROBE_S, LONGEST_PROBE_S
from bridge.sync.clock import database_now
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
# Each who comes too early gets a turn of his own, as far apart as calls come back: thousands that were told the same
# moment would all wake up for one call. No turn is further away than ten minutes, because some turns are not used.
WHEN = """
UPDATE call_budgets SET queued_until = least(
  greatest(queued_until, blocked_until, clock_timestamp()) + make_interval(secs => %(n)s * 60.0 / refill_per_minute),
  greatest(blocked_until, clock_timestamp()) + make_interval(secs => %(longest)s))
WHERE id = %(id)s
RETURNING greatest(queued_until, clock_timestamp() + make_interval(secs => greatest(0.05,
  (%(n)s + %(reserved)s - least(capacity, tokens + extract(epoch FROM clock_timestamp() - at) * refill_per_minute / 60.0))
  * 60.0 / refill_per_minute)))
"""
# A few calls of the window stay unused, for those of other processes that are still on their way.
LEARN = """
UPDATE call_budgets SET tokens = least(tokens, %(left)s), blocked_until = CASE
  WHEN %(left)s <= %(spare)s AND window_until > clock_timestamp() THEN greatest(blocked_until, window_until)
  WHEN %(left)s = 0 THEN clock_timestamp() + make_interval(secs => %(window)s)
  ELSE blocked_until END
WHERE id = %(id)s AND (tokens > %(left)s OR %(left)s <= %(spare)s)
"""
OPENED = """
UPDATE call_budgets SET window_until = clock_timestamp() + make_interval(secs => %(window)s) WHERE id = %(id)s
"""
SPEND = "UPDATE call_budgets SET tokens = tokens - 1 WHERE id = %(id)s"
LONGEST_TURN_S = 600
WINDOW_S = 60
SPARE = 3
# The same intervals as those of the breaker, so that its probe finds the way free.
REFUSED_LOGIN = """
UPDATE krayin_users SET refused_logins = least(refused_logins + 1, 1000), login_until = clock_timestamp()
  + make_interval(secs => least(%(first)s * 2 ^ least(refused_logins, 20), %(longest)s))
WHERE id = %(id)s
"""
# A user whose password was refused is no use as long as there is another.
REFUSED = "(krayin_users.refused_logins > 0 AND krayin_users.login_until > now())"
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
        values: dict[str, Any] = {
            "id": self._id,
            "n": calls,
            "reserved": RESERVED[Priority(priority)],
            "longest": LONGEST_TURN_S,
        }
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
            cursor.execute(LEARN, {"id": self._id, "left": remaining, "spare": SPARE, "window": WINDOW_S})

    def spend(self) -> None:
        with db.cursor() as cursor:
            cursor.execute(SPEND, {"id": self._id})

    def opened(self, window_s: float) -> None:
        with db.cursor() as cursor:
            cursor.execute(OPENED, {"id": self._id, "window": window_s})

    def closed_until(self) -> datetime | None:
        rows = CallBudget.objects.filter(pk=self._id, blocked_until__gt=Now())
        return rows.values_list("blocked_until", flat=True).first()

    def moment(self, wait_s: float) -> datetime:
        return database_now(timedelta(seconds=wait_s))


class PatientPace(SharedPace):
    """For set-up and commands, where a person waits: sleeps instead of raising Paced."""

    def reserve(self, calls: int, priority: int) -> None:
        while True:
            try:
                return super().reserve(calls, priority)
            except Paced as paced:
                time.sleep(max(0.05, (paced.until - database_now()).total_seconds()))


def user_context(user: KrayinUser, field: str) -> Context:
    """Associated data of a Krayin user's stored password or token."""
    return Context("bridge.KrayinUser", field, f"{user.krayin_id}/{user.email}")


def connection_context(connection: Connection) -> Context:
    """Associated data of a connection's stored Chatwoot token."""
    return Context("bridge.Connection", "chatwoot_token", connection.public_id)


def may_sign_in(user: KrayinUser) -> None:
    """The access was replaced: what was refused before says nothing any more."""
    KrayinUser.objects.filter(pk=user.pk).update(refused_logins=0, login_until=Now())


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
        """Return a token newer than `old`.

        Raises Paced while another process is signing in, CredentialsRefused without asking again soon after a refusal.
        """
        now = database_now()
        mine = self._rows.filter(login_until__lte=now).update(login_until=now + LOGIN_LEASE)
        try:
            stored = self.current()
            if stored is not None and stored != old:
                return stored
            if not mine:
                raise self._must_wait(now)
            token = login()
            sealed = seal_system(token.encode(), context=user_context(self._user, "token"))
            self._rows.update(token=sealed, refused_logins=0)
            return token
        except CredentialsRefused:
            if mine:
                self._wait_after_refusal()
                mine = 0
            raise
        finally:
            if mine:
                self._rows.update(login_until=now)

    @property
    def _rows(self) -> QuerySet[KrayinUser]:
        return KrayinUser.objects.filter(pk=self._user.pk)

    def _must_wait(self, now: datetime) -> PartnerError:
        endpoint = "POST /login"
        if self._rows.filter(refused_logins__gt=0).exists():
            return CredentialsRefused(Partner.KRAYIN, endpoint, code="refused-lately")
        return Paced(now + LOGIN_RETRY, partner=Partner.KRAYIN, endpoint=endpoint, code="signing-in")

    def _wait_after_refusal(self) -> None:
        """However many connections share this user, a password that was refused is tried once per interval."""
        with db.cursor() as cursor:
            cursor.execute(REFUSED_LOGIN, {"id": self._user.pk, "longest": LONGEST_PROBE_S, "first": FIRST_PROBE_S})

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
    user = users.order_by(RawSQL(REFUSED, ()), RawSQL(BLOCKED, ()), RawSQL(LEFT, ()).desc()).first()  # noqa: S611 - constants
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
