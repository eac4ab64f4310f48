"""REST: webhooks, labels, attribute definitions, inboxes, people of the account, dashboard apps (7, 8.3, 10)."""

from __future__ import annotations

import re
import secrets

from bridge.sandbox.http import Response

from . import rows
from .people import Invalid
from .rest import Call, RestApi, empty, ok
from .rows import DEFAULT_EVENTS, SUBSCRIBABLE_EVENTS, Json, Row, Value
from .store import Store

ATTRIBUTE_MODELS = ("conversation_attribute", "contact_attribute", "company_attribute")
ATTRIBUTE_TYPES = ("text", "number", "currency", "percent", "link", "date", "list", "checkbox")

_URL = re.compile(r"https?://\S+")
_LABEL_TITLE = re.compile(r"[\w-]{2,}")
_ATTRIBUTE_KEY = re.compile(r"[\w.-]+")
_STANDARD_FIELDS = {
    "contact_attribute": {"name", "email", "phone_number", "identifier", "country_code", "city", "created_at"},
    "conversation_attribute": {"status", "priority", "assignee_id", "inbox_id", "team_id", "display_id", "labels"},
    "company_attribute": {"name", "domain"},
}


def register(api: RestApi) -> None:
    api.add("GET", "", show_account)
    api.add("GET", "/webhooks", list_webhooks)
    api.add("POST", "/webhooks", create_webhook)
    api.add("PATCH", "/webhooks/{id}", update_webhook)
    api.add("PUT", "/webhooks/{id}", update_webhook)
    api.add("DELETE", "/webhooks/{id}", delete_webhook)
    api.add("GET", "/labels", list_labels)
    api.add("POST", "/labels", create_label)
    api.add("GET", "/labels/{id}", show_label)
    api.add("PATCH", "/labels/{id}", update_label)
    api.add("DELETE", "/labels/{id}", delete_label)
    api.add("GET", "/custom_attribute_definitions", list_definitions)
    api.add("POST", "/custom_attribute_definitions", create_definition)
    api.add("GET", "/custom_attribute_definitions/{id}", show_definition)
    api.add("PATCH", "/custom_attribute_definitions/{id}", update_definition)
    api.add("DELETE", "/custom_attribute_definitions/{id}", delete_definition)
    api.add("GET", "/inboxes", list_inboxes)
    api.add("GET", "/inboxes/{id}", show_inbox)
    api.add("GET", "/agents", list_agents)
    api.add("GET", "/inbox_members/{id}", list_inbox_members)
    api.add("GET", "/teams", list_teams)
    api.add("GET", "/dashboard_apps", list_dashboard_apps)
    api.add("POST", "/dashboard_apps", create_dashboard_app)
    api.add("GET", "/dashboard_apps/{id}", show_dashboard_app)
    api.add("PATCH", "/dashboard_apps/{id}", update_dashboard_app)
    api.add("DELETE", "/dashboard_apps/{id}", delete_dashboard_app)


def show_account(call: Call) -> Response:
    return ok(call.views.account(call.chat.store.accounts[call.account_id]))


# -- webhooks


def list_webhooks(call: Call) -> Response:
    call.need_administrator()
    found = call.chat.store.of_account("webhooks", call.account_id)
    return ok({"payload": {"webhooks": [call.views.webhook(row) for row in found]}})


def create_webhook(call: Call) -> Response:
    call.need_administrator()
    values = _inner(call, "webhook")
    webhook = add_webhook(
        call.chat.store,
        account_id=call.account_id,
        url=str(values.get("url") or ""),
        subscriptions=values.get("subscriptions", list(DEFAULT_EVENTS)),
        name=values.get("name"),
        inbox_id=values.get("inbox_id"),
    )
    return _webhook(call, webhook)


def update_webhook(call: Call) -> Response:
    call.need_administrator()
    webhook: rows.Webhook = call.row("webhooks")
    known = ("url", "subscriptions", "name", "inbox_id")
    values = {name: value for name, value in _inner(call, "webhook").items() if name in known}
    _check_webhook(call.chat.store, call.account_id, values, except_id=webhook.id)
    call.chat.store.update(webhook, **values)
    return _webhook(call, webhook)


def delete_webhook(call: Call) -> Response:
    call.need_administrator()
    call.chat.store.remove(call.row("webhooks"))
    return empty()


