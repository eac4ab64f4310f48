"""History from Chatwoot: counted first, brought once, by the path of every fact; whatever happens meanwhile."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_clinics_worth import SYSTEM, Someone, crm_of, finish, put_in_crm, start, step, write_to_clinic

from bridge.connecting.rows import keep_chatwoot_token
from bridge.importing.comparing import PERSONS_PER_PAGE
from bridge.jobs import control, runner
from bridge.jobs.kinds import kind_of
from bridge.models import (
    Connection,
    ContactMapping,
    Effect,
    ImportedContact,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    SyncedObject,
    SyncJob,
    WebhookEvent,
)
from bridge.models.connections import LONG_AGO
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

DAY_US = 24 * 3600 * 1_000_000
MAIL_INBOX = 15


def age(bridge: Bridge, number: int, days: int) -> None:
    """Let a conversation, its messages included, be so old."""
    row = bridge.chatwoot.store.conversation(number, 3)
    for message in bridge.chatwoot.store.messages_of(row):
        message.created_at -= days * DAY_US
    for name in ("created_at", "updated_at", "last_activity_at"):
        setattr(row, name, getattr(row, name) - days * DAY_US)


def told(output: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.readouterr().out)
    return found


def ask(bridge: Bridge, **more: Any) -> None:
    call_command("import_history", connection=bridge.connection.pk, json=True, **more)


def form_errors(bridge: Bridge, **asked: Any) -> str:
    form = kind_of("import_history").form({"days": "30", **asked}, connection=bridge.connection)
    assert not form.is_valid()
    return " ".join(str(error) for errors in form.errors.values() for error in errors)


# The dry run ----------------------------------------------------------------------------------------------------------


def test_the_dry_run_counts_what_will_happen_and_writes_nothing(bridge: Bridge, capsys: Any) -> None:
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(4)])
    with bridge.chatwoot.capture():
        bridge.chatwoot.new_person_writes("Oi", name="Sem nada")
        bridge.chatwoot.new_person_writes("Fatura", name="Outra", phone_number="+5511900000099", inbox_id=MAIL_INBOX)
    before = bridge.crm
    ask(bridge, dry_run=True)
    found = told(capsys)
    assert (found["conversations"], found["people"], found["leads"]) == (5, 5, 4)
    assert (found["notes"], found["messages"], found["without_identifier"]) == (5, 10, 1)  # each is greeted
    assert found["other_inboxes"] >= 1
    assert found["calls"] == 1 + 1 + 3 * 4 + 5
    assert not (SyncJob.objects.exists())
    assert not (WebhookEvent.objects.exists())
    assert not (ImportedContact.objects.exists())
    assert bridge.crm["persons"] == before["persons"]


def test_the_dry_run_says_in_portuguese_how_long_it_takes(bridge: Bridge, capsys: Any) -> None:
    write_to_clinic(bridge, [Someone(2000), Someone(2001)])
    call_command("import_history", connection=bridge.connection.pk, days="7", dry_run=True)
    lines = capsys.readouterr().out
    assert "2 conversas" in lines
    assert "2 oportunidades" in lines
    assert "chamadas/min" in lines


def test_conversations_older_than_asked_for_stay_out(bridge: Bridge) -> None:
    old, new = write_to_clinic(bridge, [Someone(2000), Someone(2001)])
    age(bridge, old, days=40)
    job = finish(bridge, start(bridge, "import_history", days=30))
    assert job.result["conversations"] == 1
    assert ObservedConversation.objects.get().chatwoot_conversation_id == new


def test_only_the_days_asked_for_are_brought_of_a_long_conversation(bridge: Bridge) -> None:
    (number,) = write_to_clinic(bridge, [Someone(2000)])
    age(bridge, number, days=40)
    with bridge.chatwoot.capture():
        bridge.chatwoot.incoming(number, "De volta")
    finish(bridge, start(bridge, "import_history", days=30))
    assert ObservedMessage.objects.count() == 1
    (note,) = bridge.crm["notes"]
    assert "De volta" in note["comment"]


# Once -----------------------------------------------------------------------------------------------------------------


def test_what_is_imported_says_so_and_a_second_import_changes_nothing(bridge: Bridge) -> None:
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(5)])
    finish(bridge, start(bridge, "import_history", days=30))
    crm = bridge.crm
    assert set(WebhookEvent.objects.values_list("arrived_by", flat=True)) == {"import"}
    again = finish(bridge, start(bridge, "import_history", days=30))
    assert (again.done, again.skipped) == (0, 5)
    assert [bridge.crm[name] for name in ("persons", "leads", "notes")] == [
        crm[name] for name in ("persons", "leads", "notes")
    ]


def test_an_import_over_live_traffic_adds_only_what_was_missing(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        live = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(live.display_id, "Olá Ana")
    bridge.deliver(deliveries)
    bridge.settle()
    with bridge.chatwoot.capture():
        bridge.chatwoot.incoming(live.display_id, "Perdida")
    write_to_clinic(bridge, [Someone(2000)])
    job = finish(bridge, start(bridge, "import_history", days=30))
    assert job.result["conversations"] == 2
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (2, 2, 2)
    assert sum("Perdida" in note["comment"] for note in crm["notes"]) == 1


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_a_runner_killed_at_any_step_is_followed_by_one_that_repeats_it(bridge: Bridge, kills: list[int]) -> None:
    """Killed after the step's work and before its progress was written: the next runner asks for the same step."""
    offset = 10 * ContactMapping.objects.count() + 5000
    known = bridge.crm["counts"]
    people = [Someone(offset + n) for n in range(3)]
    put_in_crm(bridge, people[0].draft())
    write_to_clinic(bridge, people)
    job = start(bridge, "import_history", days=30)
    kind = kind_of(job.kind)
    for number in range(40):
        if number in kills:
            fresh = SyncJob.objects.select_related("connection__clinic", "connection__krayin").get(pk=job.pk)
            kind.step(fresh, fresh.cursor, runner.limit_of(fresh))
        if step(job).is_over:
            break
        bridge.work()
    assert job.state == "done"
    bridge.make_due()
    bridge.work()
    crm = bridge.crm["counts"]
    assert (crm["persons"] - known["persons"], crm["leads"] - known["leads"]) == (3, 3)
    assert not ImportedContact.objects.exists()


