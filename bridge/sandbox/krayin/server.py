"""The simulated Krayin as an HTTP server: route, token, limiter, controller, faults, state (contract section 20.3)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bridge.sandbox.http import (
    CutConnection,
    Json,
    MalformedJSON,
    Request,
    Response,
    RouteMatch,
    SandboxServer,
    json_response,
    text_response,
)
from bridge.sandbox.krayin import accounts, mails, report, seed
from bridge.sandbox.krayin.context import Call, Crm, read_input
from bridge.sandbox.krayin.delivery import sender
from bridge.sandbox.krayin.errors import (
    BodyTooLarge,
    CrmError,
    Invalid,
    Maintenance,
    NotFound,
    PhpDied,
    ServerError,
    TooMany,
    Unauthenticated,
    WrongMethod,
    render,
)
from bridge.sandbox.krayin.faults import PREFIX, Fault, Faults, Plan, UnknownFault
from bridge.sandbox.krayin.limiter import Limiter, Verdict
from bridge.sandbox.krayin.moments import Moments
from bridge.sandbox.krayin.routes import Route, router
from bridge.sandbox.krayin.seed import ADMIN, BRIDGE, Account
from bridge.sandbox.krayin.store import Row, Store, save

RATE_LIMIT = 60
TIMEZONE = "America/Sao_Paulo"

_PERSON_DELETES = 100
_HOUR = 3600
_BODY_LIMIT = 8 * 1024 * 1024
_RECENT = 500
_SAVE_SECONDS = 0.5
_LOGIN = "POST /login"
_PERSON_DELETE = "DELETE /contacts/persons/{id}"
_REMAINING = "X-RateLimit-Remaining"

_REFUSALS: dict[type[CrmError], str] = {
    TooMany: "limit",
    Unauthenticated: "token",
    NotFound: "route",
    WrongMethod: "method",
    BodyTooLarge: "body",
}


class SandboxKrayin(SandboxServer):
    """A Krayin 2.1 with the vendor's REST package, in memory.

    rate_limit: calls per 60 s and user, None lifts it (headers then show a limit nobody reaches).
    debug: `APP_DEBUG`, true statuses instead of 500. version: "2.1.0" or "2.1.5", decides how webhooks are encoded.
    latency_ms: added to every call. state_file: loaded at start, saved while running and at stop.
    clock: Unix seconds. seed: of the fault switches' chance. webhook_timeout: seconds, None waits for ever (2.1.0).
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: int | None = RATE_LIMIT,
        debug: bool = False,
        version: str = "2.1.0",
        timezone: str = TIMEZONE,
        latency_ms: float = 0.0,
        state_file: Path | str | None = None,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        admin: Account = ADMIN,
        bridge: Account = BRIDGE,
        webhook_timeout: float | None = 30.0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.debug = debug
        self.latency_ms = latency_ms
        self.faults = Faults(seed)
        self.admin = admin
        self.bridge = bridge
        self._file = Path(state_file) if state_file is not None else None
        self._moments = Moments(zone=timezone, clock=clock)
        self._store = Store()
        self._crm = Crm(self._store, self._moments, version, self.url, sender(webhook_timeout))
        self._limiter = Limiter(limit=rate_limit, seconds=60, clock=clock)
        deletes = None if rate_limit is None else _PERSON_DELETES
        self._delete_limiter = Limiter(limit=deletes, seconds=_HOUR, clock=clock)
        self._router = router()
        self._recent: deque[Row] = deque(maxlen=_RECENT)
        self._stopping = threading.Event()
        self._saver: threading.Thread | None = None
        self._load()

    def _load(self) -> None:
        if self._file is not None and self._file.exists():
            self._store.load(self._file.read_text(encoding="utf-8"))
        else:
            seed.fill(self._store, now=self._moments.now(), admin=self.admin, bridge=self.bridge)

    def start(self) -> Self:
        """Raises OSError when the port is taken."""
        super().start()
        self._crm.site = self.url
        if self._file is not None and self._saver is None:
            self._stopping.clear()
            self._saver = threading.Thread(target=self._save_while_running, name="sandbox-krayin-save", daemon=True)
            self._saver.start()
        return self

    def stop(self) -> None:
        super().stop()
        if self._saver is not None:
            self._stopping.set()
            self._saver.join()
            self._saver = None
        self._save()

    def _save_while_running(self) -> None:
        while not self._stopping.wait(_SAVE_SECONDS):
            self._save()

    def _save(self) -> None:
        if self._file is not None:
            with self._store.lock:
                if self._store.dirty:
                    save(self._store, self._file)

    def reset(self) -> None:
        """Back to a fresh installation: data, tokens, counters, limits and faults."""
        with self._store.lock:
            self._store.clear()
            seed.fill(self._store, now=self._moments.now(), admin=self.admin, bridge=self.bridge)
            self._recent.clear()
        self._limiter.reset()
        self._delete_limiter.reset()
        self.faults.clear()

    def keep_mail(self, subject: str, text: str, *, lead_id: int | None = None, person_id: int | None = None) -> None:
        """As if somebody had written an e-mail from the panel: there is no address for it."""
        with self._store.lock:
            mails.keep(self._store, subject=subject, text=text, lead_id=lead_id, person_id=person_id)

    def state(self) -> Row:
        """What `GET /__state__` answers."""
        with self._store.lock:
            return report.state(
                self._store,
                max_in_window=self._limiter.max_seen,
                faults=self.faults.as_json(),
                recent=list(self._recent),
            )

    def issue_token(self, account: Account | None = None) -> str:
        """A bearer token of the bridge user (or another) without a login call; earlier ones of the user are revoked."""
        chosen = account or self.bridge
        with self._store.lock:
            user = next(row for row in self._store.rows("users") if row["email"] == chosen.email)
            return accounts.issue_token(self._store, user, "sandbox", self._moments.now())

    def add_product(self, name: str, *, sku: str, price: str, quantity: int, description: str = "") -> int:
        """A product, as somebody would enter it in the panel; its id can be put on leads."""
        times = {"created_at": self._moments.now(), "updated_at": self._moments.now()}
        columns = {"name": name, "sku": sku, "description": description, "price": price, "quantity": quantity}
        with self._store.lock:
            return int(self._store.insert("products", {**columns, **times})["id"])

    def handle(self, request: Request) -> Response:
        if request.path.startswith("/__"):
            return self._control(request)
        plan = self.faults.plan(request.method, request.path)
        self._wait(plan.seconds_before + self.latency_ms / 1000)
        if plan.down is not None:
            return self._down(request, plan.down)
        try:
            response = self._answer(request, plan)
        except PhpDied as died:
            if plan.died_answer == "cut":
                raise CutConnection from died
            response = self._render(died, request)
        self._wait(plan.seconds_after)
        if plan.cut:
            raise CutConnection
        return text_response(502, "<html><h1>502 Bad Gateway</h1></html>") if plan.bad_gateway else response

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

    def _render(self, error: CrmError, request: Request) -> Response:
        return render(error, request, debug=self.debug, site=self.url)

    def _down(self, request: Request, mode: str) -> Response:
        self._refused("down")
        if mode == "cut":
            raise CutConnection
        return self._render(Maintenance(), request)

    def _refused(self, reason: str) -> None:
        with self._store.lock:
            self._store.count("refused", reason)

    def _answer(self, request: Request, plan: Plan) -> Response:
        """What stands in front of the limiter answers without its headers."""
        try:
            if plan.refuse is not None and not plan.refuse.sends_limiter_headers():
                self._refused("fault")
                return self._refusal(request, plan.refuse)
            match = self._match(request)
            user, verdict = self._admit(request, match.handler.kind)
        except CrmError as error:
            self._refused(_REFUSALS.get(type(error), "other"))
            return self._render(error, request)
        response = self._behind_limiter(request, match, user, plan)
        with self._store.lock:
            self._recent.append({"kind": match.handler.kind, "status": response.status, "at": self._moments.now()})
        return _with_limits(response, verdict)

    def _match(self, request: Request) -> RouteMatch[Route]:
        if len(request.body) > _BODY_LIMIT:
            raise BodyTooLarge
        match = self._router.match(request.method, request.path)
        if match is not None:
            return match
        raise WrongMethod if self._router.allowed_methods(request.path) else NotFound

    def _admit(self, request: Request, kind: str) -> tuple[Row, Verdict]:
        """Token first, then the limit: of the user, for a login of the address. Raises a `CrmError`."""
        user: Row = {}
        if kind != _LOGIN:
            with self._store.lock:
                user = accounts.authenticate(self._store, request.header("authorization"))
        verdict = self._limiter.hit(f"user {user['id']}" if user else f"address {request.client}")
        if not verdict.allowed:
            raise TooMany(limit=verdict.limit, retry_after=verdict.retry_after, reset=verdict.reset)
        with self._store.lock:
            self._store.count("by_kind", kind)
            self._store.count("by_user", user.get("email", ""))
        return user, verdict

    def _behind_limiter(self, request: Request, match: RouteMatch[Route], user: Row, plan: Plan) -> Response:
        if plan.refuse is not None:
            return self._refusal(request, plan.refuse)
        try:
            own = self._delete_limit(match.handler.kind, user)
        except TooMany as error:
            return self._render(error, request)
        try:
            query, data = read_input(request)
            call = Call(self._crm, request, data, match.params, user, query, plan.died_after)
            with self._store.lock:
                response = match.handler.controller(call)
        except PhpDied:
            raise
        except CrmError as error:
            response = self._render(error, request)
        return response if own is None else response.with_headers(own.headers())

    def _delete_limit(self, kind: str, user: Row) -> Verdict | None:
        if kind != _PERSON_DELETE or self._delete_limiter.limit is None:
            return None
        verdict = self._delete_limiter.hit(f"user {user['id']}")
        if not verdict.allowed:
            raise TooMany(limit=verdict.limit, retry_after=verdict.retry_after, reset=verdict.reset)
        return verdict

    def _refusal(self, request: Request, fault: Fault) -> Response:
        if fault.status == 422:
            return self._render(Invalid(fault.errors), request)
        if fault.status == 500:
            return self._render(ServerError(), request)
        return json_response(fault.status, {"message": "Refused by a fault switch."})

    def _control(self, request: Request) -> Response:
        """`/__state__`, `/__faults__`, `/__reset__`: the simulator's own addresses, without token and limit."""
        try:
            return self._controlled(request)
        except (UnknownFault, MalformedJSON) as error:
            return json_response(400, {"message": str(error)})

    def _controlled(self, request: Request) -> Response:
        asked = (request.method, request.path)
        if asked == ("GET", "/__state__"):
            return json_response(200, self.state())
        if asked == ("POST", "/__reset__"):
            self.reset()
            return json_response(200, {"reset": True})
        if request.path != "/__faults__" or request.method not in ("GET", "POST", "DELETE"):
            return json_response(404, {"message": "Not Found"})
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            self._add_faults(request.json())
        return json_response(200, {"faults": self.faults.as_json()})

    def _add_faults(self, descriptions: Json) -> None:
        """One JSON object or a list of them."""
        for description in descriptions if isinstance(descriptions, list) else [descriptions]:
            if not isinstance(description, dict):
                raise UnknownFault("a fault is a JSON object")
            self.faults.add_json(description)


def _with_limits(response: Response, verdict: Verdict) -> Response:
    """The limiter adds its headers unless an inner one already shows a smaller remainder."""
    inner = response.headers.get(_REMAINING)
    if inner is not None and int(inner) <= verdict.remaining:
        return response
    return response.with_headers(verdict.headers())


__all__ = ["PREFIX", "RATE_LIMIT", "TIMEZONE", "SandboxKrayin"]
