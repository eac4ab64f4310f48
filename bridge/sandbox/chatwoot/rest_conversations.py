"""REST: conversations and their messages (contract section 8.2)."""

from __future__ import annotations

import email.policy
from datetime import UTC, datetime
from email.parser import BytesParser

from bridge.sandbox.http import Response, json_response

from . import rows
from .filters import select
from .people import Refused
from .rest import CONVERSATIONS_PER_PAGE, Call, RestApi, empty, ok
from .rows import API, MICROSECONDS, Json, Value, iso
from .store import NotFound

_FILTER_KEYS = frozenset(
    {
        "status",
        "assignee_id",
        "inbox_id",
        "team_id",
        "priority",
        "display_id",
        "campaign_id",
        "labels",
        "browser_language",
        "conversation_language",
        "referer",
        "created_at",
        "last_activity_at",
        "mail_subject",
    }
)
# The filter knows `contact_id` since this version (contract section 6).
_CONTACT_FILTER = (4, 14, 2)

_LATEST, _NEWER, _BETWEEN = 20, 100, 1000
_ORDERS = {
    "last_activity_at_desc": ("last_activity_at", True),
    "last_activity_at_asc": ("last_activity_at", False),
    "created_at_desc": ("created_at", True),
    "created_at_asc": ("created_at", False),
    "waiting_since_asc": ("waiting_since", False),
    "waiting_since_desc": ("waiting_since", True),
}


def register(api: RestApi) -> None:
    api.add("GET", "/conversations", list_conversations)
    api.add("POST", "/conversations", create_conversation)
    api.add("GET", "/conversations/meta", conversations_meta)
    api.add("POST", "/conversations/filter", filter_conversations)
    api.add("GET", "/conversations/{conversation}", show_conversation)
    api.add("PATCH", "/conversations/{conversation}", update_conversation)
    api.add("DELETE", "/conversations/{conversation}", delete_conversation)
    api.add("POST", "/conversations/{conversation}/toggle_status", toggle_status)
    api.add("POST", "/conversations/{conversation}/toggle_priority", toggle_priority)
    api.add("POST", "/conversations/{conversation}/toggle_typing_status", toggle_typing)
    api.add("GET", "/conversations/{conversation}/labels", conversation_labels)
    api.add("POST", "/conversations/{conversation}/labels", set_conversation_labels)
    api.add("POST", "/conversations/{conversation}/custom_attributes", set_custom_attributes)
    api.add("POST", "/conversations/{conversation}/assignments", assign)
    api.add("GET", "/conversations/{conversation}/messages", list_messages)
    api.add("POST", "/conversations/{conversation}/messages", create_message)
    api.add("PATCH", "/conversations/{conversation}/messages/{id}", update_message)
    api.add("DELETE", "/conversations/{conversation}/messages/{id}", delete_message)


def list_conversations(call: Call) -> Response:
    """25 a page; with `updated_within` (seconds) all matches, unpaged."""
    found = _listed(call)
    meta = _counts(call, found)
    shown = _ordered(call, _of_assignee(call, found, call.request.param("assignee_type")))
    within = call.number("updated_within")
    if within is not None:
        since = call.chat.store.now() - within * MICROSECONDS
        shown = [row for row in shown if row.updated_at > since]
    else:
        shown = _paged(call, shown)
    return ok({"data": {"meta": meta, "payload": [call.views.conversation(row) for row in shown]}})


def conversations_meta(call: Call) -> Response:
    return ok({"meta": _counts(call, _listed(call))})


