"""Ends sessions that are over, and sign-ins that lack the second factor their roles demand.

Belongs after the authentication middleware. Whoever lacks the second factor is not signed in at all for what comes
after: no page has to think of it. That is so at the next request after somebody was given such a role, too.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib import auth, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from audit.models import ActorType, Outcome
from audit.services import record
from consent.access import sessions
from consent.models import User


class AccessMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Webhooks, probes and the API have no session: nothing is read for them.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and auth.SESSION_KEY in request.session:
            self.look_at(request)
        return self.get_response(request)

    def look_at(self, request: HttpRequest) -> None:
        if not isinstance(request.user, User):
            return
        if sessions.is_over(request.session):
            sessions.end(request, reason="session_over")
            messages.info(request, _("You were signed out because the session was over. Sign in again."))
        elif request.user.must_have_second_factor and not sessions.is_verified(request.session):
            sessions.wait_for_code(request, request.user)
        elif not is_poll(request):
            sessions.note_use(request.session)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Somebody asked for what their role may not: that stands in the trail."""
        if isinstance(exception, PermissionDenied) and isinstance(request.user, User):
            match = request.resolver_match
            record(
                action="denied",
                actor_type=ActorType.STAFF,
                actor_id=str(request.user.pk),
                object_type="page",
                object_id=(match.view_name if match else "")[:64],
                outcome=Outcome.DENIED,
                reason_code="not_permitted",
                own_connection=False,
            )


def is_poll(request: HttpRequest) -> bool:
    """A page that asks by itself what is new: no sign of anybody being there."""
    return request.method == "GET" and "HX-Request" in request.headers
