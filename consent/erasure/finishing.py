"""The end of an erasure: results in both ledgers, the answer, and a day later the key (lgpd 5.5, steps 4 to 7)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from consent.encryption import Actor
from consent.encryption.datakeys import destroy_subject_keys
from consent.erasure import answering, ledger, local
from consent.erasure.errors import NotPossible
from consent.erasure.notes import BY, note, permit
from consent.erasure.planning import RECIPIENT, free
from consent.holds import blocking, holds_on
from consent.models.erasures import Erasure, ErasureNode
from consent.models.exports import LONG_AGO
from consent.models.holds import Restriction
from consent.models.requests import DataRequest
from consent.models.staff import User

# A mistake can be noticed for a day: until then a backup can still be read (lgpd 5.5, POLICY).
KEY_WAIT = timedelta(hours=24)
State, NodeState = Erasure.State, ErasureNode.State


def leftovers_of(nodes: Sequence[ErasureNode]) -> list[dict[str, Any]]:
    """The exact list of what is left: by system, kind and last answer; how many records."""
    found: Counter[tuple[str, str, str]] = Counter()
    for node in nodes:
        if node.state in {NodeState.FAILED, NodeState.WAITING} or (node.state == NodeState.STAYS and _is_left(node)):
            found[node.system, node.kind, node.code] += max(1, len(node.remote_ids))
    return [
        {"system": system, "kind": kind, "code": code, "count": count}
        for (system, kind, code), count in sorted(found.items())
    ]


def _is_left(node: ErasureNode) -> bool:
    """Stays for no reason of law: nobody can remove it from here."""
    return node.code == "IMPOSSIBLE"


def conclude(erasure: Erasure, *, now: datetime) -> None:
    """Everything is read back: write the results, let the key wait, answer. Raises ledger.NoPlace."""
    nodes = list(erasure.nodes.exclude(system=RECIPIENT).exclude(kind="key"))
    erasure.leftovers = leftovers_of(nodes)
    states = Counter(f"{node.system}:{node.kind}:{node.state}" for node in nodes)
    ledger.write(erasure, ledger.Kind.RESULTS, {"nodes": dict(sorted(states.items()))}, now=now)
    keeps_key = erasure.nodes.filter(kind="key", state=NodeState.STAYS).exists()
    erasure.erased_at = now
    erasure.key_due_at = None if keeps_key else now + KEY_WAIT
    erasure.state = State.DONE if keeps_key else State.ERASED
    with transaction.atomic():
        if erasure.keeps_clinical:
            # What the law keeps is kept without being used.
            blocking.block_instead(erasure.subject, by=BY, now=now, reason=Restriction.Reason.LEGAL_MINIMUM)
            free(erasure, now=now)
        erasure.save(update_fields=["leftovers", "erased_at", "key_due_at", "state"])
        note("erasure.erased", erasure, reason="left" if erasure.leftovers else "")
        answering.answer(erasure, now=now)


# What is left ---------------------------------------------------------------------------------------------------------


def try_again(erasure: Erasure, *, by: User) -> None:
    """Somebody mended what stood in the way. Raises NotPossible."""
    permit(erasure.subject, by, "erasure.again")
    with transaction.atomic():
        if not Erasure.objects.filter(pk=erasure.pk, state=State.LEFT).update(
            state=State.RUNNING, not_before=LONG_AGO, leftovers=[]
        ):
            raise NotPossible("state")
        erasure.nodes.filter(state=NodeState.FAILED).update(state=NodeState.WAITING, tries=0, not_before=LONG_AGO)
        note("erasure.again", erasure, actor=Actor.staff(by))
    erasure.refresh_from_db()


def accept(erasure: Erasure, *, by: User, now: datetime) -> None:
    """It cannot be removed: the officer's exception. The person is told what is left. Raises NotPossible."""
    permit(erasure.subject, by, "erasure.accept")
    with transaction.atomic():
        row = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure.pk)
        if row.state != State.LEFT:
            raise NotPossible("state")
        open_nodes = row.nodes.filter(state__in=[NodeState.FAILED, NodeState.WAITING])
        open_nodes.exclude(system=RECIPIENT).exclude(kind="key").update(state=NodeState.STAYS, code="IMPOSSIBLE")
        row.state, row.not_before = State.RUNNING, LONG_AGO
        row.save(update_fields=["state", "not_before"])
        note("erasure.accept", row, actor=Actor.staff(by))
    erasure.refresh_from_db()


def note_told(node: ErasureNode, *, by: User, now: datetime) -> None:
    """A recipient was told and gave a receipt (Art. 18 §6)."""
    permit(node.erasure.subject, by, "erasure.told")
    with transaction.atomic():
        ErasureNode.objects.filter(pk=node.pk, system=RECIPIENT).update(
            state=NodeState.DONE, code="told", checked_at=now, tries=node.tries + 1
        )
        note("erasure.told", node.erasure, actor=Actor.staff(by))


# The key --------------------------------------------------------------------------------------------------------------


def keep_key(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Cancel the destruction of the key, within the day: what a backup holds stays readable. Raises NotPossible."""
    permit(erasure.subject, by, "erasure.keep_key")
    with transaction.atomic():
        row = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure.pk)
        if not row.may_cancel_key(now):
            raise NotPossible("state")
        row.state, row.key_due_at, row.key_kept_by = State.DONE, None, by
        row.save(update_fields=["state", "key_due_at", "key_kept_by"])
        row.nodes.filter(kind="key").update(state=NodeState.STAYS, code="HOLD")
        note("erasure.keep_key", row, actor=Actor.staff(by))
    erasure.refresh_from_db()
    ledger.write(erasure, ledger.Kind.KEPT, {}, now=now)


def destroy_key(erasure: Erasure, *, now: datetime) -> None:
    """The last step: what arrived since goes, then pseudonym, old numbers and key. Raises HeldBack, ledger.NoPlace."""
    if holds_on(erasure.subject):
        # The data are gone already; what a backup holds of them stays readable while the hold lasts.
        Erasure.objects.filter(pk=erasure.pk).update(not_before=now + KEY_WAIT, lease_until=LONG_AGO)
        return
    ledger.write(erasure, ledger.Kind.KEY, {}, now=now)
    local.remove_late(local.known_of(erasure))
    with transaction.atomic():
        destroy_subject_keys([erasure.subject_id], now=now)
        DataRequest.objects.filter(subject=erasure.subject).update(contact_blind=None)
        erasure.nodes.filter(kind="key").update(state=NodeState.DONE, code="gone", checked_at=now, tries=1)
        erasure.nodes.update(remote_ids=[])
        Erasure.objects.filter(pk=erasure.pk).update(state=State.DONE, key_destroyed_at=now, lease_until=LONG_AGO)
        note("erasure.key_destroyed", erasure)
    erasure.refresh_from_db()
