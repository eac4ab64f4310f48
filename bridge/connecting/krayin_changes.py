"""What is made in Krayin: our reference fields, the optional e-mail, a source, webhooks with their workflows."""

import secrets
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF
from bridge.clients.shapes import CrmWebhook, CrmWebhookDraft, WorkflowDraft
from bridge.connecting.changes import Change, Kind, note
from bridge.connecting.crm_settings import keep_attributes
from bridge.connecting.look import Look
from bridge.connecting.rows import keep_secret, webhook_url
from bridge.models import Connection, Partner

SOURCE_NAME = "WhatsApp/Chat"
TOKEN_HEADER = "X-Bridge-Token"  # noqa: S105 - the name of a header
KRAYIN_EVENTS = (
    ("leads", "lead.update.after", LEAD_REF),
    ("leads", "lead.delete.before", LEAD_REF),
    ("persons", "contacts.person.update.after", PERSON_REF),
    ("persons", "contacts.person.delete.before", PERSON_REF),
)


class ReferenceField(Change):
    """A unique text field that carries our reference (Krayin contract section 12)."""

    partner = Partner.KRAYIN
    calls = 1
    entity: str
    field: str
    label: str

    def stands(self, look: Look) -> bool:
        return any((a.entity_type, a.code) == (self.entity, self.field) for a in look.attributes())

    def make(self, look: Look) -> None:
        made = look.krayin.attribute_create(code=self.field, name=self.label, entity_type=self.entity)
        note(look, self.partner, Kind.ATTRIBUTE, made.id, f"{self.entity}.{self.field}")
        look.forget("attributes")


class PersonReference(ReferenceField):
    code = "person_ref"
    entity, field, label = "persons", PERSON_REF, "Referência Chatwoot"
    title = _("Field “Referência Chatwoot” on persons")
    why = _("By it Ponte finds the person again, whatever is changed by hand: nobody is created twice.")
    undoing = _("Deletes the field with the references written so far.")


class LeadReference(ReferenceField):
    code = "lead_ref"
    entity, field, label = "leads", LEAD_REF, "Referência Ponte"
    title = _("Field “Referência Ponte” on opportunities")
    why = _("By it Ponte finds the opportunity again after an answer was lost: nothing is created twice.")
    undoing = _("Deletes the field with the references written so far.")


class OptionalEmail(Change):
    """With the seeded settings a contact with only a phone cannot be stored (Krayin contract section 6.2)."""

    code = "optional_email"
    partner = Partner.KRAYIN
    calls = 1
    title = _("E-mail of persons becomes optional")
    why = _("Without this, contacts that only have a phone cannot be created.")
    undoing = _("Makes the e-mail mandatory again; from then on contacts with only a phone stop.")

    def stands(self, look: Look) -> bool:
        return not any(a.is_required for a in look.attributes() if (a.entity_type, a.code) == ("persons", "emails"))

    def make(self, look: Look) -> None:
        for attribute in look.attributes():
            if (attribute.entity_type, attribute.code) == ("persons", "emails"):
                look.krayin.attribute_make_optional(attribute)
                note(look, self.partner, Kind.OPTIONAL_EMAIL, attribute.id, "persons.emails")
        look.forget("attributes")

    def settle(self, look: Look) -> None:
        keep_attributes(look.connection, look.attributes())


class ChatSource(Change):
    """A source of its own, so that opportunities from the chat can be told apart in Krayin's reports."""

    code = "source"
    partner = Partner.KRAYIN
    calls = 1
    is_optional = True
    title = _("Source “WhatsApp/Chat”")
    why = _("So that Krayin's reports tell opportunities of the chat from the others. New ones get this source.")
    undoing = _("Deletes the source; opportunities that have it keep Krayin from deleting it.")

    def stands(self, look: Look) -> bool:
        return any(source.name.casefold() == SOURCE_NAME.casefold() for source in look.sources())

    def make(self, look: Look) -> None:
        made = look.krayin.source_create(SOURCE_NAME)
        note(look, self.partner, Kind.SOURCE, made.id, SOURCE_NAME)
        look.forget("sources")

    def settle(self, look: Look) -> None:
        connection = look.connection
        ours = next((s for s in look.sources() if s.name.casefold() == SOURCE_NAME.casefold()), None)
        if ours and connection.lead_source_id is None:
            connection.lead_source_id = ours.id
            connection.save(update_fields=["lead_source_id", "updated_at"])


