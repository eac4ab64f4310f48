"""What a person's acts come to: the present state of a purpose, whether it allows, whether it may be asked.

Only `given` and `renewed`, inside validity, on a text that has not changed materially since, allow (lgpd 4).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from consent.consents.errors import NotAskedHere
from consent.consents.guardians import needs_guardian
from consent.consents.periods import Periods, periods_of
from consent.decisions import policy_of
from consent.models import ConsentEvent, ConsentRecord, DataSubject, TextKind, TextVersion
from consent.policy import Needs, Purpose, Rule
from consent.suppression import suppressed
from consent.texts import NoTextInForce, text_in_force

State = ConsentEvent.State
YES = frozenset({State.GIVEN, State.RENEWED})
NO = frozenset({State.REFUSED, State.WITHDRAWN, State.INVALIDATED, State.TERMINATED})
ASKED = frozenset({State.REQUESTED, State.REQUEST_DEFERRED})
OF_STATUS = {"granted": State.GIVEN, "denied": State.REFUSED, "withdrawn": State.WITHDRAWN}


@dataclass(frozen=True)
class Asked:
    """A purpose that stands on consent, with its rule of the clinic's policy."""

    purpose: Purpose
    rule: Rule
    policy_version: str

    @property
    def periods(self) -> Periods:
        return periods_of(self.policy_version)


def asked_for(subject: DataSubject, consent_type: str) -> Asked:
    """Raises NotAskedHere for a type that nobody knows, or that stands on another base."""
    policy = policy_of(subject)
    for purpose, rule in policy.rules.items():
        if rule.needs is Needs.CONSENT and rule.consent_type == consent_type:
            return Asked(purpose, rule, policy.version)
    raise NotAskedHere


def asked_types(subject: DataSubject) -> list[str]:
    """The types that stand on consent in the clinic's policy: the optional purposes."""
    rules = policy_of(subject).rules.values()
    return [rule.consent_type for rule in rules if rule.needs is Needs.CONSENT]


@dataclass(frozen=True)
class Standing:
    """The present state of one purpose of one person. `act` is the newest act; None when there was none."""

    state: State
    since: datetime | None = None
    valid_until: datetime | None = None
    act: ConsentRecord | None = None

    @property
    def is_yes(self) -> bool:
        return self.state in YES

    @property
    def event(self) -> ConsentEvent | None:
        return getattr(self.act, "event", None) if self.act else None


def standing(subject: DataSubject, consent_type: str, *, now: datetime) -> Standing:
    """The state now, from the newest act; `expired` where its time is over or its text changed materially."""
    return standings(subject, [consent_type], now=now)[consent_type]


def standings(subject: DataSubject, consent_types: Collection[str], *, now: datetime) -> dict[str, Standing]:
    """One query for the acts, one for texts where somebody said yes."""
    rows = ConsentRecord.objects.filter(subject=subject, consent_type__in=consent_types).select_related("event")
    newest = rows.order_by("consent_type", "-created_at", "-pk").distinct("consent_type")
    acts = {act.consent_type: act for act in newest}
    return {kind: _standing(acts.get(kind), _asked_of(subject, kind), subject.clinic_id, now) for kind in consent_types}


def standings_of(subjects: Collection[DataSubject], asked: Asked, *, now: datetime) -> dict[UUID, Standing]:
    """The state of one purpose of many people of one clinic: two queries."""
    rows = ConsentRecord.objects.filter(subject__in=subjects, consent_type=asked.rule.consent_type)
    newest = rows.select_related("event").order_by("subject", "-created_at", "-pk").distinct("subject")
    acts = {act.subject_id: act for act in newest}
    changes = changes_of(next(iter(subjects)).clinic_id, asked.purpose, now) if acts else []
    return {one.pk: _standing(acts.get(one.pk), asked, one.clinic_id, now, changes) for one in subjects}


def _asked_of(subject: DataSubject, consent_type: str) -> Asked | None:
    try:
        return asked_for(subject, consent_type)
    except NotAskedHere:
        return None


def _standing(
    act: ConsentRecord | None,
    asked: Asked | None,
    clinic_id: int,
    now: datetime,
    changes: Sequence[datetime] | None = None,
) -> Standing:
    if act is None:
        return Standing(State.UNKNOWN)
    event: ConsentEvent | None = getattr(act, "event", None)
    state = State(event.state) if event else OF_STATUS[act.status]
    since = event.event_time if event else act.granted_at or act.withdrawn_at or act.created_at
    if state not in YES or asked is None:
        return Standing(state, since, act=act)
    known = changes_of(clinic_id, asked.purpose, now) if changes is None else changes
    ends = [changed for changed in known if changed > since]
    if asked.rule.consent_valid is not None and act.granted_at:
        ends.append(act.granted_at + asked.rule.consent_valid)
    until = min(ends, default=None)
    return Standing(state if until is None or now < until else State.EXPIRED, since, until, act)


