"""What a call whose outcome is unknown may have written is known again as our own, and follows Chatwoot."""

from typing import Any

import pytest
from connected_clinic import Bridge
from django.utils import timezone

from bridge.clients.shapes import Labelled, PersonDraft
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of, message_fact_of
from bridge.mappers.facts_json import body_of, facts_from
from bridge.models import ObservedMessage
from bridge.sync.lanes import mark_dirty
from bridge.sync.observe import observe
from bridge.sync.partners import chatwoot_client, krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PHONE = "+5511900000021"


def writes(bridge: Bridge, *, phone: str = PHONE, answered: bool = False) -> int:
    """A new person writes; return the number of the conversation. Nobody works yet."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number=phone)
        if answered:
            bridge.chatwoot.outgoing(conversation.display_id, "Olá")
    assert set(bridge.deliver(deliveries)) == {202}
    return conversation.display_id


def changes(bridge: Bridge, **values: str) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(4182, **values)
    assert set(bridge.deliver(deliveries)) == {202}


def settle(bridge: Bridge) -> None:
    for _ in range(4):
        bridge.work()
        bridge.make_due()


def person(bridge: Bridge) -> dict[str, Any]:
    """The one person in the CRM: name, addresses, telephones."""
    (row,) = bridge.crm["persons"]
    values = {key: [entry["value"] for entry in row[key] or []] for key in ("emails", "contact_numbers")}
    return {"name": row["name"], **values}


def test_a_person_cut_off_before_its_attributes_follows_later_changes(bridge: Bridge) -> None:
    bridge.fault("row_without_attributes", method="POST", path="/leads", entity="persons", count=1)
    writes(bridge)
    settle(bridge)
    changes(bridge, name="Ana Prado", phone_number="+5511900000099")
    settle(bridge)
    assert person(bridge) == {"name": "Ana Prado", "emails": [], "contact_numbers": ["+5511900000099"]}


def test_a_telephone_that_changes_while_the_person_is_in_doubt_makes_no_second_person(bridge: Bridge) -> None:
    bridge.fault("row_without_attributes", method="POST", path="/leads", entity="persons", count=1)
    writes(bridge)
    bridge.work()
    changes(bridge, phone_number="+5511900000099")
    settle(bridge)
    assert person(bridge) == {"name": "Ana Lima", "emails": [], "contact_numbers": ["+5511900000099"]}
    assert bridge.crm["counts"]["leads"] == 1


def test_a_name_that_changes_while_the_person_is_in_doubt_arrives(bridge: Bridge) -> None:
    bridge.fault("commit_then_cut", method="POST", path="/leads", count=1)
    writes(bridge)
    bridge.work()
    changes(bridge, name="Ana Prado")
    settle(bridge)
    assert person(bridge)["name"] == "Ana Prado"
    assert bridge.crm["leads"][0]["title"].startswith("Ana Prado · ")


@pytest.mark.parametrize("path", ["/contacts/persons", "/leads/attributes/edit"])
def test_values_change_again_while_the_first_change_is_in_doubt(bridge: Bridge, path: str) -> None:
    writes(bridge)
    settle(bridge)
    bridge.fault("commit_then_cut", method="PUT", path=path, count=1)
    changes(bridge, name="Ana Souza", email="ana.souza@exemplo.com.br", phone_number="+5511900000022")
    bridge.work()
    changes(bridge, name="Ana Prado", email="ana.prado@exemplo.com.br", phone_number="+5511900000099")
    settle(bridge)
    assert person(bridge) == {
        "name": "Ana Prado", "emails": ["ana.prado@exemplo.com.br"], "contact_numbers": ["+5511900000099"],
    }  # fmt: skip
    assert bridge.crm["leads"][0]["title"].startswith("Ana Prado · ")


def test_a_title_in_doubt_follows_the_next_name(bridge: Bridge) -> None:
    writes(bridge)
    settle(bridge)
    bridge.fault("commit_then_cut", method="PUT", path="/leads/attributes/edit", count=1)
    for name in ("Ana Souza", "Ana Prado"):
        changes(bridge, name=name)
        settle(bridge)
        assert bridge.crm["leads"][0]["title"].startswith(f"{name} · ")


def test_a_telephone_told_without_its_ninth_digit_is_replaced(bridge: Bridge) -> None:
    writes(bridge, phone="+551187654321")
    settle(bridge)
    assert person(bridge)["contact_numbers"] == ["+5511987654321"]
    changes(bridge, phone_number="+5511900000099")
    settle(bridge)
    assert person(bridge)["contact_numbers"] == ["+5511900000099"]


def test_a_name_given_by_people_survives_every_later_change(bridge: Bridge) -> None:
    writes(bridge)
    settle(bridge)
    client, _ = krayin_client(bridge.connection)
    client.person_update(
        bridge.crm["persons"][0]["id"], PersonDraft(name="Sra. Lima", emails=(), phones=(Labelled(PHONE),))
    )
    for number, name in enumerate(("Ana Souza", "Ana Prado")):
        changes(bridge, name=name, email=f"ana{number}@exemplo.com.br")
        settle(bridge)
    assert person(bridge) == {
        "name": "Sra. Lima", "emails": ["ana1@exemplo.com.br"], "contact_numbers": [PHONE],
    }  # fmt: skip


def test_a_lead_cut_off_before_its_attributes_gets_its_reference_though_its_stage_moves_first(bridge: Bridge) -> None:
    bridge.fault("row_without_attributes", method="POST", path="/leads", entity="leads", count=1)
    number = writes(bridge)
    bridge.work()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(number, "Olá")
    bridge.deliver(deliveries)
    settle(bridge)
    (lead,) = bridge.crm["leads"]
    assert lead["stage_code"] == "prospect"
    assert lead["attributes"]["bridge_ref"].endswith("-l1")


def test_every_doubtful_message_of_a_large_helping_is_read(bridge: Bridge) -> None:
    """More corrections at once than one claim reads."""
    number = writes(bridge)
    with bridge.chatwoot.capture() as deliveries:
        messages = [bridge.chatwoot.incoming(number, f"Mensagem {each}") for each in range(30)]
    bridge.deliver(deliveries)
    settle(bridge)
    with bridge.chatwoot.capture() as deliveries:
        for each, message in enumerate(messages):
            bridge.chatwoot.edit_message(message.id, f"Correção {each}")
    bridge.deliver(deliveries)
    settle(bridge)
    assert not ObservedMessage.objects.filter(needs_read=True).exists()
    (note,) = bridge.crm["notes"]
    assert [f"Correção {each}<br>" in note["comment"] for each in range(30)] == [True] * 30


def test_what_a_poll_read_before_a_correction_does_not_undo_it(bridge: Bridge) -> None:
    """The poll's answer waits as an event; a correction that came after it is observed before."""
    number = writes(bridge)
    settle(bridge)
    client = chatwoot_client(bridge.connection)
    first = ObservedMessage.objects.earliest("chatwoot_message_id").chatwoot_message_id
    message = message_fact_of(client.message(number, first))
    assert message is not None
    polled = facts_from(body_of(Facts(contacts=(contact_fact_of(client.contact(4182)),), messages=(message,))))
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.edit_message(first, "Boa tarde")
    bridge.deliver(deliveries)
    changes(bridge, name="Ana Prado")
    settle(bridge)
    observe(bridge.connection, [polled], timezone.now())
    mark_dirty(bridge.connection.pk, "c:4182")
    settle(bridge)
    assert person(bridge)["name"] == "Ana Prado"
    assert "Boa tarde" in bridge.crm["notes"][0]["comment"]