def test_paused_in_the_middle_it_goes_on_where_it_stopped(bridge: Bridge) -> None:
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(30)])
    job = start(bridge, "import_history", days=30)
    step(job)
    control.pause(job, actor=SYSTEM)
    before = job.done
    assert step(job).state == "paused"
    control.resume(job, actor=SYSTEM)
    assert finish(bridge, job).result["conversations"] == 30
    assert before < 30


def test_after_a_cancellation_the_contacts_wait_for_nothing(bridge: Bridge) -> None:
    write_to_clinic(bridge, [Someone(2000)])
    job = start(bridge, "import_history", days=30)
    step(job)
    bridge.work()
    control.cancel(job, actor=SYSTEM)
    bridge.settle()
    assert ContactMapping.objects.count() == 1


# Meanwhile ------------------------------------------------------------------------------------------------------------


def test_pages_that_shift_while_they_are_read_lose_nobody(bridge: Bridge) -> None:
    numbers = write_to_clinic(bridge, [Someone(2000 + n) for n in range(60)])
    job = start(bridge, "import_history", days=30)
    step(job)
    with bridge.chatwoot.capture():
        for number in numbers[-6:]:
            bridge.chatwoot.delete_conversation(number)  # they stood on the first page: the others move up
        bridge.chatwoot.incoming(numbers[0], "Oi?")  # moves down from the last page to the first
    bridge.chatwoot.wait_idle()
    finish(bridge, job, steps=800)
    held = set(ObservedConversation.objects.values_list("chatwoot_conversation_id", flat=True))
    assert set(numbers[:-6]) <= held


def test_a_person_deleted_while_krayin_is_read_hides_nobody(bridge: Bridge) -> None:
    """The deletion moves the first person of the second page to the first page, which has been read."""
    people = [
        Someone(20_003 + 10 * n) for n in range(PERSONS_PER_PAGE + 2)
    ]  # e-mails in capitals: no search finds them
    there = put_in_crm(bridge, *(one.draft() for one in people))
    write_to_clinic(bridge, people[PERSONS_PER_PAGE:])
    job = start(bridge, "import_history", days=30)
    while step(job).cursor != {"phase": "match", "page": 2, "last": there[PERSONS_PER_PAGE - 1], "round": 1}:
        bridge.work()
    crm_of(bridge).person_delete(there[0])
    assert finish(bridge, job).result["adopted"] == 2


