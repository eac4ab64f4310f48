"""HTTP of both webhook addresses: the bytes as received, and every outcome as the JSON answer of DESIGN section 3."""

import logging
from collections.abc import Callable
from typing import Protocol

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from bridge.webhooks import intake
from bridge.webhooks.durable import NotKept
from bridge.webhooks.intake import Outcome
from config.addresses import address_of
from config.limits import InvalidTraffic

logger = logging.getLogger(__name__)
invalid_traffic = InvalidTraffic()
RETRY_AFTER_S = 5


class Refused(Exception):
    """The call is answered with `status`; `reason` is counted and told, nothing is stored.

    `is_invalid`: it counts against its address. Calls to a connection that is off are only too late.
    """

    def __init__(self, status: int, reason: str, connection_id: int | None = None, *, is_invalid: bool = True) -> None:
        super().__init__(reason)
        self.status, self.reason, self.connection_id, self.is_invalid = status, reason, connection_id, is_invalid


class WebhookView(Protocol):
    """Takes a POST and returns what became of it. Raises Refused, NotKept."""

    def __call__(self, request: HttpRequest, public_id: str) -> Outcome: ...


def answered(view: WebhookView) -> Callable[[HttpRequest, str], HttpResponse]:
    """Turn outcomes and refusals into answers; never a false 202."""

    @csrf_exempt
    def handle(request: HttpRequest, public_id: str) -> HttpResponse:
        response = _response(view, request, public_id)
        # Django would log each refused address, which holds the connection's path token; we log refusals ourselves.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    return handle


def _response(view: WebhookView, request: HttpRequest, public_id: str) -> HttpResponse:
    if request.method != "POST":
        return JsonResponse({"error": "use POST"}, status=405, headers={"Allow": "POST"})
    try:
        return JsonResponse({"status": view(request, public_id)}, status=202)
    except Refused as refusal:
        return _refusal(request, refusal)
    except NotKept as error:
        logger.error("webhook not stored: %s", error)
        return JsonResponse({"error": "not stored"}, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})


def _refusal(request: HttpRequest, refusal: Refused) -> HttpResponse:
    if refusal.is_invalid:
        wait_s = invalid_traffic.refused(address_of(request.META))
        if wait_s is not None:
            headers = {"Retry-After": str(max(1, round(wait_s)))}
            return JsonResponse({"error": "too many refused calls"}, status=429, headers=headers)
    if refusal.connection_id is not None:
        intake.count(refusal.connection_id, refusal.reason)
    logger.warning("webhook refused: %s connection=%s", refusal.reason, refusal.connection_id)
    return JsonResponse({"error": refusal.reason}, status=refusal.status)


def received_bytes(request: HttpRequest, limit: int, connection_id: int) -> bytes:
    """The body as received. Raises Refused without reading on when it is longer than `limit` bytes or breaks off."""
    too_large = Refused(413, "body too large", connection_id)
    announced = _announced_length(request)
    if announced > limit:
        raise too_large
    try:
        body = _chunks(request, limit) if _is_chunked(request) else request.body
    except RequestDataTooBig as error:
        raise too_large from error
    except (UnreadablePostError, OSError) as error:
        raise Refused(400, "body incomplete", connection_id) from error
    if len(body) > limit:
        raise too_large
    if len(body) < announced:
        raise Refused(400, "body incomplete", connection_id)
    return body


def _announced_length(request: HttpRequest) -> int:
    text = str(request.META.get("CONTENT_LENGTH") or "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _is_chunked(request: HttpRequest) -> bool:
    """Without a length Django reads nothing; a proxy may pass a body on in chunks, whose end the server knows."""
    return not request.META.get("CONTENT_LENGTH") and bool(request.META.get("wsgi.input_terminated"))


def _chunks(request: HttpRequest, limit: int) -> bytes:
    body: bytes = request.META["wsgi.input"].read(limit + 1)
    return body
