"""The simulated Chatwoot as a server: the REST API, the webhooks it sends, and three pages to steer it by.

`/__state__` shows everything, `/__faults__` breaks things, `/__scenario__` plays example conversations,
`/__wait__` returns when all deliveries are over, `/__reset__` starts afresh.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from bridge.sandbox.http import MalformedJSON, Request, Response, SandboxServer, json_response

from . import example_account, rest_contacts, rest_conversations, rest_settings
from .conversations import ConversationActions
from .dispatch import Dispatcher
from .example_account import ACCOUNT_ID, PUBLIC_URL, WHATSAPP_INBOX_ID
from .faults import FaultSwitches
from .payloads import Bodies
from .rest import RestApi
from .rest_settings import add_webhook
from .rows import DEFAULT_EVENTS, Json, Row, Value, Webhook, iso
from .scenario import PHASES, Expectation, Scenario, ScenarioError, figures
from .store import Store
from .views import Views
from .webhooks import Delivery
from .workers import WorkerPool

# `WEBHOOK_TIMEOUT` of a Chatwoot installation (contract section 2).
WEBHOOK_TIMEOUT_S = 5.0
_SAVE_EVERY_S = 0.5
_STATE_SECTIONS = ("accounts", "contacts", "conversations", "messages", "webhooks", "deliveries", "rest", "scenario")


class ChatwootSandbox(ConversationActions, SandboxServer):
    """A Chatwoot with the example account. Use it as a context manager, or `start` and `stop` it.

    `version`: behaves as this release; before 4.11.2 nothing is signed, before 4.14.2 conversation bodies carry no
    account. `shuffle`: events of one burst leave in random order. `concurrency`: worker threads. `state_file`: loaded
    at the beginning, written soon after every change and in `stop`. `owned_inboxes`: what `/__state__` expects a
    bridge to own. `clock`: seconds since 1970, for tests about days. `deletion_delay_s`: how long background deletions
    take to begin.
    """

    server_header = "Chatwoot sandbox"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        version: str = "4.15.1",
        seed: int = 1,
        shuffle: bool = True,
        concurrency: int = 4,
        state_file: Path | str | None = None,
        owned_inboxes: Iterable[int] = (WHATSAPP_INBOX_ID,),
        clock: Callable[[], float] = time.time,
        deletion_delay_s: float = 0.05,
        timeout_s: float = WEBHOOK_TIMEOUT_S,
        requests_per_minute: int = 3000,
        searches_per_minute: int = 100,
    ) -> None:
        super().__init__(host=host, port=port)
        self.state_file = Path(state_file) if state_file else None
        self.owned_inboxes = list(owned_inboxes)
        self.deletion_delay_s = deletion_delay_s
        self.store = Store(clock=clock)
        self.pool = WorkerPool(concurrency)
        self.faults = FaultSwitches(seed)
        numbers = tuple(int(part) for part in version.split("."))
        self.bodies = Bodies(self.store, version=numbers, public_url=PUBLIC_URL)
        self.views = Views(self.store, self.bodies)
        self.dispatcher = Dispatcher(
            self.store, self.bodies, self.pool, self.faults, clock=clock, timeout_s=timeout_s, shuffle=shuffle
        )
        self.scenario = Scenario(self)
        self.api = RestApi(
            self,
            self.views,
            self.faults,
            requests_per_minute=requests_per_minute,
            searches_per_minute=searches_per_minute,
        )
        for module in (rest_contacts, rest_conversations, rest_settings):
            module.register(self.api)
        self._saver: _Saver | None = None
        self._load()

    # -- life

    def start(self) -> Self:
        super().start()
        if self.state_file is not None and self._saver is None:
            self._saver = _Saver(self.store, self.state_file)
        return self

    def stop(self) -> None:
        """Stops listening and delivering; what was still queued is lost, as in a real crash."""
        super().stop()
        self.pool.stop()
        if self._saver is not None:
            self._saver.stop()
            self._saver = None

    def reset(self) -> None:
        """Back to the example account, also without registered webhooks; faults off, records gone."""
        self.pool.stop()
        with self.store.lock:
            self.store.clear()
            example_account.build(self.store)
            self.api.calls.clear()
        self.faults.clear()
        self.dispatcher.forget()

    def _load(self) -> None:
        if self.state_file is not None and self.state_file.exists():
            self.store.load(self.state_file)
        else:
            example_account.build(self.store)

    # -- webhooks

    def register_webhook(
        self,
        url: str,
        subscriptions: Iterable[str] = DEFAULT_EVENTS,
        *,
        secret: str | None = None,
        account_id: int = ACCOUNT_ID,
    ) -> Webhook:
        """As an administrator would in the settings. Raises `Invalid` for a taken address or unknown event."""
        with self.step() as store:
            return add_webhook(store, account_id=account_id, url=url, subscriptions=list(subscriptions), secret=secret)

    def capture(self, *, late: bool = False) -> AbstractContextManager[list[Delivery]]:
        """Deliveries are built and collected instead of sent; see `Dispatcher.capture`."""
        return self.dispatcher.capture(late=late)

    def wait_idle(self, timeout_s: float = 30.0) -> None:
        """Returns when every delivery and background deletion is over. Raises TimeoutError."""
        self.pool.wait_idle(timeout_s)

    def set_faults(self, **switches: Value) -> None:
        """See `faults.Faults`. Raises ValueError."""
        self.faults.set(**switches)

    # -- scenario

    def play(self, phase: str, **options: Value) -> Expectation:
        """One phase of the example conversations; options as in `Scenario.run`. Does not wait for deliveries."""
        options.setdefault("inboxes", self.owned_inboxes)
        return self.scenario.run(phase, **options)

    # -- HTTP

    def handle(self, request: Request) -> Response:
        pages: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/__state__"): self._state_page,
            ("GET", "/__faults__"): lambda request: json_response(200, self.faults.as_json()),
            ("POST", "/__faults__"): self._faults_page,
            ("DELETE", "/__faults__"): self._no_faults_page,
            ("POST", "/__scenario__"): self._scenario_page,
            ("GET", "/__wait__"): self._wait_page,
            ("POST", "/__reset__"): self._reset_page,
        }
        page = pages.get((request.method, request.path))
        if page is None:
            return self.api.answer(request)
        try:
            return page(request)
        except (ValueError, TypeError) as error:
            return json_response(400 if isinstance(error, MalformedJSON) else 422, {"error": str(error)})

    def _state_page(self, request: Request) -> Response:
        """`?only=deliveries,scenario` shows those sections; `?items=0` leaves out the single deliveries."""
        only = [name for name in (request.param("only") or "").split(",") if name]
        unknown = set(only) - set(_STATE_SECTIONS)
        if unknown:
            raise ValueError(f"unknown section; known: {', '.join(_STATE_SECTIONS)}")
        return json_response(200, self.state(only or _STATE_SECTIONS, items=request.param("items") != "0"))

    def _faults_page(self, request: Request) -> Response:
        return json_response(200, self.faults.set(**_options(request)))

    def _no_faults_page(self, request: Request) -> Response:
        self.faults.clear()
        return json_response(200, self.faults.as_json())

    def _scenario_page(self, request: Request) -> Response:
        """`{"phase", "conversations", "seed", "offset", "batch", "inboxes", "wait"}`; `wait` in seconds."""
        options = _options(request)
        wait_s = options.pop("wait", None)
        phase = str(options.pop("phase", ""))
        try:
            expectation = self.play(phase, **options)
        except ScenarioError as error:
            return json_response(409 if phase in PHASES else 422, {"error": str(error)})
        if wait_s:
            self.wait_idle(float(wait_s))
        return json_response(200, expectation.as_json())

    def _wait_page(self, request: Request) -> Response:
        try:
            self.wait_idle(float(request.param("timeout") or 30))
        except TimeoutError as error:
            return json_response(504, {"idle": False, "error": str(error)})
        return json_response(200, {"idle": True, **self.dispatcher.counts()})

    def _reset_page(self, request: Request) -> Response:
        self.reset()
        return json_response(200, {"reset": True})

    # -- state

    def state(self, sections: Iterable[str] = _STATE_SECTIONS, *, items: bool = True) -> Json:
        """Everything there is, as `/__state__` shows it."""
        parts: dict[str, Callable[[], Any]] = {
            "accounts": lambda: [asdict(row) for row in self.store.accounts.values()],
            "contacts": lambda: [_shown(row) for row in self.store.contacts.values()],
            "conversations": self._conversations_state,
            "messages": self._messages_state,
            "webhooks": lambda: [self.views.webhook(row) for row in self.store.webhooks.values()],
            "deliveries": lambda: self.dispatcher.report(items=items),
            "rest": lambda: {"total": self.api.calls.total(), "by_call": dict(self.api.calls)},
            "scenario": self._scenario_state,
        }
        with self.store.lock:
            version = ".".join(map(str, self.bodies.version))
            return {"version": version, "url": self.url, **{name: parts[name]() for name in sections}}

    def _conversations_state(self) -> list[Json]:
        return [
            {**_shown(row), "messages": len(self.store.messages_of(row))} for row in self.store.conversations.values()
        ]

    def _messages_state(self) -> list[Json]:
        numbers = {row.id: row.display_id for row in self.store.conversations.values()}
        return [
            {**_shown(row), "conversation_id": numbers.get(row.conversation_id)} for row in self.store.messages.values()
        ]

    def _scenario_state(self) -> Json:
        """All batches, and what a bridge that owns `owned_inboxes` must hold in total."""
        live = self.store.live_conversations(ACCOUNT_ID)
        own = [row for row in live if row.inbox_id in self.owned_inboxes]
        return {
            "owned_inboxes": self.owned_inboxes,
            "batches": [asdict(row) for row in self.store.batches.values()],
            "expected": asdict(figures(self.store, own)),
        }


class _Saver:
    """Writes the state file soon after changes, from a thread of its own."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self.path = path
        self._saved_changes = -1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chatwoot-saver", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_SAVE_EVERY_S):
            self._save()
        self._save()

    def _save(self) -> None:
        changes = self.store.changes
        if changes != self._saved_changes:
            self.store.save(self.path)
            self._saved_changes = changes


def _options(request: Request) -> Json:
    body = request.json()
    if not isinstance(body, dict):
        raise ValueError("a JSON object is needed")
    return body


def _shown(row: Row) -> Json:
    """A row with its times as text."""
    values = asdict(row)
    return {name: iso(value) if name.endswith(("_at", "_since")) and value else value for name, value in values.items()}
