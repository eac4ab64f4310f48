"""A provider of language models over real HTTP on this machine, and a clinic that may ask it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import factories
from django.utils import timezone

from bridge.models import ObservedContact, ObservedConversation, ObservedMessage
from bridge.sync.observe import contact_context, message_context
from consent.encryption import seal, seal_system
from consent.models import Clinic, ConsentRecord, User
from consent.policy import CURRENT_POLICY
from consent.roles import Role
from insights.models import LanguageSettings

KEY = "sk-chave-secreta-do-teste"
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class FakeModel:
    """What it got, byte for byte, and what it answers."""

    got: list[bytes] = field(default_factory=list)
    reply: Callable[[dict[str, Any]], Reply] = lambda body: anthropic({"texto": "Quer marcar uma consulta."})
    drip_s: float = 0
    url: str = ""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(one.partition(b"\r\n\r\n")[2]) for one in self.got]

    @property
    def everything(self) -> str:
        return b"".join(self.got).decode()


def anthropic(value: object, **usage: int) -> Reply:
    """An answer in the form of the Messages API."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "responder", "input": value}
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-de-teste", "stop_reason": "tool_use",
        "content": [block], "usage": usage or {"input_tokens": 400, "output_tokens": 50},
    }  # fmt: skip
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def openai(value: object) -> Reply:
    """An answer in the form of Chat Completions."""
    message = {"role": "assistant", "content": json.dumps(value), "refusal": None}
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-de-teste",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 50, "total_tokens": 450},
    }  # fmt: skip
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@contextmanager
def running() -> Iterator[FakeModel]:
    model = FakeModel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            model.got.append(f"{self.requestline}\r\n{self.headers}".encode().rstrip() + b"\r\n\r\n" + raw)
            status, headers, body = model.reply(json.loads(raw))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for byte in [body] if not model.drip_s else [body[n : n + 1] for n in range(len(body))]:
                    time.sleep(model.drip_s)
                    self.wfile.write(byte)
            except OSError:
                # Cut off: nobody waits for the rest.
                self.close_connection = True

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: tests read `got`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


def provider(clinic: Clinic, url: str, **fields: Any) -> LanguageSettings:
    """Complete and switched on."""
    row = LanguageSettings(
        **{
            "clinic": clinic, "is_on": True, "kind": "anthropic", "base_url": url, "model": "claude-de-teste",
            "contract": "DPA 2026-10", "region": "US", "retention_days": 0, "training_off": True,
            "transfer_clauses": "Cláusulas da Resolução 19/2024", "price_in": Decimal(3), "price_out": Decimal(15),
        }
        | fields
    )  # fmt: skip
    row.api_key = seal_system(KEY.encode(), context=row.key_context)
    row.save()
    return row


@dataclass
class Talk:
    """A person with name, telephone and e-mail who allowed language models, and a conversation."""

    conversation: ObservedConversation
    manager: User

    @property
    def person(self) -> ObservedContact:
        return self.conversation.contact

    def says(self, text: str, *, author: str = "", by: str = "contact") -> None:
        row = ObservedMessage(
            connection=self.conversation.connection, conversation=self.conversation, subject=self.person.subject,
            chatwoot_message_id=next(factories.numbers), direction="incoming" if by == "contact" else "outgoing",
            author_kind=by, sent_at=timezone.now(), local_day=timezone.now().date(), digest=b"",
        )  # fmt: skip
        content = json.dumps({"text": text, "author": author, "attachments": []})
        row.content = seal(content, subject=row.subject_id, context=message_context(row.pk))
        row.save()

    def consents(self, kind: str, status: str = "granted") -> None:
        now = timezone.now()
        dates = {"granted": {"granted_at": now}, "withdrawn": {"withdrawn_at": now}, "denied": {}}[status]
        ConsentRecord.objects.create(
            subject=self.person.subject, consent_type=kind, status=status, consent_text="Texto", consent_version="1",
            **dates,
        )  # fmt: skip


def talk(name: str = factories.NAME) -> Talk:
    """The clinic's policy is confirmed and its manager may read messages."""
    clinic = factories.clinic(
        policy_version=CURRENT_POLICY, policy_confirmed_at=timezone.now(), dpo_name="Dora Prado"
    )  # fmt: skip
    person = factories.contact(factories.connection(clinic), name=name, email=factories.EMAIL)
    person.name = seal(name, subject=person.subject_id, context=contact_context(person.pk, "name"))
    person.save()
    manager = factories.user(Role.CLINIC_MANAGER, clinic, name="Beatriz Nogueira")
    made = Talk(factories.conversation(person), manager)
    made.consents("language_model")
    return made
