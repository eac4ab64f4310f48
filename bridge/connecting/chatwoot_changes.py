"""What is made in Chatwoot: the webhook, contact attributes that show the opportunity, the panel.

Labels are off: they are made when a person switches them on, because a stage may reveal health.
"""

from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from bridge.back.shown import DEFINITIONS, Definition
from bridge.clients.chatwoot_setup import PanelApp
from bridge.clients.shapes import ChatWebhook
from bridge.connecting.changes import Change, Kind, note
from bridge.connecting.look import Look
from bridge.connecting.problems import CannotConnect
from bridge.connecting.rows import keep_secret, panel_url, webhook_url
from bridge.models import Partner

SUBSCRIPTIONS = (
    "contact_created", "contact_updated", "conversation_created", "conversation_status_changed",
    "conversation_updated", "message_created", "message_updated",
)  # fmt: skip
PANEL_TITLE = "Ponte · CRM"


class CannotSign(CannotConnect):
    """This Chatwoot is older than 4.11.2: only polling is possible."""


class Webhook(Change):
    """Found by its path or made; Chatwoot makes the secret (Chatwoot contract section 7)."""

    code = "webhook"
    partner = Partner.CHATWOOT
    calls = 1
    title = _("Webhook of Ponte")
    why = _("Chatwoot then tells Ponte of every message at once, signed with a secret that only the two know.")
    undoing = _("Deletes the webhook; from then on news come by polling only.")

    def stands(self, look: Look) -> bool:
        found = our_webhook(look)
        url = webhook_url(look.connection, Partner.CHATWOOT)
        return bool(found and found.secret and found.url == url and set(found.subscriptions) >= set(SUBSCRIPTIONS))

    def make(self, look: Look) -> None:
        url, found = webhook_url(look.connection, Partner.CHATWOOT), our_webhook(look)
        is_new = found is None
        if found is None:
            found = look.chatwoot.webhook_create(url, SUBSCRIPTIONS, name="Ponte")
        elif found.secret:
            found = look.chatwoot.webhook_update(found.id, url=url, subscriptions=SUBSCRIPTIONS)
        look.forget("chat_webhooks")
        if not found.secret:
            # An unsigned webhook would only be refused, delivery by delivery.
            look.chatwoot.webhook_delete(found.id)
            raise CannotSign(
                _(
                    "This Chatwoot is older than 4.11.2 and cannot sign its webhooks. Update Chatwoot, or choose only "
                    'polling (in a file: "polling_only": true under "chatwoot"): news then come minutes later.'
                )
            )
        if is_new:
            note(look, self.partner, Kind.WEBHOOK, found.id, "Ponte")
        keep_secret(look.connection, Partner.CHATWOOT, found.secret)

    def settle(self, look: Look) -> None:
        found = our_webhook(look)
        if found and found.secret:
            keep_secret(look.connection, Partner.CHATWOOT, found.secret)


class ContactAttributes(Change):
    """Definitions of the contact attributes; values without one are invisible to people (contract section 8.3)."""

    code = "attributes"
    partner = Partner.CHATWOOT
    calls = len(DEFINITIONS)
    title = _("Contact attributes: opportunity, stage, value, owner, link")
    why = _("They show beside the conversation where the person stands in Krayin.")
    undoing = _("Deletes the definitions; values written so far stay with the contacts, invisible.")

    def stands(self, look: Look) -> bool:
        return not _missing(look)

    def make(self, look: Look) -> None:
        for wanted in _missing(look):
            made = look.chatwoot.attribute_definition_create(
                key=wanted.key, display_name=str(wanted.display_name), display_type=wanted.display_type
            )
            note(look, self.partner, Kind.ATTRIBUTE, made.id, wanted.key)
        look.forget("definitions")


class Panel(Change):
    """The dashboard app; its address is fixed and names the connection (Chatwoot contract section 10)."""

    code = "panel"
    partner = Partner.CHATWOOT
    calls = 1
    title = _("Panel “Ponte · CRM” above the conversation")
    why = _("Attendants see person and opportunity, and move the stage, without leaving the conversation.")
    undoing = _("Takes the tab away; nothing else changes.")

    def stands(self, look: Look) -> bool:
        found = our_panel(look)
        return found is not None and panel_url(look.connection) in found.addresses

    def make(self, look: Look) -> None:
        address, found = panel_url(look.connection), our_panel(look)
        if found is None:
            found = look.chatwoot.panel_app_create(PANEL_TITLE, address)
            note(look, self.partner, Kind.PANEL, found.id, PANEL_TITLE)
        else:
            look.chatwoot.panel_app_update(found.id, PANEL_TITLE, address)
        look.forget("panel_apps")


def our_webhook(look: Look) -> ChatWebhook | None:
    """By the path, which names the connection for ever; the host before it changes when Ponte moves."""
    path = urlsplit(webhook_url(look.connection, Partner.CHATWOOT)).path
    return next((hook for hook in look.chat_webhooks() if urlsplit(hook.url).path == path), None)


def our_panel(look: Look) -> PanelApp | None:
    path = urlsplit(panel_url(look.connection)).path
    return next((app for app in look.panel_apps() if any(urlsplit(a).path == path for a in app.addresses)), None)


def _missing(look: Look) -> list[Definition]:
    held = {definition.key for definition in look.definitions()}
    return [wanted for wanted in DEFINITIONS if wanted.key not in held]


def chatwoot_changes(*, is_polling_only: bool) -> tuple[Change, ...]:
    """Without a public address there is nobody to call and no page to show."""
    return (ContactAttributes(),) if is_polling_only else (Webhook(), ContactAttributes(), Panel())
