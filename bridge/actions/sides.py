"""Name, e-mail or phone differ between the partners, and a person says which side is right (screens B1 and B4)."""

from collections.abc import Callable, Mapping
from functools import partial

from django.db import transaction
from django.db.models.functions import Now

from audit.services import record
from bridge.actions.errors import ChooseAnother, LeaveAlone, NothingToDo, WaitForFirst
from bridge.actions.places import Place, Target, permit, place_of, refuse_closed, refuse_unwritten
from bridge.actions.wishes import LINKING, locked, synced
from bridge.back import fields
from bridge.back.state import is_shared
from bridge.models import FieldStop, Partner, SyncedObject, Wish
from bridge.models.back import Field
from bridge.models.inbound import lane_of
from bridge.sync.by_hand import take_over
from consent.encryption import Actor


def choose_side(target: Target, field: str, side: str, actor: Actor, *, via: str = Wish.Via.SCREEN) -> None:
    """Take over `side`'s value of `field` on the other side, by the usual planning: nothing is written here.

    `side` is a Partner. The agreement is put back so that only the chosen side counts as changed; the lane then writes
    the other one, through the gate and the ledger. A field that was stopped goes on. Raises ActionRefused.
    """
    if side not in Partner.values:
        raise ChooseAnother("nothing_named")
    _decide(target, field, actor, action="hand.choose_side", reason=side, base_of=partial(_base, side=side))


def accept_difference(target: Target, field: str, actor: Actor) -> None:
    """The two values of `field` may differ, until either side changes again: then that change counts as any other.

    Nothing is written; a field that was stopped goes on. Raises ActionRefused.
    """
    _decide(target, field, actor, action="hand.accept_difference", reason="", base_of=_accepted)


def _decide(
    target: Target,
    field: str,
    actor: Actor,
    *,
    action: str,
    reason: str,
    base_of: Callable[[Place, SyncedObject, str], Mapping[str, str]],
) -> None:
    """Put the agreement as the person said, in the lane's turn, and let the field go on."""
    place = place_of(target)
    permit(place, actor, *LINKING, what="side")
    if field not in Field.values:
        raise ChooseAnother("nothing_named")
    with transaction.atomic():
        lane_key = lane_of(place.contact.chatwoot_contact_id)
        # A worker that has the lane would put the old agreement back.
        if lane_key not in take_over(place.connection.pk, [lane_key]):
            raise WaitForFirst("busy")
        with locked(place) as place:
            refuse_closed(place.contact)
            refuse_unwritten(place.connection)
            person = _person(place)
            SyncedObject.objects.filter(pk=person.pk).update(base=base_of(place, person, field))
            FieldStop.objects.filter(connection=place.connection, ref=person.ref, field=field, resumed_at=None).update(
                resumed_at=Now(), resumed_by=actor.user
            )
            _note(place, person, field, actor, action=action, reason=reason)


def _person(place: Place) -> SyncedObject:
    person = next(iter(synced(place.contact, SyncedObject.Kind.PERSON)), None)
    if person is None:
        raise WaitForFirst("no_person")
    if is_shared(person):
        raise LeaveAlone("shared_person")
    if person.there_at is None:
        raise WaitForFirst("compare_first")
    return person


def _accepted(place: Place, person: SyncedObject, field: str) -> Mapping[str, str]:
    chat, there = place.contact.digests, person.there
    if fields.are_equal(field, chat, there) or fields.is_accepted(field, chat, there, person.base):
        raise NothingToDo("already_settled")
    return fields.accepted(person.base, field, chat, there)


def _base(place: Place, person: SyncedObject, field: str, side: str) -> Mapping[str, str]:
    chat, there = place.contact.digests, person.there
    if fields.are_equal(field, chat, there):
        raise NothingToDo("already_settled")
    if side == Partner.CHATWOOT:
        return _chatwoot_counts(person.base, field, chat.get(field, ""), there.get(field, ""))
    if not place.connection.krayin_to_chatwoot:
        raise ChooseAnother("one_way")
    if not there.get(field):
        raise ChooseAnother("no_value")
    # Known here, new there: the change is Krayin's.
    return {**fields.put(person.base, field, chat.get(field, "")), f"{field}_there": ""}


def _chatwoot_counts(base: Mapping[str, str], field: str, chat: str, there: str) -> Mapping[str, str]:
    """New here, known there: the change is Chatwoot's, and what stands there is ours to replace."""
    if not chat:
        raise ChooseAnother("no_value")
    after = {**fields.put(base, field, ""), f"{field}_there": there}
    return {**after, f"{field}_written": there} if there else after


def _note(place: Place, person: SyncedObject, field: str, actor: Actor, *, action: str, reason: str) -> None:
    record(
        action=action,
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=place.connection.clinic_id,
        subject=place.contact.subject.pseudonym,
        object_type="bridge.SyncedObject",
        object_id=str(person.pk),
        fields=[field],
        reason_code=reason,
        own_connection=False,
    )
