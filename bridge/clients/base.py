"""One HTTP exchange with a partner: bounded in time and size, recorded, never inside a transaction.

What a failure without an answer means for the caller is decided here; what an answer means is decided by each partner's
client, because partners lie differently with status codes.
"""

from __future__ import annotations

import copy
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import ClassVar, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import requests
from django.db import connections
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from bridge.errors import EffectUnknown, PartnerError, PartnerMisconfigured, PartnerUnavailable, TransactionOpen

USER_AGENT = "Ponte/0.1.0"
TOTAL_SECONDS = 20.0
CONNECT_SECONDS = 4.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_FOR_THE_OPERATOR = frozenset({"certificate-refused", "invalid-request"})
_NEVER_PUT_TOGETHER = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidJSONError,
)

# urllib3 writes the full address, search terms included, at DEBUG and in one WARNING: those are personal data.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Priority(IntEnum):
    """What a call is for; the pace serves the lowest number first (DESIGN section 7)."""

    STAGE = 0
    RECORD = 1
    NOTE = 2
    BACKGROUND = 3


class Pace(Protocol):
    """The budget of calls of one partner user or host, shared by all processes."""

    def acquire(self, priority: int) -> None:
        """Take one call from the budget, or raise `bridge.errors.Paced`. Must leave no transaction open."""

    def spend(self) -> None:
        """A call that cannot wait is being made: it is missing from the budget afterwards."""

    def learn(self, remaining: int | None) -> None:
        """Calls the partner says are left in its window; None when its answer did not say."""

    def opened(self, window_s: float) -> None:
        """The partner's window has just opened, and ends all at once so many seconds from now."""

    def closed_until(self) -> datetime | None:
        """When calls are possible again, if some process has seen that the partner's window is used up."""

    def moment(self, wait_s: float) -> datetime:
        """So many seconds from now, by the clock that all processes share: this host's own may be wrong."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One exchange for metrics and ledger. `endpoint` is a template; `status` None means no answer was read."""

    partner: str
    method: str
    endpoint: str
    status: int | None
    seconds: float
    remaining: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """What to send. `endpoint` is a template (`/leads/{id}`) filled from `ids`; only `endpoint` is ever shown."""

    method: str
    endpoint: str
    ids: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    priority: int = Priority.RECORD
    max_bytes: int = MAX_ANSWER_BYTES
    # Krayin answers a person's DELETE with the counter of another limit (contract section 20.10).
    teaches_pace: bool = True

    @property
    def name(self) -> str:
        return f"{self.method} {self.endpoint}"

    @property
    def path(self) -> str:
        return self.endpoint.format(**{key: int(value) for key, value in self.ids.items()})

    @property
    def is_read(self) -> bool:
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower() == "application/json"

    @property
    def remaining(self) -> int | None:
        """Calls left in the partner's window, from `X-RateLimit-Remaining`."""
        return _digits(self.headers.get("X-RateLimit-Remaining"))

    @property
    def retry_after_seconds(self) -> int | None:
        return _digits(self.headers.get("Retry-After"))

    def decoded(self) -> object:
        """The JSON value; None for an empty body. Raises ValueError, whose text may quote the body: never chain it."""
        return json.loads(self.body) if self.body.strip() else None


