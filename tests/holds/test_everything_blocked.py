"""Blocking and opposition: the data stay, nothing uses them (Art. 5 XIII, 18 §2; acceptance check 3)."""

import pytest
from factories import user

from audit.models import AuditLog
from bridge.models import Effect
from consent.decisions import decide
from consent.encryption import Actor, RevealDenied, reveal
from consent.holds import (
    HeldBack,
    Refused,
    assert_removable,
    block,
    block_instead,
    oppose,
    unblock,
    withdraw_opposition,
)
from consent.models import Clinic, ConsentRecord, ContactPoint, DataSubject, Restriction, TextKind
from consent.policy import POLICY_PURPOSES, Action, Category, Purpose, PurposeOfUse
from consent.roles import Role
from consent.texts import refusal_kind, serve, text_in_force
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.holds.kept_people import DAY, NOW, dpo_of, held, person, sunny
from tests.texts.shown_texts import approved

__all__ = ["bridge", "chatwoot", "krayin"]
pytestmark = pytest.mark.django_db(databases=["default", "audit"])


@pytest.fixture
def sol() -> Clinic:
    return sunny()


def staff(of: Clinic) -> Actor:
    return Actor.staff(dpo_of(of))


def reasons(of: DataSubject) -> set[str]:
    """What the gate says to every use there is, with a consent to everything that can be consented to."""
    answers = [
        decide(of, purpose=purpose, category=category, action=action, now=NOW, switched_on=True).reason
        for purpose in POLICY_PURPOSES
        for category in Category
        for action in set(Action) - {Action.ERASE}
    ]
    return set(answers)


def test_nothing_at_all_is_done_with_a_blocked_persons_data(sol: Clinic) -> None:
    anna = person(sol)
    for kind in ("marketing", "language_model"):
        ConsentRecord.objects.create(
            subject=anna,
            consent_type=kind,
            status="granted",
            granted_at=NOW,
            consent_text="Aceito.",
            consent_version="1",
        )
    assert "allowed" in reasons(anna)
    block(anna, by=staff(sol), reason="request", now=NOW)
    assert reasons(anna) == {"blocked"}


