"""Against a simulated Krayin over HTTP: replaying anything changes nothing there; forcing makes one more, on purpose."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.jobs import control, groups, runner
from bridge.jobs.groups import DiscardReason, ForceReason
from bridge.models import ActivityKey, ActivityMapping, DeliveryKey, Effect, Lane, SyncedObject, SyncJob, WebhookEvent
from bridge.models.connections import LONG_AGO
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from tests.bridge.connected_clinic import Bridge, chatwoot, krayin, make_bridge

__all__ = ["chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

SYSTEM = Actor.system("test")


@pytest.fixture
def bridge(chatwoot: Any, krayin: Any, transactional_db: None) -> Bridge:
    """Two people, three conversations, edits and a resolution, all carried into the CRM."""
    made = make_bridge(chatwoot, krayin)
    with chatwoot.capture() as deliveries:
        first = chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        chatwoot.outgoing(first.display_id, "Olá Ana")
        other = chatwoot.new_person_writes("Oi", name="João Reis", email="joao.reis@exemplo.com.br")
        asked = chatwoot.incoming(other.display_id, "Quanto custa?")
        chatwoot.edit_message(asked.id, "Quanto custa a limpeza?")
        chatwoot.update_contact(other.contact_id, name="João Reis Prado")
        chatwoot.set_status(first.display_id, "resolved")
        chatwoot.start_conversation(first.contact_id, "Outra coisa")
    assert set(made.deliver(deliveries)) == {202}
    for _ in range(3):
        made.settle()
    return made


def outcome(bridge: Bridge) -> dict[str, Any]:
    """What the CRM holds; not how often it was asked."""
    crm = bridge.crm
    return {name: crm[name] for name in ("persons", "leads", "notes")}


def run(job: SyncJob) -> SyncJob:
    """Do the job to its end, working what it brings."""
    for _ in range(60):
        SyncJob.objects.update(not_before=LONG_AGO)
        if not runner.run_once():
            break
        Lane.objects.filter(run_at__isnull=False).update(run_at="2999-01-01T00:00Z")  # worked later, all together
    Lane.objects.filter(run_at__isnull=False).update(run_at="2001-01-01T00:00Z")
    job.refresh_from_db()
    assert job.state == "done"
    return job


def replay(bridge: Bridge, **filter: str) -> SyncJob:
    job = control.plan_job(bridge.connection, "replay", filter, actor=SYSTEM)
    control.confirm(job, actor=SYSTEM)
    return run(job)


def test_reading_every_event_once_more_changes_nothing(bridge: Bridge) -> None:
    before = outcome(bridge)
    events = WebhookEvent.objects.filter(status="observed").count()
    DeliveryKey.objects.all().delete()
    job = replay(bridge, what="read")
    assert (job.done, events > 8) == (events, True)
    for _ in range(3):
        bridge.settle()
    assert outcome(bridge) == before
    assert not WebhookEvent.objects.filter(status="received").exists()
    assert set(WebhookEvent.objects.filter(status="observed").values_list("arrived_by", flat=True)) == {"replay"}


def test_replaying_anything_in_any_order_changes_nothing(bridge: Bridge) -> None:
    before = outcome(bridge)

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(seed=st.integers(0, 2**32), share=st.floats(0.1, 1.0))
    def check(seed: int, share: float) -> None:
        dice = random.Random(seed)
        for event in list(WebhookEvent.objects.all()):
            if dice.random() > share:
                WebhookEvent.objects.filter(pk=event.pk, received_at=event.received_at).update(
                    status=dice.choice(["parked", "observed"])
                )
        # As if steps had been refused although Krayin holds what they wanted, and changes once more.
        for effect in list(Effect.objects.filter(kind__startswith="set_", state="confirmed")):
            if dice.random() < share / 2:
                Effect.objects.filter(pk=effect.pk).update(state="rejected", cause="KRAYIN_REJECTED")
        for what in dice.sample(["read", "stopped"], 2):
            replay(bridge, what=what)
            bridge.work()
        bridge.settle()
        assert outcome(bridge) == before

    check()


def test_going_on_with_a_refused_create_makes_it_once(bridge: Bridge) -> None:
    effect = Effect.objects.filter(kind="create_note", state="confirmed").first()
    assert effect is not None
    before = outcome(bridge)
    # The answer said no, but the note is known by now: going on must not write it a second time.
    Effect.objects.filter(pk=effect.pk).update(state="rejected", cause="KRAYIN_REJECTED")
    replay(bridge, what="stopped")
    bridge.settle()
    assert outcome(bridge) == before


def test_what_was_given_up_stays_away_whatever_arrives(bridge: Bridge) -> None:
    before = len(outcome(bridge)["leads"])
    with bridge.chatwoot.capture() as deliveries:
        chat = bridge.chatwoot.new_person_writes("Oi", name="Rita Melo", phone_number="+5511900000045")
    bridge.fault("refuse", method="POST", path="/leads", status=422, errors={"lead_type_id": ["x"]}, count=50)
    bridge.deliver(deliveries)
    bridge.settle()
    refused = Effect.objects.filter(state="rejected")
    assert refused.exists()
    for cause in set(refused.values_list("cause", flat=True)):
        groups.discard(bridge.connection, cause, DiscardReason.NOT_WANTED, actor=SYSTEM)
    bridge.krayin.faults.clear()
    with bridge.chatwoot.capture() as more:
        bridge.chatwoot.incoming(chat.display_id, "Alguém aí?")
    bridge.deliver(more)
    for _ in range(2):
        bridge.settle()
    assert list(Effect.objects.filter(state="discarded").values_list("kind", flat=True)) == ["create_person"]
    assert len(outcome(bridge)["leads"]) == before


def test_a_forced_note_is_written_once_more_and_known_by_its_new_number(bridge: Bridge) -> None:
    effect = Effect.objects.filter(kind="create_note", state="confirmed").order_by("created_at").first()
    assert effect is not None
    old = effect.foreign_id
    notes = len(outcome(bridge)["notes"])
    groups.force_again(effect, ForceReason.DELETED, actor=SYSTEM)
    for _ in range(2):
        bridge.settle()
    effect.refresh_from_db()
    assert (effect.state, effect.foreign_id != old) == ("confirmed", True)
    assert len(outcome(bridge)["notes"]) == notes + 1
    held = SyncedObject.objects.get(ref=effect.object_ref)
    assert (held.foreign_id, held.forgotten_at, held.seq > 1) == (effect.foreign_id, None, True)
    assert not ActivityMapping.objects.filter(krayin_activity_id=old).exists()
    assert ActivityMapping.objects.count() == ActivityKey.objects.count()


def test_a_forced_opportunity_that_is_still_there_is_found_and_not_doubled(bridge: Bridge) -> None:
    """Krayin keeps our reference unique: its refusal makes Ponte look, and the one that is there is taken again."""
    effect = Effect.objects.filter(kind="create_lead", state="confirmed").order_by("created_at").first()
    assert effect is not None
    before = outcome(bridge)
    groups.force_again(effect, ForceReason.NOT_THERE, actor=SYSTEM)
    for _ in range(4):
        bridge.settle()
    effect.refresh_from_db()
    assert effect.state == "confirmed"
    assert len(outcome(bridge)["leads"]) == len(before["leads"])
    assert SyncedObject.objects.get(ref=effect.object_ref).forgotten_at is None


def test_an_opportunity_that_was_deleted_by_mistake_is_made_again_when_forced(bridge: Bridge) -> None:
    held = SyncedObject.objects.filter(kind="lead").order_by("pk").first()
    assert held is not None
    effect = Effect.objects.get(object_ref=held.ref, kind="create_lead")
    before = len(outcome(bridge)["leads"])
    krayin_client(bridge.connection)[0].lead_delete(held.foreign_id)
    SyncedObject.objects.filter(pk=held.pk).update(gone_at="2026-01-01T00:00Z")
    replay(bridge, what="read")
    bridge.settle()
    assert len(outcome(bridge)["leads"]) == before - 1  # replaying never makes it again
    groups.force_again(effect, ForceReason.DELETED, actor=SYSTEM)
    for _ in range(3):
        bridge.settle()
    assert len(outcome(bridge)["leads"]) == before
    held.refresh_from_db()
    assert held.gone_at is None
