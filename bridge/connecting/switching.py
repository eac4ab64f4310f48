"""The states of a connection and what each change of state does."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.connecting.inboxes import RECEIVING, conflict_with
from bridge.connecting.problems import CannotConnect
from bridge.models import Connection, Effect
from bridge.sync.lanes import mark_dirty

State = Connection.State

# Which states may follow which (DESIGN section 8); staying is always allowed.
NEXT: Mapping[str, tuple[str, ...]] = {
    State.DRAFT: (State.SHADOW, State.ACTIVE, State.OFF),
    State.SHADOW: (State.ACTIVE, State.PAUSED, State.OFF),
    State.ACTIVE: (State.PAUSED, State.SHADOW, State.OFF),
    State.PAUSED: (State.ACTIVE, State.SHADOW, State.OFF),
    State.OFF: (State.PAUSED, State.SHADOW, State.ACTIVE),
}
STATE_TEXTS: Mapping[str, str | Promise] = {
    State.DRAFT: gettext_lazy("being set up: nothing is received"),
    State.SHADOW: gettext_lazy("receives, plans and shows what it would write; writes nothing"),
    State.ACTIVE: gettext_lazy("receives and writes to Krayin"),
    State.PAUSED: gettext_lazy("receives and keeps everything, writes nothing; nothing is lost"),
    State.OFF: gettext_lazy("receives nothing: events of this time are lost"),
}


def refuse(connection: Connection, state: str, *, name_it: bool = False) -> None:
    """Raise CannotConnect when the connection may not be in this state; `name_it`: see `inboxes.Conflict.told`."""
    if state == State.ACTIVE and not connection.clinic.has_confirmed_policy:
        raise CannotConnect(
            _(
                "The clinic has not confirmed the legal bases yet, so the connection can only be in shadow. "
                "Let the data protection officer confirm them (in a file: policy_confirmed_by)."
            )
        )
    if state in RECEIVING:
        if not connection.all_inboxes and not connection.inbox_ids:
            raise CannotConnect(_("No inbox is chosen: choose at least one under What to send."))
        conflict = conflict_with(connection)
        if conflict:
            raise CannotConnect(conflict.told(name_it=name_it))


def switch(connection: Connection, state: str, *, name_it: bool = False) -> None:
    """Change the state. What was planned in shadow is written once the connection is active. Raises CannotConnect."""
    refuse(connection, state, name_it=name_it)
    with transaction.atomic():
        connection.state = state
        connection.save(update_fields=["state", "updated_at"])
        if state == State.ACTIVE:
            wake_shadowed(connection)


def wake_shadowed(connection: Connection) -> int:
    """Let workers look at every lane that has steps in shadow; return how many."""
    rows = Effect.objects.filter(connection=connection, state=Effect.State.SHADOW).order_by("lane_key")
    lanes = list(rows.values_list("lane_key", flat=True).distinct())
    for lane_key in lanes:
        mark_dirty(connection.pk, lane_key)
    return len(lanes)


def shadowed(connection: Connection) -> int:
    """Steps that would be written."""
    return Effect.objects.filter(connection=connection, state=Effect.State.SHADOW).count()
