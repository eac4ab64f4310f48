"""Chatwoot over REST: contacts, conversations, messages, set-up (Chatwoot contract sections 7 to 9).

Reads are cheap here (3,000 calls a minute), writes are last-write-wins. Status codes can be trusted, except that 401
also means missing rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import requests

from bridge.clients import chatwoot_answers as answers
from bridge.clients import copies
from bridge.clients.base import (
    MAX_ANSWER_BYTES,
    TOTAL_SECONDS,
    Answer,
    Call,
    CallRecord,
    Deadline,
    Pace,
    PartnerClient,
    Priority,
)
from bridge.clients.shapes import (
    Agent,
    AttributeDefinition,
    ChatWebhook,
    Contact,
    Conversation,
    Inbox,
    InboxMember,
    Message,
    NamedItem,
    Profile,
)
from bridge.errors import (
    CredentialsRefused,
    Paced,
    PartnerError,
    PartnerGone,
    PartnerMisconfigured,
    PartnerRejected,
    PartnerUnavailable,
)

T = TypeVar("T")

MESSAGES_PER_PAGE = 100
THROTTLE_SECONDS = 60.0
_UNIQUE_FIELDS = frozenset({"email", "phone_number", "identifier", "url", "attribute_key"})


class ChatwootClient(PartnerClient):
    """All calls to one Chatwoot account with one access token."""

    partner = "chatwoot"

    def __init__(
        self,
        base_url: str,
        account_id: int,
        token: str,
        *,
        session: requests.Session,
        pace: Pace,
        on_call: Callable[[CallRecord], None],
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`base_url` is the installation's address without `/api/v1`; the token is best an administrator's."""
        super().__init__(base_url, session=session, pace=pace, on_call=on_call, total_seconds=total_seconds)
        self._account_id = int(account_id)
        self._token = token

    # --- reading ------------------------------------------------------------------------------------------------------

    def profile(self) -> Profile:
        """Whose token this is and his role in each account: the check of address, token and rights."""
        return self._call(Call("GET", _PROFILE), answers.profile)

    def contact(self, contact_id: int, *, priority: int = Priority.RECORD) -> Contact:
        """PartnerGone after deletion or merge."""
        return self._call(self._get("/contacts/{id}", contact_id, priority=priority), answers.payload(answers.contact))

    def is_online(self, contact_id: int) -> bool:
        """Whether the contact is in the chat at this moment. PartnerGone after deletion or merge."""
        call = self._get("/contacts/{id}", contact_id, priority=Priority.BACKGROUND)
        return self._call(call, answers.payload(answers.is_online))

    def message(self, conversation_id: int, message_id: int) -> Message | None:
        """One message as it is now, None when it no longer exists. PartnerGone: the conversation does not.

        There is no address of one message: `after` with `before` includes `after` (Chatwoot contract section 8.2).
        """
        window = {"after": str(message_id), "before": str(message_id + 1)}
        found = self._messages(conversation_id, window)
        return next((message for message in found if message.id == message_id), None)

    def messages_since(self, conversation_id: int, after_id: int) -> Iterator[Message]:
        """Messages newer than `after_id`, oldest first, notes and activities included: 100 per call, as far as read."""
        while True:
            page = self._messages(conversation_id, {"after": str(after_id)})
            fresh = [message for message in page if message.id > after_id]
            yield from fresh
            if len(page) < MESSAGES_PER_PAGE or not fresh:
                return
            after_id = max(message.id for message in fresh)

    def conversations_of_contact(self, contact_id: int, page: int) -> copies.ConversationPage:
        """One page of 25 of everything the contact has, in any state; a filter that v4.14.2 and newer know.

        PartnerRejected by older ones: then `latest_of_contact`. (Chatwoot contract sections 8.1, 8.2.)
        """
        condition = {
            "attribute_key": "contact_id", "filter_operator": "equal_to", "values": [contact_id], "query_operator": None
        }  # fmt: skip
        params, body = {"page": str(page)}, {"payload": [condition]}
        call = Call("POST", "/conversations/filter", params=params, body=body, priority=Priority.BACKGROUND)
        return self._call(call, copies.conversation_page)

    def latest_of_contact(self, contact_id: int) -> tuple[Conversation, ...]:
        """The newest 20, without pages."""
        call = self._get("/contacts/{id}/conversations", contact_id, priority=Priority.BACKGROUND)
        return self._call(call, copies.contact_conversations)

    def whole_messages(self, conversation_id: int) -> Iterator[copies.WholeMessage]:
        """Every message, oldest first, notes and activities included, with the addresses of files: 100 per call."""
        after_id = 0
        while True:
            params = {"after": str(after_id)}
            call = self._get(
                "/conversations/{id}/messages", conversation_id, params=params, priority=Priority.BACKGROUND
            )
            page = self._call(call, answers.payloads(copies.message))
            fresh = [one for one in page if one.message.id > after_id]
            yield from fresh
            if len(page) < MESSAGES_PER_PAGE or not fresh:
                return
            after_id = max(one.message.id for one in fresh)

    def conversation(self, conversation_id: int, *, priority: int = Priority.RECORD) -> Conversation:
        """By display id."""
        return self._call(self._get("/conversations/{id}", conversation_id, priority=priority), answers.conversation)

    def conversations_updated_within(self, seconds: int, *, inbox_id: int | None = None) -> tuple[Conversation, ...]:
        """Every conversation of any status changed in the last `seconds`, unpaged: the cheapest reconciliation."""
        params = {"status": "all", "updated_within": str(seconds)}
        if inbox_id is not None:
            params["inbox_id"] = str(inbox_id)
        call = self._get("/conversations", params=params, max_bytes=4 * MAX_ANSWER_BYTES, priority=Priority.BACKGROUND)
        return self._call(call, answers.conversation_list)

    def conversations_page(self, page: int, *, inbox_id: int | None = None) -> tuple[Conversation, ...]:
        """One page of the conversations of any status, the last active first; empty after the last page.

        The list shifts while people write: who reads on sees some twice, never one that stayed quiet not at all, as
        long as none is deleted.
        """
        params = {"status": "all", "assignee_type": "all", "sort_by": "last_activity_at_desc", "page": str(page)}
        if inbox_id is not None:
            params["inbox_id"] = str(inbox_id)
        return self._call(self._get("/conversations", params=params), answers.conversation_list)

    def message_create(
        self, conversation_id: int, content: str, *, attributes: Mapping[str, object], is_choice: bool = False
    ) -> Message:
        """Send a message to the person (contract section 8.2); `attributes` come from `bridge.clients.interactive`.

        PartnerRejected when the conversation takes none at the moment; PartnerGone when it no longer exists.
        """
        body = {
            "content": content,
            "message_type": "outgoing",
            "private": False,
            "content_type": "input_select" if is_choice else "text",
            "content_attributes": dict(attributes),
        }
        call = self._send("POST", "/conversations/{id}/messages", body, conversation_id)
        return self._call(call, answers.message)

    def private_note(self, conversation_id: int, content: str) -> Message:
        """Write a note that only the clinic's people see (contract section 8.2, `private`)."""
        body = {"content": content, "message_type": "outgoing", "private": True, "content_type": "text"}
        call = self._send("POST", "/conversations/{id}/messages", body, conversation_id)
        return self._call(call, answers.message)

    def inboxes(self) -> tuple[Inbox, ...]:
        return self._call(self._get("/inboxes"), answers.payloads(answers.inbox))

    def inbox_members(self, inbox_id: int) -> tuple[InboxMember, ...]:
        """The agents of one inbox, as Chatwoot's OpenAPI file describes `GET /inbox_members/{inbox_id}`."""
        return self._call(self._get("/inbox_members/{id}", inbox_id), answers.payloads(answers.inbox_member))

    def agents(self) -> tuple[Agent, ...]:
        """Everybody who works in the account (contract section 8.3)."""
        return self._call(self._get("/agents"), answers.agents)

    def teams(self) -> tuple[NamedItem, ...]:
        return self._call(self._get("/teams"), answers.teams)

    # --- contacts -----------------------------------------------------------------------------------------------------

    def contact_update(
        self,
        contact_id: int,
        *,
        name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        custom_attributes: Mapping[str, object] | None = None,
    ) -> Contact:
        """Set what is given, leave the rest: custom attributes are merged one level deep (Chatwoot contract 8.1).

        `phone` is E.164. PartnerRejected names what another contact has or what is malformed; PartnerGone after deletion
        or merge.
        """
        values = {"name": name, "email": email, "phone_number": phone}
        body: dict[str, object] = {key: value for key, value in values.items() if value is not None}
        if custom_attributes is not None:
            body["custom_attributes"] = dict(custom_attributes)
        call = self._send("PUT", "/contacts/{id}", body, contact_id)
        return self._call(call, answers.payload(answers.contact))

    def contact_delete(self, contact_id: int) -> None:
        """Administrator. What belongs to it goes later, in the background (contract section 8.1).

        PartnerRejected while the contact is online; PartnerGone when there is none.
        """
        self._call(self._send("DELETE", "/contacts/{id}", None, contact_id), answers.nothing)

    def conversation_delete(self, conversation_id: int) -> None:
        """Administrator; queued (contract section 8.2). PartnerGone when there is none."""
        self._call(self._send("DELETE", "/conversations/{id}", None, conversation_id), answers.nothing)

    def message_delete(self, conversation_id: int, message_id: int) -> None:
        """Soft: a notice stands for the text, files are detached (contract section 5.7)."""
        ids = {"id": conversation_id, "message": message_id}
        call = Call("DELETE", "/conversations/{id}/messages/{message}", ids=ids)
        self._call(call, answers.nothing)

    def contact_labels(self, contact_id: int) -> tuple[str, ...]:
        return self._call(self._get("/contacts/{id}/labels", contact_id), answers.label_titles)

    def contact_labels_replace(self, contact_id: int, labels: Sequence[str]) -> tuple[str, ...]:
        """The whole list: labels that are left out are taken off. Read first, merge, write (contract section 8.1)."""
        call = self._send("POST", "/contacts/{id}/labels", {"labels": list(labels)}, contact_id)
        return self._call(call, answers.label_titles)

    def conversation_labels(self, conversation_id: int) -> tuple[str, ...]:
        return self._call(self._get("/conversations/{id}/labels", conversation_id), answers.label_titles)

    def conversation_labels_replace(self, conversation_id: int, labels: Sequence[str]) -> tuple[str, ...]:
        """As for contacts (contract section 8.2)."""
        call = self._send("POST", "/conversations/{id}/labels", {"labels": list(labels)}, conversation_id)
        return self._call(call, answers.label_titles)

    def labels(self) -> tuple[str, ...]:
        """Titles of the labels people can choose and filter by; others may be written, but are not listed."""
        return self._call(self._get("/labels"), answers.payloads(answers.label_title))

    def label_create(self, title: str, *, description: str = "") -> None:
        """Administrator. Letters, digits, `_` and `-`, at least two (contract section 8.3)."""
        body = {"title": title, "description": description, "show_on_sidebar": True}
        self._call(self._send("POST", "/labels", body), answers.nothing)

    def attribute_definitions(self, model: str = "contact_attribute") -> tuple[AttributeDefinition, ...]:
        call = self._get("/custom_attribute_definitions", params={"attribute_model": model})
        return self._call(call, answers.attribute_definitions)

    def attribute_definition_create(
        self, *, key: str, display_name: str, display_type: str = "text", model: str = "contact_attribute"
    ) -> AttributeDefinition:
        """Administrator. Values without a definition are invisible to people (Chatwoot contract section 8.3)."""
        body = {
            "attribute_display_name": display_name,
            "attribute_display_type": display_type,
            "attribute_key": key,
            "attribute_model": model,
        }
        return self._call(self._send("POST", "/custom_attribute_definitions", body), answers.attribute_definition)

    # --- webhooks -----------------------------------------------------------------------------------------------------

    def webhooks(self) -> tuple[ChatWebhook, ...]:
        """Administrator. Secrets come in clear (Chatwoot contract section 7)."""
        return self._call(self._get("/webhooks"), answers.webhook_list)

    def webhook_create(self, url: str, subscriptions: Sequence[str], *, name: str | None = None) -> ChatWebhook:
        """Administrator. PartnerRejected when the address is registered already: list, match, update."""
        return self._call(self._send("POST", "/webhooks", _webhook_body(url, subscriptions, name)), answers.webhook)

    def webhook_update(
        self, webhook_id: int, url: str, subscriptions: Sequence[str], *, name: str | None = None
    ) -> ChatWebhook:
        call = self._send("PATCH", "/webhooks/{id}", _webhook_body(url, subscriptions, name), webhook_id)
        return self._call(call, answers.webhook)

    def webhook_delete(self, webhook_id: int) -> None:
        self._call(self._send("DELETE", "/webhooks/{id}", None, webhook_id), answers.nothing)

    # --- wire ---------------------------------------------------------------------------------------------------------

    def _messages(self, conversation_id: int, params: Mapping[str, str]) -> tuple[Message, ...]:
        call = self._get("/conversations/{id}/messages", conversation_id, params=params)
        return self._call(call, answers.payloads(answers.message))

    def _get(
        self,
        endpoint: str,
        record_id: int | None = None,
        *,
        params: Mapping[str, str] | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        priority: int = Priority.RECORD,
    ) -> Call:
        return Call(
            "GET",
            endpoint,
            ids=_ids(record_id),
            params=params or {},
            priority=priority,
            max_bytes=max_bytes,
        )

    def _send(
        self, method: str, endpoint: str, body: Mapping[str, object] | None, record_id: int | None = None
    ) -> Call:
        return Call(method, endpoint, ids=_ids(record_id), body=body)

    def _url(self, call: Call) -> str:
        inside = "" if call.endpoint == _PROFILE else f"/accounts/{self._account_id}"
        return f"{self._base_url}/api/v1{inside}{call.path}"

    def _call(self, call: Call, parse: Callable[[object], T]) -> T:
        """The parsed answer of one call; any of the errors of `bridge.errors`."""
        deadline = Deadline(self._total_seconds)
        self._acquire(call)
        answer = self._exchange(call, headers={"api_access_token": self._token}, deadline=deadline)
        if not 200 <= answer.status < 300:
            raise self._failure(call, answer)
        if answer.body.strip() and not answer.is_json:
            raise self._unknown(call, "not-json", status=answer.status)
        return self._parsed(call, answer, parse, finished=True)

    def _failure(self, call: Call, answer: Answer) -> PartnerError:
        """What a status means (Chatwoot contract section 9)."""
        status, name = answer.status, call.name
        if status == 401:
            return CredentialsRefused(self.partner, name, status=status, code="token-or-rights")
        if status == 404 and answer.is_json:
            return PartnerGone(self.partner, name, status=status, code="not-found")
        if status == 422:
            return self._rejected(call, answer)
        if status == 429:
            wait = answer.retry_after_seconds
            until = self._pace.moment(THROTTLE_SECONDS if wait is None else wait)
            return Paced(until, partner=self.partner, endpoint=name, status=status, code="throttled")
        if status == 408:
            return PartnerUnavailable(self.partner, name, status=status, code="request-timeout")
        if 300 <= status < 500:
            return PartnerMisconfigured(self.partner, name, status=status, code=_OPERATOR_CODES.get(status, "refused"))
        return self._unknown(call, "server-error", status=status)

    def _rejected(self, call: Call, answer: Answer) -> PartnerError:
        try:
            fields = self._parsed(call, answer, answers.refused_fields, finished=True)
        except PartnerError:
            fields = frozenset()
        taken = fields & _UNIQUE_FIELDS
        return PartnerRejected(self.partner, call.name, status=answer.status, fields=fields, taken_keys=taken)


# The one address that belongs to a token and not to an account.
_PROFILE = "/profile"
_OPERATOR_CODES = {402: "plan", 403: "api-disabled", 404: "unknown-route"} | dict.fromkeys(
    (301, 302, 303, 307, 308), "redirected"
)


def _webhook_body(url: str, subscriptions: Sequence[str], name: str | None) -> dict[str, object]:
    body: dict[str, object] = {"url": url, "subscriptions": list(subscriptions)}
    return body if name is None else {**body, "name": name}


def _ids(record_id: int | None) -> dict[str, int]:
    return {} if record_id is None else {"id": record_id}
