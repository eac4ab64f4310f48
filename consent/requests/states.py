"""The state machine of a right asked for (lgpd section 5.2), as data. Anything not listed is refused."""

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    RECEIVED = "received", _("received")
    IDENTITY_PENDING = "identity_pending", _("waiting for identity")
    NOT_VERIFIED = "not_verified", _("identity not confirmed")
    NOT_CONTROLLER = "not_controller", _("another controller")
    VERIFIED = "verified", _("identity confirmed")
    TRIAGE = "triage", _("being examined")
    APPROVED = "approved", _("granted")
    PARTIALLY_APPROVED = "partially_approved", _("granted in part")
    REFUSED = "refused", _("refused")
    ON_HOLD = "on_hold", _("held back by a legal hold")
    EXECUTING = "executing", _("being carried out")
    WAITING_THIRD_PARTY = "waiting_third_party", _("waiting for somebody else")
    FAILED = "failed", _("failed, tried again")
    VERIFYING = "verifying", _("being checked")
    READY = "ready", _("answer ready")
    DELIVERED = "delivered", _("answer sent")
    CLOSED = "closed", _("closed")
    CANCELLED = "cancelled_by_subject", _("withdrawn by the titular")


S = State
TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        S.RECEIVED: frozenset({S.IDENTITY_PENDING, S.NOT_CONTROLLER, S.CANCELLED}),
        S.IDENTITY_PENDING: frozenset({S.VERIFIED, S.NOT_VERIFIED, S.NOT_CONTROLLER, S.CANCELLED}),
        S.NOT_VERIFIED: frozenset({S.IDENTITY_PENDING, S.READY}),
        S.NOT_CONTROLLER: frozenset({S.READY}),
        S.VERIFIED: frozenset({S.TRIAGE, S.CANCELLED}),
        # Back when it turns out that the answer holds health data, which asks for more proof.
        S.TRIAGE: frozenset({S.APPROVED, S.PARTIALLY_APPROVED, S.REFUSED, S.IDENTITY_PENDING, S.CANCELLED}),
        S.APPROVED: frozenset({S.EXECUTING, S.ON_HOLD, S.CANCELLED}),
        S.PARTIALLY_APPROVED: frozenset({S.EXECUTING, S.ON_HOLD, S.CANCELLED}),
        S.REFUSED: frozenset({S.READY}),
        S.ON_HOLD: frozenset({S.EXECUTING, S.READY}),
        S.EXECUTING: frozenset({S.VERIFYING, S.WAITING_THIRD_PARTY, S.FAILED}),
        S.WAITING_THIRD_PARTY: frozenset({S.VERIFYING, S.FAILED}),
        S.FAILED: frozenset({S.EXECUTING, S.VERIFYING}),
        S.VERIFYING: frozenset({S.READY, S.FAILED}),
        S.READY: frozenset({S.DELIVERED}),
        S.DELIVERED: frozenset({S.CLOSED}),
        S.CLOSED: frozenset(),
        S.CANCELLED: frozenset(),
    }
)
CLOSED = S.CLOSED.value
ENDS = frozenset({S.CLOSED.value, S.CANCELLED.value})
OPEN_STATES = frozenset(State.values) - ENDS
# Where the next step is the person's own.
WAITING_FOR_PERSON = frozenset({S.RECEIVED.value, S.IDENTITY_PENDING.value})


class IllegalTransition(Exception):
    """There is no such step from this state, or something is missing for it: `lacking` says what, as codes."""

    def __init__(self, from_state: str, to_state: str, lacking: tuple[str, ...] = ()) -> None:
        super().__init__(f"{from_state} → {to_state}" + (f": {', '.join(lacking)}" if lacking else ""))
        self.lacking = lacking


def check(from_state: str, to_state: str) -> None:
    """Raise IllegalTransition unless the machine knows the step."""
    if State(to_state) not in TRANSITIONS[State(from_state)]:
        raise IllegalTransition(from_state, to_state)
