"""What this package writes to the audit trail, and who may act."""

from audit.services import record
from consent.encryption import Actor
from consent.erasure.errors import NotPossible
from consent.models.erasures import Erasure
from consent.models.staff import User
from consent.models.subjects import DataSubject
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

OBJECT = "consent.Erasure"
APPROVERS = roles_with(Capability.PRIVACY_ACT)
BY = Actor.system("erasure")


def permit(subject: DataSubject, by: User, action: str) -> None:
    """Raises NotPossible, after the attempt is on record, for who is not the clinic's DPO or substitute."""
    if by.has_role_in(subject.clinic_id, APPROVERS):
        return
    record(
        action=action, actor_type="staff", actor_id=str(by.pk), clinic_id=subject.clinic_id, subject=subject.pseudonym,
        object_type=OBJECT, purpose=PurposeOfUse.DPO, outcome="denied", reason_code="not_permitted",
    )  # fmt: skip
    raise NotPossible("not_permitted")


def note(action: str, erasure: Erasure, *, actor: Actor = BY, reason: str = "", outcome: str = "ok") -> None:
    """One audit row about an erasure, in the caller's transaction."""
    record(
        action=action,
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=erasure.clinic_id,
        subject=erasure.subject.pseudonym,
        object_type=OBJECT,
        object_id=str(erasure.pk),
        purpose=PurposeOfUse.DPO,
        outcome=outcome,
        reason_code=reason,
        own_connection=False,
    )
