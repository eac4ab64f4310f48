"""One run: build everything, tell the history through the storm, wait for quiet, compare."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bridge.faults import books, storm
from bridge.faults.books import Left
from bridge.faults.ground import Ground
from bridge.faults.history import SPAN, History, SlowClock, is_ours
from bridge.faults.judge import Told, judge
from bridge.faults.sending import Sender, Tally
from bridge.faults.storm import Storm
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin
from bridge.spool import folder
from config.embedded.processes import write_private

DPO = "dpo@clinica.exemplo"
NAME = "Recepção"
STAGES = {"conversation_created": "follow-up", "first_response": "prospect", "conversation_resolved": "negotiation"}
NOTE_QUIET_S = 2
TICK_S = 0.1
TELL_EVERY_S = 10.0
# Everything is over twice in a row, because a message may be on its way between two tables.
QUIET_LOOKS, LOOK_EVERY_S = 3, 1.0
SHOWN = 60


@dataclass(frozen=True)
class Wishes:
    """What the person asked for. `rate`: deliveries a second; `limit_s`: how long to wait for quiet afterwards."""

    events: int = 1000
    kills: int = 20
    seed: int = 1
    ambiguous: float = 0.2
    postgres: bool = False
    rate: float = 20.0
    # A quarter of production's 45 s: the sandbox is late by 1 s on purpose, and by as much again when the machine is busy.
    settle_s: int = 10
    lease_s: int = 10
    limit_s: float = 600.0
    logs: Path | None = None


@dataclass
class Result:
    """What one run found. `settled_s`: from the last fault until nothing was left to do."""

    seed: int
    events: int
    passed: bool = False
    differences: list[str] = field(default_factory=list)
    posts: int = 0
    acknowledged: int = 0
    unacknowledged: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    ended_by_themselves: dict[str, int] = field(default_factory=dict)
    ambiguous_answers: dict[str, int] = field(default_factory=dict)
    arrived_by: dict[str, int] = field(default_factory=dict)
    crm_calls: int = 0
    persons: int = 0
    leads: int = 0
    notes: int = 0
    messages: int = 0
    sending_s: float = 0.0
    settled_s: float = 0.0
    longest_start_s: float = 0.0
    total_s: float = 0.0

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def run(wishes: Wishes, tell: Callable[[str], None]) -> Result:
    """Do one run. Raises bridge.faults.ground.NotReady, config.running.telling.CannotRun, EmbeddedServersError."""
    began = time.monotonic()
    result = Result(wishes.seed, wishes.events)
    tell(f"seed {wishes.seed}: servers and processes")
    with _partners(wishes) as (chat, clock, krayin), _ground(wishes, tell) as ground:
        ref_code = _prepare(ground, chat, krayin, tell)
        history = History(chat, clock, events=wishes.events, seed=wishes.seed)
        tally = _tell_through_the_storm(wishes, ground, krayin, history, result, tell)
        _wait_for_quiet(wishes, ground, result, tell)
        told = _told(chat, history, ref_code)
        result.differences += lost(tally, books.kept(ground.postgres.url))
        _compare(told, ground, krayin, result)
        _conclude(result, ground)
    result.total_s = round(time.monotonic() - began, 1)
    return result


@contextmanager
def _partners(wishes: Wishes) -> Iterator[tuple[ChatwootSandbox, SlowClock, SandboxKrayin]]:
    """Both partners live in this process: nobody kills them."""
    clock = SlowClock(time.time() - SPAN.total_seconds() - 3600)
    chat = ChatwootSandbox(shuffle=False, clock=clock, requests_per_minute=1_000_000, searches_per_minute=1_000_000)
    with chat, SandboxKrayin(rate_limit=None, seed=wishes.seed) as krayin:
        yield chat, clock, krayin


def _ground(wishes: Wishes, tell: Callable[[str], None]) -> Ground:
    return Ground(settle_s=wishes.settle_s, lease_s=wishes.lease_s, logs=wishes.logs, report=tell)


def _prepare(ground: Ground, chat: ChatwootSandbox, krayin: SandboxKrayin, tell: Callable[[str], None]) -> str:
    """Database, processes and the connection; returns the code in its references."""
    ground.manage("migrate", "migrate", "--no-input", "-v", "0")
    ground.manage("partitions", "partitions", "--apply")
    ground.manage("user", "createsuperuser", "--no-input", "--email", DPO)
    tell("  web, lane workers, Celery, beat, drainer")
    ground.start_ponte()
    books.raise_krayin_budget(ground.postgres.url, krayin.url)
    path = ground.directory / "connection.json"
    write_private(path, json.dumps(_connection_file(chat, krayin), ensure_ascii=False))
    lines = ground.manage("connect", "connect", "--file", str(path))
    books.raise_budgets(ground.postgres.url)
    made: dict[str, Any] = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    return str(made["ref_code"])


def _connection_file(chat: ChatwootSandbox, krayin: SandboxKrayin) -> dict[str, Any]:
    return {
        "name": NAME,
        "clinic": {"name": "Clínica Vida Plena"},
        "chatwoot": {
            "url": chat.url,
            "account_id": ACCOUNT_ID,
            "token": ADMIN_TOKEN,
            "inboxes": [WHATSAPP_INBOX_ID],
        },
        "krayin": {"url": krayin.url, "email": BRIDGE.email, "password": BRIDGE.password},
        "stages": STAGES,
        "send": {"preset": "text", "message_text": "grouped", "note_quiet_s": NOTE_QUIET_S},
        "state": "active",
        "policy_confirmed_by": DPO,
    }


# Storm and quiet ------------------------------------------------------------------------------------------------------


def _tell_through_the_storm(
    wishes: Wishes, ground: Ground, krayin: SandboxKrayin, history: History, result: Result, tell: Callable[[str], None]
) -> Tally:
    """Send everything while the storm strikes; afterwards every process runs and the CRM is honest again."""
    dice = random.Random(f"storm:{wishes.seed}")  # noqa: S311 - repeatable, not secret
    kinds = [kind for kind in storm.STRIKES if kind != "postgres" or wishes.postgres]
    blows = storm.plan(kinds, kills=wishes.kills, seconds=wishes.events / wishes.rate, dice=dice)
    striking = Storm(ground, blows, wishes.lease_s, dice)
    if wishes.ambiguous:
        storm.make_ambiguous(krayin, wishes.ambiguous)
    sender = Sender(history.deliveries(), rate=wishes.rate, must_keep=is_ours)
    began = told_at = time.monotonic()
    sender.start()
    try:
        while not (sender.is_over and striking.is_over):
            striking.strike_due(time.monotonic() - began)
            ground.supervise()
            if time.monotonic() - told_at > TELL_EVERY_S:
                told_at = time.monotonic()
                tell(f"  {_progress(sender, striking, wishes, ground)}")
            time.sleep(TICK_S)
    finally:
        sender.stop()
    if sender.error:
        raise sender.error
    result.ambiguous_answers = storm.ambiguous_answers(krayin)
    krayin.faults.clear()
    result.sending_s = round(time.monotonic() - began, 1)
    result.kills = dict(striking.counts)
    tally = sender.tally
    result.posts, result.acknowledged = tally.posts, tally.acknowledged
    result.unacknowledged = dict(tally.unacknowledged)
    result.differences += refused(tally)
    return tally


def refused(tally: Tally) -> Iterator[str]:
    """Deliveries that were not taken. Connections that broke or timed out while the web process was killed are none."""
    if tally.given_up:
        yield f"{tally.given_up} deliveries were never acknowledged"
    # The web process lived and still could not make the event durable anywhere.
    answers = {kind: count for kind, count in tally.unacknowledged.items() if kind.isdigit()}
    if answers:
        yield f"deliveries were refused: {answers}"


def lost(tally: Tally, kept: set[str]) -> Iterator[str]:
    """Deliveries that were acknowledged and then not there: other bodies may tell the same, so the CRM may look right."""
    missing = sorted(tally.kept - kept)
    if missing:
        yield f"{len(missing)} acknowledged deliveries were never stored: {', '.join(missing[:5])}"


def _progress(sender: Sender, striking: Storm, wishes: Wishes, ground: Ground) -> str:
    tally, struck = sender.tally, sum(striking.counts.values())
    text = f"{tally.acknowledged} of ~{wishes.events} deliveries, {struck} of {wishes.kills} kills"
    return f"{text}; {_left_words(_left(ground))}"


def _left(ground: Ground) -> Left | None:
    try:
        return books.left(ground.postgres.url)
    except psycopg.OperationalError:
        return None


def _left_words(left: Left | None) -> str:
    if left is None:
        return "database away"
    return f"{left.events} events, {left.lanes} lanes, {left.in_flight} steps in flight"


def _wait_for_quiet(wishes: Wishes, ground: Ground, result: Result, tell: Callable[[str], None]) -> None:
    """Wait until nothing is left to do; what is left when that takes too long is a difference."""
    began = told_at = time.monotonic()
    looks, left = 0, None
    while time.monotonic() - began < wishes.limit_s:
        ground.supervise()
        left = _left(ground)
        is_quiet = left is not None and left.is_nothing and not folder.waiting(ground.spool_directory)
        looks = looks + 1 if is_quiet else 0
        if looks == 1:
            result.settled_s = round(time.monotonic() - began, 1)
        if looks >= QUIET_LOOKS:
            return
        if time.monotonic() - told_at > TELL_EVERY_S:
            told_at = time.monotonic()
            tell(f"  waiting for quiet: {_left_words(left)}, next in {left.next_s if left else 0:.0f} s")
        time.sleep(LOOK_EVERY_S)
    result.settled_s = round(time.monotonic() - began, 1)
    result.differences.append(f"not quiet after {wishes.limit_s:.0f} s: {_left_words(left)}")


# Comparison -----------------------------------------------------------------------------------------------------------


def _told(chat: ChatwootSandbox, history: History, ref_code: str) -> Told:
    state = chat.state(("contacts", "conversations", "messages"))
    return Told.of(
        state,
        inbox_ids=[WHATSAPP_INBOX_ID],
        ref_code=ref_code,
        chatwoot_url=chat.url,
        account_id=ACCOUNT_ID,
        inboxes={row.id: row.name for row in chat.store.inboxes.values()},
        agents={row.id: row.name for row in chat.store.users.values()},
        resolved={number: moment.replace(microsecond=0) for number, moment in history.resolved.items()},
    )


def _compare(told: Told, ground: Ground, krayin: SandboxKrayin, result: Result) -> None:
    crm = krayin.state()
    result.differences += judge(told, crm, books.read(ground.postgres.url))
    result.crm_calls = crm["calls"]["total"]
    result.persons, result.leads, result.notes = (len(crm[kind]) for kind in ("persons", "leads", "notes"))
    result.messages = sum(map(len, told.messages.values()))
    result.longest_start_s = round(books.longest_start_s(ground.postgres.url), 1)
    result.arrived_by = books.arrived_by(ground.postgres.url)


def _conclude(result: Result, ground: Ground) -> None:
    aside = len(folder.set_aside(ground.spool_directory))
    if aside:
        result.differences.append(f"{aside} records of the spool are set aside")
    result.ended_by_themselves = dict(ground.ended)
    result.passed = not result.differences
    count = len(result.differences)
    if count > SHOWN:
        result.differences = [*result.differences[:SHOWN], f"and {count - SHOWN} more"]
