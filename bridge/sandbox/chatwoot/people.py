"""What happens to contacts in Chatwoot, and which events follow (contract sections 4, 5.3 and 8.1)."""

from __future__ import annotations

import copy
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from . import rows
from .dispatch import Dispatcher
from .example_account import ACCOUNT_ID, WEB_INBOX_ID
from .payloads import Bodies, Event, default_source_id
from .rows import Json, Row, Value
from .store import Store
from .workers import WorkerPool

CONTACT_COLUMNS = (
    "name",
    "email",
    "phone_number",
    "identifier",
    "blocked",
    "avatar_url",
    "additional_attributes",
    "custom_attributes",
)
_UNIQUE_COLUMNS = {"email": "Email", "phone_number": "Phone number", "identifier": "Identifier"}
_E164 = re.compile(r"\+[1-9]\d{1,14}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


class Invalid(Exception):
    """Refused by validation: answered as 422 `{message, attributes}`."""

    def __init__(self, message: str, *attributes: str) -> None:
        super().__init__(message)
        self.message = message
        self.attributes = list(attributes)


class Refused(Exception):
    """Refused by a rule of the application: answered as 422 `{error}`."""


class ContactOnline(Exception):
    """A contact who is online cannot be deleted: answered as 422 `{message}`."""


class Actions:
    """What all actions share. An action takes the lock, changes rows, and its events leave as one burst."""

    store: Store
    bodies: Bodies
    dispatcher: Dispatcher
    pool: WorkerPool
    deletion_delay_s: float

    @contextmanager
    def step(self) -> Iterator[Store]:
        # The burst is the inner one, so that its events are queued before the lock is given up: what another
        # thread does next is emitted next.
        with self.store.lock, self.dispatcher.burst():
            yield self.store

    def emit(self, name: str, row: Row, changed: list[Json] | None = None, **extra: Value) -> None:
        self.dispatcher.emit(Event(name, row.account_id, row.id, changed, extra))


class ContactActions(Actions):
    """Contacts: created, changed, merged, deleted."""

    def create_contact(
        self,
        *,
        name: str,
        phone_number: str | None = None,
        email: str | None = None,
        identifier: str | None = None,
        additional_attributes: Json | None = None,
        custom_attributes: Json | None = None,
        blocked: bool = False,
        avatar_url: str = "",
        account_id: int = ACCOUNT_ID,
    ) -> rows.Contact:
        """Raises `Invalid` for a taken or malformed e-mail, phone or identifier."""
        values = _normalised({"email": email, "phone_number": phone_number, "identifier": identifier})
        with self.step() as store:
            self._check_contact(values, account_id, except_id=None)
            now = store.now()
            contact = store.add(
                rows.Contact(
                    id=store.next_id("contacts"),
                    account_id=account_id,
                    name=name,
                    **values,
                    blocked=blocked,
                    avatar_url=avatar_url,
                    additional_attributes=additional_attributes or {},
                    custom_attributes=custom_attributes or {},
                    created_at=now,
                    updated_at=now,
                )
            )
            self.emit("contact_created", contact)
            return contact

    def update_contact(self, contact_id: int, *, account_id: int = ACCOUNT_ID, **values: Value) -> rows.Contact:
        """Sets columns; both attribute objects are merged one level deep. No event when nothing changes.

        Raises `Invalid`, `NotFound`.
        """
        values = _normalised({name: value for name, value in values.items() if name in CONTACT_COLUMNS})
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            self._check_contact(values, account_id, except_id=contact_id)
            for name in ("additional_attributes", "custom_attributes"):
                if name in values:
                    values[name] = {**getattr(contact, name), **copy.deepcopy(values[name])}
            self._change_contact(contact, **values)
            return contact

    def remove_custom_attributes(
        self, contact_id: int, keys: list[str], *, account_id: int = ACCOUNT_ID
    ) -> rows.Contact:
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            kept = {key: value for key, value in contact.custom_attributes.items() if key not in keys}
            self._change_contact(contact, custom_attributes=kept)
            return contact

    def set_contact_labels(self, contact_id: int, labels: list[str], *, account_id: int = ACCOUNT_ID) -> rows.Contact:
        """Replaces the list; visible only in `changed_attributes` of `contact_updated`."""
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            self._change_contact(contact, label_list=list(dict.fromkeys(labels)))
            return contact

    def merge_contacts(self, base_id: int, mergee_id: int, *, account_id: int = ACCOUNT_ID) -> rows.Contact:
        """Moves everything of the mergee to the base and destroys it; base values win. No event says so."""
        with self.step() as store:
            base: rows.Contact = store.get("contacts", base_id, account_id)
            mergee: rows.Contact = store.get("contacts", mergee_id, account_id)
            if base is mergee:
                return base
            for conversation in store.conversations_of(mergee.id):
                store.touch(conversation, contact_id=base.id)
            for contact_inbox in store.contact_inboxes_of(mergee.id):
                store.touch(contact_inbox, contact_id=base.id)
            for note in store.notes.values():
                if note.contact_id == mergee.id:
                    note.contact_id = base.id
            for message in store.messages.values():
                if message.sender_type == "Contact" and message.sender_id == mergee.id:
                    message.sender_id = base.id
            store.remove(mergee)
            self._change_contact(base, **_merged(base, mergee))
            return base

    def delete_contact(self, contact_id: int, *, account_id: int = ACCOUNT_ID) -> None:
        """The row goes at once, what hangs on it a moment later in the background; no event.

        Raises `ContactOnline`, `NotFound`.
        """
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            if contact.online:
                raise ContactOnline
            store.remove(contact)
        self.pool.submit(lambda: self._delete_remains(contact_id), delay_s=self.deletion_delay_s)

    def set_online(self, contact_id: int, online: bool, *, account_id: int = ACCOUNT_ID) -> None:
        with self.step() as store:
            store.get("contacts", contact_id, account_id).online = online

    def add_contact_inbox(
        self, contact: rows.Contact, inbox_id: int, source_id: str | None = None
    ) -> rows.ContactInbox:
        """The contact's address in an inbox: the one it has, else a new one. Raises `Refused` for a taken address."""
        with self.step() as store:
            inbox: rows.Inbox = store.get("inboxes", inbox_id, contact.account_id)
            wanted = source_id or default_source_id(contact, inbox.channel_type)
            for row in store.contact_inboxes.values():
                if row.inbox_id == inbox_id and row.contact_id == contact.id and wanted in (None, row.source_id):
                    return row
                if row.inbox_id == inbox_id and row.source_id == wanted and row.contact_id != contact.id:
                    raise Refused("source_id should be unique")
            now = store.now()
            return store.add(
                rows.ContactInbox(
                    id=store.next_id("contact_inboxes"),
                    contact_id=contact.id,
                    inbox_id=inbox_id,
                    source_id=wanted or str(uuid.uuid4()),
                    pubsub_token=secrets.token_urlsafe(18),
                    created_at=now,
                    updated_at=now,
                )
            )

    def open_widget(self, contact_id: int, *, inbox_id: int = WEB_INBOX_ID, account_id: int = ACCOUNT_ID) -> None:
        """A visitor opens the web widget."""
        with self.step() as store:
            contact: rows.Contact = store.get("contacts", contact_id, account_id)
            contact_inbox = self.add_contact_inbox(contact, inbox_id)
            self.dispatcher.emit(
                Event("webwidget_triggered", account_id, contact_inbox.id, None, {"event_info": copy.deepcopy(_VISIT)})
            )

    def _note_activity(self, contact: rows.Contact, moment: int) -> None:
        """Every incoming message changes the contact, and says so (contract section 4)."""
        self._change_contact(contact, last_activity_at=moment)

    def _change_contact(self, contact: rows.Contact, **values: Value) -> None:
        changed = self.store.update(contact, **values)
        if changed:
            self.emit("contact_updated", contact, changed)

    def _check_contact(self, values: Json, account_id: int, *, except_id: int | None) -> None:
        if values.get("email") and not _ADDRESS.fullmatch(values["email"]):
            raise Invalid("Email is invalid", "email")
        if values.get("phone_number") and not _E164.fullmatch(values["phone_number"]):
            raise Invalid("Phone number should be in e164 format", "phone_number")
        others = [row for row in self.store.of_account("contacts", account_id) if row.id != except_id]
        for column, label in _UNIQUE_COLUMNS.items():
            value = values.get(column)
            if value and any(getattr(other, column) == value for other in others):
                raise Invalid(f"{label} has already been taken", column)

    def _delete_remains(self, contact_id: int) -> None:
        with self.step() as store:
            for conversation in store.conversations_of(contact_id):
                for message in list(store.messages_of(conversation)):
                    store.remove(message)
                store.remove(conversation)
            for contact_inbox in store.contact_inboxes_of(contact_id):
                store.remove(contact_inbox)
            for note in [note for note in store.notes.values() if note.contact_id == contact_id]:
                store.remove(note)


def _normalised(values: Json) -> Json:
    """E-mail in lower case; empty identifiers are null, as unique columns need."""
    values = dict(values)
    for column in _UNIQUE_COLUMNS:
        if column in values:
            values[column] = str(values[column]).strip() or None if values[column] is not None else None
    if values.get("email"):
        values["email"] = values["email"].lower()
    return values


def _merged(base: rows.Contact, mergee: rows.Contact) -> Json:
    merged: Json = {
        column: getattr(base, column) or getattr(mergee, column)
        for column in ("name", "email", "phone_number", "identifier")
    }
    for column in ("additional_attributes", "custom_attributes"):
        merged[column] = {**getattr(mergee, column), **getattr(base, column)}
    return merged


_VISIT: Json = {
    "initiated_at": {"timestamp": "Mon Nov 16 2026 09:10:04 GMT-0300 (Horário Padrão de Brasília)"},
    "referer": "https://clinicavidaplena.example/agendar",
    "widget_language": "pt_BR",
    "browser_language": "pt",
    "browser": {
        "browser_name": "Chrome",
        "browser_version": "142.0.0.0",
        "device_name": "Unknown",
        "platform_name": "Windows",
        "platform_version": "10.0",
    },
}
