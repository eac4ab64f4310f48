"""Both lists of people side by side, and how many open opportunities each has (screen A9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection as db

from bridge.models import Connection, DirectoryEntry, Owner, OwnerLink, OwnerRule
from bridge.team.lists import rule_of
from bridge.team.troubles import named_but_gone

Kind = DirectoryEntry.Kind

# The connection's own opportunities, as Krayin last showed them.
OPEN = """
SELECT l.owner_id, count(*) FROM krayin_leads l
WHERE l.krayin_id = %(krayin)s AND l.closed_at IS NULL AND l.gone_at IS NULL AND EXISTS (
  SELECT FROM synced_objects s WHERE s.krayin_id = l.krayin_id AND s.kind = 'lead' AND s.foreign_id = l.lead_id
    AND s.connection_id = %(connection)s AND s.gone_at IS NULL)
GROUP BY l.owner_id
"""


@dataclass(frozen=True)
class Pair:
    """Somebody, or a team, of Chatwoot and whom they are in Krayin. `is_by_hand` without owner: nobody, as people said."""

    entry: DirectoryEntry
    owner: Owner | None
    is_by_hand: bool


@dataclass(frozen=True)
class Person:
    """A Krayin user and how many open opportunities are theirs."""

    owner: Owner
    open: int


@dataclass(frozen=True)
class Team:
    """All there is to show of one connection: six queries. Who left Chatwoot is left out, who left Krayin only where a
    pair or the rule still names them."""

    rule: OwnerRule
    agents: Sequence[Pair] = ()
    teams: Sequence[Pair] = ()
    people: Sequence[Person] = ()
    gone: Sequence[Owner] = ()
    counts: Mapping[int | None, int] = field(default_factory=dict)

    @property
    def without_owner(self) -> int:
        return self.counts.get(None, 0)

    @property
    def of_others(self) -> int:
        """Open opportunities of users that are not in the list."""
        shown = {person.owner.number for person in self.people}
        return sum(n for number, n in self.counts.items() if number is not None and number not in shown)

    @property
    def unpaired(self) -> int:
        return sum(pair.owner is None for pair in self.agents)


def team_of(connection: Connection) -> Team:
    owners = list(Owner.objects.filter(connection=connection))
    links = {
        (row.kind, row.key): row for row in OwnerLink.objects.filter(connection=connection).select_related("owner")
    }
    entries = DirectoryEntry.objects.filter(connection=connection, kind__in=[Kind.AGENT, Kind.TEAM], gone_at=None)
    pairs = [_pair(entry, links.get((entry.kind, entry.key))) for entry in entries]
    counts = open_by_owner(connection)
    named = {pair.owner.pk for pair in pairs if pair.owner}
    shown = [row for row in owners if row.gone_at is None or row.pk in named or counts.get(row.number)]
    return Team(
        rule=rule_of(connection) or OwnerRule(connection=connection),
        agents=[pair for pair in pairs if pair.entry.kind == Kind.AGENT],
        teams=[pair for pair in pairs if pair.entry.kind == Kind.TEAM],
        people=[Person(row, counts.get(row.number, 0)) for row in shown],
        gone=list(named_but_gone([connection])),
        counts=counts,
    )


def _pair(entry: DirectoryEntry, link: OwnerLink | None) -> Pair:
    return Pair(entry, link.owner if link else None, link is not None and link.found_by == OwnerLink.FoundBy.MANUAL)


def open_by_owner(connection: Connection) -> dict[int | None, int]:
    """Open opportunities by Krayin user, None for those without."""
    with db.cursor() as cursor:
        cursor.execute(OPEN, {"krayin": connection.krayin_id, "connection": connection.pk})
        return dict(cursor.fetchall())
