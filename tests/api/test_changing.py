"""Programs move opportunities and steer jobs by the same functions as people, and leave the same traces."""

from collections.abc import Callable
from typing import Any

import pytest

from api.conftest import Program
from audit.models import AuditLog
from bridge.models import Connection, SyncJob, Wish

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

STAGES = [{"id": 1, "code": "new", "name": "Novo"}, {"id": 2, "code": "follow", "name": "Contatado"}]


@pytest.fixture
def here(sol: Connection) -> Connection:
    sol.pipelines = [{"id": 1, "name": "Funil padrão", "stages": STAGES}]
    sol.save()
    return sol


def move(program: Program, of: Connection, stage: int, lead: int = 71, **more: int) -> Any:
    return program.post(f"/api/v1/connections/{of.pk}/leads/{lead}/stage", {"stage_id": stage, **more})


def test_a_stage_change_is_kept_and_can_be_followed(here: Connection, ours: Program) -> None:
    response = move(ours, here, 2, seen_stage_id=1)
    assert response.status_code == 202
    wish = Wish.objects.get()
    assert (wish.kind, wish.state, wish.stage_id, wish.seen_stage_id, wish.via) == ("stage", "open", 2, 1, "api")
    assert wish.asked_by_ref == ours.key.prefix
    told = ours.get(response["Location"])
    assert told.json() == response.json()
    assert told.json()["stage"] == {"id": 2, "name": "Contatado"}
    Wish.objects.update(state="refused", reason="moved_by_hand")
    assert (ours.get(response["Location"]).json()["state"], wish.kind) == ("refused", "stage")


def test_a_stage_change_leaves_an_audit_row_of_the_program(here: Connection, ours: Program) -> None:
    move(ours, here, 2)
    row = AuditLog.objects.get(action="hand.stage")
    assert (row.actor_type, row.actor_ref, row.clinic_id) == ("remote", ours.key.prefix, here.clinic_id)


@pytest.mark.parametrize(
    ("stage", "lead", "status", "code"),
    [(1, 71, 409, "conflict"), (77, 71, 400, "invalid"), (2, 4711, 404, "not_found"), (0, 71, 400, "invalid")],
)
def test_a_stage_change_that_cannot_be_done_stores_nothing(
    here: Connection, ours: Program, stage: int, lead: int, status: int, code: str
) -> None:
    response = move(ours, here, stage, lead)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert Wish.objects.count() == 0


@pytest.mark.parametrize(("state", "reason"), [("draft", "draft"), ("shadow", "shadow"), ("off", "off")])
def test_a_connection_that_writes_nothing_refuses(here: Connection, ours: Program, state: str, reason: str) -> None:
    Connection.objects.filter(pk=here.pk).update(state=state)
    body = move(ours, here, 2).json()
    assert (body["status"], body["reason"]) == (409, reason)
    assert Wish.objects.count() == 0


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [("pause", "running", "paused"), ("continue", "paused", "waiting"), ("cancel", "planned", "cancelled")],
)
def test_jobs_are_steered(here: Connection, ours: Program, verb: str, before: str, after: str) -> None:
    job = SyncJob.objects.create(connection=here, kind="replay", state=before, rate_per_minute=15)
    response = ours.post(f"/api/v1/jobs/{job.pk}/{verb}")
    assert response.status_code == 200
    assert response.json()["state"] == after
    job.refresh_from_db()
    assert job.state == after
    assert AuditLog.objects.filter(object_type="bridge.SyncJob", actor_ref=ours.key.prefix).exists()
    again = ours.post(f"/api/v1/jobs/{job.pk}/{verb}")
    assert (again.status_code, again.json()["code"], again.json()["reason"]) == (409, "conflict", after)


def test_who_may_only_read_changes_nothing(here: Connection, program: Callable[..., Program]) -> None:
    reader = program(here.clinic, "read:jobs", "read:leads")
    job = SyncJob.objects.create(connection=here, kind="replay", state="running", rate_per_minute=15)
    assert move(reader, here, 2).status_code == 403
    assert reader.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 403
    job.refresh_from_db()
    assert job.state == "running"
    assert Wish.objects.count() == 0
