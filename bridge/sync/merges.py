"""A conversation that changed its contact: merged in Chatwoot, or given to another (contract Chatwoot 8.1, 11).

Chatwoot tells nobody about a merge. What shows it: a conversation names another contact, and the old one answers 404.
Until that is known the new contact's lane waits, so that it does not make a second person of the same human being.
"""

from django.db import transaction
from django.db.models import QuerySet

from bridge.mappers import refs
from bridge.models import (
    Connection,
    ContactMapping,
    Effect,
    LaneAlias,
    ObservedContact,
    ObservedConversation,
    Suggestion,
    SyncedObject,
    Wish,
)
from bridge.models.inbound import lane_of
from bridge.sync.lanes import mark_dirty
from bridge.sync.state import own_code
from consent.encryption import Actor, KeyMissing, RevealDenied, open_for, seal

Kind = SyncedObject.Kind
LANES = Actor.system("lanes")


def ask_about(connection: Connection, old_contacts: list[ObservedContact]) -> None:
    """Conversations left these contacts: their lanes must find out whether the contacts still exist."""
    for contact in old_contacts:
        ObservedContact.objects.filter(pk=contact.pk).update(needs_read=True)
        mark_dirty(connection.pk, lane_of(contact.chatwoot_contact_id))


def still_there(connection: Connection, contact: ObservedContact) -> None:
    """The contact exists: its conversations were given away, not merged. Nobody waits for it any longer."""
    _settle(connection, ObservedConversation.objects.filter(connection=connection, moved_from=contact))


@transaction.atomic
def gone(connection: Connection, contact: ObservedContact) -> None:
    """The contact no longer exists. If its conversations all went to one other contact, that one takes its place."""
    moved = ObservedConversation.objects.filter(connection=connection, moved_from=contact).select_related("contact")
    successors = {row.contact_id: row.contact for row in moved}
    if len(successors) == 1:
        _take_over(connection, contact, next(iter(successors.values())))
    _settle(connection, moved)


def _settle(connection: Connection, moved: QuerySet[ObservedConversation]) -> None:
    lanes = sorted({lane_of(row.contact.chatwoot_contact_id) for row in moved.select_related("contact")})
    moved.update(moved_from=None)
    for lane_key in lanes:
        mark_dirty(connection.pk, lane_key)


def _take_over(connection: Connection, old: ObservedContact, new: ObservedContact) -> None:
    """Give the new contact the old one's person and opportunities, or show people the two persons it has now."""
    old_lane, new_lane = lane_of(old.chatwoot_contact_id), lane_of(new.chatwoot_contact_id)
    LaneAlias.objects.update_or_create(connection=connection, lane_key=old_lane, defaults={"canonical": new_lane})
    # The intake follows an alias once only: contacts merged into the old one before now lead to the new one.
    LaneAlias.objects.filter(connection=connection, canonical=old_lane).update(canonical=new_lane)
    mine, theirs = _person(connection, new), _person(connection, old)
    if theirs is None:
        return
    if mine is not None:
        Suggestion.objects.get_or_create(
            contact=new,
            krayin_person_id=theirs.foreign_id,
            defaults={"connection": connection, "evidence": "merged_in_chatwoot"},
        )
        return
    ObservedContact.objects.filter(pk=new.pk).update(ref_contact_id=old.ref_id)
    SyncedObject.objects.filter(connection=connection, lane_key=old_lane).update(lane_key=new_lane)
    Effect.objects.filter(connection=connection, lane_key=old_lane).update(lane_key=new_lane)
    _move_wishes(old, new)
    ContactMapping.objects.filter(connection=connection, chatwoot_contact_id=new.chatwoot_contact_id).delete()
    ContactMapping.objects.filter(connection=connection, chatwoot_contact_id=old.chatwoot_contact_id).update(
        chatwoot_contact_id=new.chatwoot_contact_id
    )


def _move_wishes(old: ObservedContact, new: ObservedContact) -> None:
    """Unlinkings of the old contact are part of the references the new one takes over.

    Texts that were not written yet are sealed with the new person's key; one that may not be opened is withdrawn.
    """
    for wish in Wish.objects.filter(contact=old, text__isnull=False):
        place, sealed = wish.text_context, wish.text
        if sealed is None or old.subject_id == new.subject_id:
            continue
        try:
            opener = open_for([old.subject_id], actor=LANES, purpose="system", fields=[place.place])
            text = opener.text(sealed, subject=old.subject_id, context=place)
            wish.text = seal(text, subject=new.subject_id, context=place)
        except (RevealDenied, KeyMissing):
            wish.text, wish.state = None, Wish.State.WITHDRAWN
        wish.save(update_fields=["text", "state"])
    Wish.objects.filter(contact=old).update(contact=new)


def _person(connection: Connection, contact: ObservedContact) -> SyncedObject | None:
    ref = refs.person_ref(own_code(connection, contact), contact.ref_id)
    return SyncedObject.objects.filter(krayin_id=connection.krayin_id, ref=ref, gone_at=None).first()
