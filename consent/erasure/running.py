"""The erasure as work in steps: intent, node by node, read back, results; a day later the key (lgpd 5.5, steps 3 to 6).

Any worker goes on where another stopped: every node is repeatable, a claim raises the token, and who lost the lease
writes nothing more.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from consent.erasure import finishing, ledger, local, own, planning
from consent.erasure.holding import end_as_held
from consent.erasure.systems import Later, NotRemoved, Stays, System, by_name
from consent.holds import HeldBack, holds_on
from consent.models.erasures import Erasure, ErasureNode
from consent.models.exports import LONG_AGO

log = logging.getLogger(__name__)

RUN_S = 25.0
# Between tries of one node; after the last one it is left for people.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
REST = timedelta(minutes=1)
DATABASE_AWAY = (OperationalError, InterfaceError)
SOON = timedelta(seconds=5)
State, NodeState = Erasure.State, ErasureNode.State
GOES_ON = (NodeState.DONE, NodeState.STAYS)

CLAIM = """
UPDATE erasures SET token = token + 1, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
  SELECT id FROM erasures
  WHERE state IN ('new', 'approved', 'running', 'erased') AND not_before <= %(now)s
    AND lease_until <= clock_timestamp() AND (%(only)s::uuid IS NULL OR id = %(only)s)
  ORDER BY not_before, planned_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, token
"""
HOLD = """
UPDATE erasures SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND token = %(token)s
"""


class LeaseLost(Exception):
    """Another worker has this erasure now, or somebody ended it: write nothing more."""


@dataclass
class Turn:
    """One claim of one erasure."""

    erasure: Erasure
    token: int

    def alive(self) -> None:
        """Keep the lease, and make sure that it is ours, right before something is removed. Raises LeaseLost."""
        with connection.cursor() as cursor:
            cursor.execute(HOLD, {"lease": settings.LEASE_S, "id": self.erasure.pk, "token": self.token})
            if not cursor.rowcount:
                raise LeaseLost(self.erasure.pk)

    def save(self, **values: Any) -> None:
        """Write to the row if it is still ours. Raises LeaseLost."""
        for name, value in values.items():
            setattr(self.erasure, name, value)
        if not Erasure.objects.filter(pk=self.erasure.pk, token=self.token).update(**values):
            raise LeaseLost(self.erasure.pk)

    def give_back(self, not_before: datetime) -> None:
        self.save(lease_until=LONG_AGO, not_before=not_before)


def run_for(seconds: float = RUN_S) -> int:
    """Work on what is due, one erasure at a time, for so long; return how many claims were worked on."""
    end, claims = time.monotonic() + seconds, 0
    while time.monotonic() < end and run_once(now=timezone.now(), until=end):
        claims += 1
    return claims


def run(erasure: Erasure, *, now: datetime) -> Erasure:
    """Work on this one now, as far as it goes."""
    run_once(now=now, only=erasure)
    erasure.refresh_from_db()
    return erasure


def run_once(*, now: datetime, only: Erasure | None = None, until: float | None = None) -> bool:
    """Claim the erasure that waits longest and work on it; False when none is due."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"lease": settings.LEASE_S, "now": now, "only": only.pk if only else None})
        row = cursor.fetchone()
    if row is None:
        return False
    turn = Turn(Erasure.objects.select_related("clinic", "subject").get(pk=row[0]), row[1])
    try:
        work(turn, now, until)
    except LeaseLost:
        log.warning("erasure lease lost: erasure=%s", turn.erasure.pk)
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the message may quote a value: only the kind of error is told
        log.error("ALERT erasure stopped: erasure=%s %s", turn.erasure.pk, type(error).__name__)
        turn.give_back(now + WAITS[1])
    return True


def work(turn: Turn, now: datetime, until: float | None = None) -> None:
    erasure = turn.erasure
    if erasure.state != State.ERASED and end_as_held(erasure, now=now):
        return
    if erasure.state == State.NEW:
        _look(turn, now)
    elif erasure.state == State.APPROVED:
        _begin(turn, now)
    if erasure.state == State.RUNNING:
        _nodes(turn, now, until)
    elif erasure.state == State.ERASED and erasure.key_due_at and erasure.key_due_at <= now:
        finishing.destroy_key(erasure, now=now)


def _look(turn: Turn, now: datetime) -> None:
    try:
        planning.look(turn.erasure, now=now)
    except (Later, NotRemoved) as error:
        turn.give_back(error.until if isinstance(error, Later) else now + REST)
        return
    turn.give_back(LONG_AGO)


def _begin(turn: Turn, now: datetime) -> None:
    """The intent stands in two places, or nothing begins."""
    erasure = turn.erasure
    scope = Counter(f"{node.system}:{node.kind}" for node in erasure.nodes.exclude(state=NodeState.STAYS))
    facts = {"cause": erasure.cause, "scope": dict(sorted(scope.items())), "keeps_record": erasure.keeps_clinical}
    try:
        ledger.write(erasure, ledger.Kind.INTENT, facts, now=now)
    except ledger.NoPlace:
        turn.give_back(now + REST)
        return
    turn.save(state=State.RUNNING)


