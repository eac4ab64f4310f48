"""What the bridge holds of an account of the staff: groups it has taken on, sign-ins of the panel.

What somebody asked for by hand stays theirs: it has no owner, and is carried out all the same.
"""

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bridge.models import FailureGroup, PanelToken
from consent.access.elsewhere import OpenItems, register_open_items, register_sign_ins
from consent.models import User


def register() -> None:
    """Called in `ready()`."""
    register_open_items(OpenItems(_("groups under To solve"), count_groups, move_groups))
    register_sign_ins(end_panel)


def count_groups(user: User) -> int:
    return FailureGroup.objects.filter(owner=user, done_at=None).count()


def move_groups(user: User, to: User | None) -> int:
    """To somebody else, or back to everybody."""
    return FailureGroup.objects.filter(owner=user, done_at=None).update(owner=to, owned_at=Now() if to else None)


def end_panel(user: User) -> None:
    now = timezone.now()
    PanelToken.objects.filter(user=user, revoked_at=None, expires_at__gt=now).update(revoked_at=now)
