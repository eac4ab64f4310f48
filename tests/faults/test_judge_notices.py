"""The judge of the fault run: silent when all is well, and not fooled when something is not."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.faults.books import Books
from bridge.faults.judge import Told, judge
from bridge.faults.run import lost, refused
from bridge.faults.sending import Tally

HEAD = (
    "<b>Conversa 1287 · 16/11/2026</b><br>Caixa de entrada: WhatsApp Recepção<br>Mensagens: 2 recebidas, 2 enviadas<br>"
    "Horário: 09:10–09:20<br>"
)
LINK = '<a href="http://chat.example/app/accounts/3/conversations/1287">Abrir no Chatwoot</a><br>'
LINES = (
    "09:10 <b>Paciente:</b> Bom dia<br>",
    "09:12 <b>Atendente (Rafael Nogueira):</b> Olá!<br>",
    "09:14 <b>Paciente:</b> Quero agendar<br>",
    "09:20 <b>Atendente:</b> <i>[mensagem apagada]</i><br>",
)
TITLE = "Conversa 1287 · 16/11/2026 · ponte-abc234-v1287-20261116"
LEAD_TITLE = "Ana Lima · WhatsApp Recepção · ponte-abc234-c4182-l1"

Crm = dict[str, Any]


def message(number: int, minute: int, kind: str, text: str, **more: Any) -> dict[str, Any]:
    sender = {"sender_type": "User", "sender_id": 21} if kind == "outgoing" else {"sender_type": "Contact"}
    return {
        "id": number, "conversation_id": 1287, "message_type": kind, "content": text, "private": False,
        "content_attributes": {}, "attachments": [], "created_at": f"2026-11-16T12:{minute:02}:00.5+00:00",
        **sender, **more,
    }  # fmt: skip


def told() -> Told:
    """One person, one conversation, a private note, a deleted answer."""
    chat = {
        "contacts": [
            {"id": 4182, "name": "Ana Lima", "email": "ana@exemplo.com.br", "phone_number": "+551187654321"},
            {"id": 4183, "name": "Estranho", "email": None, "phone_number": "+5511900000001"},
        ],
        "conversations": [
            {"display_id": 1287, "contact_id": 4182, "inbox_id": 7, "status": "open", "first_reply_created_at": "x"},
            {"display_id": 1288, "contact_id": 4183, "inbox_id": 15, "status": "open", "first_reply_created_at": None},
        ],
        "messages": [
            message(3, 14, "incoming", "Quero agendar"),
            message(1, 10, "incoming", "Bom dia"),
            message(2, 12, "outgoing", "Olá!"),
            message(5, 15, "outgoing", "Paciente difícil", private=True),
            message(4, 20, "outgoing", "Esta mensagem foi excluída", content_attributes={"deleted": True}),
        ],
    }  # fmt: skip
    return Told.of(
        chat, inbox_ids=[7], ref_code="abc234", chatwoot_url="http://chat.example", account_id=3,
        inboxes={7: "WhatsApp Recepção"}, agents={21: "Rafael Nogueira"}, resolved={},
    )  # fmt: skip


def crm() -> Crm:
    """The CRM as it must be."""
    stages = [("new", 1), ("follow-up", 2), ("prospect", 3), ("negotiation", 4)]
    return {
        "persons": [{
            "id": 1, "name": "Ana Lima", "emails": [{"value": "ana@exemplo.com.br"}],
            "contact_numbers": [{"value": "+5511987654321"}],
            "attributes": {"chatwoot_contact_ref": "ponte-abc234-c4182"},
        }],
        "leads": [{
            "id": 11, "title": LEAD_TITLE, "person_id": 1, "stage_code": "prospect",
            "attributes": {"bridge_ref": "ponte-abc234-c4182-l1"},
        }],
        "notes": [{"id": 21, "title": TITLE, "comment": HEAD + LINK + "".join(LINES), "lead_ids": [11]}],
        "stage_changes": [{"lead_id": 11, "to": 2}, {"lead_id": 11, "to": 3}],
        "pipelines": [{"stages": [{"id": place, "code": code, "sort_order": place} for code, place in stages]}],
    }  # fmt: skip


def books() -> Books:
    conversation = {"krayin_lead_id": 11, "status": "open", "message_count": 4}
    refs = {"ponte-abc234-c4182": 1, "ponte-abc234-c4182-l1": 11, "ponte-abc234-v1287-20261116": 21}
    return Books(
        contacts={4182: (1, 11)},
        conversations={1287: conversation},
        messages=[(number, 21) for number in (1, 2, 3, 4)],
        objects={ref: {"foreign_id": number, "gone_at": None, "has_ref": True} for ref, number in refs.items()},
    )


def found(change: Callable[[Crm], object]) -> list[str]:
    """What the judge says of a CRM that something happened to."""
    state = copy.deepcopy(crm())
    change(state)
    return judge(told(), state, books())


def comment(state: Crm, *lines: str) -> None:
    state["notes"][0]["comment"] = HEAD + LINK + "".join(lines)


def test_nothing_is_said_of_a_crm_that_is_right() -> None:
    assert judge(told(), crm(), books()) == []


def test_a_missing_message() -> None:
    said = found(lambda state: comment(state, LINES[0], LINES[1], LINES[3]))
    assert said == [f"note '{TITLE}' shows 3 of 4 messages", f"note '{TITLE}' lacks message 3 as it reads now"]


def test_a_message_that_is_shown_twice() -> None:
    said = found(lambda state: comment(state, *LINES, LINES[0]))
    assert f"note '{TITLE}' shows message 1 2 times" in said


def test_a_doubled_note() -> None:
    said = found(lambda state: state["notes"].append({**state["notes"][0], "id": 22}))
    assert f"note {TITLE} is there twice: 21 and 22" in said


def test_a_missing_note() -> None:
    assert f"note '{TITLE}' is missing" in found(lambda state: state["notes"].clear())


def test_an_older_text() -> None:
    said = found(lambda state: comment(state, LINES[0], LINES[1], LINES[2].replace("agendar", "marcar"), LINES[3]))
    assert said == [f"note '{TITLE}' lacks message 3 as it reads now"]


def test_a_deleted_message_that_can_still_be_read() -> None:
    said = found(lambda state: comment(state, *LINES[:3], "09:20 <b>Atendente (Rafael Nogueira):</b> Até logo<br>"))
    assert said == [f"note '{TITLE}' lacks message 4 as it reads now"]


def test_a_private_note_that_leaked() -> None:
    line = "09:15 <b>Atendente (Rafael Nogueira):</b> Paciente difícil<br>"
    said = found(lambda state: comment(state, *LINES[:3], line, LINES[3]))
    assert said == [f"note '{TITLE}' shows 5 of 4 messages"]


def test_a_wrong_order() -> None:
    said = found(lambda state: comment(state, LINES[0], LINES[2], LINES[1], LINES[3]))
    assert said == [f"note '{TITLE}' shows message 3 out of order"]


def test_other_words_around_the_messages() -> None:
    said = found(lambda state: state["notes"][0].update(comment=HEAD + "".join(LINES)))
    assert len(said) == 1
    assert "has other words around its messages" in said[0]


def test_a_note_on_another_lead() -> None:
    said = found(lambda state: state["notes"][0].update(lead_ids=[12]))
    assert said == [f"note '{TITLE}' hangs on leads [12], not on 11"]


def test_a_wrong_stage() -> None:
    said = found(lambda state: state["leads"][0].update(stage_code="follow-up"))
    assert said == ["contact 4182: the lead is in stage follow-up, not prospect"]


def test_a_stage_that_went_back_and_forth() -> None:
    said = found(lambda state: state["stage_changes"].extend([{"lead_id": 11, "to": 2}, {"lead_id": 11, "to": 3}]))
    assert said == ["lead 11 moved back or again to follow-up"]


def test_a_stage_that_was_reached_only_for_a_while() -> None:
    """The conversation is open again, but a body once showed it resolved."""
    history = replace(told(), resolved={1287: datetime(2026, 11, 16, 13, 0, tzinfo=UTC)})
    assert "contact 4182: the lead is in stage prospect, not negotiation" in judge(history, crm(), books())


def test_a_person_that_is_there_twice() -> None:
    other = {**crm()["persons"][0], "id": 2, "attributes": {"chatwoot_contact_ref": None}}
    said = found(lambda state: state["persons"].append(other))
    assert "person 2 (without reference) should not be there" in said
    assert "2 persons share one address or telephone" in said


def test_a_lead_that_is_there_twice() -> None:
    said = found(lambda state: state["leads"].append({**state["leads"][0], "id": 12}))
    assert "lead ponte-abc234-c4182-l1 is there twice: 11 and 12" in said


def test_a_stranger_who_was_carried_over() -> None:
    stranger = {
        "id": 2, "name": "Estranho", "emails": [], "contact_numbers": [],
        "attributes": {"chatwoot_contact_ref": "ponte-abc234-c4183"},
    }  # fmt: skip
    said = found(lambda state: state["persons"].append(stranger))
    assert said == ["person 2 (ponte-abc234-c4183) should not be there"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", "Ana", "is called Ana, not Ana Lima"),
        ("emails", [], "has [], not ana@exemplo.com.br"),
        ("contact_numbers", [{"value": "+5511900000009"}], "has ['551100000009'], not +551187654321"),
    ],
)
def test_older_values_of_a_person(key: str, value: object, words: str) -> None:
    said = found(lambda state: state["persons"][0].update({key: value}))
    assert said == [f"contact 4182: the person {words}"]


def test_a_lead_with_an_older_title() -> None:
    old = LEAD_TITLE.replace("Ana Lima", "Ana")
    assert found(lambda state: state["leads"][0].update(title=old)) == [
        f"contact 4182: the lead is titled {old}, not {LEAD_TITLE}"
    ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"contacts": {4182: (1, 12)}}, "contact 4182 is mapped to (1, 12), the CRM has (1, 11)"),
        ({"contacts": {}}, "contact 4182 is mapped to None"),
        ({"conversations": {}}, "conversation 1287 is not mapped"),
        ({"messages": [(1, 21), (2, 21), (3, 21)]}, "message 4 is mapped to None, its note is 21"),
        ({"messages": [(1, 21), (1, 21), (2, 21), (3, 21), (4, 21)]}, "messages are mapped twice"),
        ({"unfinished_events": [("parked", "UNREADABLE", 2)]}, "2 events are parked UNREADABLE"),
        ({"problem": "INTERNAL"}, "the connection shows the problem INTERNAL"),
    ],
)
def test_books_that_do_not_agree(changed: dict[str, Any], words: str) -> None:
    said = judge(told(), crm(), replace(books(), **changed))
    assert len(said) == 1
    assert said[0].startswith(words)


@pytest.mark.parametrize("state", ["sent", "unknown", "intended", "rejected"])
def test_a_step_that_is_not_finished(state: str) -> None:
    step = {"kind": "set_note", "state": state, "object_ref": "ponte-x", "cause": "", "detail": "", "attempts": 0}
    assert judge(told(), crm(), replace(books(), open_steps=[step])) == [f"step set_note {state} ponte-x 0"]


def test_an_object_whose_reference_was_never_written() -> None:
    objects = dict(books().objects)
    objects["ponte-abc234-c4182-l1"] = {"foreign_id": 11, "gone_at": None, "has_ref": False}
    (said,) = judge(told(), crm(), replace(books(), objects=objects))
    assert said.startswith("ponte-abc234-c4182-l1: our books say")


def test_a_delivery_that_was_acknowledged_and_then_lost() -> None:
    tally = Tally(kept={"a", "b", "c"})
    assert list(lost(tally, {"a", "b", "c", "d"})) == []
    assert list(lost(tally, {"a", "c"})) == ["1 acknowledged deliveries were never stored: b"]


def test_answers_that_are_no_acknowledgement() -> None:
    assert list(refused(Tally(unacknowledged=Counter({"ConnectionResetError": 3})))) == []
    assert list(refused(Tally(unacknowledged=Counter({"503": 3})))) == ["deliveries were refused: {'503': 3}"]
    assert list(refused(Tally(given_up=2))) == ["2 deliveries were never acknowledged"]
