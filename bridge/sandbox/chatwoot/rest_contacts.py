"""REST: contacts, their labels, notes and inboxes, merging (contract section 8.1)."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.sandbox.http import Response

from . import rows
from .filters import select
from .payloads import default_source_id
from .people import CONTACT_COLUMNS, Refused
from .rest import CONTACTS_PER_PAGE, Call, RestApi, empty, ok
from .rows import API, Json, Value
from .store import NotFound

_FILTER_KEYS = frozenset(
    {
        "name",
        "phone_number",
        "email",
        "identifier",
        "country_code",
        "city",
        "company_name",
        "labels",
        "created_at",
        "last_activity_at",
        "blocked",
    }
)
_SORTABLE = ("name", "email", "phone_number", "last_activity_at", "created_at")


def register(api: RestApi) -> None:
    api.add("GET", "/contacts", list_contacts)
    api.add("POST", "/contacts", create_contact)
    api.add("GET", "/contacts/search", search_contacts)
    api.add("POST", "/contacts/filter", filter_contacts)
    api.add("POST", "/contacts/export", export_contacts)
    api.add("GET", "/contacts/{id}", show_contact)
    api.add("PUT", "/contacts/{id}", update_contact)
    api.add("PATCH", "/contacts/{id}", update_contact)
    api.add("DELETE", "/contacts/{id}", delete_contact)
    api.add("POST", "/contacts/{id}/destroy_custom_attributes", destroy_custom_attributes)
    api.add("GET", "/contacts/{id}/conversations", contact_conversations)
    api.add("GET", "/contacts/{id}/labels", contact_labels)
    api.add("POST", "/contacts/{id}/labels", set_contact_labels)
    api.add("GET", "/contacts/{id}/notes", list_notes)
    api.add("POST", "/contacts/{id}/notes", create_note)
    api.add("PATCH", "/contacts/{id}/notes/{note}", update_note)
    api.add("DELETE", "/contacts/{id}/notes/{note}", delete_note)
    api.add("GET", "/contacts/{id}/contactable_inboxes", contactable_inboxes)
    api.add("POST", "/contacts/{id}/contact_inboxes", create_contact_inbox)
    api.add("POST", "/contact_inboxes/filter", find_by_source_id)
    api.add("POST", "/actions/contact_merge", merge_contacts)


def list_contacts(call: Call) -> Response:
    """Only contacts with an e-mail, phone or identifier; any of the labels asked for."""
    labels = set(call.many("labels"))
    found = [row for row in _reachable(call) if not labels or labels & set(row.label_list)]
    return _page(call, _sorted(call, found))


def search_contacts(call: Call) -> Response:
    """All contacts; `count` is the number of rows on this page."""
    text = (call.request.param("q") or "").strip()
    if not text:
        raise Refused("Specify search string with parameter q")
    found = [row for row in call.chat.store.of_account("contacts", call.account_id) if _matches(row, text)]
    rest = _sorted(call, found)[(call.page() - 1) * CONTACTS_PER_PAGE :]
    shown = rest[:CONTACTS_PER_PAGE]
    meta = {"count": len(shown), "current_page": call.page_as_sent(), "has_more": len(rest) > len(shown)}
    return ok({"meta": meta, "payload": _contacts(call, shown)})


def filter_contacts(call: Call) -> Response:
    definitions = call.chat.store.of_account("attribute_definitions", call.account_id)
    custom = {row.attribute_key for row in definitions if row.attribute_model == "contact_attribute"}
    found = select(
        _reachable(call),
        call.body.get("payload"),
        keys=_FILTER_KEYS | custom,
        read=_contact_value,
        today=datetime.fromtimestamp(call.chat.store.now() / rows.MICROSECONDS, UTC).date(),
    )
    return _page(call, _sorted(call, found))


def create_contact(call: Call) -> Response:
    values = {name: call.body[name] for name in CONTACT_COLUMNS if name in call.body}
    contact = call.chat.create_contact(account_id=call.account_id, **{"name": "", **values})
    inbox_id, address = call.body.get("inbox_id"), None
    if inbox_id is not None:
        address = call.chat.add_contact_inbox(contact, int(inbox_id), call.body.get("source_id"))
    contact_inbox: Json = {"inbox": None, "source_id": None}
    if address is not None:
        view = call.views.contact_inbox(address)
        contact_inbox = {"inbox": view["inbox"], "source_id": view["source_id"]}
    return ok({"payload": {"contact": call.views.contact(contact), "contact_inbox": contact_inbox}})


def show_contact(call: Call) -> Response:
    return _one(call, call.row("contacts"))


def update_contact(call: Call) -> Response:
    values = {name: call.body[name] for name in CONTACT_COLUMNS if name in call.body}
    return _one(call, call.chat.update_contact(call.id(), account_id=call.account_id, **values))


def destroy_custom_attributes(call: Call) -> Response:
    keys = call.strings("custom_attributes")
    return _one(call, call.chat.remove_custom_attributes(call.id(), keys, account_id=call.account_id))


def delete_contact(call: Call) -> Response:
    call.need_administrator()
    call.chat.delete_contact(call.id(), account_id=call.account_id)
    return empty()


def export_contacts(call: Call) -> Response:
    """A CSV by e-mail to the token's user; nothing to see here."""
    call.need_administrator()
    return empty()


def contact_conversations(call: Call) -> Response:
    """The newest 20, no paging."""
    contact = call.row("contacts")
    found = [row for row in call.chat.store.conversations_of(contact.id) if call.sees(row)]
    newest = sorted(found, key=lambda row: row.last_activity_at, reverse=True)[:20]
    return ok({"payload": [call.views.conversation(row) for row in newest]})


