"""Where bodies contradict each other and carry no version, ask Chatwoot what is true (DESIGN section 2)."""

import enum

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from bridge.causes import Cause
from bridge.clients.chatwoot import ChatwootClient
from bridge.errors import Paced, PartnerGone, PartnerMisconfigured, PartnerUnavailable
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of, message_fact_of
from bridge.models import Connection, Effect, ObservedContact, ObservedMessage
from bridge.sync import breaker, merges
from bridge.sync.lanes import Claim, fence
from bridge.sync.observe import observe
from bridge.sync.partners import chatwoot_client
from bridge.sync.state import contact_id_of

MESSAGES_PER_CLAIM = 20


class Reading(enum.Enum):
    """How far the doubts of a lane are settled."""

    DONE = enum.auto()
    REST = enum.auto()  # come back when this claim's work is done
    AWAY = enum.auto()  # Chatwoot could not be asked: nothing is written yet


def settle_doubts(connection: Connection, claim: Claim) -> Reading:
    """Re-read the lane's doubtful contact and messages."""
    rows = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id=contact_id_of(claim.lane_key) or 0)
    contact = rows.first()
    if contact is None:
        return Reading.DONE
    messages = list(
        ObservedMessage.objects.filter(
            connection=connection, conversation__contact=contact, needs_read=True
        ).select_related("conversation")[: MESSAGES_PER_CLAIM + 1]
    )
    is_held = contact.needs_read and is_being_created(connection, claim)
    rest = Reading.REST if is_held or len(messages) > MESSAGES_PER_CLAIM else Reading.DONE
    wanted = contact if contact.needs_read and not is_held else None
    if not wanted and not messages:
        return rest
    try:
        client = chatwoot_client(connection)
    except PartnerMisconfigured:
        _take_as_it_is(contact, messages)
        return rest
    try:
        if wanted:
            claim.hold()
            _read_contact(connection, client, claim, wanted)
        for message in messages[:MESSAGES_PER_CLAIM]:
            claim.hold()
            _read_message(connection, client, claim, message)
    except Paced:
        return Reading.AWAY
    except (PartnerUnavailable, PartnerMisconfigured) as error:
        is_refused = isinstance(error, PartnerMisconfigured)
        breaker.note(connection, Cause.CHATWOOT_CREDENTIALS if is_refused else Cause.CHATWOOT_UNAVAILABLE)
        return Reading.AWAY
    if connection.problem in {Cause.CHATWOOT_CREDENTIALS, Cause.CHATWOOT_UNAVAILABLE}:
        breaker.close(connection)
    return rest


def is_being_created(connection: Connection, claim: Claim) -> bool:
    """Whether the lane's person may or may not be in Krayin.

    Until that is known the contact stays as it was sent: a person whose attributes were cut off is found again by its
    e-mail and phone alone, and what is found is taken for what was agreed.
    """
    return Effect.objects.filter(
        connection=connection,
        lane_key=claim.lane_key,
        kind=Effect.Kind.CREATE_PERSON,
        state__in=[Effect.State.SENT, Effect.State.UNKNOWN],
    ).exists()


def _take_as_it_is(contact: ObservedContact, messages: list[ObservedMessage]) -> None:
    """Without a token nothing can be asked; what is held stays, so that the work goes on."""
    ObservedContact.objects.filter(pk=contact.pk).update(needs_read=False)
    ObservedMessage.objects.filter(pk__in=[m.pk for m in messages]).update(needs_read=False)


def _read_contact(connection: Connection, client: ChatwootClient, claim: Claim, contact: ObservedContact) -> None:
    try:
        fact = contact_fact_of(client.contact(contact.chatwoot_contact_id))
    except PartnerGone:
        ObservedContact.objects.filter(pk=contact.pk).update(gone_at=timezone.now(), needs_read=False)
        merges.gone(connection, contact)
        return
    _take(connection, claim, Facts(contacts=(fact,)))
    merges.still_there(connection, contact)


def _read_message(connection: Connection, client: ChatwootClient, claim: Claim, message: ObservedMessage) -> None:
    conversation_id = message.conversation.chatwoot_conversation_id
    try:
        found = client.message(conversation_id, message.chatwoot_message_id)
    except PartnerGone:
        found = None
    fact = message_fact_of(found) if found else None
    if fact is None:
        ObservedMessage.objects.filter(pk=message.pk).update(needs_read=False)
        return
    _take(connection, claim, Facts(messages=(fact,)))


def _take(connection: Connection, claim: Claim, facts: Facts) -> None:
    """Write what was read, unless the lane has passed on meanwhile: a newer answer may be there already."""
    with db.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    with transaction.atomic():
        fence(claim)
        observe(connection, [facts], now)
