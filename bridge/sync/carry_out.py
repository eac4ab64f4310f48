"""Carry out one planned step, and turn what went wrong into the ledger's words (DESIGN section 6).

Order of every handler: read, ask the gate, commit *sent*, write once, confirm. What fails before *sent* was not
executed; what fails after it is judged by the error's class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.back.carry import set_contact, set_label, show_lead
from bridge.causes import Cause
from bridge.consents.saying import purpose_of, say
from bridge.errors import (
    CredentialsRefused,
    EffectUnknown,
    Paced,
    PartnerError,
    PartnerGone,
    PartnerMisconfigured,
    PartnerRejected,
    PartnerUnavailable,
)
from bridge.fields.carry import show_field, write_fields
from bridge.fields.plan import is_field
from bridge.models import Breaker, Connection, Effect, Partner
from bridge.sync import breaker, carry_wishes, effects
from bridge.sync.carry_notes import write_note
from bridge.sync.carry_people import create_lead, create_person, set_lead, set_person, set_stage
from bridge.sync.clock import database_now
from bridge.sync.look_up import is_there_already
from bridge.sync.plan import Plan, Step
from bridge.sync.work import Attempt, Later, Work
from bridge.team.carry import set_owner
from consent.decisions import decide
from consent.models import Decision, Reason
from consent.policy import Action, Category, Purpose

Kind = Effect.Kind
BUSY = timedelta(seconds=5)

HANDLERS: dict[Kind, Callable[[Attempt, Step], None]] = {
    Kind.CREATE_PERSON: create_person,
    Kind.CREATE_LEAD: create_lead,
    Kind.SET_PERSON: set_person,
    Kind.SET_LEAD: set_lead,
    Kind.SET_STAGE: set_stage,
    Kind.SET_OWNER: set_owner,
    Kind.CREATE_NOTE: write_note,
    Kind.SET_NOTE: write_note,
    Kind.SET_CONTACT: set_contact,
    Kind.SHOW_LEAD: show_lead,
    Kind.SET_LABEL: set_label,
    Kind.SEND_MESSAGE: say,
}


class PartnerAway(Exception):
    """The partner, not the step, is the problem: open the connection's breaker and come back."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True)
class Outcome:
    """What became of a step: carried out (look at the lane again), or wait until."""

    wait_until: datetime | None = None


def carry_out(work: Work, plan: Plan, step: Step, rows: dict[effects.Key, Effect]) -> Outcome:
    """Do one step. Raises PartnerAway and LeaseLost; every other failure ends in the ledger."""
    if effects.key_of(step) not in rows:
        return Outcome(database_now(BUSY))
    decision = permission(work, step)
    if not decision.allowed:
        cause = Cause.BLOCKED_PERSON if decision.reason == Reason.BLOCKED else Cause.NOT_ALLOWED
        effects.deny(work.claim, rows[effects.key_of(step)], decision, cause)
        return Outcome()
    attempt = Attempt(work, plan, rows, decision, [step])
    work.claim.hold()
    try:
        if is_there_already(work, rows[effects.key_of(step)]):
            return Outcome()
        handler = carry_wishes.handler_of(step) or handler_of(step)
        handler(attempt, step)
    except Later as later:
        return Outcome(later.until)
    except PartnerError as error:
        return settle_error(attempt, error)
    return Outcome()


def handler_of(step: Step) -> Callable[[Attempt, Step], None]:
    if is_field(step.ref):
        return show_field if step.kind == Kind.SET_CONTACT else write_fields
    return HANDLERS[step.kind]


def permission(work: Work, step: Step) -> Decision:
    """Ask the gate in the claim that sends, on the primary (DESIGN section 9)."""
    connection = work.connection
    purpose, action = Purpose.CARE_CONTACT, Action.PUSH
    if step.kind == Kind.SEND_MESSAGE:
        purpose, action = purpose_of(step), Action.SEND
    if step.kind in {Kind.CREATE_NOTE, Kind.SET_NOTE} and step.wish is None:
        is_text = connection.preset == Connection.Preset.TEXT and connection.message_text != "off"
        purpose = Purpose.MESSAGE_TEXT if is_text else Purpose.CONVERSATION_SUMMARY
    return decide(
        work.contact.subject,
        purpose=purpose,
        category=Category(step.category or Category.LEAD),
        action=action,
        now=work.now,
        connection_id=connection.pk,
        switched_on=connection.message_text != Connection.MessageText.OFF,
    )


