"""Response headers that hold for every page, and the short way of calls that are none."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

# Nothing of the browser's hardware is used anywhere; whoever gets a script into a page gets none of it either.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "serial", "usb",
    )
)  # fmt: skip

# Pages drawn with the admin's theme.
THEMED = ("/admin/", "/conta/")


class ContentSecurityPolicy:
    """Nothing from other hosts. The admin theme evaluates expressions, hence 'unsafe-eval' there and nowhere else.

    Views that need another policy (panel, API) set their own (DESIGN section 13, screens section 15).
    """

    ADMIN = (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; "
        "form-action 'self'"
    )
    STRICT = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = self.ADMIN if request.path.startswith(THEMED) else self.STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response


class WebhooksAtOnce:
    """Webhooks go straight to their view: they have no session, no form and no page, and each ms is lost for all."""

    PATH = "/webhooks/"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(self.PATH):
            return self.get_response(request)
        try:
            found = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        response: HttpResponse = found.func(request, *found.args, **found.kwargs)
        return response
