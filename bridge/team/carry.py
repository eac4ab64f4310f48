"""Give an existing opportunity to whom its conversation went; what a person decided later in Krayin stays."""

from collections.abc import Mapping

from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.clients.shapes import Lead, LeadChange
from bridge.mappers.chatwoot_rest import version_of
from bridge.models import SyncedObject
from bridge.sync import effects
from bridge.sync.carry_people import lead_kept, read_lead
from bridge.sync.plan import Step
from bridge.sync.work import Attempt
from bridge.team import directory
from bridge.team.choose import chosen

SECOND = 1_000_000  # microseconds: Krayin's times have no fractions


def set_owner(attempt: Attempt, step: Step) -> None:
    """Read the opportunity and write its owner at once; forward only, as far as the times of both partners tell."""
    work, held = attempt.work, attempt.work.synced(step.ref)
    if held is None or step.owner_id is None:
        return
    if attempt.effect(step).looked_up_at and step.owner_id not in directory.refresh(work.connection, work.client):
        effects.reject(work.claim, attempt.effect(step), Cause.KRAYIN_TARGET_GONE, "user_id")
        return
    work.reserve(2, Priority.RECORD)
    lead = read_lead(attempt, step, held.foreign_id)
    if lead is None:
        return
    base = {**held.base, "owner_wanted": step.owner_id}
    if lead.owner_id == step.owner_id:
        base["owner_ours"] = lead.owner_id
    if lead.owner_id == step.owner_id or lead.closed_at is not None or _was_decided_later(attempt, step, held, lead):
        attempt.confirm({step: lead.id}, lambda: lead_kept(work, held, lead, base, has_ref=held.has_ref))
        return
    attempt.sending(write=lambda: _will_give(held, step.owner_id))
    given = work.client.lead_edit(lead.id, LeadChange(lead.expected_close_date, owner_id=step.owner_id))
    base["owner_ours"] = given.owner_id
    attempt.confirm({step: lead.id}, lambda: lead_kept(work, held, given, base, has_ref=held.has_ref))


def _will_give(held: SyncedObject, owner_id: int | None) -> None:
    """Remember, with *sent*, to whom the call gives it: should its answer be lost, it was not people."""
    SyncedObject.objects.filter(pk=held.pk).update(base={**held.base, "owner_sent": owner_id})


def was_given_by_hand(base: Mapping[str, object], owner_id: int | None) -> bool:
    """Whether people in Krayin chose the owner. Opportunities agreed on before this was kept tell nothing: perhaps."""
    ours = {base["owner_ours"]} if "owner_ours" in base else set()
    return owner_id not in ours | {base.get("owner_sent") or object()}


def _was_decided_later(attempt: Attempt, step: Step, held: SyncedObject, lead: Lead) -> bool:
    """Krayin tells only when the opportunity changed last: where that may have been the owner, people are right."""
    if not was_given_by_hand(held.base, lead.owner_id):
        return False
    state = attempt.work.loaded.state
    sent = [c for c in state.conversations if c.lead_number == step.lead_number and not c.is_kept_back]
    choice = chosen(state.settings.owners, sent)
    if choice is None or lead.updated_at is None:
        return True
    return version_of(lead.updated_at) + SECOND > choice.since
