"""Carry out steps on persons and opportunities: look, adopt or create, keep up to date (DESIGN sections 5 to 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bridge.back.carry import write_person
from bridge.back.leads import keep_leads
from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.clients.krayin_wire import LEAD_REF
from bridge.clients.shapes import Lead, LeadChange, Person
from bridge.errors import EffectUnknown, PartnerGone
from bridge.fields.carry import NOTHING, Given, at_creation, for_lead, for_person, or_without, with_booleans
from bridge.mappers.chatwoot_rest import version_of
from bridge.mappers.krayin import OpenContact, lead_draft, merged_person, person_draft
from bridge.mappers.titles import lead_title
from bridge.models import (
    Connection,
    ContactMapping,
    Effect,
    ImportedContact,
    ObservedContact,
    ObservedConversation,
    StageChangeLog,
    Suggestion,
    SyncedObject,
    SyncJob,
)
from bridge.rules.lists import pipeline_of
from bridge.sync import effects, people, records
from bridge.sync.clock import database_now
from bridge.sync.lanes import LeaseLost
from bridge.sync.plan import Step
from bridge.sync.state import inbox_name, settings_of
from bridge.sync.work import Attempt, Later, Work
from bridge.team.turns import owner_for

Kind = Effect.Kind
Result = StageChangeLog.Result
FoundBy = ContactMapping.FoundBy
BUSY = timedelta(seconds=3)
# An import that has judged the contact wakes its lane; this is for one that was paused or cancelled.
COMPARED = timedelta(minutes=5)


def create_person(attempt: Attempt, step: Step) -> None:
    """Look for the person by e-mail and phone; adopt one sure hit, let people decide a doubtful one, else create."""
    work = attempt.work
    if is_compared(work.contact):
        raise Later(database_now(COMPARED))
    identity = work.identity()
    if not people.claim_identity(work.connection, identity, work.contact.subject_id):
        raise Later(database_now(BUSY))
    in_doubt = False
    try:
        work.reserve(2, Priority.RECORD)
        found = people.match(work.connection, identity, _search(work, identity))
        if found is None:
            _new_person(attempt, step)
        elif found.is_sure:
            adopt(attempt, step, found.person.id, found.found_by)
        else:
            leave_to_people(attempt, step, found.person.id, found.found_by, found.evidence)
    except (EffectUnknown, LeaseLost):
        # Krayin may still be writing the person, and no search finds it yet: the look-up gives the claim back. And
        # a worker that lost its lane would give back what the lane's next worker holds.
        in_doubt = True
        raise
    finally:
        if not in_doubt:
            people.release_identity(work.connection, work.contact.subject_id)


def is_compared(contact: ObservedContact) -> bool:
    """Whether a running import is about to compare the contact with everybody in Krayin (bridge.importing).

    A search finds fewer spellings than that. Who has written since does not wait.
    """
    rows = ImportedContact.objects.filter(
        connection_id=contact.connection_id, chatwoot_contact_id=contact.chatwoot_contact_id, outcome="",
        job__state__in=[SyncJob.State.WAITING, SyncJob.State.RUNNING],
    )  # fmt: skip
    since = rows.values_list("created_at", flat=True).first()
    if since is None:
        return False
    return not ObservedConversation.objects.filter(contact=contact, version__gt=version_of(since)).exists()


def _search(work: Work, identity: people.Identity) -> Sequence[Person]:
    if not (identity.email or identity.phone):
        return ()
    phone = identity.phone[-8:] if identity.phone else None
    hits = work.client.person_search(email=identity.email or None, phone=phone)
    # An import compares more spellings than a search finds: whom it proposed is a candidate, too.
    proposed = people.proposed_to(work.contact) - {person.id for person in hits}
    hits = (*hits, *work.client.persons_by_ids(proposed)) if proposed else hits
    work.people |= {person.id: person for person in hits}
    return people.not_denied(work.contact, hits)


def adopt(attempt: Attempt, step: Step, person_id: int, found_by: FoundBy) -> None:
    """The contact is this person."""

    def write() -> None:
        records.person_agreed(attempt.work, person_id=person_id, found_by=found_by.value, has_ref=False)

    attempt.confirm({step: person_id}, write)


def leave_to_people(attempt: Attempt, step: Step, person_id: int, found_by: FoundBy, evidence: str) -> None:
    """Show the pair to people; by the connection's policy wait for them, or open an own lead on the shared person."""
    work = attempt.work
    suggest(work.contact, person_id, found_by, evidence)
    is_shared = evidence in {"linked_to_another", "another_name"}
    if work.connection.shared_person == Connection.SharedPerson.OWN_LEAD and is_shared:
        # The reference stays the first titular's; this contact only hangs an opportunity on the person.
        def write() -> None:
            records.person_agreed(work, person_id=person_id, found_by=found_by.value, has_ref=True)

        attempt.confirm({step: person_id}, write)
    else:
        effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_DUPLICATE, evidence)


