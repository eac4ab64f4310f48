"""What is killed when: a seeded plan over the time of sending, and the CRM's ambiguous answers."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.faults.ground import Ground
from bridge.sandbox.krayin import SandboxKrayin
from config.running.processes import Child

# Paused workers sleep longer than their lease: another takes their lanes, and they must notice when they wake.
PAUSE_LEASES = 1.3

# A write that is late must be over before the bridge looks for it (settle): the promise ends there (DESIGN section 6).
LATE_S = 1.0
# Longer than a client waits for an answer. Rare, because each holds up a worker.
TOO_LONG_S, TOO_LONG_SHARE = 22.0, 0.01
LIES: tuple[dict[str, object], ...] = (
    {"kind": "commit_then_cut"},
    {"kind": "502_after_commit"},
    {"kind": "slow", "seconds": LATE_S, "when": "before"},
    {"kind": "refuse", "status": 500},
    {"kind": "refuse", "status": 503},
    {"kind": "down", "mode": "cut"},
)
HALF_WRITTEN: tuple[dict[str, object], ...] = (
    {"kind": "row_without_attributes", "answer": "cut"},
    {"kind": "row_without_attributes", "answer": "500"},
)
# Only creates of records with attributes can be cut between row and attributes.
WRITES = (
    ("POST", "/leads", LIES + HALF_WRITTEN),
    ("POST", "/contacts/persons", LIES + HALF_WRITTEN),
    ("POST", "/activities", LIES),
    ("PUT", "/leads", LIES),
    ("PUT", "/contacts/persons", LIES),
    ("PUT", "/activities", LIES),
)
# A read that fails is not ambiguous: the partner is away, and the connection waits. Rare, or nothing else would happen.
UNREADABLE_SHARE = 0.01


def make_ambiguous(krayin: SandboxKrayin, share: float) -> None:
    """Set fault switches so that `share` of the writes get an answer that lies, is late, or never comes."""
    for method, path, faults in WRITES:
        for fault in faults:
            krayin.faults.add_json({**fault, "method": method, "path": path, "probability": share / len(faults)})
        late = {"kind": "slow", "seconds": TOO_LONG_S, "when": "after", "probability": share * TOO_LONG_SHARE}
        krayin.faults.add_json({**late, "method": method, "path": path})
    krayin.faults.add("down", method="GET", mode="503", probability=share * UNREADABLE_SHARE)


def ambiguous_answers(krayin: SandboxKrayin) -> dict[str, int]:
    """How often each kind of switch acted."""
    fired: Counter[str] = Counter()
    for fault in krayin.faults.as_json():
        fired[fault["kind"]] += fault["fired"]
    return dict(fired)


@dataclass(frozen=True)
class Blow:
    """One kill: when, in seconds after the first delivery, and of what kind."""

    at_s: float
    kind: str


@dataclass
class Storm:
    """Strikes the processes of a ground by plan. `strike_due` is called often, from one thread."""

    ground: Ground
    blows: list[Blow]
    lease_s: int
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    _paused: list[tuple[float, Child]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return not self.blows and not self._paused

    def strike_due(self, now_s: float) -> None:
        """Deliver the next blow if its time has come, and wake who has slept long enough."""
        for until, child in [pair for pair in self._paused if pair[0] <= time.monotonic()]:
            self.ground.resume(child)
            self._paused.remove((until, child))
        if self.blows and self.blows[0].at_s <= now_s:
            blow = self.blows.pop(0)
            STRIKES[blow.kind](self)
            self.counts[blow.kind] += 1

    def _any(self, prefix: str) -> str:
        return self.dice.choice([name for name in self.ground.names if name.startswith(prefix)])

    def _web_worker(self) -> None:
        helpers = self.ground.helpers("web")
        if helpers:
            self.ground.kill_process(self.dice.choice(helpers))
        else:
            self.ground.kill("web")

    def _pause(self) -> None:
        child = self.ground.pause(self._any("lanes"))
        self._paused.append((time.monotonic() + self.lease_s * PAUSE_LEASES, child))


STRIKES: dict[str, Callable[[Storm], None]] = {
    "web": lambda storm: storm.ground.kill("web"),
    "web_master": lambda storm: storm.ground.kill_leader("web"),
    "web_worker": Storm._web_worker,
    "lanes": lambda storm: storm.ground.kill(storm._any("lanes")),
    "celery": lambda storm: storm.ground.kill("celery"),
    "beat": lambda storm: storm.ground.kill("beat"),
    "spool": lambda storm: storm.ground.kill("spool"),
    "broker": lambda storm: storm.ground.wipe_broker(),
    "pause": Storm._pause,
    "postgres": lambda storm: storm.ground.crash_database(),
}
# Lane workers hold what is under way: they are struck twice as often as the rest.
OFTEN = ("lanes",)


def plan(kinds: Sequence[str], *, kills: int, seconds: float, dice: random.Random) -> list[Blow]:
    """So many blows spread over the time, every kind in turn in ever new order."""
    deck: list[str] = []
    blows = []
    for number in range(kills):
        if not deck:
            deck = [*kinds, *(kind for kind in OFTEN if kind in kinds)]
            dice.shuffle(deck)
        blows.append(Blow((number + dice.random()) * seconds / kills, deck.pop()))
    return blows
