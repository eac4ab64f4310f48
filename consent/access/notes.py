"""What the audit trail is told about sign-ins and accounts: ids only, never an address or a name that was typed."""

from collections.abc import Sequence

from audit.models import ActorType, Outcome
from audit.services import record
from consent.encryption import blind
from consent.models import User
from consent.models.staff import account_email

LABEL = "consent.User"


def done(
    action: str,
    user: User,
    *,
    by: User | None = None,
    reason: str = "",
    fields: Sequence[str] = (),
    outcome: str = Outcome.OK,
    clinic_id: int | None = None,
) -> None:
    """Something that concerns this account; by the person itself unless told otherwise. In the caller's transaction."""
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str((by or user).pk),
        clinic_id=clinic_id,
        object_type=LABEL,
        object_id=str(user.pk),
        fields=fields,
        outcome=outcome,
        reason_code=reason,
        own_connection=False,
    )


def by_command(action: str, user: User, *, reason: str = "") -> None:
    record(
        action=action,
        actor_type=ActorType.SYSTEM,
        actor_id="account",
        object_type=LABEL,
        object_id=str(user.pk),
        reason_code=reason,
        own_connection=False,
    )


def refused(account: str, reason: str) -> None:
    """A sign-in that failed. Who typed it is unknown; what was typed appears as a digest, or as the account's id."""
    known = User.objects.filter(email=account_email(account)).values_list("pk", flat=True).first()
    typed = blind("access", f"account|{account_email(account)}").hex()[:24]
    record(
        action="login",
        actor_type=ActorType.REMOTE,
        actor_id="browser",
        object_type=LABEL,
        object_id=str(known or f"typed.{typed}"),
        outcome=Outcome.FAILED,
        reason_code=reason,
        own_connection=False,
    )
