"""Time that passes in the database, and real processes on the test's own database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.db import connection

from bridge.sandbox.chatwoot.rows import Conversation
from consent.encryption.keycheck import remember_keys
from tests.bridge.connected_clinic import Bridge
from tests.intake.server import NOBODY, PROJECT, database_address

PATIENCE_S = 120

# Every time that decides when something happens; nothing else of the system looks at a clock.
PASS = (
    "UPDATE lanes SET run_at = run_at - %(time)s",
    "UPDATE breakers SET since = since - %(time)s, paused_until = paused_until - %(time)s",
    "UPDATE effects SET not_before = not_before - %(time)s, sent_at = sent_at - %(time)s",
    "UPDATE call_budgets SET at = at - %(time)s, blocked_until = blocked_until - %(time)s,"
    " queued_until = queued_until - %(time)s, window_until = window_until - %(time)s",
    "UPDATE krayin_users SET login_until = login_until - %(time)s",
    "UPDATE identity_claims SET until = until - %(time)s",
    "UPDATE conversation_days SET first_change_at = first_change_at - %(time)s,"
    " last_change_at = last_change_at - %(time)s",
)


def pass_time(**time: float) -> None:
    """Let time pass as the database sees it; keywords as of `timedelta`."""
    interval = " ".join(f"{amount} {unit}" for unit, amount in time.items())
    with connection.cursor() as cursor:
        for statement in PASS:
            cursor.execute(statement.replace("%(time)s", "%(time)s::interval"), {"time": interval})


def somebody_writes(bridge: Bridge, number: int = 21) -> Conversation:
    """A new person writes and is answered; nobody works yet."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes(
            "Bom dia", name=f"Ana Lima {number}", phone_number=f"+55119{number:08}"
        )
        bridge.chatwoot.outgoing(conversation.display_id, "Olá")
    assert set(bridge.deliver(deliveries)) == {202}
    return conversation


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def until(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


def environment(**more: str) -> dict[str, str]:
    """What another process needs to work on the test's database; without a broker."""
    remember_keys()
    return {**os.environ, "DATABASE_URL": database_address(), "REDIS_URL": NOBODY, "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def process(*command: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of this Python; what it says is shown when the block fails."""
    with TemporaryFile() as log:
        child = subprocess.Popen(
            [sys.executable, *command], cwd=PROJECT, env=environment(**environ), stdout=log, stderr=log
        )
        try:
            yield child
        except BaseException:
            sys.stderr.write(os.pread(log.fileno(), 20_000, 0).decode(errors="replace"))
            raise
        finally:
            child.terminate()
            child.wait(PATIENCE_S)


@contextmanager
def lane_worker(*arguments: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`manage.py lanes`, running."""
    with process("manage.py", "lanes", *arguments, **environ) as child:
        yield child


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
