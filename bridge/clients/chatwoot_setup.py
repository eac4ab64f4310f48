"""Chatwoot's calls that only setting up makes (Chatwoot contract sections 8.3 and 10)."""

from dataclasses import dataclass

from bridge.clients import chatwoot_answers
from bridge.clients.base import Answer, Call
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.reading import integer, listed, listed_or_empty, mapping, mapping_or_empty, text
from bridge.clients.shapes import Contact
from bridge.errors import CredentialsRefused, PartnerError

HEADER_DROPPED = "header-dropped"


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


def _panel_app(value: object) -> PanelApp:
    data = mapping(value)
    frames = listed_or_empty(data.get("content"), mapping_or_empty)
    return PanelApp(integer(data["id"]), text(data.get("title")), tuple(text(frame.get("url")) for frame in frames))


def _panel_body(title: str, address: str) -> dict[str, object]:
    return {"title": title, "content": [{"type": "frame", "url": address}]}


def _created_contact(body: object) -> Contact:
    return chatwoot_answers.contact(mapping(mapping(body)["payload"])["contact"])


def _has_sign_in_errors(answer: Answer) -> bool:
    try:
        return "errors" in mapping_or_empty(answer.decoded())
    except (ValueError, TypeError, RecursionError):
        return False
