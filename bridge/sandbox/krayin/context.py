"""What every handler works with: the simulated application and the call it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from bridge.sandbox.http import Json, MalformedJSON, Request
from bridge.sandbox.krayin.errors import NotFound, PhpDied, ServerError
from bridge.sandbox.krayin.moments import Moments
from bridge.sandbox.krayin.store import Row, Store

_LARGEST_ID = 2**63 - 1
_TRIMMED = " \t\n\r\0\x0b\x0c\ufeff\u200b\u200e"
_UNTRIMMED = ("password", "current_password", "password_confirmation")


@dataclass(slots=True)
class Crm:
    """The application: its database, its clock, its version and how it sends webhooks."""

    store: Store
    moments: Moments
    version: str
    site: str
    send: Callable[[Row], Row]


@dataclass(slots=True)
class Call:
    """One call inside a controller: trimmed input (body over query), path parameters, the token's user.

    `died_after` names the entity after whose row PHP dies (fault switch), "any" for the first one.
    """

    crm: Crm
    request: Request
    data: dict[str, Any]
    params: Mapping[str, str]
    user: Row
    query: dict[str, Json] = field(default_factory=dict)
    died_after: str | None = None

    @property
    def store(self) -> Store:
        return self.crm.store

    @property
    def now(self) -> str:
        return self.crm.moments.now()

    def iso(self, stored: str | None) -> str | None:
        return self.crm.moments.iso(stored)

    def id(self, name: str = "id") -> int:
        """A path parameter typed `int` in the controller: anything else ends as 500."""
        text = self.params[name]
        if not text.isdigit() or int(text) > _LARGEST_ID:
            raise ServerError
        return int(text)

    def row_written(self, entity_type: str) -> None:
        """A row exists whose attribute values are still to be written: here the fault switch cuts."""
        if self.died_after in (entity_type, "any"):
            raise PhpDied

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Lets other calls work while this one waits for a webhook receiver, which may call back."""
        self.store.lock.release()
        try:
            yield
        finally:
            self.store.lock.acquire()


def read_input(request: Request) -> tuple[dict[str, Json], dict[str, Json]]:
    """Query and body as Laravel reads them: `(query, all input)`, texts trimmed, `a[]` as lists.

    Raises `ServerError` for a body that is announced as JSON and is none.
    """
    query = _trim(_nested(request.query))
    body = _trim(_body(request))
    return query, {**query, **body}


def _body(request: Request) -> dict[str, Json]:
    kind = request.header("content-type").lower()
    if "/json" in kind or "+json" in kind:
        try:
            content = request.json()
        except MalformedJSON as error:
            raise ServerError from error
        if isinstance(content, dict):
            return content
        return {str(index): item for index, item in enumerate(content)} if isinstance(content, list) else {}
    if "x-www-form-urlencoded" in kind:
        return _nested(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return {}


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Json]:
    """`a[]=1&a[]=2` becomes a list, as far as one level; otherwise the last value wins."""
    result: dict[str, Json] = {}
    for key, value in pairs:
        name, bracket, _ = key.partition("[")
        if bracket:
            held = result.get(name)
            result[name] = [*held, value] if isinstance(held, list) else [value]
        else:
            result[name] = value
    return result


def _trim(value: Json, key: str = "") -> Json:
    if isinstance(value, str):
        return value if key in _UNTRIMMED else value.strip(_TRIMMED)
    if isinstance(value, dict):
        return {name: _trim(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_trim(item) for item in value]
    return value


def is_empty(value: Json) -> bool:
    """PHP's `empty()`."""
    return value in (None, "", "0", 0, False) or value == [] or value == {}


def to_int(value: Json) -> int | None:
    """A value bound to an integer column with strict mode off; arrays end as 500."""
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise ServerError
    if isinstance(value, str):
        digits = ""
        for character in value.strip():
            if not (character.isdigit() or (character == "-" and not digits)):
                break
            digits += character
        return int(digits) if digits.strip("-") else 0
    return int(value)


def to_text(value: Json) -> str | None:
    """A value bound to a text column; arrays end as 500."""
    if isinstance(value, (dict, list)):
        raise ServerError
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def must_exist(store: Store, table: str, row_id: int | None) -> None:
    """A foreign key: NULL passes, an unknown id ends as 500."""
    if row_id is not None and row_id not in store.table(table):
        raise ServerError


def found(store: Store, table: str, row_id: int) -> Row:
    """`findOrFail`: raises `NotFound`."""
    row = store.get(table, row_id)
    if row is None:
        raise NotFound
    return row


def expected(store: Store, table: str, row_id: object) -> Row:
    """A record the controller uses without looking whether it exists: raises `ServerError`."""
    row = store.get(table, row_id)
    if row is None:
        raise ServerError
    return row
