"""Writing acts down: each in one transaction, under a lock on the person, with its proof and its signed record.

Withdrawal takes effect at the commit: whoever asks `decide()` afterwards reads the new act. The order of the rows is the
order of the acts, so that the newest row is the person's present will whatever came late.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.db import models, transaction
from django.db.models import Func

from audit.services import record as audit
from consent.consents import hooks
from consent.consents.document import document_of, sign
from consent.consents.errors import (
    BringEvidence,
    NewerActExists,
    PersonClosed,
    ShowTextFirst,
)
from consent.consents.evidence import Evidence
from consent.consents.guardians import refuse_without_guardian
from consent.consents.state import NO, YES, Asked, Standing, State, asked_for, asked_types, standing
from consent.contacts import contacts_of
from consent.encryption import Actor
from consent.encryption.proofs import contact_proof
from consent.models import ConsentEvent, ConsentRecord, DataSubject, ServedText, TextKind, User
from consent.policy import Purpose
from consent.suppression import lift, suppress_person

Channel = ConsentEvent.Channel
OF_STATE = {
    State.GIVEN: ConsentRecord.Status.GRANTED,
    State.RENEWED: ConsentRecord.Status.GRANTED,
    State.REFUSED: ConsentRecord.Status.DENIED,
}


class ClockNow(Func):
    """The moment of the statement: after the lock, so that rows carry the order in which they were decided."""

    template = "clock_timestamp()"
    output_field = models.DateTimeField()


@dataclass(frozen=True)
class Act:
    """What somebody did, before it is judged."""

    subject: DataSubject
    consent_type: str
    state: State
    channel: str
    actor: Actor
    now: datetime
    at: datetime
    evidence: Evidence | None = None
    served: ServedText | None = None
    guardian: DataSubject | None = None
    reason: str = ""
    asked: Asked | None = None

    @property
    def rule(self) -> Asked:
        return self.asked or asked_for(self.subject, self.consent_type)


def grant(
    subject: DataSubject, consent_type: str, *, evidence: Evidence, served: ServedText | None, channel: str,
    actor: Actor, now: datetime, at: datetime | None = None, guardian: DataSubject | None = None,
) -> ConsentEvent:  # fmt: skip
    """Write down a yes. `served` is the showing of the text that was answered; `at` when the person said it.

    Raises NotAskedHere, ShowTextFirst, BringEvidence, AskGuardian, PersonClosed, NewerActExists.
    """
    act = Act(
        subject, consent_type, State.GIVEN, channel, actor, now, at or now, evidence, served, guardian,
        asked=asked_for(subject, consent_type),
    )  # fmt: skip
    with transaction.atomic():
        person = _locked(act)
        if person.erased_at or person.blocked_at:
            raise PersonClosed
        _refuse_unproved(act)
        _refuse_unshown(act, must_be_in_force=True)
        refuse_without_guardian(person, guardian, now)
        before = standing(person, consent_type, now=now)
        if before.since and act.at < before.since:
            raise NewerActExists
        _refuse_repeated(act, YES)
        event = _write(act, person, before, State.RENEWED if _was_given(before) else State.GIVEN)
        if act.rule.purpose == Purpose.MARKETING:
            lift(person.clinic_id, contacts_of(person.pk))
    return event


def refuse(
    subject: DataSubject, consent_type: str, *, evidence: Evidence, served: ServedText | None, channel: str,
    actor: Actor, now: datetime, at: datetime | None = None, guardian: DataSubject | None = None,
) -> ConsentEvent:  # fmt: skip
    """Write down a no to a question; the person is not asked again for 90 days. Raises as `grant`."""
    act = Act(
        subject, consent_type, State.REFUSED, channel, actor, now, at or now, evidence, served, guardian,
        asked=asked_for(subject, consent_type),
    )  # fmt: skip
    with transaction.atomic():
        person = _locked(act)
        _refuse_unproved(act)
        _refuse_unshown(act, must_be_in_force=False)
        before = standing(person, consent_type, now=now)
        _refuse_late(act, before)
        _refuse_repeated(act, {State.REFUSED})
        event = _write(act, person, before, State.REFUSED)
        if _was_given(before):
            _stop(act, person)
    return event


def withdraw(
    subject: DataSubject, consent_type: str, *, evidence: Evidence, channel: str, actor: Actor, now: datetime,
    at: datetime | None = None,
) -> ConsentEvent | None:  # fmt: skip
    """Take a consent back, at any time, also one that was never given: then it is the person's no for the future.

    Saying it again writes nothing and returns None. Raises NotAskedHere, BringEvidence, NewerActExists.
    """
    act = Act(
        subject, consent_type, State.WITHDRAWN, channel, actor, now, at or now, evidence,
        asked=asked_for(subject, consent_type),
    )  # fmt: skip
    with transaction.atomic():
        person = _locked(act)
        _refuse_unproved(act)
        before = standing(person, consent_type, now=now)
        if before.state == State.WITHDRAWN:
            return None
        _refuse_late(act, before)
        _refuse_repeated(act, {State.WITHDRAWN})
        event = _write(act, person, before, State.WITHDRAWN)
        _stop(act, person)
    return event


def withdraw_all(
    subject: DataSubject, *, evidence: Evidence, channel: str, actor: Actor, now: datetime, at: datetime | None = None
) -> list[ConsentEvent]:
    """Take back every optional purpose, never care; what was taken back before stays as it is."""
    done = []
    for consent_type in asked_types(subject):
        try:
            event = withdraw(
                subject, consent_type, evidence=evidence, channel=channel, actor=actor, now=now, at=at
            )  # fmt: skip
        except NewerActExists:
            continue
        if event is not None:
            done.append(event)
    return done


def invalidate(
    subject: DataSubject, consent_type: str, *, reason: str, by: User, now: datetime, ended: bool = False
) -> ConsentEvent:
    """End a consent that does not hold (DPO, reason), or whose purpose the clinic ended. Raises NewerActExists
    where there is none."""
    state = State.TERMINATED if ended else State.INVALIDATED
    act = Act(
        subject, consent_type, state, Channel.STAFF, Actor.staff(by), now, now,
        reason=ConsentEvent.Reason(reason).value, asked=asked_for(subject, consent_type),
    )  # fmt: skip
    with transaction.atomic():
        person = _locked(act)
        before = standing(person, consent_type, now=now)
        if not _was_given(before):
            raise NewerActExists
        event = _write(act, person, before, state)
        _stop(act, person)
    return event


def request(
    subject: DataSubject, consent_type: str, *, served: ServedText, channel: str, actor: Actor, now: datetime
) -> ConsentEvent:
    """Write down that the person is asked now. Whether that may be, `may_ask` says."""
    act = Act(
        subject, consent_type, State.REQUESTED, channel, actor, now, now, served=served,
        asked=asked_for(subject, consent_type),
    )  # fmt: skip
    with transaction.atomic():
        return _write(act, _locked(act), None, State.REQUESTED)


# Judging --------------------------------------------------------------------------------------------------------------


def _locked(act: Act) -> DataSubject:
    """One act at a time for each person."""
    rows = DataSubject.objects.select_related("clinic").select_for_update(of=("self",))
    return rows.get(pk=act.subject.pk)


def _refuse_unproved(act: Act) -> None:
    if act.evidence is None or not act.evidence.is_whole:
        raise BringEvidence


def _refuse_unshown(act: Act, *, must_be_in_force: bool) -> None:
    """The text of this purpose, shown to this person, before the answer; for a yes the one in force."""
    if act.served is None:
        raise ShowTextFirst
    served = ServedText.objects.select_related("version").filter(pk=act.served.pk).first()
    if served is None or served.subject_id != act.subject.pk or served.served_at > act.at + act.rule.periods.late:
        raise ShowTextFirst
    text = served.version
    if text.kind != TextKind.CONSENT or text.purpose != act.rule.purpose:
        raise ShowTextFirst
    if must_be_in_force and not text.is_in_force(act.now):
        raise ShowTextFirst


def _refuse_late(act: Act, before: Standing) -> None:
    """A yes that came clearly later stays."""
    if before.since and before.state not in NO and act.at + act.rule.periods.late < before.since:
        raise NewerActExists


def _refuse_repeated(act: Act, states: Collection[State]) -> None:
    """One message says one thing once, also when it is read again after something else was said."""
    ref = act.evidence.ref if act.evidence else ""
    told = ConsentEvent.objects.filter(
        evidence_ref=ref, subject=act.subject, consent_type=act.consent_type, state__in=states
    )
    if ref and told.exists():
        raise NewerActExists


def _was_given(before: Standing) -> bool:
    return before.state in YES or before.state == State.EXPIRED


# Writing --------------------------------------------------------------------------------------------------------------


def _write(act: Act, person: DataSubject, before: Standing | None, state: State) -> ConsentEvent:
    """Both rows and the audit row, inside the caller's transaction."""
    event = ConsentEvent(
        id=uuid4(), subject=person, consent_type=act.consent_type, state=state, event_time=min(act.at, act.now),
        base=act.rule.rule.base, event_type=ConsentEvent.EventType.SPECIFIC if act.served else "",
        channel=Channel(act.channel), text_version=act.served.version if act.served else None, served=act.served,
        actor_type=act.actor.kind, actor_ref=act.actor.ref[:64], collected_by=act.actor.user, reason=act.reason,
        guardian=act.guardian, previous=before.event if before else None,
    )  # fmt: skip
    if act.evidence:
        event.evidence_kind, event.evidence_ref = act.evidence.kind, act.evidence.ref
        event.evidence_sha256 = act.evidence.sha256
    valid = act.rule.rule.consent_valid
    if state in YES and valid:
        event.valid_until = event.event_time + valid
    if state not in {State.REQUESTED}:
        event.record = _record(event, before)
        event.principal_proofs = _proofs(event, person)
    sign(event, document_of(event, person.clinic, act.rule, event.text_version))
    event.recorded_at = ClockNow()
    event.save(force_insert=True)
    event.refresh_from_db(fields=["recorded_at"])
    _note(event, act)
    return event


