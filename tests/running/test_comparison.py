"""The comparison sees every difference between what the CRM holds and what it should hold."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from config.running.comparison import Played, compare

State = dict[str, Any]
CODE = "abc234"
EMPTY: State = {"persons": [], "leads": [], "notes": [], "stage_changes": [], "pipelines": []}
STAGES = ((1, "new"), (2, "follow-up"), (3, "prospect"), (4, "negotiation"))


def message(number: int, text: str | None, at: str, **more: Any) -> State:
    return {
        "id": number, "conversation_id": 1287, "content": text, "message_type": "incoming", "private": False,
        "content_attributes": {}, "created_at": f"2026-11-20T{at}:00.000Z", **more,
    }  # fmt: skip


def chat() -> State:
    """One resolved and answered conversation over a midnight in São Paulo, and one that is none of ours."""
    conversation = {"display_id": 1287, "contact_id": 4182, "status": "resolved", "first_reply_created_at": "2026"}
    return {
        "contacts": [{"id": 4182, "name": "Mariana Alves", "email": None, "phone_number": "+551190000019"},
                     {"id": 4183, "name": "João Reis", "email": None, "phone_number": None}],
        "conversations": [conversation, {**conversation, "display_id": 1288, "contact_id": 4183}],
        "messages": [
            message(1, "Oi! <3 & bom dia", "02:00"),
            message(2, None, "02:10", attachments=[{"file_type": "image"}]),
            message(3, "Paciente difícil", "02:15", private=True),
            message(4, "aberta", "02:16", message_type="activity"),
            message(5, "This message was deleted", "02:20", content_attributes={"deleted": True}),
            message(6, "Quinta às 15h30?\nConfirma?", "12:00", message_type="outgoing"),
            message(7, "Boleto", "12:00", conversation_id=1288),
        ],
    }  # fmt: skip


def line(text: str) -> str:
    return f"09:00 <b>Paciente (Mariana):</b> {text}<br>"


def crm() -> State:
    """What the chat must have become."""
    first = line("Oi! &lt;3 &amp; bom dia") + line("<i>[imagem]</i>") + line("<i>[mensagem apagada]</i>")
    second = "12:00 <b>Atendente:</b> Quinta às 15h30?<br>Confirma?<br>"
    return {
        "persons": [{"id": 5, "name": "Mariana Alves", "emails": [],
                     "contact_numbers": [{"value": "+5511990000019", "label": "work"}],
                     "attributes": {"chatwoot_contact_ref": f"ponte-{CODE}-c4182"}}],
        "leads": [{"id": 9, "person_id": 5, "title": f"Mariana Alves · WhatsApp · ponte-{CODE}-c4182-l1",
                   "stage_code": "negotiation", "attributes": {"bridge_ref": f"ponte-{CODE}-c4182-l1"}}],
        "notes": [{"id": 1, "title": f"Conversa 1287 · {day} · ponte-x", "comment": comment, "lead_ids": [9]}
                  for day, comment in (("19/11/2026", first), ("20/11/2026", second))],
        "stage_changes": [{"lead_id": 9, "to": 2, "way": "create"}, {"lead_id": 9, "to": 3, "way": "edit"},
                          {"lead_id": 9, "to": 4, "way": "edit"}],
        "pipelines": [{"stages": [{"id": number, "code": code} for number, code in STAGES]}],
    }  # fmt: skip


def problems(after: State, before: State = EMPTY) -> list[str]:
    return compare(Played.of(chat(), [1287]), before, after, ref_code=CODE).problems


def test_the_right_crm_has_no_problem_and_is_counted() -> None:
    found = compare(Played.of(chat(), [1287]), EMPTY, crm(), ref_code=CODE)
    assert found.problems == []
    assert (found.persons, found.leads, found.notes, found.stage_changes) == (1, 1, 2, 2)


def test_records_of_earlier_runs_are_not_counted_but_must_not_change() -> None:
    before = crm()
    after = crm()
    after["persons"].append({**after["persons"][0], "id": 6})
    found = compare(Played.of(chat(), [1287]), before, after, ref_code=CODE)
    assert (found.persons, found.leads, found.notes, found.stage_changes) == (1, 0, 0, 0)
    after["leads"][0]["title"] = "changed"
    del after["notes"][0]
    assert {"leads 9 of an earlier run has changed or gone", "notes 1 of an earlier run has changed or gone"} <= set(
        problems(after, before)
    )


def twice(kind: str) -> Callable[[State], None]:
    return lambda state: state[kind].append({**copy.deepcopy(state[kind][0]), "id": 77})


def put(kind: str, name: str, value: Any) -> Callable[[State], None]:
    return lambda state: state[kind][0].__setitem__(name, value)


def swapped(state: State) -> None:
    lines = state["notes"][0]["comment"].split("<br>")
    state["notes"][0]["comment"] = "<br>".join([lines[1], lines[0], *lines[2:]])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda state: state["persons"].clear(), "contact 4182 has no person"),
        (lambda state: state["leads"].clear(), "contact 4182 has no lead"),
        (twice("persons"), "person 5 should not be there"),
        (twice("leads"), "lead 9 should not be there"),
        (put("persons", "attributes", {}), "person 5 should not be there"),
        (put("persons", "name", "Outra"), "contact 4182: the person has another name"),
        (put("persons", "emails", [{"value": "a@b.c"}]), "contact 4182: the person has other e-mail addresses"),
        (put("persons", "contact_numbers", None), "contact 4182: the person has other telephone numbers"),
        (put("leads", "person_id", 8), "contact 4182: the lead belongs to another person"),
        (put("leads", "title", "Outra · x"), "contact 4182: the lead has another title"),
        (put("leads", "stage_code", "prospect"), "contact 4182: the lead is in stage prospect, not negotiation"),
        (lambda state: state["notes"].pop(0), "conversation 1287 has no note of 2026-11-19"),
        (twice("notes"), "note 'Conversa 1287 · 19/11/2026' is there 2 times"),
        (put("notes", "title", "Conversa 1288 · x"), "note 'Conversa 1288 · x' should not be there"),
        (put("notes", "lead_ids", [8]), "the note of conversation 1287 is not on its lead"),
        (put("notes", "comment", line("Oi!")), "the note of conversation 1287 has 1 of 3 messages"),
        (swapped, "the note of conversation 1287 lacks message"),
        (lambda state: state["stage_changes"].pop(), "contact 4182: the lead moved to ['prospect'], not to"),
        (twice("stage_changes"), None),
        (lambda state: state["stage_changes"].append({"lead_id": 4, "to": 3, "way": "edit"}), "lead 4 of nobody's"),
    ],
)  # fmt: skip
def test_every_difference_is_named(spoil: Callable[[State], None], named: str | None) -> None:
    state = crm()
    spoil(state)
    found = problems(state)
    if named is None:  # made with a stage is no move
        assert found == []
    else:
        assert any(problem.startswith(named) for problem in found), found


@pytest.mark.parametrize(("status", "answered", "stage"), [("open", None, "follow-up"), ("open", "2026", "prospect")])
def test_the_stage_follows_what_the_conversation_reached(status: str, answered: str | None, stage: str) -> None:
    told = chat()
    told["conversations"][0] |= {"status": status, "first_reply_created_at": answered}
    state = crm()
    state["leads"][0]["stage_code"] = stage
    state["stage_changes"] = state["stage_changes"][: 1 if stage == "follow-up" else 2]
    assert compare(Played.of(told, [1287]), EMPTY, state, ref_code=CODE).problems == []
