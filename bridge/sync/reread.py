"""Where bodies contradict each other and carry no version, ask Chatwoot what is true (DESIGN section 2)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bridge.causes import Cause
from bridge.clients.chatwoot import ChatwootClient
from bridge.errors import Paced, PartnerGone, PartnerMisconfigured, PartnerUnavailable
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of, message_fact_of
from bridge.models import Breaker, Connection, Effect, ObservedContact, ObservedMessage
from bridge.sync import breaker, merges
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim, fence
from bridge.sync.observe import observe
from bridge.sync.partners import chatwoot_client
from bridge.sync.plan import Step
from bridge.sync.state import contact_id_of

MESSAGES_PER_CLAIM = 20
WITHOUT_CONTACT = frozenset({Effect.Kind.SET_STAGE, Effect.Kind.SET_OWNER, Effect.Kind.SEND_MESSAGE})


@dataclass(frozen=True)
class Reading:
    """How far the doubts of a lane are settled.

    `has_rest`: come back when this claim's work is done. `wait_until`: Chatwoot cannot be asked before; what is in
    doubt is not written until it has been, everything else is.
    """

    has_rest: bool = False
    wait_until: datetime | None = None
    is_contact_in_doubt: bool = False
    conversations_in_doubt: frozenset[int] = frozenset()

    def holds(self, step: Step) -> bool:
        """Whether the step would write what may be out of date."""
        if step.kind in {Effect.Kind.CREATE_NOTE, Effect.Kind.SET_NOTE}:
            return step.conversation_id in self.conversations_in_doubt
        return self.is_contact_in_doubt and step.kind not in WITHOUT_CONTACT


def settle_doubts(connection: Connection, claim: Claim) -> Reading:
    """Re-read the lane's doubtful contact and messages."""
    rows = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id=contact_id_of(claim.lane_key) or 0)
    contact = rows.first()
    if contact is None:
        return Reading()
    messages = list(
        ObservedMessage.objects.filter(
            connection=connection, conversation__contact=contact, needs_read=True
        ).select_related("conversation")[: MESSAGES_PER_CLAIM + 1]
    )
    is_held = contact.needs_read and is_being_created(connection, claim)
    rest = Reading(has_rest=is_held or len(messages) > MESSAGES_PER_CLAIM)
    wanted = contact if contact.needs_read and not is_held else None
    if not wanted and not messages:
        return rest
    if claim.chatwoot_held_until:
        return _away(contact, claim.chatwoot_held_until)
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
    except Paced as paced:
        return _away(contact, paced.until)
    except (PartnerUnavailable, PartnerMisconfigured) as error:
        is_refused = isinstance(error, PartnerMisconfigured)
        cause = Cause.CHATWOOT_CREDENTIALS if is_refused else Cause.CHATWOOT_UNAVAILABLE
        claim.chatwoot_held_until = breaker.open_for(connection, cause, Breaker.Of.CHATWOOT)
        return _away(contact, claim.chatwoot_held_until)
    if claim.is_chatwoot_away:
        breaker.close(connection, Breaker.Of.CHATWOOT)
    return rest


def _away(contact: ObservedContact, until: datetime) -> Reading:
    contact.refresh_from_db(fields=["needs_read"])
    doubtful = ObservedMessage.objects.filter(conversation__contact=contact, needs_read=True)
    numbers = doubtful.order_by().values_list("conversation__chatwoot_conversation_id", flat=True).distinct()
    return Reading(wait_until=until, is_contact_in_doubt=contact.needs_read, conversations_in_doubt=frozenset(numbers))


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
        ObservedContact.objects.filter(pk=contact.pk).update(gone_at=database_now(), needs_read=False)
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
    now = database_now()
    with transaction.atomic():
        fence(claim)
        observe(connection, [facts], now)
