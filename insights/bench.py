"""How long the numbers of many opportunities take: rows are written set-based, then everything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from django.db import connection
from django.utils import timezone

from bridge.bench.ground import Ground
from bridge.bench.report import Report, at_most
from bridge.bench.timing import percentiles_ms, timed
from bridge.models import Connection, Krayin
from consent.models import Clinic, DataSubject
from insights.models import InsightMark, OpeningHours, Unit
from insights.updating import refresh_all, update_ai_insights

LEADS, SINGLES, LIMIT_S = 100_000, 200, 60
CONNECTIONS = 20
TALKS, MESSAGES = 2, 8  # of an opportunity, of a conversation

FILL = (
    """INSERT INTO observed_contacts (id, connection_id, chatwoot_contact_id, subject_id, mask, has_email, has_phone,
         has_identifier, digests, needs_read, seen_at)
       SELECT md5('c' || %(connection)s || '-' || g)::uuid, %(connection)s, g, %(subject)s, '', false, false, false, '{}',
         false, now() FROM generate_series(1, %(leads)s) g""",
    """INSERT INTO contact_mappings (connection_id, chatwoot_contact_id, krayin_lead_id, krayin_person_id, found_by)
       SELECT %(connection)s, g, g, g, 'created' FROM generate_series(1, %(leads)s) g""",
    """INSERT INTO observed_conversations (id, connection_id, chatwoot_conversation_id, contact_id, inbox_id, channel,
         status, version, version_digest, labels, started_at, last_activity_at)
       SELECT md5('t' || %(connection)s || '-' || t)::uuid, %(connection)s, t,
         md5('c' || %(connection)s || '-' || (1 + t %% %(leads)s))::uuid, 7, 'Channel::Whatsapp', 'open', 1, '', '{}',
         date_trunc('second', now()) - make_interval(hours => (t * 7) %% 4320 + 48),
         now() - make_interval(hours => (t * 7) %% 4320)
       FROM generate_series(1, %(leads)s * %(talks)s) t""",
    """INSERT INTO conversation_mappings (connection_id, chatwoot_conversation_id, krayin_lead_id, status)
       SELECT %(connection)s, t, 1 + t %% %(leads)s, 'open' FROM generate_series(1, %(leads)s * %(talks)s) t""",
    """INSERT INTO observed_messages (id, connection_id, conversation_id, subject_id, chatwoot_message_id, direction,
         author_kind, sent_at, local_day, digest, version, is_deleted, needs_read)
       SELECT md5('m' || %(connection)s || '-' || m)::uuid, %(connection)s, c.id, %(subject)s, m,
         CASE WHEN m %% 2 = 0 THEN 'incoming' ELSE 'outgoing' END, CASE WHEN m %% 2 = 0 THEN 'contact' ELSE 'user' END,
         c.started_at + make_interval(mins => (m * 37) %% 2800), current_date, '', 0, false, false
       FROM generate_series(1, %(leads)s * %(talks)s * %(messages)s) m
       JOIN observed_conversations c ON c.connection_id = %(connection)s
         AND c.chatwoot_conversation_id = 1 + m %% (%(leads)s * %(talks)s)""",
    """UPDATE observed_conversations SET status = 'resolved', version = (extract(epoch FROM last_activity_at) * 1e6)::bigint,
         resolved_at = date_trunc('second', last_activity_at)
       WHERE connection_id = %(connection)s AND chatwoot_conversation_id %% 3 <> 0""",
)
MESSAGES_ONCE = """
SELECT m.connection_id, cm.krayin_lead_id, count(*), min(m.sent_at), max(m.sent_at)
FROM observed_messages m
JOIN observed_conversations c ON c.id = m.conversation_id
JOIN conversation_mappings cm
  ON cm.connection_id = c.connection_id AND cm.chatwoot_conversation_id = c.chatwoot_conversation_id
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of PostgreSQL's processor where its process can be read."""

    rows: int
    seconds: float
    database_cpu_s: float | None


def fill(leads: int, say: Callable[[str], None]) -> None:
    each = max(1, leads // CONNECTIONS)
    krayin = Krayin.objects.create(base_url="https://crm.invalid")
    for n in range(CONNECTIONS):
        clinic = Clinic.objects.create(legal_name=f"Clínica {n} Ltda", trade_name=f"Clínica {n}")
        unit = Unit.objects.create(clinic=clinic, name="Centro", is_default=True)
        OpeningHours.objects.bulk_create(
            OpeningHours(unit=unit, weekday=day, opens_min=480, closes_min=1080) for day in range(1, 6)
        )
        made = Connection.objects.create(
            clinic=clinic,
            name=clinic.trade_name,
            krayin=krayin,
            chatwoot_url="https://chat.invalid",
            chatwoot_account_id=n,
        )
        values: dict[str, Any] = {
            "connection": made.pk, "subject": DataSubject.objects.create(clinic=clinic).pk, "leads": each,
            "talks": TALKS, "messages": MESSAGES,
        }  # fmt: skip
        with connection.cursor() as cursor:
            for sql in FILL:
                cursor.execute(sql, values)
    say(f"{each * CONNECTIONS} opportunities, {each * CONNECTIONS * TALKS * MESSAGES} messages")
    InsightMark.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def measure(ground: Ground, report: Report) -> None:
    """The first computation of everything, the next night's, and single ones."""
    fill(ground.sized(LEADS, 400), ground.say)
    now = timezone.now()
    ground.say("one pass over the messages, then everything, twice, then single ones")
    least = _timed(_one_pass)
    ground.statements.begin()
    first = _timed(lambda: refresh_all(now))
    again = _timed(lambda: refresh_all(now))
    report.statements = ground.statements.top()
    report.latencies_ms["one_opportunity"] = percentiles_ms(_singles(ground.sized(SINGLES, 20)))
    report.figures = {
        "opportunities": first.rows,
        "first_s": round(first.seconds, 2),
        "again_s": round(again.seconds, 2),
    }
    if first.database_cpu_s is not None:
        report.figures["first_database_cpu_s"] = round(first.database_cpu_s, 1)
    report.baseline = {"one_pass_over_the_messages_s": round(least.seconds, 3)}
    report.compare(first.seconds, least.seconds, "everything, Ponte / one pass over the messages")
    report.targets += [
        at_most("numbers of all opportunities, first time (s)", first.seconds, LIMIT_S),
        at_most("numbers of all opportunities, the next night (s)", again.seconds, LIMIT_S),
    ]


def _one_pass() -> int:
    """The least there is to do: read every message once, for each opportunity."""
    with connection.cursor() as cursor:
        cursor.execute(MESSAGES_ONCE)
        return len(cursor.fetchall())


def _singles(count: int) -> list[float]:
    pks = list(Connection.objects.values_list("pk", flat=True))
    took: list[float] = []
    for n in range(count):
        timed(partial(update_ai_insights, pks[n % len(pks)], n + 1), took)
    return took


def _timed(work: Callable[[], int]) -> Took:
    started, before = perf_counter(), _database_cpu_s()
    rows = work()
    after = _database_cpu_s()
    return Took(rows, perf_counter() - started, None if before is None or after is None else after - before)


def _database_cpu_s() -> float | None:
    """Processor seconds of our session's process, where it runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / 100