def sweep(*, now: datetime) -> int:
    """Look at those erased within the day: a late event must not stay until the key goes. Return how many had some."""
    found = 0
    for erasure in Erasure.objects.filter(state=State.ERASED).select_related("subject", "clinic"):
        known = local.ask_all(local.known_of(erasure))
        if not local.left(known, keeps_record=False) or holds_on(erasure.subject):
            continue
        log.warning("erasure: something arrived late: erasure=%s", erasure.pk)
        local.remove(known, keeps_record=False, now=now)
        found += 1
    return found


# Nodes ----------------------------------------------------------------------------------------------------------------


def _nodes(turn: Turn, now: datetime, until: float | None) -> None:
    """Every node that is due, each system in its order; Ponte's own rows when the partners are settled."""
    nodes, systems = work_of(turn.erasure), by_name(turn.erasure)
    stopped = set[str]()
    for node in nodes:
        if until is not None and time.monotonic() > until:
            turn.give_back(LONG_AGO)
            return
        if node.system == planning.PONTE and node.kind != "queued" and not settled(nodes, partners=True):
            break
        if node.state in GOES_ON or node.system in stopped:
            continue
        is_due = node.state == NodeState.WAITING and node.not_before <= now
        if not (is_due and _try(turn, node, systems, now)):
            if node.kind == "queued":
                break  # what is being sent this moment would come after the removal
            # A person is not removed before the opportunities: whoever comes after waits.
            stopped.add(node.system)
    _conclude(turn, nodes, now)


def work_of(erasure: Erasure) -> list[ErasureNode]:
    """The nodes in their order, without those that people or time settle."""
    return list(erasure.nodes.exclude(system=planning.RECIPIENT).exclude(kind="key"))


def settled(nodes: Sequence[ErasureNode], *, partners: bool = False) -> bool:
    """Whether nothing goes on by itself any more: all is done, or waits behind something that failed for good."""
    stuck = {node.system for node in nodes if node.state == NodeState.FAILED}
    wanted = [node for node in nodes if not (partners and node.system == planning.PONTE)]
    return all(node.state != NodeState.WAITING or node.system in stuck for node in wanted)


def next_due(nodes: Sequence[ErasureNode]) -> datetime:
    """When the first of each system's next nodes is due; Ponte's own wait for the partners."""
    stuck = {node.system for node in nodes if node.state == NodeState.FAILED}
    waiting = [node for node in nodes if node.state == NodeState.WAITING and node.system not in stuck]
    if not settled(nodes, partners=True):
        waiting = [node for node in waiting if node.system != planning.PONTE or node.kind == "queued"]
    first: dict[str, datetime] = {}
    for node in waiting:
        first.setdefault(node.system, node.not_before)
    return min(first.values())


def _try(turn: Turn, node: ErasureNode, systems: Mapping[str, System], now: datetime) -> bool:
    """One try of one node; True when the next of its system may follow."""
    turn.alive()
    if end_as_held(turn.erasure, now=now):
        raise LeaseLost(turn.erasure.pk)
    try:
        code = own.remove(turn.erasure, node, now) if node.system == planning.PONTE else _remove(systems, node, now)
    except Later as later:
        return _note(node, code=later.code, not_before=later.until)
    except Stays as stays:
        return _note(node, code=stays.code, state=NodeState.STAYS)
    except HeldBack:
        end_as_held(turn.erasure, now=now)
        raise LeaseLost(turn.erasure.pk) from None
    except NotRemoved as error:
        return _fail(node, error.code, now)
    node.checked_at = now
    return _note(node, code=code, state=NodeState.DONE, tries=node.tries + 1)


def _remove(systems: Mapping[str, System], node: ErasureNode, now: datetime) -> str:
    system = systems.get(node.system)
    if system is None:
        raise Stays("IMPOSSIBLE")
    return system.remove(node, now)


def _fail(node: ErasureNode, code: str, now: datetime) -> bool:
    tries = node.tries + 1
    if tries > len(WAITS):
        return _note(node, code=code, state=NodeState.FAILED, tries=tries)
    return _note(node, code=code, tries=tries, not_before=now + WAITS[tries - 1])


def _note(node: ErasureNode, **values: Any) -> bool:
    for name, value in values.items():
        setattr(node, name, value)
    node.save(update_fields=[*values, "checked_at"])
    return node.state in GOES_ON


def _conclude(turn: Turn, nodes: Sequence[ErasureNode], now: datetime) -> None:
    """Done, left for people, or when to come back."""
    if not settled(nodes):
        turn.give_back(max(next_due(nodes), now + SOON))
    elif any(node.state not in GOES_ON for node in nodes):
        turn.save(state=State.LEFT, leftovers=finishing.leftovers_of(nodes), lease_until=LONG_AGO)
        log.error("ALERT erasure: something is left: erasure=%s", turn.erasure.pk)
    else:
        finishing.conclude(turn.erasure, now=now)
        turn.give_back(turn.erasure.key_due_at or now)
