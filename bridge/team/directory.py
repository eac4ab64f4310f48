"""The people of both partners, read when somebody asks (four calls) or once an hour (one); pairs by equal e-mail.

E-mails are compared and forgotten: what stays is a mask.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Agent, CrmUser
from bridge.models import Connection, Owner, OwnerLink, OwnerRule
from bridge.rules import directory as chatwoot_directory
from bridge.sync.clock import database_now
from bridge.sync.partners import chatwoot_client, krayin_client
from bridge.team.lists import rule_of
from consent.identifiers import email_mask, email_normalised

CALLS = chatwoot_directory.CALLS + 1
LONGEST = 255


@dataclass(frozen=True)
class Fetched:
    """How many people there are on each side, and how many pairs of equal e-mail."""

    agents: int
    owners: int
    pairs: int


def fetch(connection: Connection) -> Fetched:
    """Read both lists and pair them. Raises the errors of `bridge.errors`; then nothing changed."""
    found = chatwoot_directory.read(chatwoot_client(connection))
    users = krayin_client(connection)[0].users()
    now = database_now()
    with transaction.atomic():
        chatwoot_directory.keep(connection, found, now)
        _keep(connection, users, now)
        pairs = _pair(connection, found.agents, users)
        rule, made = OwnerRule.objects.get_or_create(connection=connection, defaults={"read_at": now})
        if not made:
            OwnerRule.objects.filter(pk=rule.pk).update(read_at=now)
    return Fetched(len(found.agents), len(users), pairs)


def refresh(connection: Connection, client: KrayinClient) -> frozenset[int]:
    """Read Krayin's users again: one call. Returns the numbers of those who may work."""
    users = client.users()
    with transaction.atomic():
        _keep(connection, users, database_now())
    return frozenset(user.id for user in users if user.is_active)


def refresh_where_needed(connection: Connection, client: KrayinClient) -> None:
    """The hourly look: only where the rule names anybody."""
    rule = rule_of(connection)
    if rule and (rule.rule != OwnerRule.Rule.KEEP or rule.default_owner_id):
        refresh(connection, client)


def _keep(connection: Connection, users: Iterable[CrmUser], now: datetime) -> None:
    rows = [
        Owner(
            connection=connection, number=user.id, name=user.name[:LONGEST] or str(user.id),
            mask=email_mask(user.email), is_active=user.is_active, seen_at=now, gone_at=None,
        )
        for user in users
    ]  # fmt: skip
    Owner.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "number"],
        update_fields=["name", "mask", "is_active", "seen_at", "gone_at"],
    )  # fmt: skip
    Owner.objects.filter(connection=connection, gone_at=None, seen_at__lt=now).update(gone_at=now)


def _pair(connection: Connection, agents: Iterable[Agent], users: Iterable[CrmUser]) -> int:
    """Make the pairs of equal e-mail; what people said by hand stays."""
    by_email = _unambiguous(users)
    numbers = {row.number: row for row in Owner.objects.filter(connection=connection)}
    links = OwnerLink.objects.filter(connection=connection, kind=OwnerLink.Kind.AGENT)
    by_hand = set(links.filter(found_by=OwnerLink.FoundBy.MANUAL).values_list("key", flat=True))
    found = {str(agent.id): by_email.get(email_normalised(agent.email) or "") for agent in agents}
    wanted = {key: numbers[number] for key, number in found.items() if number is not None and key not in by_hand}
    links.filter(found_by=OwnerLink.FoundBy.EMAIL).exclude(key__in=wanted).delete()
    OwnerLink.objects.bulk_create(
        [
            OwnerLink(connection=connection, kind=OwnerLink.Kind.AGENT, key=key, owner=owner, found_by="email")
            for key, owner in wanted.items()
        ],
        update_conflicts=True, unique_fields=["connection", "kind", "key"], update_fields=["owner"],
    )  # fmt: skip
    return len(wanted)


def _unambiguous(users: Iterable[CrmUser]) -> Mapping[str, int]:
    """Krayin's users by e-mail, those left out that share one."""
    found: dict[str, list[int]] = {}
    for user in users:
        address = email_normalised(user.email)
        if address:
            found.setdefault(address, []).append(user.id)
    return {address: ids[0] for address, ids in found.items() if len(ids) == 1}
