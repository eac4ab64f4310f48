"""Connecting from a file: the same checks and changes as the assistant, in one go, safe to run again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.connecting import checks, crm_settings, moving
from bridge.connecting.access import TypedToken, try_krayin
from bridge.connecting.changes import apply
from bridge.connecting.chatwoot_changes import chatwoot_changes
from bridge.connecting.checks.base import keep
from bridge.connecting.checks.listing import TYPED_CHATWOOT, TYPED_KRAYIN
from bridge.connecting.inboxes import conflict_of
from bridge.connecting.krayin_changes import HINTS, KRAYIN_EVENTS, NEEDED, ChatSource
from bridge.connecting.look import Look
from bridge.connecting.problems import CannotConnect
from bridge.connecting.rows import (
    chatwoot_budget,
    clinic_for,
    keep_chatwoot_token,
    keep_limit,
    keep_secret,
    krayin_user,
    panel_url,
    webhook_url,
)
from bridge.connecting.spec import Spec, UnusableSpec
from bridge.connecting.switching import switch
from bridge.models import Connection, Krayin, Partner, Setup
from bridge.models.setup import setup_of
from consent.models import User
from consent.policy import CURRENT_POLICY

__all__ = ["KRAYIN_EVENTS", "CannotConnect", "Connected", "Progress", "connect", "keep_secret", "webhook_url"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Connected:
    """What the operator needs afterwards."""

    connection_id: int
    state: str
    webhook_url: str
    krayin_webhook_url: str
    panel_url: str
    ref_code: str
    pipeline: str
    first_stage: str


def connect(spec: Spec, progress: Progress) -> Connected:
    """Make or complete the connection a file describes.

    Raises CannotConnect, UnusableSpec and the partner errors of `bridge.errors`; run it again after the fix.
    """
    progress(_("clinic and connection"))
    connection = _rows(spec)
    look, setup = Look(connection), setup_of(connection)
    progress(_("Krayin: signing in and reading its settings"))
    _must_pass(setup, TYPED_KRAYIN, look, but=("KRAYIN_LIMIT",))
    keep_limit(connection.krayin_users.all(), look.krayin.limit)
    _read_settings(connection, setup, look, spec)
    progress(_("Krayin: fields for our references"))
    apply((*NEEDED, ChatSource()) if spec.make_source else NEEDED, look)
    progress(_("Chatwoot: token, inboxes and webhook"))
    _must_pass(setup, TYPED_CHATWOOT, look)
    _keep_inboxes(connection, setup, look, spec)
    apply(chatwoot_changes(is_polling_only=spec.polling_only), look)
    if not spec.polling_only:
        progress(_("Krayin: webhooks"))
        apply(HINTS, look)
    _confirm_policy(connection, spec)
    switch(connection, spec.state, name_it=True)
    _all_steps_done(setup)
    return _connected(connection)


def _connected(connection: Connection) -> Connected:
    return Connected(
        connection_id=connection.pk,
        state=connection.state,
        webhook_url=webhook_url(connection, Partner.CHATWOOT),
        krayin_webhook_url=webhook_url(connection, Partner.KRAYIN),
        panel_url=panel_url(connection),
        ref_code=connection.ref_code,
        pipeline=connection.default_pipeline_name,
        first_stage=connection.default_stage_name,
    )


def _rows(spec: Spec) -> Connection:
    """Clinic, Krayin, its users and a draft connection; an existing connection keeps its state until the end."""
    krayin = _krayin(spec)
    with transaction.atomic():
        clinic = clinic_for(
            trade_name=spec.clinic_name, legal_name=spec.clinic_legal_name, cnpj=spec.clinic_cnpj,
            time_zone=spec.time_zone,
        )  # fmt: skip
        connection, _is_new = Connection.objects.update_or_create(
            clinic=clinic,
            name=spec.name,
            defaults={
                "chatwoot_url": spec.chatwoot_url,
                "chatwoot_account_id": spec.account_id,
                "chatwoot_budget": chatwoot_budget(spec.chatwoot_url),
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
        keep_chatwoot_token(connection, spec.chatwoot_token)
        connection.krayin_users.set([krayin_user(krayin, account) for account in spec.krayin_accounts])
    return connection


def _krayin(spec: Spec) -> Krayin:
    """The installation of this address; one that moved keeps its row, so that nothing is written twice."""
    old = Krayin.objects.filter(base_url=spec.krayin_moved_from).first() if spec.krayin_moved_from else None
    if old is None or old.base_url == spec.krayin_url:
        return Krayin.objects.get_or_create(base_url=spec.krayin_url)[0]
    if Krayin.objects.filter(base_url=spec.krayin_url).exists():
        raise UnusableSpec(_("krayin.moved_from: the new address is already known as another installation"))
    account = spec.krayin_accounts[0]
    typed = TypedToken(account.email, account.password, account.token or None)
    moving.refuse_a_stranger(old, try_krayin(spec.krayin_url, typed))
    moving.move(old, spec.krayin_url)
    return old


def _must_pass(setup: Setup, wanted: Iterable[checks.Check], look: Look, *, but: tuple[str, ...] = ()) -> None:
    """Make checks, keep what they found, and stop at the first that has to be fixed."""
    found = checks.run([check for check in wanted if check.code not in but], look)
    keep(setup, found)
    first = checks.worst(found)
    if first:
        raise CannotConnect(f"{first.found} {first.fix}")


def _read_settings(connection: Connection, setup: Setup, look: Look, spec: Spec) -> None:
    """Pipelines, sources and types, with the defaults of seed 003 and what the file chose."""
    try:
        crm_settings.keep_settings(
            connection, pipelines=look.pipelines(), sources=look.sources(), types=look.types(), chosen=spec.chosen
        )
        crm_settings.keep_stage_rules(connection, spec.stages)
    except crm_settings.UnknownChoice as error:
        raise UnusableSpec(str(error)) from error
    crm_settings.keep_lists(setup, look.sources(), look.types())


def _keep_inboxes(connection: Connection, setup: Setup, look: Look, spec: Spec) -> None:
    inboxes = look.inboxes()
    missing = set(spec.inboxes or ()) - {inbox.id for inbox in inboxes}
    if missing:
        raise UnusableSpec(
            _("chatwoot.inboxes: %(n)s do not exist in this account") % {"n": ", ".join(map(str, sorted(missing)))}
        )
    keep_inbox_names(connection, setup, look)
    if spec.state == Connection.State.DRAFT:
        return
    conflict = conflict_of(
        chatwoot_url=spec.chatwoot_url, account_id=spec.account_id, all_inboxes=spec.inboxes is None,
        inbox_ids=spec.inboxes or (), but=connection.pk,
    )  # fmt: skip
    if conflict:
        raise CannotConnect(conflict.told())


def keep_inbox_names(connection: Connection, setup: Setup, look: Look) -> None:
    """Names and channels of the account's inboxes, for people to choose from. Raises PartnerError."""
    inboxes = look.inboxes()
    connection.inbox_names = {str(inbox.id): inbox.name for inbox in inboxes}
    connection.save(update_fields=["inbox_names"])
    setup.inboxes = [{"id": inbox.id, "name": inbox.name, "channel": inbox.channel_type} for inbox in inboxes]
    setup.chatwoot_url, setup.chatwoot_account_id = connection.chatwoot_url, connection.chatwoot_account_id
    setup.save(update_fields=["inboxes", "chatwoot_url", "chatwoot_account_id", "updated_at"])


def _confirm_policy(connection: Connection, spec: Spec) -> None:
    """The file may name who confirmed the clinic's legal bases (DESIGN section 9)."""
    clinic = connection.clinic
    if not spec.policy_confirmed_by or clinic.has_confirmed_policy:
        return
    who = User.objects.filter(email=spec.policy_confirmed_by).first()
    if who is None:
        raise UnusableSpec(_("policy_confirmed_by is nobody's e-mail here: create the person first"))
    clinic.policy_version, clinic.policy_confirmed_at = CURRENT_POLICY, timezone.now()
    clinic.policy_confirmed_by = who
    clinic.save(update_fields=["policy_version", "policy_confirmed_at", "policy_confirmed_by"])


def _all_steps_done(setup: Setup) -> None:
    """The file answered every question of the assistant but the test."""
    now = timezone.now().isoformat(timespec="seconds")
    setup.steps = {step.value: now for step in Setup.Step if step is not Setup.Step.TEST} | setup.steps
    setup.save(update_fields=["steps", "updated_at"])
