"""The gate: who may be written about, to and for what; every answer is stored with base and policy."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError

from consent.decisions import decide, decide_many
from consent.models import Clinic, ConsentRecord, DataSubject, Decision
from consent.policy import (
    CURRENT_POLICY,
    OF_LAW,
    POLICIES,
    POLICY_PURPOSES,
    Action,
    Category,
    Needs,
    Purpose,
    is_base_for_sensitive_data,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 22, 40, tzinfo=UTC)


@pytest.fixture
def clinic(make_clinic: Callable[..., Clinic]) -> Clinic:
    return make_clinic(policy_version="1", policy_confirmed_at=NOW)


def ask(subject: DataSubject, purpose: Purpose, action: Action = Action.PUSH, **more: Any) -> str:
    return decide(subject, purpose=purpose, category=Category.LEAD, action=action, now=NOW, **more).reason


def consent(subject: DataSubject, kind: str = "marketing", *, at: datetime = NOW, **more: Any) -> None:
    ConsentRecord.objects.create(
        subject=subject,
        consent_type=kind,
        consent_text="Aceito receber novidades.",
        consent_version="1",
        **{"status": "granted", "granted_at": at, **more},
    )


# What the policy says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "more", "reason", "base"),
    [
        (Purpose.CARE_CONTACT, {}, "allowed", "A11-II-f"),
        (Purpose.CONVERSATION_SUMMARY, {}, "allowed", "A11-II-f"),
        (Purpose.MESSAGE_TEXT, {}, "switched_off", "A11-II-f"),
        (Purpose.MESSAGE_TEXT, {"switched_on": True}, "allowed", "A11-II-f"),
        (Purpose.MARKETING, {}, "no_consent", "A11-I"),
        (Purpose.LANGUAGE_MODEL, {}, "no_consent", "A11-I"),
        (Purpose.SHARING, {"switched_on": True}, "refused", "A11-I"),
    ],
)
def test_the_shipped_policy(
    make_subject: Callable[..., DataSubject], purpose: Purpose, more: dict[str, bool], reason: str, base: str
) -> None:
    decision = decide(
        make_subject(), purpose=purpose, category=Category.LEAD, action=Action.PUSH, now=NOW, connection_id=7, **more
    )
    stored = Decision.objects.get(pk=decision.pk)
    assert (stored.allowed, stored.reason, stored.base) == (reason == "allowed", reason, base)
    assert (stored.policy_version, stored.connection_id, stored.decided_at) == ("1", 7, NOW)


def test_every_shipped_rule_stands_on_a_base_for_sensitive_data() -> None:
    for policy in POLICIES.values():
        assert set(policy.rules) == set(POLICY_PURPOSES)
        assert not set(policy.rules) & set(OF_LAW)
        for rule in (*policy.rules.values(), *OF_LAW.values()):
            assert is_base_for_sensitive_data(rule.base)
            assert (rule.needs is Needs.CONSENT) == bool(rule.consent_type)


@pytest.mark.parametrize("base", ["A7-V", "A7-IX", "A7-X", "A7-I", ""])
def test_article_7_bases_do_not_carry_sensitive_data(base: str) -> None:
    assert not is_base_for_sensitive_data(base)


# The person comes first -----------------------------------------------------------------------------------------------

BLOCKED = {"blocked_at": NOW}
CARE, MARKETING = Purpose.CARE_CONTACT, Purpose.MARKETING


@pytest.mark.parametrize(
    ("state", "purpose", "action", "reason"),
    [
        (BLOCKED, CARE, Action.PUSH, "blocked"),
        (BLOCKED, CARE, Action.PREVIEW, "blocked"),
        (BLOCKED, CARE, Action.SEND, "blocked"),
        (BLOCKED, CARE, Action.ERASE, "allowed"),
        ({"has_hold": True}, CARE, Action.PUSH, "allowed"),
        ({"has_hold": True}, CARE, Action.ERASE, "hold"),
        ({"has_hold": True, **BLOCKED}, CARE, Action.ERASE, "hold"),
        ({"opposed_purposes": ["care_contact"]}, CARE, Action.PUSH, "opposed"),
        ({"opposed_purposes": ["marketing"]}, CARE, Action.PUSH, "allowed"),
        ({"opposed_purposes": ["marketing"]}, MARKETING, Action.SEND, "opposed"),
        ({"is_minor": True}, CARE, Action.PUSH, "allowed"),
        ({"is_minor": True}, Purpose.CONVERSATION_SUMMARY, Action.PUSH, "allowed"),
        ({"is_minor": True}, MARKETING, Action.SEND, "minor"),
        ({"is_minor": True}, Purpose.LANGUAGE_MODEL, Action.MODEL, "minor"),
        ({"erased_at": NOW}, CARE, Action.PUSH, "erased"),
        ({"erased_at": NOW}, CARE, Action.ERASE, "erased"),
        ({"erased_at": NOW, **BLOCKED}, CARE, Action.PUSH, "erased"),
    ],
)
def test_the_persons_state_decides_first(
    make_subject: Callable[..., DataSubject], state: dict[str, Any], purpose: Purpose, action: Action, reason: str
) -> None:
    subject = make_subject(**state)
    consent(subject)
    assert ask(subject, purpose, action) == reason


def test_the_gate_reads_the_state_of_now_not_of_the_object_at_hand(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    DataSubject.objects.filter(pk=subject.pk).update(blocked_at=NOW)
    assert subject.blocked_at is None
    assert ask(subject, CARE) == "blocked"


# The clinic -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Action.PREVIEW, "allowed"),
        (Action.PUSH, "policy_not_confirmed"),
        (Action.SEND, "policy_not_confirmed"),
        (Action.MODEL, "policy_not_confirmed"),
    ],
)
def test_without_a_confirmed_policy_a_clinic_can_only_preview(
    make_subject: Callable[..., DataSubject], other_clinic: Clinic, action: Action, reason: str
) -> None:
    subject = make_subject(clinic=other_clinic)
    assert ask(subject, CARE, action) == reason
    assert Decision.objects.get(subject=subject).policy_version == CURRENT_POLICY


def test_a_confirmed_version_that_is_not_shipped_counts_as_none(
    make_subject: Callable[..., DataSubject], clinic: Clinic
) -> None:
    Clinic.objects.filter(pk=clinic.pk).update(policy_version="99")
    assert ask(make_subject(), CARE) == "policy_not_confirmed"


def test_confirming_opens_the_gate(
    make_subject: Callable[..., DataSubject], other_clinic: Clinic, make_user: Callable[..., Any]
) -> None:
    subject = make_subject(clinic=other_clinic)
    other_clinic.confirm_policy(by=make_user(), now=NOW)
    assert ask(subject, CARE) == "allowed"


# Consent --------------------------------------------------------------------------------------------------------------


def test_a_valid_consent_allows_its_purpose_and_no_other(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    consent(subject, "marketing")
    assert ask(subject, MARKETING, Action.SEND) == "allowed"
    assert ask(subject, Purpose.LANGUAGE_MODEL, Action.MODEL) == "no_consent"
    assert ask(make_subject(), MARKETING, Action.SEND) == "no_consent"


def test_a_withdrawal_holds_from_its_commit_on_and_a_new_consent_lifts_it(
    make_subject: Callable[..., DataSubject],
) -> None:
    subject = make_subject()
    consent(subject)
    consent(subject, status="withdrawn", granted_at=None, withdrawn_at=NOW)
    assert ask(subject, MARKETING, Action.SEND) == "no_consent"
    consent(subject)
    assert ask(subject, MARKETING, Action.SEND) == "allowed"
    consent(subject, status="denied", granted_at=None)
    assert ask(subject, MARKETING, Action.SEND) == "no_consent"


@pytest.mark.parametrize(("age", "reason"), [(timedelta(days=729), "allowed"), (timedelta(days=730), "no_consent")])
def test_a_marketing_consent_runs_out(make_subject: Callable[..., DataSubject], age: timedelta, reason: str) -> None:
    subject = make_subject()
    consent(subject, at=NOW - age)
    assert ask(subject, MARKETING, Action.SEND) == reason


def test_withdrawing_marketing_never_touches_care(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    consent(subject, status="withdrawn", granted_at=None, withdrawn_at=NOW)
    assert ask(subject, CARE) == "allowed"


# Many at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("purpose", "queries"), [(CARE, 2), (MARKETING, 3)])
def test_many_are_decided_with_a_fixed_number_of_queries(
    make_subject: Callable[..., DataSubject],
    django_assert_num_queries: Callable[..., Any],
    purpose: Purpose,
    queries: int,
) -> None:
    subjects = [make_subject() for _ in range(20)] + [make_subject(blocked_at=NOW)]
    consent(subjects[0])
    ids = [subject.pk for subject in subjects]
    with django_assert_num_queries(queries):
        answers = decide_many(ids, purpose=purpose, category=Category.LEAD, action=Action.PUSH, now=NOW)
    assert set(answers) == set(ids)
    assert answers[ids[0]].allowed
    assert answers[ids[-1]].reason == "blocked"
    assert Decision.objects.count() == len(ids)
    assert all(decision.pk for decision in answers.values())


def test_nobody_is_decided_without_a_query_for_consent_or_rows() -> None:
    assert decide_many([], purpose=MARKETING, category=Category.LEAD, action=Action.PUSH, now=NOW) == {}
    assert not Decision.objects.exists()


def test_an_unknown_person_is_an_error_and_stores_nothing(make_subject: Callable[..., DataSubject]) -> None:
    with pytest.raises(DataSubject.DoesNotExist, match="1 of 2"):
        decide_many([make_subject().pk, uuid4()], purpose=CARE, category=Category.LEAD, action=Action.PUSH, now=NOW)
    assert not Decision.objects.exists()


def test_the_database_refuses_an_allowed_decision_with_a_reason_against_it(
    make_subject: Callable[..., DataSubject],
) -> None:
    decision = decide(make_subject(), purpose=CARE, category=Category.LEAD, action=Action.PUSH, now=NOW)
    with pytest.raises(IntegrityError, match="chk_decisions_allowed"):
        Decision.objects.filter(pk=decision.pk).update(reason="blocked")


def test_who_asks_is_answered_though_blocked_erased_or_without_a_confirmed_policy(
    make_clinic: Callable[..., Clinic],
) -> None:
    subject = DataSubject.objects.create(clinic=make_clinic(), blocked_at=NOW, erased_at=NOW)
    decision = decide(subject, purpose=Purpose.REQUESTS, category=Category.ADMINISTRATIVE, action=Action.SEND, now=NOW)
    assert (decision.allowed, decision.base) == (True, "A11-II-a")
