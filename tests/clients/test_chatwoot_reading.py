"""Reading from Chatwoot (contract sections 5 and 8). REST answers are built from the recorded webhook objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import AccountRole, Inbox, MessageType, Sender, SenderType
from bridge.errors import PartnerGone, PartnerUnavailable
from tests.clients.wire import CHATWOOT_SITE, FreePace, Wire, chatwoot_payload

ACCOUNT = f"{CHATWOOT_SITE}/api/v1/accounts/3"


def rest_contact() -> dict[str, Any]:
    """C of section 8.1: the webhook form without account and avatar, with inboxes and epochs."""
    contact = chatwoot_payload("contact_updated")
    for key in ("account", "avatar", "event", "changed_attributes"):
        del contact[key]
    inbox = {"id": 7, "name": "WhatsApp Recepção", "channel_type": "Channel::Whatsapp"}
    return contact | {
        "additional_attributes": {"company_name": "Odonto Vida", "city": "São Paulo"},
        "availability_status": "offline",
        "last_activity_at": 1794836995,
        "created_at": 1794836523,
        "contact_inboxes": [{"source_id": "5511900000017", "inbox": inbox}],
    }


def rest_conversation() -> dict[str, Any]:
    """V of section 8.2: `meta.channel` instead of `channel`, no contact_inbox, absent keys instead of nulls in meta."""
    body = chatwoot_payload("conversation_updated")
    meta = {key: value for key, value in body["meta"].items() if value is not None}
    for key in ("account", "contact_inbox", "event", "changed_attributes"):
        body.pop(key)
    return body | {
        "account_id": 3,
        "uuid": "6c2c1d61-3b54-4d0a-8c57-0ef1d5a6a0c1",
        "meta": meta | {"channel": body.pop("channel")},
        "first_reply_created_at": 1794836830,
    }


def rest_message(name: str = "message_created") -> dict[str, Any]:
    """N of section 8.2, from the embedded message of a conversation."""
    embedded = chatwoot_payload(name)["conversation"]["messages"][0]
    keys = "id content inbox_id conversation_id message_type content_type status content_attributes created_at private"
    wanted = [*keys.split(), "source_id", "sender", "attachments"]
    return {key: embedded[key] for key in wanted if key in embedded}


def numbered(*ids: int) -> dict[str, Any]:
    return {"meta": {}, "payload": [rest_message() | {"id": each} for each in ids]}


def test_a_contact_is_read_with_company_inboxes_and_attributes(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/4182", {"payload": rest_contact()})

    contact = chatwoot.contact(4182)

    assert (contact.id, contact.name) == (4182, "Mariana Alves Teixeira Prado")
    assert (contact.email, contact.phone) == ("mariana.prado@exemplo.com.br", "+5511900000017")
    assert (contact.identifier, contact.company_name, contact.blocked) == (None, "Odonto Vida", False)
    assert contact.custom_attributes == {"convenio": "Unimed", "unidade": "Moema"}
    assert contact.inbox_ids == {7}
    assert contact.last_activity_at == datetime(2026, 11, 16, 13, 49, 55, tzinfo=UTC)
    assert "Mariana" not in repr(contact)


@pytest.mark.parametrize("written", [None, {}, [], {"company_name": None}, {"company_name": {"a": 1}}])
def test_a_contact_without_a_usable_company_has_none(chatwoot: ChatwootClient, wire: Wire, written: object) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/1", {"payload": rest_contact() | {"additional_attributes": written}})

    assert chatwoot.contact(1).company_name is None


def test_the_access_token_travels_in_its_header(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/4182", {"payload": rest_contact()})

    chatwoot.contact(4182)

    assert wire.requests[0].headers["api_access_token"] == "chatwoot-token"
    assert wire.requests[0].headers["Accept"] == "application/json"


def test_a_conversation_is_read_by_display_id(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/conversations/1287", rest_conversation())

    conversation = chatwoot.conversation(1287)

    assert (conversation.id, conversation.inbox_id, conversation.channel) == (1287, 7, "Channel::Whatsapp")
    assert (conversation.status, conversation.labels, conversation.priority) == ("open", ("agendamento",), None)
    assert conversation.contact is not None
    assert conversation.contact_id == conversation.contact.id == 4182
    assert (conversation.assignee_id, conversation.assignee_name) == (21, "Rafael Nogueira")
    assert (conversation.team_id, conversation.waiting_since) == (None, None)
    assert conversation.updated_at == datetime(2026, 11, 16, 13, 55, 2, 338907, tzinfo=UTC)
    assert conversation.first_reply_created_at == datetime(2026, 11, 16, 13, 47, 10, tzinfo=UTC)


def test_conversations_changed_lately_come_in_one_answer_of_every_status(
    chatwoot: ChatwootClient, wire: Wire, pace: FreePace
) -> None:
    wire.answers("GET", f"{ACCOUNT}/conversations", {"data": {"meta": {}, "payload": [rest_conversation()]}})

    found = chatwoot.conversations_updated_within(600, inbox_id=7)

    assert [conversation.id for conversation in found] == [1287]
    assert wire.query == {"status": "all", "updated_within": "600", "inbox_id": "7"}
    assert pace.asked == [Priority.BACKGROUND]


def test_one_message_is_asked_for_by_a_window_of_one(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", {"meta": {}, "payload": [rest_message()]})

    message = chatwoot.message(1287, 90551)

    assert wire.query == {"after": "90551", "before": "90552"}
    assert message is not None
    assert (message.id, message.conversation_id, message.inbox_id) == (90551, 1287, 7)
    assert (message.type, message.content_type, message.private) == (MessageType.INCOMING, "text", False)
    assert message.content is not None
    assert message.content.startswith("Olá, bom dia!")
    assert message.sender == Sender(SenderType.CONTACT, 4182, "Mariana Alves Teixeira")
    assert message.created_at == datetime(2026, 11, 16, 13, 42, 4, tzinfo=UTC)
    assert message.attachment_types == ()
    assert "Olá" not in repr(message)


@pytest.mark.parametrize("payload", [[], [{"id": 90550}]])
def test_a_message_that_no_longer_exists_is_none(
    chatwoot: ChatwootClient, wire: Wire, payload: list[dict[str, Any]]
) -> None:
    others = [rest_message() | row for row in payload]
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", {"meta": {}, "payload": others})

    assert chatwoot.message(1287, 90551) is None


def test_a_deleted_message_says_so(chatwoot: ChatwootClient, wire: Wire) -> None:
    deleted = rest_message("message_updated.deleted")
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", {"meta": {}, "payload": [deleted]})

    message = chatwoot.message(1287, 90558)

    assert message is not None
    assert message.deleted
    assert message.sender == Sender(SenderType.USER, 21, "Rafael Nogueira")


def test_attachments_are_named_by_type_and_their_addresses_dropped(chatwoot: ChatwootClient, wire: Wire) -> None:
    with_file = rest_message("message_created.private_note")
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", {"meta": {}, "payload": [with_file]})

    message = chatwoot.message(1287, 90558)

    assert message is not None
    assert message.attachment_types == ("file",)
    assert "active_storage" not in str(vars_of(message))


def vars_of(shape: object) -> list[object]:
    return [getattr(shape, name) for name in shape.__slots__]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0, MessageType.INCOMING),
        (1, MessageType.OUTGOING),
        (2, MessageType.ACTIVITY),
        (3, MessageType.TEMPLATE),
        ("incoming", MessageType.INCOMING),
        ("template", MessageType.TEMPLATE),
        (9, MessageType.UNKNOWN),
        ("other", MessageType.UNKNOWN),
    ],
)
def test_message_types_come_as_numbers_or_words(
    chatwoot: ChatwootClient, wire: Wire, written: object, read: MessageType
) -> None:
    payload = [rest_message() | {"message_type": written, "sender": None}]
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", {"meta": {}, "payload": payload})

    message = chatwoot.message(1287, 90551)

    assert message is not None
    assert (message.type, message.sender) == (read, None)


def test_newer_messages_are_paged_until_a_page_is_not_full(chatwoot: ChatwootClient, wire: Wire) -> None:
    url = f"{ACCOUNT}/conversations/1287/messages"
    wire.answers("GET", url, numbered(*range(1, 101)))
    wire.answers("GET", url, numbered(*range(101, 104)))

    found = [message.id for message in chatwoot.messages_since(1287, 0)]

    assert found == list(range(1, 104))
    assert [request.url.split("?")[1] for request in wire.requests] == ["after=0", "after=100"]


def test_pages_are_only_fetched_as_far_as_they_are_read(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", numbered(*range(1, 101)))

    assert next(chatwoot.messages_since(1287, 0)).id == 1
    assert len(wire.sent) == 1


def test_a_page_that_brings_nothing_new_ends_the_reading(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", numbered(*range(1, 101)))

    assert list(chatwoot.messages_since(1287, 100)) == []


def test_inboxes_come_without_their_credentials(chatwoot: ChatwootClient, wire: Wire) -> None:
    row = {
        "id": 7,
        "name": "WhatsApp Recepção",
        "channel_type": "Channel::Whatsapp",
        "provider_config": {"api_key": "s"},
    }
    wire.answers("GET", f"{ACCOUNT}/inboxes", {"payload": [row]})

    assert chatwoot.inboxes() == (Inbox(7, "WhatsApp Recepção", "Channel::Whatsapp"),)


def test_the_profile_tells_the_role_in_the_account(chatwoot: ChatwootClient, wire: Wire) -> None:
    account = {"id": 3, "name": "Clínica Vida Plena", "status": "active", "role": "administrator"}
    body = {"id": 40, "name": "Ponte", "email": "ponte@clinica.example", "access_token": "s", "accounts": [account]}
    wire.answers("GET", f"{CHATWOOT_SITE}/api/v1/profile", body)

    profile = chatwoot.profile()

    assert profile.accounts == (AccountRole(3, "Clínica Vida Plena", "administrator"),)
    assert (profile.role_in(3), profile.role_in(4)) == ("administrator", None)


def test_a_contact_that_was_deleted_or_merged_is_gone(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/9", {"error": "Resource could not be found"}, status=404)

    with pytest.raises(PartnerGone) as caught:
        chatwoot.contact(9)

    assert caught.value.endpoint == "GET /contacts/{id}"


@pytest.mark.parametrize("body", [{}, {"payload": None}, {"payload": [1]}, [], {"payload": {"id": None}}])
def test_an_answer_of_another_shape_is_not_taken_for_an_empty_one(
    chatwoot: ChatwootClient, wire: Wire, body: object
) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/4182", body)
    wire.answers("GET", f"{ACCOUNT}/conversations/1287/messages", body)

    with pytest.raises(PartnerUnavailable):
        chatwoot.contact(4182)
    with pytest.raises(PartnerUnavailable):
        chatwoot.message(1287, 1)
