"""The partners' clients as setting up needs them: patient, and also before anything is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.clients.chatwoot_setup import ChatwootSetup
from bridge.clients.krayin_setup import KrayinSetup
from bridge.errors import CredentialsRefused, PartnerMisconfigured
from bridge.models import Connection, Partner
from bridge.sync.partners import PatientPace, StoredTokens, connection_context, ignore_call, session
from consent.encryption import Actor, open_system

# Clients of a connection ----------------------------------------------------------------------------------------------


def chatwoot_setup(connection: Connection) -> ChatwootSetup:
    """Raises PartnerMisconfigured without token."""
    if connection.chatwoot_token is None or connection.chatwoot_budget is None:
        raise PartnerMisconfigured(Partner.CHATWOOT, "GET /profile", code="no-token")
    token = open_system(
        connection.chatwoot_token, context=connection_context(connection), actor=Actor.system("connect"),
        purpose="system",
    )  # fmt: skip
    return ChatwootSetup(
        connection.chatwoot_url, connection.chatwoot_account_id, token.decode(), session=session(),
        pace=PatientPace(connection.chatwoot_budget), on_call=ignore_call,
    )  # fmt: skip


def krayin_setup(connection: Connection) -> KrayinSetup:
    """Raises CredentialsRefused without a Krayin user."""
    user = connection.krayin_users.select_related("budget", "krayin").order_by("pk").first()
    if user is None:
        raise CredentialsRefused(Partner.KRAYIN, "POST /login", code="no-user")
    return KrayinSetup(
        user.krayin.base_url, session=session(), tokens=StoredTokens(user), pace=PatientPace(user.budget),
        on_call=ignore_call,
    )  # fmt: skip


# Trying what was typed, before it is stored ---------------------------------------------------------------------------


class Unpaced:
    """A handful of calls of somebody who types an address for the first time."""

    def acquire(self, priority: int) -> None:
        """Always."""

    def learn(self, remaining: int | None) -> None:
        """Nothing to share."""

    def spend(self) -> None:
        """Nothing to share."""

    def opened(self, window_s: float) -> None:
        """Nothing to share."""

    def closed_until(self) -> datetime | None:
        """Nothing is shared."""
        return None

    def moment(self, wait_s: float) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=wait_s)


@dataclass
class TypedToken:
    """A token in memory only: what was typed is tried before it is kept."""

    email: str
    password: str
    token: str | None = None

    def current(self) -> str | None:
        return self.token

    def renew(self, old: str | None, login: Callable[[], str]) -> str:
        self.token = login()
        return self.token

    def credentials(self) -> tuple[str, str] | None:
        return (self.email, self.password) if self.password else None


def try_chatwoot(address: str, account_id: int, token: str) -> ChatwootSetup:
    return ChatwootSetup(address, account_id, token, session=session(), pace=Unpaced(), on_call=ignore_call)


def try_krayin(address: str, typed: TypedToken) -> KrayinSetup:
    return KrayinSetup(address, session=session(), tokens=typed, pace=Unpaced(), on_call=ignore_call)