def suggest(contact: ObservedContact, person_id: int, found_by: FoundBy, evidence: str) -> None:
    """Propose a pair to people, once for ever."""
    Suggestion.objects.get_or_create(
        contact=contact,
        krayin_person_id=person_id,
        defaults={"connection_id": contact.connection_id, "evidence": f"{found_by.value}:{evidence}"},
    )


def _new_person(attempt: Attempt, step: Step) -> None:
    """Create the person, in the same call as the first opportunity where that is wanted too (contract Krayin 8.2)."""
    work = attempt.work
    opened = work.open_contact()
    new_leads = [s for s in attempt.plan.ready if s.kind == Kind.CREATE_LEAD and s.stage_id]
    lead_step = next((s for s in new_leads if not (s.wish and s.wish.lead_id)), None)
    owner_id = owner_for(attempt, lead_step or step)
    draft = person_draft(opened, with_company=work.connection.sync_to_organization, owner_id=owner_id)
    mapped = at_creation(work, step.ref)
    written = records.values_of(draft.name, opened)
    if lead_step is None:
        attempt.sending()
        person, mapped = or_without(mapped, lambda given: work.client.person_create(for_person(draft, given)))
        work.people[person.id] = person
        attempt.confirm({step: person.id}, lambda: _created(work, step, person.id, written, mapped))
        return
    of_lead = at_creation(work, lead_step.ref)
    body = lead_draft(
        title=title_of(work, lead_step, opened), ref=lead_step.ref, stage_id=lead_step.stage_id or 0,
        source_id=work.connection.source_id, type_id=work.connection.type_id, person_id=None, person=draft,
        owner_id=owner_id,
    )  # fmt: skip
    attempt.sending(lead_step)
    both = Given(mapped.states + of_lead.states, {**mapped.body, **of_lead.body})
    lead, sent = or_without(
        both, lambda given: work.client.lead_create(
            for_lead(replace(body, person=for_person(draft, mapped if given else NOTHING)), of_lead if given else NOTHING)
        ),
    )  # fmt: skip
    if not sent:
        mapped = of_lead = NOTHING
    person_id = lead.person_id
    if lead.person:
        work.people[lead.person.id] = lead.person

    def write() -> None:
        if person_id is not None:
            _created(work, step, person_id, written, mapped)
        records.lead_agreed(work, lead_step, lead, found_by="created", has_ref=True)
        of_lead.agree(work, lead_step.ref, lead.id, lead)

    attempt.confirm({step: person_id, lead_step: lead.id}, write)


def _created(work: Work, step: Step, person_id: int, written: dict[str, str], mapped: Given) -> None:
    records.person_agreed(work, person_id=person_id, found_by="created", has_ref=True, written=written)
    mapped.agree(work, step.ref, person_id, work.people.get(person_id))


