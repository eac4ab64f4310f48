"""What fails in practice on Chatwoot's side (Chatwoot contract sections 6 to 9)."""

from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.clients.chatwoot_setup import HEADER_DROPPED
from bridge.connecting.changes import apply
from bridge.connecting.chatwoot_changes import Webhook, chatwoot_changes, our_webhook
from bridge.connecting.checks.base import Check, Finding
from bridge.connecting.inboxes import conflict_with
from bridge.connecting.look import Look
from bridge.connecting.problems import problem_of
from bridge.errors import PartnerError
from bridge.models import Connection, IntakeCounter, Partner, WebhookSecret

PROFILE = frozenset({"profile"})
TOKEN_CODES = frozenset({HEADER_DROPPED, "token-or-rights", "no-token"})


class Reached(Check):
    code = "CHATWOOT_REACHED"
    title = gettext_lazy("Chatwoot answers at this address")
    why = gettext_lazy("Ponte reads from Chatwoot what no webhook told, and writes there where the person stands.")
    fix = gettext_lazy("Correct the address.")
    reads = PROFILE

    def look(self, look: Look) -> Finding:
        try:
            look.profile()
        except PartnerError as error:
            if error.code not in TOKEN_CODES:
                problem = problem_of(error)
                return self.fail(problem.found, problem.fix)
        return self.ok(_("Chatwoot answers."))


class Header(Check):
    code = "CHATWOOT_HEADER"
    title = gettext_lazy("The header api_access_token arrives")
    why = gettext_lazy("Proxies such as nginx drop header names with an underscore unless told otherwise.")
    fix = gettext_lazy("In nginx: underscores_in_headers on; then reload it. In other proxies allow this header.")
    reads = PROFILE

    def look(self, look: Look) -> Finding:
        try:
            look.profile()
        except PartnerError as error:
            if error.code == HEADER_DROPPED:
                return self.fail(problem_of(error).found)
            if error.code not in TOKEN_CODES:
                raise
        return self.ok(_("The token reaches Chatwoot."))


class Token(Check):
    code = "CHATWOOT_TOKEN"
    title = gettext_lazy("Access token is valid")
    why = gettext_lazy("Without it Ponte can neither read nor prepare anything in Chatwoot.")
    fix = gettext_lazy("In Chatwoot: Profile settings → Access token; copy the whole of it.")
    reads = PROFILE

    def look(self, look: Look) -> Finding:
        try:
            look.profile()
        except PartnerError as error:
            if error.code not in TOKEN_CODES - {HEADER_DROPPED}:
                raise
            return self.fail(_("Chatwoot does not accept this access token."))
        return self.ok(_("Chatwoot accepts the token."))


class Account(Check):
    code = "CHATWOOT_ACCOUNT"
    title = gettext_lazy("The right account")
    why = gettext_lazy("Events of another account would never be accepted.")
    fix = gettext_lazy("Use the number in the address of Chatwoot's screens: …/app/accounts/NUMBER/…")
    reads = PROFILE

    def look(self, look: Look) -> Finding:
        accounts = {each.account_id: each.account_name for each in look.profile().accounts}
        name = accounts.get(look.account_id)
        if name is not None:
            return self.ok(_("Account %(n)s: %(name)s.") % {"n": look.account_id, "name": name})
        known = ", ".join(f"{number} ({name})" for number, name in sorted(accounts.items())) or _("none")
        return self.fail(
            _("The token does not belong to account %(n)s. Its accounts: %(known)s.")
            % {"n": look.account_id, "known": known}
        )


class Administrator(Check):
    code = "CHATWOOT_ADMIN"
    title = gettext_lazy("Token of an administrator")
    why = gettext_lazy("Webhooks, attributes and deletions asked for by a titular need an administrator.")
    fix = gettext_lazy(
        "Use the access token of an administrator (Profile settings → Access token), best of a user of its own."
    )
    reads = PROFILE

    def look(self, look: Look) -> Finding:
        role = look.profile().role_in(look.account_id)
        if role is None:
            return self.unknown(_("The token does not belong to this account."))
        if role == "administrator":
            return self.ok(_("The token is an administrator's."))
        return self.fail(_("The token is not an administrator's of account %(n)s.") % {"n": look.account_id})


class Inboxes(Check):
    code = "CHATWOOT_INBOXES"
    title = gettext_lazy("Inboxes are chosen and exist")
    why = gettext_lazy("Conversations of other inboxes are dropped before anything is stored.")
    fix = gettext_lazy("Choose the inboxes under What to send.")
    reads = frozenset({"inboxes"})
    needs_connection = True

    def look(self, look: Look) -> Finding:
        connection, known = look.connection, {inbox.id: inbox.name for inbox in look.inboxes()}
        if connection.all_inboxes:
            return self.ok(_("Every inbox of the account: %(n)d now.") % {"n": len(known)})
        gone = [number for number in connection.inbox_ids if number not in known]
        if gone:
            return self.fail(_("Inbox %(n)s no longer exists in Chatwoot.") % {"n": ", ".join(map(str, gone))})
        if not connection.inbox_ids:
            return self.fail(_("No inbox is chosen: nothing would be received."))
        return self.ok(", ".join(known[number] for number in connection.inbox_ids))


