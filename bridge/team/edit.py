"""Change who gets what. Each change leaves its audit row in the same transaction."""

from datetime import date

from django.db import transaction

from bridge.models import Connection, DirectoryEntry, Owner, OwnerLink, OwnerRule
from bridge.sync.clock import database_now

Kind = OwnerLink.Kind


def set_rule(connection: Connection, rule: str, default: Owner | None) -> None:
    """Choose the rule and who gets what nobody else gets. A new rule counts from what happens next."""
    with transaction.atomic():
        row, made = OwnerRule.objects.select_for_update(of=("self",)).get_or_create(
            connection=connection, defaults={"rule": rule, "default_owner": default}
        )
        if made:
            return
        if row.rule != rule:
            row.since = database_now()
        row.rule, row.default_owner = rule, default
        row.save(update_fields=["rule", "default_owner", "since"])


def pair(entry: DirectoryEntry, owner: Owner | None) -> bool:
    """Say by hand who somebody of Chatwoot is in Krayin; None: nobody. True if that is news."""
    with transaction.atomic():
        Connection.objects.select_for_update(of=("self",)).get(pk=entry.connection_id)
        link = OwnerLink.objects.filter(connection_id=entry.connection_id, kind=entry.kind, key=entry.key).first()
        if (link.owner if link else None) == owner:
            return False
        link = link or OwnerLink(connection_id=entry.connection_id, kind=entry.kind, key=entry.key)
        link.owner, link.found_by = owner, OwnerLink.FoundBy.MANUAL
        link.save()
        return True


def set_work(owner: Owner, *, takes_turns: bool, is_absent: bool, until: date | None) -> bool:
    """Say whether somebody takes part in the rotation and is there. True if that is news."""
    until = until if is_absent else None
    if (owner.takes_turns, owner.is_absent, owner.absent_until) == (takes_turns, is_absent, until):
        return False
    owner.takes_turns, owner.is_absent, owner.absent_until = takes_turns, is_absent, until
    owner.save(update_fields=["takes_turns", "is_absent", "absent_until"])
    return True
