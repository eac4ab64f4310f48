"""Krayin's webhooks are hints: our own cost nothing, a person's at the same moment is not taken for ours."""

from urllib.parse import urlencode

import pytest

from bridge.models import Effect, IntakeCounter, KrayinHint, Lane, SyncedObject, WebhookEvent
from tests.back.both_sides import BothSides, hints

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def hint(both: BothSides, ref: str, event: str = "lead.update.after", key: str = "bridge_ref") -> str:
    hooks = both.bridge.krayin.state()["webhooks"]
    token = next(h["value"] for h in hooks[0]["headers"] if h["key"] == "X-Bridge-Token")
    answer = both.bridge.http.generic(
        "POST",
        f"/webhooks/krayin/{both.connection.public_id}/",
        urlencode({"event": event, key: ref}),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Bridge-Token": token},
    )
    assert answer.status_code == 202
    return str(answer.json()["status"])


def lead_ref() -> str:
    return SyncedObject.objects.get(kind="lead").ref


def test_a_call_of_ours_that_krayin_tells_us_about_costs_nothing(both: BothSides) -> None:
    both.set(stage_progression_enabled=True, stage_on_conversation_resolved=4)
    conversation = both.bridge.chatwoot.store.conversations_of(both.contact_id)[0]
    both.bridge.chatwoot.set_status(conversation.display_id, "resolved")
    with both.counted() as calls:
        both.settle()
    assert both.lead["lead_pipeline_stage_id"] == 4
    assert calls.krayin == 2  # read and write of the stage; the webhook inside the write is absorbed
    assert Effect.objects.get(kind="set_stage").absorbed
    assert IntakeCounter.objects.get(reason="hint_own").count == 1
    assert both.attributes["crm_stage"] == "Negotiation"


def test_a_second_call_during_our_own_is_somebody_elses_and_is_read(both: BothSides) -> None:
    effect = Effect.objects.get(kind="create_lead")
    Effect.objects.filter(pk=effect.pk).update(state="sent", absorbed=False)
    assert hint(both, lead_ref()) == "ignored"
    assert hints() == 0
    assert hint(both, lead_ref()) == "accepted"
    assert hints() == 1


def test_hints_coalesce_and_mark_their_lane(both: BothSides) -> None:
    Lane.objects.update(run_at=None)
    for _ in range(3):
        hint(both, lead_ref())
    assert hints() == 1
    assert Lane.objects.get(lane_key=f"c:{both.contact_id}").run_at is not None
    with both.counted() as calls:
        both.settle()
    assert calls.krayin == 1
    assert hints() == 0


def test_a_hint_about_an_unknown_record_is_counted_and_nothing_follows(both: BothSides) -> None:
    events = WebhookEvent.objects.count()
    assert hint(both, "ponte-nobody-c1-l1") == "ignored"
    assert hints() == 0
    assert WebhookEvent.objects.count() == events
    assert IntakeCounter.objects.get(reason="hint_unknown").count == 1


def test_a_deletion_is_read_a_moment_after_it_was_announced(both: BothSides) -> None:
    hint(both, lead_ref(), event="lead.delete.before")
    row = KrayinHint.objects.get()
    assert (row.not_before - row.at).total_seconds() == 10
    hint(both, lead_ref())
    assert KrayinHint.objects.get().not_before == row.not_before
    with both.counted() as calls:
        both.look_again()
    assert (calls.krayin, hints()) == (0, 1)


def test_a_hint_that_comes_while_its_record_is_read_stays(both: BothSides) -> None:
    hint(both, lead_ref())
    KrayinHint.objects.update(at="2100-01-01T00:00Z")
    with both.counted() as calls:
        both.look_again()
    assert (calls.krayin, hints()) == (1, 1)
