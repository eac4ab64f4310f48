"""The labels, teams and agents of a Chatwoot account, read when people ask for them: three calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import Agent, NamedItem
from bridge.models import Connection, DirectoryEntry
from bridge.sync.clock import database_now
from bridge.sync.partners import chatwoot_client
from consent.identifiers import email_mask

CALLS = 3
LONGEST = 255
Kind = DirectoryEntry.Kind


@dataclass(frozen=True)
class Found:
    """What an account has at one moment."""

    labels: tuple[str, ...]
    teams: tuple[NamedItem, ...]
    agents: tuple[Agent, ...]

    def __len__(self) -> int:
        return len(self.labels) + len(self.teams) + len(self.agents)


def fetch(connection: Connection) -> int:
    """Read the directory anew and return how many entries there are; what is gone stays, marked.

    Raises the errors of `bridge.errors`; then nothing changed.
    """
    found = read(chatwoot_client(connection))
    with transaction.atomic():
        keep(connection, found, database_now())
    return len(found)


def read(client: ChatwootClient) -> Found:
    """Ask Chatwoot; nothing is written."""
    return Found(client.labels(), client.teams(), client.agents())


def keep(connection: Connection, found: Found, now: datetime) -> None:
    """Write down what was read at `now`, in the caller's transaction."""
    _keep(connection, Kind.LABEL, ((title, title, "") for title in found.labels), now)
    _keep(connection, Kind.TEAM, ((str(team.id), team.name, "") for team in found.teams), now)
    agents = ((str(agent.id), agent.name, email_mask(agent.email)) for agent in found.agents)
    _keep(connection, Kind.AGENT, agents, now)


def _keep(connection: Connection, kind: Kind, found: Iterable[tuple[str, str, str]], now: datetime) -> None:
    rows = [
        DirectoryEntry(
            connection=connection, kind=kind, key=key[:LONGEST], name=(name or key)[:LONGEST], mask=mask, seen_at=now,
            gone_at=None,
        )
        for key, name, mask in {one[0]: one for one in found}.values()
    ]  # fmt: skip
    DirectoryEntry.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "kind", "key"],
        update_fields=["name", "mask", "seen_at", "gone_at"],
    )  # fmt: skip
    missing = DirectoryEntry.objects.filter(connection=connection, kind=kind, gone_at=None, seen_at__lt=now)
    missing.update(gone_at=now)