def filter_conversations(call: Call) -> Response:
    """The same grammar as contacts; no `data` wrapper."""
    definitions = call.chat.store.of_account("attribute_definitions", call.account_id)
    custom = {row.attribute_key for row in definitions if row.attribute_model == "conversation_attribute"}
    by_contact = {"contact_id"} if call.chat.bodies.version >= _CONTACT_FILTER else set()
    found = select(
        _visible(call),
        call.body.get("payload"),
        keys=_FILTER_KEYS | custom | by_contact,
        read=_conversation_value,
        today=datetime.fromtimestamp(call.chat.store.now() / MICROSECONDS, UTC).date(),
    )
    payload = [call.views.conversation(row) for row in _paged(call, _ordered(call, found))]
    return ok({"meta": _counts(call, found), "payload": payload})


def show_conversation(call: Call) -> Response:
    return ok(call.views.conversation(call.conversation()))


def create_conversation(call: Call) -> Response:
    """By inbox and contact, or by the contact's address alone."""
    contact_id, inbox_id = call.body.get("contact_id"), call.body.get("inbox_id")
    if contact_id is None or inbox_id is None:
        contact_id, inbox_id = _by_source_id(call)
    conversation = call.chat.open_conversation(
        int(contact_id),
        inbox_id=int(inbox_id),
        source_id=call.body.get("source_id"),
        status=call.body.get("status") or "open",
        additional_attributes=call.body.get("additional_attributes"),
        custom_attributes=call.body.get("custom_attributes"),
        account_id=call.account_id,
    )
    where: Json = {"account_id": call.account_id}
    if call.body.get("assignee_id"):
        call.chat.assign(conversation.display_id, int(call.body["assignee_id"]), **where)
    if call.body.get("team_id"):
        call.chat.assign_team(conversation.display_id, int(call.body["team_id"]), **where)
    message = call.body.get("message")
    if isinstance(message, dict):
        extra = {"template_params": message["template_params"]} if message.get("template_params") else {}
        call.chat.outgoing(
            conversation.display_id,
            message.get("content"),
            user_id=call.user.id,
            additional_attributes=extra,
            **where,
        )
    return ok(call.views.conversation(conversation))


def update_conversation(call: Call) -> Response:
    conversation = call.conversation()
    if "priority" in call.body:
        call.chat.set_priority(conversation.display_id, call.body["priority"], account_id=call.account_id)
    return ok(call.views.conversation(conversation))


def toggle_priority(call: Call) -> Response:
    priority = call.body.get("priority") or None
    call.chat.set_priority(call.conversation().display_id, priority, account_id=call.account_id)
    return empty()


def toggle_typing(call: Call) -> Response:
    call.chat.typing(
        call.conversation().display_id,
        user_id=call.user.id,
        on=call.body.get("typing_status") != "off",
        is_private=bool(call.body.get("is_private")),
        account_id=call.account_id,
    )
    return empty()


def delete_conversation(call: Call) -> Response:
    call.need_administrator()
    call.chat.delete_conversation(call.conversation().display_id, account_id=call.account_id)
    return empty()


def toggle_status(call: Call) -> Response:
    """Opening with an agent's token also assigns the conversation to that agent."""
    conversation = call.conversation()
    number, where = conversation.display_id, {"account_id": call.account_id}
    status = call.body.get("status") or call.chat.toggled_status(number, **where)
    until = call.body.get("snoozed_until")
    call.chat.set_status(
        number,
        str(status),
        snoozed_until=int(until) * MICROSECONDS if until else None,
        user_id=call.user.id,
        **where,
    )
    if conversation.status == "open" and not call.administrator:
        call.chat.assign(number, call.user.id, **where)
    payload = {
        "success": True,
        "conversation_id": number,
        "current_status": conversation.status,
        "snoozed_until": iso(conversation.snoozed_until),
    }
    return ok({"meta": {}, "payload": payload})


def conversation_labels(call: Call) -> Response:
    return ok({"payload": list(call.conversation().label_list)})


def set_conversation_labels(call: Call) -> Response:
    number = call.conversation().display_id
    conversation = call.chat.set_labels(number, call.strings("labels"), account_id=call.account_id)
    return ok({"payload": list(conversation.label_list)})


