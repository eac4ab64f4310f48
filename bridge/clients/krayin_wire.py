"""Calling Krayin: which token, what a status really means, when to log in (Krayin contract sections 1, 2, 20.3, 20.10).

Krayin in production answers 500 to a bad token and to the 61st call of a minute alike. Headers tell more than statuses:
`X-RateLimit-*` are added by everything that passed authentication and limit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import requests

from bridge.clients import reading
from bridge.clients.base import TOTAL_SECONDS, Answer, Call, CallRecord, Deadline, Pace, PartnerClient
from bridge.errors import (
    CredentialsRefused,
    Paced,
    PartnerError,
    PartnerGone,
    PartnerMisconfigured,
    PartnerRejected,
    PartnerUnavailable,
    RefusedBeforeController,
)

T = TypeVar("T")

PERSON_REF = "chatwoot_contact_ref"
LEAD_REF = "bridge_ref"
DEVICE_NAME = "ponte"
WINDOW_SECONDS = 60.0

_TAKEN = re.compile(rf"(person\.)?((emails|contact_numbers)\.\d+\.value|{PERSON_REF}|{LEAD_REF})")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.*-]{1,120}")


class TokenStore(Protocol):
    """The token of one Krayin user, shared by all processes."""

    def current(self) -> str | None:
        """The stored token, None before the first login."""

    def renew(self, old: str | None, login: Callable[[], str]) -> str:
        """The token to use instead of `old`.

        Only one process may run `login` at a time, because each login revokes every other token of the user: take the
        lock, and when the stored token is no longer `old`, return it without logging in. The lock must not be an open
        transaction (`login` is a partner call). A store that does not want to wait for the lock raises Paced. What
        `login` raises passes through and leaves the stored token alone.
        """

    def credentials(self) -> tuple[str, str] | None:
        """E-mail and password, None when the password is not kept."""


class _Window:
    """Krayin's fixed window as seen by this client: it opens with the first counted call and lasts 60 s."""

    def __init__(self) -> None:
        self._opened: float | None = None
        self._emptied: float | None = None

    def observe(self, answer: Answer) -> bool:
        """Take in what an answer says; True when its call opened the window."""
        now = time.monotonic()
        if answer.remaining is None:
            return False
        is_first = answer.headers.get("X-RateLimit-Limit") == str(answer.remaining + 1)
        if is_first:
            self._opened = now
        self._emptied = now if answer.remaining == 0 else None
        return is_first

    def closed_for_s(self) -> float:
        """Seconds until the used-up window ends; 0 when it is not known to be used up."""
        if self._emptied is None:
            return 0.0
        opened = self._emptied if self._opened is None else self._opened
        return max(0.0, opened + WINDOW_SECONDS - time.monotonic())


