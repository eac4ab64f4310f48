"""What every address of the API does before and after its own work: language, key, limits, permission, headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.context import acting_as, current_request_id
from bridge.api import keys
from bridge.api.limits import PER_KEY, SENSITIVE, Counted, counters
from bridge.api.problems import Problem
from bridge.models import ApiKey, Connection, Scope
from config.addresses import address_of
from config.limits import InvalidTraffic

BODY_LIMIT = 64 * 1024
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Ponte"'}
invalid_traffic = InvalidTraffic()


@dataclass(frozen=True)
class Caller:
    """Who calls: a program, by its key; it acts with the role `integration` in the key's clinic and nowhere else."""

    key: ApiKey
    is_authenticated: bool = True

    def connections(self) -> Any:
        """The connections this key may know of."""
        return (
            Connection.objects.filter(clinic=self.key.clinic_id)
            .select_related("clinic", "krayin")
            .prefetch_related("breakers")
        )


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; nothing else counts, so there is no cookie that a foreign page could use."""

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey]:
        words = get_authorization_header(request).split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise self._refusal(request, "key_missing")
        try:
            key = keys.recognised(words[1].decode("latin-1"), now=timezone.now())
        except keys.Refused as refused:
            if refused.key is not None:
                record_denied(refused.key, refused.code)
            raise self._refusal(request, refused.code) from None
        return Caller(key), key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE["WWW-Authenticate"]

    def _refusal(self, request: Request, code: str) -> Problem:
        """Refused calls are limited per address: nobody tries keys here."""
        wait_s = invalid_traffic.refused(address_of(request.META))
        if wait_s is not None:
            return Problem("too_many_requests", headers={"Retry-After": str(max(1, round(wait_s)))})
        return Problem(code, headers=CHALLENGE)


def record_denied(key: ApiKey, code: str, scope: Scope | None = None) -> None:
    """One audit row a minute for each key and reason: a program that repeats itself does not fill the trail."""
    if counters.count(f"denied:{key.prefix}:{code}:{scope or ''}", 1).used == 1:
        keys.record_denied(key, code, scope=scope)


class StrictJson(BaseParser):
    """JSON in UTF-8. Whatever cannot be read is a ParseError: other encodings, broken text, endless nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return json.loads(stream.read(BODY_LIMIT + 1).decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ParseError from error


class Plain(APIView):
    """An answer of the API in the caller's language; open to everybody unless a subclass says otherwise."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    parser_classes = [StrictJson]
    renderer_classes = [JSONRenderer]
    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A staff session that the browser happens to send must not sign what a key did.
        with translation.override(translation.get_language_from_request(request)):
            with acting_as(None, request_id=current_request_id()):
                response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            response.headers["Content-Language"] = translation.get_language() or ""
        patch_vary_headers(response, ["Accept-Language"])
        return response


class Route(Plain):
    """An address for keys with `scope`. Sensitive ones take 10 calls a minute, all together 1,000."""

    authentication_classes = [KeyAuthentication]
    scope: ClassVar[Scope]
    is_sensitive: ClassVar[bool] = False
    counted: Counted | None = None

    @property
    def caller(self) -> Caller:
        caller: Any = self.request.user
        if not isinstance(caller, Caller):
            raise TypeError(f"{type(self).__name__} asks for a caller before the key is known")
        return caller

    def check_permissions(self, request: Request) -> None:
        """Count first, so that refused calls count, too."""
        key = self.caller.key
        self._count(key)
        if not key.may(self.scope):
            record_denied(key, "scope_missing", self.scope)
            raise Problem("scope_missing", scope=self.scope.value)
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if length.isdecimal() and int(length[:10]) > BODY_LIMIT:
            raise Problem("too_large")

    def _count(self, key: ApiKey) -> None:
        counts = [counters.count(f"key:{key.prefix}", PER_KEY)]
        if self.is_sensitive:
            counts.append(counters.count(f"key:{key.prefix}:sensitive", SENSITIVE))
        self.counted = min(counts, key=lambda one: one.remaining)
        over = next((one for one in counts if one.is_over), None)
        if over is not None:
            wait_s = over.retry_after_s(timezone.now().timestamp())
            raise Problem("too_many_requests", headers={"Retry-After": str(wait_s)})

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered: Response = super().finalize_response(request, response, *args, **kwargs)
        answered.headers["Cache-Control"] = "no-store"
        if self.counted is not None:
            answered.headers["X-RateLimit-Limit"] = str(self.counted.limit)
            answered.headers["X-RateLimit-Remaining"] = str(self.counted.remaining)
            answered.headers["X-RateLimit-Reset"] = str(self.counted.resets_at)
        return answered


class ConnectionRoute(Route):
    """An address inside one connection; another clinic's connection does not exist."""

    def connection(self) -> Connection:
        """Raises Problem 404."""
        found: Connection | None = self.caller.connections().filter(pk=self.kwargs["connection_id"]).first()
        if found is None:
            raise Problem("not_found")
        return found
