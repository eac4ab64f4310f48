"""One note per conversation and day, kept up to date, or one per message, or only the summary (DESIGN section 7)."""

import pytest
from connected_clinic import Bridge, make_bridge

from bridge.models import ActivityMapping
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def talks(bridge: Bridge, *texts: str) -> int:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes(texts[0], name="Ana Lima", phone_number="+5511900000021")
        for text in texts[1:]:
            bridge.chatwoot.incoming(conversation.display_id, text)
    bridge.deliver(deliveries)
    bridge.work()
    return conversation.display_id


def comments(bridge: Bridge) -> list[str]:
    return [note["comment"] for note in bridge.crm["notes"]]


def test_nothing_is_written_before_it_is_quiet(bridge: Bridge) -> None:
    talks(bridge, "Bom dia")
    assert comments(bridge) == []
    bridge.settle()
    assert len(comments(bridge)) == 1


def test_a_late_message_rewrites_the_whole_note(bridge: Bridge) -> None:
    number = talks(bridge, "Bom dia")
    bridge.settle()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(number, "Olá Ana")
    bridge.deliver(deliveries)
    bridge.settle()
    assert len(comments(bridge)) == 1
    assert "Bom dia" in comments(bridge)[0]
    assert "Olá Ana" in comments(bridge)[0]


def test_an_edited_and_a_deleted_message_are_corrected_in_the_note(bridge: Bridge) -> None:
    number = talks(bridge, "Bom dia", "Minha senha é 1234")
    with bridge.chatwoot.capture() as deliveries:
        typo = bridge.chatwoot.outgoing(number, "Quinta às 15h")
    bridge.deliver(deliveries)
    bridge.settle()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.edit_message(typo.id, "Quinta às 16h")
        bridge.chatwoot.delete_message(typo.id - 1)
    bridge.deliver(deliveries)
    bridge.settle()
    assert "Quinta às 16h" in comments(bridge)[0]
    assert "15h" not in comments(bridge)[0]
    assert "[mensagem apagada]" in comments(bridge)[0]


def test_text_from_outside_is_escaped(bridge: Bridge) -> None:
    talks(bridge, "<script>alert(1)</script> & dois\nlinhas")
    bridge.settle()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; dois<br>linhas" in comments(bridge)[0]


def test_a_private_note_never_leaves(bridge: Bridge) -> None:
    number = talks(bridge, "Bom dia")
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.private_note(number, "Paciente difícil")
    bridge.deliver(deliveries)
    bridge.settle()
    assert "difícil" not in str(bridge.crm)


def test_a_summary_holds_numbers_and_no_text(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, send={"preset": "summary"})
    talks(bridge, "Tenho uma ferida")
    bridge.settle()
    assert "ferida" not in comments(bridge)[0]
    assert "Caixa de entrada: WhatsApp Recepção" in comments(bridge)[0]
    assert "Mensagens: 1 recebidas, 1 enviadas" in comments(bridge)[0]


def test_the_smallest_preset_writes_no_notes(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, send={"preset": "contacts"})
    talks(bridge, "Bom dia")
    bridge.settle()
    assert comments(bridge) == []
    assert bridge.crm["counts"]["leads"] == 1


def test_one_note_per_message_where_the_clinic_wants_it(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, send={"preset": "text", "message_text": "each"})
    number = talks(bridge, "Bom dia", "Quero agendar")
    bridge.settle()
    first = {note["title"]: note["comment"] for note in bridge.crm["notes"]}
    assert len(first) == 3
    with bridge.chatwoot.capture() as deliveries:
        edited = bridge.chatwoot.outgoing(number, "Quinta?")
        bridge.chatwoot.edit_message(edited.id, "Sexta?")
    bridge.deliver(deliveries)
    bridge.settle()
    assert len(bridge.crm["notes"]) == 4
    assert any("Sexta?" in text for text in comments(bridge))
    assert ActivityMapping.objects.values("krayin_activity_id").distinct().count() == 4


def test_a_very_long_day_goes_on_in_a_second_part(bridge: Bridge) -> None:
    talks(bridge, *(f"{n} " + "palavra " * 1200 for n in range(12)))
    bridge.settle()
    bridge.settle()
    notes = bridge.crm["notes"]
    assert len(notes) >= 2
    assert max(len(text.encode()) for text in comments(bridge)) < 65_535
    together = "".join(comments(bridge))
    assert all(f"{n} palavra" in together for n in range(12))


def test_every_message_maps_to_its_note(bridge: Bridge) -> None:
    talks(bridge, "Bom dia", "Quero agendar")
    bridge.settle()
    note = bridge.crm["notes"][0]["id"]
    assert set(ActivityMapping.objects.values_list("krayin_activity_id", flat=True)) == {note}
    assert ActivityMapping.objects.count() == 3
