"""Whatever leaves Ponte about a person passes `decide()`: looked for in the code itself, and tried with a blocked person."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from factories import PHONE, connection, contact, conversation, lane, link, step

from bridge.events import ContactFact, ConversationFact, Facts, MessageFact
from bridge.fields import carry as fields
from bridge.models import Effect, ObservedMessage
from bridge.sync import carry_out, carry_wishes, effects
from bridge.sync.lanes import Claims, mark_dirty
from bridge.sync.observe import observe
from bridge.sync.plan import Plan, Step
from bridge.sync.state import load
from bridge.sync.work import Work
from consent.decisions import decide
from consent.models import Clinic, ConsentRecord, DataSubject, Decision, User
from consent.policy import Action, Category, Purpose

ROOT = Path(__file__).parents[2]
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# What is no person's: the connection's own settings in both systems, the test contact of the set-up, signing in.
SETTINGS = {
    "bridge.connecting",
    "bridge.back.setup",
    "bridge.bench",
    "bridge.faults",
    "bridge.sandbox",
    "bridge.clients",
}
SETTING_CALLS = {
    "login", "webhook_create", "webhook_update", "webhook_delete", "label_create", "attribute_definition_create",
    "attribute_definition_delete", "panel_app_create", "panel_app_update", "panel_app_delete",
    "private_note",  # to the clinic's own people: what is wrong with the connection
}  # fmt: skip
GATES = {"decide", "decide_many", "assert_removable"}


def modules(*apps: str) -> Iterator[tuple[str, ast.Module]]:
    for app in apps:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def names_in(tree: ast.AST) -> set[str]:
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in called}


def writing_methods() -> set[str]:
    """Methods of the partners' clients whose own text names a writing verb, but for searches and signing in."""
    found = set()
    for _name, tree in modules("bridge/clients"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                said = {
                    one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
                if said & WRITES and not any("/filter" in text for text in said):
                    found.add(node.name)
    return found - SETTING_CALLS


def is_setting(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in SETTINGS)


def test_every_write_to_a_partner_is_a_step_of_the_ledger_or_asks_by_itself() -> None:
    writes = writing_methods()
    assert {"person_create", "lead_edit", "note_create", "message_create", "contact_update", "person_delete"} <= writes
    # Reached from `carry_out` only, which asks before it calls any of them.
    handlers = [*carry_out.HANDLERS.values(), carry_wishes.move, carry_wishes.correct, fields.write_fields]
    steps = {handler.__module__ for handler in handlers}
    strays = {
        name
        for name, tree in modules("bridge", "consent", "insights")
        if names_in(tree) & writes and name not in steps and not is_setting(name) and not names_in(tree) & GATES
    }
    # Removals have a gate of their own: no node is touched without asking for a hold first.
    removals = {name for name in strays if name.startswith("bridge.erasure.")}
    trees = dict(modules("consent/erasure"))
    assert "end_as_held" in names_in(trees["consent.erasure.running"])
    assert "holds_on" in names_in(trees["consent.erasure.holding"])
    assert strays == removals
    assert set(carry_out.HANDLERS) == set(Effect.Kind)


def test_every_letter_and_every_model_call_is_behind_the_gate() -> None:
    mails = {
        name
        for name, tree in modules("bridge", "consent", "insights", "audit", "config")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.core.mail"
    }
    to_staff = {"consent.export.control", "consent.access.invitations"}
    to_staff |= {name for name in mails if name.startswith("bridge.alerts.")}
    assert mails - to_staff == {"consent.requests.channels"}
    trees = dict(modules("consent", "insights"))
    assert "decide" in names_in(trees["consent.requests.channels"])
    ways = {name for name, tree in trees.items() if {"channel", "reaches"} <= names_in(tree)}
    assert "consent.requests.sending" in ways
    assert all("hand_over" in names_in(trees[name]) for name in ways)
    asks = {name for name, tree in trees.items() if "provider_of" in names_in(tree)}
    assert asks == {"insights.language.asking"}
    assert "pass_gate" in names_in(trees["insights.language.asking"])
    assert "decide_many" in names_in(trees["insights.language.reading"])


@pytest.mark.django_db(databases=["default", "audit"])
@pytest.mark.parametrize("kind", Effect.Kind.values)
def test_no_kind_of_step_reaches_a_partner_for_a_blocked_person(kind: str) -> None:
    """The partners of this connection exist nowhere: a call would fail, not be denied."""
    person = contact(connection(), subject={"blocked_at": timezone.now()})
    link(person)
    conversation(person)
    wanted = step(person, "intended", kind=kind, digest="d", seq=0)
    mark_dirty(person.connection_id, lane(person))
    (claim,) = Claims().take()
    work = Work(person.connection, claim, load(person.connection, lane(person)), timezone.now())
    asked = Step(Effect.Kind(kind), wanted.object_ref, 0, "d", wanted.conversation_id)
    assert carry_out.carry_out(work, Plan(), asked, {effects.key_of(asked): wanted}).wait_until is None
    wanted.refresh_from_db()
    assert (wanted.state, wanted.cause) == ("denied", "BLOCKED_PERSON")
    assert Decision.objects.get(subject=person.subject).reason == "blocked"


@pytest.mark.django_db(databases=["default", "audit"])
def test_the_word_holds_inside_the_transaction_that_reads_it() -> None:
    now = timezone.now()
    person = contact(connection())
    _confirm(person.connection.clinic)
    ConsentRecord.objects.create(
        subject=person.subject, consent_type="marketing", status="granted", granted_at=now, consent_text="x",
        consent_version="1",
    )  # fmt: skip
    assert _may_send(person.subject).allowed
    talk = ConversationFact(
        conversation_id=5, contact_id=person.chatwoot_contact_id, inbox_id=7, channel="", status="open", version=1,
        labels=(), assignee_id=None, team_id=None, started_at=now, first_reply_at=None, last_activity_at=None,
    )  # fmt: skip
    said = MessageFact(
        message_id=9, conversation_id=5, direction=ObservedMessage.Direction.INCOMING, author_kind="contact",
        author_name="", text="Parar!", attachments=(), sent_at=now, version=0, is_deleted=False,
    )  # fmt: skip
    known = ContactFact(person.chatwoot_contact_id, "Marina", "", PHONE, "", False)
    with transaction.atomic():
        observe(person.connection, [Facts(contacts=(known,), conversations=(talk,), messages=(said,))], now)
        # Not committed yet, and nobody may send already.
        assert not _may_send(person.subject).allowed


def _confirm(clinic: Clinic) -> None:
    clinic.confirm_policy(by=User.objects.create_user("dpo@clinica.exemplo"), now=timezone.now())


def _may_send(subject: DataSubject) -> Decision:
    return decide(
        subject, purpose=Purpose.MARKETING, category=Category.MARKETING, action=Action.SEND, now=timezone.now()
    )
