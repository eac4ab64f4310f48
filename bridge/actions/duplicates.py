"""Are they the same person? People answer, once, and what waited for the answer goes on (DESIGN section 5)."""

from django.db import transaction
from django.utils import timezone

from audit.services import record
from bridge.actions.contacts import create_opportunity, link, not_this_person
from bridge.actions.errors import NothingToDo
from bridge.actions.places import Place, permit, refuse_closed
from bridge.actions.wishes import LINKING, is_undecided, locked, synced
from bridge.models import Effect, Suggestion, SyncedObject, Wish
from bridge.models.inbound import lane_of
from bridge.sync.by_hand import go_on
from consent.encryption import Actor
from consent.models import ContactPoint

Via = Wish.Via
State = Suggestion.State
Objects = SyncedObject.Kind


@transaction.atomic
def same_person(pair: Suggestion, actor: Actor, *, via: str = Via.SCREEN) -> None:
    """The contact is this person of Krayin: one that has no person yet is linked to it and goes on.

    Where the contact has another person there, that one stays; the two records are joined in Krayin by hand, and until
    then nothing changes here. Raises ActionRefused.
    """
    _begin(pair, State.SAME, actor)
    if _person_of(pair) is None or is_undecided(pair.contact):
        link(pair.contact, actor, person_id=pair.krayin_person_id, via=via)
    _decide(pair, State.SAME, actor)


@transaction.atomic
def different_people(pair: Suggestion, actor: Actor, *, via: str = Via.SCREEN) -> None:
    """The contact is somebody else: unlinked if it was linked, and this person is never proposed for it again.

    What was held looks again without this person; Krayin may still refuse a second person with the same phone.
    """
    _begin(pair, State.DIFFERENT, actor)
    if _person_of(pair) == pair.krayin_person_id and not is_undecided(pair.contact):
        not_this_person(pair.contact, actor, via=via)
    _decide(pair, State.DIFFERENT, actor, release=True)


@transaction.atomic
def shared_phone(pair: Suggestion, actor: Actor, *, via: str = Via.SCREEN) -> None:
    """Two people use one phone (family, guardian): kept apart here, with an own opportunity on the person in Krayin.

    Krayin keeps one person per phone, so the contact's opportunity hangs on it; name, e-mail and phone of that person
    are never written from this contact, nor the other way.
    """
    _begin(pair, State.SHARED, actor)
    if _person_of(pair) is None or is_undecided(pair.contact):
        create_opportunity(pair.contact, actor, via=via)
        link(pair.contact, actor, person_id=pair.krayin_person_id, via=via)
    ContactPoint.objects.filter(subject=pair.contact.subject_id, kind=ContactPoint.Kind.PHONE).update(is_shared=True)
    _decide(pair, State.SHARED, actor)


def _begin(pair: Suggestion, state: State, actor: Actor) -> None:
    permit(Place(pair.contact), actor, *LINKING, what="duplicate")
    if Suggestion.objects.filter(pk=pair.pk, state=state).exists():
        raise NothingToDo("already_settled")


def _person_of(pair: Suggestion) -> int | None:
    """The person the contact is linked to now."""
    held = next(iter(synced(pair.contact, Objects.PERSON)), None)
    return held.foreign_id if held else None


def _decide(pair: Suggestion, state: State, actor: Actor, *, release: bool = False) -> None:
    """Write the answer down; an earlier one is replaced."""
    with locked(Place(pair.contact)) as place:
        refuse_closed(place.contact)
        rows = Suggestion.objects.filter(pk=pair.pk)
        rows.update(state=state, decided_by=actor.user, decided_at=timezone.now())
        if release:
            _release(place)
        record(
            action=f"hand.duplicate_{state}",
            actor_type=actor.kind,
            actor_id=actor.ref,
            clinic_id=place.connection.clinic_id,
            subject=place.contact.subject.pseudonym,
            object_type="bridge.Suggestion",
            object_id=str(pair.pk),
            own_connection=False,
        )


def _release(place: Place) -> None:
    """What was refused because of the doubt is asked again."""
    rows = Effect.objects.filter(
        connection=place.connection,
        lane_key=lane_of(place.contact.chatwoot_contact_id),
        kind=Effect.Kind.CREATE_PERSON,
        state=Effect.State.REJECTED,
    )
    go_on(rows.values_list("pk", flat=True))
