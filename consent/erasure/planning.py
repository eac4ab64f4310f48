"""Freeze, look at what there is, decide together (lgpd 5.5, steps 1 and 2)."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from consent.datamap.retention import CURRENT_RETENTION, retention
from consent.encryption import Actor
from consent.erasure import local
from consent.erasure.errors import MustWait, NotPossible
from consent.erasure.holding import end_as_held
from consent.erasure.notes import APPROVERS, BY, note, permit
from consent.erasure.systems import Draft, Scope, Stay, systems_of
from consent.holds import blocking, holds_on
from consent.models.erasures import Erasure, ErasureNode
from consent.models.exports import LONG_AGO
from consent.models.facts import ConsentRecord
from consent.models.holds import Restriction
from consent.models.registers import Processor
from consent.models.requests import DataRequest, RequestItem
from consent.models.staff import Membership, User
from consent.models.subjects import DataSubject
from consent.suppression import suppressed

ALONE_WAIT = timedelta(hours=24)
PONTE = "ponte"
RECIPIENT = "recipient"
# Who runs the systems that are emptied here anyway is told by the removal itself.
TOLD_BY_REMOVAL = (Processor.Kind.BRIDGE, Processor.Kind.CHAT, Processor.Kind.CRM, Processor.Kind.HOSTING)
State, NodeState = Erasure.State, ErasureNode.State
Reason = Restriction.Reason


def plan(
    subject: DataSubject,
    *,
    now: datetime,
    by: User | None = None,
    item: RequestItem | None = None,
    cause: str = Erasure.Cause.REQUEST,
) -> Erasure:
    """Freeze the person and begin; a worker computes the scope next, or `look` now. Raises NotPossible.

    Under a legal hold the person is blocked and the erasure ends as HELD at once.
    """
    if by is not None:
        permit(subject, by, "erasure.plan")
    if subject.erased_at is not None:
        raise NotPossible("erased")
    held = bool(holds_on(subject))
    try:
        with transaction.atomic():
            blocking.block(subject, by=BY, reason=Reason.HOLD if held else Reason.ERASURE, now=now)
            erasure = Erasure.objects.create(
                clinic=subject.clinic, subject=subject, item=item, cause=cause, planned_by=by, planned_at=now,
                policy_version=CURRENT_RETENTION, state=State.HELD if held else State.NEW,
            )  # fmt: skip
            note("erasure.plan", erasure, actor=Actor.staff(by) if by else BY, reason="hold" if held else "")
    except IntegrityError as error:
        raise NotPossible("running") from error
    return erasure


def look(erasure: Erasure, *, now: datetime, ask: bool = True) -> None:
    """Compute the scope, as often as wanted before the approval. Asks the partners; raises Later, NotRemoved."""
    found = [(system, system.scope(now, ask=ask)) for system in systems_of(erasure)]
    known = local.known_of(erasure)
    own = local.counts_of(known, keeps_record=False)
    with transaction.atomic():
        row = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure.pk)
        if row.state not in {State.NEW, State.PLANNED} and row.cause != Erasure.Cause.RESTORE:
            return
        row.nodes.all().delete()
        _write_nodes(row, found)
        scopes = [scope for _system, scope in found]
        row.counts = {**{system.name: dict(scope.counts) for system, scope in found}, PONTE: local.by_category(own)}
        row.warnings = [[code, count] for code, count in sorted(_warnings(scopes).items()) if count]
        row.keeps_clinical = any(scope.received_care for scope in scopes)
        row.has_clinical = row.keeps_clinical or any(scope.looks_clinical for scope in scopes)
        row.stays = [stay.as_json() for stay in _stays(row, scopes)]
        if row.state == State.NEW:
            row.state = State.PLANNED
            note("erasure.look", row, actor=BY)
        row.save()
    erasure.refresh_from_db()


def look_again(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Something was put in order: a worker counts anew, and approvals given to the old count fall. Raises NotPossible."""
    permit(erasure.subject, by, "erasure.look")
    with transaction.atomic():
        if not Erasure.objects.filter(pk=erasure.pk, state=State.PLANNED).update(
            state=State.NEW, not_before=LONG_AGO, first_by=None, first_at=None, keeps_clinical=False
        ):
            raise NotPossible("state")
        note("erasure.look", erasure, actor=Actor.staff(by))
    erasure.refresh_from_db()


