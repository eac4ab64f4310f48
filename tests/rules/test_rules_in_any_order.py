"""Rules by label, team and assignee end in the same CRM, however the history is told (DESIGN section 2)."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.connecting.steps import keep_secret
from bridge.models import Connection, Effect, Krayin, Partner
from bridge.rules import edit
from bridge.sandbox.chatwoot import WHATSAPP_INBOX_ID, ChatwootSandbox, Delivery
from bridge.sandbox.chatwoot.example_account import SECOND_AGENT_ID
from bridge.sandbox.krayin import SandboxKrayin
from tests.bridge.connected_clinic import Bridge, make_bridge
from tests.rules.drafts import draft

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

RULES = [
    draft("label", "orçamento", stage=3),
    draft("team", "2", stage=2),
    draft("assignee", str(SECOND_AGENT_ID), stage=4),
    draft("label", "retorno", stage=2),
]


class Clock:
    """Time of the simulated Chatwoot, moved by the test."""

    def __init__(self) -> None:
        self.now = 1794880800.0

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += seconds


def outcome(bridge: Bridge) -> dict[str, Any]:
    """Where each person's opportunities are, and what is still to do."""
    crm = bridge.crm
    people = {p["id"]: p["name"] for p in crm["persons"]}
    still = Effect.objects.filter(connection=bridge.connection).exclude(state__in=["confirmed", "cancelled"])
    return {
        "leads": sorted((people[lead["person_id"]], lead["stage_code"]) for lead in crm["leads"]),
        "open": sorted(still.values_list("kind", "state")),
    }


def history(chat: ChatwootSandbox, clock: Clock) -> list[Delivery]:
    """Labels come and go, teams and assignees change, two people."""
    chat.change_inbox(WHATSAPP_INBOX_ID, enable_auto_assignment=False)
    with chat.capture() as deliveries:
        first = chat.new_person_writes("Oi", name="Mariana Alves", phone_number="+5511900000017").display_id
        other = chat.new_person_writes("Bom dia", name="João Reis", email="joao.reis@exemplo.com.br").display_id
        for act, number, value in (
            ("set_labels", first, ["orçamento"]), ("set_labels", first, ["retorno"]), ("set_labels", first, []),
            ("assign_team", other, 2), ("assign_team", other, None),
            ("assign", other, SECOND_AGENT_ID), ("assign", other, None),
            ("set_status", first, "resolved"), ("set_labels", other, ["urgente"]),
        ):  # fmt: skip
            clock.later(40)
            getattr(chat, act)(number, value)
    return list(deliveries)


def tell(chat: ChatwootSandbox, helpings: Sequence[Sequence[Delivery]]) -> dict[str, Any]:
    with SandboxKrayin(rate_limit=None) as crm:
        bridge = make_bridge(chat, crm, name=f"Recepção {Krayin.objects.count()}", stages={})
        Connection.objects.filter(pk=bridge.connection.pk).update(stage_progression_enabled=True)
        for rule in RULES:
            edit.add(bridge.connection, rule)
        keep_secret(bridge.connection, Partner.CHATWOOT, helpings[0][0].secret or "")
        for helping in helpings:
            assert set(bridge.deliver(helping)) <= {202}
            bridge.settle()
        end = outcome(bridge)
        Connection.objects.filter(pk=bridge.connection.pk).update(state="off")
        return end


def test_rules_do_not_depend_on_order_duplicates_and_splits(transactional_db: None) -> None:
    clock = Clock()
    with ChatwootSandbox(shuffle=False, clock=clock) as chat:
        hook = chat.register_webhook("http://127.0.0.1:9/anything")
        deliveries = [d for d in history(chat, clock) if d.webhook_id == hook.id]
        expected = tell(chat, [deliveries])
        assert expected == {"leads": [("João Reis", "negotiation"), ("Mariana Alves", "prospect")], "open": []}

        @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(seed=st.integers(0, 2**32), repeats=st.integers(0, 5), cuts=st.integers(0, 3))
        def check(seed: int, repeats: int, cuts: int) -> None:
            dice = random.Random(seed)
            mixed = [*deliveries, *(dice.choice(deliveries) for _ in range(repeats))]
            dice.shuffle(mixed)
            marks = sorted(dice.sample(range(1, len(mixed)), cuts))
            assert tell(chat, [mixed[a:b] for a, b in zip([0, *marks], [*marks, len(mixed)], strict=True)]) == expected

        check()
