"""What the simulated Krayin throws, and how its error handler shows it (contract sections 2, 20.3).

With debug off nearly everything becomes a bare 500; without `Accept: application/json` every thrown failure becomes
status 200 with an HTML page. Answers that a controller returns itself are not touched by this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.http import Request, Response, json_response, text_response

INTERNAL = "admin::app.common.internal-server-error"
NOT_FOUND = "admin::app.common.resource-not-found"
UNAUTHENTICATED = "admin::app.common.unauthenticated"
MAINTENANCE = "admin::app.common.something-went-wrong"
TOO_MANY = "Too Many Attempts."

_HTML = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


class CrmError(Exception):
    """A failure thrown inside Krayin: `debug_status` is the true status, `status` what production shows."""

    status = 500
    debug_status = 500
    message = INTERNAL

    def headers(self, debug: bool) -> Mapping[str, str]:
        return {}

    def body(self, debug: bool) -> dict[str, Any]:
        return {"message": self.message if debug or self.status == self.debug_status else INTERNAL}


class ServerError(CrmError):
    """PHP error, database refusal, record that was expected: 500 in every mode."""


class PhpDied(CrmError):
    """The PHP process ended in the middle of the work: no headers of the limiter either."""


class NotFound(CrmError):
    """Unknown lead, activity or webhook, unknown route: 404 in every mode."""

    status = debug_status = 404
    message = NOT_FOUND


class Unauthenticated(CrmError):
    """No token, unknown token, revoked token: 401, shown as 500 in production."""

    debug_status = 401
    message = UNAUTHENTICATED


class WrongMethod(CrmError):
    """The path exists under another method: 405, shown as 500 in production."""

    debug_status = 405
    message = "admin::app.common.method-not-allowed"


class BodyTooLarge(CrmError):
    """Above `post_max_size`: 413, shown as 500 in production."""

    debug_status = 413
    message = "admin::app.common.payload-too-large"


class Maintenance(CrmError):
    """Maintenance mode: 503 in every mode."""

    status = debug_status = 503
    message = MAINTENANCE


class TooMany(CrmError):
    """Over a limit: 429 with `Retry-After`, shown as a bare 500 in production."""

    debug_status = 429
    message = TOO_MANY

    def __init__(self, *, limit: int, retry_after: int, reset: int) -> None:
        super().__init__(TOO_MANY)
        self._headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "Retry-After": str(retry_after),
            "X-RateLimit-Reset": str(reset),
        }

    def headers(self, debug: bool) -> Mapping[str, str]:
        return self._headers if debug else {}


class Invalid(CrmError):
    """Validation failure: 422 with `errors`, a map of dotted field names to texts, in every mode."""

    status = debug_status = 422

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("invalid")
        self.errors = dict(errors)

    def body(self, debug: bool) -> dict[str, Any]:
        texts = [text for field in self.errors.values() for text in field]
        more = len(texts) - 1
        suffix = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
        return {"message": texts[0] + suffix, "errors": self.errors}


def expects_json(request: Request) -> bool:
    """Whether failures come as JSON: the first accepted type must name JSON, `*/*` does only for XMLHttpRequest."""
    accepted = request.header("accept").split(",")[0].split(";")[0].strip().lower()
    if "/json" in accepted or "+json" in accepted:
        return True
    return is_ajax(request) and accepted in ("", "*", "*/*")


def is_ajax(request: Request) -> bool:
    return request.header("x-requested-with") == "XMLHttpRequest"


def redirect(location: str) -> Response:
    """What a browser form would get: 302 to the site root with an HTML body."""
    return text_response(302, _HTML.format(title="Redirecting"), "text/html; charset=utf-8", {"Location": location})


def render(error: CrmError, request: Request, *, debug: bool, site: str) -> Response:
    """The answer for a thrown failure; limiter headers are added by the limiter, not here."""
    if expects_json(request):
        return json_response(
            error.debug_status if debug else error.status, error.body(debug), dict(error.headers(debug))
        )
    if isinstance(error, Invalid):
        return redirect(site)
    if not debug:
        return text_response(200, _HTML.format(title="Error"))
    # An unauthenticated browser is sent to a route that does not exist, which ends as 500 (contract section 1).
    status = 500 if isinstance(error, Unauthenticated) else error.debug_status
    return text_response(status, _HTML.format(title="Error"), headers=dict(error.headers(debug)))
