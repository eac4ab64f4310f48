"""Who acts in the current request or job, for audit rows that are written far from where this is known."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


class Person(Protocol):
    """A signed-in or anonymous user."""

    @property
    def pk(self) -> int | None: ...

    @property
    def is_authenticated(self) -> bool: ...


@dataclass
class Visit:
    """Where a request comes from. `access_ref` is filled when its row is written."""

    ip: str | None
    user_agent: str
    access_ref: uuid.UUID | None = None


@dataclass(frozen=True)
class Acting:
    """`user` is the signed-in person, possibly lazy or anonymous; None for jobs and commands, which visit nothing."""

    user: Person | None
    request_id: str
    visit: Visit | None = None


_acting: ContextVar[Acting | None] = ContextVar("ponte_acting", default=None)


@contextmanager
def acting_as(user: Person | None, *, request_id: str = "", visit: Visit | None = None) -> Iterator[Acting]:
    """Attribute what happens inside to the user, under one request id (made when none is given)."""
    acting = Acting(user, request_id or uuid.uuid4().hex, visit)
    token = _acting.set(acting)
    try:
        yield acting
    finally:
        _acting.reset(token)


def current_user_id() -> int | None:
    """Return the acting person's id; None for the system and for anonymous visitors."""
    acting = _acting.get()
    user = acting.user if acting else None
    return user.pk if user is not None and user.is_authenticated else None


def current_visit() -> Visit | None:
    acting = _acting.get()
    return acting.visit if acting else None


def current_request_id() -> str:
    acting = _acting.get()
    return acting.request_id if acting else ""
