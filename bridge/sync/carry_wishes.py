"""Carry out what people asked for by hand: move, link, unlink, write a note, look again (bridge.actions).

A wish is settled in the transaction that confirms its step. One that cannot be fulfilled is refused with its reason,
and shown; it is never tried again by itself.
"""

from collections.abc import Callable, Collection
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from bridge.back.leads import keep_leads, note_stage
from bridge.clients.base import Priority
from bridge.clients.shapes import Lead
from bridge.mappers import refs
from bridge.mappers.notes import hand_note
from bridge.models import (
    ContactMapping,
    ConversationDay,
    ConversationMapping,
    Effect,
    ObservedConversation,
    StageChangeLog,
    SyncedObject,
    Wish,
)
from bridge.request_channel.correcting import correct
from bridge.sync import carry_people, records
from bridge.sync.carry_notes import title_of
from bridge.sync.clock import database_now
from bridge.sync.lanes import fence
from bridge.sync.people import is_called_shared
from bridge.sync.plan import Step
from bridge.sync.wishes import WishState
from bridge.sync.work import Attempt, Later, Work

State = Wish.State
Reason = Wish.Reason
Result = StageChangeLog.Result
IN_KRAYIN = (SyncedObject.Kind.PERSON, SyncedObject.Kind.LEAD, SyncedObject.Kind.NOTE)
NOT_SENT = (Effect.State.SHADOW, Effect.State.INTENDED, Effect.State.REJECTED, Effect.State.DENIED)


def handler_of(step: Step) -> Callable[[Attempt, Step], None] | None:
    """The function for a hand-made step; None where the usual one does it."""
    if step.wish is None or step.kind == Effect.Kind.SEND_MESSAGE:
        return None
    if step.kind == Effect.Kind.CREATE_LEAD and step.wish.lead_id is None:
        return None
    return {
        Effect.Kind.SET_STAGE: move,
        Effect.Kind.CREATE_NOTE: write_note,
        Effect.Kind.CREATE_PERSON: link_person,
        Effect.Kind.CREATE_LEAD: link_lead,
        Effect.Kind.SET_CONTACT: correct,
    }[step.kind]


# Settling -------------------------------------------------------------------------------------------------------------


def settle(wishes: Collection[UUID], state: State = State.DONE, reason: str = "") -> None:
    """Close wishes inside the caller's transaction; the text of a note goes with it."""
    rows = Wish.objects.filter(pk__in=wishes, state__in=[State.OPEN, State.HELD])
    rows.update(state=state, reason=reason, settled_at=Now(), text=None)


def fulfil(work: Work, wishes: Collection[UUID]) -> None:
    """Close wishes that planning found fulfilled."""
    if not wishes:
        return
    with transaction.atomic():
        fence(work.claim)
        settle(wishes)


def _refuse(work: Work, wish: WishState, reason: Reason) -> None:
    """The wish cannot be fulfilled; its step is no longer wanted, and its conversations go on where they were."""
    with transaction.atomic():
        fence(work.claim)
        settle([wish.id], State.REFUSED, reason)
        if wish.lead_id is not None and wish.lead_number is not None:
            rows = ObservedConversation.objects.filter(contact=work.contact, lead_number=wish.lead_number)
            numbers = [
                refs.lead_number_of(row.ref)
                for row in work.loaded.synced.values()
                if row.kind == SyncedObject.Kind.LEAD and row.gone_at is None
            ]
            rows.update(lead_number=max(numbers, default=None))


# Stages ---------------------------------------------------------------------------------------------------------------


