"""The REST API: who calls, what they may, which handler answers, and what a refusal looks like (contract section 9)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.sandbox.http import (
    CutConnection,
    MalformedJSON,
    Request,
    Response,
    Router,
    json_response,
    text_response,
)

from . import rows
from .conversations import ConversationActions, UnknownStatus
from .faults import FaultSwitches
from .filters import BadFilter
from .people import ContactOnline, Invalid, Refused
from .rows import Json, Row, Value
from .store import NotFound
from .views import Views

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_NOT_FOUND = {"error": "Resource could not be found"}
_NOT_ALLOWED = {"error": "You are not authorized to do this action"}
_BAD_TOKEN = {"error": "Invalid Access Token"}
_NO_TOKEN = {"errors": ["You need to sign in or sign up before continuing."]}
_ERROR_PAGE = "<!DOCTYPE html><html><head><title>We're sorry, but something went wrong (500)</title></head></html>"

CONTACTS_PER_PAGE = 15
CONVERSATIONS_PER_PAGE = 25


class NotAllowed(Exception):
    """The token's user may not do this: 401, not 403 (contract 13.11)."""


@dataclass(slots=True)
class Call:
    """One authorised request to the API of one account; handlers run with the store's lock held."""

    chat: ConversationActions
    views: Views
    request: Request
    account_id: int
    user: rows.User
    ids: dict[str, str]
    body: Json = field(default_factory=dict)

    @property
    def administrator(self) -> bool:
        return self.user.role_in(self.account_id) == "administrator"

    def need_administrator(self) -> None:
        if not self.administrator:
            raise NotAllowed

    def id(self, name: str = "id") -> int:
        """A number from the path; text that is none is an unknown row."""
        text = self.ids[name]
        if not text.isdigit():
            raise NotFound(text)
        return int(text)

    def number(self, name: str) -> int | None:
        """A number from the query, None when it is absent or no number."""
        text = self.request.param(name) or ""
        return int(text) if text.lstrip("-").isdigit() else None

    def many(self, name: str) -> list[str]:
        """Values of `name` or `name[]`."""
        return [value for key, value in self.request.query if key in (name, f"{name}[]")]

    def page(self) -> int:
        return max(self.number("page") or 1, 1)

    def page_as_sent(self) -> int | str:
        """`current_page` echoes the parameter, which is text, and is the number 1 without one."""
        return self.request.param("page") or 1

    def row(self, table: str, name: str = "id") -> Row:
        return self.chat.store.get(table, self.id(name), self.account_id)

    def conversation(self) -> rows.Conversation:
        """The conversation of the path. Agents see only those of their inboxes."""
        found = self.chat.store.conversation(self.id("conversation"), self.account_id)
        if not self.sees(found):
            raise NotAllowed
        return found

    def sees(self, conversation: rows.Conversation) -> bool:
        inbox = self.chat.store.inboxes[conversation.inbox_id]
        return self.administrator or self.user.id in inbox.member_ids

    def strings(self, name: str) -> list[str]:
        """A list of strings from the body, however it was sent."""
        value = self.body.get(name)
        items = value if isinstance(value, list) else [] if value is None else [value]
        return [str(item) for item in items]


Handler = Callable[[Call], Response]


def ok(data: Value) -> Response:
    return json_response(200, data, _JSON)


def empty() -> Response:
    return Response(200, b"", {"Content-Type": "text/html"})


