"""Run alone: make one person's package with so many messages and say how much memory it took.

python measure.py <messages> <person's id>, with the settings' variables in the environment.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

django.setup()

from exporting import Scripted  # noqa: E402 - Django comes first

from consent.encryption import Actor  # noqa: E402
from consent.export import control, job, sources  # noqa: E402
from consent.export.sources import Item, Record  # noqa: E402
from consent.models import DataSubject  # noqa: E402

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
TEXT = "Bom dia, gostaria de remarcar a consulta de quinta para a semana que vem, se possível à tarde. Obrigada! "


def talk(count: int) -> Iterator[Item]:
    yield Record("conversation", {"system": "chat", "conversation_id": 1, "started_at": BEGIN})
    for number in range(count):
        at = BEGIN + timedelta(seconds=40 * number)
        author = "contact" if number % 3 else "user"
        told = {"message_id": number, "sent_at": at, "direction": "incoming", "author": author, "text": TEXT}
        yield Record("message", {"system": "chat", **told})


def peak_mb() -> int:
    """Of this program alone: getrusage would also count what its parent held when it was forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) // 1024


def main(count: int, person: str) -> None:
    sources._factories["z"] = lambda subject: [Scripted("chat", lambda unit: talk(count), lambda: ["talk"])]
    begin = time.monotonic()
    row = control.ask(
        DataSubject.objects.get(pk=person), protocol="2026-SIZE", rights=["T03"], actor=Actor.system("test")
    )
    while job.run_once():
        pass
    row.refresh_from_db()
    told = {"state": row.state, "cause": row.cause, "megabytes": peak_mb(), "bytes": row.file_bytes}
    print(json.dumps({**told, "seconds": round(time.monotonic() - begin, 1)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
