"""Alerts that leave the house: signed to a program, as a private note to Chatwoot, and nowhere into our own network."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from typing import Any

import factories
import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from bridge.alerts import evaluate, outside, sending
from bridge.models import Alert, AlertPlace, AlertRule, Breaker, CallBudget, Connection, Notice
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, ChatwootSandbox
from bridge.sync.partners import connection_context
from consent.encryption import seal_system
from consent.roles import Role
from tests.alerts.drills import MINUTE, access_refused

outgoing = pytest.mark.django_db(transaction=True, databases=["default", "audit"])
State = Notice.State


class Program:
    """A program of the clinic's that takes alerts."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.calls = status, []  # type: int, list[tuple[dict[str, str], bytes]]
        program = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                program.calls.append((dict(self.headers), body))
                self.send_response(program.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/avisos"


@pytest.fixture
def program(settings: Any) -> Iterator[Program]:
    made = Program()
    settings.ALERT_HOSTS = ["127.0.0.1"]
    thread = threading.Thread(target=made.server.serve_forever, args=[0.02])
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def webhook(url: str, of: Connection | None = None) -> AlertPlace:
    place = AlertPlace(clinic=of.clinic if of else None, kind="webhook", url=url)
    place.secret = seal_system(b"combinado", context=place.secret_context)
    place.save()
    return place


def one_alert(now: datetime) -> Alert:
    access_refused(now)
    evaluate.evaluate(now)
    return Alert.objects.get(code="AL03")


# Webhook --------------------------------------------------------------------------------------------------------------


@outgoing
def test_a_program_gets_a_signed_message_without_anybodys_data(program: Program) -> None:
    now = timezone.now()
    webhook(program.url)
    alert = one_alert(now)
    sending.send_due(now)
    [(headers, body)] = [call for call in program.calls if b"AL03" in call[1]]
    signed = f"{headers['X-Ponte-Timestamp']}.".encode() + body
    expected = "sha256=" + hmac.new(b"combinado", signed, hashlib.sha256).hexdigest()
    assert headers["X-Ponte-Signature"] == expected
    told = json.loads(body)
    assert (told["event"], told["code"], told["alert"]) == ("raised", "AL03", str(alert.pk))


@outgoing
def test_a_program_that_refuses_is_asked_again(program: Program) -> None:
    now = timezone.now()
    program.status = 500
    webhook(program.url)
    one_alert(now)
    sending.send_due(now)
    [notice] = Notice.objects.filter(code="AL03")
    assert (notice.state, notice.problem) == (State.WAITING, "status_500")
    program.status = 204
    sending.send_due(now + 2 * MINUTE)
    notice.refresh_from_db()
    assert notice.state == State.SENT


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.8", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0"]
)
def test_no_alert_is_led_into_our_own_network(host: str, settings: Any) -> None:
    settings.ALERT_HOSTS = []
    with pytest.raises(outside.NotDelivered, match="private_address"):
        outside.post(f"https://{host}/x", b"{}", secret=b"s", delivery="d", timestamp=1)


@pytest.mark.parametrize(
    "address", ["http://exemplo.com.br/", "https://u:p@exemplo.com.br/", "ftp://x/", "https://", "x"]
)
def test_only_https_addresses_without_password_are_taken(address: str) -> None:
    with pytest.raises(ValidationError):
        outside.validate_address(address)


# Chatwoot -------------------------------------------------------------------------------------------------------------


@outgoing
def test_without_mail_the_alert_stands_as_a_private_note_in_chatwoot(settings: Any) -> None:
    settings.MAIL_IS_SET_UP = False
    now = timezone.now()
    with ChatwootSandbox(shuffle=False) as chatwoot:
        talk = chatwoot.new_person_writes("Oi", name="Equipe Ponte")
        connection = factories.connection(
            chatwoot_url=chatwoot.url, chatwoot_account_id=ACCOUNT_ID,
            chatwoot_budget=CallBudget.objects.create(name="chatwoot", capacity=100, tokens=100),
        )  # fmt: skip
        connection.chatwoot_token = seal_system(ADMIN_TOKEN.encode(), context=connection_context(connection))
        connection.save()
        AlertPlace.objects.create(kind="chatwoot", connection=connection, conversation_id=talk.display_id)
        AlertRule.objects.create(code="AL03", by_chatwoot=False)
        access_refused(now)
        Breaker.objects.update(connection=connection)
        evaluate.evaluate(now)
        counts = sending.send_due(now)
        messages = chatwoot.store.messages_of(chatwoot.store.conversation(talk.display_id, ACCOUNT_ID))
    assert counts == {"sent": Notice.objects.count(), "failed": 0}
    notes = [one for one in messages if one.private]
    assert any("Krayin" in str(one.content) for one in notes)


# The command ----------------------------------------------------------------------------------------------------------


@outgoing
def test_a_test_alert_goes_out_at_once_and_says_what_did_not(program: Program) -> None:
    user = factories.user(Role.TECHNICAL_ADMIN, None)
    webhook(program.url)
    said = StringIO()
    call_command("send_test_alert", to=user.email, stdout=said)
    assert [one.to for one in mail.outbox] == [[user.email]]
    assert json.loads(program.calls[0][1])["event"] == "test"
    program.status = 404
    with pytest.raises(CommandError):
        call_command("send_test_alert", to=user.email, stdout=said)
    assert "status_404" in said.getvalue()
