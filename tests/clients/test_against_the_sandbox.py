"""Both clients over real HTTP against the simulators: whole exchanges, with everything that goes wrong in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from bridge.clients.base import build_session
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import LEAD_REF, PERSON_REF, KrayinClient
from bridge.clients.shapes import Labelled, LeadChange, LeadDraft, MessageType, PersonDraft
from bridge.errors import (
    CredentialsRefused,
    EffectUnknown,
    Paced,
    PartnerGone,
    PartnerRejected,
    PartnerUnavailable,
)
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from tests.clients.wire import CallLog, FreePace, MemoryTokens

MARIA = PersonDraft(
    name="Maria Aparecida da Silva",
    emails=(Labelled("maria.silva@example.com.br"),),
    phones=(Labelled("+55 11 98765-4321"),),
    attributes={PERSON_REF: "cw-1-contact-302"},
)


@pytest.fixture
def crm() -> Iterator[SandboxKrayin]:
    with SandboxKrayin() as sandbox:
        yield sandbox


@pytest.fixture
def unlimited() -> Iterator[SandboxKrayin]:
    with SandboxKrayin(rate_limit=None) as sandbox:
        yield sandbox


def krayin_of(sandbox: SandboxKrayin, tokens: MemoryTokens, log: CallLog | None = None) -> KrayinClient:
    return KrayinClient(sandbox.url, session=build_session(), tokens=tokens, pace=FreePace(), on_call=log or CallLog())


def tokens_of(sandbox: SandboxKrayin) -> MemoryTokens:
    return MemoryTokens(token=None, credentials=(sandbox.bridge.email, sandbox.bridge.password))


def prepared(krayin: KrayinClient) -> KrayinClient:
    """Own keys made and e-mails optional, as set-up leaves a Krayin."""
    krayin.attribute_create(code=PERSON_REF, name="Referência", entity_type="persons")
    krayin.attribute_create(code=LEAD_REF, name="Referência", entity_type="leads")
    krayin.attribute_make_optional(krayin.attributes(entity_type="persons", code="emails")[0])
    return krayin


def test_person_lead_note_and_stage_come_back_as_they_were_written(unlimited: SandboxKrayin) -> None:
    krayin = prepared(krayin_of(unlimited, tokens_of(unlimited)))
    stages = krayin.pipelines()[0].stages

    person = krayin.person_create(MARIA)
    lead = krayin.lead_create(
        LeadDraft(
            title="Maria · Recepção · cw-1-conv-4712",
            stage_id=stages[0].id,
            person_id=person.id,
            value=Decimal("2500.50"),
            expected_close_date=date(2099, 12, 15),
            attributes={LEAD_REF: "cw-1-conv-4712"},
        )
    )
    note = krayin.note_create(title="Conversa 4712 · 20-11-2026", comment="Oi", lead_id=lead.id, additional={"a": 1})
    krayin.note_update(note.id, "Olá")
    krayin.lead_edit(lead.id, LeadChange(stage_id=stages[1].id, expected_close_date=lead.expected_close_date))

    assert krayin.person_search(refs=["cw-1-contact-302"]) == (person,)
    assert krayin.person_search(email="maria.silva@example.com.br", phone="87654321") == (person,)
    assert [found.id for found in krayin.leads_by_ref("cw-1-conv-4712")] == [lead.id]
    assert [found.id for found in krayin.leads_of_person(person.id)] == [lead.id]
    (read_back,) = krayin.leads_by_ids([lead.id])
    assert (read_back.stage_id, read_back.value) == (stages[1].id, Decimal("2500.5"))
    assert read_back.expected_close_date == date(2099, 12, 15)
    assert [(found.comment, found.additional) for found in krayin.notes_by_title(note.title or "")] == [
        ("Olá", {"a": 1})
    ]


def test_a_phone_only_person_inside_a_lead_is_stored_and_found(unlimited: SandboxKrayin) -> None:
    krayin = prepared(krayin_of(unlimited, tokens_of(unlimited)))
    stage = krayin.pipelines()[0].stages[0]

    lead = krayin.lead_create(
        LeadDraft(title="Ana · x-1", stage_id=stage.id, person=PersonDraft("Ana", phones=(Labelled("+5511912345678"),)))
    )

    assert [person.id for person in krayin.person_search(phone="12345678")] == [lead.person_id]


def test_a_second_person_with_the_same_keys_is_rejected_by_each(unlimited: SandboxKrayin) -> None:
    krayin = prepared(krayin_of(unlimited, tokens_of(unlimited)))
    krayin.person_create(MARIA)

    with pytest.raises(PartnerRejected) as caught:
        krayin.person_create(MARIA)

    assert caught.value.taken_keys == {"emails.0.value", "contact_numbers.0.value", PERSON_REF}


def test_what_was_deleted_is_gone(unlimited: SandboxKrayin) -> None:
    krayin = prepared(krayin_of(unlimited, tokens_of(unlimited)))
    stage = krayin.pipelines()[0].stages[0]
    lead = krayin.lead_create(LeadDraft(title="Maria", stage_id=stage.id, person=MARIA))
    note = krayin.note_create(title="Nota", comment="Oi", lead_id=lead.id)
    assert lead.person_id is not None

    krayin.lead_delete(lead.id)
    krayin.person_delete(lead.person_id)

    assert (krayin.leads_by_ids([lead.id]), krayin.persons_by_ids([lead.person_id])) == ((), ())
    with pytest.raises(PartnerGone):
        krayin.note_update(note.id, "Olá")
    with pytest.raises(PartnerGone):
        krayin.lead_delete(lead.id)


def test_a_token_revoked_by_somebody_elses_login_is_renewed_and_the_write_done_once(crm: SandboxKrayin) -> None:
    log, tokens = CallLog(), tokens_of(crm)
    krayin = krayin_of(crm, tokens, log)
    krayin.who_am_i()
    krayin_of(crm, MemoryTokens()).login(crm.bridge.email, crm.bridge.password)

    krayin.source_create("WhatsApp")

    assert [source.name for source in krayin.sources()].count("WhatsApp") == 1
    assert log.endpoints[-5:] == [
        "POST /settings/sources",
        "GET /get",
        "POST /login",
        "POST /settings/sources",
        "GET /settings/sources",
    ]


def test_four_workers_with_one_revoked_token_log_in_once(crm: SandboxKrayin) -> None:
    tokens, logs = tokens_of(crm), [CallLog() for _ in range(4)]
    workers = [krayin_of(crm, tokens, log) for log in logs]
    workers[0].who_am_i()
    krayin_of(crm, MemoryTokens()).login(crm.bridge.email, crm.bridge.password)
    first_logins = sum(log.endpoints.count("POST /login") for log in logs)

    with ThreadPoolExecutor(4) as threads:
        ids = [user.id for user in threads.map(KrayinClient.who_am_i, workers)]

    assert len(set(ids)) == 1
    assert sum(log.endpoints.count("POST /login") for log in logs) - first_logins == 1


def test_the_call_after_the_last_of_the_minute_is_paced_and_writes_nothing(crm: SandboxKrayin) -> None:
    krayin = krayin_of(crm, tokens_of(crm))
    person = krayin.person_create(MARIA)
    for _ in range(59):
        krayin.who_am_i()

    with pytest.raises(Paced):
        krayin.person_create(replace(MARIA, emails=(Labelled("ana@example.com"),), phones=(Labelled("+551122223333"),)))

    assert [row["id"] for row in crm.state()["persons"]] == [person.id]


@pytest.mark.parametrize(
    ("fault", "finished"),
    [
        ({"kind": "commit_then_cut"}, False),
        ({"kind": "502_after_commit"}, False),
        ({"kind": "refuse", "status": 500, "limiter_headers": True}, True),
    ],
)
def test_a_create_that_may_have_happened_says_so(unlimited: SandboxKrayin, fault: dict, finished: bool) -> None:
    krayin = krayin_of(unlimited, tokens_of(unlimited))
    krayin.who_am_i()
    unlimited.faults.add_json({**fault, "method": "POST", "path": "/settings/sources", "count": 1})

    with pytest.raises(EffectUnknown) as caught:
        krayin.source_create("WhatsApp")

    assert caught.value.finished is finished
    exists = "WhatsApp" in [source.name for source in krayin.sources()]
    assert exists is (fault["kind"] != "refuse")


@pytest.mark.parametrize("mode", ["503", "cut"])
def test_a_krayin_that_is_down_is_unavailable_to_readers(unlimited: SandboxKrayin, mode: str) -> None:
    krayin = krayin_of(unlimited, tokens_of(unlimited))
    krayin.who_am_i()
    unlimited.faults.add_json({"kind": "down", "mode": mode})

    with pytest.raises(PartnerUnavailable):
        krayin.sources()


def test_a_debug_site_is_understood_too() -> None:
    with SandboxKrayin(debug=True) as sandbox:
        log = CallLog()
        krayin = krayin_of(sandbox, tokens_of(sandbox), log)
        krayin.who_am_i()
        krayin_of(sandbox, MemoryTokens()).login(sandbox.bridge.email, sandbox.bridge.password)

        krayin.who_am_i()

        assert log.endpoints == ["POST /login", "GET /get", "GET /get", "POST /login", "GET /get"]


@pytest.fixture
def chat() -> Iterator[ChatwootSandbox]:
    with ChatwootSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def chatwoot_as(chat: ChatwootSandbox) -> Callable[[str], ChatwootClient]:
    return lambda token: ChatwootClient(
        chat.url, ACCOUNT_ID, token, session=build_session(), pace=FreePace(), on_call=CallLog()
    )


def test_contact_conversation_and_messages_are_read(
    chat: ChatwootSandbox, chatwoot_as: Callable[[str], ChatwootClient]
) -> None:
    chatwoot = chatwoot_as(ADMIN_TOKEN)
    started = chat.new_person_writes("Bom dia", name="Mariana", phone_number="+5511900000017")

    conversation = chatwoot.conversation(started.display_id)
    messages = list(chatwoot.messages_since(conversation.id, 0))

    assert conversation.contact_id is not None
    contact = chatwoot.contact(conversation.contact_id)
    assert (contact.name, contact.phone) == ("Mariana", "+5511900000017")
    assert (conversation.inbox_id, contact.inbox_ids) == (WHATSAPP_INBOX_ID, {WHATSAPP_INBOX_ID})
    incoming = next(message for message in messages if message.type is MessageType.INCOMING)
    assert incoming.content == "Bom dia"
    assert chatwoot.message(conversation.id, incoming.id) == incoming
    assert chatwoot.message(conversation.id, incoming.id + 1000) is None
    assert [found.id for found in chatwoot.conversations_updated_within(600)] == [conversation.id]


def test_chatwoot_is_set_up_through_the_client(chatwoot_as: Callable[[str], ChatwootClient]) -> None:
    chatwoot = chatwoot_as(ADMIN_TOKEN)

    made = chatwoot.webhook_create("https://ponte.example/webhooks/chatwoot/abc/", ["message_created"], name="Ponte")
    chatwoot.webhook_update(made.id, made.url, ["message_created", "contact_updated"])
    definition = chatwoot.attribute_definition_create(key="crm_stage", display_name="Etapa no CRM")

    assert chatwoot.profile().role_in(ACCOUNT_ID) == "administrator"
    assert WHATSAPP_INBOX_ID in {inbox.id for inbox in chatwoot.inboxes()}
    (webhook,) = chatwoot.webhooks()
    assert (webhook.id, webhook.secret) == (made.id, made.secret)
    assert webhook.subscriptions == ("message_created", "contact_updated")
    assert definition in chatwoot.attribute_definitions()
    chatwoot.webhook_delete(made.id)
    assert chatwoot.webhooks() == ()


def test_an_unknown_token_is_refused(chatwoot_as: Callable[[str], ChatwootClient]) -> None:
    with pytest.raises(CredentialsRefused):
        chatwoot_as("not-a-token").inboxes()
