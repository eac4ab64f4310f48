"""Who a contact is in Krayin, and its opportunities, decided by hand."""

from django.utils import timezone

from bridge.actions.errors import ChooseAnother, NothingToDo, WaitForFirst
from bridge.actions.places import Place, Target, permit, place_of, refuse_closed, refuse_unwritten
from bridge.actions.wishes import DAILY, LINKING, is_open, is_undecided, locked, replace, store, synced
from bridge.mappers import refs
from bridge.models import ObservedContact, ObservedConversation, Suggestion, SyncedObject, Wish
from bridge.models.inbound import lane_of
from consent.encryption import Actor

Kind = Wish.Kind
Via = Wish.Via
Objects = SyncedObject.Kind
Status = ObservedConversation.Status


def create_opportunity(target: Target, actor: Actor, *, via: str = Via.SCREEN) -> Wish:
    """Ask for another opportunity of the contact; the conversation, if one is given, goes on there.

    Notes written before stay at the earlier opportunity. For a contact that waits for a decision this is the decision:
    it is a person of its own. Raises ActionRefused.
    """
    place = place_of(target)
    permit(place, actor, *DAILY, what=Kind.OPPORTUNITY)
    with locked(place) as place:
        refuse_closed(place.contact)
        refuse_unwritten(place.connection)
        if is_open(place.contact, Kind.OPPORTUNITY, Kind.LINK):
            raise NothingToDo("already_asked")
        number = next_number(place.contact)
        _refuse_while_created(place, number)
        _move(place, number)
        return store(place, Kind.OPPORTUNITY, actor, via, Wish(lead_number=number))


def not_this_person(target: Target, actor: Actor, *, via: str = Via.SCREEN) -> Wish:
    """The contact is not the person it is linked to: unlink, and never propose that person again.

    Person and opportunity stay in Krayin as they are; notes already written stay at that opportunity until people
    delete them there. The contact waits for a decision (`link` or `create_opportunity`); after it the notes are
    written again at the right place. Raises ActionRefused.
    """
    place = place_of(target)
    permit(place, actor, *DAILY, what=Kind.UNLINK)
    with locked(place) as place:
        wish, person_id = _unlink(place, actor, via)
        Suggestion.objects.update_or_create(
            contact=place.contact,
            krayin_person_id=person_id,
            defaults={"state": Suggestion.State.DIFFERENT, "decided_by": actor.user, "decided_at": timezone.now()},
            create_defaults={
                "connection": place.connection, "evidence": "by_hand", "state": Suggestion.State.DIFFERENT,
                "decided_by": actor.user, "decided_at": timezone.now(),
            },
        )  # fmt: skip
        return wish


def unlink(target: Target, actor: Actor, *, via: str = Via.SCREEN) -> Wish:
    """As `not_this_person`, without the judgement: the person may be found again once somebody decides."""
    place = place_of(target)
    permit(place, actor, *LINKING, what=Kind.UNLINK)
    with locked(place) as place:
        return _unlink(place, actor, via)[0]


def link(
    target: Target,
    actor: Actor,
    *,
    person_id: int | None = None,
    lead_id: int | None = None,
    via: str = Via.SCREEN,
) -> Wish:
    """The contact is this person of Krayin, or goes on at this opportunity of its person (both: both).

    Another person than now unlinks first (see `not_this_person`). Krayin is asked when the wish is carried out: what
    does not exist, or does not fit, is refused there and the contact goes on waiting. Raises ActionRefused.
    """
    place = place_of(target)
    permit(place, actor, *LINKING, what=Kind.LINK)
    if person_id is None and lead_id is None:
        raise ChooseAnother("nothing_named")
    with locked(place) as place:
        refuse_closed(place.contact)
        refuse_unwritten(place.connection)
        _refuse_other_clinics(place, person_id, lead_id)
        held = next(iter(synced(place.contact, Objects.PERSON)), None)
        is_another = held is not None and person_id is not None and held.foreign_id != person_id
        if held and not is_another and lead_id is None and not is_undecided(place.contact):
            raise NothingToDo("already_linked")
        replace(place.contact, [Kind.LINK])
        if is_another and not is_undecided(place.contact):
            _unlink(place, actor, via)
        number = next_number(place.contact) if lead_id is not None else None
        if number is not None:
            _move(place, number)
        if person_id is not None:
            _say_same(place.contact, person_id, actor)
        return store(place, Kind.LINK, actor, via, Wish(person_id=person_id, lead_id=lead_id, lead_number=number))