def title_of(work: Work, step: Step, opened: OpenContact) -> str:
    conversation = work.loaded.conversations.get(step.conversation_id or 0)
    inbox = inbox_name(work.connection, conversation.inbox_id) if conversation else ""
    name = opened.name or opened.phone or f"Contato {opened.contact_id}"
    return lead_title(work.connection.title_template, name=name, inbox=inbox, ref=step.ref)


def set_person(attempt: Attempt, step: Step) -> None:
    """Write what changed in Chatwoot onto the person as it is now; what a human changed there stays."""
    work, person = attempt.work, attempt.work.person
    if person is None:
        return
    if _is_shared(work, person):
        # The person belongs to another titular first: this contact's changes are not his.
        attempt.confirm({step: person.foreign_id}, lambda: _kept(work, person))
        return
    work.reserve(2, Priority.RECORD)
    found = work.client.persons_by_ids([person.foreign_id])
    if not found:
        _gone(attempt, step)
        return
    current = found[0]
    if work.connection.krayin_to_chatwoot:
        write_person(attempt, step, person, current, partial(with_booleans, work))
        return
    opened = work.open_contact()
    there = {
        "name": _ours(person, "name", [current.name]),
        "email": _ours(person, "email", [e.value for e in current.emails]),
        "phone": _ours(person, "phone", [p.value for p in current.phones]),
    }
    draft = merged_person(
        current, opened, write_name=bool(there["name"]), drop_email=there["email"], drop_phone=there["phone"]
    )
    # A name that people gave there stays theirs, also the next time.
    written = records.values_of(draft.name if there["name"] else "", opened) if records.has_marks(person) else {}
    attempt.sending(write=lambda: records.will_write(person, there=there, sent=written))
    work.people[person.foreign_id] = work.client.person_update(person.foreign_id, with_booleans(work, draft))
    attempt.confirm(
        {step: person.foreign_id},
        lambda: records.person_agreed(
            work, person_id=person.foreign_id, found_by=person.found_by, has_ref=True, written=written
        ),
    )


def _is_shared(work: Work, person: SyncedObject) -> bool:
    same = SyncedObject.objects.filter(krayin_id=person.krayin_id, kind=person.kind, foreign_id=person.foreign_id)
    is_held = same.exclude(pk=person.pk).exists()
    return is_held or people.is_called_shared(person.connection_id, person.foreign_id)


def _kept(work: Work, person: SyncedObject) -> None:
    records.person_agreed(work, person_id=person.foreign_id, found_by=person.found_by, has_ref=True)


def _ours(person: SyncedObject, name: str, values: Sequence[str]) -> str:
    """The entry we wrote earlier, which a changed value replaces; entries of others stay."""
    return next((value for value in values if records.is_ours(person, name, value)), "")


def create_lead(attempt: Attempt, step: Step) -> None:
    """Adopt the person's open opportunity of the pipeline, else create one."""
    work, person = attempt.work, attempt.work.person
    if person is None:
        return
    if step.stage_id is None:
        effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_TARGET_GONE, "lead_pipeline_stage_id")
        return
    # Who asks for an opportunity by hand wants a new one.
    may_have_leads = step.wish is None and (person.found_by != "created" or step.lead_number > 1)
    work.reserve(2 if may_have_leads else 1, Priority.RECORD)
    if may_have_leads and _adopt_lead(attempt, step, person.foreign_id):
        return
    body = lead_draft(
        title=title_of(work, step, work.open_contact()), ref=step.ref, stage_id=step.stage_id,
        source_id=work.connection.source_id, type_id=work.connection.type_id, person_id=person.foreign_id, person=None,
        owner_id=owner_for(attempt, step),
    )  # fmt: skip
    mapped = at_creation(work, step.ref)
    attempt.sending()
    lead, mapped = or_without(mapped, lambda given: work.client.lead_create(for_lead(body, given)))

    def write() -> None:
        records.lead_agreed(work, step, lead, found_by="created", has_ref=True)
        mapped.agree(work, step.ref, lead.id, lead)

    attempt.confirm({step: lead.id}, write)


