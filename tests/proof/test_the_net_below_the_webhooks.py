"""A clinic of which no webhook ever arrives, records that vanish, and a database that comes back older (section 8)."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.apps import apps
from django.core.management import call_command
from django.db import connection as db
from django.db import transaction

from bridge.models import (
    Connection,
    Effect,
    EqualTitle,
    Krayin,
    ObservedContact,
    ReconcileDay,
    SyncedObject,
    WebhookEvent,
)
from bridge.reconcile import chatwoot, jobs, krayin
from bridge.sync.lanes import mark_dirty
from bridge.sync.partners import krayin_client
from tests.bridge.connected_clinic import Bridge
from tests.proof.story import Clock, happen, told

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MINUTES = 60 * 1_000_000


@pytest.fixture
def unheard(bridge: Bridge) -> Bridge:
    """A connection without public address: nothing arrives, everything is polled."""
    Connection.objects.update(polling_only=True)
    bridge.connection.refresh_from_db()
    return bridge


def poll_and_settle(bridge: Bridge) -> dict[str, int]:
    counts = jobs.poll_due()
    bridge.connection.refresh_from_db()
    for _ in range(2):
        bridge.settle()
    return counts


def transcript(bridge: Bridge) -> str:
    return "\n".join(note["comment"] for note in bridge.crm["notes"])


# Polling only ---------------------------------------------------------------------------------------------------------


def test_a_clinic_that_only_polls_has_everything_in_its_crm(unheard: Bridge) -> None:
    """Persons, opportunities, stages, transcripts with edits and deletions, new names: as webhooks would bring them."""
    with unheard.chatwoot.capture():
        for who in range(3):
            happen(unheard.chatwoot, Clock(), who)
    assert poll_and_settle(unheard)["brought"] == 6
    crm = unheard.crm
    assert sorted(p["name"] for p in crm["persons"]) == ["Rosa Prado 0", "Rosa Prado 1", "Rosa Prado 2"]
    assert [lead["stage_code"] for lead in crm["leads"]] == ["prospect"] * 3
    assert crm["counts"]["notes"] == 6
    said = transcript(unheard)
    assert said.count("Pode ser!") == 3
    assert said.count("[mensagem apagada]") == 3
    assert said.count("Preciso remarcar") == said.count("E sobre minha mãe") == 3
    assert "estacionamento" not in said
    assert "Só para a equipe" not in said
    assert set(WebhookEvent.objects.values_list("arrived_by", flat=True)) == {"poll"}
    assert set(Effect.objects.values_list("state", flat=True)) <= {"confirmed", "cancelled"}


def test_what_goes_on_afterwards_is_polled_too_and_quiet_polls_write_nothing(unheard: Bridge) -> None:
    bridge, chat = unheard, unheard.chatwoot
    with chat.capture():
        number = chat.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021").display_id
    poll_and_settle(bridge)
    with chat.capture():
        answer = chat.outgoing(number, "Terça às 9h")
        chat.incoming(number, "Combinado")
    poll_and_settle(bridge)
    assert "Combinado" in transcript(bridge)
    with chat.capture():
        chat.edit_message(answer.id, "Quarta às 9h")
        chat.set_status(number, "resolved")
    poll_and_settle(bridge)
    assert "Quarta às 9h" in transcript(bridge)
    assert "Terça" not in transcript(bridge)
    assert bridge.crm["leads"][0]["stage_code"] == "negotiation"
    before = writes(bridge)
    for _ in range(3):
        poll_and_settle(bridge)
    assert writes(bridge) == before


def writes(bridge: Bridge) -> dict[str, int]:
    return {kind: n for kind, n in bridge.crm["calls"]["by_kind"].items() if not kind.startswith("GET")}


# Gap rate -------------------------------------------------------------------------------------------------------------


def test_the_gap_rate_counts_what_webhooks_missed_and_nothing_else(bridge: Bridge) -> None:
    """Of five conversations that changed minutes ago two were never told; one is so young that it may still come."""
    chat = bridge.chatwoot
    for number in range(6):
        with chat.capture() as deliveries:
            row = chat.new_person_writes("Oi", name=f"Pessoa {number}", phone_number=f"+551190000005{number}")
        if number < 3:
            bridge.deliver(deliveries)
        if number < 5:
            chat.store.conversation(row.display_id, 3).updated_at -= 5 * MINUTES
    bridge.work()
    polled = chatwoot.poll(bridge.connection)
    assert (polled.listed, polled.brought, polled.missed) == (6, 3, 2)
    bridge.work()
    assert chatwoot.poll(Connection.objects.get()).missed == 0
    day = ReconcileDay.objects.get()
    assert (day.listed, day.missed) == (12, 2)
    assert bridge.crm["counts"]["persons"] == 6


# Vanished and doubled -------------------------------------------------------------------------------------------------


@pytest.fixture
def carried(bridge: Bridge) -> Bridge:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.settle()
    assert bridge.crm["counts"]["notes"] == 1
    return bridge


def delete_note(bridge: Bridge) -> None:
    client, _ = krayin_client(bridge.connection)
    client.activity_delete(bridge.crm["notes"][0]["id"])


def delete_lead(bridge: Bridge) -> None:
    client, _ = krayin_client(bridge.connection)
    client.lead_delete(bridge.crm["leads"][0]["id"])


def delete_person(bridge: Bridge) -> None:
    delete_lead(bridge)
    client, _ = krayin_client(bridge.connection)
    client.person_delete(bridge.crm["persons"][0]["id"])


@pytest.mark.parametrize(
    ("delete", "kinds"),
    [(delete_note, {"note"}), (delete_lead, {"lead", "note"}), (delete_person, {"person", "lead", "note"})],
)
def test_what_people_deleted_in_krayin_is_told_and_not_made_again(
    carried: Bridge, delete: Callable[[Bridge], None], kinds: set[str]
) -> None:
    """A deleted opportunity takes its notes along (contract Krayin 20.9)."""
    delete(carried)
    assert jobs.nightly()["records_gone"] == len(kinds)
    assert set(SyncedObject.objects.exclude(gone_at=None).values_list("kind", flat=True)) == kinds
    assert ReconcileDay.objects.get().gone == len(kinds)
    left = {name: carried.crm["counts"][name] for name in ("persons", "leads", "notes")}
    chat = carried.chatwoot
    with chat.capture() as deliveries:
        chat.incoming(1287, "Mais uma dúvida")
        chat.update_contact(4182, name="Ana Lima Souza")
        chat.set_status(1287, "resolved")
    carried.deliver(deliveries)
    for _ in range(3):
        carried.settle()
    assert {name: carried.crm["counts"][name] for name in left} == left
    assert jobs.nightly()["records_gone"] == 0


def test_a_contact_that_vanished_from_chatwoot_is_told_once_and_keeps_its_person(carried: Bridge) -> None:
    with carried.chatwoot.capture():
        carried.chatwoot.delete_contact(4182)
    assert jobs.nightly()["contacts_gone"] == 1
    assert jobs.nightly()["contacts_gone"] == 0
    assert ObservedContact.objects.get().gone_at is not None
    carried.settle()
    assert carried.crm["counts"]["persons"] == 1


def test_a_double_that_nobody_can_exclude_is_reported_with_both_numbers(carried: Bridge) -> None:
    """Krayin commits a request long after it was given up: the only way to a double (DESIGN section 6)."""
    own = carried.crm["leads"][0]
    double = {"title": own["title"].upper(), "lead_pipeline_stage_id": 1, "person": {"id": own["person_id"]}}
    made = post_lead(carried, double)
    assert jobs.poll_due()["failed"] == 0
    assert EqualTitle.objects.get().foreign_ids == [own["id"], made]
    krayin.watch_leads(carried.connection)
    assert EqualTitle.objects.count() == 1
    assert carried.crm["counts"]["leads"] == 2


def post_lead(bridge: Bridge, body: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {bridge.krayin.issue_token()}", "Accept": "application/json"}
    answer = requests.post(f"{bridge.krayin.url}/api/v1/leads", json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    number: int = answer.json()["data"]["id"]
    return number


# A restored database --------------------------------------------------------------------------------------------------


def tables() -> list[str]:
    configs = [apps.get_app_config(label) for label in ("consent", "bridge", "insights")]
    models = [model for config in configs for model in config.get_models(include_auto_created=True)]
    return sorted({model._meta.db_table for model in models if model._meta.managed})


@contextmanager
def brought_back() -> Iterator[None]:
    """After the block the database is what it was before it; the partners are not."""
    names = [f'"{name}"' for name in tables()]
    with db.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
        for number, name in enumerate(names):
            cursor.execute(f"CREATE TABLE kept.t{number} AS TABLE {name}")
    try:
        yield
    finally:
        with transaction.atomic(), db.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")
            for number, name in enumerate(names):
                cursor.execute(f"INSERT INTO {name} OVERRIDING SYSTEM VALUE TABLE kept.t{number}")
            cursor.execute("DROP SCHEMA kept CASCADE")


def what_people_see(crm: dict[str, Any]) -> dict[str, list[Any]]:
    """Records with their numbers. That a conversation now open was once resolved only the lost webhooks had told."""
    return {
        "persons": [(p["id"], p["name"], p["emails"], p["attributes"]) for p in crm["persons"]],
        "leads": [(lead["id"], lead["title"], lead["stage_code"], lead["attributes"]) for lead in crm["leads"]],
        "notes": [(n["id"], n["title"], re.sub(r"Resolvida em [^<]*<br>", "", n["comment"])) for n in crm["notes"]],
    }


def test_a_restored_database_makes_nothing_twice_and_catches_up(bridge: Bridge) -> None:
    """The backup knows one person; since then it got a note and a stage, and two more people came."""
    chat = bridge.chatwoot
    with chat.capture() as deliveries:
        chat.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    with brought_back():
        with chat.capture() as deliveries:
            chat.outgoing(1287, "Olá Ana")
            chat.set_status(1287, "resolved")
        bridge.deliver([*deliveries, *told(chat, Clock(), people=2)])
        for _ in range(3):
            bridge.settle()
        before = bridge.crm
        assert (before["counts"]["persons"], before["counts"]["leads"], before["counts"]["notes"]) == (3, 3, 5)
    assert SyncedObject.objects.count() == 2
    call_command("reconcile", "--after-restore")
    chatwoot.poll(Connection.objects.get(), since=Krayin.objects.get().restored_at - timedelta(days=7))
    mark_dirty(bridge.connection.pk, "c:4182")
    for _ in range(4):
        bridge.settle()
    assert what_people_see(bridge.crm) == what_people_see(before)
    assert SyncedObject.objects.count() == 3 + 3 + 5
    assert set(Effect.objects.values_list("state", flat=True)) <= {"confirmed", "cancelled"}
