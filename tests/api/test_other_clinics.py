"""Another clinic's object is answered like one that does not exist, at every address."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import URLPattern, reverse

from api.conftest import Program
from bridge.actions.stages import change_stage
from bridge.api import urls
from bridge.api.route import Route
from bridge.models import Connection, ContactMapping, Lane, SyncJob, Wish
from consent.encryption import Actor
from consent.models import DataSubject, ExportPackage

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def addresses() -> Iterator[URLPattern]:
    """Every address that takes a key."""
    for one in urls.urlpatterns:
        view = getattr(one.callback, "cls", None)
        if view is not None and issubclass(view, Route):
            yield one


def filled(one: URLPattern, of: Connection, job: SyncJob, wish: Wish) -> str:
    """The address with the numbers of a connection's clinic."""
    known: dict[str, Any] = {
        "connection_id": of.pk, "lead_id": 71, "job_id": job.pk, "request_id": wish.pk,
        "export_id": ExportPackage.objects.get().pk,
    }  # fmt: skip
    return reverse(one.name or "", kwargs={name: known[name] for name in one.pattern.converters})


def methods(one: URLPattern) -> list[str]:
    return [name for name in ("get", "post") if hasattr(one.callback.cls, name)]  # type: ignore[attr-defined]


def changeable(of: Connection) -> Wish:
    """Let the opportunity 71 have another stage to go to, and one change waiting."""
    stages = [{"id": 1, "code": "new", "name": "Novo"}, {"id": 2, "code": "follow", "name": "Contatado"}]
    Connection.objects.filter(pk=of.pk).update(pipelines=[{"id": 1, "name": "Funil padrão", "stages": stages}])
    mapping = ContactMapping.objects.get(connection=of, krayin_lead_id=71)
    return change_stage(mapping, 2, Actor("remote", "x"), via=Wish.Via.API)


def test_every_address_is_404_for_the_other_clinic_and_not_for_the_own(
    sol: Connection, lua: Connection, program: Callable[..., Program]
) -> None:
    ours, theirs = program(sol.clinic), program(lua.clinic)
    job = SyncJob.objects.create(connection=sol, kind="replay", state="running", rate_per_minute=15)
    wish = changeable(sol)
    somebody = DataSubject.objects.filter(clinic=sol.clinic).first()
    ExportPackage.objects.create(clinic=sol.clinic, subject=somebody, protocol="2026-abcd-1234", rights=["T02"])
    before = list(Lane.objects.order_by("lane_key").values_list("lane_key", "dirty"))
    walked = [one for one in addresses() if one.pattern.converters]
    assert len(walked) >= 15
    for one in walked:
        address = filled(one, sol, job, wish)
        for method in methods(one):
            body = {"stage_id": 1} if method == "post" else None
            refused = getattr(theirs, method)(address, body) if body else getattr(theirs, method)(address)
            assert refused.status_code == 404, (method, address)
            assert refused.json()["code"] == "not_found"
    assert list(Lane.objects.order_by("lane_key").values_list("lane_key", "dirty")) == before
    job.refresh_from_db()
    assert job.state == "running"
    assert Wish.objects.count() == 1
    for one in walked:
        for method in methods(one):
            if method == "get":
                assert ours.get(filled(one, sol, job, wish)).status_code == 200, one.name


def test_lists_over_the_clinic_hold_nothing_of_another(
    sol: Connection, lua: Connection, program: Callable[..., Program]
) -> None:
    theirs = program(lua.clinic)
    told = theirs.get("/api/v1/connections").json()["results"]
    assert [one["id"] for one in told] == [lua.pk]


def test_the_answer_does_not_tell_foreign_from_missing(
    sol: Connection, lua: Connection, program: Callable[..., Program]
) -> None:
    theirs = program(lua.clinic)
    job = SyncJob.objects.create(connection=sol, kind="replay", rate_per_minute=15)
    pairs = [
        (f"/api/v1/connections/{sol.pk}/leads", "/api/v1/connections/999999/leads"),
        (f"/api/v1/jobs/{job.pk}", "/api/v1/jobs/999999"),
        (
            f"/api/v1/connections/{sol.pk}/stage-requests/{uuid.uuid4()}",
            f"/api/v1/connections/{lua.pk}/stage-requests/{uuid.uuid4()}",
        ),
    ]
    for foreign, missing in pairs:
        answers = [theirs.get(address).json() for address in (foreign, missing)]
        for answer in answers:
            answer.pop("request_id")
        assert answers[0] == answers[1]