def _record(event: ConsentEvent, before: Standing | None) -> ConsentRecord:
    """The row of the seed's shape, which the gate reads."""
    status = OF_STATE.get(State(event.state), ConsentRecord.Status.WITHDRAWN)
    given_at = before.act.granted_at if before and before.act else None
    text = event.text_version or (before.event.text_version if before and before.event else None)
    values: dict[str, object] = {"granted_at": None, "withdrawn_at": None}
    if status == ConsentRecord.Status.GRANTED:
        values["granted_at"] = event.event_time
    elif status == ConsentRecord.Status.WITHDRAWN:
        values = {"granted_at": given_at, "withdrawn_at": max(filter(None, (event.event_time, given_at)))}
    return ConsentRecord.objects.create(
        subject=event.subject, consent_type=event.consent_type, status=status,
        consent_text=text.shown if text else "", consent_version=str(text.number) if text else "",
        created_at=ClockNow(), updated_at=ClockNow(), **values,
    )  # fmt: skip


def _proofs(event: ConsentEvent, person: DataSubject) -> list[bytes]:
    if person.erased_at:
        return []
    return [contact_proof(kind, value, event.pk) for kind, value in contacts_of(person.pk)]


def _note(event: ConsentEvent, act: Act) -> None:
    audit(
        action=f"consent.{event.state}",
        actor_type=act.actor.kind,
        actor_id=act.actor.ref,
        clinic_id=event.subject.clinic_id,
        subject=event.subject.pseudonym,
        object_type="consent.ConsentEvent",
        object_id=str(event.pk),
        purpose="marketing" if act.rule.purpose == Purpose.MARKETING else "",
        reason_code=act.reason or event.channel,
        own_connection=False,
    )


def _stop(act: Act, person: DataSubject) -> None:
    """What was queued for the purpose is cancelled in the same transaction; marketing is suppressed for good."""
    if act.rule.purpose == Purpose.MARKETING and not person.erased_at:
        suppress_person(person, now=act.now)
    hooks.tell(person.pk, act.consent_type, act.now)