def contact_labels(call: Call) -> Response:
    return ok({"payload": list(call.row("contacts").label_list)})


def set_contact_labels(call: Call) -> Response:
    contact = call.chat.set_contact_labels(call.id(), call.strings("labels"), account_id=call.account_id)
    return ok({"payload": list(contact.label_list)})


def list_notes(call: Call) -> Response:
    contact = call.row("contacts")
    notes = [note for note in call.chat.store.notes.values() if note.contact_id == contact.id]
    return ok([call.views.note(note) for note in sorted(notes, key=lambda note: note.id, reverse=True)])


def create_note(call: Call) -> Response:
    store, contact, now = call.chat.store, call.row("contacts"), call.chat.store.now()
    note = rows.Note(
        id=store.next_id("notes"),
        account_id=call.account_id,
        contact_id=contact.id,
        content=_note_text(call),
        user_id=call.user.id,
        created_at=now,
        updated_at=now,
    )
    return ok(call.views.note(store.add(note)))


def update_note(call: Call) -> Response:
    note = _note(call)
    call.chat.store.update(note, content=_note_text(call))
    return ok(call.views.note(note))


def delete_note(call: Call) -> Response:
    call.chat.store.remove(_note(call))
    return empty()


def contactable_inboxes(call: Call) -> Response:
    store, contact = call.chat.store, call.row("contacts")
    known = {row.inbox_id: row for row in store.contact_inboxes_of(contact.id)}
    found = []
    for inbox in store.of_account("inboxes", call.account_id):
        source_id = known[inbox.id].source_id if inbox.id in known else default_source_id(contact, inbox.channel_type)
        if source_id or inbox.channel_type == API:
            view = call.views.inbox(inbox, administrator=call.administrator)
            found.append({"source_id": source_id or "", "inbox": view})
    return ok({"payload": found})


def create_contact_inbox(call: Call) -> Response:
    inbox_id = int(call.body.get("inbox_id") or 0)
    address = call.chat.add_contact_inbox(call.row("contacts"), inbox_id, call.body.get("source_id"))
    return ok(call.views.contact_inbox(address))


def find_by_source_id(call: Call) -> Response:
    store = call.chat.store
    wanted = (call.body.get("inbox_id"), call.body.get("source_id"))
    for address in store.contact_inboxes.values():
        contact = store.contacts.get(address.contact_id)
        if (address.inbox_id, address.source_id) == wanted and contact and contact.account_id == call.account_id:
            return ok(call.views.contact(contact))
    raise NotFound("contact_inbox")


def merge_contacts(call: Call) -> Response:
    base_id, mergee_id = (int(call.body.get(name) or 0) for name in ("base_contact_id", "mergee_contact_id"))
    return ok(call.views.contact(call.chat.merge_contacts(base_id, mergee_id, account_id=call.account_id)))


# -- parts


def _reachable(call: Call) -> list[rows.Contact]:
    contacts: list[rows.Contact] = call.chat.store.of_account("contacts", call.account_id)
    return [row for row in contacts if row.email or row.phone_number or row.identifier]


def _matches(contact: rows.Contact, text: str) -> bool:
    """Part of name, e-mail or phone without case, or of the identifier with it."""
    folded = (contact.name, contact.email or "", contact.phone_number or "")
    return any(text.lower() in value.lower() for value in folded) or text in (contact.identifier or "")


def _sorted(call: Call, contacts: list[rows.Contact]) -> list[rows.Contact]:
    """By `sort`, a minus sign for descending; contacts without a value come last."""
    order = call.request.param("sort") or ""
    column = order.lstrip("-")
    if column not in _SORTABLE:
        return contacts
    filled = [row for row in contacts if getattr(row, column) not in (None, "")]
    blank = [row for row in contacts if getattr(row, column) in (None, "")]
    return sorted(filled, key=lambda row: getattr(row, column), reverse=order.startswith("-")) + blank


def _page(call: Call, contacts: list[rows.Contact]) -> Response:
    start = (call.page() - 1) * CONTACTS_PER_PAGE
    shown = contacts[start : start + CONTACTS_PER_PAGE]
    meta = {"count": len(contacts), "current_page": call.page_as_sent()}
    return ok({"meta": meta, "payload": _contacts(call, shown)})


def _contacts(call: Call, contacts: list[rows.Contact]) -> list[Json]:
    return [call.views.contact(row, inboxes=_with_inboxes(call)) for row in contacts]


def _one(call: Call, contact: rows.Contact) -> Response:
    return ok({"payload": call.views.contact(contact, inboxes=_with_inboxes(call))})


def _with_inboxes(call: Call) -> bool:
    return call.request.param("include_contact_inboxes", "true") in ("true", "")


def _note(call: Call) -> rows.Note:
    note: rows.Note = call.row("notes", "note")
    if note.contact_id != call.row("contacts").id:
        raise NotFound("note")
    return note


def _note_text(call: Call) -> str:
    """`{note: {content}}`, or flat."""
    inner = call.body.get("note")
    return str((inner if isinstance(inner, dict) else call.body).get("content") or "")


def _contact_value(contact: rows.Contact, key: str) -> Value:
    if key == "labels":
        return contact.label_list
    if key in ("country_code", "city", "company_name"):
        return contact.additional_attributes.get(key)
    return getattr(contact, key) if hasattr(contact, key) else contact.custom_attributes.get(key)
