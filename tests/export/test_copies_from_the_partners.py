"""Chatwoot and Krayin over real HTTP: everything of the person, nothing of others, honest when one is away."""

import json
from typing import Any

import pytest
from exporting import exported, files_of

from bridge.models import CallBudget, ContactMapping, ObservedContact
from consent.encryption import Actor
from consent.export import job
from consent.export.control import ask
from consent.models import DataSubject, ExportPackage
from tests.bridge.connected_clinic import PLENTY, Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ANA, PHONE = "Ana Lima", "+5511900000021"


@pytest.fixture
def ana(bridge: Bridge) -> ObservedContact:
    """Wrote, was answered, got an internal note about her; a person, an opportunity and notes in the CRM."""
    with bridge.chatwoot.capture() as deliveries:
        talk = bridge.chatwoot.new_person_writes("Bom dia <b>oi</b>", name=ANA, phone_number=PHONE)
        picture = bridge.chatwoot.attachment("laudo.pdf", "application/pdf")
        bridge.chatwoot.incoming(talk.display_id, "Segue o laudo", attachments=[picture])
        bridge.chatwoot.outgoing(talk.display_id, "Olá Ana, ligue (11) 3333-4444")
        bridge.chatwoot.private_note(talk.display_id, "cliente difícil")
    bridge.deliver(deliveries)
    bridge.settle()
    CallBudget.objects.update(**PLENTY)
    return ObservedContact.objects.get(connection=bridge.connection)


def test_the_copy_holds_what_both_partners_keep_and_its_counts_agree(bridge: Bridge, ana: ObservedContact) -> None:
    row = exported(ana)
    files = files_of(row)
    talks = [json.loads(files[path]) for path in files if path.startswith("data/conversations/")]
    by_system = {one["conversation"]["system"].partition(" ")[0]: one["messages"] for one in talks}
    assert (row.state, row.is_complete, row.cause) == ("ready", True, "")
    assert [one["status"] for one in row.systems] == ["ok"] * 5
    assert "Segue o laudo" in [one["text"] for one in by_system["Chatwoot"]]
    assert "cliente difícil" not in b"".join(files.values()).decode("utf-8", "replace")
    leads = json.loads(files["data/crm/leads.json"])
    assert [one["id"] for one in leads] == [ContactMapping.objects.get().krayin_lead_id]
    notes = json.loads(files["data/crm/activities.json"])
    assert any("Bom dia <b>oi</b>" in (one["text"] or "") for one in notes)
    told = {what: count for what, _why, count in row.exclusions}
    assert told["internal_note"] == 1
    assert told["attachment"] == 1
    assert row.has_health


def test_a_crm_that_does_not_answer_makes_the_copy_incomplete(bridge: Bridge, ana: ObservedContact) -> None:
    bridge.fault("down", count=10_000)
    row = ask(ana.subject, protocol="2026-1", rights=["T02"], actor=Actor.system("test"))
    for _try in range(3 * job.TRIES):
        ExportPackage.objects.filter(pk=row.pk).update(not_before="2001-01-01T00:00Z")
        job.run_once()
    row.refresh_from_db()
    away = [one["name"] for one in row.systems if one["status"] == "away"]
    assert (row.state, row.is_complete) == ("ready", False)
    assert [name.partition(" ")[0] for name in away] == ["Krayin"]


def test_of_a_person_shared_with_somebody_else_only_the_own_opportunities_are_told(
    bridge: Bridge, ana: ObservedContact
) -> None:
    mine = ContactMapping.objects.get()
    ContactMapping.objects.create(
        connection=bridge.connection, chatwoot_contact_id=999_001, krayin_person_id=mine.krayin_person_id,
        krayin_lead_id=99_001,
    )  # fmt: skip
    row = exported(ana)
    files: dict[str, Any] = files_of(row)
    assert [one["id"] for one in json.loads(files["data/crm/leads.json"])] == [mine.krayin_lead_id]
    contacts = json.loads(files["data/contacts.json"])
    assert not [one for one in contacts if one["system"].startswith("Krayin")]


def test_the_export_waits_for_live_traffic_instead_of_taking_its_calls(bridge: Bridge, ana: ObservedContact) -> None:
    CallBudget.objects.filter(krayinuser__isnull=False).update(capacity=10, refill_per_minute=1, tokens=4)
    before = bridge.calls()
    row = ask(DataSubject.objects.get(), protocol="2026-2", rights=["T03"], actor=Actor.system("test"))
    job.run_once()
    row.refresh_from_db()
    assert row.state in ("waiting", "collecting")
    assert row.errors_in_a_row == 0
    assert bridge.calls() == before
