"""One Chatwoot account may serve several connections, but no inbox more than one: whose conversation is it?"""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from bridge.models import Connection

RECEIVING = (Connection.State.SHADOW, Connection.State.ACTIVE, Connection.State.PAUSED)


@dataclass(frozen=True)
class Conflict:
    """Another connection that receives the same inboxes; `inboxes` empty: one of the two takes every inbox."""

    other: Connection
    inboxes: tuple[int, ...]

    def told(self, *, name_it: bool = True) -> str:
        """The message; `name_it`: the reader may know the other connection."""
        name = self.other.name if name_it else _("another connection")
        names = [str(self.other.inbox_names.get(str(n), n)) for n in self.inboxes]
        if not names:
            return _(
                "“%(other)s” already receives from this Chatwoot account, and one of the two takes every inbox. "
                "Choose single inboxes in both, each inbox in one connection only."
            ) % {"other": name}
        text = _(
            "%(inboxes)s already belongs to “%(other)s”. An inbox can be in one connection only: leave it out here."
        )
        return text % {"inboxes": ", ".join(names), "other": name}


def conflict_of(
    *, chatwoot_url: str, account_id: int, all_inboxes: bool, inbox_ids: Collection[int], but: int | None
) -> Conflict | None:
    """The first receiving connection of the same account that shares an inbox; `but` is the one being set up."""
    here = _host(chatwoot_url)
    rows = Connection.objects.filter(chatwoot_account_id=account_id, state__in=RECEIVING).exclude(pk=but or 0)
    for other in rows.order_by("pk"):
        if _host(other.chatwoot_url) != here:
            continue
        if all_inboxes or other.all_inboxes:
            return Conflict(other, ())
        shared = sorted(set(inbox_ids) & set(other.inbox_ids))
        if shared:
            return Conflict(other, tuple(shared))
    return None


def conflict_with(connection: Connection) -> Conflict | None:
    return conflict_of(
        chatwoot_url=connection.chatwoot_url, account_id=connection.chatwoot_account_id,
        all_inboxes=connection.all_inboxes, inbox_ids=connection.inbox_ids, but=connection.pk,
    )  # fmt: skip


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{(parts.hostname or '').lower()}:{parts.port or ''}{parts.path.rstrip('/')}"
