"""Several lanes and one person: races of real processes, families, merges, and a value that comes back."""

from collections import Counter
from collections.abc import Callable

import pytest

from bridge.models import Connection, Effect, LaneAlias, Suggestion, SyncedObject
from tests.bridge.connected_clinic import Bridge
from tests.proof.processes import run_workers

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PAIRS = 4


def tell(bridge: Bridge, *actions: Callable[[], object]) -> None:
    with bridge.chatwoot.capture() as deliveries:
        for action in actions:
            action()
    assert set(bridge.deliver(deliveries)) == {202}


def write(bridge: Bridge, name: str, text: str = "Bom dia", **identifiers: str) -> tuple[int, int]:
    """Somebody new writes; return contact and conversation. Nobody works yet."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes(text, name=name, **identifiers)
    assert set(bridge.deliver(deliveries)) == {202}
    return conversation.contact_id, conversation.display_id


def settle_all(bridge: Bridge, times: int = 4) -> None:
    for _ in range(times):
        bridge.settle()


def two_contacts_each(bridge: Bridge, first_name: str, second_name: str) -> None:
    """In Chatwoot a number is unique as written, so the pairs differ by the ninth digit."""
    for pair in range(PAIRS):
        write(bridge, f"{first_name} {'ABCD'[pair]}", "Sou eu", phone_number=f"+551198765432{pair}")
        write(bridge, f"{second_name} {'ABCD'[pair]}", "Sou eu também", phone_number=f"+55118765432{pair}")


def test_of_two_lanes_that_race_for_one_person_one_makes_it(bridge: Bridge) -> None:
    bridge.krayin.latency_ms = 30
    two_contacts_each(bridge, "Marta", "Marta")
    run_workers(4)
    settle_all(bridge)
    counts = bridge.crm["counts"]
    assert (counts["persons"], counts["leads"]) == (PAIRS, PAIRS)
    assert set(Suggestion.objects.values_list("evidence", flat=True)) == {"phone:linked_to_another"}
    assert Suggestion.objects.count() == PAIRS
    states = Counter(Effect.objects.filter(kind="create_person").values_list("state", "cause"))
    assert states == {("confirmed", ""): PAIRS, ("rejected", "KRAYIN_DUPLICATE"): PAIRS}


def test_a_family_on_one_phone_shares_the_person_and_has_an_opportunity_each(bridge: Bridge) -> None:
    Connection.objects.update(shared_person=Connection.SharedPerson.OWN_LEAD)
    bridge.krayin.latency_ms = 30
    two_contacts_each(bridge, "Ana", "Beto")
    run_workers(4)
    settle_all(bridge)
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"]) == (PAIRS, 2 * PAIRS)
    assert set(Counter(lead["person_id"] for lead in crm["leads"]).values()) == {2}
    assert len({lead["attributes"]["bridge_ref"] for lead in crm["leads"]}) == 2 * PAIRS
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}
    # Each child's words hang on its own opportunity.
    names = {lead["id"]: lead["title"].split()[0] for lead in crm["leads"]}
    said = Counter((names[n["lead_ids"][0]], "Sou eu também" in n["comment"]) for n in crm["notes"])
    assert said == {("Ana", False): PAIRS, ("Beto", True): PAIRS}


def test_the_second_of_a_family_changes_nothing_of_the_first_ones_person(bridge: Bridge) -> None:
    Connection.objects.update(shared_person=Connection.SharedPerson.OWN_LEAD)
    write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    second, _ = write(bridge, "Beto Lima", phone_number="+551187654321")
    bridge.settle()
    before = bridge.crm["persons"]
    tell(bridge, lambda: bridge.chatwoot.update_contact(second, name="Beto Souza", email="beto@exemplo.com.br"))
    settle_all(bridge)
    assert bridge.crm["persons"] == before
    assert any(lead["title"].startswith("Beto Souza · ") for lead in bridge.crm["leads"])


def test_a_mother_who_writes_for_two_children_in_one_chat_is_one_person(bridge: Bridge) -> None:
    contact, _ = write(bridge, "Carla Dias", "É sobre o Davi", phone_number="+5511987654321")
    tell(bridge, lambda: bridge.chatwoot.start_conversation(contact, "Agora sobre a Eva"))
    settle_all(bridge)
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (1, 1, 2)
    assert sorted("Davi" in note["comment"] for note in crm["notes"]) == [False, True]
    assert not Suggestion.objects.exists()


def test_a_value_that_comes_back_is_written_each_time(bridge: Bridge) -> None:
    """A → B → A: keyed by what is wanted, the third would be taken for the first."""
    contact, _ = write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    seen = [bridge.crm["persons"][0]["name"]]
    for name in ("Ana Souza", "Ana Lima"):
        tell(bridge, lambda name=name: bridge.chatwoot.update_contact(contact, name=name))
        bridge.settle()
        seen.append(bridge.crm["persons"][0]["name"])
    assert seen == ["Ana Lima", "Ana Souza", "Ana Lima"]
    effects = Effect.objects.filter(object_ref__endswith=f"-c{contact}").order_by("created_at")
    assert list(effects.values_list("kind", "seq", "state")) == [
        ("create_person", 0, "confirmed"), ("set_person", 1, "confirmed"), ("set_person", 2, "confirmed"),
    ]  # fmt: skip
    assert SyncedObject.objects.get(kind="person").seq == 3
    assert bridge.crm["leads"][0]["title"].startswith("Ana Lima · ")


def test_a_value_that_came_back_before_we_looked_is_no_change(bridge: Bridge) -> None:
    contact, _ = write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    calls = bridge.calls()
    chat = bridge.chatwoot
    tell(
        bridge,
        lambda: chat.update_contact(contact, name="Ana Souza"),
        lambda: chat.update_contact(contact, name="Ana Lima"),
    )
    bridge.settle()
    assert bridge.calls() == calls
    assert not Effect.objects.filter(kind="set_person").exists()


# Merges ---------------------------------------------------------------------------------------------------------------


def merge(bridge: Bridge, old: int, conversation: int, **fields: str) -> int:
    """Merge a contact into another, of which only the conversation's next message tells; return the other."""
    with bridge.chatwoot.capture():
        base = bridge.chatwoot.create_contact(**fields)
        bridge.chatwoot.merge_contacts(base.id, old)
    tell(bridge, lambda: bridge.chatwoot.incoming(conversation, "Ainda sou eu"))
    settle_all(bridge)
    return base.id


