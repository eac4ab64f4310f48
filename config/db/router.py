"""Who reads where: lists and reports of the admin from the replica, everything else from the primary (DESIGN section 14).

Only rows of the apps below, only while a list or report is answered, and only if the replica has what this reader wrote
last. Sessions, accounts, permissions, consent and decisions are always read from the primary: what was taken away must be
gone at once. Used only where DATABASE_REPLICA_URL is set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.http import HttpRequest, HttpResponse

from config.db.replica import REPLICA, position, replica

APPS = frozenset({"bridge", "insights"})
COOKIE = "ponte_wrote"
COOKIE_S = 600  # a replica that is later than this is not read anyway
SAFE = ("GET", "HEAD", "OPTIONS")

_reading: ContextVar[bool] = ContextVar("reading lists from the replica", default=False)


class ReplicaRouter:
    """Django's hooks. None leaves the choice to Django: the alias of the related object, else the primary."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        if _reading.get() and model._meta.app_label in APPS:
            return REPLICA
        return _not_the_replica(hints)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return _not_the_replica(hints)

    def allow_relation(self, first: models.Model, second: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None


def _not_the_replica(hints: dict[str, Any]) -> str | None:
    found = getattr(getattr(hints.get("instance"), "_state", None), "db", None)
    return DEFAULT_DB_ALIAS if found == REPLICA else None


@contextmanager
def lists_from_replica(wrote_at: str = "") -> Iterator[bool]:
    """Read lists from the replica in this block, if it has all that was written up to `wrote_at`; tells whether."""
    token = _reading.set(replica.may_serve(wrote_at))
    try:
        yield _reading.get()
    finally:
        _reading.reset(token)


class ReplicaForLists:
    """Lists and reports of the admin; whoever wrote something reads the primary until the replica has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _reading.set(False)
        try:
            response = self._get_response(request)
        finally:
            _reading.reset(token)
        if request.method not in SAFE and request.path.startswith("/admin/"):
            response.set_cookie(
                COOKIE, position(), max_age=COOKIE_S, httponly=True, samesite="Lax", secure=settings.SECURE_TLS
            )
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, named: object) -> None:
        if is_list(request):
            _reading.set(replica.may_serve(request.COOKIES.get(COOKIE, "")))


def is_list(request: HttpRequest) -> bool:
    """A list of the admin, or a page of numbers."""
    match = request.resolver_match
    if match is None or match.namespace != "admin" or request.method not in SAFE:
        return False
    name = match.url_name or ""
    return name.endswith("_changelist") or name.startswith("insights_")
