"""Chatwoot's REST answers → the same facts as webhook bodies, marked as authoritative. Pure."""

from datetime import UTC, datetime

from bridge.clients.shapes import Contact, Conversation, Message, MessageType
from bridge.events import BOT, ContactFact, ConversationFact, MessageFact
from bridge.mappers import attributes
from bridge.models import ObservedMessage

Direction = ObservedMessage.Direction

DIRECTIONS = {
    MessageType.INCOMING: Direction.INCOMING,
    MessageType.OUTGOING: Direction.OUTGOING,
    MessageType.TEMPLATE: Direction.TEMPLATE,
}


def contact_fact_of(contact: Contact) -> ContactFact:
    """A contact just read (contract Chatwoot 8.1)."""
    return ContactFact(
        contact_id=contact.id,
        name=contact.name,
        email=contact.email or "",
        phone=contact.phone or "",
        company=contact.company_name or "",
        has_identifier=bool(contact.identifier),
        last_activity_at=contact.last_activity_at,
        is_authoritative=True,
        attributes=attributes.of_contact(contact.custom_attributes, contact.extra, contact.identifier),
    )


def conversation_fact_of(conversation: Conversation) -> ConversationFact | None:
    """A listed conversation (contract Chatwoot 8.2); None without contact or change time, which ours always have."""
    if conversation.contact_id is None or conversation.updated_at is None:
        return None
    return ConversationFact(
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        inbox_id=conversation.inbox_id,
        channel=conversation.channel[:60],
        status=conversation.status,
        version=version_of(conversation.updated_at),
        labels=tuple(sorted(set(conversation.labels))),
        assignee_id=None if conversation.assignee_type == BOT else conversation.assignee_id,
        team_id=conversation.team_id,
        started_at=conversation.created_at or datetime.fromtimestamp(0, UTC),
        first_reply_at=conversation.first_reply_created_at,
        last_activity_at=conversation.last_activity_at,
        attributes=attributes.of_conversation(conversation.custom_attributes, conversation.extra),
    )


def version_of(updated_at: datetime) -> int:
    """The same number a webhook's float gives: microseconds since 1970."""
    return round(updated_at.timestamp() * 1_000_000)


def message_fact_of(message: Message) -> MessageFact | None:
    """A message just read (contract Chatwoot 8.2); None for notes, activity lines and answers to requests."""
    direction = DIRECTIONS.get(message.type)
    if direction is None or message.private or message.is_apart:
        return None
    sender = message.sender
    return MessageFact(
        message_id=message.id,
        conversation_id=message.conversation_id,
        direction=direction,
        author_kind=sender.type.value if sender else "",
        author_name=sender.name if sender and direction is not Direction.INCOMING else "",
        text="" if message.deleted else message.content or "",
        attachments=() if message.deleted else message.attachment_types,
        sent_at=message.created_at.replace(microsecond=0),
        version=0,
        is_deleted=message.deleted,
        is_authoritative=True,
        is_marketing=message.is_marketing,
        submitted=message.submitted,
    )