def _warnings(scopes: list[Scope]) -> dict[str, int]:
    total: dict[str, int] = {}
    for scope in scopes:
        for code, count in scope.warnings.items():
            total[code] = total.get(code, 0) + count
    return total


def _write_nodes(row: Erasure, found: list[tuple[Any, Scope]]) -> None:
    """In the order of work: what is queued, the partners, Ponte's own, recipients, the key."""
    drafts: list[tuple[str, Draft]] = [(PONTE, Draft("queued"))]
    drafts += [(system.name, draft) for system, scope in found for draft in scope.drafts]
    drafts += [(PONTE, Draft(kind)) for kind in ("spool", "exports", "rows")]
    drafts += [(RECIPIENT, Draft("told", ref=str(one.pk))) for one in _recipients(row)]
    drafts.append((PONTE, Draft("key")))
    ErasureNode.objects.bulk_create(
        ErasureNode(
            erasure=row,
            ordinal=number,
            system=system,
            kind=draft.kind,
            remote_ids=list(draft.remote_ids),
            ref=draft.ref,
            state=NodeState.STAYS if draft.stays else NodeState.WAITING,
            code=draft.stays or ("record" if draft.is_record else ""),
        )
        for number, (system, draft) in enumerate(drafts)
    )


def _recipients(row: Erasure) -> list[Processor]:
    rows = Processor.objects.filter(clinic=row.clinic_id, ended_on=None).exclude(kind__in=TOLD_BY_REMOVAL)
    return list(rows.order_by("name", "pk"))


def _stays(row: Erasure, scopes: list[Scope]) -> list[Stay]:
    """What remains after it, with code, retention code and date (lgpd 5.5)."""
    stays = [stay for scope in scopes for stay in scope.stays]
    subject = row.subject
    consents = ConsentRecord.objects.filter(subject=subject)
    newest = consents.aggregate(at=Max("created_at"))["at"]
    if newest:
        stays.append(Stay("consents", consents.count(), "LEGAL_RETENTION", "R05", _end("R05", row.planned_at)))
    files = DataRequest.objects.filter(subject=subject).count()
    if files:
        stays.append(Stay("requests", files, "LEGAL_RETENTION", "R06", _end("R06", row.planned_at)))
    if suppressed([subject.pk]):
        stays.append(Stay("suppression", 1, "LEGAL_RETENTION", "R04s"))
    stays.append(Stay("trail", 0, "LEGAL_RETENTION", "R09", _end("R09", row.planned_at)))
    return stays


def _end(code: str, since: datetime) -> date | None:
    """Until when a category stays, counted from `since`: its minimum where there is one, else its maximum."""
    rule = retention(code)
    period = rule.minimum or rule.maximum
    return period.after(since).date() if period else None


def record_until(last_entry: datetime) -> date | None:
    """Until when the clinical record stays at least (R01)."""
    return _end("R01", last_entry)


# Approval -------------------------------------------------------------------------------------------------------------


