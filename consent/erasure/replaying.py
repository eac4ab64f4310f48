"""After a restore: erase again what the ledger outside knows, before anything is served (lgpd 5.5)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from consent.datamap.retention import CURRENT_RETENTION
from consent.encryption.datakeys import destroy_subject_keys
from consent.erasure import ledger, local, own, planning
from consent.erasure.finishing import KEY_WAIT
from consent.erasure.gate import gate
from consent.erasure.notes import BY, note
from consent.holds import HeldBack, blocking
from consent.models.erasures import Erasure, ErasureNode
from consent.models.exports import LONG_AGO
from consent.models.holds import Restriction
from consent.models.subjects import DataSubject

Kind = ledger.Kind
OPENED = (Erasure.State.NEW, Erasure.State.PLANNED, Erasure.State.APPROVED, Erasure.State.RUNNING, Erasure.State.LEFT)


def replay(*, now: datetime) -> dict[str, int]:
    """Repeat every erasure this database does not know of, in its own rows and keys; then traffic is served again.

    What is still to be removed at the partners goes on as work afterwards. Safe to call again, also after a kill.
    Counts: `erasures` repeated, `people` who were there, `held` kept by a legal hold of the restored database.
    """
    lines = ledger.unknown()
    refs = {facts["erasure"] for _text, facts in lines}
    by_erasure: dict[str, list[dict[str, Any]]] = {}
    for _text, facts in ledger.outside():
        if facts["erasure"] in refs:
            by_erasure.setdefault(facts["erasure"], []).append(facts)
    counts = {"erasures": 0, "people": 0, "held": 0}
    for ref, told in by_erasure.items():
        outcome = _again(UUID(ref), told, now)
        counts["erasures"] += 1
        counts["people"] += outcome == "erased"
        counts["held"] += outcome == "held"
        ledger.take_in([pair for pair in lines if pair[1]["erasure"] == ref])
    gate.forget()
    return counts


def _again(ref: UUID, told: list[dict[str, Any]], now: datetime) -> str:
    subject = DataSubject.objects.filter(pk=told[0]["subject"]).first()
    if subject is None:
        return "nobody"
    kinds = {facts["kind"]: facts for facts in told}
    keeps = bool(kinds.get(Kind.INTENT, {}).get("keeps_record", False))
    erasure = _row_of(ref, subject, keeps, now)
    try:
        _forget(erasure, now)
    except HeldBack:
        blocking.block_instead(subject, by=BY, now=now, reason=Restriction.Reason.HOLD)
        Erasure.objects.filter(pk=ref).update(state=Erasure.State.HELD)
        return "held"
    if keeps or Kind.KEPT in kinds:
        erasure.nodes.filter(kind="key").update(state=ErasureNode.State.STAYS, code="LEGAL_RETENTION")
    else:
        _close_key(erasure, kinds, now)
    return "erased"


def _row_of(ref: UUID, subject: DataSubject, keeps: bool, now: datetime) -> Erasure:
    """The erasure's own row, as far as the restored database has it; work goes on from there."""
    Erasure.objects.filter(subject=subject, state__in=OPENED).exclude(pk=ref).update(state=Erasure.State.CANCELLED)
    row, _is_new = Erasure.objects.get_or_create(
        pk=ref,
        defaults={
            "clinic_id": subject.clinic_id, "subject": subject, "cause": Erasure.Cause.RESTORE, "planned_at": now,
            "policy_version": CURRENT_RETENTION, "keeps_clinical": keeps,
        },
    )  # fmt: skip
    row.cause, row.keeps_clinical = Erasure.Cause.RESTORE, keeps
    row.save(update_fields=["cause", "keeps_clinical"])
    if subject.erased_at is None:
        blocking.block(subject, by=BY, reason=Restriction.Reason.ERASURE, now=now)
    return row


def _forget(erasure: Erasure, now: datetime) -> None:
    """Ponte's own part at once. The numbers at the partners are written down first, for the work that follows."""
    if not erasure.nodes.exists():
        planning.look(erasure, now=now, ask=False)
    erasure.refresh_from_db()
    own.forget(erasure, now)
    Erasure.objects.filter(pk=erasure.pk).update(
        state=Erasure.State.RUNNING, not_before=LONG_AGO, lease_until=LONG_AGO, erased_at=None
    )
    erasure.nodes.filter(state=ErasureNode.State.FAILED).update(state=ErasureNode.State.WAITING, tries=0)


def _close_key(erasure: Erasure, kinds: dict[str, dict[str, Any]], now: datetime) -> None:
    """The key goes now if its day was over already."""
    began = datetime.fromisoformat(kinds.get(Kind.RESULTS, kinds.get(Kind.INTENT, {"at": now.isoformat()}))["at"])
    if Kind.KEY not in kinds and now < began + KEY_WAIT:
        return
    local.remove_late(local.known_of(erasure))
    with transaction.atomic():
        destroy_subject_keys([erasure.subject_id], now=now)
        note("erasure.key_destroyed", erasure, reason="restore")
