"""The steps of connecting, each idempotent: what exists is found and kept, what is missing is made."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF
from bridge.clients.shapes import CrmWebhookDraft, NamedItem, Pipeline, Stage, WorkflowDraft
from bridge.connecting.spec import Spec, UnusableSpec
from bridge.models import CallBudget, Connection, Krayin, KrayinUser, Partner, WebhookSecret
from bridge.sync.partners import chatwoot_client, connection_context, krayin_client, user_context
from bridge.webhooks.registry import secret_context
from consent.encryption import Actor, open_system, seal_system
from consent.models import Clinic, User
from consent.policy import CURRENT_POLICY

SUBSCRIPTIONS = (
    "contact_created", "contact_updated", "conversation_created", "conversation_status_changed",
    "conversation_updated", "message_created", "message_updated",
)  # fmt: skip
KRAYIN_EVENTS = (
    ("leads", "lead.update.after", LEAD_REF),
    ("leads", "lead.delete.before", LEAD_REF),
    ("persons", "contacts.person.update.after", PERSON_REF),
)
CHATWOOT_CALLS_PER_MINUTE = 2000  # of 3,000 it allows per address (contract Chatwoot 9)
Progress = Callable[[str], None]
Item = TypeVar("Item", NamedItem, Pipeline, Stage)


class CannotConnect(Exception):
    """Something at a partner has to be changed first; the message says what and where."""


@dataclass(frozen=True)
class Connected:
    """What the operator needs afterwards."""

    connection_id: int
    state: str
    webhook_url: str
    krayin_webhook_url: str
    ref_code: str
    pipeline: str
    first_stage: str


def webhook_url(connection: Connection, partner: Partner) -> str:
    """The address a partner posts to; its path token names the connection (contract Chatwoot 7)."""
    return f"{settings.PUBLIC_URL}/webhooks/{partner.value}/{connection.public_id}/"


def connect(spec: Spec, progress: Progress) -> Connected:
    """Make or complete the connection a file describes.

    Raises CannotConnect, UnusableSpec and the partner errors of `bridge.errors`; run it again after the fix.
    """
    progress("clinic and connection")
    connection = _rows(spec)
    progress("Krayin: signing in and reading its settings")
    krayin, _ = krayin_client(connection, patient=True)
    _check_visibility(krayin)
    _read_settings(connection, krayin, spec)
    progress("Krayin: fields for our references")
    _prepare_attributes(connection, krayin)
    progress("Chatwoot: token, inboxes and webhook")
    chatwoot = chatwoot_client(connection)
    _check_chatwoot(connection, chatwoot, spec)
    if not spec.polling_only:
        _register_chatwoot(connection, chatwoot)
    progress("Krayin: webhooks")
    _register_krayin(connection, krayin)
    _switch(connection, spec)
    return Connected(
        connection_id=connection.pk,
        state=connection.state,
        webhook_url=webhook_url(connection, Partner.CHATWOOT),
        krayin_webhook_url=webhook_url(connection, Partner.KRAYIN),
        ref_code=connection.ref_code,
        pipeline=connection.default_pipeline_name,
        first_stage=connection.default_stage_name,
    )


def _rows(spec: Spec) -> Connection:
    """Clinic, Krayin, its users and a draft connection; an existing connection keeps its state until the end."""
    with transaction.atomic():
        clinic = _clinic(spec)
        krayin, _ = Krayin.objects.get_or_create(base_url=spec.krayin_url)
        budget, _ = CallBudget.objects.get_or_create(
            name=f"chatwoot:{urlsplit(spec.chatwoot_url).netloc}",
            defaults={"capacity": 200, "refill_per_minute": CHATWOOT_CALLS_PER_MINUTE, "tokens": 200},
        )
        connection, _ = Connection.objects.update_or_create(
            clinic=clinic,
            name=spec.name,
            defaults={
                "chatwoot_url": spec.chatwoot_url,
                "chatwoot_account_id": spec.account_id,
                "chatwoot_budget": budget,
                "all_inboxes": spec.inboxes is None,
                "inbox_ids": list(spec.inboxes or ()),
                "polling_only": spec.polling_only,
                "krayin": krayin,
                "preset": spec.preset,
                "message_text": spec.message_text,
                "sync_to_organization": spec.sync_to_organization,
                "title_template": spec.title_template,
                "note_quiet_s": spec.note_quiet_s,
                "is_example": settings.EXAMPLE_DATA,
            },
        )
        connection.chatwoot_token = seal_system(spec.chatwoot_token.encode(), context=connection_context(connection))
        connection.save(update_fields=["chatwoot_token"])
        connection.krayin_users.set([_krayin_user(krayin, account) for account in spec.krayin_accounts])
    return connection


def _clinic(spec: Spec) -> Clinic:
    """Found by CNPJ, else by name; its legal data are not overwritten by a connection file."""
    found = Clinic.objects.filter(cnpj=spec.clinic_cnpj).first() if spec.clinic_cnpj else None
    found = found or Clinic.objects.filter(trade_name=spec.clinic_name).first()
    if found:
        return found
    clinic = Clinic(
        trade_name=spec.clinic_name, legal_name=spec.clinic_legal_name, cnpj=spec.clinic_cnpj or None,
        time_zone=spec.time_zone, is_example=settings.EXAMPLE_DATA,
    )  # fmt: skip
    clinic.full_clean(exclude=["contact_email", "dpo_name", "dpo_email"])
    clinic.save()
    return clinic


def _krayin_user(krayin: Krayin, account: object) -> KrayinUser:
    email, password, token = (getattr(account, name) for name in ("email", "password", "token"))
    budget, _ = CallBudget.objects.get_or_create(name=f"krayin:{krayin.pk}:{email}")
    user, _ = KrayinUser.objects.get_or_create(krayin=krayin, email=email, defaults={"budget": budget})
    if password:
        user.password = seal_system(password.encode(), context=user_context(user, "password"))
    if token:
        user.token = seal_system(token.encode(), context=user_context(user, "token"))
    user.save()
    return user


def _check_visibility(krayin: KrayinClient) -> None:
    """With any other setting searches end as 500 (contract Krayin 1)."""
    if krayin.who_am_i().view_permission != "global":
        raise CannotConnect(
            "Krayin: the user's view permission is not global. Settings → Users → edit → View permission: Global."
        )


def _read_settings(connection: Connection, krayin: KrayinClient, spec: Spec) -> None:
    """Pipelines, sources and types, with the defaults of seed 003 and what the file chose."""
    pipelines = krayin.pipelines()
    if not pipelines:
        raise CannotConnect("Krayin has no pipeline. Settings → Pipelines → create one.")
    default = next((p for p in pipelines if p.is_default), pipelines[0])
    chosen = _pick(pipelines, spec.pipeline, "krayin.pipeline") or default
    stage = _pick(chosen.stages, spec.first_stage, "krayin.first_stage") or chosen.stages[0]
    sources, types = krayin.sources(), krayin.types()
    source = _pick(sources, spec.source, "krayin.source") or _preferred(sources, ("whatsapp", "website", "web"))
    kind = _pick(types, spec.type, "krayin.type") or (min(types, key=lambda t: t.id) if types else None)
    connection.pipelines = [as_stored(p) for p in pipelines]
    connection.default_pipeline_id, connection.default_pipeline_name = chosen.id, chosen.name
    connection.default_stage_id, connection.default_stage_name = stage.id, stage.name
    connection.default_source_id = source.id if source else None
    connection.default_source_name = source.name if source else ""
    connection.default_lead_type_id = kind.id if kind else None
    connection.default_lead_type_name = kind.name if kind else ""
    connection.stage_progression_enabled = bool(spec.stages)
    for key, value in spec.stages.items():
        target = _pick(chosen.stages, value, f"stages.{key}")
        setattr(connection, f"stage_on_{key}", target.id if target else None)
    connection.save()


def as_stored(pipeline: Pipeline) -> dict[str, object]:
    """A pipeline as the connection keeps it; array order is stage order (contract Krayin 11)."""
    return {"id": pipeline.id, "name": pipeline.name, "stages": [asdict(stage) for stage in pipeline.stages]}


def _pick(items: Sequence[Item], wanted: str | int | None, key: str) -> Item | None:
    """The item with this id, code or name; None when the file does not choose. Raises UnusableSpec."""
    if wanted is None:
        return None
    for item in items:
        names = {str(getattr(item, "name", "")).casefold(), str(getattr(item, "code", "")).casefold()}
        if getattr(item, "id", None) == wanted or str(wanted).casefold() in names:
            return item
    raise UnusableSpec(f"{key} {wanted!r} does not exist in Krayin: use a name or id it shows under Settings")


def _preferred(items: Sequence[NamedItem], names: Iterable[str]) -> NamedItem | None:
    by_name = {item.name.casefold(): item for item in items}
    return next((by_name[name] for name in names if name in by_name), items[0] if items else None)


def _prepare_attributes(connection: Connection, krayin: KrayinClient) -> None:
    """Our reference fields, the optional e-mail, and the booleans that partial edits would reset."""
    attributes = {(a.entity_type, a.code): a for a in krayin.attributes()}
    if ("persons", PERSON_REF) not in attributes:
        krayin.attribute_create(code=PERSON_REF, name="Referência Chatwoot", entity_type="persons")
    if ("leads", LEAD_REF) not in attributes:
        krayin.attribute_create(code=LEAD_REF, name="Referência Ponte", entity_type="leads")
    emails = attributes.get(("persons", "emails"))
    if emails and emails.is_required:
        # Without this, contacts that only have a phone cannot be stored (contract Krayin 6.2).
        krayin.attribute_make_optional(emails)
    connection.email_optional = True
    connection.lead_booleans = [c for (kind, c), a in attributes.items() if kind == "leads" and a.type == "boolean"]
    connection.save(update_fields=["email_optional", "lead_booleans"])


def _check_chatwoot(connection: Connection, chatwoot: ChatwootClient, spec: Spec) -> None:
    role = chatwoot.profile().role_in(connection.chatwoot_account_id)
    if role != "administrator":
        raise CannotConnect(
            f"Chatwoot: the token is not an administrator's of account {connection.chatwoot_account_id}. "
            "Use the access token of an administrator (Profile settings → Access token)."
        )
    inboxes = chatwoot.inboxes()
    missing = set(spec.inboxes or ()) - {inbox.id for inbox in inboxes}
    if missing:
        raise UnusableSpec(f"chatwoot.inboxes {sorted(missing)} do not exist in this account")
    connection.inbox_names = {str(inbox.id): inbox.name for inbox in inboxes}
    connection.save(update_fields=["inbox_names"])


def _register_chatwoot(connection: Connection, chatwoot: ChatwootClient) -> None:
    """Find the webhook by its path or make it; keep the secret Chatwoot made (contract Chatwoot 7)."""
    url = webhook_url(connection, Partner.CHATWOOT)
    found = next((hook for hook in chatwoot.webhooks() if _is_ours(hook.url, url)), None)
    if found is None:
        found = chatwoot.webhook_create(url, SUBSCRIPTIONS, name="Ponte")
    elif found.url != url or set(found.subscriptions) != set(SUBSCRIPTIONS):
        found = chatwoot.webhook_update(found.id, url=url, subscriptions=SUBSCRIPTIONS)
    if not found.secret:
        raise CannotConnect(
            "Chatwoot is older than 4.11.2 and cannot sign its webhooks. Update it, or connect with "
            '"polling_only": true under "chatwoot" (news arrive up to two minutes later).'
        )
    keep_secret(connection, Partner.CHATWOOT, found.secret)


def _is_ours(address: str, url: str) -> bool:
    """The path names the connection for ever; the host before it changes when Ponte moves."""
    return urlsplit(address).path == urlsplit(url).path


def _register_krayin(connection: Connection, krayin: KrayinClient) -> None:
    """Hints about changes made by people: a webhook and its workflow for each event (contract Krayin 13).

    Each step is made only if it is missing, so that an interrupted set-up is completed by the next.
    """
    url = webhook_url(connection, Partner.KRAYIN)
    hooks = {hook.name: hook for hook in krayin.webhooks() if _is_ours(hook.end_point, url)}
    wired = {webhook_id for flow in krayin.workflows() for webhook_id in flow.webhook_ids}
    token = next((hook.headers["X-Bridge-Token"] for hook in hooks.values() if "X-Bridge-Token" in hook.headers), "")
    token = token or secrets.token_urlsafe(32)
    keep_secret(connection, Partner.KRAYIN, token)
    for entity, event, code in KRAYIN_EVENTS:
        draft = CrmWebhookDraft(
            name=f"Ponte {connection.ref_code} {event}",
            entity_type=entity,
            end_point=url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "X-Bridge-Token": token},
            payload={"event": event, code: f"{{%{entity}.{code}%}}"},
        )
        hook = hooks.get(draft.name) or krayin.webhook_create(draft)
        if hook.end_point != url:
            krayin.webhook_update(hook.id, draft)
        if hook.id not in wired:
            krayin.workflow_create(WorkflowDraft(draft.name, entity, event, hook.id))


def keep_secret(connection: Connection, partner: Partner, secret: str) -> None:
    """Store a webhook secret beside the live ones; the same secret is not stored twice."""
    context = secret_context(connection.pk, partner)
    live = WebhookSecret.objects.filter(connection=connection, partner=partner, retired_at=None)
    actor = Actor.system("connect")
    if any(open_system(row.secret, context=context, actor=actor, purpose="system") == secret.encode() for row in live):
        return
    WebhookSecret.objects.create(
        connection=connection, partner=partner, secret=seal_system(secret.encode(), context=context)
    )


def _switch(connection: Connection, spec: Spec) -> None:
    """Set the state; a connection writes only once the clinic's policy is confirmed (DESIGN section 9)."""
    clinic = connection.clinic
    if spec.policy_confirmed_by and not clinic.has_confirmed_policy:
        who = User.objects.filter(email=spec.policy_confirmed_by).first()
        if who is None:
            raise UnusableSpec("policy_confirmed_by is nobody's e-mail here: create the person first")
        clinic.policy_version, clinic.policy_confirmed_at = CURRENT_POLICY, timezone.now()
        clinic.policy_confirmed_by = who
        clinic.save(update_fields=["policy_version", "policy_confirmed_at", "policy_confirmed_by"])
    if spec.state == Connection.State.ACTIVE and not clinic.has_confirmed_policy:
        raise CannotConnect(
            "The clinic has not confirmed the legal bases yet, so the connection can only be shadow. "
            "Let the DPO confirm them, or write policy_confirmed_by into the file."
        )
    connection.state = spec.state
    connection.save(update_fields=["state"])
