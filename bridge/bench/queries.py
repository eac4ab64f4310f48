"""The five queries the original design set times for, at 1 M links and 5 M messages, and the plans behind them.

Rows are written set-based over 300 connections and six months; one client asks, and pgbench asks the same for
comparison. The opportunities' numbers belong to another app, which this one may not import: what is measured is the
atomic change of DESIGN section 12 in SQL on its table (lock the lead, close the current row, open the next).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bridge.bench import clinics, filling
from bridge.bench.ground import Ground
from bridge.bench.pgbench import Pgbench, script
from bridge.bench.report import Report, at_most
from bridge.bench.timing import percentiles_ms, timed
from bridge.sync import records
from config.db import partitions
from config.db.periods import Step

CONNECTIONS, CONTACTS, MESSAGES_EACH = 300, 1_000_000, 5
MONTHS = 6
RUNS = 2000
NEW = 10**12  # contacts from here on do not exist yet
PARTITION = re.compile(r"_p\d+")
BIG_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 5000"

CONVERSATIONS_OF_A_LEAD = """
SELECT chatwoot_conversation_id, status, message_count, last_message_at, updated_at FROM conversation_mappings
WHERE connection_id = %(connection)s AND krayin_lead_id = %(lead)s ORDER BY updated_at DESC
"""
MESSAGES_OF_A_CONVERSATION = """
SELECT chatwoot_message_id, krayin_activity_id, message_type, created_at FROM activity_mappings
WHERE connection_id = %(connection)s AND conversation_id = %(conversation)s ORDER BY created_at DESC LIMIT 100
"""
# Half-open validity, one current row: whoever closes it holds the lead until the new one is there.
LOCK_LEAD = "SELECT pg_advisory_xact_lock(hashtextextended('insight:' || %(connection)s || ':' || %(lead)s, 0))"
CLOSE_INSIGHT = """
UPDATE ai_insights SET is_current = false, valid_to = clock_timestamp()
WHERE connection_id = %(connection)s AND krayin_lead_id = %(lead)s AND is_current
"""
OPEN_INSIGHT = """
INSERT INTO ai_insights (connection_id, krayin_lead_id, total_conversations, resolved_conversations,
  pending_conversations, resolution_rate, total_messages, performance_score, engagement_level, trend, is_current,
  calculated_at, valid_from, created_at)
VALUES (%(connection)s, %(lead)s, 2, 1, 1, 50, 12, 7.5, 'medium', 'stable', true,
  clock_timestamp(), clock_timestamp(), clock_timestamp())
"""
# The panel's and the list's question: the clinic's contacts synced last, each with its opportunity's open
# conversations, the messages in Krayin, the current numbers and the last move.
COMPLEX_JOIN = """
SELECT m.chatwoot_contact_id, m.krayin_lead_id, i.performance_score, i.trend, c.open, c.last_message_at, a.messages,
       s.new_stage
FROM (SELECT * FROM contact_mappings WHERE connection_id = %(connection)s ORDER BY updated_at DESC LIMIT 50) m
LEFT JOIN ai_insights i
  ON i.connection_id = m.connection_id AND i.krayin_lead_id = m.krayin_lead_id AND i.is_current
LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE status = 'open') AS open, max(last_message_at) AS last_message_at,
         array_agg(chatwoot_conversation_id) AS ids
  FROM conversation_mappings WHERE connection_id = m.connection_id AND krayin_lead_id = m.krayin_lead_id
) c ON true
LEFT JOIN LATERAL (
  SELECT count(*) AS messages FROM activity_mappings
  WHERE connection_id = m.connection_id AND conversation_id = ANY(c.ids)
) a ON true
LEFT JOIN LATERAL (
  SELECT new_stage FROM stage_change_logs
  WHERE connection_id = m.connection_id AND krayin_lead_id = m.krayin_lead_id ORDER BY created_at DESC LIMIT 1
) s ON true
ORDER BY m.updated_at DESC
"""


@dataclass(frozen=True)
class Question:
    """One of the five: what it is called, how long it may take at most (p95), its statements, and how it is asked."""

    name: str
    limit_ms: float
    statements: tuple[str, ...]
    ask: Callable[[Mapping[str, int]], None]


def _read(sql: str) -> Callable[[Mapping[str, int]], None]:
    def ask(values: Mapping[str, int]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            cursor.fetchall()

    return ask


def _insert_mapping(values: Mapping[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(records.MAP_CONTACT, {**values, "contact": values["new"]})


def _update_insight(values: Mapping[str, int]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for sql in (LOCK_LEAD, CLOSE_INSIGHT, OPEN_INSIGHT):
            cursor.execute(sql, values)


QUESTIONS = (
    Question("insert_mapping", 10, (records.MAP_CONTACT,), _insert_mapping),
    Question("conversations_of_a_lead", 20, (CONVERSATIONS_OF_A_LEAD,), _read(CONVERSATIONS_OF_A_LEAD)),
    Question("messages_of_a_conversation", 50, (MESSAGES_OF_A_CONVERSATION,), _read(MESSAGES_OF_A_CONVERSATION)),
    Question("update_insights", 100, (LOCK_LEAD, CLOSE_INSIGHT, OPEN_INSIGHT), _update_insight),
    Question("complex_join", 200, (COMPLEX_JOIN,), _read(COMPLEX_JOIN)),
)


class Ids:
    """Random rows among those filled in, and contacts that do not exist yet; the same ones in every run."""

    def __init__(self, connection_ids: list[int], contacts: int) -> None:
        self._connections, self._contacts = connection_ids, contacts
        self._dice = random.Random(1)  # noqa: S311 - which rows are asked for
        self._new = NEW

    def next(self) -> dict[str, Any]:
        row = self._dice.randrange(1, self._contacts + 1)
        self._new += 1
        return {
            "connection": self._connections[row % len(self._connections)],
            "contact": row, "lead": row, "person": row, "conversation": row, "new": self._new, "found_by": "created",
        }  # fmt: skip

    def sets(self) -> dict[str, str]:
        """The same for pgbench: the connections were made in one statement, so their numbers follow each other."""
        names = ("lead", "person", "conversation")
        return {
            "row": f"random(1, {self._contacts})",
            "connection": f"{self._connections[0]} + :row % {len(self._connections)}",
            "contact": f"random({2 * NEW}, {3 * NEW})",
            **dict.fromkeys(names, ":row"),
        }


def fill(ground: Ground, report: Report) -> Ids:
    """Write the links and messages of six months, and tell how many."""
    numbers = [c.pk for c in clinics.receiving(ground.sized(CONNECTIONS, 10))]
    contacts = ground.sized(CONTACTS, 10_000)
    ground.say(f"filling in {contacts} links and {contacts * MESSAGES_EACH} messages over {MONTHS} months")
    _earlier_months()
    filling.links(numbers, contacts=contacts, messages_each=MESSAGES_EACH, months=MONTHS)
    filling.settled()
    report.figures = {"contact_mappings": contacts, "activity_mappings": contacts * MESSAGES_EACH, "months": MONTHS}
    return Ids(numbers, contacts)


def measure(ground: Ground, report: Report) -> None:
    ids, runs = fill(ground, report), 50 if ground.wishes.small else RUNS
    ground.say(f"asking each question {runs} times")
    ground.statements.begin()
    for question in QUESTIONS:
        report.latencies_ms[question.name] = _ask(question, ids, runs)
    report.statements = ground.statements.top()
    for question in QUESTIONS:
        p95 = report.latencies_ms[question.name]["p95"]
        report.targets.append(at_most(f"{question.name.replace('_', ' ')}, p95 (ms)", p95, question.limit_ms))
    if ground.pgbench.is_there:
        _compare(ground.pgbench, report, ids, runs)
    _explain(report, ids.next())


def _ask(question: Question, ids: Ids, runs: int) -> dict[str, float]:
    took: list[float] = []
    for _ in range(runs):
        timed(partial(question.ask, ids.next()), took)
    return percentiles_ms(took)


def _compare(pgbench: Pgbench, report: Report, ids: Ids, runs: int) -> None:
    """The same questions from pgbench: what Python and Django add."""
    for question in QUESTIONS:
        statements = ("BEGIN", *question.statements, "COMMIT") if len(question.statements) > 1 else question.statements
        played = pgbench.play(script(statements, sets=ids.sets(), given={"found_by": "'created'"}), each=runs)
        row = report.latencies_ms[f"pgbench_{question.name}"] = percentiles_ms(played.latencies)
        report.baseline[f"pgbench_{question.name}_p95_ms"] = row["p95"]
    ours = report.latencies_ms["complex_join"]["p95"]
    report.compare(ours, report.baseline["pgbench_complex_join_p95_ms"], "p95 of the join, Ponte / pgbench")


def _explain(report: Report, values: Mapping[str, Any]) -> None:
    """Which indexes the plans use, and big tables that one reads from end to end; empty partitions do not count."""
    with connection.cursor() as cursor:
        cursor.execute(BIG_TABLES)
        big = {name for (name,) in cursor.fetchall()}
    scans = []
    for question in QUESTIONS:
        nodes = [node for sql in question.statements for node in _nodes(_plan(sql, values))]
        used = {name for node in nodes for name in (node.get("Index Name"), *node.get("Conflict Arbiter Indexes", ()))}
        report.plans[question.name] = sorted({PARTITION.sub("_p…", name) for name in used if name})
        read = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        scans += [f"{question.name} reads {name} from end to end" for name in sorted(read & big)]
    report.notes += scans
    report.figures["sequential_scans"] = len(scans)
    report.targets.append(at_most("big tables read from end to end", len(scans), 0))


def _earlier_months() -> None:
    """Partitions of the months before, which a fresh installation does not have."""
    wanted, moment = [], timezone.now()
    for _ in range(MONTHS):
        start, end = Step.MONTH.start(moment), Step.MONTH.following(moment)
        name = f"activity_mappings_p{Step.MONTH.label(start)}"
        wanted.append(partitions.Action(partitions.ActionKind.CREATE, "activity_mappings", name, start, end))
        moment = start - timedelta(days=1)
    partitions.apply(wanted)


def _plan(sql: str, values: Mapping[str, int]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        found = cursor.fetchone()[0]
    plan: dict[str, Any] = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
    return plan


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)