def add_webhook(
    store: Store,
    *,
    account_id: int,
    url: str,
    subscriptions: Value,
    name: str | None = None,
    inbox_id: int | None = None,
    secret: str | None = None,
) -> rows.Webhook:
    """Registers a webhook; the secret is made here, never chosen by a client. Raises `Invalid`."""
    _check_webhook(store, account_id, {"url": url, "subscriptions": subscriptions}, except_id=None)
    now = store.now()
    webhook: rows.Webhook = store.add(
        rows.Webhook(
            id=store.next_id("webhooks"),
            account_id=account_id,
            url=url,
            subscriptions=list(subscriptions),
            # 24 characters for new rows (contract section 2).
            secret=secret or secrets.token_urlsafe(18),
            name=name,
            inbox_id=inbox_id,
            created_at=now,
            updated_at=now,
        )
    )
    return webhook


def _webhook(call: Call, webhook: rows.Webhook) -> Response:
    return ok({"payload": {"webhook": call.views.webhook(webhook)}})


def _check_webhook(store: Store, account_id: int, values: Json, *, except_id: int | None) -> None:
    if "url" in values:
        url = values["url"]
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise Invalid("Url is invalid", "url")
        if any(row.url == url and row.id != except_id for row in store.of_account("webhooks", account_id)):
            raise Invalid("Url has already been taken", "url")
    if "subscriptions" in values:
        events = values["subscriptions"]
        if not isinstance(events, list) or not events or set(map(str, events)) - set(SUBSCRIBABLE_EVENTS):
            raise Invalid("Subscriptions Invalid events", "subscriptions")


# -- labels


def list_labels(call: Call) -> Response:
    return ok({"payload": [call.views.label(row) for row in call.chat.store.of_account("labels", call.account_id)]})


def show_label(call: Call) -> Response:
    call.need_administrator()
    return ok(call.views.label(call.row("labels")))


def create_label(call: Call) -> Response:
    call.need_administrator()
    values = _inner(call, "label")
    label = rows.Label(call.chat.store.next_id("labels"), call.account_id, _label_title(call, values.get("title")))
    _set(label, values, ("description", "color", "show_on_sidebar"))
    return ok(call.views.label(call.chat.store.add(label)))


def update_label(call: Call) -> Response:
    call.need_administrator()
    label, values = call.row("labels"), _inner(call, "label")
    if "title" in values:
        label.title = _label_title(call, values["title"], except_id=label.id)
    _set(label, values, ("description", "color", "show_on_sidebar"))
    return ok(call.views.label(label))


def delete_label(call: Call) -> Response:
    call.need_administrator()
    call.chat.store.remove(call.row("labels"))
    return empty()


def _label_title(call: Call, title: Value, *, except_id: int | None = None) -> str:
    text = str(title or "").strip().lower()
    if not _LABEL_TITLE.fullmatch(text):
        raise Invalid("Title is invalid", "title")
    labels = call.chat.store.of_account("labels", call.account_id)
    if any(row.title == text and row.id != except_id for row in labels):
        raise Invalid("Title has already been taken", "title")
    return text


# -- custom attribute definitions


def list_definitions(call: Call) -> Response:
    model = call.request.param("attribute_model") or ATTRIBUTE_MODELS[0]
    found = call.chat.store.of_account("attribute_definitions", call.account_id)
    return ok([call.views.attribute_definition(row) for row in found if row.attribute_model == model])


def show_definition(call: Call) -> Response:
    return ok(call.views.attribute_definition(call.row("attribute_definitions")))


def create_definition(call: Call) -> Response:
    call.need_administrator()
    store, values = call.chat.store, _inner(call, "custom_attribute_definition")
    model = _choice(values.get("attribute_model"), ATTRIBUTE_MODELS)
    now = store.now()
    definition = rows.AttributeDefinition(
        id=store.next_id("attribute_definitions"),
        account_id=call.account_id,
        attribute_key=_attribute_key(call, values.get("attribute_key"), model),
        attribute_display_name=str(values.get("attribute_display_name") or ""),
        attribute_display_type=_choice(values.get("attribute_display_type"), ATTRIBUTE_TYPES),
        attribute_model=model,
        created_at=now,
        updated_at=now,
    )
    if not definition.attribute_display_name:
        raise Invalid("Attribute display name can't be blank", "attribute_display_name")
    _set(definition, values, _DEFINITION_COLUMNS)
    return ok(call.views.attribute_definition(store.add(definition)))