def move(attempt: Attempt, step: Step) -> None:
    """Move to the stage a person chose, also back and out of won or lost; what another person did meanwhile wins."""
    work, wish = attempt.work, step.wish
    held = work.synced(step.ref)
    if held is None or step.stage_id is None or wish is None:
        return
    work.reserve(2, Priority.STAGE)
    lead = carry_people.read_lead(attempt, step, held.foreign_id, Priority.STAGE)
    if lead is None:
        _refuse(work, wish, Reason.OBJECT_GONE)
        return
    refusal = _why_not(attempt, step, held, lead)
    if refusal:
        attempt.confirm({step: lead.id}, lambda: _kept(work, step, held, lead, refusal))
        return
    attempt.sending()
    moved = carry_people.move_stage(work, lead, step.stage_id)
    result = Result.MOVED if moved.stage_id == step.stage_id else Result.CONFLICT
    attempt.confirm({step: lead.id}, lambda: _kept(work, step, held, moved, result, lead.stage_id))


def _why_not(attempt: Attempt, step: Step, held: SyncedObject, lead: Lead) -> Result | None:
    wish, connection = step.wish, attempt.work.connection
    if wish is None or lead.stage_id == step.stage_id:
        # Asked for again after a call whose end was never learnt: that one did it.
        return Result.MOVED if attempt.effect(step).looked_up_at else Result.AHEAD
    pipeline = next((p for p in connection.pipelines if p["id"] == (lead.pipeline_id or connection.pipeline_id)), None)
    if pipeline is None or step.stage_id not in {stage["id"] for stage in pipeline["stages"]}:
        return Result.GONE
    ours = {held.base.get("stage_wanted"), held.base.get("stage_by_hand")}
    if wish.seen_stage_id is not None and lead.stage_id not in {wish.seen_stage_id, *ours}:
        return Result.CONFLICT
    return None


REFUSALS = {Result.CONFLICT: Reason.MOVED_BY_HAND, Result.GONE: Reason.STAGE_GONE}


def _kept(work: Work, step: Step, held: SyncedObject, lead: Lead, result: Result, previous: int | None = None) -> None:
    base = dict(held.base)
    if result == Result.MOVED:
        # What the rules want today must not undo what the person decided.
        base |= {"stage_by_hand": step.stage_id, "stage_wanted": step.rule_stage_id or held.base.get("stage_wanted")}
    carry_people.lead_kept(work, held, lead, base, has_ref=held.has_ref)
    records.log_stage(work, step, lead.id, previous=previous or held.stage_id, result=result)
    if step.wish:
        reason = REFUSALS.get(result, "")
        settle([step.wish.id], State.REFUSED if reason else State.DONE, reason)


# Notes ----------------------------------------------------------------------------------------------------------------


def write_note(attempt: Attempt, step: Step) -> None:
    """Write what staff noted at the conversation's opportunity."""
    work, wish = attempt.work, step.wish
    lead = work.lead(step.lead_number)
    row = Wish.objects.select_related("asked_by").filter(pk=wish.id, state=State.OPEN).first() if wish else None
    if lead is None or row is None or not row.text:
        raise Later(work.now)  # taken back meanwhile: planning wants it no longer
    work.reserve(1, Priority.NOTE)
    text = work.opener().text(row.text, subject=work.contact.subject_id, context=row.text_context)
    comment = hand_note(text, author=str(row.asked_by or ""), written_at=row.created_at.astimezone(work.zone))
    attempt.sending()
    activity_id = work.client.note_create(title=title_of(step), comment=comment, lead_id=lead.foreign_id).id

    def write() -> None:
        records.hand_note_agreed(work, step.ref, activity_id)
        settle([row.pk])

    attempt.confirm({step: activity_id}, write)


# Links ----------------------------------------------------------------------------------------------------------------