def set_custom_attributes(call: Call) -> Response:
    attributes = call.body.get("custom_attributes")
    conversation = call.chat.set_conversation_attributes(
        call.conversation().display_id,
        attributes if isinstance(attributes, dict) else {},
        account_id=call.account_id,
    )
    return ok({"custom_attributes": conversation.custom_attributes})


def assign(call: Call) -> Response:
    """An agent or, when only a team is named, the team; null when nobody is assigned after it."""
    number, where = call.conversation().display_id, {"account_id": call.account_id}
    if "assignee_id" in call.body:
        user = call.chat.assign(number, _optional_id(call.body["assignee_id"]), **where)
        return ok(call.views.agent(user, call.account_id) if user else None)
    team = call.chat.assign_team(number, _optional_id(call.body.get("team_id")), **where)
    return ok(call.views.team(team) if team else None)


# -- messages


def list_messages(call: Call) -> Response:
    conversation = call.conversation()
    messages = call.chat.store.messages_of(conversation)
    if call.request.param("filter_internal_messages"):
        messages = [message for message in messages if message.is_public]
    shown = page_of(messages, after=call.number("after"), before=call.number("before"))
    payload = [call.views.message(message) for message in shown]
    return ok({"meta": call.views.messages_meta(conversation), "payload": payload})


def page_of(messages: list[rows.Message], *, after: int | None, before: int | None) -> list[rows.Message]:
    """Oldest first: the last 20; 20 before an id; up to 100 after an id; with both up to 1000, `after` included."""
    if after is not None and before is not None:
        return [message for message in messages if after <= message.id < before][:_BETWEEN]
    if before is not None:
        return [message for message in messages if message.id < before][-_LATEST:]
    if after is not None:
        return [message for message in messages if message.id > after][:_NEWER]
    return messages[-_LATEST:]


def create_message(call: Call) -> Response:
    """JSON, or a form with `attachments[]`. Reaches the customer unless `private`."""
    conversation = call.conversation()
    fields, files = (call.body, []) if call.body else _form(call)
    attachments = [call.chat.attachment(name, kind, size=size) for name, kind, size in files]
    where: Json = {"account_id": call.account_id}
    columns: Json = {
        "content_type": fields.get("content_type") or "text",
        "content_attributes": fields.get("content_attributes") or {},
        "additional_attributes": {key: fields[key] for key in ("template_params", "campaign_id") if fields.get(key)},
        "attachments": attachments,
    }
    if fields.get("source_id"):
        columns["source_id"] = str(fields["source_id"])
    text, number = fields.get("content"), conversation.display_id
    if fields.get("message_type") == "incoming":
        if call.chat.store.inboxes[conversation.inbox_id].channel_type != API:
            raise Refused("Incoming messages are only allowed in Api inboxes")
        message = call.chat.incoming(number, text, **columns, **where)
    elif str(fields.get("private")).lower() == "true":
        message = call.chat.private_note(number, str(text or ""), user_id=call.user.id, **columns, **where)
    else:
        message = call.chat.outgoing(number, text, user_id=call.user.id, **columns, **where)
    return ok(call.views.message(message, echo_id=fields.get("echo_id")))


def update_message(call: Call) -> Response:
    """Delivery status, in API inboxes only."""
    conversation = call.conversation()
    if call.chat.store.inboxes[conversation.inbox_id].channel_type != API:
        return json_response(403, {"error": "Message status update is only allowed for API inboxes"})
    message = _message_of(call, conversation)
    call.chat.set_message_status(message.id, str(call.body.get("status")), account_id=call.account_id)
    return ok(call.views.message(message))


def delete_message(call: Call) -> Response:
    message = _message_of(call, call.conversation())
    call.chat.delete_message(message.id, account_id=call.account_id)
    return ok(call.views.message(message))


# -- parts


def _visible(call: Call) -> list[rows.Conversation]:
    return [row for row in call.chat.store.live_conversations(call.account_id) if call.sees(row)]


