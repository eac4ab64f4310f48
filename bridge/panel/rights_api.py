"""F2 over JSON: the same door as the rest of the panel (token, connection, inbox, person), asked for when it is opened."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bridge import actions
from bridge.panel import rights_acts
from bridge.panel.api import STATUS, Refused, answers, body_of, conversation_of
from bridge.panel.known import known
from bridge.panel.rights import rights_of
from bridge.panel.shown import closed_to
from bridge.panel.tokens import Viewer


@require_GET
@answers
def rights(request: HttpRequest, viewer: Viewer, number: int) -> dict[str, Any]:
    row = conversation_of(viewer, number)
    return closed_to(known(viewer.connection, row)) or rights_of(row, timezone.now())


@require_POST
@answers
def act(request: HttpRequest, viewer: Viewer, number: int, action: str) -> dict[str, Any]:
    row, now = conversation_of(viewer, number), timezone.now()
    asked = rights_acts.Asked(row, viewer.user, body_of(request), now)
    try:
        said = rights_acts.run(action, asked)
    except KeyError:
        raise Refused(404, "unknown_action", _("This action does not exist.")) from None
    except actions.ActionRefused as refused:
        status = 422 if isinstance(refused, rights_acts.SaidWrong) else STATUS.get(type(refused), 409)
        raise Refused(status, refused.code, str(refused)) from refused
    return {**rights_of(conversation_of(viewer, number), now), "said": said}
