"""Every error of the API as `application/problem+json` (RFC 9457), in the language of the caller."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from audit.context import current_request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DOCS = "/api/v1/docs"
RETRY_AFTER_S = 5
Text = str | Promise


@dataclass(frozen=True)
class Kind:
    """One kind of error: `code` for programs, `title` and `detail` for people."""

    code: str
    status: int
    title: Text
    detail: Text


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("invalid", 400, _("The request is not valid"),
             _("One or more values cannot be used; `errors` names them.")),
        Kind("malformed", 400, _("The body is not JSON"), _("Send one JSON object, in UTF-8.")),
        Kind("key_missing", 401, _("A key is needed"), _("Send the header: Authorization: Bearer <key>.")),
        Kind("key_malformed", 401, _("This is not a key"), _("A key begins with ponte_ and is sent whole.")),
        Kind("key_unknown", 401, _("The key is not valid"), _("Copy the key again, or ask the clinic for a new one.")),
        Kind("key_expired", 401, _("The key has expired"), _("Ask the clinic for a new key.")),
        Kind("key_revoked", 401, _("The key was revoked"), _("Ask the clinic for a new key.")),
        Kind("scope_missing", 403, _("The key may not do this"),
             _("Ask the clinic for a key with this permission; `scope` names it.")),
        Kind("not_found", 404, _("Not found"), _("There is nothing at this address for this key.")),
        Kind("method_not_allowed", 405, _("This address does not take this method"), _("`Allow` names those it takes.")),
        Kind("not_acceptable", 406, _("There is no such representation"), _("Answers are JSON only.")),
        Kind("conflict", 409, _("This cannot be done now"), _("The state does not allow it; read it again first.")),
        Kind("too_large", 413, _("The body is too large"), _("Send at most 64 KiB.")),
        Kind("unsupported_media_type", 415, _("The body has another type"), _("Send JSON: Content-Type: application/json.")),
        Kind("too_many_requests", 429, _("Too many calls"), _("Wait as many seconds as `Retry-After` says.")),
        Kind("internal", 500, _("An error of ours"),
             _("It was recorded. Tell the technical team the number in `request_id`.")),
        Kind("unavailable", 503, _("Not available at the moment"), _("Try again in a few seconds.")),
    )
}  # fmt: skip


class Problem(exceptions.APIException):
    """An error of one kind. `more` are further members of the answer."""

    def __init__(
        self, code: str, *, detail: Text = "", headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__()
        self.kind = KINDS[code]
        self.status_code = self.kind.status
        self.text, self.headers, self.more = detail or self.kind.detail, dict(headers or {}), more


def invalid(field: str, message: Text) -> Problem:
    """One value that cannot be used."""
    return Problem("invalid", errors=[{"field": field, "message": str(message)}])


def answer(error: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's exception handler: no error leaves the API in another shape."""
    problem = as_problem(error)
    set_rollback()
    if problem.status_code >= 500:
        _tell(error, context)
    return response_of(problem)


def response_of(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": f"{DOCS}#{problem.kind.code}",
        "title": str(problem.kind.title),
        "status": problem.kind.status,
        "detail": str(problem.text),
        "code": problem.kind.code,
        "request_id": current_request_id(),
        **problem.more,
    }
    return Response(body, problem.kind.status, headers=problem.headers, content_type=MEDIA_TYPE)


SIMPLE: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ParseError, "malformed"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.NotFound, "not_found"),
    (Http404, "not_found"),
    (exceptions.NotAuthenticated, "key_missing"),
    (exceptions.AuthenticationFailed, "key_unknown"),
    (PermissionDenied, "not_found"),
)


def as_problem(error: Exception) -> Problem:
    """Translate whatever was raised; unknown errors are ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Problem("invalid", errors=list(_flat(error.detail)))
    if isinstance(error, exceptions.MethodNotAllowed):
        return Problem("method_not_allowed")
    for kind, code in SIMPLE:
        if isinstance(error, kind):
            return Problem(code)
    if isinstance(error, OperationalError | InterfaceError):
        return Problem("unavailable", headers={"Retry-After": str(RETRY_AFTER_S)})
    return Problem("internal")


def _flat(detail: Any, name: str = "") -> list[dict[str, str]]:
    """`{"stage": {"id": ["…"]}}` as one line per value."""
    if isinstance(detail, Mapping):
        return [line for key, value in detail.items() for line in _flat(value, f"{name}.{key}".strip("."))]
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return [line for value in detail for line in _flat(value, name)]
    return [{"field": name or "body", "message": str(detail)}]


def _tell(error: Exception, context: Mapping[str, Any]) -> None:
    """Log an error of ours and tell whoever listens for errors, as Django does for its own views."""
    if isinstance(error, DatabaseError | InterfaceError):
        logger.error("api: %s request=%s", type(error).__name__, current_request_id())
        return
    logger.exception("api: unexpected error request=%s", current_request_id())
    got_request_exception.send(sender=None, request=getattr(context.get("request"), "_request", None))