def update_definition(call: Call) -> Response:
    call.need_administrator()
    definition, values = call.row("attribute_definitions"), _inner(call, "custom_attribute_definition")
    columns = ("attribute_display_name", *_DEFINITION_COLUMNS)
    call.chat.store.update(definition, **{name: values[name] for name in columns if name in values})
    return ok(call.views.attribute_definition(definition))


def delete_definition(call: Call) -> Response:
    call.need_administrator()
    call.chat.store.remove(call.row("attribute_definitions"))
    return empty()


_DEFINITION_COLUMNS = ("attribute_description", "attribute_values", "regex_pattern", "regex_cue", "default_value")


def _attribute_key(call: Call, key: Value, model: str) -> str:
    text = str(key or "")
    if not _ATTRIBUTE_KEY.fullmatch(text) or text in _STANDARD_FIELDS[model]:
        raise Invalid("Attribute key is invalid", "attribute_key")
    for row in call.chat.store.of_account("attribute_definitions", call.account_id):
        if (row.attribute_key, row.attribute_model) == (text, model):
            raise Invalid("Attribute key has already been taken", "attribute_key")
    return text


def _choice(value: Value, names: tuple[str, ...]) -> str:
    """An enum as Rails takes it: its name or its number; the first when it is absent."""
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if value is None or value in names:
        return value or names[0]
    raise Invalid(f"'{value}' is not a valid value")


# -- inboxes and people


def list_inboxes(call: Call) -> Response:
    """Agents see the inboxes they are members of."""
    inboxes = call.chat.store.of_account("inboxes", call.account_id)
    visible = [row for row in inboxes if call.administrator or call.user.id in row.member_ids]
    return ok({"payload": [call.views.inbox(row, administrator=call.administrator) for row in visible]})


def show_inbox(call: Call) -> Response:
    return ok(call.views.inbox(call.row("inboxes"), administrator=call.administrator))


def list_agents(call: Call) -> Response:
    users = [user for user in call.chat.store.users.values() if user.role_in(call.account_id)]
    return ok([call.views.agent(user, call.account_id) for user in users])


def list_inbox_members(call: Call) -> Response:
    users = [user for user in call.chat.store.users.values() if user.id in call.row("inboxes").member_ids]
    return ok({"payload": [call.views.agent(user, call.account_id) for user in users]})


def list_teams(call: Call) -> Response:
    return ok([call.views.team(row) for row in call.chat.store.of_account("teams", call.account_id)])


# -- dashboard apps


def list_dashboard_apps(call: Call) -> Response:
    found = call.chat.store.of_account("dashboard_apps", call.account_id)
    return ok([call.views.dashboard_app(row) for row in found])


def show_dashboard_app(call: Call) -> Response:
    return ok(call.views.dashboard_app(call.row("dashboard_apps")))


def create_dashboard_app(call: Call) -> Response:
    store, values, now = call.chat.store, _inner(call, "dashboard_app"), call.chat.store.now()
    app = rows.DashboardApp(
        store.next_id("dashboard_apps"),
        call.account_id,
        str(values.get("title") or ""),
        _frames(values.get("content")),
        created_at=now,
        updated_at=now,
    )
    return ok(call.views.dashboard_app(store.add(app)))


def update_dashboard_app(call: Call) -> Response:
    app, values = call.row("dashboard_apps"), _inner(call, "dashboard_app")
    changes = {name: values[name] for name in ("title",) if name in values}
    if "content" in values:
        changes["content"] = _frames(values["content"])
    call.chat.store.update(app, **changes)
    return ok(call.views.dashboard_app(app))


def delete_dashboard_app(call: Call) -> Response:
    call.chat.store.remove(call.row("dashboard_apps"))
    return empty()


def _frames(content: Value) -> list[Json]:
    frames = content if isinstance(content, list) else []
    right = all(
        isinstance(one, dict) and one.get("type") == "frame" and _URL.fullmatch(str(one.get("url") or ""))
        for one in frames
    )
    if not frames or not right:
        raise Invalid("Content : Invalid data", "content")
    return frames


# -- parts


def _inner(call: Call, name: str) -> Json:
    """Parameters flat or under the object's name, as Rails wraps them."""
    inner = call.body.get(name)
    return inner if isinstance(inner, dict) else call.body


def _set(row: Row, values: Json, columns: tuple[str, ...]) -> None:
    for name in columns:
        if name in values:
            setattr(row, name, values[name])
