"""What the frame's script asks, as JSON: token first, then connection, inbox, person (screens section 9).

No cookie counts here, so no form token is needed. A conversation of another connection, another inbox list or nobody
answers 404; one of an inbox that is not the attendant's answers 403 with a state of its own.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from bridge import actions
from bridge.models import Connection, ObservedConversation, Wish
from bridge.panel import headers, hints, tokens
from bridge.panel.known import find, known
from bridge.panel.shown import shown, shows
from bridge.panel.tokens import Viewer

P = ParamSpec("P")
LONGEST_BODY = 32 * 1024
BEARER = "Bearer "

STATUS: dict[type[actions.ActionRefused], int] = {
    actions.AskForPermission: 403,
    actions.ChooseAnother: 422,
    actions.RewordText: 422,
}


class Refused(Exception):
    """An answer other than the one asked for; `code` names it for the script."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def answers(view: Callable[Concatenate[HttpRequest, Viewer, P], dict[str, Any]]) -> Callable[..., JsonResponse]:
    """Sign the viewer in by the token of the header; turn refusals into JSON."""

    @wraps(view)
    def wrapped(request: HttpRequest, public_id: str, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
        try:
            viewer = _viewer(request, public_id)
            response = JsonResponse(view(request, viewer, *args, **kwargs))
        except Refused as refused:
            response = JsonResponse({"code": refused.code, "text": refused.text}, status=refused.status)
        headers.for_data(response)
        return response

    return csrf_exempt(wrapped)


@require_GET
@answers
def conversation(request: HttpRequest, viewer: Viewer, number: int) -> dict[str, Any]:
    """Everything the panel shows. `nome=0` leaves out the name, and with it the audit row, for repeated looks."""
    row = conversation_of(viewer, number)
    return _content(row, viewer, with_name=request.GET.get("nome") != "0")


@require_POST
@answers
def act(request: HttpRequest, viewer: Viewer, number: int, action: str) -> dict[str, Any]:
    """Store what the person asked for, and answer how things stand now."""
    function = ACTIONS.get(action)
    if function is None:
        raise Refused(404, "unknown_action", _("This action does not exist."))
    row = conversation_of(viewer, number)
    try:
        function(row, viewer, body_of(request))
    except actions.ActionRefused as refused:
        raise Refused(STATUS.get(type(refused), 409), refused.code, str(refused)) from refused
    return _content(conversation_of(viewer, number), viewer, with_name=False)


@require_POST
@answers
def sign_out(request: HttpRequest, viewer: Viewer) -> dict[str, Any]:
    """The person leaves: the token is worth nothing from now on."""
    tokens.end(viewer.token, viewer.user, timezone.now())
    return {"state": "signed_out"}


# Steps ----------------------------------------------------------------------------------------------------------------


def _viewer(request: HttpRequest, public_id: str) -> Viewer:
    header = request.headers.get("Authorization", "")
    token = header.removeprefix(BEARER) if header.startswith(BEARER) else ""
    viewer = tokens.viewer_of(token, public_id, timezone.now()) if token else None
    if viewer is None:
        raise Refused(401, "signed_out", _("Sign in to see this conversation's person and opportunity."))
    if viewer.connection.state == Connection.State.OFF:
        raise Refused(410, "connection_off", _("The connection is switched off."))
    if not viewer.is_permitted:
        raise Refused(
            403, "no_permission", _("Your permissions do not include the panel. Ask the clinic's management.")
        )
    return viewer


def conversation_of(viewer: Viewer, number: int) -> ObservedConversation:
    row = find(viewer.connection, number)
    if row is None:
        raise Refused(
            404, "unknown", _("Ponte does not know this conversation: its inbox is not connected, or it is new.")
        )
    if not viewer.attends(row.inbox_id):
        raise Refused(
            403, "not_your_inbox", _("You are not a member of this inbox in Chatwoot. Ask the clinic's management.")
        )
    return row


def _content(row: ObservedConversation, viewer: Viewer, *, with_name: bool) -> dict[str, Any]:
    now: datetime = timezone.now()
    return shown(known(viewer.connection, row), viewer, now, with_name=with_name)


def body_of(request: HttpRequest) -> dict[str, Any]:
    if int(request.headers.get("Content-Length") or 0) > LONGEST_BODY:
        raise Refused(413, "too_large", _("The request is too large."))
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Refused(400, "malformed", _("The request could not be read.")) from error
    if not isinstance(body, dict):
        raise Refused(400, "malformed", _("The request could not be read."))
    return body


def _number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    return value if type(value) is int and 0 < value < 2**63 else None


def _change_stage(row: ObservedConversation, viewer: Viewer, body: dict[str, Any]) -> None:
    stage_id = _number(body, "etapa")
    if stage_id is None:
        raise Refused(400, "malformed", _("The request could not be read."))
    actions.change_stage(row, stage_id, viewer.actor, via=PANEL, seen_stage_id=_number(body, "vista"))


def _keep_back(row: ObservedConversation, viewer: Viewer, body: dict[str, Any]) -> None:
    actions.do_not_send(row, viewer.actor, on=body.get("ligar") is not False, via=PANEL)


def _note(row: ObservedConversation, viewer: Viewer, body: dict[str, Any]) -> None:
    text = body.get("texto")
    actions.note_to_crm(row, text if isinstance(text, str) else "", viewer.actor, via=PANEL)


def _dismiss(row: ObservedConversation, viewer: Viewer, body: dict[str, Any]) -> None:
    """Put a hint aside; one that is no longer given has gone by itself."""
    suggestion = body.get("dica")
    found = known(viewer.connection, row)
    if not isinstance(suggestion, str) or found.lead is None or found.unlinked or not shows(found):
        raise Refused(400, "malformed", _("The request could not be read."))
    hints.dismiss(viewer.connection, found.lead.foreign_id, suggestion, by=viewer.user, now=timezone.now())


PANEL = Wish.Via.PANEL
ACTIONS: dict[str, Callable[[ObservedConversation, Viewer, dict[str, Any]], object]] = {
    "sincronizar": lambda row, viewer, body: actions.sync_now(row, viewer.actor, via=PANEL),
    "etapa": _change_stage,
    "oportunidade": lambda row, viewer, body: actions.create_opportunity(row, viewer.actor, via=PANEL),
    "outra-pessoa": lambda row, viewer, body: actions.not_this_person(row, viewer.actor, via=PANEL),
    "nao-enviar": _keep_back,
    "nota": _note,
    "dispensar": _dismiss,
}
