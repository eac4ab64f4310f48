"""Tells the audit trail who is behind a request. Belongs after the authentication middleware."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.context import Visit, acting_as
from config.addresses import address_of


class ActorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # request.user is lazy: a request that changes nothing audited never asks who it is.
        visit = Visit(address_of(request.META) or None, request.headers.get("User-Agent", ""))
        with acting_as(getattr(request, "user", None), visit=visit):
            return self.get_response(request)
