"""Programs read how their clinic's connections stand: masked, newest first, page by page."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from factories import EMAIL, NAME, PHONE, away, busy_clinic, connection, contact, link, stage_change

from api.conftest import Program
from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    StageChangeLog,
    SyncedObject,
    SyncJob,
    WebhookEvent,
)

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def inside(of: Connection, rest: str = "") -> str:
    return f"/api/v1/connections/{of.pk}{rest}"


def read(program: Program, address: str, expected: int = 200) -> dict[str, Any]:
    response = program.get(address)
    assert response.status_code == expected, response.content
    body: dict[str, Any] = response.json()
    return body


def results(program: Program, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(program, address)["results"]
    return found


def all_pages(program: Program, address: str, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _page in range(50):
        joint = "&" if "?" in address else "?"
        body = read(program, f"{address}{joint}limit={limit}&cursor={cursor}")
        assert len(body["results"]) <= limit
        rows += body["results"]
        cursor = body["next_cursor"]
        if cursor is None:
            return rows
    raise AssertionError("the pages do not end")


def test_the_connections_of_the_clinic_and_how_they_stand(sol: Connection, lua: Connection, ours: Program) -> None:
    away(sol)
    (told,) = results(ours, "/api/v1/connections")
    assert (told["id"], told["name"], told["state"]) == (sol.pk, sol.name, "active")
    assert told["clinic"] == {"id": sol.clinic_id, "name": "Clínica Sol"}
    assert told["stages"] == [{"id": 1, "name": "Novo"}]
    assert told["problem"]["code"] == "KRAYIN_UNAVAILABLE"
    assert told["problem"]["text"].startswith("O Krayin não responde")
    assert told["last_event_at"] is not None
    assert told["last_write_at"] is not None
    assert read(ours, inside(sol)) == told


def test_no_secret_of_a_connection_is_told(sol: Connection, ours: Program) -> None:
    text = json.dumps([results(ours, "/api/v1/connections"), read(ours, inside(sol))])
    assert sol.public_id not in text
    for word in ("token", "secret", "password", "public_id"):
        assert word not in text


def test_links_are_masked(sol: Connection, ours: Program) -> None:
    rows = results(ours, inside(sol, "/contact-links"))
    assert len(rows) == 3
    assert rows[0]["mask"].startswith("M.")
    assert {row["lead_id"] for row in rows} == {71, 72, 73}


@pytest.mark.parametrize(("name", "value"), [("person_id", 32), ("lead_id", 72)])
def test_a_link_is_found_by_each_number(sol: Connection, ours: Program, name: str, value: int) -> None:
    wanted = ContactMapping.objects.get(connection=sol, krayin_lead_id=72).chatwoot_contact_id
    assert [row["contact_id"] for row in results(ours, inside(sol, f"/contact-links?{name}={value}"))] == [wanted]
    assert [row["lead_id"] for row in results(ours, inside(sol, f"/contact-links?contact_id={wanted}"))] == [72]


def test_conversation_links_newest_first_and_by_state(sol: Connection, ours: Program) -> None:
    ConversationMapping.objects.filter(connection=sol, chatwoot_conversation_id=1288).update(status="resolved")
    numbers = [row["conversation_id"] for row in results(ours, inside(sol, "/conversation-links"))]
    assert numbers == [1289, 1288, 1287]
    resolved = results(ours, inside(sol, "/conversation-links?status=resolved"))
    assert [row["conversation_id"] for row in resolved] == [1288]


def test_opportunities_with_stage_and_conversations(sol: Connection, ours: Program) -> None:
    told = read(ours, inside(sol, "/leads/72"))
    assert told["stage"] == {"id": 1, "name": "Novo"}
    assert told["conversation_count"] == 1
    assert told["krayin_url"].endswith("/admin/leads/view/72")
    assert told in results(ours, inside(sol, "/leads"))


def test_an_opportunity_deleted_in_krayin_says_so(sol: Connection, ours: Program) -> None:
    SyncedObject.objects.filter(connection=sol, kind="lead", foreign_id=72).update(gone_at=timezone.now())
    assert read(ours, inside(sol, "/leads/72"))["deleted_at"] is not None
    assert read(ours, inside(sol, "/leads/73"))["deleted_at"] is None


def test_an_opportunity_shared_by_two_contacts_is_listed_once(sol: Connection, ours: Program) -> None:
    sibling = contact(sol, phone="+5511955554444")
    ContactMapping.objects.create(
        connection=sol, chatwoot_contact_id=sibling.chatwoot_contact_id, krayin_person_id=31, krayin_lead_id=71
    )
    assert sorted(row["lead_id"] for row in results(ours, inside(sol, "/leads"))) == [71, 72, 73]


def test_opportunities_by_the_state_of_their_conversations(sol: Connection, ours: Program) -> None:
    ConversationMapping.objects.filter(connection=sol, krayin_lead_id=72).update(status="resolved")
    assert [row["lead_id"] for row in results(ours, inside(sol, "/leads?status=resolved"))] == [72]
    assert sorted(row["lead_id"] for row in results(ours, inside(sol, "/leads?status=open"))) == [71, 73]


def test_conversations_of_an_opportunity_by_state_newest_first(sol: Connection, ours: Program) -> None:
    now = timezone.now()
    for number, status, age in ((2001, "open", 3), (2002, "resolved", 2), (2003, "open", 1)):
        ConversationMapping.objects.create(
            connection=sol,
            chatwoot_conversation_id=number,
            krayin_lead_id=900,
            status=status,
            updated_at=now - timedelta(hours=age),
        )
    address = inside(sol, "/leads/900/conversations")
    assert [row["conversation_id"] for row in results(ours, address)] == [2003, 2002, 2001]
    assert [row["conversation_id"] for row in results(ours, address + "?status=open")] == [2003, 2001]
    assert results(ours, address + "?status=snoozed") == []
    read(ours, inside(sol, "/leads/901/conversations"), 404)


def test_events_of_the_last_days_without_bodies(sol: Connection, ours: Program) -> None:
    rows = results(ours, inside(sol, "/events"))
    assert len(rows) == 4
    assert all("body" not in row and "sealed" not in row for row in rows)
    (parked,) = results(ours, inside(sol, "/events?status=parked"))
    assert parked["problem"]["code"] == "UNREADABLE"
    assert [row["conversation_id"] for row in results(ours, inside(sol, "/events?conversation_id=1288"))] == [1288]


def test_events_of_a_period(sol: Connection, ours: Program) -> None:
    newest = WebhookEvent.objects.filter(connection=sol).latest("received_at").received_at
    moment = newest.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert len(results(ours, inside(sol, f"/events?since={moment}"))) == 1
    assert len(results(ours, inside(sol, f"/events?until={moment}"))) == 3


def test_stage_changes_by_opportunity_result_and_trigger(sol: Connection, ours: Program) -> None:
    stage_change(sol, lead=72, result="closed", trigger_source="manual", previous_stage=None)
    assert len(results(ours, inside(sol, "/stage-changes"))) == 4
    (row,) = results(ours, inside(sol, "/stage-changes?lead_id=72&result=closed&trigger=manual"))
    assert (row["from_stage"], row["to_stage"]) == (None, "Contatado")


def test_jobs_of_the_clinic(sol: Connection, ours: Program) -> None:
    job = SyncJob.objects.create(connection=sol, kind="replay", rate_per_minute=15, total=20, done=3)
    (told,) = results(ours, inside(sol, "/jobs"))
    assert (told["id"], told["kind"], told["state"], told["total"], told["done"]) == (
        job.pk,
        "replay",
        "planned",
        20,
        3,
    )
    assert read(ours, f"/api/v1/jobs/{job.pk}") == told
    assert results(ours, inside(sol, "/jobs?state=done")) == []


@pytest.mark.parametrize(
    "list_of",
    ["/contact-links", "/conversation-links", "/leads", "/events", "/stage-changes", "/leads/71/conversations"],
)
def test_pages_hold_every_row_once(sol: Connection, ours: Program, list_of: str) -> None:
    same_moment = timezone.now() - timedelta(hours=1)
    for number in range(5):
        person = contact(sol, phone=f"+55119444433{number:02}")
        link(person, person=500 + number, lead=600 + number, conversations=[3000 + number])
        ConversationMapping.objects.create(
            connection=sol, chatwoot_conversation_id=4000 + number, krayin_lead_id=71, updated_at=same_moment
        )
        stage_change(sol, lead=600 + number)
    # Many rows of one moment: only the key separates them.
    ContactMapping.objects.filter(connection=sol).update(updated_at=same_moment)
    StageChangeLog.objects.filter(connection=sol).update(created_at=same_moment)
    address = inside(sol, list_of)
    whole = results(ours, f"{address}?limit=100")
    assert len(whole) >= 4
    assert all_pages(ours, address, 3) == whole
    assert all_pages(ours, address, 1) == whole


def test_connections_are_read_page_by_page_too(sol: Connection, ours: Program) -> None:
    for number in range(3):
        connection(sol.clinic, f"Unidade {number}")
    assert len(all_pages(ours, "/api/v1/connections", 2)) == 4


def test_nothing_that_names_a_person_is_told(sol: Connection, ours: Program) -> None:
    contact(sol, email=EMAIL)
    for rest in ("/contact-links", "/conversation-links", "/leads", "/events", "/stage-changes", "/jobs", ""):
        text = ours.get(inside(sol, rest)).content.decode()
        for personal in (NAME, NAME.split()[0], PHONE[:-2], "98765", EMAIL, "@"):
            assert personal not in text, rest


LISTS = ["/api/v1/connections", "", "/contact-links", "/conversation-links", "/leads", "/leads/71",
         "/leads/71/conversations", "/events", "/stage-changes", "/jobs"]  # fmt: skip


@pytest.mark.parametrize("rest", LISTS)
def test_an_answer_takes_few_queries_however_long(
    sol: Connection, ours: Program, rest: str, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    address = rest if rest.startswith("/api") else inside(sol, rest)
    with django_assert_max_num_queries(10) as short:
        read(ours, address)
    for _more in range(2):
        other = busy_clinic(f"Outra {Connection.objects.count()}", people=6)
        Connection.objects.filter(pk=other.pk).update(clinic=sol.clinic)
    for number in range(10):
        link(contact(sol, phone=f"+55119333322{number:02}"), person=800 + number, lead=850 + number)
        ConversationMapping.objects.create(connection=sol, chatwoot_conversation_id=9000 + number, krayin_lead_id=71)
    with django_assert_max_num_queries(len(short)) as long:
        read(ours, address)
    assert len(long) <= len(short)
