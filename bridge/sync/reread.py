"""Where bodies contradict each other and carry no version, ask Chatwoot what is true (DESIGN section 2)."""

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from bridge.causes import Cause
from bridge.clients.chatwoot import ChatwootClient
from bridge.errors import Paced, PartnerGone, PartnerMisconfigured, PartnerUnavailable
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of, message_fact_of
from bridge.models import Connection, ObservedContact, ObservedMessage
from bridge.sync import breaker, merges
from bridge.sync.lanes import Claim
from bridge.sync.observe import observe
from bridge.sync.partners import chatwoot_client
from bridge.sync.state import contact_id_of

MESSAGES_PER_CLAIM = 20


def settle_doubts(connection: Connection, claim: Claim) -> bool:
    """Re-read the lane's doubtful contact and messages. False when Chatwoot could not be asked: nothing is written yet."""
    rows = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id=contact_id_of(claim.lane_key) or 0)
    contact = rows.first()
    if contact is None:
        return True
    messages = list(
        ObservedMessage.objects.filter(
            connection=connection, conversation__contact=contact, needs_read=True
        ).select_related("conversation")[:MESSAGES_PER_CLAIM]
    )
    if not contact.needs_read and not messages:
        return True
    try:
        client = chatwoot_client(connection)
    except PartnerMisconfigured:
        return _take_as_it_is(contact, messages)
    try:
        if contact.needs_read:
            claim.hold()
            _read_contact(connection, client, contact)
        for message in messages:
            claim.hold()
            _read_message(connection, client, message)
    except Paced:
        return False
    except (PartnerUnavailable, PartnerMisconfigured) as error:
        is_refused = isinstance(error, PartnerMisconfigured)
        breaker.note(connection, Cause.CHATWOOT_CREDENTIALS if is_refused else Cause.CHATWOOT_UNAVAILABLE)
        return False
    if connection.problem in {Cause.CHATWOOT_CREDENTIALS, Cause.CHATWOOT_UNAVAILABLE}:
        breaker.close(connection)
    return True


def _take_as_it_is(contact: ObservedContact, messages: list[ObservedMessage]) -> bool:
    """Without a token nothing can be asked; what is held stays, so that the work goes on."""
    ObservedContact.objects.filter(pk=contact.pk).update(needs_read=False)
    ObservedMessage.objects.filter(pk__in=[m.pk for m in messages]).update(needs_read=False)
    return True


def _read_contact(connection: Connection, client: ChatwootClient, contact: ObservedContact) -> None:
    try:
        fact = contact_fact_of(client.contact(contact.chatwoot_contact_id))
    except PartnerGone:
        ObservedContact.objects.filter(pk=contact.pk).update(gone_at=timezone.now(), needs_read=False)
        merges.gone(connection, contact)
        return
    _take(connection, Facts(contacts=(fact,)))
    merges.still_there(connection, contact)


def _read_message(connection: Connection, client: ChatwootClient, message: ObservedMessage) -> None:
    conversation_id = message.conversation.chatwoot_conversation_id
    try:
        found = client.message(conversation_id, message.chatwoot_message_id)
    except PartnerGone:
        found = None
    fact = message_fact_of(found) if found else None
    if fact is None:
        ObservedMessage.objects.filter(pk=message.pk).update(needs_read=False)
        return
    _take(connection, Facts(messages=(fact,)))


def _take(connection: Connection, facts: Facts) -> None:
    with db.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    with transaction.atomic():
        observe(connection, [facts], now)
