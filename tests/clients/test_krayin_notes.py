"""Notes of Krayin (Krayin contract sections 9, 20.2, 20.6)."""

from __future__ import annotations

import pytest

from bridge.clients.base import Priority
from bridge.clients.krayin import MAX_COMMENT_BYTES, KrayinClient
from bridge.errors import PartnerGone, UnusableKey, WouldBeCut
from tests.clients.wire import FreePace, Wire, krayin_sample

TITLE = "WhatsApp · conversa #4711 · 2026/11/20"


def test_a_note_is_linked_to_its_lead_and_carries_own_keys_as_text(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    wire.answers_like("activities_create_note")
    recorded = krayin_sample("activities_create_note")["request"]["body"]

    note = krayin.note_create(
        title=recorded["title"],
        comment=recorded["comment"],
        lead_id=1,
        additional={"chatwoot_conversation_id": 4711, "chatwoot_message_id": 90215},
    )

    assert wire.body == recorded
    assert (note.id, note.type, note.title, note.is_done) == (60, "note", recorded["title"], True)
    assert note.comment == "Paciente: Bom dia, quero agendar uma avaliação."
    assert note.additional == {"chatwoot_conversation_id": 4711, "chatwoot_message_id": 90215}
    assert pace.asked == [Priority.NOTE]


def test_a_note_can_belong_to_a_person(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("activities_create_note_for_person")

    krayin.note_create(title="Nota", comment="Oi", person_id=2)

    assert wire.body == {"type": "note", "title": "Nota", "comment": "Oi", "person_id": 2}


@pytest.mark.parametrize("links", [{}, {"lead_id": 1, "person_id": 2}])
def test_a_note_belongs_to_exactly_one_record(krayin: KrayinClient, wire: Wire, links: dict[str, int]) -> None:
    with pytest.raises(UnusableKey):
        krayin.note_create(title="Nota", comment="Oi", **links)
    assert wire.sent == []


def test_an_update_sends_the_comment_alone(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_notes_update_comment_only")

    note = krayin.note_update(337, "Segunda versão\n<b>ok</b> 😀")

    assert wire.sent == ["PUT /api/v1/activities/337"]
    assert wire.body == {"comment": "Segunda versão\n<b>ok</b> 😀"}
    assert note.comment == "Segunda versão\n<b>ok</b> 😀"


def test_an_update_of_a_deleted_note_says_gone(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_notes_update_gone_404")

    with pytest.raises(PartnerGone):
        krayin.note_update(337, "Oi")


def test_notes_are_found_by_their_whole_title(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_activities_filter_title_exact")

    found = krayin.notes_by_title(TITLE)

    assert [(note.id, note.title) for note in found] == [(63, TITLE)]
    assert wire.query == {"title": TITLE, "type": "note", "limit": "50"}


def test_a_title_nobody_has_finds_nothing(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_activities_filter_title_none")

    assert krayin.notes_by_title("não existe") == ()


def test_a_title_with_a_comma_is_never_looked_for_nor_written(krayin: KrayinClient, wire: Wire) -> None:
    with pytest.raises(UnusableKey):
        krayin.notes_by_title("Orçamento, 2 arcadas")
    with pytest.raises(UnusableKey):
        krayin.note_create(title="Orçamento, 2 arcadas", comment="Oi", lead_id=1)
    assert wire.sent == []


def test_activities_by_ids_returns_those_that_exist(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_activities_filter_ids")

    assert {note.id for note in krayin.activities_by_ids([63, 72, 99999])} == {63, 72}


def test_the_longest_comment_goes_through_and_one_byte_more_does_not(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_notes_create_65535")
    longest = "é" * (MAX_COMMENT_BYTES // 2) + "a"

    krayin.note_create(title="Nota", comment=longest, lead_id=1)
    with pytest.raises(WouldBeCut):
        krayin.note_create(title="Nota", comment=longest + "a", lead_id=1)
    with pytest.raises(WouldBeCut):
        krayin.note_update(337, longest + "a")

    assert len(wire.sent) == 1


def test_a_blank_comment_is_refused_because_an_update_would_store_it(krayin: KrayinClient, wire: Wire) -> None:
    with pytest.raises(UnusableKey):
        krayin.note_update(337, " \n")
    assert wire.sent == []


def test_an_overlong_title_is_refused(krayin: KrayinClient, wire: Wire) -> None:
    with pytest.raises(WouldBeCut):
        krayin.note_create(title="a" * 256, comment="Oi", lead_id=1)
    assert wire.sent == []


def test_an_activity_is_deleted(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("activities_delete")

    krayin.activity_delete(62)

    assert wire.sent == ["DELETE /api/v1/activities/62"]
