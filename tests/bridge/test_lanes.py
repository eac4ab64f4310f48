"""Leases, fencing, fairness; many workers and one truth (DESIGN section 4)."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from connected_clinic import Bridge, make_bridge
from django.db import connection as db
from django.utils import timezone

from bridge.models import Connection, Effect, Lane, WebhookEvent
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.lanes import Claims, LeaseLost, mark_dirty

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_wake_up_during_the_work_is_not_lost(bridge: Bridge) -> None:
    mark_dirty(bridge.connection.pk, "c:1")
    claim = Claims().take()[0]
    mark_dirty(bridge.connection.pk, "c:1")
    claim.finish(next_at=None)
    assert [c.lane_key for c in Claims().take()] == ["c:1"]


def test_a_finished_lane_rests_until_its_next_time(bridge: Bridge) -> None:
    mark_dirty(bridge.connection.pk, "c:1")
    later = timezone.now() + timedelta(hours=1)
    Claims().take()[0].finish(next_at=later)
    assert Claims().take() == []
    assert Lane.objects.get().run_at == later


def test_a_worker_that_slept_through_its_lease_changes_nothing(bridge: Bridge) -> None:
    mark_dirty(bridge.connection.pk, "c:1")
    slow = Claims().take()[0]
    Lane.objects.update(run_at=timezone.now() - timedelta(seconds=1))
    quick = Claims().take()[0]
    assert quick.token == slow.token + 1
    with pytest.raises(LeaseLost):
        slow.hold()
    assert slow.finish(next_at=None) is False
    assert quick.finish(next_at=None) is True


def test_a_claimed_lane_is_nobody_elses(bridge: Bridge) -> None:
    mark_dirty(bridge.connection.pk, "c:1")
    assert len(Claims().take()) == 1
    assert Claims().take() == []


def test_a_busy_clinic_gets_two_lanes_of_a_claim(
    bridge: Bridge, chatwoot: ChatwootSandbox, krayin: SandboxKrayin
) -> None:
    other = Connection.objects.get(pk=bridge.connection.pk)
    other.pk, other.public_id, other.ref_code, other.name = None, "other", "zzzzzz", "Outra"
    other.save(force_insert=True)
    for number in range(20):
        mark_dirty(bridge.connection.pk, f"c:{number}")
    mark_dirty(other.pk, "c:1")
    taken = [c.connection_id for c in Claims().take()]
    assert taken.count(bridge.connection.pk) == 2
    assert taken.count(other.pk) == 1


@pytest.mark.parametrize("state", ["draft", "paused", "off"])
def test_lanes_of_a_connection_that_does_not_write_are_left_alone(bridge: Bridge, state: str) -> None:
    mark_dirty(bridge.connection.pk, "c:1")
    Connection.objects.update(state=state)
    assert Claims().take() == []


def test_a_paused_connection_keeps_what_comes_and_goes_on_later(bridge: Bridge) -> None:
    Connection.objects.update(state="paused")
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    assert set(bridge.deliver(deliveries)) == {202}
    bridge.work()
    assert bridge.crm["counts"]["persons"] == 0
    Connection.objects.update(state="active")
    bridge.settle()
    assert bridge.crm["counts"]["notes"] == 1


def test_a_shadow_connection_plans_and_writes_nothing(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, state="shadow", policy_confirmed_by="")
    before = bridge.calls()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    assert bridge.calls() == before
    assert set(Effect.objects.values_list("kind", "state")) == {("create_person", "shadow"), ("create_lead", "shadow")}


def test_a_shadow_that_becomes_active_writes_what_it_planned(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    bridge = make_bridge(chatwoot, krayin, state="shadow")
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    Connection.objects.update(state="active")
    mark_dirty(bridge.connection.pk, Lane.objects.get().lane_key)
    bridge.work()
    assert bridge.crm["counts"]["leads"] == 1
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}


def test_forgetting_every_delivery_and_replaying_every_body_changes_nothing(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(conversation.display_id, "Olá")
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
    bridge.deliver(deliveries)
    bridge.settle()
    before, calls = bridge.crm, bridge.calls()
    with db.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_keys")
    assert set(bridge.deliver(deliveries)) == {202}
    bridge.settle()
    after = bridge.crm
    assert [after[kind] for kind in ("persons", "leads", "notes")] == [
        before[kind] for kind in ("persons", "leads", "notes")
    ]
    assert bridge.calls() == calls


WORKER = """
import django; django.setup()
from bridge.sync.worker import Worker
Worker().run_until_idle()
"""


def test_several_worker_processes_make_everything_exactly_once(bridge: Bridge) -> None:
    """The children use the test database by its name, as any other host would."""
    with bridge.chatwoot.capture() as deliveries:
        for number in range(12):
            conversation = bridge.chatwoot.new_person_writes(
                "Bom dia", name=f"Pessoa {number}", phone_number=f"+55119000001{number:02}"
            )
            bridge.chatwoot.set_status(conversation.display_id, "resolved")
    assert set(bridge.deliver(deliveries)) == {202}
    name = db.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{name}"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    workers = [subprocess.Popen([sys.executable, "-c", WORKER], env=environment) for _ in range(3)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    bridge.settle()
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (12, 12, 12)
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}
    assert not WebhookEvent.objects.filter(status__in=["received", "parked"]).exists()
