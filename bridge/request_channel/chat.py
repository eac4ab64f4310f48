"""The chat as a way to people: an answer or a code becomes a message of the ledger, sent once while the window is open."""

from datetime import datetime

from django.db import transaction

from bridge.consents.asking import open_talks, say
from bridge.models import Connection, Effect, ObservedContact, ObservedConversation, Saying, Wish
from bridge.models.inbound import lane_of
from bridge.sync.lanes import mark_dirty
from bridge.sync.observe import content_digest
from consent.models import ContactPoint, DataSubject, RequestItem
from consent.requests import sending
from consent.requests.channels import CouldNotSend, Message
from consent.requests.contacts import Contact

LEFT = (Effect.State.SENT, Effect.State.UNKNOWN, Effect.State.CONFIRMED)


class Chat:
    """By telephone number only: what reaches somebody's own conversation reaches nobody who merely names them."""

    route = "chat"

    def reaches(self, contact: Contact, subject: DataSubject, *, now: datetime) -> bool:
        return talk_with(contact, subject, now=now) is not None

    def send(self, message: Message, *, now: datetime) -> None:
        """Take it over: the words are opened, or the code made, when the lane sends it. Raises CouldNotSend."""
        talk = talk_with(message.contact, message.subject, now=now)
        if talk is None or message.about is None:
            raise CouldNotSend("window_closed")
        via = Wish.Via.SCREEN if message.by.user else Wish.Via.CHAT
        with transaction.atomic():
            # The lane first, as workers do, so that nobody waits crosswise.
            mark_dirty(talk.connection_id, lane_of(talk.contact.chatwoot_contact_id))
            if isinstance(message.about, RequestItem):
                sending.sets_off(message.about, self.route)
                say(talk, Saying.Kind.ANSWER, actor=message.by, via=via, about=message.about.pk)
            else:
                say(talk, Saying.Kind.CODE, actor=message.by, via=via, about=message.about.pk)

    def take_back(self, item: RequestItem, *, now: datetime) -> bool:
        rows = Saying.objects.filter(about=item.pk, wish__state=Wish.State.OPEN).select_related("contact")
        return all(withdraw(saying, now) for saying in rows)


def withdraw(saying: Saying, now: datetime) -> bool:
    """Stop a message in the caller's transaction; False when it may have left already."""
    lane = lane_of(saying.contact.chatwoot_contact_id)
    mark_dirty(saying.connection_id, lane)
    steps = Effect.objects.filter(
        connection=saying.connection_id, lane_key=lane, kind=Effect.Kind.SEND_MESSAGE,
        object_ref__endswith=f"-s{saying.pk.hex[:16]}",
    )  # fmt: skip
    if steps.select_for_update().filter(state__in=LEFT).exists():
        return False
    steps.update(state=Effect.State.CANCELLED, updated_at=now)
    Wish.objects.filter(pk=saying.pk).update(state=Wish.State.WITHDRAWN, settled_at=now)
    return True


def talk_with(contact: Contact, subject: DataSubject, *, now: datetime) -> ObservedConversation | None:
    """The latest conversation with this very telephone of the person that takes a message now, as far as Ponte knows."""
    if contact.kind != ContactPoint.Kind.PHONE:
        return None
    rows = ObservedContact.objects.filter(
        subject=subject, has_phone=True, gone_at=None, connection__state=Connection.State.ACTIVE
    )
    equal = {content_digest("phone", form).hex() for form in contact.forms}
    own = [row for row in rows.select_related("connection", "subject") if row.digests.get("phone") in equal]
    found = sorted(open_talks(own, now).values(), key=lambda talk: talk.last_activity_at or talk.started_at)
    return found[-1] if found else None
