"""What happens to messages in Chatwoot, and which events follow (contract sections 3, 4, 5.7 and 8.2)."""

from __future__ import annotations

import secrets
from pathlib import PurePosixPath

from . import rows
from .example_account import ACCOUNT_ID, AGENT_ID, CSAT_TEXT, PUBLIC_URL
from .people import ContactActions, Refused
from .rows import MESSAGE_STATUSES, WHATSAPP, Json, Value
from .store import NotFound

LONGEST_CONTENT = 150_000
MOST_ATTACHMENTS = 15
DELETED_NOTICE = "Esta mensagem foi excluída"

# A change of one of these columns sends `conversation_updated` (contract section 4).
_TOLD_COLUMNS = frozenset(
    {
        "team_id",
        "assignee_id",
        "status",
        "snoozed_until",
        "custom_attributes",
        "label_list",
        "waiting_since",
        "first_reply_created_at",
        "priority",
    }
)
_FILE_TYPES = {"image": "image", "audio": "audio", "video": "video"}


class MessageActions(ContactActions):
    """Messages: written, changed, deleted. `conversation_id` is always the display id."""

    def incoming(
        self, conversation_id: int, text: str | None, *, account_id: int = ACCOUNT_ID, **message: Value
    ) -> rows.Message:
        """The contact writes. A resolved or snoozed conversation opens again; the first message is greeted.

        `message`: `attachments` (see `attachment`), `content_attributes`, `source_id`, `content_type`.
        """
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            first = not store.messages_of(conversation)
            written = self.add_incoming(conversation, text, **message)
            if first:
                self.greet(conversation)
            return written

    def outgoing(
        self,
        conversation_id: int,
        text: str | None,
        *,
        user_id: int = AGENT_ID,
        account_id: int = ACCOUNT_ID,
        **message: Value,
    ) -> rows.Message:
        """An agent replies. On WhatsApp the channel's id arrives later, in a `message_updated`."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            store.touch(conversation, agent_last_seen_at=store.now())
            written = self._write(conversation, "outgoing", text, sender=("User", user_id), **message)
            self._note_reply(conversation, written)
            self.emit("message_created", written)
            if store.inboxes[conversation.inbox_id].channel_type == WHATSAPP and written.source_id is None:
                self._change_message(written, source_id=f"wamid.EXEMPLO{written.id:08d}")
            return written

    def private_note(
        self,
        conversation_id: int,
        text: str,
        *,
        user_id: int = AGENT_ID,
        account_id: int = ACCOUNT_ID,
        **message: Value,
    ) -> rows.Message:
        """A note for colleagues: sent to webhooks like a message, with `private` true."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            written = self._write(conversation, "outgoing", text, sender=("User", user_id), private=True, **message)
            self.emit("message_created", written)
            return written

    def template(
        self, conversation_id: int, text: str, *, account_id: int = ACCOUNT_ID, **message: Value
    ) -> rows.Message:
        """A message of Chatwoot itself, without sender."""
        with self.step() as store:
            return self._add_template(store.conversation(conversation_id, account_id), text, **message)

    def phone_app_message(self, conversation_id: int, text: str, *, account_id: int = ACCOUNT_ID) -> rows.Message:
        """The clinic answers from the telephone's own app: outgoing, without sender (`external_echo`, 5.7)."""
        with self.step() as store:
            conversation = store.conversation(conversation_id, account_id)
            written = self._write(
                conversation,
                "outgoing",
                text,
                content_attributes={"external_echo": True},
                source_id=f"wamid.EXEMPLO{secrets.token_hex(4)}",
            )
            self.emit("message_created", written)
            return written

    def edit_message(self, message_id: int, text: str, *, account_id: int = ACCOUNT_ID) -> rows.Message:
        with self.step() as store:
            message: rows.Message = store.get("messages", message_id, account_id)
            self._change_message(message, content=text)
            return message

    def submit(self, message_id: int, value: str, *, account_id: int = ACCOUNT_ID) -> rows.Message:
        """The contact chooses in an interactive message: a `message_updated` with `submitted_values` (5.7, 12)."""
        with self.step() as store:
            message: rows.Message = store.get("messages", message_id, account_id)
            items = message.content_attributes.get("items") or []
            chosen = next((item for item in items if item.get("value") == value), None)
            if message.content_type != "input_select" or chosen is None:
                raise Refused(f"'{value}' is not offered")
            values = [{"title": chosen["title"], "value": value}]
            self._change_message(message, content_attributes={**message.content_attributes, "submitted_values": values})
            return message

    def set_message_status(self, message_id: int, status: str, *, account_id: int = ACCOUNT_ID) -> rows.Message:
        """Sent, delivered, read or failed; a `message_updated` that does not say what changed."""
        if status not in MESSAGE_STATUSES:
            raise Refused(f"'{status}' is not a valid status")
        with self.step() as store:
            message: rows.Message = store.get("messages", message_id, account_id)
            self._change_message(message, status=status)
            return message

    def delete_message(
        self, message_id: int, *, conversation_id: int | None = None, account_id: int = ACCOUNT_ID
    ) -> rows.Message:
        """Soft, as 5.7 says: notice instead of text, exactly `{"deleted": true}`, attachments gone."""
        with self.step() as store:
            message: rows.Message = store.get("messages", message_id, account_id)
            conversation = store.conversations[message.conversation_id]
            if conversation_id not in (None, conversation.display_id):
                raise NotFound(f"message {message_id}")
            self._change_message(message, content=DELETED_NOTICE, content_attributes={"deleted": True}, attachments=[])
            return message

    def attachment(self, file_name: str, content_type: str, *, size: int = 184_320) -> Json:
        """An attachment for `attachments=[...]`: a file of this name, in the shape Chatwoot sends."""
        path = PurePosixPath(file_name)
        file_type = _FILE_TYPES.get(content_type.split("/")[0], "file")
        url = f"{PUBLIC_URL}/rails/active_storage/blobs/redirect/eyJibG9iIjoi--exemplo/{path.name}"
        with self.store.lock:
            number = self.store.next_id("attachments")
        body: Json = {
            "id": number,
            "message_id": 0,
            "file_type": file_type,
            "account_id": 0,
            "extension": path.suffix.lstrip(".") or None,
            "content_type": content_type,
            "data_url": url,
            "thumb_url": url if file_type == "image" else "",
            "file_size": size,
            "width": 1080 if file_type == "image" else None,
            "height": 1350 if file_type == "image" else None,
        }
        return {**body, "transcribed_text": ""} if file_type == "audio" else body

    # -- steps other actions build on

    def add_incoming(self, conversation: rows.Conversation, text: str | None, **message: Value) -> rows.Message:
        """The contact's message with all it changes, without greeting."""
        with self.step() as store:
            if conversation.status in ("resolved", "snoozed"):
                self.change_conversation(conversation, status="open", snoozed_until=None)
            message.setdefault("source_id", self._channel_message_id(conversation))
            written = self._write(
                conversation, "incoming", text, sender=("Contact", conversation.contact_id), **message
            )
            self.emit("message_created", written)
            if conversation.waiting_since is None:
                self.change_conversation(conversation, waiting_since=written.created_at)
            self._note_activity(store.contacts[conversation.contact_id], written.created_at)
            return written

    def greet(self, conversation: rows.Conversation) -> None:
        """The automatic reply to a first message, where the inbox has one."""
        inbox = self.store.inboxes[conversation.inbox_id]
        if inbox.greeting_enabled and inbox.greeting_message:
            self._add_template(conversation, inbox.greeting_message)

    def ask_for_evaluation(self, conversation: rows.Conversation) -> None:
        self._add_template(
            conversation, CSAT_TEXT, content_type="input_csat", content_attributes={"display_type": "emoji"}
        )

    def add_activity(self, conversation: rows.Conversation, text: str) -> None:
        """A line about the conversation itself: in the lists of messages, never in a webhook."""
        store = self.store
        now = store.now()
        store.add(
            rows.Message(
                id=store.next_id("messages"),
                account_id=conversation.account_id,
                inbox_id=conversation.inbox_id,
                conversation_id=conversation.id,
                message_type="activity",
                content=text,
                created_at=now,
                updated_at=now,
            )
        )

    def change_conversation(self, conversation: rows.Conversation, **values: Value) -> list[Json]:
        """Sets columns and sends what Chatwoot sends for them. `changed_attributes` of a status change is null."""
        changed = self.store.update(conversation, **values)
        names = {name for entry in changed for name in entry}
        if "status" in names:
            if conversation.status == "resolved":
                conversation.waiting_since = None
            self.emit("conversation_status_changed", conversation, None)
        if names & _TOLD_COLUMNS:
            self.emit("conversation_updated", conversation, changed)
        return changed

    def _write(
        self,
        conversation: rows.Conversation,
        message_type: str,
        text: str | None,
        *,
        sender: tuple[str, int] | None = None,
        attachments: list[Json] | None = None,
        **columns: Value,
    ) -> rows.Message:
        """Adds the row and moves the conversation's activity; no event. Raises `Refused` for too much of anything."""
        files = attachments or []
        if text is not None and len(text) > LONGEST_CONTENT:
            raise Refused(f"Content is too long (maximum is {LONGEST_CONTENT} characters)")
        if len(files) > MOST_ATTACHMENTS:
            raise Refused("Attachments exceeded maximum allowed")
        store = self.store
        now = store.now()
        message = rows.Message(
            id=store.next_id("messages"),
            account_id=conversation.account_id,
            inbox_id=conversation.inbox_id,
            conversation_id=conversation.id,
            message_type=message_type,
            content=text,
            sender_type=sender[0] if sender else None,
            sender_id=sender[1] if sender else None,
            created_at=now,
            updated_at=now,
            **columns,
        )
        message.attachments = [{**file, "message_id": message.id, "account_id": message.account_id} for file in files]
        store.add(message)
        store.touch(conversation, last_activity_at=now)
        return message

    def _add_template(self, conversation: rows.Conversation, text: str, **message: Value) -> rows.Message:
        with self.step():
            written = self._write(conversation, "template", text, **message)
            self.emit("message_created", written)
            return written

    def _note_reply(self, conversation: rows.Conversation, message: rows.Message) -> None:
        """The first reply of a person is remembered; any reply ends the waiting."""
        if conversation.first_reply_created_at is None:
            self.change_conversation(conversation, first_reply_created_at=message.created_at, waiting_since=None)
        else:
            self.change_conversation(conversation, waiting_since=None)

    def _change_message(self, message: rows.Message, **values: Value) -> None:
        if self.store.update(message, **values):
            self.emit("message_updated", message)

    def _channel_message_id(self, conversation: rows.Conversation) -> str | None:
        if self.store.inboxes[conversation.inbox_id].channel_type != WHATSAPP:
            return None
        return f"wamid.EXEMPLO{secrets.token_hex(8)}"
