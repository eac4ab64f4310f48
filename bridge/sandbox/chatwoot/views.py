"""The shapes of the REST API (contract section 8): C, V and N and the objects of the account's configuration.

Callers hold the store's lock.
"""

from __future__ import annotations

import copy

from . import rows
from .dispatch import SIGNED_WEBHOOKS
from .payloads import Bodies, working_hours
from .rows import API, EMAIL, MESSAGE_TYPES, MICROSECONDS, WEB_WIDGET, WHATSAPP, Json, epoch, iso
from .store import Store


class Views:
    """REST shapes from a store, in one Chatwoot version."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        self.store = store
        self.bodies = bodies

    # -- contacts

    def contact(self, contact: rows.Contact, *, inboxes: bool = True) -> Json:
        """C of section 8.1. `last_activity_at` is absent if there never was any; there is no `updated_at`."""
        body: Json = {
            "additional_attributes": copy.deepcopy(contact.additional_attributes),
            "availability_status": "online" if contact.online else "offline",
            "email": contact.email,
            "id": contact.id,
            "name": contact.name,
            "phone_number": contact.phone_number,
            "blocked": contact.blocked,
            "identifier": contact.identifier,
            "thumbnail": contact.avatar_url,
            "custom_attributes": copy.deepcopy(contact.custom_attributes),
        }
        if contact.last_activity_at is not None:
            body["last_activity_at"] = epoch(contact.last_activity_at)
        body["created_at"] = epoch(contact.created_at)
        if inboxes:
            addresses = self.store.contact_inboxes_of(contact.id)
            body["contact_inboxes"] = [self.contact_inbox(address) for address in addresses]
        return body

    def contact_inbox(self, contact_inbox: rows.ContactInbox) -> Json:
        inbox = self.store.inboxes[contact_inbox.inbox_id]
        short = {
            "id": inbox.id,
            "avatar_url": "",
            "channel_id": inbox.channel_id,
            "name": inbox.name,
            "channel_type": inbox.channel_type,
            "provider": inbox.channel.get("provider"),
        }
        return {"source_id": contact_inbox.source_id, "inbox": short}

    def note(self, note: rows.Note) -> Json:
        body: Json = {"id": note.id, "content": note.content, "account_id": note.account_id}
        body["contact_id"] = note.contact_id
        user = self.store.users.get(note.user_id or 0)
        if user is not None:
            body["user"] = self.agent(user, note.account_id)
        return {**body, "created_at": epoch(note.created_at), "updated_at": epoch(note.updated_at)}

    # -- conversations

    def conversation(self, conversation: rows.Conversation) -> Json:
        """V of section 8.2: `messages[0]` is the last message of any kind, activities included."""
        last = self.store.last_message(conversation)
        spoken = self.store.last_message(conversation, lambda message: message.message_type != "activity")
        return {
            "meta": self._conversation_meta(conversation),
            "id": conversation.display_id,
            "messages": [self.bodies.message_embedded(last)] if last else [],
            "account_id": conversation.account_id,
            "uuid": conversation.uuid,
            "additional_attributes": copy.deepcopy(conversation.additional_attributes),
            "agent_last_seen_at": epoch(conversation.agent_last_seen_at),
            "assignee_last_seen_at": epoch(conversation.assignee_last_seen_at),
            "can_reply": self.bodies.can_reply(conversation),
            "contact_last_seen_at": epoch(conversation.contact_last_seen_at),
            "custom_attributes": copy.deepcopy(conversation.custom_attributes),
            "inbox_id": conversation.inbox_id,
            "labels": list(conversation.label_list),
            "muted": False,
            "snoozed_until": iso(conversation.snoozed_until),
            "status": conversation.status,
            "created_at": epoch(conversation.created_at),
            "updated_at": conversation.updated_at / MICROSECONDS,
            "timestamp": epoch(conversation.last_activity_at),
            "first_reply_created_at": epoch(conversation.first_reply_created_at),
            "unread_count": self.store.unread_count(conversation),
            "last_non_activity_message": self.bodies.message_embedded(spoken) if spoken else None,
            "last_activity_at": epoch(conversation.last_activity_at),
            "priority": conversation.priority,
            "waiting_since": epoch(conversation.waiting_since),
            "sla_policy_id": None,
        }

    def _conversation_meta(self, conversation: rows.Conversation) -> Json:
        """Absent keys instead of nulls, unlike webhooks."""
        contact_inbox = self.store.contact_inboxes.get(conversation.contact_inbox_id)
        meta: Json = {
            "sender": self.contact(self.store.contacts[conversation.contact_id], inboxes=False),
            "channel": self.store.inboxes[conversation.inbox_id].channel_type,
        }
        assignee = self.store.users.get(conversation.assignee_id or 0)
        if assignee is not None:
            meta["assignee"] = self.agent(assignee, conversation.account_id)
        team = self.store.teams.get(conversation.team_id or 0)
        if team is not None:
            meta["team"] = self.team(team)
        meta["hmac_verified"] = contact_inbox.hmac_verified if contact_inbox else None
        return meta

    def messages_meta(self, conversation: rows.Conversation) -> Json:
        meta: Json = {
            "labels": list(conversation.label_list),
            "additional_attributes": copy.deepcopy(conversation.additional_attributes),
            "contact": self.contact(self.store.contacts[conversation.contact_id], inboxes=False),
        }
        assignee = self.store.users.get(conversation.assignee_id or 0)
        if assignee is not None:
            meta["assignee"] = self.agent(assignee, conversation.account_id)
        meta["agent_last_seen_at"] = iso(conversation.agent_last_seen_at)
        meta["assignee_last_seen_at"] = iso(conversation.assignee_last_seen_at)
        return meta

    def message(self, message: rows.Message, *, echo_id: str | None = None) -> Json:
        """N of section 8.2."""
        conversation = self.store.conversations[message.conversation_id]
        body: Json = {
            "id": message.id,
            "content": message.content,
            "inbox_id": message.inbox_id,
            "conversation_id": conversation.display_id,
            "message_type": MESSAGE_TYPES[message.message_type],
            "content_type": message.content_type,
            "status": message.status,
            "content_attributes": copy.deepcopy(message.content_attributes),
            "created_at": epoch(message.created_at),
            "private": message.private,
            "source_id": message.source_id,
        }
        if echo_id is not None:
            body["echo_id"] = echo_id
        sender = self.bodies.sender(message, embedded=True)
        if sender is not None:
            body["sender"] = sender
        if message.attachments:
            body["attachments"] = copy.deepcopy(message.attachments)
        return body

    # -- configuration of the account

    def agent(self, user: rows.User, account_id: int) -> Json:
        return {
            "id": user.id,
            "account_id": account_id,
            "availability_status": "offline",
            "auto_offline": True,
            "confirmed": True,
            "email": user.email,
            "available_name": user.available_name,
            "name": user.name,
            "role": user.role_in(account_id),
            "thumbnail": user.avatar_url,
        }

    def team(self, team: rows.Team) -> Json:
        return {
            "id": team.id,
            "name": team.name,
            "description": team.description,
            "allow_auto_assign": team.allow_auto_assign,
            "account_id": team.account_id,
            "is_member": False,
        }

    def inbox(self, inbox: rows.Inbox, *, administrator: bool) -> Json:
        """Settings of one inbox; the channel's credentials only for administrators (section 8.3)."""
        body: Json = {
            "id": inbox.id,
            "avatar_url": "",
            "channel_id": inbox.channel_id,
            "name": inbox.name,
            "channel_type": inbox.channel_type,
            "greeting_enabled": inbox.greeting_enabled,
            "greeting_message": inbox.greeting_message,
            "working_hours_enabled": False,
            "enable_email_collect": True,
            "csat_survey_enabled": inbox.csat_survey_enabled,
            "enable_auto_assignment": inbox.enable_auto_assignment,
            "auto_assignment_config": {},
            "out_of_office_message": None,
            "working_hours": [working_hours(day) for day in range(7)],
            "timezone": "America/Sao_Paulo",
            "callback_webhook_url": None,
            "allow_messages_after_resolved": True,
            "lock_to_single_conversation": inbox.lock_to_single_conversation,
            "sender_name_type": "friendly",
            "business_name": None,
            "provider": inbox.channel.get("provider"),
        }
        return {**body, **_channel_settings(inbox, administrator=administrator)}

    def label(self, label: rows.Label) -> Json:
        return {
            "id": label.id,
            "title": label.title,
            "description": label.description,
            "color": label.color,
            "show_on_sidebar": label.show_on_sidebar,
        }

    def attribute_definition(self, definition: rows.AttributeDefinition) -> Json:
        return {
            "id": definition.id,
            "attribute_display_name": definition.attribute_display_name,
            "attribute_display_type": definition.attribute_display_type,
            "attribute_description": definition.attribute_description,
            "attribute_key": definition.attribute_key,
            "regex_pattern": definition.regex_pattern,
            "regex_cue": definition.regex_cue,
            "attribute_values": list(definition.attribute_values),
            "attribute_model": definition.attribute_model,
            "default_value": definition.default_value,
            "created_at": iso(definition.created_at),
            "updated_at": iso(definition.updated_at),
        }

    def webhook(self, webhook: rows.Webhook) -> Json:
        """W of section 7; no `secret` on servers that cannot sign."""
        body: Json = {
            "id": webhook.id,
            "name": webhook.name,
            "url": webhook.url,
            "account_id": webhook.account_id,
            "subscriptions": list(webhook.subscriptions),
        }
        if self.bodies.version >= SIGNED_WEBHOOKS:
            body["secret"] = webhook.secret
        inbox = self.store.inboxes.get(webhook.inbox_id or 0)
        return {**body, "inbox": {"id": inbox.id, "name": inbox.name}} if inbox else body

    def dashboard_app(self, app: rows.DashboardApp) -> Json:
        return {
            "id": app.id,
            "title": app.title,
            "content": copy.deepcopy(app.content),
            "created_at": iso(app.created_at),
        }

    def account(self, account: rows.Account) -> Json:
        return {
            "id": account.id,
            "name": account.name,
            "locale": "pt_BR",
            "domain": None,
            "support_email": None,
            "status": account.status,
            "created_at": iso(account.created_at),
            "features": {},
            "settings": {},
            "custom_attributes": {},
        }

    def profile(self, user: rows.User) -> Json:
        """`GET /api/v1/profile`: the token's user and its accounts."""
        first_account, first_role = user.roles[0]
        accounts = [
            {
                "id": account_id,
                "name": self.store.accounts[account_id].name,
                "status": self.store.accounts[account_id].status,
                "active_at": None,
                "role": role,
                "permissions": [role],
                "availability": "online",
                "availability_status": "offline",
                "auto_offline": True,
            }
            for account_id, role in user.roles
        ]
        return {
            "access_token": user.token,
            "account_id": first_account,
            "available_name": user.available_name,
            "avatar_url": user.avatar_url,
            "confirmed": True,
            "display_name": None,
            "message_signature": None,
            "email": user.email,
            "id": user.id,
            "inviter_id": None,
            "name": user.name,
            "provider": "email",
            "pubsub_token": f"exemploPubsub{user.id:08d}",
            "role": first_role,
            "ui_settings": {},
            "uid": user.email,
            "type": None,
            "accounts": accounts,
        }


def _channel_settings(inbox: rows.Inbox, *, administrator: bool) -> Json:
    channel = inbox.channel
    if inbox.channel_type == WHATSAPP:
        settings = {"phone_number": channel["phone_number"], "message_templates": []}
        return {**settings, "provider_config": dict(channel["provider_config"])} if administrator else settings
    if inbox.channel_type == EMAIL:
        return {"email": channel["email"], "forward_to_email": channel["forward_to_email"]}
    hmac_token = {"hmac_token": channel["hmac_token"]} if administrator else {}
    if inbox.channel_type == API:
        return {
            **hmac_token,
            "webhook_url": channel["webhook_url"],
            "inbox_identifier": channel["identifier"],
            "hmac_mandatory": channel["hmac_mandatory"],
            "additional_attributes": dict(channel["additional_attributes"]),
        }
    if inbox.channel_type == WEB_WIDGET:
        public = ("website_url", "website_token", "widget_color", "welcome_title", "welcome_tagline", "hmac_mandatory")
        return {
            **hmac_token,
            **{name: channel[name] for name in public},
            "web_widget_script": "",
            "selected_feature_flags": ["attachments", "emoji_picker"],
            "reply_time": "in_a_few_minutes",
        }
    return {}