def _listed(call: Call) -> list[rows.Conversation]:
    """What the query of the list asks for, except the assignee, the time and the page."""
    status = call.request.param("status") or "open"
    inbox_id, team_id = call.number("inbox_id"), call.number("team_id")
    labels, source_id = set(call.many("labels")), call.request.param("source_id")
    text = (call.request.param("q") or "").lower()
    addresses = call.chat.store.contact_inboxes
    return [
        row
        for row in _visible(call)
        if (status == "all" or row.status == status)
        and (inbox_id is None or row.inbox_id == inbox_id)
        and (team_id is None or row.team_id == team_id)
        and (not labels or labels & set(row.label_list))
        and (not source_id or addresses[row.contact_inbox_id].source_id == source_id)
        and (not text or any(text in (message.content or "").lower() for message in call.chat.store.messages_of(row)))
    ]


def _of_assignee(
    call: Call, conversations: list[rows.Conversation], assignee_type: str | None
) -> list[rows.Conversation]:
    if assignee_type == "me":
        return [row for row in conversations if row.assignee_id == call.user.id]
    if assignee_type == "unassigned":
        return [row for row in conversations if row.assignee_id is None]
    if assignee_type == "assigned":
        return [row for row in conversations if row.assignee_id is not None]
    return conversations


def _counts(call: Call, conversations: list[rows.Conversation]) -> Json:
    kinds = ("me", "assigned", "unassigned", "all")
    mine, assigned, unassigned, everything = (len(_of_assignee(call, conversations, kind)) for kind in kinds)
    return {
        "mine_count": mine,
        "assigned_count": assigned,
        "unassigned_count": unassigned,
        "all_count": everything,
    }


def _ordered(call: Call, conversations: list[rows.Conversation]) -> list[rows.Conversation]:
    column, descending = _ORDERS.get(call.request.param("sort_by") or "", _ORDERS["last_activity_at_desc"])
    return sorted(conversations, key=lambda row: getattr(row, column) or 0, reverse=descending)


def _paged(call: Call, conversations: list[rows.Conversation]) -> list[rows.Conversation]:
    start = (call.page() - 1) * CONVERSATIONS_PER_PAGE
    return conversations[start : start + CONVERSATIONS_PER_PAGE]


def _conversation_value(conversation: rows.Conversation, key: str) -> Value:
    if key == "labels":
        return conversation.label_list
    if key in ("browser_language", "conversation_language", "referer", "mail_subject"):
        return conversation.additional_attributes.get(key)
    if hasattr(conversation, key):
        return getattr(conversation, key)
    return conversation.custom_attributes.get(key)


def _by_source_id(call: Call) -> tuple[int, int]:
    store = call.chat.store
    for address in store.contact_inboxes.values():
        contact = store.contacts.get(address.contact_id)
        if address.source_id == call.body.get("source_id") and contact and contact.account_id == call.account_id:
            return contact.id, address.inbox_id
    raise NotFound("contact_inbox")


def _message_of(call: Call, conversation: rows.Conversation) -> rows.Message:
    message: rows.Message = call.row("messages")
    if message.conversation_id != conversation.id:
        raise NotFound("message")
    return message


def _optional_id(value: Value) -> int | None:
    return int(value) if value else None


def _form(call: Call) -> tuple[Json, list[tuple[str, str, int]]]:
    """A multipart form: its fields, and name, content type and size of each `attachments[]`."""
    request = call.request
    head = f"Content-Type: {request.header('content-type')}\r\n\r\n".encode()
    form = BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    fields: Json = {}
    files: list[tuple[str, str, int]] = []
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        name, file_name = part.get_param("name", header="content-disposition"), part.get_filename()
        if file_name:
            files.append((file_name, part.get_content_type(), len(data)))
        else:
            fields[str(name)] = data.decode("utf-8", "replace")
    return fields, files
