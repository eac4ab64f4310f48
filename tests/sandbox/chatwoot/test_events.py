"""Which events follow which action, and what the less obvious ones say (contract sections 3 to 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge.sandbox.chatwoot import AGENT_ID, ChatwootSandbox
from bridge.sandbox.chatwoot.rows import Conversation


class Desk:
    """One open conversation, and the bodies that an action on it sends."""

    def __init__(self) -> None:
        self.chat = ChatwootSandbox(shuffle=False)
        self.chat.register_webhook("http://bridge.example/hooks", EVENTS)
        with self.chat.capture():
            self.conversation: Conversation = self.chat.new_person_writes(
                "Olá!", name="Beatriz Souza", phone_number="+5511900000021"
            )
        self.number = self.conversation.display_id

    def bodies(self, act: Callable[[], Any]) -> list[dict[str, Any]]:
        with self.chat.capture() as deliveries:
            act()
        return [json.loads(delivery.body) for delivery in deliveries]

    def events(self, act: Callable[[], Any]) -> list[str]:
        return [body["event"] for body in self.bodies(act)]


EVENTS = [
    "contact_created",
    "contact_updated",
    "conversation_created",
    "conversation_updated",
    "conversation_status_changed",
    "message_created",
    "message_updated",
    "conversation_typing_on",
    "webwidget_triggered",
    "inbox_updated",
]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def changes(body: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (values["previous_value"], values["current_value"])
        for change in body["changed_attributes"]
        for name, values in change.items()
    }


def test_the_first_reply_is_remembered_and_ends_the_waiting(desk: Desk) -> None:
    updated, created, sent = desk.bodies(lambda: desk.chat.outgoing(desk.number, "Bom dia, Beatriz!"))
    assert [updated["event"], created["event"], sent["event"]] == [
        "conversation_updated",
        "message_created",
        "message_updated",
    ]
    assert list(changes(updated)) == ["first_reply_created_at", "waiting_since", "updated_at"]
    assert created["conversation"]["first_reply_created_at"] == created["created_at"]
    assert created["conversation"]["waiting_since"] == 0
    assert (created["sender"]["id"], created["sender"]["type"]) == (AGENT_ID, "user")


def test_the_channels_id_of_a_reply_arrives_in_an_update(desk: Desk) -> None:
    sent = desk.bodies(lambda: desk.chat.outgoing(desk.number, "Bom dia!"))[-1]
    assert sent["source_id"].startswith("wamid.")
    assert "changed_attributes" not in sent


def test_a_second_reply_leaves_the_first_reply_time_alone(desk: Desk) -> None:
    desk.chat.outgoing(desk.number, "Bom dia!")
    first = desk.conversation.first_reply_created_at
    assert desk.events(lambda: desk.chat.outgoing(desk.number, "Tudo bem?")) == ["message_created", "message_updated"]
    assert desk.conversation.first_reply_created_at == first


def test_an_answer_after_a_reply_starts_the_waiting_again(desk: Desk) -> None:
    desk.chat.outgoing(desk.number, "Bom dia!")
    assert desk.events(lambda: desk.chat.incoming(desk.number, "Oi")) == [
        "message_created",
        "conversation_updated",
        "contact_updated",
    ]


def test_writing_into_a_resolved_conversation_opens_it(desk: Desk) -> None:
    desk.chat.set_status(desk.number, "resolved")
    events = desk.events(lambda: desk.chat.incoming(desk.number, "Só mais uma dúvida"))
    assert events[:3] == ["conversation_status_changed", "conversation_updated", "message_created"]
    assert desk.conversation.status == "open"


def test_resolving_says_so_twice_and_asks_for_an_evaluation(desk: Desk) -> None:
    changed, updated, survey = desk.bodies(lambda: desk.chat.set_status(desk.number, "resolved"))
    assert (changed["event"], changed["changed_attributes"]) == ("conversation_status_changed", None)
    assert changes(updated)["status"] == ("open", "resolved")
    assert (survey["message_type"], survey["content_type"], survey["sender"]) == ("template", "input_csat", None)
    assert survey["content"].endswith("/survey/responses/" + desk.conversation.uuid)
    assert survey["conversation"]["messages"][0]["content"] == "Por favor, avalie o atendimento"


def test_setting_the_status_it_has_sends_nothing(desk: Desk) -> None:
    assert desk.events(lambda: desk.chat.set_status(desk.number, "open")) == []


def test_a_private_note_is_sent_but_is_not_the_newest_public_message(desk: Desk) -> None:
    (note,) = desk.bodies(lambda: desk.chat.private_note(desk.number, "Ligar de manhã"))
    assert (note["event"], note["private"], note["message_type"]) == ("message_created", True, "outgoing")
    assert note["conversation"]["messages"][0]["id"] != note["id"]
    assert note["conversation"]["first_reply_created_at"] is None


def test_a_deleted_message_keeps_only_a_notice(desk: Desk) -> None:
    file = desk.chat.attachment("exame.pdf", "application/pdf")
    message = desk.chat.incoming(desk.number, "Segue o exame", attachments=[file])
    (deleted,) = desk.bodies(lambda: desk.chat.delete_message(message.id))
    assert deleted["event"] == "message_updated"
    assert deleted["content"] == "Esta mensagem foi excluída"
    assert deleted["content_attributes"] == {"deleted": True}
    assert "attachments" not in deleted


def test_an_edit_sends_the_new_text(desk: Desk) -> None:
    message = desk.chat.incoming(desk.number, "Quinta")
    (edited,) = desk.bodies(lambda: desk.chat.edit_message(message.id, "Sexta"))
    assert (edited["event"], edited["id"], edited["content"]) == ("message_updated", message.id, "Sexta")


def test_attachments_are_a_key_only_when_there_are_any(desk: Desk) -> None:
    picture = desk.chat.attachment("carteirinha.jpg", "image/jpeg", size=5)
    with_file = desk.bodies(lambda: desk.chat.incoming(desk.number, None, attachments=[picture]))[0]
    without = desk.bodies(lambda: desk.chat.incoming(desk.number, "Enviei"))[0]
    assert with_file["content"] is None
    (attachment,) = with_file["attachments"]
    assert (attachment["file_type"], attachment["message_id"], attachment["file_size"]) == ("image", with_file["id"], 5)
    assert "attachments" not in without


def test_messages_from_the_phone_app_have_no_sender(desk: Desk) -> None:
    (echo,) = desk.bodies(lambda: desk.chat.phone_app_message(desk.number, "Aqui é a Dra. Helena"))
    assert (echo["message_type"], echo["sender"]) == ("outgoing", None)
    assert echo["content_attributes"] == {"external_echo": True}


def test_labels_appear_as_list_and_as_text(desk: Desk) -> None:
    (first,) = desk.bodies(lambda: desk.chat.set_labels(desk.number, ["agendamento"]))
    (second,) = desk.bodies(lambda: desk.chat.set_labels(desk.number, ["agendamento", "retorno"]))
    assert first["labels"] == ["agendamento"]
    assert changes(first)["label_list"] == ([], ["agendamento"])
    assert changes(first)["cached_label_list"] == (None, "agendamento")
    assert changes(second)["cached_label_list"] == ("agendamento", "agendamento, retorno")
    assert desk.events(lambda: desk.chat.set_labels(desk.number, ["agendamento", "retorno"])) == []


def test_a_corrected_person_is_told_with_old_and_new_values(desk: Desk) -> None:
    contact_id = desk.conversation.contact_id
    (updated,) = desk.bodies(
        lambda: desk.chat.update_contact(
            contact_id, email="Beatriz@Exemplo.com.br", custom_attributes={"convenio": "Unimed"}
        )
    )
    assert changes(updated)["email"] == (None, "beatriz@exemplo.com.br")
    assert changes(updated)["custom_attributes"] == ({}, {"convenio": "Unimed"})
    assert updated["email"] == "beatriz@exemplo.com.br"


def test_an_update_that_changes_nothing_sends_nothing(desk: Desk) -> None:
    assert desk.events(lambda: desk.chat.update_contact(desk.conversation.contact_id, name="Beatriz Souza")) == []


def test_contact_labels_show_only_in_the_changes(desk: Desk) -> None:
    (updated,) = desk.bodies(lambda: desk.chat.set_contact_labels(desk.conversation.contact_id, ["vip"]))
    assert changes(updated)["label_list"] == ([], ["vip"])
    assert "labels" not in updated


def test_version_fields_grow_by_whole_milliseconds(desk: Desk) -> None:
    contact_id = desk.conversation.contact_id
    bodies = desk.bodies(
        lambda: [desk.chat.update_contact(contact_id, name=f"Beatriz {number}") for number in range(20)]
    )
    versions = [changes(body)["updated_at"][1] for body in bodies]
    assert versions == sorted(set(versions))


def test_a_merge_moves_everything_and_says_only_what_the_base_gained(desk: Desk) -> None:
    other = desk.chat.create_contact(name="Bia", email="bia@exemplo.com.br", custom_attributes={"unidade": "Moema"})
    moved = desk.chat.start_conversation(other.id, "Oi, sou eu de novo")
    bodies = desk.bodies(lambda: desk.chat.merge_contacts(desk.conversation.contact_id, other.id))
    assert [body["event"] for body in bodies] == ["contact_updated"]
    assert (bodies[0]["name"], bodies[0]["email"]) == ("Beatriz Souza", "bia@exemplo.com.br")
    assert moved.contact_id == desk.conversation.contact_id
    assert other.id not in desk.chat.store.contacts


def test_deleting_a_contact_says_nothing_and_clears_the_rest_later(desk: Desk) -> None:
    assert desk.events(lambda: desk.chat.delete_contact(desk.conversation.contact_id)) == []
    assert desk.chat.store.conversations
    desk.chat.wait_idle()
    assert not desk.chat.store.conversations
    assert not desk.chat.store.messages
    assert not desk.chat.store.contact_inboxes


def test_a_returning_person_gets_a_new_conversation_after_the_resolved_one(desk: Desk) -> None:
    contact_id = desk.conversation.contact_id
    assert desk.chat.writes_again(contact_id, "Ainda estou aqui") is desk.conversation
    desk.chat.set_status(desk.number, "resolved")
    again = desk.bodies(lambda: desk.chat.writes_again(contact_id, "Bom dia de novo"))
    assert [body["event"] for body in again][:2] == ["conversation_created", "message_created"]
    assert again[0]["id"] == desk.number + 1
    assert again[0]["contact_inbox"]["source_id"] == "5511900000021"


def test_a_greeting_is_sent_once_and_only_where_the_inbox_greets(desk: Desk) -> None:
    desk.chat.change_inbox(7, greeting_enabled=False, enable_auto_assignment=False)
    events = desk.events(lambda: desk.chat.new_person_writes("Oi", name="Caio Leão", phone_number="+5511900000022"))
    assert events == ["contact_created", "conversation_created", "message_created", "contact_updated"]


def test_a_blocked_contacts_conversation_begins_resolved(desk: Desk) -> None:
    contact = desk.chat.create_contact(name="Número desconhecido", blocked=True)
    assert desk.chat.open_conversation(contact.id).status == "resolved"


def test_the_reply_window_closes_after_a_day() -> None:
    now = [1_794_836_524.0]
    chat = ChatwootSandbox(clock=lambda: now[0])
    conversation = chat.new_person_writes("Olá!", name="Beatriz", phone_number="+5511900000021")
    assert chat.bodies.can_reply(conversation)
    now[0] += 24 * 3600 + 1
    assert not chat.bodies.can_reply(conversation)


def test_unread_messages_are_counted_up_to_ten(desk: Desk) -> None:
    for _ in range(12):
        desk.chat.incoming(desk.number, "Oi?")
    assert desk.chat.store.unread_count(desk.conversation) == 10
    desk.chat.outgoing(desk.number, "Bom dia!")
    assert desk.chat.store.unread_count(desk.conversation) == 0


def test_typing_widget_and_inbox_events_are_sent(desk: Desk) -> None:
    contact_id = desk.conversation.contact_id
    assert desk.events(lambda: desk.chat.typing(desk.number, user_id=AGENT_ID)) == ["conversation_typing_on"]
    (widget,) = desk.bodies(lambda: desk.chat.open_widget(contact_id))
    assert (widget["inbox"]["name"], widget["current_conversation"]) == ("Site", None)
    (inbox,) = desk.bodies(lambda: desk.chat.change_inbox(7, csat_survey_enabled=False))
    assert changes(inbox)["csat_survey_enabled"] == (True, False)