class Throttle:
    """Calls a minute, in windows of the clock's minutes, as rack-attack counts."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._window = 0
        self._counts: Counter[str] = Counter()

    def allows(self, key: str) -> bool:
        window = int(time.time() // 60)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, Counter()
            self._counts[key] += 1
            return self._counts[key] <= self.limit


class RestApi:
    """Answers `/api/v1/...`."""

    def __init__(
        self,
        chat: ConversationActions,
        views: Views,
        faults: FaultSwitches,
        *,
        requests_per_minute: int,
        searches_per_minute: int,
    ) -> None:
        self.chat = chat
        self.views = views
        self.faults = faults
        self.router: Router[Handler] = Router()
        self.calls: Counter[str] = Counter()
        self._requests = Throttle(requests_per_minute)
        self._searches = Throttle(searches_per_minute)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """`path` is below `/api/v1/accounts/{account}`."""
        self.router.add(method, r"/api/v1/accounts/{account:\d+}" + path, handler)

    def answer(self, request: Request) -> Response:
        """Raises `CutConnection` when the fault switch says that the API is down."""
        refusal = self._faulty() or self._throttled(request)
        if refusal is not None:
            return refusal
        user = self._user(request)
        if isinstance(user, Response):
            return user
        if request.path == "/api/v1/profile" and request.method == "GET":
            return self._profile(user)
        match = self.router.match(request.method, request.path)
        if match is None:
            return json_response(404, _NOT_FOUND, _JSON)
        account_id = int(match.params["account"])
        if not self._may_enter(user, account_id):
            return json_response(401, _NOT_ALLOWED, _JSON)
        self._count(match.handler.__name__)
        call = Call(self.chat, self.views, request, account_id, user, match.params)
        return self._run(match.handler, call)

    def _profile(self, user: rows.User) -> Response:
        self._count("profile")
        with self.chat.store.lock:
            return ok(self.views.profile(user))

    def _run(self, handler: Handler, call: Call) -> Response:
        try:
            call.body = _json_object(call.request)
            with self.chat.step():
                return handler(call)
        except NotFound:
            return json_response(404, _NOT_FOUND, _JSON)
        except NotAllowed:
            return json_response(401, _NOT_ALLOWED, _JSON)
        except Invalid as error:
            return json_response(422, {"message": error.message, "attributes": error.attributes}, _JSON)
        except ContactOnline:
            return json_response(422, {"message": "O contato está online. Tente mais tarde."}, _JSON)
        except (Refused, BadFilter) as error:
            return json_response(422, {"error": str(error)}, _JSON)
        except MalformedJSON:
            return text_response(400, "")
        except UnknownStatus:
            return text_response(500, _ERROR_PAGE)

    def _faulty(self) -> Response | None:
        mode, delay_s = self.faults.rest_mode()
        if mode == "down":
            raise CutConnection
        if mode == "slow":
            time.sleep(delay_s)
        if mode == "error":
            return text_response(500, _ERROR_PAGE)
        return _too_many() if mode == "throttled" else None

    def _throttled(self, request: Request) -> Response | None:
        if not self._requests.allows(request.client):
            return _too_many()
        parts = request.path.split("/")
        if request.path.endswith("/contacts/search") and not self._searches.allows(parts[4]):
            return _too_many()
        return None

    def _user(self, request: Request) -> rows.User | Response:
        """The token's user. Header names with underscores stay as they are here; some proxies drop them."""
        token = request.header("api_access_token")
        if not token:
            return json_response(401, _NO_TOKEN, _JSON)
        with self.chat.store.lock:
            found = next((user for user in self.chat.store.users.values() if user.token == token), None)
        return found if found is not None else json_response(401, _BAD_TOKEN, _JSON)

    def _may_enter(self, user: rows.User, account_id: int) -> bool:
        """Not into a foreign, unknown or suspended account."""
        with self.chat.store.lock:
            account = self.chat.store.accounts.get(account_id)
        return account is not None and account.status == "active" and user.role_in(account_id) is not None

    def _count(self, name: str) -> None:
        with self.chat.store.lock:
            self.calls[name] += 1


def _too_many() -> Response:
    return Response(429, b"Retry later\n", {"Content-Type": "text/plain"})


def _json_object(request: Request) -> Json:
    """The body as an object; forms are read by the one handler that takes them."""
    if "json" not in request.header("content-type", "application/json"):
        return {}
    body = request.json()
    return body if isinstance(body, dict) else {}
