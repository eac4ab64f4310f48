"""decide(): the one gate before personal data are written to a partner, sent, or given to a language model.

It reads the person's state afresh from the primary, applies the policy and stores the answer. It is asked in the claim
that acts, so that a withdrawal holds from its commit on (lgpd sections 2 and 4, DESIGN section 9).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery

from consent.holds.guardians import Minors
from consent.holds.legal import held_among
from consent.models import ConsentRecord, DataSubject, Decision, Reason, TextVersion
from consent.policy import (
    CONSENT_PURPOSES,
    CURRENT_POLICY,
    OF_LAW,
    POLICIES,
    Action,
    Category,
    Needs,
    Policy,
    Purpose,
    Rule,
)
from consent.suppression import suppressed


@dataclass(frozen=True)
class Question:
    """What is to be decided, the same for everybody asked about."""

    purpose: Purpose
    category: Category
    action: Action
    now: datetime
    connection_id: int | None = None
    switched_on: bool = False


def decide(
    subject: DataSubject,
    *,
    purpose: Purpose,
    category: Category,
    action: Action,
    now: datetime,
    connection_id: int | None = None,
    switched_on: bool = False,
) -> Decision:
    """Decide and store for one person; see `decide_many`."""
    answers = decide_many(
        [subject.pk],
        purpose=purpose,
        category=category,
        action=action,
        now=now,
        connection_id=connection_id,
        switched_on=switched_on,
    )
    return answers[subject.pk]


def decide_many(
    subject_ids: Iterable[UUID],
    *,
    purpose: Purpose,
    category: Category,
    action: Action,
    now: datetime,
    connection_id: int | None = None,
    switched_on: bool = False,
) -> dict[UUID, Decision]:
    """Decide and store for many people of any clinics: two queries, three where consent is needed or data are removed,
    and two more where one of those who must consent is a minor.

    switched_on is the connection's own setting for purposes that need one (message text). now is aware.
    Raises DataSubject.DoesNotExist when one of the people is unknown.
    """
    question = Question(purpose, category, action, now, connection_id, switched_on)
    wanted = set(subject_ids)
    subjects = DataSubject.objects.select_related("clinic").in_bulk(wanted)
    if len(subjects) != len(wanted):
        raise DataSubject.DoesNotExist(f"{len(wanted) - len(subjects)} of {len(wanted)} people are unknown")
    consents = newest_consents(subjects, question)
    obstacles = obstacles_of(subjects.values(), question)
    answers = [answer(subject, question, consents, obstacles) for subject in subjects.values()]
    return {decision.subject_id: decision for decision in Decision.objects.bulk_create(answers)}


# The newest act of each person and type of consent.
Consents = Mapping[tuple[UUID, str], ConsentRecord]


@dataclass(frozen=True)
class Obstacles:
    """What other tables say about the people asked about: read only where the question turns on it."""

    held: Collection[UUID] = frozenset()
    minors: Minors | None = None
    suppressed: Collection[UUID] = frozenset()


def obstacles_of(subjects: Collection[DataSubject], question: Question) -> Obstacles:
    if question.action == Action.ERASE:
        return Obstacles(held=held_among(subjects, question.category))
    if question.purpose in CONSENT_PURPOSES and any(subject.is_minor for subject in subjects):
        minors = Minors(subjects, {s.pk: policy_of(s) for s in subjects}, question.now)
        return Obstacles(minors=minors, suppressed=said_no(subjects, question))
    return Obstacles(suppressed=said_no(subjects, question))


def said_no(subjects: Collection[DataSubject], question: Question) -> set[UUID]:
    """Whoever is on the suppression list, asked before any marketing is sent (R04s)."""
    if question.purpose != Purpose.MARKETING or question.action != Action.SEND:
        return set()
    return suppressed([subject.pk for subject in subjects])


def answer(subject: DataSubject, question: Question, consents: Consents, obstacles: Obstacles) -> Decision:
    policy = policy_of(subject)
    rule = policy.rule(question.purpose)
    consent = consents.get((subject.pk, rule.consent_type))
    reason = (
        person_refusal(subject, question, consent, obstacles)
        or clinic_refusal(subject, question)
        or rule_refusal(rule, question, consent)
    )
    return Decision(
        subject=subject,
        connection_id=question.connection_id,
        purpose=question.purpose,
        category=question.category,
        action=question.action,
        allowed=reason is None,
        base=rule.base,
        policy_version=policy.version,
        reason=reason or Reason.ALLOWED,
        decided_at=question.now,
    )


def policy_of(subject: DataSubject) -> Policy:
    """The version the clinic confirmed; before that the shipped proposal, which only previews may use."""
    return POLICIES.get(subject.clinic.policy_version, POLICIES[CURRENT_POLICY])


def person_refusal(
    subject: DataSubject, question: Question, consent: ConsentRecord | None, obstacles: Obstacles
) -> Reason | None:
    """What stands in the way on the person's side, the strongest first.

    Nothing does where the law itself demands the act: an answer to the person's own request. Blocked data may still be
    removed; a hold stands in the way of removal only (lgpd sections 3.3 and 3.4).
    """
    removes = question.action == Action.ERASE
    if question.purpose in OF_LAW:
        return None
    if subject.erased_at is not None:
        return Reason.ERASED
    if subject.blocked_at is not None and not removes:
        return Reason.BLOCKED
    if removes and (subject.has_hold or subject.pk in obstacles.held):
        return Reason.HOLD
    if removes:
        return None
    if question.purpose in subject.opposed_purposes or subject.pk in obstacles.suppressed:
        return Reason.OPPOSED
    if subject.is_minor and obstacles.minors and not obstacles.minors.is_covered(subject, consent):
        return Reason.MINOR
    return None


def clinic_refusal(subject: DataSubject, question: Question) -> Reason | None:
    """Without a confirmed policy a connection can only show what it would write."""
    if question.purpose in OF_LAW or question.action in {Action.PREVIEW, Action.ERASE}:
        return None
    if subject.clinic.has_confirmed_policy:
        return None
    return Reason.POLICY_NOT_CONFIRMED


def rule_refusal(rule: Rule, question: Question, consent: ConsentRecord | None) -> Reason | None:
    if question.action == Action.ERASE:
        return None
    if rule.needs is Needs.REFUSED:
        return Reason.REFUSED
    if rule.needs is Needs.SWITCH and not question.switched_on:
        return Reason.SWITCHED_OFF
    if rule.needs is Needs.CONSENT and not is_valid(consent, rule, question.now):
        return Reason.NO_CONSENT
    return None


def is_valid(consent: ConsentRecord | None, rule: Rule, now: datetime) -> bool:
    """Tell whether the newest act is a consent that still runs, to a text that has not changed materially since."""
    if consent is None or consent.status != ConsentRecord.Status.GRANTED or consent.granted_at is None:
        return False
    changed_at = getattr(consent, "changed_at", None)
    if changed_at is not None and consent.granted_at < changed_at:
        return False
    return rule.consent_valid is None or now < consent.granted_at + rule.consent_valid


def newest_consents(subjects: Mapping[UUID, DataSubject], question: Question) -> Consents:
    """Each person's newest act of the types the purpose needs; no query where none is needed."""
    types = consent_types(subjects.values(), question.purpose)
    if not types:
        return {}
    acts = ConsentRecord.objects.filter(subject__in=list(subjects), consent_type__in=types)
    acts = acts.annotate(guardian_id=F("event__guardian_id"), changed_at=Subquery(changed_texts(question)))
    newest = acts.order_by("subject", "consent_type", "-created_at", "-pk").distinct("subject", "consent_type")
    return {(act.subject_id, act.consent_type): act for act in newest}


def changed_texts(question: Question) -> QuerySet[Any]:
    """When a text of the person's clinic last changed so that this purpose has to be asked anew (lgpd 4)."""
    rows = TextVersion.objects.filter(
        clinic=OuterRef("subject__clinic_id"),
        change=TextVersion.Change.MATERIAL,
        affected_purposes__contains=[question.purpose],
        valid_from__lte=question.now,
    )
    return rows.exclude(state=TextVersion.State.DRAFT).order_by("-valid_from").values("valid_from")[:1]


def consent_types(subjects: Collection[DataSubject], purpose: Purpose) -> set[str]:
    return {rule.consent_type for s in subjects if (rule := policy_of(s).rule(purpose)).consent_type}
