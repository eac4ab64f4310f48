"""Webhook bodies (contract sections 4 and 5): the key sets, key order and types of the published examples.

Every function reads rows and returns plain JSON values; callers hold the store's lock. Keys appear in Chatwoot's own
order, because the bytes are what is signed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from . import rows
from .rows import API, EMAIL, MESSAGE_TYPES, MICROSECONDS, WEB_WIDGET, WHATSAPP, Json, epoch, iso
from .store import Store

WHATSAPP_WINDOW_SECONDS = 24 * 3600

# From this version on conversation bodies carry `account` (contract section 6).
ACCOUNT_IN_CONVERSATIONS = (4, 14, 2)


class Discarded(Exception):
    """A row the body needs was deleted before the job ran; Chatwoot drops such an event silently."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. The body is built later, from the rows as they are then (contract 3, rule 4).

    `object_id`: contact id, conversation row id, message id, contact-inbox id or inbox id, by kind of event.
    `changed` is the exception to rule 4: captured when the event happened. None is sent as null.
    """

    name: str
    account_id: int
    object_id: int
    changed: list[Json] | None = None
    extra: Json = field(default_factory=dict)


class Bodies:
    """Builds bodies from a store, in the shape of one Chatwoot version."""

    def __init__(self, store: Store, *, version: tuple[int, ...], public_url: str) -> None:
        self.store = store
        self.version = version
        self.public_url = public_url

    # -- small objects

    def account(self, account_id: int) -> Json:
        account = self.store.accounts[account_id]
        return {"id": account.id, "name": account.name}

    def inbox_short(self, inbox_id: int) -> Json:
        return {"id": inbox_id, "name": self.store.inboxes[inbox_id].name}

    def contact(self, contact: rows.Contact) -> Json:
        """Webhook form (5.3)."""
        return {
            "account": self.account(contact.account_id),
            "additional_attributes": copy.deepcopy(contact.additional_attributes),
            "avatar": contact.avatar_url,
            "custom_attributes": copy.deepcopy(contact.custom_attributes),
            "email": contact.email,
            "id": contact.id,
            "identifier": contact.identifier,
            "name": contact.name,
            "phone_number": contact.phone_number,
            "thumbnail": contact.avatar_url,
            "blocked": contact.blocked,
        }

    def contact_embedded(self, contact: rows.Contact) -> Json:
        """Embedded form (5.4)."""
        body = self.contact(contact)
        del body["account"], body["avatar"]
        return {**body, "type": "contact"}

    def user(self, user: rows.User) -> Json:
        """Webhook form (5.5): the only one with an e-mail address."""
        return {"id": user.id, "name": user.name, "email": user.email, "type": "user"}

    def user_embedded(self, user: rows.User) -> Json:
        return {
            "id": user.id,
            "name": user.name,
            "available_name": user.available_name,
            "avatar_url": user.avatar_url,
            "type": "user",
            "availability_status": None,
            "thumbnail": user.avatar_url,
        }

    def contact_inbox(self, contact_inbox: rows.ContactInbox) -> Json:
        """The raw row, live credential included (5.6)."""
        return {
            "id": contact_inbox.id,
            "contact_id": contact_inbox.contact_id,
            "inbox_id": contact_inbox.inbox_id,
            "source_id": contact_inbox.source_id,
            "created_at": iso(contact_inbox.created_at),
            "updated_at": iso(contact_inbox.updated_at),
            "hmac_verified": contact_inbox.hmac_verified,
            "pubsub_token": contact_inbox.pubsub_token,
        }

    # -- messages

    def sender(self, message: rows.Message, *, embedded: bool) -> Json | None:
        """The sender in either form, None when the message has none or the person is gone."""
        if message.sender_type == "Contact":
            contact = self.store.contacts.get(message.sender_id or 0)
            if contact is not None:
                return self.contact_embedded(contact) if embedded else self.contact(contact)
        if message.sender_type == "User":
            user = self.store.users.get(message.sender_id or 0)
            if user is not None:
                return self.user_embedded(user) if embedded else self.user(user)
        return None

    def message_embedded(self, message: rows.Message) -> Json:
        """All columns (5.8): `message_type` is a number and `created_at` whole seconds here."""
        conversation = self.store.conversations[message.conversation_id]
        contact_inbox = self.store.contact_inboxes.get(conversation.contact_inbox_id)
        body: Json = {
            "id": message.id,
            "content": message.content,
            "account_id": message.account_id,
            "inbox_id": message.inbox_id,
            "conversation_id": conversation.display_id,
            "message_type": MESSAGE_TYPES[message.message_type],
            "created_at": epoch(message.created_at),
            "updated_at": iso(message.updated_at),
            "private": message.private,
            "status": message.status,
            "source_id": message.source_id,
            "content_type": message.content_type,
            "content_attributes": copy.deepcopy(message.content_attributes),
            "sender_type": message.sender_type,
            "sender_id": message.sender_id,
            "external_source_ids": {},
            "additional_attributes": copy.deepcopy(message.additional_attributes),
            "processed_message_content": message.content,
            "sentiment": {},
            "conversation": {
                "assignee_id": conversation.assignee_id,
                "unread_count": self.store.unread_count(conversation),
                "last_activity_at": epoch(conversation.last_activity_at),
                "contact_inbox": {"source_id": contact_inbox.source_id if contact_inbox else None},
            },
        }
        if message.attachments:
            body["attachments"] = copy.deepcopy(message.attachments)
        sender = self.sender(message, embedded=True)
        if sender is not None:
            body["sender"] = sender
        return body

    def message(self, message: rows.Message) -> Json:
        """Webhook form (5.7): `message_type` is text and `created_at` ISO here; no `attachments` key without any."""
        conversation = self.store.conversations[message.conversation_id]
        body: Json = {
            "account": self.account(message.account_id),
            "additional_attributes": copy.deepcopy(message.additional_attributes),
            "content_attributes": copy.deepcopy(message.content_attributes),
            "content_type": message.content_type,
            "content": self._content_outside(message, conversation),
            "conversation": self.conversation(conversation),
            "created_at": iso(message.created_at),
            "id": message.id,
            "inbox": self.inbox_short(message.inbox_id),
            "message_type": message.message_type,
            "private": message.private,
            "sender": self.sender(message, embedded=False),
            "source_id": message.source_id,
        }
        if message.attachments:
            body["attachments"] = copy.deepcopy(message.attachments)
        return body

    def _content_outside(self, message: rows.Message, conversation: rows.Conversation) -> str | None:
        """Surveys outside the web widget carry their link in the text."""
        channel = self.store.inboxes[message.inbox_id].channel_type
        if message.content_type != "input_csat" or channel == WEB_WIDGET:
            return message.content
        return f"{message.content} {self.public_url}/survey/responses/{conversation.uuid}"

    # -- conversations

    def can_reply(self, conversation: rows.Conversation) -> bool:
        """False outside the reply window, which only WhatsApp has here."""
        if self.store.inboxes[conversation.inbox_id].channel_type != WHATSAPP:
            return True
        last = self.store.last_message(conversation, lambda message: message.message_type == "incoming")
        return last is not None and self.store.now() - last.created_at < WHATSAPP_WINDOW_SECONDS * MICROSECONDS

    def conversation(self, conversation: rows.Conversation) -> Json:
        """Conversation object (5.6). Raises `Discarded` when the contact or its contact-inbox is gone."""
        contact = self.store.contacts.get(conversation.contact_id)
        contact_inbox = self.store.contact_inboxes.get(conversation.contact_inbox_id)
        if contact is None or contact_inbox is None:
            raise Discarded("contact_inbox")
        latest = self.store.last_message(conversation, lambda message: message.is_public)
        body = {
            "additional_attributes": copy.deepcopy(conversation.additional_attributes),
            "can_reply": self.can_reply(conversation),
            "channel": self.store.inboxes[conversation.inbox_id].channel_type,
            "contact_inbox": self.contact_inbox(contact_inbox),
            "id": conversation.display_id,
            "inbox_id": conversation.inbox_id,
            "messages": [self.message_embedded(latest)] if latest else [],
            "labels": list(conversation.label_list),
            "meta": self._meta(conversation, contact, contact_inbox),
            "status": conversation.status,
            "custom_attributes": copy.deepcopy(conversation.custom_attributes),
            "snoozed_until": iso(conversation.snoozed_until),
            "unread_count": self.store.unread_count(conversation),
            "first_reply_created_at": iso(conversation.first_reply_created_at),
            "priority": conversation.priority,
            "waiting_since": epoch(conversation.waiting_since),
            "agent_last_seen_at": epoch(conversation.agent_last_seen_at),
            "contact_last_seen_at": epoch(conversation.contact_last_seen_at),
            "last_activity_at": epoch(conversation.last_activity_at),
            "timestamp": epoch(conversation.last_activity_at),
            "created_at": epoch(conversation.created_at),
            "updated_at": conversation.updated_at / MICROSECONDS,
        }
        if self.version >= ACCOUNT_IN_CONVERSATIONS:
            body["account"] = self.account(conversation.account_id)
        return body

    def _meta(self, conversation: rows.Conversation, contact: rows.Contact, contact_inbox: rows.ContactInbox) -> Json:
        assignee = self.store.users.get(conversation.assignee_id or 0)
        team = self.store.teams.get(conversation.team_id or 0)
        return {
            "sender": self.contact_embedded(contact),
            "assignee": self.user_embedded(assignee) if assignee else None,
            "assignee_type": "User" if assignee else None,
            "team": {"id": team.id, "name": team.name} if team else None,
            "hmac_verified": contact_inbox.hmac_verified,
        }

    # -- whole bodies

    def build(self, event: Event) -> Json:
        """The body of one event as the rows are now. Raises `Discarded` when a needed row is gone."""
        return self._builder(event.name)(event)

    def _builder(self, name: str) -> Callable[[Event], Json]:
        if name.startswith("contact_"):
            return self._contact_event
        if name.startswith("message_"):
            return self._message_event
        if name.startswith("conversation_typing"):
            return self._typing_event
        if name.startswith("inbox_"):
            return self._inbox_event
        if name == "webwidget_triggered":
            return self._widget_event
        return self._conversation_event

    def _contact_event(self, event: Event) -> Json:
        contact = self.store.contacts.get(event.object_id)
        if contact is None:
            raise Discarded("contact")
        body = {**self.contact(contact), "event": event.name}
        if event.name == "contact_updated":
            body["changed_attributes"] = event.changed
        return body

    def _conversation_event(self, event: Event) -> Json:
        """Conversation events, and the automation and macro deliveries that carry the same object."""
        body = {**self.conversation(self._conversation_row(event.object_id)), "event": event.name}
        if event.name in ("conversation_updated", "conversation_status_changed"):
            body["changed_attributes"] = event.changed
        return body

    def _message_event(self, event: Event) -> Json:
        message = self.store.messages.get(event.object_id)
        if message is None or message.conversation_id not in self.store.conversations:
            raise Discarded("message")
        return {**self.message(message), "event": event.name}

    def _typing_event(self, event: Event) -> Json:
        conversation = self._conversation_row(event.object_id)
        user_id = event.extra["user_id"]
        if user_id is None:
            contact = self.store.contacts.get(conversation.contact_id)
            if contact is None:
                raise Discarded("contact")
            person = self.contact(contact)
        else:
            person = self.user(self.store.users[user_id])
        return {
            "event": event.name,
            "user": person,
            "conversation": self.conversation(conversation),
            "is_private": event.extra["is_private"],
        }

    def _widget_event(self, event: Event) -> Json:
        contact_inbox = self.store.contact_inboxes.get(event.object_id)
        contact = self.store.contacts.get(contact_inbox.contact_id) if contact_inbox else None
        if contact_inbox is None or contact is None:
            raise Discarded("contact_inbox")
        current = next(
            (row for row in self.store.conversations_of(contact.id) if row.contact_inbox_id == contact_inbox.id), None
        )
        return {
            "id": contact_inbox.id,
            "contact": self.contact(contact),
            "inbox": self.inbox_short(contact_inbox.inbox_id),
            "account": self.account(contact.account_id),
            "current_conversation": self.conversation(current) if current else None,
            "source_id": contact_inbox.source_id,
            "event": event.name,
            "event_info": copy.deepcopy(event.extra["event_info"]),
        }

    def _inbox_event(self, event: Event) -> Json:
        inbox = self.store.inboxes.get(event.object_id)
        if inbox is None:
            raise Discarded("inbox")
        body = {**self._inbox_settings(inbox), "event": event.name}
        if event.name == "inbox_updated":
            body["changed_attributes"] = event.changed
        return body

    def _inbox_settings(self, inbox: rows.Inbox) -> Json:
        """Inbox object (5.9): no id, no name, but every column of the channel."""
        return {
            "allow_messages_after_resolved": True,
            "lock_to_single_conversation": inbox.lock_to_single_conversation,
            "auto_assignment_config": {},
            "enable_auto_assignment": inbox.enable_auto_assignment,
            "enable_email_collect": True,
            "greeting_enabled": inbox.greeting_enabled,
            "greeting_message": inbox.greeting_message,
            "csat_survey_enabled": inbox.csat_survey_enabled,
            "business_name": None,
            "sender_name_type": "friendly",
            "timezone": "America/Sao_Paulo",
            "out_of_office_message": None,
            "working_hours_enabled": False,
            "working_hours": [_working_day(inbox, day) for day in range(7)],
            "created_at": iso(inbox.created_at),
            "updated_at": iso(inbox.updated_at),
            "channel": _channel_row(inbox),
            "account": self.account(inbox.account_id),
        }

    def _conversation_row(self, row_id: int) -> rows.Conversation:
        conversation = self.store.conversations.get(row_id)
        if conversation is None:
            raise Discarded("conversation")
        return conversation


def working_hours(day: int) -> Json:
    """Office hours of one day of the week, 0 = Sunday."""
    closed = day in (0, 6)
    return {
        "day_of_week": day,
        "closed_all_day": closed,
        "open_hour": None if closed else 8,
        "open_minutes": None if closed else 0,
        "close_hour": None if closed else 18,
        "close_minutes": None if closed else 0,
        "open_all_day": False,
    }


def _working_day(inbox: rows.Inbox, day: int) -> Json:
    hours = working_hours(day)
    open_all_day = hours.pop("open_all_day")
    return {
        "id": inbox.id * 7 + day - 4,
        "inbox_id": inbox.id,
        "account_id": inbox.account_id,
        **hours,
        "created_at": iso(inbox.created_at),
        "updated_at": iso(inbox.created_at),
        "open_all_day": open_all_day,
    }


def _channel_row(inbox: rows.Inbox) -> Json:
    times = {"created_at": iso(inbox.created_at), "updated_at": iso(inbox.created_at)}
    channel = dict(inbox.channel)
    if inbox.channel_type != API:
        return {"id": inbox.channel_id, "account_id": inbox.account_id, **channel, **times}
    webhook_url = channel.pop("webhook_url", None)
    return {"id": inbox.channel_id, "account_id": inbox.account_id, "webhook_url": webhook_url, **times, **channel}


def default_source_id(contact: rows.Contact, channel_type: str) -> str | None:
    """The channel address of a contact: telephone digits on WhatsApp, the address by e-mail; None = a random id."""
    if channel_type == WHATSAPP and contact.phone_number:
        return contact.phone_number.lstrip("+")
    if channel_type == EMAIL and contact.email:
        return contact.email
    return None


def event_subject(event: Event, store: Store) -> rows.Conversation | None:
    """The conversation an event is about, None for events about people, inboxes and the widget."""
    if event.name.startswith("message_"):
        message = store.messages.get(event.object_id)
        return store.conversations.get(message.conversation_id) if message else None
    if event.name.startswith(("conversation_", "macro.", "automation_event.")):
        return store.conversations.get(event.object_id)
    return None
