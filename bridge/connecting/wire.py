"""Calls that only setting up makes, and clients for it: patient, and also before anything is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.clients import chatwoot_answers, krayin_answers
from bridge.clients.base import Answer, Call, Deadline
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from bridge.clients.reading import instant, integer, listed, listed_or_empty, mapping, mapping_or_empty, text
from bridge.clients.shapes import Attribute, Contact
from bridge.connecting.problems import HEADER_DROPPED
from bridge.errors import CredentialsRefused, PartnerError, PartnerMisconfigured
from bridge.models import Connection, Partner
from bridge.sync.partners import (
    PatientPace,
    StoredTokens,
    connection_context,
    ignore_call,
    session,
)
from consent.encryption import Actor, open_system

LEADS_LOOKED_AT = 50


@dataclass(frozen=True)
class PanelApp:
    """A dashboard app of Chatwoot: a frame shown as a tab above the conversation (Chatwoot contract section 10)."""

    id: int
    title: str
    addresses: tuple[str, ...]


class ChatwootSetup(ChatwootClient):
    """Chatwoot as setting up sees it (Chatwoot contract sections 8.3 and 10)."""

    def attribute_definition_delete(self, definition_id: int) -> None:
        """Administrator. Values stay with the contacts, invisible."""
        call = Call("DELETE", "/custom_attribute_definitions/{id}", ids={"id": definition_id})
        self._call(call, chatwoot_answers.nothing)

    def panel_apps(self) -> tuple[PanelApp, ...]:
        return self._call(Call("GET", "/dashboard_apps"), lambda body: listed(body, _panel_app))

    def panel_app_create(self, title: str, address: str) -> PanelApp:
        return self._call(Call("POST", "/dashboard_apps", body=_panel_body(title, address)), _panel_app)

    def panel_app_update(self, app_id: int, title: str, address: str) -> PanelApp:
        call = Call("PATCH", "/dashboard_apps/{id}", ids={"id": app_id}, body=_panel_body(title, address))
        return self._call(call, _panel_app)

    def panel_app_delete(self, app_id: int) -> None:
        self._call(Call("DELETE", "/dashboard_apps/{id}", ids={"id": app_id}), chatwoot_answers.nothing)

    def contact_create(self, name: str) -> Contact:
        """A contact without phone and e-mail: Ponte keeps it and sends it nowhere."""
        return self._call(Call("POST", "/contacts", body={"name": name}), _created_contact)

    def contact_delete(self, contact_id: int) -> None:
        """Administrator; what hangs on it is deleted in the background (Chatwoot contract section 8.1)."""
        self._call(Call("DELETE", "/contacts/{id}", ids={"id": contact_id}), chatwoot_answers.nothing)

    def _failure(self, call: Call, answer: Answer) -> PartnerError:
        """A 401 in the form of the sign-in page means that no token arrived (Chatwoot contract sections 8 and 9)."""
        if answer.status == 401 and _has_sign_in_errors(answer):
            return CredentialsRefused(self.partner, call.name, status=401, code=HEADER_DROPPED)
        return super()._failure(call, answer)


class KrayinSetup(KrayinClient):
    """Krayin as setting up sees it; remembers the limit its answers tell."""

    limit: int | None = None

    def attribute_delete(self, attribute_id: int) -> None:
        """Its values on every record go with it."""
        self._call(Call("DELETE", "/settings/attributes/{id}", ids={"id": attribute_id}), krayin_answers.done)

    def attribute_make_required(self, attribute: Attribute) -> Attribute:
        body = {
            "code": attribute.code, "name": attribute.name, "type": attribute.type,
            "entity_type": attribute.entity_type, "is_required": 1, "is_unique": int(attribute.is_unique),
        }  # fmt: skip
        call = Call("PUT", "/settings/attributes/{id}", ids={"id": attribute.id}, body=body)
        return self._call(call, krayin_answers.one(krayin_answers.attribute))

    def source_delete(self, source_id: int) -> None:
        self._call(Call("DELETE", "/settings/sources/{id}", ids={"id": source_id}), krayin_answers.done)

    def midnights(self) -> tuple[datetime, ...]:
        """Close dates of recent leads as written: local midnight in UTC, which tells the site's time zone."""
        params = {"sort": "updated_at", "order": "desc", "limit": str(LEADS_LOOKED_AT)}
        found = self._call(Call("GET", "/leads", params=params), krayin_answers.many(_close_date))
        return tuple(moment for moment in found if moment is not None)

    def _exchange(self, call: Call, *, headers: Any, deadline: Deadline) -> Answer:
        answer = super()._exchange(call, headers=headers, deadline=deadline)
        told = answer.headers.get("X-RateLimit-Limit", "")
        # The login and the deletion of persons are counted against other limits (Krayin contract section 20.10).
        if told.isdecimal() and call.teaches_pace:
            self.limit = int(told)
        return answer


def _panel_app(value: object) -> PanelApp:
    data = mapping(value)
    frames = listed_or_empty(data.get("content"), mapping_or_empty)
    return PanelApp(integer(data["id"]), text(data.get("title")), tuple(text(frame.get("url")) for frame in frames))


def _panel_body(title: str, address: str) -> dict[str, object]:
    return {"title": title, "content": [{"type": "frame", "url": address}]}


def _created_contact(body: object) -> Contact:
    return chatwoot_answers.contact(mapping(mapping(body)["payload"])["contact"])


def _close_date(value: object) -> datetime | None:
    return instant(mapping(value).get("expected_close_date"))


def _has_sign_in_errors(answer: Answer) -> bool:
    try:
        return "errors" in mapping_or_empty(answer.decoded())
    except (ValueError, TypeError, RecursionError):
        return False


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


def offsets(midnights: tuple[datetime, ...]) -> frozenset[timedelta]:
    """Distances from UTC that these local midnights may mean: UTC-11 to UTC+12 (Krayin contract section 20.7)."""
    found = set()
    for moment in midnights:
        since = timedelta(hours=moment.hour, minutes=moment.minute)
        found.add(-since if since <= timedelta(hours=11) else timedelta(hours=24) - since)
    return frozenset(found)
