"""What a call did is not known: looked up, compared, confirmed or sent again; exactly one object (DESIGN section 6).

Persons and opportunities made in one call, and notes, are in tests/bridge/test_doubtful_answers.py; here are the calls
on their own, those that change what is there, and the ways to lose an answer that are not there.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.clients.shapes import Labelled, PersonDraft
from bridge.models import Connection, Effect, IdentityClaim, StageChangeLog, Suggestion
from bridge.sync.partners import krayin_client
from bridge.sync.worker import Worker
from tests.bridge.connected_clinic import Bridge
from tests.proof.processes import in_threads, until, worker_process

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ANA = {"name": "Ana Lima", "phone_number": "+5511987654321"}
CRM_TIME_S = 23.0  # Krayin commits later than the 20 s after which a call is given up, and before `settle`


@dataclass(frozen=True)
class Case:
    """One kind of step on its own: what comes before, what brings it about, the call, what must be true at the end."""

    before: Callable[[Bridge], None]
    act: Callable[[Bridge], None]
    method: str
    path: str
    ends_well: Callable[[dict[str, Any]], bool]


def tell(bridge: Bridge, *actions: Callable[[], object]) -> None:
    """Let things happen in Chatwoot, with all their webhooks."""
    with bridge.chatwoot.capture() as deliveries:
        for action in actions:
            action()
    assert set(bridge.deliver(deliveries)) == {202}


def ana_writes(bridge: Bridge) -> None:
    tell(bridge, lambda: bridge.chatwoot.new_person_writes("Bom dia", **ANA))


def ana_is_there(bridge: Bridge) -> None:
    ana_writes(bridge)
    bridge.settle()


def ana_is_in_the_crm(bridge: Bridge) -> None:
    """Made by hand: the opportunity needs a call of its own."""
    client, _ = krayin_client(bridge.connection)
    client.person_create(PersonDraft(name="Ana Lima", emails=(), phones=(Labelled("+5511987654321"),)))


def no_stage(bridge: Bridge) -> None:
    """Without a stage no opportunity can be made: the person needs a call of its own."""
    Connection.objects.update(pipelines=[], default_stage_id=None, lead_pipeline_stage_id=None)


def first_answer(bridge: Bridge) -> None:
    tell(bridge, lambda: bridge.chatwoot.outgoing(1287, "Olá Ana"))


def one_more_message(bridge: Bridge) -> None:
    tell(bridge, lambda: bridge.chatwoot.incoming(1287, "Mais uma coisa"))


def new_name(bridge: Bridge) -> None:
    tell(bridge, lambda: bridge.chatwoot.update_contact(4182, name="Ana Lima Souza"))


def one_of_each(crm: dict[str, Any]) -> bool:
    counts = crm["counts"]
    return (counts["persons"], counts["leads"], counts["notes"]) == (1, 1, 1)


CASES = {
    "person": Case(
        no_stage, ana_writes, "POST", "/contacts/persons",
        lambda crm: crm["counts"]["persons"] == 1
        and crm["persons"][0]["attributes"]["chatwoot_contact_ref"].endswith("-c4182"),
    ),
    "lead": Case(
        ana_is_in_the_crm, ana_writes, "POST", "/leads",
        lambda crm: one_of_each(crm) and crm["leads"][0]["attributes"]["bridge_ref"].endswith("-c4182-l1"),
    ),
    "stage": Case(
        ana_is_there, first_answer, "PUT", "/leads/attributes/edit",
        lambda crm: one_of_each(crm) and crm["leads"][0]["stage_code"] == "prospect",
    ),
    "note": Case(
        lambda bridge: None, ana_writes, "POST", "/activities",
        lambda crm: one_of_each(crm) and "Bom dia" in crm["notes"][0]["comment"],
    ),
    "rewritten note": Case(
        ana_is_there, one_more_message, "PUT", "/activities",
        lambda crm: one_of_each(crm) and "Mais uma coisa" in crm["notes"][0]["comment"],
    ),
    "changed person": Case(
        ana_is_there, new_name, "PUT", "/contacts/persons",
        lambda crm: one_of_each(crm) and crm["persons"][0]["name"] == "Ana Lima Souza",
    ),
}  # fmt: skip
FAULTS: dict[str, dict[str, Any]] = {
    "cut after the commit": {"kind": "commit_then_cut"},
    "502 after the commit": {"kind": "502_after_commit"},
    "reset before the work": {"kind": "down", "mode": "cut"},
}


def settle_all(bridge: Bridge) -> None:
    for _ in range(6):
        bridge.make_due()
        bridge.work()


def must_be_settled(bridge: Bridge, case: Case) -> None:
    assert case.ends_well(bridge.crm)
    open_steps = Effect.objects.exclude(state__in=["confirmed", "cancelled"])
    # Where no stage is known the opportunity waits for a person; the person itself does not.
    assert set(open_steps.values_list("kind", "cause")) <= {("create_lead", "KRAYIN_TARGET_GONE")}
    assert not IdentityClaim.objects.exists()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", CASES)
def test_an_answer_that_never_came_leaves_one_object_as_it_was_meant(bridge: Bridge, step: str, fault: str) -> None:
    case = CASES[step]
    case.before(bridge)
    case.act(bridge)
    bridge.make_due()
    bridge.fault(**FAULTS[fault], method=case.method, path=case.path, count=1)
    bridge.work()
    assert bridge.krayin.faults.as_json()[0]["fired"] == 1
    assert Effect.objects.filter(state="unknown").exists()
    settle_all(bridge)
    must_be_settled(bridge, case)


@pytest.mark.parametrize("answer", ["cut", "500"])
@pytest.mark.parametrize(("step", "entity"), [("person", "persons"), ("lead", "leads")])
def test_a_row_without_its_attributes_is_found_and_gets_them(
    bridge: Bridge, step: str, entity: str, answer: str
) -> None:
    case = CASES[step]
    case.before(bridge)
    bridge.fault(
        "row_without_attributes", method=case.method, path=case.path, entity=entity, answer=answer, count=1
    )  # fmt: skip
    case.act(bridge)
    bridge.work()
    settle_all(bridge)
    assert bridge.krayin.faults.as_json()[0]["fired"] == 1
    must_be_settled(bridge, case)


@pytest.mark.parametrize("fault", ["cut after the commit", "502 after the commit"])
def test_a_stage_that_we_moved_is_logged_as_moved_once(bridge: Bridge, fault: str) -> None:
    """Also when its answer was lost: the log must not say that somebody else had moved it further."""
    ana_is_there(bridge)
    bridge.fault(**FAULTS[fault], method="PUT", path="/leads/attributes/edit", count=1)
    first_answer(bridge)
    bridge.work()
    settle_all(bridge)
    rows = StageChangeLog.objects.order_by("created_at").values_list("previous_stage", "new_stage", "result")
    assert list(rows) == [(None, "Follow Up", "moved"), ("Follow Up", "Prospect", "moved")]


@pytest.mark.parametrize("step", ["lead", "note", "stage", "changed person"])
def test_a_worker_killed_between_call_and_confirm_leaves_one_object(bridge: Bridge, step: str) -> None:
    case = CASES[step]
    case.before(bridge)
    bridge.work()
    case.act(bridge)
    bridge.make_due()
    bridge.fault("slow", seconds=8, when="after", method=case.method, path=case.path, count=1)
    fired: Callable[[], bool] = lambda: bridge.krayin.faults.as_json()[0]["fired"] == 1  # noqa: E731
    with worker_process() as worker:
        assert until(fired)
        time.sleep(0.5)  # the commit follows at once, the answer eight seconds later
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert Effect.objects.filter(state="sent").exists()
    settle_all(bridge)
    must_be_settled(bridge, case)


def test_what_krayin_commits_after_we_gave_up_is_found_and_not_repeated(bridge: Bridge) -> None:
    """Time-outs of a creation, a note, a stage and a change of a person at once; meanwhile a twin wants the same person.

    The twin is the same number without the ninth digit in another contact: it must not make the person that is still
    on its way.
    """
    prepared = ["+5511900000041", "+5511900000042", "+5511900000043"]
    for number, phone in enumerate(prepared):
        tell(bridge, lambda n=number, p=phone: bridge.chatwoot.new_person_writes("Oi", name=f"P {n}", phone_number=p))
    bridge.settle()
    bridge.make_due()
    bridge.work()
    chat = bridge.chatwoot
    tell(
        bridge,
        lambda: chat.incoming(1287, "Mais uma coisa"),
        lambda: chat.outgoing(1288, "Olá"),
        lambda: chat.update_contact(4184, name="P 2 Souza"),
        lambda: chat.new_person_writes("Bom dia", **ANA),
    )
    for method, path in (
        ("PUT", "/activities"),
        ("PUT", "/leads/attributes"),
        ("PUT", "/contacts"),
        ("POST", "/leads"),
    ):
        bridge.fault("slow", seconds=CRM_TIME_S, method=method, path=path, count=1)
    bridge.make_due()
    in_threads(*[lambda: until(lambda: Worker().run_once() > 0) for _ in range(4)])
    doubtful = set(Effect.objects.filter(state="unknown").values_list("kind", flat=True))
    assert doubtful == {"create_person", "create_lead", "set_note", "set_stage", "set_person"}
    assert bridge.crm["counts"]["persons"] == 3

    tell(bridge, lambda: chat.new_person_writes("Oi", name="Ana Lima", phone_number="+551187654321"))
    bridge.work()
    assert bridge.crm["counts"]["persons"] == 3
    assert until(lambda: bridge.crm["counts"]["persons"] == 4)
    assert until(lambda: sum(f["fired"] for f in bridge.krayin.faults.as_json()) == 4)
    time.sleep(1)
    settle_all(bridge)

    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"]) == (4, 4)
    assert len({note["title"] for note in crm["notes"]}) == crm["counts"]["notes"] == 4
    assert "P 2 Souza" in [person["name"] for person in crm["persons"]]
    assert [lead["stage_code"] for lead in crm["leads"] if lead["title"].startswith("P 1")] == ["prospect"]
    assert Suggestion.objects.get().evidence == "phone:linked_to_another"
    assert set(Effect.objects.exclude(state__in=["confirmed", "cancelled"]).values_list("kind", "cause")) == {
        ("create_person", "KRAYIN_DUPLICATE")
    }