def settle_error(attempt: Attempt, error: PartnerError) -> Outcome:
    """Write down what the error class means for every step of the attempt (bridge.errors)."""
    claim = attempt.work.claim
    if isinstance(error, Paced):
        for effect in attempt.effects:
            effects.put_back(claim, effect, until=error.until)
        return Outcome(error.until)
    if isinstance(error, PartnerUnavailable | PartnerMisconfigured) and error.partner == Partner.CHATWOOT:
        return _chatwoot_away(attempt, error)
    if isinstance(error, PartnerUnavailable | PartnerMisconfigured):
        cause = _cause_of_absence(error)
        for effect in attempt.effects:
            effects.put_back(claim, effect, until=attempt.work.now, cause=cause)
        raise PartnerAway(cause) from error
    if isinstance(error, EffectUnknown):
        cause = Cause.CHATWOOT_UNCERTAIN if error.partner == Partner.CHATWOOT else Cause.KRAYIN_UNCERTAIN
        at = [effects.doubt(claim, effect, finished=error.finished, cause=cause) for effect in attempt.effects]
        return Outcome(min(at))
    if isinstance(error, PartnerRejected):
        return _rejected(attempt, error)
    if isinstance(error, PartnerGone):
        _refuse_first(attempt, Cause.KRAYIN_TARGET_GONE, error.code)
        return Outcome()
    raise error


def _chatwoot_away(attempt: Attempt, error: PartnerError) -> Outcome:
    """Only what is shown in Chatwoot waits; everything else of the lane goes on."""
    work = attempt.work
    is_refused = isinstance(error, PartnerMisconfigured)
    cause = Cause.CHATWOOT_CREDENTIALS if is_refused else Cause.CHATWOOT_UNAVAILABLE
    until = work.claim.chatwoot_held_until = breaker.open_for(work.connection, cause, Breaker.Of.CHATWOOT)
    for effect in attempt.effects:
        effects.put_back(work.claim, effect, until=until, cause=cause)
    return Outcome()


def settle_read_error(error: PartnerError) -> Outcome:
    """A read that changed nothing failed: wait for the pace, or for the partner."""
    if isinstance(error, Paced):
        return Outcome(error.until)
    raise PartnerAway(_cause_of_absence(error)) from error


def _cause_of_absence(error: PartnerError) -> Cause:
    if isinstance(error, CredentialsRefused):
        return Cause.KRAYIN_CREDENTIALS
    if isinstance(error, PartnerMisconfigured):
        return Cause.KRAYIN_PACKAGE
    return Cause.KRAYIN_UNAVAILABLE


def _rejected(attempt: Attempt, error: PartnerRejected) -> Outcome:
    """422: a taken key may be our own earlier success, so look; anything else is a person's to solve."""
    detail = ", ".join(sorted(error.fields))
    is_create = attempt.steps[0].kind in {Kind.CREATE_PERSON, Kind.CREATE_LEAD}
    looked = any(effect.looked_up_at for effect in attempt.effects)
    if error.taken_keys and is_create and not looked:
        at = [effects.doubt(attempt.work.claim, effect, finished=True) for effect in attempt.effects]
        return Outcome(min(at))
    _refuse_first(attempt, _cause_of_refusal(attempt.work, error), detail)
    return Outcome()


def _refuse_first(attempt: Attempt, cause: Cause, detail: str) -> None:
    """The first step is refused; one that was fused with it waits for it as before."""
    claim, (first, *fused) = attempt.work.claim, attempt.effects
    effects.reject(claim, first, cause, detail)
    for effect in fused:
        effects.put_back(claim, effect, until=attempt.work.now)


def _cause_of_refusal(work: Work, error: PartnerRejected) -> Cause:
    names = {name.removeprefix("person.") for name in error.fields}
    if any(name.split(".")[0] == "emails" for name in names) and not work.open_contact().email:
        return Cause.KRAYIN_EMAIL_REQUIRED
    if error.taken_keys:
        return Cause.KRAYIN_DUPLICATE
    return Cause.KRAYIN_REJECTED