class Deadline:
    """Seconds left for everything one client method does, follow-up calls included."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        return self._ends - time.monotonic()

    def is_over(self) -> bool:
        return self.left() <= 0


def forbid_open_transaction() -> None:
    """Raise TransactionOpen when a transaction is open on any database alias of this thread."""
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            raise TransactionOpen(f"a partner call inside a transaction on {connection.alias!r}")


def build_session() -> requests.Session:
    """A session that keeps connections open, verifies certificates, never retries and holds no cookies.

    One per thread: `requests.Session` is not documented as safe to share between threads.
    """
    session = requests.Session()
    adapter = HTTPAdapter(max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    # Compressed answers could unpack to far more than the limit of bytes; partners' answers are small anyway.
    session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"})
    return session


class PartnerClient:
    """Common ground of the clients. Not safe to share between threads: build one per worker thread."""

    partner: ClassVar[str]

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session,
        pace: Pace,
        on_call: Callable[[CallRecord], None],
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be an http or https address without query or fragment")
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._pace = pace
        self._on_call = on_call
        self._before_write: Callable[[], None] | None = None
        self._total_seconds = total_seconds
        self._priority: int | None = None

    def at(self, priority: int) -> Self:
        """The same client, all of whose calls ask the pace with this priority (import, reconciliation)."""
        twin = copy.copy(self)
        twin._priority = priority
        return twin

    def check_writes(self, check: Callable[[], None]) -> None:
        """Have `check` called right before each write leaves; what it raises keeps the write here."""
        self._before_write = check

    def _url(self, call: Call) -> str:
        return self._base_url + call.path

    def _acquire(self, call: Call) -> None:
        forbid_open_transaction()
        self._pace.acquire(call.priority if self._priority is None else self._priority)

    def _exchange(self, call: Call, *, headers: Mapping[str, str], deadline: Deadline) -> Answer:
        """Send once and read the whole answer, or raise PartnerUnavailable (not sent, or a read) or EffectUnknown."""
        forbid_open_transaction()
        started = time.monotonic()
        outcome: Answer | _NoAnswer
        try:
            outcome = self._transport(call, headers, deadline)
        except _NoAnswer as failure:
            outcome = failure
        self._record(call, outcome, time.monotonic() - started)
        if isinstance(outcome, _NoAnswer):
            # Raised outside the except block on purpose: the causes quote addresses with search terms.
            raise self._unanswered(call, outcome)
        if call.teaches_pace and outcome.remaining is not None:
            self._pace.learn(outcome.remaining)
        return outcome

    def _transport(self, call: Call, headers: Mapping[str, str], deadline: Deadline) -> Answer:
        left = deadline.left()
        if left < 1:
            raise _NoAnswer("no-time-left", sent=False)
        connect = min(CONNECT_SECONDS, left / 2)
        if self._before_write and not call.is_read:
            self._before_write()
        try:
            response = self._session.request(
                call.method,
                self._url(call),
                params=call.params,
                json=call.body,
                headers=dict(headers),
                # A given auth keeps a netrc entry of the host from replacing our own header.
                auth=_leave_headers_alone,
                timeout=(connect, left - connect),
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            code, sent = _read_failure(error)
            raise _NoAnswer(code, sent=sent) from None
        with response:
            body = _read_body(response.raw, deadline, call.max_bytes)
        return Answer(response.status_code, CaseInsensitiveDict(response.headers), body)

    def _record(self, call: Call, outcome: Answer | _NoAnswer, seconds: float) -> None:
        status, remaining = (outcome.status, outcome.remaining) if isinstance(outcome, Answer) else (None, None)
        logger.info(
            "call: %s %s %s status=%s ms=%d", self.partner, call.method, call.endpoint, status, round(seconds * 1000)
        )
        self._on_call(CallRecord(self.partner, call.method, call.endpoint, status, seconds, remaining))

    def _unanswered(self, call: Call, failure: _NoAnswer) -> PartnerError:
        if failure.sent:
            return self._unknown(call, failure.code)
        kind = PartnerMisconfigured if failure.code in _FOR_THE_OPERATOR else PartnerUnavailable
        return kind(self.partner, call.name, code=failure.code)

    def _unknown(
        self, call: Call, code: str, *, status: int | None = None, finished: bool = False
    ) -> PartnerUnavailable | EffectUnknown:
        """The error for an outcome nobody knows: harmless for a read, to be looked up for a write."""
        if call.is_read:
            return PartnerUnavailable(self.partner, call.name, status=status, code=code)
        return EffectUnknown(self.partner, call.name, status=status, code=code, finished=finished)

    def _parsed(self, call: Call, answer: Answer, parse: Callable[[object], T], *, finished: bool) -> T:
        """`parse` applied to the decoded body; an unreadable or unexpected answer becomes an unknown outcome."""
        try:
            return parse(answer.decoded())
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
            pass
        # Raised outside the except block on purpose: the cause quotes the body.
        raise self._unknown(call, "unreadable", status=answer.status, finished=finished)


class _NoAnswer(Exception):
    def __init__(self, code: str, *, sent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent


def _leave_headers_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read_failure(error: requests.RequestException) -> tuple[str, bool]:
    """A short code, and whether the request may have reached the partner."""
    if isinstance(error, requests.ConnectTimeout):
        return "connect-timeout", False
    if isinstance(error, requests.exceptions.ProxyError):
        return "proxy-refused", False
    if _has_cause(error, SSLCertVerificationError):
        return "certificate-refused", False
    if _has_cause(error, NewConnectionError):
        return "cannot-connect", False
    if isinstance(error, _NEVER_PUT_TOGETHER):
        return "invalid-request", False
    return ("timeout" if isinstance(error, requests.Timeout) else "interrupted"), True


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether `kind` is among the wrapped errors: requests and urllib3 keep them in `args` and `reason`."""
    inner: list[object] = [*error.args, error.__cause__, error.__context__]
    if isinstance(error, MaxRetryError):
        inner.append(error.reason)
    if isinstance(error, kind):
        return True
    return any(_has_cause(cause, kind) for cause in inner if isinstance(cause, BaseException))


def _read_body(raw: BaseHTTPResponse, deadline: Deadline, max_bytes: int) -> bytes:
    """All bytes of the answer. A partner that drips them is cut off at the deadline by shutting the socket."""
    watchdog = threading.Timer(max(deadline.left(), 0), _shut, [raw])
    watchdog.daemon = True
    watchdog.start()
    received = bytearray()
    try:
        # read1 returns what has arrived; read would wait for a whole chunk and so outlive the deadline.
        while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
            received += chunk
            if len(received) > max_bytes:
                raise _NoAnswer("too-large", sent=True)
    except (HTTPError, OSError) as error:
        late = deadline.is_over() or isinstance(error, (ReadTimeoutError, TimeoutError))
        raise _NoAnswer("timeout" if late else "interrupted", sent=True) from None
    finally:
        watchdog.cancel()
    if deadline.is_over():
        raise _NoAnswer("timeout", sent=True)
    return bytes(received)


def _shut(raw: BaseHTTPResponse) -> None:
    try:
        raw.shutdown()
    except (ValueError, RuntimeError, OSError):
        # Already read to the end or closed: nothing left to cut.
        return


def _digits(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