def _adopt_lead(attempt: Attempt, step: Step, person_id: int) -> bool:
    """Take the last changed open opportunity that is nobody else's. Its stage and title stay as people left them."""
    work = attempt.work
    planner = settings_of(work.connection)
    leads = work.client.leads_of_person(person_id, pipeline_id=work.connection.pipeline_id)
    open_leads = [lead for lead in leads if lead.closed_at is None and not planner.is_final(lead.stage_id)]
    taken = set(
        SyncedObject.objects.filter(
            krayin_id=work.connection.krayin_id, kind=SyncedObject.Kind.LEAD, foreign_id__in=[x.id for x in open_leads]
        ).values_list("foreign_id", flat=True)
    )
    free = [lead for lead in open_leads if lead.id not in taken]
    if not free:
        return False
    lead = free[0]
    found_by = work.person.found_by if work.person else "reference"

    def write() -> None:
        records.lead_agreed(work, step, lead, found_by=found_by, has_ref=False)

    attempt.confirm({step: lead.id}, write)
    return True


def set_lead(attempt: Attempt, step: Step) -> None:
    """Write our reference on an adopted opportunity, or the title after a change of name; a human's title stays."""
    work = attempt.work
    held = work.synced(step.ref)
    if held is None:
        return
    work.reserve(2, Priority.RECORD)
    lead = read_lead(attempt, step, held.foreign_id)
    if lead is None:
        return
    title = title_of(work, step, work.open_contact())
    ours = held.found_by == "created" and records.is_ours(held, "title", lead.title)
    base = {**held.base, "title": step.digest}
    # A partial edit would reset boolean attributes whose values no answer tells (contract Krayin 12.6): leave it.
    if work.connection.lead_booleans or not (ours or not held.has_ref):
        attempt.confirm({step: lead.id}, lambda: lead_kept(work, held, lead, base, has_ref=True))
        return
    change = LeadChange(
        lead.expected_close_date, title=title if ours else None, attributes={} if held.has_ref else {LEAD_REF: held.ref}
    )
    there, sent = ({"title": lead.title}, {"title": title}) if ours else ({}, {})
    attempt.sending(write=lambda: records.will_write(held, there=there, sent=sent))
    edited = work.client.lead_edit(lead.id, change)
    if ours:
        base |= records.marks("written", {"title": edited.title})
    attempt.confirm({step: lead.id}, lambda: lead_kept(work, held, edited, base, has_ref=True))


def lead_kept(work: Work, held: SyncedObject, lead: Lead, base: dict[str, object], *, has_ref: bool) -> None:
    keep_leads(work.connection.krayin_id, [lead], work.seen_at)
    records.agree(
        work, kind=SyncedObject.Kind.LEAD, ref=held.ref, foreign_id=lead.id, base=base, stage_id=lead.stage_id,
        closed_at=lead.closed_at, has_ref=has_ref,
    )  # fmt: skip


def read_lead(attempt: Attempt, step: Step, lead_id: int, priority: int = Priority.RECORD) -> Lead | None:
    """Never decide on a cached lead (DESIGN section 7). None when a person deleted it, which is then recorded."""
    found = attempt.work.client.leads_by_ids([lead_id], priority=priority)
    if not found:
        _gone(attempt, step)
        return None
    return found[0]


def set_stage(attempt: Attempt, step: Step) -> None:
    """Move forward only, never out of won or lost, by a read and one write at once; what a human did wins."""
    work = attempt.work
    held = work.synced(step.ref)
    if held is None or step.stage_id is None:
        return
    work.reserve(2, Priority.STAGE)
    lead = read_lead(attempt, step, held.foreign_id, Priority.STAGE)
    if lead is None:
        return
    refusal = _why_not_moved(work, held, lead, step.stage_id)
    base = {**held.base, "stage_wanted": step.stage_id}
    if refusal and attempt.effect(step).looked_up_at and lead.stage_id == step.stage_id:
        # A call of ours whose answer was lost moved it there.
        base["stage_ours"] = lead.stage_id
        attempt.confirm({step: lead.id}, lambda: _stage_kept(work, step, held, lead, base, Result.MOVED, held.stage_id))
        return
    if refusal:
        attempt.confirm({step: lead.id}, lambda: _stage_kept(work, step, held, lead, base, refusal))
        return
    attempt.sending(write=lambda: records.will_move(held, step.stage_id))
    moved = move_stage(work, lead, step.stage_id)
    result = Result.MOVED if moved.stage_id == step.stage_id else Result.CONFLICT
    base["stage_ours"] = step.stage_id
    attempt.confirm({step: lead.id}, lambda: _stage_kept(work, step, held, moved, base, result, lead.stage_id))