def approve(
    erasure: Erasure, *, by: User, now: datetime, received_care: bool | None = None, saw_quotes: bool = False
) -> Erasure:
    """Let it be carried out. With clinical data two people say so; a clinic with one waits 24 hours.

    received_care: whether the person ever was a patient: then the clinical record stays (Lei 13.787, Art. 6).
    Raises NotPossible, MustWait.
    """
    permit(erasure.subject, by, "erasure.approve")
    if end_as_held(erasure, now=now):
        raise NotPossible("hold")
    with transaction.atomic():
        row = Erasure.objects.select_for_update(of=("self",)).select_related("clinic", "subject").get(pk=erasure.pk)
        _refuse_unready(row, received_care, saw_quotes)
        if received_care:
            row.keeps_clinical = row.has_clinical = True
        if row.keeps_clinical:
            _keep_record(row)
        if row.has_clinical and row.first_by_id is None:
            row.first_by, row.first_at = by, now
            note("erasure.approve_first", row, actor=Actor.staff(by))
        else:
            _refuse_alone(row, by, now)
            row.state, row.approved_by, row.approved_at, row.not_before = State.APPROVED, by, now, LONG_AGO
            note("erasure.approve", row, actor=Actor.staff(by))
        row.save()
    erasure.refresh_from_db()
    return erasure


def _refuse_unready(row: Erasure, received_care: bool | None, saw_quotes: bool) -> None:
    warnings = dict(row.warnings)
    if row.state != State.PLANNED:
        raise NotPossible("state")
    if warnings.get("open_conversation"):
        raise NotPossible("open_conversation")
    if received_care is None and asks_care(row):
        raise NotPossible("care")
    if warnings.get("quotes") and not saw_quotes and row.first_by_id is None:
        raise NotPossible("quotes")


def asks_care(row: Erasure) -> bool:
    """Whether people must say if there is a clinical record. What retention hands over has been judged by its table."""
    return not row.keeps_clinical and row.first_by_id is None and row.cause != Erasure.Cause.RETENTION


def _refuse_alone(row: Erasure, by: User, now: datetime) -> None:
    """The second of two people is somebody else; where nobody else may, the same one after a day."""
    if row.first_at is None or row.first_by_id != by.pk:
        return
    others = Membership.objects.in_force().filter(clinic=row.clinic_id, role__in=APPROVERS, user__is_active=True)
    if others.exclude(user=by).exists():
        raise NotPossible("second_person")
    if now < row.first_at + ALONE_WAIT:
        raise MustWait(row.first_at + ALONE_WAIT)


def _keep_record(row: Erasure) -> None:
    """Nodes of the clinical record stay, and with them the key."""
    row.nodes.filter(code="record").update(state=NodeState.STAYS, code="LEGAL_RETENTION")
    row.nodes.filter(system=PONTE, kind="key").update(state=NodeState.STAYS, code="LEGAL_RETENTION")
    if not any(stay["what"] == "record" for stay in row.stays):
        row.stays = [Stay("record", 0, "LEGAL_RETENTION", "R01", record_until(row.planned_at)).as_json(), *row.stays]


def cancel(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Before anything is removed: the person is free again, unless something else blocks. Raises NotPossible."""
    permit(erasure.subject, by, "erasure.cancel")
    with transaction.atomic():
        rows = Erasure.objects.filter(pk=erasure.pk, state__in=[State.NEW, State.PLANNED])
        if not rows.update(state=State.CANCELLED):
            raise NotPossible("state")
        free(erasure, now=now)
        note("erasure.cancel", erasure, actor=Actor.staff(by))
    erasure.refresh_from_db()


def free(erasure: Erasure, *, now: datetime) -> None:
    """End the freezing for this erasure."""
    rows = Restriction.objects.filter(subject=erasure.subject, kind=Restriction.Kind.BLOCK, reason=Reason.ERASURE)
    if rows.filter(ended_at=None).exists():
        blocking.unblock(erasure.subject, by=BY, reason=Reason.ERASURE, now=now)


def next_two(erasure: Erasure, now: datetime) -> datetime:
    """The next 02:00 of the clinic: when hardly anybody is online."""
    zone = ZoneInfo(erasure.clinic.time_zone)
    here = timezone.localtime(now, zone)
    due = here.replace(hour=2, minute=0, second=0, microsecond=0)
    return due if due > here else due + timedelta(days=1)
