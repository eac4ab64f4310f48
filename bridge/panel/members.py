"""Which inboxes an attendant belongs to: Chatwoot's own list, matched by e-mail, read at sign-in and every hour."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone

from bridge.clients.base import Priority
from bridge.errors import PartnerError
from bridge.models import AttendedInboxes, Connection
from bridge.sync.partners import chatwoot_client
from consent.models import Membership, User
from consent.models.staff import account_email
from consent.roles import Role

logger = logging.getLogger(__name__)

FRESH = timedelta(minutes=10)

Members = Mapping[str, tuple[int, set[int]]]  # e-mail -> Chatwoot user and inboxes


def refresh(connection: Connection) -> int:
    """Read the members of the connection's inboxes, one call each; return how many of our people were found.

    Raises the partner errors of `bridge.errors`; then nothing changed.
    """
    found = _members(connection)
    now = timezone.now()
    people = User.objects.filter(
        memberships__in=Membership.objects.filter(clinic=connection.clinic_id, role=Role.ATTENDANT)
    ).distinct()
    rows = [_row(connection, person, found, now) for person in people]
    AttendedInboxes.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["connection", "user"],
        update_fields=["inbox_ids", "chatwoot_user_id", "read_at"],
    )
    return sum(bool(row.inbox_ids) for row in rows)


def refresh_all() -> dict[str, int]:
    """Every connection whose panel can be used; one that cannot be asked keeps what is known."""
    done = failed = 0
    attendants = Membership.objects.filter(role=Role.ATTENDANT).values("clinic_id")
    for connection in Connection.objects.filter(state__in=["shadow", "active", "paused"], clinic__in=attendants):
        try:
            refresh(connection)
            done += 1
        except PartnerError as error:
            failed += 1
            logger.warning("inbox members not read: connection=%s %s", connection.pk, type(error).__name__)
    return {"connections": done, "failed": failed}


def refresh_at_sign_in(user: User, connection: Connection) -> None:
    """Somebody signs in who attends: make sure that a change in Chatwoot counts. A Chatwoot that is away changes nothing."""
    if (connection.clinic_id, Role.ATTENDANT) not in user.grants:
        return
    recent = AttendedInboxes.objects.filter(connection=connection, user=user, read_at__gt=timezone.now() - FRESH)
    if recent.exclude(inbox_ids=[]).exists():
        return
    try:
        refresh(connection)
    except PartnerError as error:
        logger.warning("inbox members not read: connection=%s %s", connection.pk, type(error).__name__)


def _members(connection: Connection) -> Members:
    client = chatwoot_client(connection).at(Priority.BACKGROUND)
    inbox_ids = [inbox.id for inbox in client.inboxes()] if connection.all_inboxes else connection.inbox_ids
    found: dict[str, tuple[int, set[int]]] = {}
    inboxes: dict[str, set[int]] = defaultdict(set)
    for inbox_id in inbox_ids:
        for member in client.inbox_members(inbox_id):
            email = account_email(member.email)
            inboxes[email].add(inbox_id)
            found[email] = (member.id, inboxes[email])
    return found


def _row(connection: Connection, person: User, found: Members, now: datetime) -> AttendedInboxes:
    chatwoot_user_id, inbox_ids = found.get(person.email, (None, set()))
    return AttendedInboxes(
        connection=connection,
        user=person,
        inbox_ids=sorted(inbox_ids),
        chatwoot_user_id=chatwoot_user_id,
        read_at=now,
    )