def test_contacts_merged_one_after_the_other_lead_to_the_last(bridge: Bridge) -> None:
    first, conversation = write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    second = merge(bridge, first, conversation, name="Ana L.", email="ana@exemplo.com.br")
    third = merge(bridge, second, conversation, name="Ana Lima Souza", email="ana.souza@exemplo.com.br")
    aliases = dict(LaneAlias.objects.values_list("lane_key", "canonical"))
    assert aliases == {f"c:{first}": f"c:{third}", f"c:{second}": f"c:{third}"}
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (1, 1, 1)
    assert crm["persons"][0]["name"] == "Ana Lima Souza"


@pytest.mark.parametrize("merges", [1, 2])
def test_a_message_that_comes_after_the_merge_and_names_the_old_contact_is_not_lost(
    bridge: Bridge, merges: int
) -> None:
    first, conversation = write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    with bridge.chatwoot.capture() as late:
        bridge.chatwoot.incoming(conversation, "Dito antes da fusão")
    last = first
    for number in range(merges):
        last = merge(bridge, last, conversation, name="Ana Lima", email=f"ana{number}@exemplo.com.br")
    assert not any("Dito antes da fusão" in note["comment"] for note in bridge.crm["notes"])
    assert set(bridge.deliver(late)) == {202}
    settle_all(bridge)
    crm = bridge.crm
    assert [("Dito antes da fusão" in note["comment"]) for note in crm["notes"]] == [True]
    assert (crm["counts"]["persons"], crm["counts"]["leads"]) == (1, 1)


def test_a_late_message_in_the_lane_of_the_contact_that_had_the_conversation_wakes_its_new_one(bridge: Bridge) -> None:
    """Whoever still writes to the old lane (spooled before the alias was known) must not leave the note behind."""
    first, conversation = write(bridge, "Ana Lima", phone_number="+5511987654321")
    bridge.settle()
    with bridge.chatwoot.capture() as late:
        bridge.chatwoot.incoming(conversation, "Dito antes da fusão")
    merge(bridge, first, conversation, name="Ana Lima", email="ana@exemplo.com.br")
    LaneAlias.objects.all().delete()
    assert set(bridge.deliver(late)) == {202}
    settle_all(bridge)
    assert [("Dito antes da fusão" in note["comment"]) for note in bridge.crm["notes"]] == [True]
