"""The database's clock is the only schedule; dates are those of the clinic and of Krayin's own zone (DESIGN section 4)."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.clients.shapes import LeadChange
from bridge.models import CallBudget, ConversationDay, Effect, KrayinUser
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.partners import krayin_client
from tests.bridge.connected_clinic import Bridge, make_bridge
from tests.intake.server import PROJECT
from tests.resilience.scene import pass_time, process, rows, somebody_writes, until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

HOST_CLOCK = re.compile(r"timezone\.now\(|datetime\.now\(|time\.time(_ns)?\(|CURRENT_DATE|LOCALTIME")
BRAZIL = ["America/Noronha", "America/Sao_Paulo", "America/Manaus", "America/Rio_Branco"]


def scheduling_code() -> list[Path]:
    return [path for folder in ("sync", "clients") for path in sorted((PROJECT / "bridge" / folder).glob("*.py"))]


@pytest.mark.parametrize("path", scheduling_code(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_that_schedules_asks_the_clock_of_its_host(path: Path) -> None:
    found = [line.strip() for line in path.read_text().splitlines() if HOST_CLOCK.search(line)]
    assert found == []


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_worker_on_a_host_with_a_wrong_clock_does_what_the_others_do(bridge: Bridge, hours: int) -> None:
    conversation = somebody_writes(bridge)
    with process("-m", "tests.resilience.skewed", str(hours), "lanes"):
        assert until(lambda: Effect.objects.filter(kind="create_lead", state="confirmed").exists())
        pass_time(minutes=31)
        with bridge.chatwoot.capture() as deliveries:
            bridge.chatwoot.set_status(conversation.display_id, "resolved")
        bridge.deliver(deliveries)
        assert until(lambda: Effect.objects.filter(kind="create_note", state="confirmed").exists())
        assert until(lambda: rows("SELECT count(*) FROM lanes WHERE dirty > clean OR leased") == [(0,)])
    near = "BETWEEN clock_timestamp() - interval '1 h' AND clock_timestamp() + interval '1 h'"
    for table, column in (
        ("lanes", "run_at"),
        ("effects", "confirmed_at"),
        ("effects", "sent_at"),
        ("effects", "not_before"),
        ("effects", "updated_at"),
        ("synced_objects", "synced_at"),
        ("call_budgets", "at"),
    ):
        far = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL AND NOT {column} {near}"
        assert rows(far) == [], f"{table}.{column}"
    assert bridge.crm["counts"]["notes"] == 1


def test_a_wrong_clock_neither_blocks_nor_frees_a_budget_and_a_login(bridge: Bridge) -> None:
    rows("UPDATE call_budgets SET blocked_until = clock_timestamp() + interval '20 min' RETURNING 1")
    somebody_writes(bridge)
    with process("-m", "tests.resilience.skewed", "30", "lanes"):
        assert until(lambda: Effect.objects.filter(state="intended").exists())
        assert until(lambda: rows("SELECT count(*) FROM lanes WHERE leased OR run_at <= clock_timestamp()") == [(0,)])
        assert bridge.crm["counts"]["persons"] == 0
        CallBudget.objects.update(blocked_until="2001-01-01T00:00Z", queued_until="2001-01-01T00:00Z")
        KrayinUser.objects.update(token=None)
        pass_time(minutes=21)
        assert until(lambda: bridge.crm["counts"]["leads"] == 1)


@pytest.fixture(params=[*BRAZIL, "Asia/Tokyo", "UTC"])
def abroad(request: pytest.FixtureRequest, chatwoot: ChatwootSandbox, transactional_db: None) -> Iterator[Bridge]:
    """A clinic whose Krayin is set to another zone than ours: it reads naive dates in its own."""
    with SandboxKrayin(rate_limit=None, timezone=request.param) as krayin:
        yield make_bridge(chatwoot, krayin)


def test_a_close_date_survives_a_stage_change_in_every_zone_of_krayin(abroad: Bridge) -> None:
    conversation = somebody_writes(abroad)
    with abroad.chatwoot.capture() as deliveries:
        abroad.chatwoot.incoming(conversation.display_id, "Obrigada")
        abroad.chatwoot.set_status(conversation.display_id, "resolved")
    abroad.work()
    client, _ = krayin_client(abroad.connection)
    client.lead_edit(1, LeadChange(datetime.date(2026, 12, 15)))
    abroad.deliver(deliveries)
    abroad.work()
    assert abroad.crm["leads"][0]["stage_code"] == "negotiation"
    assert client.leads_by_ids([1])[0].expected_close_date == datetime.date(2026, 12, 15)


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        # 01:30 and 02:30, 03:30 and 04:30, 05:30 UTC: midnight falls between others in each zone.
        ("America/Noronha", [date for date, count in (("2026-11-18", 1), ("2026-11-19", 4)) for _ in range(count)]),
        ("America/Sao_Paulo", ["2026-11-18"] * 2 + ["2026-11-19"] * 3),
        ("America/Manaus", ["2026-11-18"] * 3 + ["2026-11-19"] * 2),
        ("America/Rio_Branco", ["2026-11-18"] * 4 + ["2026-11-19"]),
    ],
)
def test_a_note_ends_at_midnight_of_the_clinic(
    krayin: SandboxKrayin, transactional_db: None, zone: str, days: list[str]
) -> None:
    moment = datetime.datetime(2026, 11, 19, 1, 30, tzinfo=datetime.UTC).timestamp()
    now = [moment]
    with ChatwootSandbox(shuffle=False, clock=lambda: now[0]) as chatwoot:
        bridge = make_bridge(chatwoot, krayin, clinic={"name": "Clínica Vida Plena", "time_zone": zone})
        with chatwoot.capture() as deliveries:
            chatwoot.change_inbox(7, greeting_enabled=False, csat_survey_enabled=False)
            conversation = chatwoot.new_person_writes("Mensagem 0", name="Ana Lima", phone_number="+5511900000021")
            for number in range(1, 5):
                now[0] = moment + number * 3600
                chatwoot.incoming(conversation.display_id, f"Mensagem {number}")
        bridge.deliver(deliveries)
        for _ in range(3):
            bridge.work()
            pass_time(hours=1)
        notes = {note["title"][-8:]: note["comment"] for note in bridge.crm["notes"]}
    expected = {day.replace("-", "") for day in days}
    assert set(notes) == expected
    for number, day in enumerate(days):
        assert f"Mensagem {number}<" in notes[day.replace("-", "")]
    assert ConversationDay.objects.count() == len(expected)
