"""What this package writes to the audit trail, and how it says no."""

from uuid import UUID

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import Outcome
from audit.services import record
from consent import refusals
from consent.encryption import Actor
from consent.models.staff import User
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

ACT = roles_with(Capability.PRIVACY_ACT)

TEXTS: dict[str, str | Promise] = {
    "not_permitted": _("Only the clinic's data protection officer does this."),
    "erased": _("The person's data are already erased."),
    "other_clinic": _("The person belongs to another clinic."),
    "review_date": _("The review lies after today and at most 12 months ahead."),
    "document_missing": _("An order needs the number of its document and the document itself."),
    "scope": _("Say exactly what is to be frozen."),
    "category": _("There is no such data category."),
    "already_released": _("The hold is already released."),
    "grown_up": _("Whoever was born in that month is 18 or older."),
    "birth_month": _("The month lies in the future."),
    "not_minor": _("The person is not marked as a minor."),
    "guardian_is_minor": _("A minor cannot be a guardian."),
    "same_person": _("Nobody is their own guardian."),
    "evidence_missing": _("The paper that proves it is missing."),
    "already_guardian": _("This guardian is already verified."),
    "not_begun": _("There is nothing to end."),
}


class Refused(refusals.Refused):
    """Of holds, blocking, minors and guardians."""

    texts = TEXTS


def note(
    action: str,
    by: Actor,
    *,
    clinic_id: int,
    pseudonym: UUID | None = None,
    row: models.Model | None = None,
    reason: str = "",
    fields: tuple[str, ...] = (),
    denied: bool = False,
    at_once: bool = False,
) -> None:
    """One audit row: with the change it tells of; at once, whatever follows, for refusals and what is read."""
    record(
        action=action,
        actor_type=by.kind,
        actor_id=by.ref,
        clinic_id=clinic_id,
        subject=pseudonym,
        object_type=row._meta.label if row else "",
        object_id=str(row.pk) if row else "",
        fields=fields,
        purpose=PurposeOfUse.DPO if by.user else PurposeOfUse.SYSTEM,
        outcome=Outcome.DENIED if denied else Outcome.OK,
        reason_code=reason,
        own_connection=denied or at_once,
    )


def permit(action: str, by: User, clinic_id: int, pseudonym: UUID | None = None) -> None:
    """Raises Refused, after the attempt is on record, for who is not the clinic's DPO or substitute."""
    if not by.has_role_in(clinic_id, ACT):
        note(action, Actor.staff(by), clinic_id=clinic_id, pseudonym=pseudonym, reason="not_permitted", denied=True)
        raise Refused("not_permitted")