def _why_not_moved(work: Work, held: SyncedObject, lead: Lead, stage_id: int) -> Result | None:
    planner = settings_of(work.connection)
    if lead.closed_at is not None or planner.is_final(lead.stage_id):
        return Result.CLOSED
    if planner.position(stage_id) < 0:
        return Result.GONE
    if planner.position(lead.stage_id) >= planner.position(stage_id):
        return Result.AHEAD
    is_elsewhere = lead.pipeline_id not in (None, work.connection.pipeline_id) and planner.position(lead.stage_id) < 0
    if is_elsewhere or was_moved_by_hand(held.base, lead.stage_id):
        return Result.CONFLICT
    return None


def was_moved_by_hand(base: Mapping[str, object], stage_id: int | None) -> bool:
    """Whether people in Krayin put it where it is: neither we did, nor the answer of a call we lost, nor the panel.

    Opportunities agreed on before this was kept tell nothing.
    """
    known = {base.get("stage_ours"), base.get("stage_sent"), base.get("stage_by_hand")} - {None}
    return "stage_ours" in base and stage_id not in known


def move_stage(work: Work, lead: Lead, stage_id: int) -> Lead:
    """The call that loses least (contract Krayin 20.7): boolean attributes survive only the other two ways."""
    if not work.connection.lead_booleans:
        pipeline_id = pipeline_of(work.connection, stage_id)
        changed = pipeline_id if pipeline_id != lead.pipeline_id else None
        change = LeadChange(lead.expected_close_date, stage_id=stage_id, pipeline_id=changed)
        return work.client.lead_edit(lead.id, change)
    if lead.expected_close_date is None:
        return work.client.lead_stage_edit(lead.id, stage_id)
    work.client.leads_mass_stage([lead.id], stage_id)
    return next(iter(work.client.leads_by_ids([lead.id], priority=Priority.STAGE)), lead)


def _stage_kept(
    work: Work,
    step: Step,
    held: SyncedObject,
    lead: Lead,
    base: dict[str, object],
    result: Result,
    previous: int | None = None,
) -> None:
    lead_kept(work, held, lead, base, has_ref=held.has_ref)
    records.log_stage(work, step, lead.id, previous=previous or lead.stage_id, result=result)


def _gone(attempt: Attempt, step: Step) -> None:
    records.gone(attempt.work, step.ref)
    effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_OBJECT_GONE)


def join_lead(work: Work, conversation_id: int, last_number: int) -> None:
    """Decide which opportunity a new conversation belongs to: the last one while it is open, else the next."""
    held = work.lead(last_number)
    if held is None:
        return
    work.reserve(1, Priority.RECORD)
    try:
        found = work.client.leads_by_ids([held.foreign_id])
    except PartnerGone:
        found = ()
    lead = found[0] if found else None
    is_open = lead is not None and lead.closed_at is None and not settings_of(work.connection).is_final(lead.stage_id)
    number = last_number if is_open else last_number + 1
    if lead is not None:
        SyncedObject.objects.filter(pk=held.pk).update(stage_id=lead.stage_id, closed_at=lead.closed_at)
    else:
        records.gone(work, held.ref)
    ObservedConversation.objects.filter(
        connection=work.connection, chatwoot_conversation_id=conversation_id, lead_number=None
    ).update(lead_number=number)
