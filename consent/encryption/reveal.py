"""Opening sealed values: the gate is asked, the audit rows are committed, and only then a value comes out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.apps import apps
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.services import Entry, record, record_many
from consent.encryption import datakeys
from consent.encryption.sealed import Context, RevealDenied, Sealed, decrypt, key_version
from consent.encryption.sealing import SYSTEM_OWNER, day_owner, subject_owner
from consent.encryption.tables import DataKey
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

if TYPE_CHECKING:
    from consent.models import User

# What a role with REVEAL_CONTACT may open; every other field needs REVEAL_CLINICAL.
# `explanation` is why somebody of the staff opened more; who reviews that reads it.
CONTACT_FIELDS = frozenset({"name", "phone", "phone_number", "email", "identifier", "value", "explanation"})
# What a person asks of the clinic and what it answers: besides, only who may act on requests.
REQUEST_FIELDS = frozenset({"request_text", "request_contact", "request_answer", "request_note", "request_document"})
BLOCKED_PURPOSES = frozenset({PurposeOfUse.LEGAL, PurposeOfUse.DPO})
REASONED_PURPOSES = frozenset({PurposeOfUse.LEGAL, PurposeOfUse.SUPPORT})


@dataclass(frozen=True)
class Actor:
    """Who opens: a job of ours by name, or a signed-in person of the staff."""

    kind: str
    ref: str
    user: "User | None" = None

    @classmethod
    def system(cls, name: str) -> Self:
        return cls("system", name)

    @classmethod
    def staff(cls, user: "User") -> Self:
        return cls("staff", str(user.pk), user)

    def may(self, capability: Capability, clinic_id: int) -> bool:
        """Tell whether the actor has the capability in the clinic. Jobs of ours have every one."""
        if self.user is None:
            return self.kind == "system"
        return self.user.has_role_in(clinic_id, roles_with(capability))


@dataclass(frozen=True)
class SubjectState:
    """What the gate looks at."""

    clinic_id: int
    pseudonym: UUID | None
    is_blocked: bool
    is_erased: bool


@dataclass(frozen=True)
class Grant:
    """An exceptional access in force: its id and its reason code."""

    ref: str
    reason: str


class Opener:
    """Opens values of the people it was made for; keep it no longer than the piece of work it was asked for."""

    def __init__(
        self,
        keys: Mapping[str, datakeys.Versions],
        denied: Mapping[UUID, str],
        contact_only: Mapping[UUID, int],
        actor: Actor,
    ) -> None:
        """`contact_only`: people of whom the actor may open contact data alone, each with the clinic."""
        self._keys, self._denied, self._contact_only, self._actor = keys, denied, contact_only, actor

    @property
    def denied(self) -> Mapping[UUID, str]:
        """The people whose values stay closed, each with the reason code."""
        return self._denied

    @sensitive_variables()
    def text(self, sealed: Sealed, *, subject: UUID, context: Context) -> str:
        """Return the text. Raises RevealDenied, KeyMissing or Undecryptable."""
        if subject in self._denied:
            raise RevealDenied(self._denied[subject])
        if subject in self._contact_only and not self._is_open_to_contact_rights(subject, context.field):
            raise RevealDenied("contact_data_only")
        key = datakeys.current(self._keys, DataKey.Kind.SUBJECT, str(subject), key_version(sealed))
        return decrypt(sealed, key=key, owner=subject_owner(subject), context=context).decode()

    def _is_open_to_contact_rights(self, subject: UUID, field: str) -> bool:
        if field in REQUEST_FIELDS:
            return self._actor.may(Capability.PRIVACY_ACT, self._contact_only[subject])
        return field in CONTACT_FIELDS


def open_for(
    subjects: Iterable[UUID], *, actor: Actor, purpose: str, reason: str = "", fields: Sequence[str] = ()
) -> Opener:
    """Ask the gate and write one audit row per person, committed before this returns, with one INSERT for all.

    purpose is a PurposeOfUse; reason a short code, required for legal and support. Raises RevealDenied when the gate
    refuses everybody; people refused beside others are in `Opener.denied` and raise when their value is asked for.
    """
    wanted = list(dict.fromkeys(subjects))
    states = subject_states(wanted)
    granted = exceptional_grants(states, actor)
    denied = {
        subject: refusal(states.get(subject), actor=actor, purpose=purpose, reason=reason, grant=granted.get(subject))
        for subject in wanted
    }
    denied = {subject: why for subject, why in denied.items() if why}
    record_many(
        [entry_for(s, states.get(s), denied.get(s, ""), actor, purpose, reason, fields, granted.get(s)) for s in wanted]
    )
    if denied and len(denied) == len(wanted):
        raise RevealDenied(next(iter(denied.values())))
    allowed = [subject for subject in wanted if subject not in denied]
    contact_only = {
        s: states[s].clinic_id
        for s in allowed
        if s not in granted and not actor.may(Capability.REVEAL_CLINICAL, states[s].clinic_id)
    }
    keys = datakeys.keys_of(DataKey.Kind.SUBJECT, [str(subject) for subject in allowed])
    return Opener(keys, denied, contact_only, actor)


@sensitive_variables()
def reveal(sealed: Sealed, *, subject: UUID, context: Context, actor: Actor, purpose: str, reason: str = "") -> str:
    """Open one value: `open_for` and `Opener.text` for a single field."""
    opener = open_for([subject], actor=actor, purpose=purpose, reason=reason, fields=[context.place])
    return opener.text(sealed, subject=subject, context=context)


def subject_states(subjects: Collection[UUID]) -> dict[UUID, SubjectState]:
    # Looked up by name: consent.models needs this package's fields, so it cannot be imported from here.
    rows = apps.get_model("consent", "DataSubject").objects.filter(pk__in=subjects)
    columns = rows.values_list("pk", "clinic_id", "pseudonym", "blocked_at", "erased_at")
    return {
        pk: SubjectState(clinic_id, pseudonym, blocked_at is not None, erased_at is not None)
        for pk, clinic_id, pseudonym, blocked_at, erased_at in columns
    }


def exceptional_grants(states: Mapping[UUID, SubjectState], actor: Actor) -> dict[UUID, Grant]:
    """The exceptional accesses (D5) of this person of the staff to these people that are in force now.

    Asked for only where the role may have one and is not enough by itself: nobody else's reveal costs a query more.
    """
    if actor.user is None:
        return {}
    wanted = [
        subject
        for subject, state in states.items()
        if actor.may(Capability.EXCEPTIONAL_ASK, state.clinic_id)
        and (actor.user.is_superuser or not actor.may(Capability.REVEAL_CLINICAL, state.clinic_id))
    ]
    if not wanted:
        return {}
    rows = apps.get_model("consent", "ExceptionalAccess").objects.filter(
        user=actor.user, subject__in=wanted, until__gt=timezone.now()
    )
    return {subject: Grant(str(pk), reason) for subject, pk, reason in rows.values_list("subject_id", "pk", "reason")}


def refusal(state: SubjectState | None, *, actor: Actor, purpose: str, reason: str, grant: Grant | None = None) -> str:
    """Return why the value stays closed, as a code; empty when it may be opened. `grant` stands in for the role."""
    if purpose not in PurposeOfUse.values or (purpose == PurposeOfUse.BREAK_GLASS and grant is None):
        return "purpose_not_allowed"
    if purpose in REASONED_PURPOSES and not reason:
        return "reason_required"
    if state is None:
        return "unknown_person"
    if state.is_erased:
        return "erased"
    if grant is None and not actor.may(Capability.REVEAL_CONTACT, state.clinic_id):
        return "not_permitted"
    if state.is_blocked and purpose not in BLOCKED_PURPOSES:
        return "blocked"
    return ""


def entry_for(
    subject: UUID,
    state: SubjectState | None,
    denied: str,
    actor: Actor,
    purpose: str,
    reason: str,
    fields: Sequence[str],
    grant: Grant | None = None,
) -> Entry:
    """What is opened under an exceptional access is recorded with it, whatever purpose the page names."""
    return Entry(
        action="reveal",
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=state.clinic_id if state else None,
        subject=state.pseudonym if state else None,
        object_type="consent.ExceptionalAccess" if grant else "",
        object_id=grant.ref if grant else "",
        fields=fields,
        purpose=PurposeOfUse.BREAK_GLASS if grant else purpose,
        outcome="denied" if denied else "ok",
        reason_code=denied or reason or (grant.reason if grant else ""),
    )


# What belongs to no person --------------------------------------------------------------------------------------------


def open_system(sealed: Sealed, *, context: Context, actor: Actor, purpose: str) -> bytes:
    """Open an operator secret for one of our jobs; staff are refused and the attempt is audited.

    Raises RevealDenied, KeyMissing, Undecryptable.
    """
    refuse_staff(actor, context, purpose)
    keys = datakeys.keys_of(DataKey.Kind.SYSTEM, [datakeys.SYSTEM_REF])
    key = datakeys.exactly(keys, datakeys.SYSTEM_REF, key_version(sealed))
    return decrypt(sealed, key=key, owner=SYSTEM_OWNER, context=context)


def open_day(sealed: Sealed, *, context: Context, actor: Actor, purpose: str) -> bytes:
    """Open a webhook body for one of our jobs; the version in its envelope tells the day.

    Bodies name people nobody has looked up yet, so staff see them through observed values only. Raises as open_system.
    """
    refuse_staff(actor, context, purpose)
    version = key_version(sealed)
    ref = date.fromordinal(version).isoformat() if 0 < version <= date.max.toordinal() else ""
    keys = datakeys.keys_of(DataKey.Kind.DAY, [ref])
    return decrypt(sealed, key=datakeys.exactly(keys, ref, version), owner=day_owner(ref), context=context)


def refuse_staff(actor: Actor, context: Context, purpose: str) -> None:
    if actor.kind == "system":
        return
    record(
        action="reveal",
        actor_type=actor.kind,
        actor_id=actor.ref,
        object_type=context.model,
        fields=[context.place],
        purpose=purpose,
        outcome="denied",
        reason_code="system_only",
    )
    raise RevealDenied("system_only")
