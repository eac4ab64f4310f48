"""Storing a wish: lane first, then the contact's row, as workers do, so that nobody waits crosswise."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from audit.services import record
from bridge.actions.errors import NothingToDo
from bridge.actions.places import Place, permit
from bridge.models import ObservedContact, ObservedConversation, SyncedObject, Wish
from bridge.models.inbound import lane_of
from bridge.sync.lanes import mark_dirty
from consent.encryption import Actor
from consent.roles import Capability

Kind = Wish.Kind
State = Wish.State

# What attendants may do in the panel, the people who run the operation may do, too.
DAILY = (Capability.PANEL, Capability.OPERATE_ACT)
LINKING = (Capability.OPERATE_ACT,)


@contextmanager
def locked(place: Place) -> Iterator[Place]:
    """The contact (and conversation) read again under a lock, in one transaction, with its lane marked dirty."""
    with transaction.atomic():
        mark_dirty(place.contact.connection_id, lane_of(place.contact.chatwoot_contact_id))
        rows = ObservedContact.objects.select_related("subject", "connection__clinic", "connection__krayin")
        contact = rows.select_for_update(of=("self",)).get(pk=place.contact.pk)
        conversation = place.conversation
        if conversation is not None:
            conversation = ObservedConversation.objects.get(pk=conversation.pk, contact=contact)
        yield Place(contact, conversation)


def store(place: Place, kind: Kind, actor: Actor, via: str, wish: Wish | None = None) -> Wish:
    """Complete and save the wish, and write its audit row; both live and die with the caller's transaction."""
    wish = wish or Wish()
    wish.connection, wish.contact, wish.conversation = place.connection, place.contact, place.conversation
    wish.kind, wish.via = kind, via
    wish.asked_by, wish.asked_by_ref = actor.user, actor.ref[:60]
    wish.save(force_insert=True)
    note_down(wish, actor, f"hand.{kind}")
    return wish


def note_down(wish: Wish, actor: Actor, action: str) -> None:
    record(
        action=action,
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=wish.connection.clinic_id,
        subject=wish.contact.subject.pseudonym,
        object_type="bridge.Wish",
        object_id=str(wish.pk),
        reason_code=wish.via,
        own_connection=False,
    )


def replace(contact: ObservedContact, kinds: Collection[Kind], **more: object) -> None:
    """Withdraw what a new wish takes the place of."""
    rows = Wish.objects.filter(contact=contact, kind__in=kinds, state=State.OPEN, **more)
    rows.update(state=State.WITHDRAWN, settled_at=timezone.now(), text=None)


def is_open(contact: ObservedContact, *kinds: Kind, **more: object) -> bool:
    return Wish.objects.filter(contact=contact, kind__in=kinds, state=State.OPEN, **more).exists()


def is_undecided(contact: ObservedContact) -> bool:
    """Whether the contact was unlinked, or is about to be, and nobody has said who it is."""
    return Wish.objects.filter(contact=contact, kind=Kind.UNLINK, state__in=[State.OPEN, State.HELD]).exists()


def synced(contact: ObservedContact, kind: SyncedObject.Kind) -> list[SyncedObject]:
    """The contact's present objects of one kind in Krayin, the oldest first."""
    rows = SyncedObject.objects.filter(
        connection=contact.connection, lane_key=lane_of(contact.chatwoot_contact_id), kind=kind, gone_at=None
    )
    return list(rows.order_by("pk"))


def withdraw(wish: Wish, actor: Actor) -> Wish:
    """Take an open wish back. What was carried out already stays. Raises NothingToDo, AskForPermission."""
    place = Place(wish.contact, wish.conversation)
    permit(place, actor, *DAILY, what="withdraw")
    with locked(place):
        rows = Wish.objects.filter(pk=wish.pk, state=State.OPEN)
        if not rows.update(state=State.WITHDRAWN, settled_at=timezone.now(), text=None):
            raise NothingToDo("already_settled")
        wish.refresh_from_db()
        note_down(wish, actor, "hand.withdraw")
    return wish