class Hints(Change):
    """A webhook and its workflow for each event; each is made only if it is missing (Krayin contract section 13)."""

    code = "hints"
    partner = Partner.KRAYIN
    calls = 2 * len(KRAYIN_EVENTS)
    title = _("Webhooks and workflows “Ponte”")
    why = _(
        "Krayin then says at once that somebody changed or deleted something; without them Ponte notices minutes later."
    )
    undoing = _("Deletes them; changes made in Krayin are noticed by polling only.")

    def stands(self, look: Look) -> bool:
        hooks, wired = ours(look), fired(look)
        url = webhook_url(look.connection, Partner.KRAYIN)
        named = {hook.name for hook in hooks if hook.end_point == url and hook.id in wired}
        return named >= {hook_name(look.connection, event) for _entity, event, _field in KRAYIN_EVENTS}

    def make(self, look: Look) -> None:
        held = {hook.name: hook for hook in ours(look)}
        wired, token = fired(look), _token(held.values())
        keep_secret(look.connection, Partner.KRAYIN, token)
        for entity, event, field in KRAYIN_EVENTS:
            draft = _draft(look.connection, entity, event, field, token)
            hook = held.get(draft.name)
            if hook is None:
                hook = look.krayin.webhook_create(draft)
                note(look, self.partner, Kind.WEBHOOK, hook.id, draft.name)
            elif hook.end_point != draft.end_point:
                look.krayin.webhook_update(hook.id, draft)
            if hook.id not in wired:
                flow = look.krayin.workflow_create(WorkflowDraft(draft.name, entity, event, hook.id))
                note(look, self.partner, Kind.WORKFLOW, flow.id, draft.name)
        look.forget("webhooks", "workflows")

    def settle(self, look: Look) -> None:
        token = next((hook.headers[TOKEN_HEADER] for hook in ours(look) if hook.headers.get(TOKEN_HEADER)), "")
        if token:
            keep_secret(look.connection, Partner.KRAYIN, token)


def ours(look: Look) -> list[CrmWebhook]:
    """Webhooks of this connection, by the path of their address: the host before it changes when Ponte moves."""
    path = urlsplit(webhook_url(look.connection, Partner.KRAYIN)).path
    return [hook for hook in look.webhooks() if urlsplit(hook.end_point).path == path]


def fired(look: Look) -> set[int]:
    """Ids of webhooks that some workflow fires; a webhook alone does nothing."""
    return {webhook_id for flow in look.workflows() for webhook_id in flow.webhook_ids}


def hook_name(connection: Connection, event: str) -> str:
    return f"Ponte {connection.ref_code} {event}"


def _token(hooks: object) -> str:
    held = [hook.headers[TOKEN_HEADER] for hook in hooks if hook.headers.get(TOKEN_HEADER)]  # type: ignore[attr-defined]
    return held[0] if held else secrets.token_urlsafe(32)


def _draft(connection: Connection, entity: str, event: str, field: str, token: str) -> CrmWebhookDraft:
    return CrmWebhookDraft(
        name=hook_name(connection, event),
        entity_type=entity,
        end_point=webhook_url(connection, Partner.KRAYIN),
        headers={"Content-Type": "application/x-www-form-urlencoded", TOKEN_HEADER: token},
        payload={"event": event, field: f"{{%{entity}.{field}%}}"},
    )


NEEDED: tuple[Change, ...] = (PersonReference(), LeadReference(), OptionalEmail())
HINTS: tuple[Change, ...] = (Hints(),)
KRAYIN_CHANGES: tuple[Change, ...] = (*NEEDED, ChatSource(), *HINTS)
