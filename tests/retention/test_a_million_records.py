"""However long the list, memory stays and nobody waits: batches hold their locks for moments (lgpd 3.3).

PONTE_FULL_RETENTION=1000000 runs it with a million conversations of 250,000 people, and prints what it took.
"""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection as db
from django.utils import timezone

from bridge.models import Connection, ConversationMapping
from consent.management.commands.enforce_retention import planned
from consent.models import RetentionCase, RetentionItem, RetentionRun, User
from consent.retention import approving, planning
from tests.retention.ended import sql

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

RECORDS = int(os.environ.get("PONTE_FULL_RETENTION", "400"))
IS_FULL = RECORDS > 100_000
MOST_MB, LONGEST_MS = 200, 50  # locks are timed only in the full run, on a machine that does nothing else

# Their triggers mark what is to be computed anew; nobody computes while the tables are filled.
MARKING = ("observed_conversations", "conversation_mappings")
# Four conversations of each person, the last message 5 to 8 years ago.
FILL = (
    """INSERT INTO data_subjects (id, clinic_id, pseudonym, has_hold, opposed_purposes, is_minor, created_at)
       SELECT md5('s' || g)::uuid, %(clinic)s, gen_random_uuid(), false, '{}', false, now() - interval '9 years'
       FROM generate_series(0, %(n)s / 4 - 1) g""",
    """INSERT INTO observed_contacts (id, connection_id, chatwoot_contact_id, subject_id, mask, has_email, has_phone,
         has_identifier, digests, needs_read, seen_at, last_activity_at)
       SELECT md5('c' || g)::uuid, %(connection)s, g, md5('s' || g)::uuid, '', false, false, false, '{}', false, now(),
         now() - interval '5 years' - g %% 1000 * interval '1 day' FROM generate_series(0, %(n)s / 4 - 1) g""",
    """INSERT INTO observed_conversations (id, connection_id, chatwoot_conversation_id, contact_id, inbox_id, channel,
         status, version, version_digest, labels, started_at, last_activity_at)
       SELECT md5('t' || g)::uuid, %(connection)s, g, md5('c' || g / 4)::uuid, 7, '', 'resolved', 1, '', '{}',
         now() - interval '9 years', now() - interval '5 years' - (g / 4) %% 1000 * interval '1 day'
       FROM generate_series(0, %(n)s - 1) g""",
    """INSERT INTO conversation_mappings (connection_id, chatwoot_conversation_id, krayin_lead_id, status, message_count,
         created_at, updated_at, last_message_at)
       SELECT %(connection)s, g, g, 'resolved', 3, now() - interval '9 years', now() - interval '9 years',
         now() - interval '5 years' - (g / 4) %% 1000 * interval '1 day' FROM generate_series(0, %(n)s - 1) g""",
    """INSERT INTO activity_keys (connection_id, chatwoot_message_id, created_at)
       SELECT %(connection)s, g, now() FROM generate_series(0, %(n)s - 1) g""",
    """INSERT INTO activity_mappings (connection_id, chatwoot_message_id, krayin_activity_id, conversation_id,
         message_type, created_at)
       SELECT %(connection)s, g, g, g, 'incoming', now() FROM generate_series(0, %(n)s - 1) g""",
)


def enforce(*options: str) -> list[dict[str, Any]]:
    """The command, in a process of its own; its lines."""
    address = urlsplit(settings.DATABASE_URL)._replace(path=f"/{db.settings_dict['NAME']}").geturl()
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "enforce_retention", *options, "--json"]
    environment = {**os.environ, "DATABASE_URL": address}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_long_list_needs_little_memory_and_short_locks(sol: Connection, dpo: User) -> None:
    for table in MARKING:
        sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with db.cursor() as cursor:
        for statement in FILL:
            cursor.execute(statement, {"n": RECORDS, "clinic": sol.clinic_id, "connection": sol.pk})
    for table in MARKING:
        sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    if IS_FULL:
        sql("VACUUM ANALYZE")
    lists = enforce("--dry-run") if IS_FULL else [planned(planning.plan(sol.clinic, now=timezone.now()))]
    listed = next(told for told in lists if told["clinic"] == f"clinic {sol.clinic_id}")
    assert listed["by_sweep"] == {"conversations": RECORDS, "leads": RECORDS // 4}
    run = RetentionRun.objects.get(clinic=sol.clinic)
    approving.approve(sol.clinic, listed["hash"], by=dpo, now=run.planned_at)

    (told,) = enforce("--apply")
    print(json.dumps({**listed, **told}))
    assert (told["is_exact"], told["carried_out"]) == (True, RECORDS + RECORDS // 4)
    assert told["hash_carried_out"] == listed["hash"]
    assert told["batches"] >= RECORDS // 1000 + 2
    assert told["memory_mb"] < MOST_MB
    assert not ConversationMapping.objects.filter(anonymized_at=None).exists()
    assert not RetentionItem.objects.exists()
    assert RetentionCase.objects.count() == RECORDS // 4
    if IS_FULL:
        assert listed["memory_mb"] < MOST_MB
        assert told["longest_lock_ms"] < LONGEST_MS
