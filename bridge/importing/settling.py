"""Judge the contacts a job compared: adopt one sure person, let people decide a doubtful one, wake the lane.

The rules are those of the lanes (bridge.sync.people), and so is what is written: the contact's lane is taken over for
the moment, so that a worker that sleeps over it changes nothing. Nothing is merged and no partner is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationDay,
    Effect,
    ImportedContact,
    Lane,
    ObservedContact,
    Suggestion,
)
from bridge.models.inbound import lane_of
from bridge.sync import by_hand, effects, people, records
from bridge.sync.carry_out import permission
from bridge.sync.carry_people import adopt, leave_to_people, suggest
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim
from bridge.sync.plan import Step, plan
from bridge.sync.state import load
from bridge.sync.work import Attempt, Work

FoundBy = ContactMapping.FoundBy
Outcome = ImportedContact.Outcome
State = Connection.State

# Calls that follow: read and write the reference, look for an opportunity and write it; or search and create both.
CALLS = {Outcome.ADOPTED: 4, Outcome.OWN: 2, Outcome.ASKED: 0, Outcome.KEPT: 0}


@dataclass(frozen=True)
class Judged:
    """What became of a contact, and about how many calls to Krayin its lane is going to make."""

    outcome: Outcome
    calls: int


@dataclass(frozen=True)
class Found:
    """The hits of a contact that count: without people who were said to be somebody else."""

    person_id: int
    found_by: FoundBy
    names_agree: bool


def judge(connection: Connection, row: ImportedContact) -> Judged | None:
    """Judge one contact and wake its lane; None while a worker has the lane. A contact judged before is only told."""
    lane_key = lane_of(row.chatwoot_contact_id)
    with transaction.atomic():
        if not row.outcome:
            if lane_key not in by_hand.take_over(connection.pk, [lane_key]):
                return None
            row.outcome = _outcome(connection, row, lane_key)
            row.save(update_fields=["outcome"])
            by_hand.mark(connection.pk, [lane_key])
    outcome = Outcome(row.outcome)
    return Judged(outcome, CALLS[outcome] + (_days_behind(connection, row) if outcome != Outcome.ASKED else 0))


def _days_behind(connection: Connection, row: ImportedContact) -> int:
    if connection.preset == Connection.Preset.CONTACTS:
        return 0
    return ConversationDay.objects.filter(
        conversation__connection=connection,
        conversation__contact__chatwoot_contact_id=row.chatwoot_contact_id,
        written=0,
    ).count()


def _outcome(connection: Connection, row: ImportedContact, lane_key: str) -> Outcome:
    token = Lane.objects.values_list("token", flat=True).get(connection=connection, lane_key=lane_key)
    now = database_now()
    work = Work(connection, Claim(connection.pk, lane_key, token, 0), load(connection, lane_key), now)
    contact = work.loaded.contact
    if contact is None:
        return Outcome.KEPT
    current = plan(work.loaded.state, now)
    wanted = next((s for s in (*current.ready, *current.waiting) if s.kind == Effect.Kind.CREATE_PERSON), None)
    if wanted is None or wanted.wish is not None or not permission(work, wanted).allowed:
        return Outcome.KEPT
    found = _found(contact, row.hits)
    if not found:
        return Outcome.OWN
    rows = effects.intend(connection, work.claim, current, work.loaded.state.effects, now)
    attempt = Attempt(work, current, rows, permission(work, wanted), [wanted])
    return _decide(attempt, wanted, found)


def _found(contact: ObservedContact, hits: Sequence[Sequence[object]]) -> list[Found]:
    denied = set(
        Suggestion.objects.filter(contact=contact, state=Suggestion.State.DIFFERENT).values_list(
            "krayin_person_id", flat=True
        )
    )
    read = [Found(int(str(person_id)), FoundBy(str(how)), bool(agree)) for person_id, how, agree in hits]
    return [hit for hit in read if hit.person_id not in denied]


def _decide(attempt: Attempt, step: Step, found: Sequence[Found]) -> Outcome:
    """As the lane would after a search: one sure hit is the person, anything else is for people."""
    work, first = attempt.work, found[0]
    evidence = people.why_unsure(
        work.connection, step.ref, first.person_id, count=len(found), names_agree=first.names_agree
    )
    is_written = effects.key_of(step) in attempt.rows
    if not evidence and is_written:
        adopt(attempt, step, first.person_id, first.found_by)
        return Outcome.ADOPTED
    if not evidence:
        # In shadow nothing is intended: the link alone is kept, and planning goes on from it.
        records.person_agreed(work, person_id=first.person_id, found_by=first.found_by.value, has_ref=False)
        return Outcome.ADOPTED
    for other in found:
        suggest(work.contact, other.person_id, other.found_by, evidence)
    if is_written:
        leave_to_people(attempt, step, first.person_id, first.found_by, evidence)
    return Outcome.ASKED
