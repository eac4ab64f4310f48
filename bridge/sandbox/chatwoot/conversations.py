"""What happens to conversations in Chatwoot, and which events follow (contract sections 3, 4 and 8.2)."""

from __future__ import annotations

import uuid

from . import rows
from .example_account import ACCOUNT_ID, WHATSAPP_INBOX_ID
from .messages import MessageActions
from .people import Invalid
from .rows import PRIORITIES, STATUSES, Json, Value

_LONGEST_STRING = 1500
_LARGEST_INTEGER = 9_999_999_999


class UnknownStatus(Exception):
    """Chatwoot answers a server error for a status it does not know."""


class ConversationActions(MessageActions):
    """Conversations: opened, changed, deleted. `conversation_id` is always the display id."""

    def open_conversation(
        self,
        contact_id: int,
        *,
        inbox_id: int = WHATSAPP_INBOX_ID,
        source_id: str | None = None,
        status: str = "open",
        additional_attributes: Json | None = None,
        custom_attributes: Json | None = None,
        account_id: int = ACCOUNT_ID,
    ) -> rows.Conversation:
        """The bare row and its `conversation_created`; nobody is assigned and nothing is written yet.

        An inbox locked to one conversation gives the existing one. A blocked contact's conversation is resolved.
        """
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            inbox: rows.Inbox = store.get("inboxes", inbox_id, account_id)
            contact_inbox = self.add_contact_inbox(contact, inbox_id, source_id)
            if inbox.lock_to_single_conversation:
                for existing in store.conversations_of(contact_id):
                    if existing.contact_inbox_id == contact_inbox.id:
                        return existing
            now = store.now()
            conversation = store.add(
                rows.Conversation(
                    id=store.next_id("conversations"),
                    display_id=store.next_display_id(account_id),
                    account_id=account_id,
                    inbox_id=inbox_id,
                    contact_id=contact_id,
                    contact_inbox_id=contact_inbox.id,
                    uuid=str(uuid.uuid4()),
                    status="resolved" if contact.blocked else _known_status(status),
                    additional_attributes=additional_attributes or {},
                    custom_attributes=custom_attributes or {},
                    waiting_since=now,
                    last_activity_at=now,
                    created_at=now,
                    updated_at=now,
                )
            )
            self.emit("conversation_created", conversation)
            return conversation

    def start_conversation(
        self,
        contact_id: int,
        text: str | None = None,
        *,
        inbox_id: int = WHATSAPP_INBOX_ID,
        account_id: int = ACCOUNT_ID,
        **message: Value,
    ) -> rows.Conversation:
        """A conversation as the channel opens it: the burst of contract section 3, without `contact_created`.

        `text` is the contact's first message, None for none; `message` goes to `incoming`.
        """
        with self.step() as store:
            conversation = self.open_conversation(contact_id, inbox_id=inbox_id, account_id=account_id)
            first = not store.messages_of(conversation)
            if text is not None or message:
                self.add_incoming(conversation, text, **message)
            self._assign_automatically(conversation)
            if first and (text is not None or message):
                self.greet(conversation)
            return conversation

    def new_person_writes(
        self,
        text: str,
        *,
        name: str,
        phone_number: str | None = None,
        email: str | None = None,
        inbox_id: int = WHATSAPP_INBOX_ID,
        account_id: int = ACCOUNT_ID,
        **message: Value,
    ) -> rows.Conversation:
        """The whole burst of contract section 3, `contact_created` included."""
        with self.step():
            contact = self.create_contact(name=name, phone_number=phone_number, email=email, account_id=account_id)
            return self.start_conversation(contact.id, text, inbox_id=inbox_id, account_id=account_id, **message)

    def writes_again(
        self, contact_id: int, text: str, *, inbox_id: int = WHATSAPP_INBOX_ID, account_id: int = ACCOUNT_ID
    ) -> rows.Conversation:
        """As WhatsApp routes it: into the contact's open conversation of the inbox, else into a new one."""
        with self.step() as store:
            for existing in reversed(store.conversations_of(contact_id)):
                if existing.inbox_id == inbox_id and existing.status != "resolved":
                    self.incoming(existing.display_id, text, account_id=account_id)
                    return existing
            return self.start_conversation(contact_id, text, inbox_id=inbox_id, account_id=account_id)

    def _assign_automatically(self, conversation: rows.Conversation) -> None:
        """Auto-assignment of an open conversation, in turn over the agents of its inbox."""
        with self.step() as store:
            inbox = store.inboxes[conversation.inbox_id]
            if not inbox.enable_auto_assignment or not inbox.member_ids or conversation.status != "open":
                return
            agent_id = inbox.member_ids[conversation.display_id % len(inbox.member_ids)]
            self.change_conversation(conversation, assignee_id=agent_id)
            self.add_activity(conversation, f"Atribuído a {store.users[agent_id].name}")

    def set_status(
        self,
        conversation_id: int,
        status: str,
        *,
        snoozed_until: int | None = None,
        user_id: int | None = None,
        account_id: int = ACCOUNT_ID,
    ) -> rows.Conversation:
        """`snoozed_until` in microseconds. Raises `UnknownStatus`, `NotFound`.

        Resolving asks for an evaluation where the inbox is set so (contract section 3, end).
        """
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            previous = conversation.status
            until = snoozed_until if status == "snoozed" else None
            self.change_conversation(conversation, status=_known_status(status), snoozed_until=until)
            if conversation.status == previous:
                return conversation
            person = store.users[user_id].name if user_id in store.users else "o sistema"
            self.add_activity(conversation, f"Conversa marcada como {status} por {person}")
            if status == "resolved" and store.inboxes[conversation.inbox_id].csat_survey_enabled:
                self.ask_for_evaluation(conversation)
            return conversation

    def toggled_status(self, conversation_id: int, *, account_id: int = ACCOUNT_ID) -> str:
        """The status a toggle without an argument leads to."""
        with self.store.lock:
            return "resolved" if self.store.conversation(conversation_id, account_id).status == "open" else "open"

    def assign(self, conversation_id: int, user_id: int | None, *, account_id: int = ACCOUNT_ID) -> rows.User | None:
        """None clears; so does a user the account does not have."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            user = store.users.get(user_id or 0)
            if user is not None and user.role_in(account_id) is None:
                user = None
            if self.change_conversation(conversation, assignee_id=user.id if user else None):
                self.add_activity(conversation, f"Atribuído a {user.name}" if user else "Atribuição removida")
            return user

    def assign_team(
        self, conversation_id: int, team_id: int | None, *, account_id: int = ACCOUNT_ID
    ) -> rows.Team | None:
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            team = store.teams.get(team_id or 0)
            if team is not None and team.account_id != account_id:
                team = None
            self.change_conversation(conversation, team_id=team.id if team else None)
            return team

    def set_labels(self, conversation_id: int, labels: list[str], *, account_id: int = ACCOUNT_ID) -> rows.Conversation:
        """Replaces the list."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            previous, current = conversation.label_list, list(dict.fromkeys(labels))
            changed = store.update(conversation, label_list=current)
            if changed:
                cached_before = ", ".join(previous) if conversation.labels_ever_set else None
                cached = {"cached_label_list": {"previous_value": cached_before, "current_value": ", ".join(current)}}
                conversation.labels_ever_set = True
                self.emit("conversation_updated", conversation, [changed[0], cached, *changed[1:]])
            return conversation

    def set_priority(
        self, conversation_id: int, priority: str | None, *, account_id: int = ACCOUNT_ID
    ) -> rows.Conversation:
        if priority not in (None, *PRIORITIES):
            raise UnknownStatus(priority)
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            self.change_conversation(conversation, priority=priority)
            return conversation

    def set_conversation_attributes(
        self, conversation_id: int, attributes: Json, *, account_id: int = ACCOUNT_ID
    ) -> rows.Conversation:
        """Replaces the whole object. Raises `Invalid` for values Chatwoot finds too long or too large."""
        for value in attributes.values():
            too_long = isinstance(value, str) and len(value) > _LONGEST_STRING
            if too_long or (isinstance(value, int) and value > _LARGEST_INTEGER):
                raise Invalid("Custom attributes is invalid", "custom_attributes")
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            self.change_conversation(conversation, custom_attributes=dict(attributes))
            return conversation

    def delete_conversation(self, conversation_id: int, *, account_id: int = ACCOUNT_ID) -> None:
        """Queued, without an event."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
        self.pool.submit(lambda: self._delete_conversation(conversation), delay_s=self.deletion_delay_s)

    def typing(
        self,
        conversation_id: int,
        *,
        user_id: int | None,
        on: bool = True,
        is_private: bool = False,
        account_id: int = ACCOUNT_ID,
    ) -> None:
        """`user_id` None: the contact types."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            name = "conversation_typing_on" if on else "conversation_typing_off"
            self.emit(name, conversation, user_id=user_id, is_private=is_private)

    def send_unsigned(
        self, conversation_id: int, url: str, *, event: str = "macro.executed", account_id: int = ACCOUNT_ID
    ) -> None:
        """What a macro or an automation rule (`automation_event.<event>`) posts: without signature or delivery id."""
        with self.step() as store:
            self.emit(event, store.conversation(conversation_id, account_id), url=url)

    def change_inbox(self, inbox_id: int, *, account_id: int = ACCOUNT_ID, **values: Value) -> rows.Inbox:
        """Changes settings of an inbox, e.g. `greeting_enabled=False`."""
        with self.step() as store:
            inbox: rows.Inbox = store.get("inboxes", inbox_id, account_id)
            changed = store.update(inbox, **values)
            if changed:
                self.emit("inbox_updated", inbox, changed)
            return inbox

    def create_inbox(self, inbox: rows.Inbox) -> rows.Inbox:
        with self.step() as store:
            inbox.created_at = inbox.updated_at = store.now()
            self.emit("inbox_created", store.add(inbox))
            return inbox

    def _delete_conversation(self, conversation: rows.Conversation) -> None:
        with self.step() as store:
            for message in list(store.messages_of(conversation)):
                store.remove(message)
            store.remove(conversation)


def _known_status(status: str) -> str:
    if status not in STATUSES:
        raise UnknownStatus(status)
    return status