def test_chatwoot_away_in_the_middle_only_makes_it_wait(bridge: Bridge) -> None:
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(30)])
    job = start(bridge, "import_history", days=30)
    step(job)
    address = Connection.objects.values_list("chatwoot_url", flat=True).get()
    Connection.objects.update(chatwoot_url="http://127.0.0.1:9")
    assert (step(job).state, job.hold) == ("running", "partner")
    Connection.objects.update(chatwoot_url=address)
    assert finish(bridge, job).result["conversations"] == 30


def test_a_refused_token_ends_it_with_the_cause_and_a_second_run_finishes(bridge: Bridge) -> None:
    write_to_clinic(bridge, [Someone(2000 + n) for n in range(30)])
    job = start(bridge, "import_history", days=30)
    step(job)
    token = bridge.connection.chatwoot_token
    keep_chatwoot_token(Connection.objects.get(), "a-token-of-somebody-else")
    assert step(job).state == "failed"
    assert job.causes == {"CHATWOOT_CREDENTIALS": 0}
    Connection.objects.update(chatwoot_token=token)
    assert finish(bridge, start(bridge, "import_history", days=30)).state == "done"
    bridge.settle()
    assert ContactMapping.objects.count() == 30


# Asked wrongly --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ("0", "Pelo menos 1 dia"),
        ("-5", "Pelo menos 1 dia"),
        ("10000", "No máximo 1095 dias"),
        ("trinta", "Escreva os dias como número inteiro"),
        ("", "obrigatório"),
    ],
)
def test_days_that_make_no_sense_are_refused_in_words(bridge: Bridge, days: str, text: str) -> None:
    assert text in form_errors(bridge, days=days)
    with pytest.raises(CommandError, match=text):
        ask(bridge, days=days)
    assert not SyncJob.objects.exists()


@pytest.mark.parametrize("inbox", ["9999", str(MAIL_INBOX), "abc"])
def test_an_inbox_that_is_not_there_or_not_ours_is_refused(bridge: Bridge, inbox: str) -> None:
    assert f"A caixa de entrada {inbox} não existe" in form_errors(bridge, inboxes=[inbox])
    with pytest.raises(CommandError, match=inbox):
        ask(bridge, inbox=[inbox])
    assert not SyncJob.objects.exists()


@pytest.mark.parametrize(("state", "text"), [("draft", "rascunho"), ("off", "desligada")])
def test_a_connection_that_does_not_work_is_refused(bridge: Bridge, state: str, text: str) -> None:
    Connection.objects.update(state=state)
    bridge.connection.refresh_from_db()
    assert text in form_errors(bridge)
    with pytest.raises(CommandError, match=text):
        ask(bridge)


def test_an_unknown_connection_is_answered_with_those_there_are(bridge: Bridge) -> None:
    with pytest.raises(CommandError, match=f"{bridge.connection.pk} \\(Recepção\\)"):
        call_command("import_history", connection=99_999)


def test_a_partner_that_is_away_during_the_dry_run_leaves_nothing_behind(bridge: Bridge) -> None:
    Connection.objects.update(chatwoot_url="http://127.0.0.1:9")
    with pytest.raises(CommandError, match="Chatwoot não responde"):
        ask(bridge)
    assert not SyncJob.objects.exists()
    assert not (ObservedContact.objects.exists())
    assert not (SyncedObject.objects.exists())
    assert not (Effect.objects.exists())


def test_the_command_starts_a_job_that_ends(bridge: Bridge, capsys: Any) -> None:
    write_to_clinic(bridge, [Someone(2000)])
    ask(bridge, days="30")
    job = SyncJob.objects.get(pk=told(capsys)["job"])
    SyncJob.objects.update(not_before=LONG_AGO)
    assert finish(bridge, job).result["without_match"] == 1
