"""The fields that can be mapped: ours by heart, the partners' as last read; reading them anew takes three calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF
from bridge.clients.shapes import Attribute, AttributeDefinition
from bridge.fields.convert import FITTING
from bridge.fields.mapping import WRITABLE, Entity, Row
from bridge.models import Connection, DirectoryEntry, FieldRow
from bridge.sync.clock import database_now
from bridge.sync.partners import chatwoot_client, krayin_client

CALLS = 3
LONGEST = 255
Kind = DirectoryEntry.Kind
ENTITIES = {Entity.PERSON.value: Kind.PERSON_FIELD, Entity.LEAD.value: Kind.LEAD_FIELD}
# What other parts of Ponte write.
HANDLED = {
    Entity.PERSON.value: {"name", "emails", "contact_numbers", "user_id", "organization_id", PERSON_REF},
    Entity.LEAD.value: {
        "title", "lead_source_id", "lead_type_id", "user_id", "lead_pipeline_id", "lead_pipeline_stage_id", LEAD_REF,
    },
}  # fmt: skip
# Fields every Chatwoot has; the others are custom attributes.
BUILT_IN: Mapping[str, str | Promise] = {
    "contact.name": _("Name"),
    "contact.email": _("E-mail"),
    "contact.phone": _("Phone"),
    "contact.company": _("Company"),
    "contact.identifier": _("Identifier"),
    "contact.extra.city": _("City"),
    "contact.extra.country": _("Country"),
    "contact.extra.country_code": _("Country code"),
    "contact.extra.description": _("Biography"),
    "conversation.extra.referer": _("Page where the conversation began"),
    "conversation.extra.mail_subject": _("Subject of the e-mail"),
    "conversation.extra.source": _("Source of the conversation"),
    "conversation.extra.browser_language": _("Language of the browser"),
    "conversation.extra.conversation_language": _("Language of the conversation"),
}
OWN_CHAT_PREFIX = "crm_"  # attributes that Ponte itself fills (bridge.back.shown)


@dataclass(frozen=True)
class Field:
    """One field of a partner. `type` is the partner's word; `options` by number."""

    key: str
    name: str
    type: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)
    is_gone: bool = False


@dataclass(frozen=True)
class Known:
    """What can stand on either side of a row, by key; those that are gone included."""

    chatwoot: Mapping[str, Field]
    krayin: Mapping[str, Field]
    is_read: bool  # whether the partners were ever asked

    def row(self, draft: FieldRow) -> Row:
        """The draft with names, types and options as known now."""
        here = self.chatwoot.get(draft.chatwoot) or Field(draft.chatwoot, draft.chatwoot, is_gone=True)
        target = f"{draft.entity}.{draft.code}"
        there = self.krayin.get(target) or Field(target, draft.code, is_gone=True)
        return Row(
            chatwoot=draft.chatwoot, entity=draft.entity, code=draft.code, conversion=draft.conversion,
            direction=draft.direction, winner=draft.winner, category=draft.category,
            label=f"{here.name} → {there.name}"[:200], type=there.type, chat_type=here.type, options=there.options,
        )  # fmt: skip

    def is_gone(self, key: str, of: Mapping[str, Field]) -> bool:
        return key not in of or of[key].is_gone


def known(connection: Connection) -> Known:
    """From our own lists: one query."""
    entries = list(
        DirectoryEntry.objects.filter(
            connection=connection, kind__in=[Kind.CONTACT_FIELD, Kind.CONVERSATION_FIELD, *ENTITIES.values()]
        )
    )
    chatwoot = {key: Field(key, str(name)) for key, name in BUILT_IN.items()}
    chatwoot |= _of_kind(entries, Kind.CONTACT_FIELD, WRITABLE)
    chatwoot |= _of_kind(entries, Kind.CONVERSATION_FIELD, "conversation.custom.")
    krayin: dict[str, Field] = {}
    for entity, kind in ENTITIES.items():
        krayin |= _of_kind(entries, kind, f"{entity}.")
    return Known(chatwoot, krayin, bool(entries))


def _of_kind(entries: Iterable[DirectoryEntry], kind: Kind, prefix: str) -> dict[str, Field]:
    return {
        f"{prefix}{entry.key}": Field(
            f"{prefix}{entry.key}", entry.name, entry.detail.get("type", "text"), entry.detail.get("options", {}),
            entry.gone_at is not None,
        )
        for entry in entries if entry.kind == kind
    }  # fmt: skip


def fetch(connection: Connection) -> int:
    """Read the fields of both partners anew; return how many there are. Raises the errors of `bridge.errors`; then
    nothing changed."""
    chat = chatwoot_client(connection)
    contact, talk = chat.attribute_definitions(), chat.attribute_definitions("conversation_attribute")
    attributes = krayin_client(connection)[0].attributes()
    with transaction.atomic():
        count = _keep_chatwoot(connection, Kind.CONTACT_FIELD, contact)
        count += _keep_chatwoot(connection, Kind.CONVERSATION_FIELD, talk)
        return count + keep_krayin(connection, attributes)


def keep_krayin(connection: Connection, attributes: Iterable[Attribute]) -> int:
    """Write down the fields of persons and opportunities that can be mapped, and mark what is gone."""
    usable = list(attributes)
    count = 0
    for entity, kind in ENTITIES.items():
        mine = [
            one for one in usable
            if one.entity_type == f"{entity}s" and one.type in FITTING and one.code not in HANDLED[entity]
        ]  # fmt: skip
        details = {one.code: {"type": one.type, "options": {str(o.id): o.name for o in one.options}} for one in mine}
        count += _keep(connection, kind, [(one.code, one.name, details[one.code]) for one in mine])
    mark_gone(connection)
    return count


def _keep_chatwoot(connection: Connection, kind: Kind, found: Sequence[AttributeDefinition]) -> int:
    mine = [one for one in found if not one.key.startswith(OWN_CHAT_PREFIX)]
    return _keep(connection, kind, [(one.key, one.display_name, {"type": one.display_type}) for one in mine])


def _keep(connection: Connection, kind: Kind, found: Sequence[tuple[str, str, Mapping[str, object]]]) -> int:
    now = database_now()
    rows = [
        DirectoryEntry(
            connection=connection, kind=kind, key=key[:LONGEST], name=(name or key)[:LONGEST], detail=detail,
            seen_at=now, gone_at=None,
        )
        for key, name, detail in {one[0]: one for one in found}.values()
    ]  # fmt: skip
    DirectoryEntry.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "kind", "key"],
        update_fields=["name", "detail", "seen_at", "gone_at"],
    )  # fmt: skip
    missing = DirectoryEntry.objects.filter(connection=connection, kind=kind, gone_at=None, seen_at__lt=now)
    missing.update(gone_at=now)
    return len(rows)


def mark_gone(connection: Connection) -> None:
    """Keep in mind which published fields a partner no longer has: nothing is written for them."""
    version = connection.field_version
    now = known(connection)
    rows = [Row(**stored) for stored in version.rows] if version else []
    gone = {row.chatwoot for row in rows if now.is_gone(row.chatwoot, now.chatwoot)}
    gone |= {row.target for row in rows if now.is_gone(row.target, now.krayin)}
    connection.field_gone = sorted(gone)
    Connection.objects.filter(pk=connection.pk).update(field_gone=connection.field_gone)