def test_what_is_due_for_removal_and_held_is_blocked_instead_and_the_person_can_be_told(sol: Clinic) -> None:
    anna, other = person(sol), user(Role.CLINIC_MANAGER, sol)
    held(anna)
    before = list(ContactPoint.objects.filter(subject=anna).values_list("pk", "value", "blind"))
    with pytest.raises(HeldBack) as refused:
        assert_removable(anna)
    block_instead(anna, by=Actor.system("erasure"), now=NOW)
    anna.refresh_from_db()
    assert (anna.blocked_at, anna.erased_at) == (NOW, None)
    assert reasons(anna) == {"blocked"}
    assert list(ContactPoint.objects.filter(subject=anna).values_list("pk", "value", "blind")) == before
    point = ContactPoint.objects.get(subject=anna)
    with pytest.raises(RevealDenied, match="blocked"):
        reveal(
            point.value, subject=anna.pk, context=point.value_context, actor=Actor.staff(other),
            purpose=PurposeOfUse.CARE,
        )  # fmt: skip
    approved(sol, refusal_kind("HOLD"), body="Protocolo {protocolo}: há uma ordem. {motivo}")
    told = serve(
        text_in_force(sol, TextKind.REFUSAL_HOLD, now=NOW), anna, channel="chat", now=NOW,
        values={"protocolo": "2026-7", "motivo": ", ".join(refused.value.kinds)},
    )  # fmt: skip
    assert "2026-7" in told.shown
    assert "0001234-55" not in told.shown, "the kind is told, never the case"


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_blocked_person_who_writes_reaches_no_crm(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        talk = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.settle()
    anna, calls = DataSubject.objects.get(), bridge.calls()
    assert calls
    block(anna, by=Actor.system("tests"), reason="erasure", now=NOW)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.writes_again(talk.contact_id, "Ainda aí?")
    bridge.deliver(deliveries)
    bridge.settle()
    assert bridge.calls() == calls
    assert not Effect.objects.filter(state__in=["intended", "sent"]).exists()


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_under_a_hold_a_new_telephone_does_not_remove_the_old_one(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        talk = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.settle()
    held(DataSubject.objects.get())
    old = ContactPoint.objects.get().mask
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(talk.contact_id, phone_number="+5511900000099")
    bridge.deliver(deliveries)
    bridge.settle()
    masks = set(ContactPoint.objects.values_list("mask", flat=True))
    assert old in masks
    assert len(masks) == 2


# The rows agree with what the gate reads ------------------------------------------------------------------------------


def test_a_person_is_free_when_the_last_reason_is_lifted(sol: Clinic) -> None:
    anna, dpo = person(sol), staff(sol)
    block(anna, by=dpo, reason="request", now=NOW)
    block(anna, by=dpo, reason="request", now=NOW + DAY)
    block(anna, by=dpo, reason="incident", now=NOW + DAY)
    assert not unblock(anna, by=dpo, reason="request", now=NOW + 2 * DAY)
    anna.refresh_from_db()
    assert anna.blocked_at == NOW + DAY
    assert unblock(anna, by=dpo, reason="incident", now=NOW + 2 * DAY)
    anna.refresh_from_db()
    assert anna.blocked_at is None
    assert Restriction.objects.filter(ended_at__isnull=False).count() == 2
    with pytest.raises(Refused, match="not_begun"):
        unblock(anna, by=dpo, reason="incident", now=NOW + 2 * DAY)


def test_opposition_stops_one_purpose_and_outlives_a_blocking(sol: Clinic) -> None:
    anna, dpo = person(sol), staff(sol)

    def gate(purpose: Purpose) -> str:
        return decide(anna, purpose=purpose, category=Category.LEAD, action=Action.PUSH, now=NOW).reason

    oppose(anna, "conversation_summary", by=dpo, now=NOW)
    assert (gate(Purpose.CONVERSATION_SUMMARY), gate(Purpose.CARE_CONTACT)) == ("opposed", "allowed")
    block(anna, by=dpo, reason="dpo", now=NOW)
    unblock(anna, by=dpo, reason="dpo", now=NOW)
    assert gate(Purpose.CONVERSATION_SUMMARY) == "opposed"
    withdraw_opposition(anna, "conversation_summary", by=dpo, now=NOW)
    assert gate(Purpose.CONVERSATION_SUMMARY) == "allowed"


def test_only_the_dpo_blocks_and_everything_is_on_record(sol: Clinic) -> None:
    anna, manager = person(sol), Actor.staff(user(Role.CLINIC_MANAGER, sol))
    with pytest.raises(Refused, match="not_permitted"):
        block(anna, by=manager, reason="dpo", now=NOW)
    with pytest.raises(Refused, match="not_permitted"):
        oppose(anna, "marketing", by=manager, now=NOW)
    block(anna, by=Actor.system("retention"), reason="legal_minimum", now=NOW)
    refused = AuditLog.objects.using("audit").filter(subject=anna.pseudonym).order_by("pk")
    assert [(row.action, row.outcome, row.reason_code) for row in refused] == [
        ("block.begin", "denied", "not_permitted"),
        ("oppose.begin", "denied", "not_permitted"),
    ]
    done = AuditLog.objects.get(subject=anna.pseudonym)
    assert (done.action, done.outcome, done.reason_code) == ("block.begin", "ok", "legal_minimum")


def test_an_erased_person_is_not_blocked_any_more(sol: Clinic) -> None:
    anna = person(sol, subject={"erased_at": NOW})
    with pytest.raises(Refused, match="erased"):
        block(anna, by=staff(sol), reason="dpo", now=NOW)
