"""The window in which a person signs in to the panel, and that hands the token to the frame which opened it.

A frame inside Chatwoot gets no cookies of ours, a window of our own site does. The token is posted to our own origin
only: a stranger's page that opens this window hears nothing. `state` is the frame's own random text, given back so that
the frame knows the answer belongs to its question.

It is the sign-in of every other page: the same tries, the same second factor. Whoever must have one and has none yet
sets it up in the administration first; attendants need none.

Chatwoot builds a new frame for every conversation, and a browser that blocks third-party storage makes each of them
forget the token. So the window keeps it in a cookie of its own, for itself alone, and hands the same sign-in over again,
which thereby lives no longer.
"""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit.models import Outcome
from audit.services import record
from bridge.models import Connection
from bridge.panel import headers, members, tokens
from consent.access import notes, sessions, signing_in
from consent.access.forms import CodeStep, PasswordStep
from consent.access.signing_in import Step, Way
from consent.access.views import why
from consent.models import User

COOKIE = "ponte_panel"  # sent to this window's address only
STATE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@sensitive_post_parameters("password")
@csrf_protect
@never_cache
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET shows the form, or whom the browser knows already; POST signs in and hands over the token."""
    connection = get_object_or_404(
        Connection.objects.select_related("clinic").exclude(state=Connection.State.OFF), public_id=public_id
    )
    state = request.POST.get("state") or request.GET.get("state") or ""
    if not STATE.fullmatch(state):
        response = _form(request, connection, "")
    else:
        response = _again(request, connection, state) or _page(request, connection, state)
    headers.for_window(response)
    return response


def _again(request: HttpRequest, connection: Connection, state: str) -> HttpResponse | None:
    """The sign-in this window made earlier, if it still counts and nobody wants another."""
    token = request.COOKIES.get(COOKIE, "")
    if request.method != "GET" or "other" in request.GET or not token:
        return None
    viewer = tokens.viewer_of(token, connection.public_id, timezone.now())
    if viewer is None or not viewer.is_permitted:
        return None
    members.refresh_at_sign_in(viewer.user, connection)
    return _handed_over(request, connection, token, state)


def _form(request: HttpRequest, connection: Connection, state: str, **more: object) -> HttpResponse:
    context = {"connection": connection, "state": state, "example_data": settings.EXAMPLE_DATA, **more}
    return render(request, "panel/sign_in.html", context, status=403 if "refused" in more else 200)


def _handed_over(request: HttpRequest, connection: Connection, token: str, state: str) -> HttpResponse:
    handover = {"token": token, "state": state}
    return render(request, "panel/handover.html", {"handover": handover, "example_data": settings.EXAMPLE_DATA})


def _page(request: HttpRequest, connection: Connection, state: str) -> HttpResponse:
    known = request.user if isinstance(request.user, User) and "other" not in request.GET else None
    if request.method == "GET":
        return _form(request, connection, state, form=PasswordStep(), known=known)
    if "code" in request.POST:
        return _with_code(request, connection, state)
    if "username" not in request.POST:
        return (
            _let_in(request, connection, state, known)
            if known
            else _form(request, connection, state, form=PasswordStep())
        )
    form = PasswordStep(request.POST)
    if not form.is_valid():
        return _form(request, connection, state, form=form)
    step = signing_in.password_step(request, form.cleaned_data["username"], form.cleaned_data["password"])
    if step.way == Way.IN:
        return _signed_in(request, connection, state, step)
    if step.way == Way.CODE and step.user:
        sessions.wait_for_code(request, step.user)
        return _form(request, connection, state, code_form=CodeStep())
    if step.way == Way.ENROL:
        return _form(request, connection, state, must_enrol=True)
    form.add_error(None, why(step, _("E-mail or password is wrong.")))
    return _form(request, connection, state, form=form)


def _with_code(request: HttpRequest, connection: Connection, state: str) -> HttpResponse:
    """The second step, of somebody whose password was right a moment ago."""
    user, form = sessions.waiting(request), CodeStep(request.POST)
    if user is None:
        return _form(request, connection, state, form=PasswordStep())
    if not form.is_valid():
        return _form(request, connection, state, code_form=form)
    step = signing_in.code_step(request, user, form.cleaned_data["code"])
    if step.way == Way.IN:
        request.session.pop(sessions.WAITING, None)
        return _signed_in(request, connection, state, step)
    form.add_error(None, why(step, _("The code is wrong or was used already. Wait for the next one.")))
    return _form(request, connection, state, code_form=form)


def _signed_in(request: HttpRequest, connection: Connection, state: str, step: Step) -> HttpResponse:
    """No session of the administration comes of it: a token for this connection's panel, or a refusal."""
    if step.user is None:
        raise TypeError(step.way)
    if step.user.is_superuser:
        notes.done("login", step.user, reason="superuser", fields=signing_in.factors(step.device))
    return _let_in(request, connection, state, step.user)


def _let_in(request: HttpRequest, connection: Connection, state: str, user: User) -> HttpResponse:
    if not tokens.may_open(user, connection):
        _note_refusal(user, connection)
        return _form(request, connection, state, refused=user)
    members.refresh_at_sign_in(user, connection)
    token = tokens.issue(user, connection, timezone.now())
    response = _handed_over(request, connection, token, state)
    response.set_cookie(
        COOKIE,
        token,
        max_age=tokens.LIVES,
        path=request.path,
        httponly=True,
        samesite="Lax",
        secure=settings.SECURE_TLS,
    )
    return response


def _note_refusal(user: User, connection: Connection) -> None:
    record(
        action="panel.sign_in",
        actor_type="staff",
        actor_id=str(user.pk),
        clinic_id=connection.clinic_id,
        object_type="bridge.Connection",
        object_id=str(connection.pk),
        outcome=Outcome.DENIED,
        reason_code="not_permitted",
    )
