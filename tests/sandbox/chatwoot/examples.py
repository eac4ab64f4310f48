"""The contract's published deliveries, and a store whose rows are the ones an example describes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from bridge.sandbox.chatwoot import rows
from bridge.sandbox.chatwoot.store import Store

CONTRACT = Path(__file__).resolve().parents[2] / "contracts" / "chatwoot"
SIGNATURES = json.loads((CONTRACT / "signatures.json").read_text(encoding="utf-8"))

_TYPE_NAMES = {number: name for name, number in rows.MESSAGE_TYPES.items()}


def raw(name: str) -> bytes:
    """The exact bytes of an example, e.g. `message_created.outgoing`."""
    return (CONTRACT / "raw" / f"{name}.json").read_bytes()


def body(name: str) -> Any:
    return json.loads(raw(name))


def moment(text: str | None) -> int | None:
    """Microseconds of an ISO time."""
    if text is None:
        return None
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1_000_000)


def store_of(example: Any) -> Store:
    """Rows from which the example's body must come out again, byte for byte."""
    store = Store(clock=lambda: 1794838900.0)
    store.add(rows.Account(3, "Clínica Vida Plena"))
    store.add(rows.Inbox(7, 3, "WhatsApp Recepção", rows.WHATSAPP, channel_id=2))
    store.add(rows.Inbox(9, 3, "Site", rows.WEB_WIDGET, channel_id=3))
    _add_agent(store)
    conversation = example.get("conversation") or (example if "meta" in example else None)
    if conversation is not None:
        _add_conversation(store, conversation)
        if "message_type" in example:
            _add_message(store, example, conversation)
    elif "channel" in example:
        _add_inbox(store, example)
    else:
        _add_contact(store, example.get("contact", example))
    if example["event"] == "webwidget_triggered":
        _add_visitor(store, example)
    return store


def _add_agent(store: Store) -> None:
    picture = body("conversation_updated")["meta"]["assignee"]["avatar_url"]
    address = body("conversation_typing_on")["user"]["email"]
    store.add(rows.User(21, "Rafael Nogueira", "Rafael (Recepção)", address, "token", [[3, "agent"]], picture))


def _add_contact(store: Store, contact: Any) -> None:
    columns = ("name", "email", "phone_number", "identifier", "blocked", "additional_attributes", "custom_attributes")
    values = {name: contact[name] for name in columns}
    store.add(rows.Contact(contact["id"], 3, avatar_url=contact["thumbnail"], **values))


def _add_conversation(store: Store, example: Any) -> None:
    _add_contact(store, example["meta"]["sender"])
    address = example["contact_inbox"]
    store.add(
        rows.ContactInbox(
            address["id"],
            address["contact_id"],
            address["inbox_id"],
            address["source_id"],
            address["pubsub_token"],
            created_at=moment(address["created_at"]) or 0,
            updated_at=moment(address["updated_at"]) or 0,
        )
    )
    assignee = example["meta"]["assignee"]
    store.add(
        rows.Conversation(
            id=1,
            display_id=example["id"],
            account_id=3,
            inbox_id=example["inbox_id"],
            contact_id=address["contact_id"],
            contact_inbox_id=address["id"],
            uuid="2f6d1c0e-7b3a-4f0e-9a51-000000001287",
            status=example["status"],
            assignee_id=assignee["id"] if assignee else None,
            label_list=example["labels"],
            first_reply_created_at=moment(example["first_reply_created_at"]),
            waiting_since=example["waiting_since"] * rows.MICROSECONDS or None,
            agent_last_seen_at=example["agent_last_seen_at"] * rows.MICROSECONDS or None,
            last_activity_at=example["last_activity_at"] * rows.MICROSECONDS,
            created_at=example["created_at"] * rows.MICROSECONDS,
            updated_at=round(example["updated_at"] * rows.MICROSECONDS),
        )
    )
    latest = example["messages"][0]
    if latest["message_type"] != 0:
        _add_first_message(store)
    _add_embedded_message(store, latest)


def _add_first_message(store: Store) -> None:
    """What the person wrote before the newest message: it opened the reply window."""
    _add_embedded_message(store, body("conversation_created")["messages"][0])


def _add_embedded_message(store: Store, example: Any) -> None:
    columns = ("content", "content_type", "content_attributes", "private", "status", "source_id")
    store.add(
        rows.Message(
            id=example["id"],
            account_id=3,
            inbox_id=example["inbox_id"],
            conversation_id=1,
            message_type=_TYPE_NAMES[example["message_type"]],
            sender_type=example["sender_type"],
            sender_id=example["sender_id"],
            attachments=example.get("attachments", []),
            created_at=example["created_at"] * rows.MICROSECONDS,
            updated_at=moment(example["updated_at"]) or 0,
            **{name: example[name] for name in columns},
        )
    )


def _add_message(store: Store, example: Any, conversation: Any) -> None:
    """The message of the event: mostly the newest one too, but a note is in no list of public messages."""
    created_at = moment(example["created_at"]) or 0
    if example["id"] in store.messages:
        store.messages[example["id"]].created_at = created_at
        return
    store.add(
        rows.Message(
            id=example["id"],
            account_id=3,
            inbox_id=conversation["inbox_id"],
            conversation_id=1,
            message_type=example["message_type"],
            content=example["content"],
            private=example["private"],
            sender_type="User",
            sender_id=example["sender"]["id"],
            created_at=created_at,
            updated_at=created_at,
        )
    )


def _add_visitor(store: Store, example: Any) -> None:
    store.add(rows.ContactInbox(example["id"], example["contact"]["id"], 9, example["source_id"], "exemplo"))


def _add_inbox(store: Store, example: Any) -> None:
    channel = {
        name: value
        for name, value in example["channel"].items()
        if name not in ("id", "account_id", "created_at", "updated_at")
    }
    inbox = rows.Inbox(12, 3, "Formulários", rows.API, channel_id=example["channel"]["id"], channel=channel)
    for name in ("greeting_enabled", "enable_auto_assignment", "csat_survey_enabled"):
        setattr(inbox, name, example[name])
    inbox.created_at = moment(example["created_at"]) or 0
    inbox.updated_at = moment(example["updated_at"]) or 0
    store.add(inbox)
