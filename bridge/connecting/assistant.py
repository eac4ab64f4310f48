"""What each step of the assistant does (screen A4): try what was typed, keep it only if it works, finish the step.

Nothing is half-kept: a step that a partner interrupts is simply repeated. No transaction is open during a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bridge.clients.chatwoot_setup import ChatwootSetup
from bridge.connecting import checks, crm_settings, moving
from bridge.connecting.access import TypedToken, chatwoot_setup, krayin_setup, try_chatwoot, try_krayin
from bridge.connecting.changes import Change, Done, apply, standing
from bridge.connecting.chatwoot_changes import CannotSign, chatwoot_changes
from bridge.connecting.checks.base import Finding, keep
from bridge.connecting.checks.listing import ADDRESS, TYPED_CHATWOOT, TYPED_KRAYIN
from bridge.connecting.krayin_changes import HINTS, NEEDED, ChatSource
from bridge.connecting.look import Look
from bridge.connecting.problems import Problem, problem_of
from bridge.connecting.rows import (
    Entrance,
    chatwoot_budget,
    forget_password,
    keep_chatwoot_token,
    keep_limit,
    krayin_user,
)
from bridge.errors import PartnerError
from bridge.models import Connection, ConnectionInbox, Krayin, Setup
from consent.encryption import Actor, Context, open_system, seal_system

Step = Setup.Step
TEST_CONTACT = "Teste da Ponte"


def token_context(setup: Setup) -> Context:
    """Associated data of the Chatwoot token that waits for its connection."""
    return Context("bridge.Setup", "chatwoot_token", str(setup.pk))


# 1 Public address -----------------------------------------------------------------------------------------------------


def keep_address(setup: Setup, *, is_polling_only: bool) -> list[Finding]:
    """Keep how news arrive and look at our own address; asks no partner."""
    setup.polling_only = is_polling_only
    setup.save(update_fields=["polling_only", "updated_at"])
    if setup.connection:
        setup.connection.polling_only = is_polling_only
        setup.connection.save(update_fields=["polling_only", "updated_at"])
    found = checks.run(ADDRESS, Look(setup.connection, is_polling_only=is_polling_only))
    keep(setup, found)
    setup.finish(Step.ADDRESS)
    return found


# 2 Chatwoot -----------------------------------------------------------------------------------------------------------


def has_chatwoot_token(setup: Setup) -> bool:
    return bool(setup.chatwoot_token or (setup.connection and setup.connection.chatwoot_token))


def kept_chatwoot(setup: Setup, address: str, account_id: int, token: str) -> ChatwootSetup:
    """A client with the token that was typed, else with the one that is kept."""
    if not token and setup.chatwoot_token:
        sealed = setup.chatwoot_token
        token = open_system(
            sealed, context=token_context(setup), actor=Actor.system("connect"), purpose="system"
        ).decode()
    if token:
        return try_chatwoot(address, account_id, token)
    if setup.connection is None:
        raise LookupError("no token was typed yet")
    kept = setup.connection
    kept.chatwoot_url, kept.chatwoot_account_id = address, account_id
    return chatwoot_setup(kept)


def connect_chatwoot(setup: Setup, *, address: str, account_id: int, token: str) -> list[Finding]:
    """Try address, account and token: two calls. Kept only if every check passes."""
    client = kept_chatwoot(setup, address, account_id, token)
    look = Look(chatwoot=lambda: client, account_id=account_id)
    found = checks.run(TYPED_CHATWOOT, look)
    keep(setup, found)
    setup.chatwoot_url, setup.chatwoot_account_id = address, account_id
    setup.save(update_fields=["chatwoot_url", "chatwoot_account_id", "updated_at"])
    if any(finding.state != checks.State.OK for finding in found):
        return found
    inboxes = look.inboxes()
    accounts = {each.account_id: each.account_name for each in look.profile().accounts}
    setup.inboxes = [{"id": i.id, "name": i.name, "channel": i.channel_type} for i in inboxes]
    setup.chatwoot_account_name = accounts.get(account_id, "")[:200]
    if token:
        setup.chatwoot_token = seal_system(token.encode(), context=token_context(setup))
    setup.save()
    if setup.connection:
        _chatwoot_into(setup.connection, setup, token)
    setup.finish(Step.CHATWOOT)
    return found


def _chatwoot_into(connection: Connection, setup: Setup, token: str) -> None:
    connection.chatwoot_url = setup.chatwoot_url
    connection.chatwoot_account_id = setup.chatwoot_account_id or 0
    connection.chatwoot_budget = chatwoot_budget(setup.chatwoot_url)
    connection.inbox_names = {str(inbox["id"]): inbox["name"] for inbox in setup.inboxes}
    connection.save(
        update_fields=["chatwoot_url", "chatwoot_account_id", "chatwoot_budget", "inbox_names", "updated_at"]
    )
    if token:
        keep_chatwoot_token(connection, token)
        Setup.objects.filter(pk=setup.pk).update(chatwoot_token=None)
        setup.chatwoot_token = None


# 3 Krayin -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KrayinEntry:
    """What a person typed in step 3; `moved` is the installation that is now at this address."""

    address: str
    email: str
    password: str
    keeps_password: bool
    moved: Krayin | None = None


def connect_krayin(setup: Setup, entry: KrayinEntry) -> list[Finding]:
    """Sign in and read what Krayin offers: six calls. Makes the connection, as a draft, once both partners are known.

    Raises PartnerError when a read fails after the checks, CannotConnect when it is not the installation it is said
    to be.
    """
    typed = TypedToken(entry.email, entry.password)
    client = (
        try_krayin(entry.address, typed) if entry.password or not setup.connection else krayin_setup(setup.connection)
    )
    look = Look(krayin=lambda: client)
    found = checks.run(TYPED_KRAYIN, look)
    keep(setup, found)
    if any(finding.state in {checks.State.FAILED, checks.State.UNKNOWN} for finding in found):
        return found
    lists = (look.pipelines(), look.sources(), look.types())
    if entry.moved:
        moving.refuse_a_stranger(entry.moved, client)
    connection = _krayin_into(setup, entry, typed.token or "")
    crm_settings.keep_settings(
        connection, pipelines=lists[0], sources=lists[1], types=lists[2], chosen=crm_settings.Chosen()
    )
    crm_settings.keep_lists(setup, lists[1], lists[2])
    keep_limit(connection.krayin_users.all(), client.limit)
    setup.finish(Step.KRAYIN)
    return found


def _krayin_into(setup: Setup, entry: KrayinEntry, token: str) -> Connection:
    with transaction.atomic():
        if entry.moved:
            moving.move(entry.moved, entry.address)
        krayin, _ = Krayin.objects.get_or_create(base_url=entry.address)
        connection = setup.connection or _new_connection(setup, krayin)
        connection.krayin = krayin
        connection.save(update_fields=["krayin", "updated_at"])
        password = entry.password if entry.keeps_password else ""
        user = krayin_user(krayin, Entrance(entry.email, password, token))
        if entry.password and not entry.keeps_password:
            forget_password(user)
        connection.krayin_users.set([user])
    return connection


def _new_connection(setup: Setup, krayin: Krayin) -> Connection:
    connection = Connection.objects.create(
        clinic=setup.clinic, name=setup.name, krayin=krayin, polling_only=setup.polling_only,
        chatwoot_url=setup.chatwoot_url, chatwoot_account_id=setup.chatwoot_account_id or 0,
        is_example=settings.EXAMPLE_DATA,
    )  # fmt: skip
    token = b""
    if setup.chatwoot_token:
        token = open_system(
            setup.chatwoot_token, context=token_context(setup), actor=Actor.system("connect"), purpose="system"
        )
    setup.connection = connection
    setup.save(update_fields=["connection", "updated_at"])
    _chatwoot_into(connection, setup, token.decode())
    return connection


# 4 What to send -------------------------------------------------------------------------------------------------------


def keep_health(connection: Connection, setup: Setup, health_ids: Sequence[int]) -> None:
    """Which inboxes reveal health by their name alone. Each change leaves its audit row."""
    channels = {inbox["id"]: inbox.get("channel", "") for inbox in setup.inboxes}
    held = {row.inbox_id: row for row in ConnectionInbox.objects.filter(connection=connection)}
    for number in {int(n) for n in connection.inbox_names} | set(held):
        reveals = number in health_ids
        row = held.get(number)
        if row is None:
            ConnectionInbox.objects.create(
                connection=connection, inbox_id=number, channel=channels.get(number, ""), reveals_health=reveals
            )
        elif row.reveals_health != reveals:
            row.reveals_health = reveals
            row.save(update_fields=["reveals_health"])


# 5 and 6 Preparing the partners ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """What was made, and what stopped it, if anything did; `cannot_sign`: only polling is possible."""

    done: Sequence[Done]
    problem: Problem | None = None
    cannot_sign: bool = False


def krayin_changes(setup: Setup, *, with_source: bool = True) -> tuple[Change, ...]:
    """Without a public address there is nobody Krayin could call."""
    source = (ChatSource(),) if with_source else ()
    return (*NEEDED, *source, *(() if setup.polling_only else HINTS))


def chatwoot_plan(setup: Setup) -> tuple[Change, ...]:
    return chatwoot_changes(is_polling_only=setup.polling_only)


def look_at(setup: Setup, changes: Sequence[Change]) -> dict[str, bool]:
    """Which of the changes stand. Raises PartnerError."""
    return standing(changes, Look(setup.connection))


def prepare(setup: Setup, changes: Sequence[Change], step: Step) -> Prepared:
    """Make what is missing. A partner that goes away in the middle leaves what is done; the next run finishes it."""
    done: list[Done] = []
    look = Look(setup.connection)
    try:
        for change in changes:
            done += apply([change], look)
    except CannotSign as error:
        return Prepared(done, Problem(str(error), ""), cannot_sign=True)
    except PartnerError as error:
        return Prepared(done, problem_of(error))
    setup.finish(step)
    return Prepared(done)


# 7 Test ---------------------------------------------------------------------------------------------------------------


def watch(setup: Setup) -> None:
    """From now on screen A5 follows the first message."""
    setup.watch_from, setup.read_back_at, setup.read_back_asked_at = timezone.now(), None, None
    setup.save(update_fields=["watch_from", "read_back_at", "read_back_asked_at", "updated_at"])


def send_harmless_event(setup: Setup) -> None:
    """Make a contact without phone and e-mail in Chatwoot and delete it: two calls. Raises PartnerError."""
    if setup.connection is None:
        return
    chatwoot = chatwoot_setup(setup.connection)
    made = chatwoot.contact_create(TEST_CONTACT)
    chatwoot.contact_delete(made.id)
