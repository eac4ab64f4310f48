"""Connections to measure with: rows that only receive, and connected ones with as many twins as needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.bench.bodies import Door
from bridge.connecting.spec import read_spec
from bridge.connecting.steps import connect, keep_secret
from bridge.models import CallBudget, Connection, Krayin, Partner, WebhookSecret
from bridge.models.connections import new_public_id, new_ref_code, secret_context
from bridge.sandbox.chatwoot import ACCOUNT_ID, WHATSAPP_INBOX_ID
from bridge.sync.partners import connection_context
from consent.encryption import Actor, open_system, seal_system
from consent.models import Clinic, User

# Krayin's limit of 60 calls a minute would be all that is measured.
LIFTED = {"capacity": 30_000, "refill_per_minute": 60_000_000, "tokens": 30_000}
CLINIC = "Clínica de medição"
CONFIRMED_BY = "medicao@clinica.exemplo"
SECRET = "segredo-de-medicao"  # noqa: S105 - of a database that is gone in a minute
STAGES = {"conversation_created": "follow-up", "first_response": "prospect", "conversation_resolved": "negotiation"}


def receiving(count: int) -> list[Connection]:
    """Active connections with a webhook secret, each of a clinic of its own, of a Krayin that does not exist."""
    names = [f"{CLINIC} {number}" for number in range(count)]
    clinics = Clinic.objects.bulk_create([Clinic(trade_name=name, legal_name=name) for name in names])
    krayin = Krayin.objects.create(base_url="http://127.0.0.1:9")
    rows = [
        Connection(
            clinic=clinic, krayin=krayin, name=clinic.trade_name, state=Connection.State.ACTIVE,
            chatwoot_url="http://127.0.0.1:9", chatwoot_account_id=ACCOUNT_ID, inbox_ids=[WHATSAPP_INBOX_ID],
        )
        for clinic in clinics
    ]  # fmt: skip
    made = Connection.objects.bulk_create(rows)
    for connection in made:
        keep_secret(connection, Partner.CHATWOOT, SECRET)
    return made


def connected(chatwoot: Mapping[str, Any], krayin: Mapping[str, Any], *, number: int, twins: int) -> list[Connection]:
    """Connect one clinic as an operator would, with the budget lifted, and give it `twins` that share its partners."""
    User.objects.get_or_create(email=CONFIRMED_BY, defaults={"name": "Medição"})
    spec = {
        "name": f"{CLINIC} {number}",
        "clinic": {"name": CLINIC},
        "chatwoot": chatwoot,
        "krayin": krayin,
        "stages": STAGES,
        "send": {"preset": "text", "message_text": "grouped"},
        "state": "draft",  # switched on below: several share their inboxes here, which no clinic may
        "policy_confirmed_by": CONFIRMED_BY,
    }
    made = connect(read_spec(spec), lambda step: None)
    Connection.objects.filter(pk=made.connection_id).update(state=Connection.State.ACTIVE)
    first = Connection.objects.get(pk=made.connection_id)
    CallBudget.objects.update(**LIFTED)
    return [first, *(_twin(first, twin) for twin in range(twins))]


def _twin(first: Connection, number: int) -> Connection:
    twin = Connection.objects.get(pk=first.pk)
    twin.pk, twin._state.adding = None, True
    twin.name, twin.public_id, twin.ref_code = f"{first.name} {number}", new_public_id(), new_ref_code()
    if first.chatwoot_token is not None:
        token = open_system(
            first.chatwoot_token, context=connection_context(first), actor=Actor.system("bench"), purpose="system"
        )
        twin.chatwoot_token = seal_system(token, context=connection_context(twin))
    twin.save()
    twin.krayin_users.set(first.krayin_users.all())
    keep_secret(twin, Partner.CHATWOOT, SECRET)
    return twin


def doors(connections: Sequence[Connection]) -> list[Door]:
    """Their webhook addresses with the newest secret of each."""
    return [Door(f"/webhooks/chatwoot/{c.public_id}/", _secret(c)) for c in connections]


def _secret(connection: Connection) -> str:
    row = WebhookSecret.objects.filter(connection=connection, partner=Partner.CHATWOOT, retired_at=None).latest("pk")
    context = secret_context(connection.pk, Partner.CHATWOOT)
    return open_system(row.secret, context=context, actor=Actor.system("bench"), purpose="system").decode()
