"""Sign-ins of the panel: issued to a person for one connection, checked with one query, ended by time or by hand."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from audit.services import record
from bridge.models import AttendedInboxes, Breaker, Connection, PanelToken
from consent.encryption import Actor
from consent.models import Membership, User
from consent.roles import Capability, Role, roles_with

LIVES = timedelta(hours=12)
NOTE_USE_EVERY = timedelta(minutes=5)
KEPT = timedelta(days=90)  # what H4 can look back at; the audit trail remembers longer

# Who may open the panel at all, and who sees every inbox of the connection in it.
PANEL_ROLES = roles_with(Capability.PANEL, Capability.OPERATE_ACT)
EVERY_INBOX_ROLES = roles_with(Capability.OPERATE_VIEW)


@dataclass(frozen=True)
class Viewer:
    """Whose token it is, and what was read along with it."""

    token: PanelToken
    inbox_ids: frozenset[int]
    away_problem: str  # why Krayin cannot be used now, empty when it can
    away_until: datetime | None

    @property
    def user(self) -> User:
        return self.token.user

    @property
    def connection(self) -> Connection:
        return self.token.connection

    @property
    def actor(self) -> Actor:
        return Actor.staff(self.user)

    @property
    def is_permitted(self) -> bool:
        return may_open(self.user, self.connection)

    def attends(self, inbox_id: int) -> bool:
        """Whether conversations of the inbox are this person's business."""
        if self.user.has_role_in(self.connection.clinic_id, EVERY_INBOX_ROLES):
            return True
        return inbox_id in self.inbox_ids


def may_open(user: User, connection: Connection) -> bool:
    return user.has_role_in(connection.clinic_id, PANEL_ROLES)


def issue(user: User, connection: Connection, now: datetime) -> str:
    """Return a new token; only its digest is kept. Twelve hours, never renewed."""
    token = secrets.token_urlsafe(32)
    row = PanelToken.objects.create(connection=connection, user=user, digest=digest_of(token), expires_at=now + LIVES)
    note_down("panel.sign_in", row, user)
    return token


def viewer_of(token: str, public_id: str, now: datetime) -> Viewer | None:
    """The person behind a token of this connection; None when it is unknown, ended, or another connection's."""
    inboxes = AttendedInboxes.objects.filter(connection=OuterRef("connection"), user=OuterRef("user"))
    grants = (
        Membership.objects.in_force()
        .filter(user=OuterRef("user"))
        .values(pair=JSONObject(clinic="clinic_id", role="role"))
    )
    away = Breaker.objects.filter(connection=OuterRef("connection"), partner=Breaker.Of.KRAYIN)
    rows: Any = PanelToken.objects.select_related("user", "connection__clinic", "connection__krayin").annotate(
        inbox_ids=Subquery(inboxes.values("inbox_ids")[:1]),
        granted=ArraySubquery(grants),
        away_problem=Subquery(away.values("problem")[:1]),
        away_until=Subquery(away.values("paused_until")[:1]),
    )
    row = rows.filter(digest=digest_of(token), connection__public_id=public_id).first()
    if row is None or not row.is_valid(now) or not row.user.is_active:
        return None
    if row.last_used_at is None or row.last_used_at < now - NOTE_USE_EVERY:
        PanelToken.objects.filter(pk=row.pk).update(last_used_at=now)
    # Read along: the person's roles cost no query of their own.
    row.user.grants = frozenset((grant["clinic"], Role(grant["role"])) for grant in row.granted)
    return Viewer(row, frozenset(row.inbox_ids or ()), row.away_problem or "", row.away_until)


def end(row: PanelToken, by: User, now: datetime) -> bool:
    """End a sign-in at once; False when it had ended already."""
    if not PanelToken.objects.filter(pk=row.pk, revoked_at=None, expires_at__gt=now).update(revoked_at=now):
        return False
    note_down("panel.sign_out", row, by)
    return True


def forget_old(now: datetime) -> int:
    """Remove sign-ins that ended long ago."""
    return PanelToken.objects.filter(expires_at__lt=now - KEPT).delete()[0]


def note_down(action: str, row: PanelToken, by: User) -> None:
    record(
        action=action,
        actor_type="staff",
        actor_id=str(by.pk),
        clinic_id=row.connection.clinic_id,
        object_type="bridge.PanelToken",
        object_id=str(row.pk),
    )


def digest_of(token: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()
