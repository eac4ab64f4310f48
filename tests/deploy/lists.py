"""Opens pages in one process and tells which server each was read from: `python -m tests.deploy.lists`.

Needs the environment of tests.deploy.pair, ADMIN_OF_REPLICA (a superuser's address) and REPLICA_PID. Prints one JSON
object: for each situation the servers that were asked.
"""

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable

import django
import psycopg


def tell() -> dict[str, list[str]]:
    """Every situation in turn; the last one ends the replica."""
    # Models can be imported only after django.setup().
    from django.conf import settings
    from django.urls import reverse

    from tests.deploy.reader import Reader
    from tests.intake.clinic import make_address

    reader = Reader.signed_in()
    connection = make_address(f"Lida {uuid.uuid4().hex[:6]}").connection
    form = reverse("admin:consent_clinic_change", args=[connection.clinic_id])
    story: dict[str, list[str]] = {}
    with psycopg.connect(os.environ["ADMIN_OF_REPLICA"], autocommit=True) as admin:
        reader.waits_until_level()
        story["a list"] = reader.servers("webhook_events")
        story["who may see it"] = reader.servers("django_session")
        story["a form"] = reader.servers("clinics", form)
        connection.save(update_fields=["name"])
        reader.waits_until_level()
        pause(admin)
        connection.save(update_fields=["name"])
        story["somebody else has written a moment ago"] = reader.servers("webhook_events")
        reader.writes()
        story["this reader has written"] = reader.servers("webhook_events")
        reader.becomes_another()
        story["another reader"] = reader.servers("webhook_events")
        settings.REPLICA_DELAY_S = 0
        story["it is later than it may be"] = reader.servers("webhook_events")
        admin.execute("SELECT pg_wal_replay_resume()")
        reader.writes()
        reader.waits_until_level()
        story["it has caught up"] = reader.servers("webhook_events")
    os.kill(int(os.environ["REPLICA_PID"]), signal.SIGQUIT)
    until(lambda: not reader.finds_the_replica())
    story["it is away"] = reader.servers("webhook_events")
    return story


def pause(admin: "psycopg.Connection[tuple[object, ...]]") -> None:
    """The replica receives and applies nothing any more."""
    admin.execute("SELECT pg_wal_replay_pause()")
    until(lambda: admin.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",))


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(tell()) + "\n")