def sync_now(target: Target, actor: Actor, *, via: str = Via.SCREEN) -> Wish:
    """Look at the contact at once: read it from Chatwoot, write the notes that wait, read its opportunities again."""
    place = place_of(target)
    permit(place, actor, *DAILY, what=Kind.SYNC)
    with locked(place) as place:
        refuse_closed(place.contact)
        ObservedContact.objects.filter(pk=place.contact.pk).update(needs_read=True)
        replace(place.contact, [Kind.SYNC])
        return store(place, Kind.SYNC, actor, via)


# Steps ----------------------------------------------------------------------------------------------------------------


def _unlink(place: Place, actor: Actor, via: str) -> tuple[Wish, int]:
    """The wish, and the person the contact is no longer."""
    refuse_closed(place.contact)
    if is_undecided(place.contact):
        raise NothingToDo("already_asked")
    person = next(iter(synced(place.contact, Objects.PERSON)), None)
    if person is None:
        raise WaitForFirst("no_person")
    # What was asked about the wrong person is not asked about the right one.
    replace(place.contact, [Kind.STAGE, Kind.OPPORTUNITY, Kind.LINK])
    return store(place, Kind.UNLINK, actor, via, Wish(person_id=person.foreign_id)), person.foreign_id


def next_number(contact: ObservedContact) -> int:
    """The number of the contact's next opportunity; after an unlinking they begin again."""
    if is_undecided(contact):
        return 1
    numbers = [refs.lead_number_of(row.ref) for row in synced(contact, Objects.LEAD)]
    numbers += [refs.lead_number_of(ref) for ref in _gone_leads(contact)]
    numbers += [n for n in contact.conversations.values_list("lead_number", flat=True) if n]
    return max(numbers, default=0) + 1


def _gone_leads(contact: ObservedContact) -> list[str]:
    rows = SyncedObject.objects.filter(
        connection=contact.connection, lane_key=lane_of(contact.chatwoot_contact_id), kind=Objects.LEAD
    )
    return list(rows.exclude(gone_at=None).values_list("ref", flat=True))


def _refuse_while_created(place: Place, number: int) -> None:
    """The first opportunity, or the one the conversation was given, comes by itself."""
    leads = {refs.lead_number_of(row.ref) for row in synced(place.contact, Objects.LEAD)}
    gone = {refs.lead_number_of(ref) for ref in _gone_leads(place.contact)}
    asked = place.conversation.lead_number if place.conversation else None
    if asked and asked not in leads | gone and not is_undecided(place.contact):
        raise NothingToDo("being_created")


def _move(place: Place, number: int) -> None:
    """The conversation goes on at the new opportunity; without one, every conversation that is not resolved."""
    rows = ObservedConversation.objects.filter(contact=place.contact)
    if is_undecided(place.contact):
        return  # all of them begin again
    rows = rows.filter(pk=place.conversation.pk) if place.conversation else rows.exclude(status=Status.RESOLVED)
    rows.update(lead_number=number)


def _refuse_other_clinics(place: Place, person_id: int | None, lead_id: int | None) -> None:
    """Never across clinics that share one Krayin (DESIGN section 5)."""
    wanted = [(Objects.PERSON, person_id), (Objects.LEAD, lead_id)]
    for kind, foreign_id in wanted:
        if foreign_id is None:
            continue
        rows = SyncedObject.objects.filter(krayin_id=place.connection.krayin_id, kind=kind, foreign_id=foreign_id)
        if rows.exclude(connection__clinic_id=place.connection.clinic_id).exists():
            raise ChooseAnother("other_clinic")


def _say_same(contact: ObservedContact, person_id: int, actor: Actor) -> None:
    Suggestion.objects.filter(contact=contact, krayin_person_id=person_id).update(
        state=Suggestion.State.SAME, decided_by=actor.user, decided_at=timezone.now()
    )