class SharedInboxes(Check):
    code = "INBOXES_SHARED"
    title = gettext_lazy("Inboxes belong to this connection alone")
    why = gettext_lazy("With an inbox in two connections, every conversation would be written twice.")
    fix = gettext_lazy("Leave the inbox out of one of the two connections.")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        conflict = conflict_with(look.connection)
        return self.fail(conflict.told(name_it=False)) if conflict else self.ok(_("No other connection receives them."))


class Signs(Check):
    code = "CHATWOOT_SIGNS"
    title = gettext_lazy("Chatwoot signs what it sends")
    why = gettext_lazy(
        "Chatwoot older than 4.11.2 cannot sign; unsigned calls could come from anybody and are refused."
    )
    fix = gettext_lazy("Update Chatwoot to 4.11.2 or newer, or let this connection only poll.")
    reads = frozenset({"chat_webhooks"})
    repair_label = gettext_lazy("Only poll")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        if look.is_polling_only:
            return self.ok(_("Not needed: this connection only polls."))
        hooks = look.chat_webhooks()
        if any(hook.secret for hook in hooks):
            return self.ok(_("Chatwoot gives its webhooks a secret."))
        if hooks:
            return self.fail(_("This Chatwoot is older than 4.11.2 and cannot sign its webhooks."))
        return self.unknown(_("Known once the webhook is made."))

    def repair(self, look: Look) -> None:
        connection = look.connection
        connection.polling_only = True
        connection.save(update_fields=["polling_only", "updated_at"])


class Prepared(Check):
    code = "CHATWOOT_PREPARED"
    title = gettext_lazy("Webhook, attributes and panel are there")
    why = gettext_lazy("Somebody may have deleted or changed them in Chatwoot.")
    fix = gettext_lazy("Prepare Chatwoot again: only what is missing is made.")
    reads = frozenset({"chat_webhooks", "definitions", "panel_apps"})
    repair_label = gettext_lazy("Prepare Chatwoot")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        missing = [c for c in chatwoot_changes(is_polling_only=look.is_polling_only) if not c.stands(look)]
        if not missing:
            return self.ok(_("Everything is there."))
        names = "; ".join(str(change.title) for change in missing)
        is_deaf = any(isinstance(change, Webhook) for change in missing)
        text = _("Missing: %(names)s.") % {"names": names}
        return self.fail(text) if is_deaf else self.warn(text)

    def repair(self, look: Look) -> None:
        apply(chatwoot_changes(is_polling_only=look.is_polling_only), look)


class SecretMatched(Check):
    code = "SECRET_MATCHED"
    title = gettext_lazy("Signatures match")
    why = gettext_lazy("With a wrong secret every delivery is refused, and Chatwoot does not send it again.")
    fix = gettext_lazy(
        "Write a message to a connected inbox. If nothing arrives, take over the secret from Chatwoot again."
    )
    reads = frozenset({"chat_webhooks"})
    repair_label = gettext_lazy("Take over the secret again")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        connection = look.connection
        if connection.polling_only:
            return self.ok(_("Not needed: this connection only polls."))
        live = WebhookSecret.objects.filter(connection=connection, partner=Partner.CHATWOOT, retired_at=None)
        matched = live.exclude(last_matched_at=None).order_by("-last_matched_at").first()
        wrong = _refused(connection)
        if wrong and (matched is None or not _is_fresh(matched)):
            return self.fail(_("%(n)d deliveries with a wrong signature in 24 hours.") % {"n": wrong})
        if matched:
            return self.ok(_("The last delivery matched."))
        if not live.exists():
            return self.fail(_("There is no secret yet: every delivery would be refused."), _("Prepare Chatwoot."))
        return self.warn(_("The secret has never matched: no delivery has arrived yet."))

    def repair(self, look: Look) -> None:
        found = our_webhook(look)
        if found is None or not found.secret:
            apply([Webhook()], look)
        else:
            Webhook().settle(look)


def _refused(connection: Connection) -> int:
    since = timezone.now() - timedelta(hours=24)
    rows = IntakeCounter.objects.filter(connection=connection, hour__gte=since, reason="signature wrong")
    return rows.aggregate(n=Sum("count"))["n"] or 0


def _is_fresh(secret: WebhookSecret) -> bool:
    return secret.last_matched_at is not None and secret.last_matched_at > timezone.now() - timedelta(hours=1)
