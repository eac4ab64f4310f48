"""How long the numbers of many opportunities take: rows are written set-based, then everything is computed."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from bridge.models import Connection, Krayin
from consent.models import Clinic, DataSubject
from insights.models import InsightMark, OpeningHours, Unit
from insights.updating import refresh_all, update_ai_insights

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


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of the processor: PostgreSQL's where its process can be read, and ours."""

    what: str
    rows: int
    seconds: float
    own_cpu_s: float
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


def measure() -> list[Took]:
    """The first computation of everything, the next night's, and single ones."""
    now = timezone.now()
    first = _timed("everything, first time", lambda: refresh_all(now))
    again = _timed("everything, unchanged", lambda: refresh_all(now))
    pks = list(Connection.objects.values_list("pk", flat=True))
    singles = _timed(
        "200 single ones", lambda: sum(update_ai_insights(pks[n % len(pks)], n + 1) is not None for n in range(200))
    )
    return [first, again, singles]


def _timed(what: str, work: Callable[[], int]) -> Took:
    started, own, theirs = time.perf_counter(), _own_cpu_s(), _database_cpu_s()
    rows = work()
    after = _database_cpu_s()
    database = None if theirs is None or after is None else after - theirs
    return Took(what, rows, time.perf_counter() - started, _own_cpu_s() - own, database)


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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
