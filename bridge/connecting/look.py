"""What a check or a change may look at: each list of a partner is read once, and only when somebody asks for it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings

from bridge.clients.chatwoot_setup import ChatwootSetup, PanelApp
from bridge.clients.krayin_setup import KrayinSetup
from bridge.clients.shapes import (
    Attribute,
    AttributeDefinition,
    ChatWebhook,
    CrmUser,
    CrmWebhook,
    Inbox,
    NamedItem,
    Pipeline,
    Profile,
    Workflow,
)
from bridge.connecting.access import chatwoot_setup, krayin_setup
from bridge.errors import PartnerError
from bridge.models import Connection

# Names of what can be read; each is one call.
CHATWOOT_READS = frozenset({"profile", "inboxes", "chat_webhooks", "definitions", "panel_apps"})
KRAYIN_READS = frozenset({"me", "pipelines", "sources", "types", "attributes", "webhooks", "workflows", "midnights"})


class Look:
    """Cached reads of both partners for one connection, or for what is being typed before there is one."""

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        chatwoot: Callable[[], ChatwootSetup] | None = None,
        krayin: Callable[[], KrayinSetup] | None = None,
        account_id: int | None = None,
        is_polling_only: bool = False,
    ) -> None:
        self._connection = connection
        self._makers: dict[str, Callable[[], Any]] = {
            "chatwoot": chatwoot or (lambda: chatwoot_setup(self.connection)),
            "krayin": krayin or (lambda: krayin_setup(self.connection)),
        }
        self._clients: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._account_id = account_id
        self._is_polling_only = is_polling_only

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            raise LookupError("there is no connection yet")
        return self._connection

    @property
    def has_connection(self) -> bool:
        return self._connection is not None

    @property
    def account_id(self) -> int:
        return self._account_id or self.connection.chatwoot_account_id

    @property
    def is_polling_only(self) -> bool:
        return self._connection.polling_only if self._connection else self._is_polling_only

    @property
    def public_url(self) -> str:
        return settings.PUBLIC_URL

    @property
    def chatwoot(self) -> ChatwootSetup:
        client: ChatwootSetup = self._client("chatwoot")
        return client

    @property
    def krayin(self) -> KrayinSetup:
        client: KrayinSetup = self._client("krayin")
        return client

    def _client(self, name: str) -> Any:
        if name not in self._clients:
            self._clients[name] = self._makers[name]()
        return self._clients[name]

    def forget(self, *names: str) -> None:
        """Read these again: something was changed there."""
        for name in names:
            self._kept.pop(name, None)

    def _read(self, name: str, ask: Callable[[], Any]) -> Any:
        if name not in self._kept:
            try:
                self._kept[name] = ask()
            except PartnerError as error:
                self._kept[name] = error
        kept = self._kept[name]
        if isinstance(kept, PartnerError):
            raise kept
        return kept

    # Chatwoot. All of them raise PartnerError, again and again, once the call failed.

    def profile(self) -> Profile:
        found: Profile = self._read("profile", lambda: self.chatwoot.profile())
        return found

    def inboxes(self) -> tuple[Inbox, ...]:
        found: tuple[Inbox, ...] = self._read("inboxes", lambda: self.chatwoot.inboxes())
        return found

    def chat_webhooks(self) -> tuple[ChatWebhook, ...]:
        found: tuple[ChatWebhook, ...] = self._read("chat_webhooks", lambda: self.chatwoot.webhooks())
        return found

    def definitions(self) -> tuple[AttributeDefinition, ...]:
        found: tuple[AttributeDefinition, ...] = self._read(
            "definitions", lambda: self.chatwoot.attribute_definitions()
        )
        return found

    def panel_apps(self) -> tuple[PanelApp, ...]:
        found: tuple[PanelApp, ...] = self._read("panel_apps", lambda: self.chatwoot.panel_apps())
        return found

    # Krayin.

    def me(self) -> CrmUser:
        found: CrmUser = self._read("me", lambda: self.krayin.who_am_i())
        return found

    def pipelines(self) -> tuple[Pipeline, ...]:
        found: tuple[Pipeline, ...] = self._read("pipelines", lambda: self.krayin.pipelines())
        return found

    def sources(self) -> tuple[NamedItem, ...]:
        found: tuple[NamedItem, ...] = self._read("sources", lambda: self.krayin.sources())
        return found

    def types(self) -> tuple[NamedItem, ...]:
        found: tuple[NamedItem, ...] = self._read("types", lambda: self.krayin.types())
        return found

    def attributes(self) -> tuple[Attribute, ...]:
        found: tuple[Attribute, ...] = self._read("attributes", lambda: self.krayin.attributes())
        return found

    def webhooks(self) -> tuple[CrmWebhook, ...]:
        found: tuple[CrmWebhook, ...] = self._read("webhooks", lambda: self.krayin.webhooks())
        return found

    def workflows(self) -> tuple[Workflow, ...]:
        found: tuple[Workflow, ...] = self._read("workflows", lambda: self.krayin.workflows())
        return found

    def midnights(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._read("midnights", lambda: self.krayin.midnights())
        return found
