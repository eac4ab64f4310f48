"""The full check, sending again, and looking at one conversation or contact at once."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from two_clinics_worth import Someone, crm_of, finish, start, write_to_clinic

from bridge.clients.shapes import LeadChange
from bridge.models import (
    Connection,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    ReconcileDay,
    StageChangeLog,
    SyncedObject,
    WebhookEvent,
)
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

Kind = SyncedObject.Kind


@pytest.fixture
def full(bridge: Bridge) -> Bridge:
    """Three people with opportunity and note in the CRM."""
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(3)])
    finish(bridge, start(bridge, "import_history", days=30))
    assert bridge.crm["counts"]["notes"] == 3
    return bridge


def synced(kind: Kind) -> list[SyncedObject]:
    return list(SyncedObject.objects.filter(kind=kind).order_by("pk"))


# Full check -----------------------------------------------------------------------------------------------------------


def test_a_check_of_equal_sides_finds_nothing(full: Bridge) -> None:
    finish(full, start(full, "full_check"))
    job = finish(full, start(full, "full_check"))
    assert (job.estimate["items"], job.done) == (12, 12)
    assert (job.result["gone"], job.result["differing"], job.result["by_hand"]) == (0, 0, 0)
    assert (job.estimate["calls"], job.calls) == (3, 3)


def test_a_check_finds_what_was_deleted_moved_and_renamed_on_either_side(full: Bridge) -> None:
    finish(full, start(full, "full_check"))
    kept, moved, lost = synced(Kind.LEAD)
    note = next(one for one in synced(Kind.NOTE) if one.lane_key == moved.lane_key)
    client = crm_of(full)
    (lead,) = client.leads_by_ids([moved.foreign_id])
    client.lead_edit(lead.id, LeadChange(lead.expected_close_date, stage_id=full.connection.stages[2]["id"]))
    client.lead_delete(lost.foreign_id)
    client.activity_delete(note.foreign_id)
    with full.chatwoot.capture():
        full.chatwoot.update_contact(int(kept.lane_key.partition(":")[2]), name="Outra")
    job = finish(full, start(full, "full_check"))
    assert job.result["gone"] == 3  # the deleted opportunity took its note along
    assert job.result["by_hand"] == 1
    assert job.result["differing"] == 2
    day = ReconcileDay.objects.get()
    assert (day.gone, day.by_hand) == (3, 1)
    assert StageChangeLog.objects.filter(trigger_source="manual", krayin_lead_id=lead.id).count() == 1
    assert KrayinLead.objects.get(lead_id=lost.foreign_id).gone_at is not None
    assert ["Outra" in person["name"] for person in full.crm["persons"]].count(True) == 1


# Sending again --------------------------------------------------------------------------------------------------------


def test_notes_are_written_again_in_their_place_with_the_text_of_today(full: Bridge) -> None:
    assert all("quero marcar" in note["comment"] for note in full.crm["notes"])
    before = [note["id"] for note in full.crm["notes"]]
    Connection.objects.update(preset="summary")
    job = finish(full, start(full, "resend", what=["notes"], days=30))
    assert (job.estimate["notes"], job.result["notes"]) == (3, 3)
    notes = full.crm["notes"]
    assert [note["id"] for note in notes] == before
    assert not any("quero marcar" in note["comment"] for note in notes)


def test_titles_are_written_again_and_those_of_people_stay(full: Bridge) -> None:
    client, (by_hand, *_) = crm_of(full), synced(Kind.LEAD)
    (lead,) = client.leads_by_ids([by_hand.foreign_id])
    client.lead_edit(lead.id, LeadChange(lead.expected_close_date, title="Título da recepção"))
    Connection.objects.update(title_template="{nome} pela clínica")
    finish(full, start(full, "resend", what=["people"], days=30))
    titles = sorted(lead["title"] for lead in full.crm["leads"])
    assert len(titles) == 3
    assert titles.count("Título da recepção") == 1
    assert sum("pela clínica" in title for title in titles) == 2


def test_a_rule_made_later_moves_the_stages_that_it_reaches(full: Bridge) -> None:
    third = full.connection.stages[3]["id"]
    Connection.objects.update(stage_on_conversation_created=third)
    job = finish(full, start(full, "resend", what=["rules"], days=30))
    assert job.done == 3
    assert {lead["lead_pipeline_stage_id"] for lead in full.crm["leads"]} == {third}


def test_sending_again_twice_changes_nothing_more(full: Bridge) -> None:
    finish(full, start(full, "resend", what=["people", "notes", "rules"], days=30))
    crm = full.crm
    finish(full, start(full, "resend", what=["people", "notes", "rules"], days=30))
    assert full.crm["counts"] == crm["counts"]
    assert [lead["title"] for lead in full.crm["leads"]] == [lead["title"] for lead in crm["leads"]]


# Now ------------------------------------------------------------------------------------------------------------------


def test_a_conversation_nobody_told_of_is_taken_in_now(bridge: Bridge, capsys: Any) -> None:
    (number,) = write_to_clinic(bridge, [Someone(2000)])
    call_command("sync_now", connection=bridge.connection.pk, conversation=number)
    assert "Lido pela primeira vez" in capsys.readouterr().out
    bridge.settle()
    assert WebhookEvent.objects.get().arrived_by == "manual"
    assert bridge.crm["counts"]["notes"] == 1


def test_a_missed_message_comes_with_sync_now(full: Bridge) -> None:
    number = ObservedConversation.objects.first().chatwoot_conversation_id
    with full.chatwoot.capture():
        full.chatwoot.incoming(number, "Perdida")
    call_command("sync_now", connection=full.connection.pk, conversation=number)
    full.settle()
    assert sum("Perdida" in note["comment"] for note in full.crm["notes"]) == 1


def test_a_contact_is_read_again_now(full: Bridge) -> None:
    contact = ObservedContact.objects.first()
    with full.chatwoot.capture():
        full.chatwoot.update_contact(contact.chatwoot_contact_id, name="Nome Novo")
    call_command("sync_now", connection=full.connection.pk, contact=contact.chatwoot_contact_id)
    full.settle()
    assert sum(person["name"] == "Nome Novo" for person in full.crm["persons"]) == 1


def test_what_is_not_there_or_not_ours_is_refused_in_words(bridge: Bridge) -> None:
    with bridge.chatwoot.capture():
        other = bridge.chatwoot.new_person_writes("Fatura", name="Bia", phone_number="+5511900000022", inbox_id=15)
    for asked in ({"conversation": 98_765}, {"conversation": other.display_id}, {"contact": 98_765}):
        with pytest.raises(CommandError, match="Não há no Chatwoot"):
            call_command("sync_now", connection=bridge.connection.pk, **asked)
    assert not WebhookEvent.objects.exists()


def test_a_connection_that_is_off_reads_nothing(bridge: Bridge) -> None:
    Connection.objects.update(state="off")
    with pytest.raises(CommandError, match="Nada é lido"):
        call_command("sync_now", connection=bridge.connection.pk, contact=1)
    assert not WebhookEvent.objects.exists()
