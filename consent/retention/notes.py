"""What retention writes to the audit trail, and how it says no. Counts and codes only."""

from collections.abc import Sequence
from uuid import UUID

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import Outcome
from audit.services import record
from consent import refusals
from consent.encryption import Actor
from consent.models import Clinic, User
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

ACT = roles_with(Capability.PRIVACY_ACT)
SYSTEM = Actor.system("retention")

TEXTS: dict[str, str | Promise] = {
    "not_permitted": _("Only the clinic's data protection officer does this."),
    "not_all_clinics": _("This touches every clinic: only who is data protection officer of all of them approves it."),
    "changed_meanwhile": _("The list changed meanwhile: nothing was approved. Look at it again."),
    "fixed": _("This period is fixed: no list removes the category, or a short period waits for nobody."),
    "begun": _("The run has begun already."),
    "decided": _("Somebody else has decided meanwhile."),
    "held": _("A legal hold keeps these data: they cannot be given for erasure."),
    "again_on": _("Say when to look again: after today, and at most five years ahead."),
    "document": _("Name the paper that records where the record went."),
}


class Refused(refusals.Refused):
    """Of periods, lists, reviews."""

    texts = TEXTS


def note(
    action: str,
    by: Actor,
    *,
    clinic_id: int | None = None,
    row: models.Model | None = None,
    reason: str = "",
    fields: Sequence[str] = (),
    pseudonym: UUID | None = None,
    denied: bool = False,
) -> None:
    """One audit row, with the change it tells of; refusals at once."""
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
        own_connection=denied,
    )


def permit(action: str, by: User, clinic_id: int | None, row: models.Model | None = None) -> None:
    """Raises Refused, after the attempt is on record, for who is not DPO of the clinic; None asks for every clinic."""
    if may_act(by, clinic_id):
        return
    reason = "not_permitted" if clinic_id is not None else "not_all_clinics"
    note(action, Actor.staff(by), clinic_id=clinic_id, row=row, reason=reason, denied=True)
    raise Refused(reason)


def may_act(by: User, clinic_id: int | None) -> bool:
    """The clinic's DPO or substitute; for what touches all clinics, only who is it in each of them."""
    if clinic_id is not None:
        return by.has_role_in(clinic_id, ACT)
    clinics = list(Clinic.objects.values_list("pk", flat=True))
    return bool(clinics) and all(by.has_role_in(pk, ACT) for pk in clinics)
