"""The labels, teams and agents of a Chatwoot account, read when people ask for them: three calls."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from bridge.models import Connection, DirectoryEntry
from bridge.sync.clock import database_now
from bridge.sync.partners import chatwoot_client

CALLS = 3
LONGEST = 255
Kind = DirectoryEntry.Kind


def fetch(connection: Connection) -> int:
    """Read the directory anew and return how many entries there are; what is gone stays, marked.

    Raises the errors of `bridge.errors`; then nothing changed.
    """
    client = chatwoot_client(connection)
    labels = [(title, title) for title in client.labels()]
    teams = [(str(team.id), team.name) for team in client.teams()]
    agents = [(str(agent.id), agent.name) for agent in client.agents()]
    now = database_now()
    with transaction.atomic():
        for kind, found in ((Kind.LABEL, labels), (Kind.TEAM, teams), (Kind.AGENT, agents)):
            _keep(connection, kind, found, now)
    return len(labels) + len(teams) + len(agents)


def _keep(connection: Connection, kind: Kind, found: Iterable[tuple[str, str]], now: datetime) -> None:
    rows = [
        DirectoryEntry(
            connection=connection, kind=kind, key=key[:LONGEST], name=(name or key)[:LONGEST], seen_at=now, gone_at=None
        )
        for key, name in dict(found).items()
    ]  # fmt: skip
    DirectoryEntry.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "kind", "key"],
        update_fields=["name", "seen_at", "gone_at"],
    )  # fmt: skip
    missing = DirectoryEntry.objects.filter(connection=connection, kind=kind, gone_at=None, seen_at__lt=now)
    missing.update(gone_at=now)