def changes_of(clinic_id: int, purpose: str, now: datetime) -> list[datetime]:
    """When texts changed so that this purpose has to be asked anew (lgpd 4, change of notice), the first first."""
    changed = TextVersion.objects.filter(
        clinic=clinic_id,
        change=TextVersion.Change.MATERIAL,
        affected_purposes__contains=[purpose],
        valid_from__lte=now,
    )
    rows = changed.exclude(state=TextVersion.State.DRAFT).order_by("valid_from")
    return [at for at in rows.values_list("valid_from", flat=True) if at]


@dataclass(frozen=True)
class Check:
    """Whether consent allows the purpose now. The gate (`decide`) asks more: blocked, hold, opposed, minor."""

    is_valid: bool
    state: State
    since: datetime | None
    valid_until: datetime | None


def check(subject: DataSubject, consent_type: str, *, now: datetime) -> Check:
    """Raises NotAskedHere for a purpose that does not stand on consent."""
    asked_for(subject, consent_type)
    found = standing(subject, consent_type, now=now)
    return Check(found.is_yes, found.state, found.since, found.valid_until)


# May it be asked? -----------------------------------------------------------------------------------------------------


class WhyNot(StrEnum):
    CLOSED = "closed"
    OPPOSED = "opposed"
    MINOR = "minor"
    NO_TEXT = "no_text"
    VALID = "valid"
    SAID_NO = "said_no"
    SUPPRESSED = "suppressed"
    ASKED = "asked"


@dataclass(frozen=True)
class MayAsk:
    """`reason` is empty when the person may be asked; `until` says from when on, where time heals it."""

    reason: WhyNot | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.reason is None


@dataclass(frozen=True)
class History:
    """What counts for asking a person once more."""

    standing: Standing
    asked_at: datetime | None = None
    is_suppressed: bool = False


def may_ask(subject: DataSubject, consent_type: str, *, now: datetime) -> MayAsk:
    """Whether the person may be asked for this consent now. Raises NotAskedHere."""
    return may_ask_many([subject], consent_type, now=now)[subject.pk]


def may_ask_many(subjects: Sequence[DataSubject], consent_type: str, *, now: datetime) -> dict[UUID, MayAsk]:
    """Whom of one clinic's people one may ask now: five queries, one more for each minor. Raises NotAskedHere."""
    if not subjects:
        return {}
    asked = asked_for(subjects[0], consent_type)
    has_text = _has_text(subjects[0], asked, now)
    found = standings_of(subjects, asked, now=now)
    ids = [one.pk for one in subjects]
    since = now - asked.periods.after_no
    no = suppressed(ids, since=since) if asked.purpose == Purpose.MARKETING else set()
    times = last_asked(ids, consent_type)
    return {
        one.pk: judge(one, asked, History(found[one.pk], times.get(one.pk), one.pk in no), has_text=has_text, now=now)
        for one in subjects
    }


def judge(subject: DataSubject, asked: Asked, history: History, *, has_text: bool, now: datetime) -> MayAsk:
    """The answer, the strongest reason first."""
    if subject.erased_at or subject.blocked_at:
        return MayAsk(WhyNot.CLOSED)
    if asked.purpose in subject.opposed_purposes:
        return MayAsk(WhyNot.OPPOSED)
    if needs_guardian(subject, now):
        return MayAsk(WhyNot.MINOR)
    if not has_text:
        return MayAsk(WhyNot.NO_TEXT)
    return _by_history(history, asked.periods, now)


def _has_text(subject: DataSubject, asked: Asked, now: datetime) -> bool:
    try:
        text_in_force(subject.clinic, TextKind.CONSENT, purpose=asked.purpose, now=now)
    except NoTextInForce:
        return False
    return True


def _by_history(history: History, periods: Periods, now: datetime) -> MayAsk:
    found, last = history.standing, history.asked_at
    if found.is_yes:
        from_when = found.valid_until - periods.before_end if found.valid_until else None
        if from_when is None or now < from_when:
            return MayAsk(WhyNot.VALID, from_when)
    if found.state in NO and found.since and now < found.since + periods.after_no:
        return MayAsk(WhyNot.SAID_NO, found.since + periods.after_no)
    if history.is_suppressed:
        return MayAsk(WhyNot.SUPPRESSED)
    if last and now < last + periods.after_question and (found.since is None or found.since < last):
        return MayAsk(WhyNot.ASKED, last + periods.after_question)
    return MayAsk()


def last_asked(subject_ids: Collection[UUID], consent_type: str) -> dict[UUID, datetime]:
    """When each was last asked."""
    rows = ConsentEvent.objects.filter(subject__in=subject_ids, consent_type=consent_type, state__in=ASKED)
    newest = rows.order_by("subject", "-recorded_at").distinct("subject")
    return dict(newest.values_list("subject", "event_time"))
