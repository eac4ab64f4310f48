"""Moving an opportunity by hand."""

from typing import Any

from bridge.actions.errors import ChooseAnother, NothingToDo, WaitForFirst
from bridge.actions.places import Place, Target, permit, place_of, refuse_closed, refuse_unwritten
from bridge.actions.wishes import DAILY, is_open, is_undecided, locked, replace, store, synced
from bridge.mappers import refs
from bridge.models import Connection, SyncedObject, Wish
from consent.encryption import Actor

Kind = Wish.Kind


def change_stage(
    target: Target, stage_id: int, actor: Actor, *, via: str = Wish.Via.SCREEN, seen_stage_id: int | None = None
) -> Wish:
    """Move the conversation's (or the contact's current) opportunity to any stage, also out of won or lost.

    `seen_stage_id` is the stage the person saw; where Krayin shows yet another one when it comes to writing, somebody
    moved it meanwhile and the wish is refused as `moved_by_hand` (DESIGN section 7). Replaces an earlier wish that
    still waits. Raises ActionRefused.
    """
    place = place_of(target)
    permit(place, actor, *DAILY, what=Kind.STAGE)
    with locked(place) as place:
        refuse_closed(place.contact)
        refuse_unwritten(place.connection)
        lead = current_lead(place)
        if stage_id not in {stage["id"] for stage in stages_of(place.connection, lead.stage_id)}:
            raise ChooseAnother("unknown_stage")
        number = refs.lead_number_of(lead.ref)
        if lead.stage_id == stage_id and not is_open(place.contact, Kind.STAGE, lead_number=number):
            raise NothingToDo("already_there")
        replace(place.contact, [Kind.STAGE], lead_number=number)
        seen = lead.stage_id if seen_stage_id is None else seen_stage_id
        return store(place, Kind.STAGE, actor, via, Wish(stage_id=stage_id, seen_stage_id=seen, lead_number=number))


def stages_of(connection: Connection, stage_id: int | None) -> list[dict[str, Any]]:
    """The stages an opportunity in `stage_id` may be moved to: those of its pipeline, in their order."""
    for pipeline in connection.pipelines:
        if stage_id in {stage["id"] for stage in pipeline["stages"]}:
            return list(pipeline["stages"])
    return connection.stages


def current_lead(place: Place) -> SyncedObject:
    """The conversation's opportunity, else the contact's last one. Raises WaitForFirst."""
    if is_undecided(place.contact):
        raise WaitForFirst("decide_first")
    leads = {refs.lead_number_of(row.ref): row for row in synced(place.contact, SyncedObject.Kind.LEAD)}
    number = place.conversation.lead_number if place.conversation else None
    lead = leads.get(number or max(leads, default=0))
    if lead is None:
        raise WaitForFirst("no_opportunity")
    return lead
