"""Queries per event stay within limits, whatever the length of the conversation."""

import pytest
from connected_clinic import Bridge
from django.db import connections
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_message_of_a_running_conversation_costs_at_most_thirty_queries(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        for number in range(30):
            bridge.chatwoot.incoming(conversation.display_id, f"Mensagem {number}")
    bridge.deliver(deliveries)
    bridge.work()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(conversation.display_id, "Olá")
        bridge.chatwoot.outgoing(conversation.display_id, "Mais uma")
    bridge.deliver(deliveries[:-1])
    bridge.work()
    bridge.deliver(deliveries[-1:])
    with CaptureQueriesContext(connections["default"]) as queries:
        bridge.work()
    assert len(queries) <= 30


def test_a_helping_of_events_is_observed_set_based(bridge: Bridge) -> None:
    """Fifty messages of one claim cost no more statements than one."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    costs = []
    for size in (1, 50):
        with bridge.chatwoot.capture() as deliveries:
            for number in range(size):
                bridge.chatwoot.incoming(conversation.display_id, f"Mensagem {size} {number}")
        bridge.deliver(deliveries)
        with CaptureQueriesContext(connections["default"]) as queries:
            bridge.work()
        costs.append(len(queries))
    assert costs[1] <= costs[0] + 4
