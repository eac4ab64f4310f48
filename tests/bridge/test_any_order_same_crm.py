"""DESIGN section 2: any permutation, duplication and splitting of a history ends in the same CRM."""

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from connected_clinic import Bridge, make_bridge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.connecting.steps import keep_secret
from bridge.models import Connection, Effect, Krayin, Partner
from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery
from bridge.sandbox.krayin import SandboxKrayin

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

EVENING = 1794880800.0  # 2026-11-16 23:00 in São Paulo


class Clock:
    """Time of the simulated Chatwoot, moved by the test."""

    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += seconds


def history(chat: ChatwootSandbox, clock: Clock) -> list[Delivery]:
    """Two people, three conversations, three days; edits, a deletion, a note, a correction, a reopening."""
    with chat.capture() as deliveries:
        first = chat.new_person_writes("Oi! Quero <b>agendar</b> & saber o preço", name="Mariana Alves",
                                       phone_number="+5511900000017")  # fmt: skip
        clock.later(120)
        other = chat.new_person_writes("Bom dia", name="João Reis", email="joao.reis@exemplo.com.br")
        clock.later(60)
        answer = chat.outgoing(first.display_id, "Temos quinta às 15h30.")
        asked = chat.incoming(first.display_id, "Pode ser. E o estacionamento?")
        clock.later(3 * 3600)  # past midnight
        chat.private_note(first.display_id, "Paciente difícil")
        chat.edit_message(asked.id, "Pode ser!")
        chat.delete_message(answer.id)
        chat.update_contact(first.contact_id, name="Mariana Alves Prado", email="mariana.prado@exemplo.com.br")
        chat.incoming(first.display_id, "Até quinta")
        chat.set_status(first.display_id, "resolved")
        clock.later(86400)
        chat.set_status(first.display_id, "open")
        chat.incoming(first.display_id, "Preciso remarcar")
        chat.outgoing(other.display_id, "Olá João")
        again = chat.start_conversation(other.contact_id, "Outra coisa")
        clock.later(30)
        chat.set_status(again.display_id, "resolved")
    return list(deliveries)


def outcome(bridge: Bridge) -> dict[str, Any]:
    """What the CRM holds, without ids, times and the connection's own code."""
    crm = bridge.crm
    code = bridge.connection.ref_code
    people = {p["id"]: p["name"] for p in crm["persons"]}
    leads = {lead["id"]: _plain(lead["title"], code) for lead in crm["leads"]}
    return {
        "persons": sorted(
            (p["name"], str(p["emails"]), str(p["contact_numbers"]), _plain(str(p["attributes"]), code))
            for p in crm["persons"]
        ),
        "leads": sorted(
            (leads[lead["id"]], lead["stage_code"], people[lead["person_id"]], _plain(str(lead["attributes"]), code))
            for lead in crm["leads"]
        ),
        "notes": sorted(
            (_plain(n["title"], code), _plain(n["comment"], code), [leads[i] for i in n["lead_ids"]])
            for n in crm["notes"]
        ),
        "open": sorted(Effect.objects.filter(connection=bridge.connection).exclude(state__in=["confirmed", "cancelled"])
                       .values_list("kind", "state", "cause")),
    }  # fmt: skip


def _plain(text: str, code: str) -> str:
    return re.sub(r"http://127\.0\.0\.1:\d+", "", text.replace(code, "CODE"))


Told = tuple[ChatwootSandbox, list[Delivery], dict[str, Any]]


@pytest.fixture
def told(transactional_db: None) -> Iterator[Told]:
    """The history, and what the CRM looks like when it is told in order."""
    clock = Clock()
    with ChatwootSandbox(shuffle=False, clock=clock) as chat:
        hook = chat.register_webhook("http://127.0.0.1:9/anything")
        deliveries = [d for d in history(chat, clock) if d.webhook_id == hook.id]
        expected = tell(chat, [deliveries])
        assert len(expected["persons"]) == 2
        assert len(expected["leads"]) == 2
        assert len(expected["notes"]) == 6
        assert expected["open"] == []
        yield chat, deliveries, expected


def tell(chat: ChatwootSandbox, helpings: Sequence[Sequence[Delivery]]) -> dict[str, Any]:
    """Connect the same Chatwoot to an empty Krayin and tell the history in helpings, settling after each."""
    with SandboxKrayin(rate_limit=None) as crm:
        name = f"Recepção {Krayin.objects.count()}"
        bridge = make_bridge(chat, crm, name=name)
        keep_secret(bridge.connection, Partner.CHATWOOT, helpings[0][0].secret or "")
        for helping in helpings:
            assert set(bridge.deliver(helping)) <= {202}
            bridge.settle()
        end = outcome(bridge)
        # The next telling connects the same inboxes again, which two receiving connections may not share.
        Connection.objects.filter(pk=bridge.connection.pk).update(state="off")
        return end


def test_order_duplicates_and_splits_do_not_matter(told: Told) -> None:
    chat, deliveries, expected = told

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(seed=st.integers(0, 2**32), repeats=st.integers(0, 6), cuts=st.integers(0, 3))
    def check(seed: int, repeats: int, cuts: int) -> None:
        dice = random.Random(seed)
        mixed = list(deliveries)
        for _ in range(repeats):
            copy = dice.choice(deliveries)
            mixed.append(dice.choice([copy, copy.sent_again(copy.timestamp), copy.dispatched_again(copy.timestamp)]))
        dice.shuffle(mixed)
        marks = sorted(dice.sample(range(1, len(mixed)), cuts))
        helpings = [mixed[a:b] for a, b in zip([0, *marks], [*marks, len(mixed)], strict=True)]
        assert tell(chat, helpings) == expected

    check()


def test_telling_everything_twice_changes_nothing(told: Told) -> None:
    chat, deliveries, expected = told
    assert tell(chat, [deliveries, [d.dispatched_again(d.timestamp) for d in deliveries]]) == expected