def link_person(attempt: Attempt, step: Step) -> None:
    """Take over the person that people named, or the one of the opportunity they named."""
    work, wish = attempt.work, step.wish
    if wish is None:
        return
    work.reserve(2, Priority.RECORD)
    person_id = wish.person_id
    if person_id is None and wish.lead_id is not None:
        leads = work.client.leads_by_ids([wish.lead_id])
        person_id = leads[0].person_id if leads else None
    if person_id is None or not work.client.persons_by_ids([person_id]):
        _refuse(work, wish, Reason.OBJECT_GONE)
        return
    others = SyncedObject.objects.filter(
        krayin_id=work.connection.krayin_id, kind=SyncedObject.Kind.PERSON, foreign_id=person_id, gone_at=None
    )
    # The reference of a shared person stays the first titular's.
    is_shared = others.exclude(ref=step.ref).exists() or is_called_shared(work.connection.pk, person_id)

    def write() -> None:
        records.person_agreed(work, person_id=person_id, found_by="manual", has_ref=is_shared)

    attempt.confirm({step: person_id}, write)


def link_lead(attempt: Attempt, step: Step) -> None:
    """Take over the opportunity that people named, if it is this person's and nobody else's."""
    work, wish, person = attempt.work, step.wish, attempt.work.person
    if wish is None or wish.lead_id is None or person is None:
        return
    work.reserve(1, Priority.RECORD)
    found = work.client.leads_by_ids([wish.lead_id])
    taken = SyncedObject.objects.filter(
        krayin_id=work.connection.krayin_id, kind=SyncedObject.Kind.LEAD, foreign_id=wish.lead_id, gone_at=None
    )
    if not found:
        _refuse(work, wish, Reason.OBJECT_GONE)
    elif found[0].person_id != person.foreign_id:
        _refuse(work, wish, Reason.OTHER_PERSON)
    elif taken.exists():
        _refuse(work, wish, Reason.TAKEN)
    else:
        lead = found[0]
        attempt.confirm(
            {step: lead.id}, lambda: records.lead_agreed(work, step, lead, found_by="manual", has_ref=False)
        )


def unlink(work: Work, wish: WishState) -> None:
    """The contact is not that person: forget what belongs to it. Nothing is changed or deleted in Krayin.

    What is made after the decision carries other references, and the notes are written again at the right place.
    """
    connection, contact, lane_key = work.connection, work.contact, work.claim.lane_key
    conversations = ObservedConversation.objects.filter(contact=contact)
    numbers = list(conversations.values_list("chatwoot_conversation_id", flat=True))
    with transaction.atomic():
        fence(work.claim)
        held = SyncedObject.objects.filter(connection=connection, lane_key=lane_key, kind__in=IN_KRAYIN)
        held.update(lane_key=f"u:{wish.id}", gone_at=Now())
        rows = Effect.objects.filter(connection=connection, lane_key=lane_key, state__in=NOT_SENT)
        rows.update(state=Effect.State.CANCELLED, updated_at=Now())
        conversations.update(lead_number=None)
        ConversationDay.objects.filter(conversation__contact=contact).update(written=0)
        ContactMapping.objects.filter(connection=connection, chatwoot_contact_id=contact.chatwoot_contact_id).delete()
        ConversationMapping.objects.filter(connection=connection, chatwoot_conversation_id__in=numbers).delete()
        Wish.objects.filter(pk=wish.id, state=State.OPEN).update(state=State.HELD)


# Looking again --------------------------------------------------------------------------------------------------------


def refresh(work: Work, wish: WishState) -> None:
    """Read the contact's opportunities as Krayin shows them now, with one call; the answer to *sync now*."""
    leads = [row for row in work.loaded.synced.values() if row.kind == SyncedObject.Kind.LEAD and row.gone_at is None]
    seen: dict[int, Lead] = {}
    if leads:
        work.reserve(1, Priority.RECORD)
        began = database_now()
        seen = {lead.id: lead for lead in work.client.leads_by_ids([row.foreign_id for row in leads][:100])}
        keep_leads(work.connection.krayin_id, seen.values(), began)
    with transaction.atomic():
        fence(work.claim)
        for row in leads:
            if row.foreign_id in seen:
                note_stage(work.connection, row, seen[row.foreign_id])
            else:
                records.gone(work, row.ref)
        settle([wish.id])