class KrayinWire(PartnerClient):
    """Authenticated, classified calls. Every public method of the subclasses is one budgeted call."""

    partner = "krayin"

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session,
        tokens: TokenStore,
        pace: Pace,
        on_call: Callable[[CallRecord], None],
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`base_url` is the site's address without `/api/v1`."""
        super().__init__(base_url, session=session, pace=pace, on_call=on_call, total_seconds=total_seconds)
        self._tokens = tokens
        self._window = _Window()

    def _url(self, call: Call) -> str:
        return f"{self._base_url}/api/v1{call.path}"

    def login(self, email: str, password: str) -> str:
        """A new token. Revokes every other token of that user (Krayin contract section 1).

        Raises CredentialsRefused for a wrong pair and PartnerUnavailable for any unclear outcome: a login can always be
        done again.
        """
        return self._login(email, password, Deadline(self._total_seconds))

    def _call(self, call: Call, parse: Callable[[object], T]) -> T:
        """The parsed answer of one call; any of the errors of `bridge.errors`.

        A call refused for its token is repeated once with another token: it had not been executed.
        """
        deadline = Deadline(self._total_seconds)
        self._acquire(call)
        token = self._tokens.current() or self._log_in_instead_of(None, deadline)
        answer = self._with_token(call, token, deadline)
        if _is_refused(answer):
            token = self._token_instead_of(token, call, answer, deadline)
            answer = self._with_token(call, token, deadline)
        if _is_refused(answer):
            raise self._still_refused(call, answer)
        self._raise_for_status(call, answer)
        return self._parsed(call, answer, parse, finished=_reached_controller(answer))

    def _with_token(self, call: Call, token: str, deadline: Deadline) -> Answer:
        answer = self._exchange(call, headers={**_HEADERS, "Authorization": f"Bearer {token}"}, deadline=deadline)
        if call.teaches_pace and self._window.observe(answer):
            self._pace.opened(WINDOW_SECONDS)
        return answer

    def _token_instead_of(self, old: str, call: Call, answer: Answer, deadline: Deadline) -> str:
        """A token that may work where `old` was refused, or the error that explains the refusal."""
        closed_s = self._window.closed_for_s()
        until = self._pace.moment(closed_s) if closed_s else self._pace.closed_until()
        if until is not None:
            raise Paced(until, partner=self.partner, endpoint=call.name, status=answer.status, code="window-used-up")
        current = self._tokens.current()
        if current is not None and current != old:
            return current
        if answer.status == 500 and self._is_accepted(old, call, deadline):
            # Neither token nor limit: PHP died, perhaps inside the controller (contract section 20.3).
            raise self._unknown(call, "refused-with-good-token", status=answer.status, finished=True)
        return self._log_in_instead_of(old, deadline)

    def _is_accepted(self, token: str, call: Call, deadline: Deadline) -> bool:
        """Ask `GET /get`, the cheapest check of a token. An unclear answer leaves the refused call unclear too."""
        failed: PartnerError | None = None
        self._pace.spend()
        try:
            answer = self._with_token(_WHO_AM_I, token, deadline)
        except PartnerUnavailable as error:
            failed = error
        if failed is not None or not (_is_refused(answer) or answer.status == 200):
            raise self._unknown(call, "refused-then-unclear", status=500)
        return answer.status == 200

    def _log_in_instead_of(self, old: str | None, deadline: Deadline) -> str:
        return self._tokens.renew(old, lambda: self._log_in_with_stored(deadline))

    def _log_in_with_stored(self, deadline: Deadline) -> str:
        stored = self._tokens.credentials()
        if stored is None:
            raise CredentialsRefused(self.partner, "POST /login", code="no-password-kept")
        return self._login(*stored, deadline)

    def _login(self, email: str, password: str, deadline: Deadline) -> str:
        call = _login_call(email, password)
        failed: PartnerError | None = None
        try:
            answer = self._exchange(call, headers=_HEADERS, deadline=deadline)
        except PartnerMisconfigured:
            raise
        except PartnerError as error:
            failed = error
        if failed is not None:
            raise PartnerUnavailable(self.partner, call.name, status=failed.status, code=failed.code)
        if answer.status in (401, 422):
            raise CredentialsRefused(self.partner, call.name, status=answer.status, code="wrong-credentials")
        if _is_refused(answer):
            # Login is not authenticated; before the limiter only the limit per address can refuse it.
            until = self._pace.moment(WINDOW_SECONDS)
            raise Paced(until, partner=self.partner, endpoint=call.name, status=answer.status)
        if answer.status >= 500 or not answer.is_json:
            raise PartnerUnavailable(self.partner, call.name, status=answer.status, code="login-failed")
        self._raise_for_status(call, answer)
        try:
            return self._parsed(call, answer, _token, finished=True)
        except PartnerError:
            pass
        raise PartnerUnavailable(self.partner, call.name, status=answer.status, code="unreadable")

    def _still_refused(self, call: Call, answer: Answer) -> PartnerError:
        if answer.status == 401:
            return CredentialsRefused(self.partner, call.name, status=401, code="new-token-refused")
        # A token just renewed is good, so this is most likely the limit: let nobody else of this user try now.
        self._pace.learn(0)
        return RefusedBeforeController(self.partner, call.name, status=answer.status, code="refused-twice")

    def _raise_for_status(self, call: Call, answer: Answer) -> None:
        """Raise for everything but a success with JSON (contract section 2)."""
        status, name = answer.status, call.name
        behind_limiter = _reached_controller(answer)
        if 200 <= status < 300:
            if answer.is_json:
                return
            raise self._unknown(call, "not-json", status=status, finished=behind_limiter)
        if status == 404 and behind_limiter:
            raise PartnerGone(self.partner, name, status=status, code="not-found")
        if status == 404:
            raise PartnerMisconfigured(self.partner, name, status=status, code="unknown-route")
        if status == 422:
            raise self._rejected(call, answer)
        if status == 400 and behind_limiter:
            raise PartnerRejected(self.partner, name, status=status, code="bad-request")
        if status == 429:
            wait = answer.retry_after_seconds
            until = self._pace.moment(WINDOW_SECONDS if wait is None else wait)
            raise Paced(until, partner=self.partner, endpoint=name, status=status, code="too-many-calls")
        if status == 408:
            raise PartnerUnavailable(self.partner, name, status=status, code="request-timeout")
        if 300 <= status < 500:
            code = "redirected" if status < 400 else "refused"
            raise PartnerMisconfigured(self.partner, name, status=status, code=code)
        raise self._unknown(call, "server-error", status=status, finished=behind_limiter)

    def _rejected(self, call: Call, answer: Answer) -> PartnerError:
        try:
            fields = self._parsed(call, answer, _refused_fields, finished=True)
        except PartnerError:
            fields = frozenset()
        taken = {field for field in fields if _TAKEN.fullmatch(field)}
        return PartnerRejected(self.partner, call.name, status=answer.status, fields=fields, taken_keys=taken)


# Without these headers failures come as status 200 with HTML, and an overlapping meeting as a redirect (sections 1, 9).
_HEADERS = {"Accept": "application/json", "X-Requested-With": "XMLHttpRequest"}
_WHO_AM_I = Call("GET", "/get")


def _login_call(email: str, password: str) -> Call:
    # Counted per address, not against the user's budget, so its headers must not teach the pace.
    body = {"email": email, "password": password, "device_name": DEVICE_NAME}
    return Call("POST", "/login", body=body, teaches_pace=False)


def _reached_controller(answer: Answer) -> bool:
    return "X-RateLimit-Limit" in answer.headers or "X-RateLimit-Remaining" in answer.headers


def _is_refused(answer: Answer) -> bool:
    """Refused before the controller: 401 with debug or the fork, else 500 as JSON without headers (section 20.3)."""
    if answer.status == 401:
        return True
    return answer.status == 500 and answer.is_json and not _reached_controller(answer)


def _token(body: object) -> str:
    token = reading.mapping(body)["token"]
    if not isinstance(token, str) or not token:
        raise ValueError("no token")
    return token


def _refused_fields(body: object) -> frozenset[str]:
    errors = reading.mapping_or_empty(reading.mapping(body).get("errors"))
    return frozenset(name if _FIELD_NAME.fullmatch(name) else "?" for name in errors)
