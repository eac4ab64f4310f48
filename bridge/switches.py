"""What a clinic's connections switch on, for the register of operations."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from bridge.models import Connection
from consent.datamap import Processing
from consent.models import Clinic
from consent.registers import switches, telling
from consent.registers.switches import Switch

KEPT_BACK = (Connection.State.DRAFT, Connection.State.OFF)


def of_connections(clinic: Clinic) -> Iterator[Switch]:
    """One switch per connection and operation; what is received is kept in every state but draft and off."""
    for row in Connection.objects.filter(clinic=clinic).select_related("field_version").order_by("pk"):
        is_kept = row.state not in KEPT_BACK
        with_summary = is_kept and row.preset != Connection.Preset.CONTACTS
        text = row.message_text if row.preset == Connection.Preset.TEXT else Connection.MessageText.OFF
        yield Switch(Processing.CARE_CONTACT, is_kept, tuple(_facts(row)) if is_kept else ())
        yield Switch(Processing.CONVERSATION_SUMMARY, with_summary)
        yield Switch(Processing.MESSAGE_TEXT, is_kept, (f"message_text:{text}",) if is_kept else ())


def _facts(row: Connection) -> Iterator[str]:
    yield f"preset:{row.preset}"
    if row.krayin_to_chatwoot:
        yield "krayin_to_chatwoot:on"
    if row.sync_to_organization:
        yield "organization:on"
    if row.field_version:
        yield f"mapped_fields:{row.field_version.number}"


def _preset(code: str) -> str:
    label = Connection.Preset(code).label if code in Connection.Preset.values else code
    return _("what is sent: %(what)s") % {"what": label}


def _text(code: str) -> str:
    label = Connection.MessageText(code).label if code in Connection.MessageText.values else code
    return _("message text in the CRM: %(how)s") % {"how": label}


def register() -> None:
    """Called in `ready()`."""
    switches.register("connections", of_connections)
    telling.register_fact("preset", _preset)
    telling.register_fact("message_text", _text)
    telling.register_fact("krayin_to_chatwoot", lambda code: _("opportunity shown in Chatwoot"))
    telling.register_fact("organization", lambda code: _("company of the contact in the CRM"))
    telling.register_fact("mapped_fields", lambda code: _("mapped fields, version %(n)s") % {"n": code})
