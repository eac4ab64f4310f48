"""B8: choose, dry run, confirm; progress, pause, continue, cancel; only in the viewer's clinics."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from factories import connection, contact, parked_event, refused_step, signed_in, user

from audit.models import AuditLog
from bridge.jobs import control, runner
from bridge.models import CallBudget, Connection, Effect, KrayinUser, Lane, SyncJob
from consent.encryption import Actor
from consent.roles import Role
from screens.pages import main_of, said

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_syncjob_changelist")
NEW = reverse("admin:bridge_syncjob_new", args=["replay"])


@pytest.fixture
def here() -> Connection:
    """Two people whose steps were refused, one event nobody could read, 50 calls a minute."""
    made = connection()
    budget = CallBudget.objects.create(name=f"krayin:{made.pk}", refill_per_minute=50)
    made.krayin_users.add(KrayinUser.objects.create(krayin=made.krayin, email="ponte@clinica.exemplo", budget=budget))
    for n in range(2):
        refused_step(contact(made, phone=f"+551198765430{n}"))
    parked_event(made)
    return made


def planned(of: Connection, **filter: str) -> SyncJob:
    return control.plan_job(of, "replay", filter, actor=Actor.system("test"))


def started(of: Connection) -> SyncJob:
    job = planned(of)
    control.confirm(job, actor=Actor.system("test"))
    return job


def page(client: Client, job: SyncJob) -> HttpResponse:
    response = client.get(reverse("admin:bridge_syncjob_change", args=[job.pk]))
    assert response.status_code == 200
    return response


def act(client: Client, job: SyncJob, what: str, **more: object) -> HttpResponse:
    return client.post(reverse("admin:bridge_syncjob_act", args=[job.pk]), {"act": what, **more})


def test_no_job_is_good_news_with_a_way_to_begin(viewer: Client) -> None:
    text = main_of(viewer.get(LIST))
    assert "Nothing is running." in text
    assert "No job yet." in text
    assert "Reprocess…" in text


def test_the_filter_leads_to_a_dry_run_that_begins_nothing(viewer: Client, here: Connection) -> None:
    assert "Dry run: only count" in main_of(viewer.get(NEW))
    response = viewer.post(NEW, {"connection": here.pk, "what": "stopped", "cause": "KRAYIN_REJECTED"})
    job = SyncJob.objects.get()
    assert response["Location"] == reverse("admin:bridge_syncjob_change", args=[job.pk])
    assert (job.state, job.filter) == ("planned", {"what": "stopped", "cause": "KRAYIN_REJECTED"})
    text = main_of(page(viewer, job))
    assert "Begin with 2 items?" in text
    assert "about 4" in text
    assert "1 min at 15 calls/min" in text
    assert "Krayin refused a field." in text
    assert set(Effect.objects.values_list("state", flat=True)) == {"rejected"}
    assert not Lane.objects.exists()


def test_a_wrong_filter_says_why(viewer: Client, here: Connection) -> None:
    dates = {"since": "2026-11-02", "until": "2026-11-01"}
    text = main_of(viewer.post(NEW, {"connection": here.pk, "what": "stopped", **dates}))
    assert "The last day lies before the first." in text
    assert not SyncJob.objects.exists()


def test_a_confirmed_job_runs_and_shows_how_far_it_came(viewer: Client, here: Connection) -> None:
    job = planned(here)
    response = act(viewer, job, "start", rate="9")
    assert said(response) == ["The job has begun."]
    job.refresh_from_db()
    assert (job.state, job.rate_per_minute) == ("waiting", 9)
    SyncJob.objects.update(estimated_calls=10**9)
    assert runner.run_once()
    text = main_of(page(viewer, job))
    assert "1 of 3 done" in text
    assert "in progress" in text
    assert "Pause" in text
    row = AuditLog.objects.get(action="job_started")
    assert (row.clinic_id, row.object_id, row.actor_type) == (here.clinic_id, str(job.pk), "staff")


def test_people_cannot_ask_for_more_than_the_share(viewer: Client, here: Connection) -> None:
    job = planned(here)
    act(viewer, job, "start", rate="5000")
    job.refresh_from_db()
    assert job.rate_per_minute == 15


@pytest.mark.parametrize(
    ("acts", "state", "button"),
    [
        (["pause"], "paused", "Continue"),
        (["pause", "continue"], "waiting", "Pause"),
        (["cancel"], "cancelled", "Result"),
    ],
)
def test_a_job_is_paused_continued_and_cancelled(
    viewer: Client, here: Connection, acts: list[str], state: str, button: str
) -> None:
    job = started(here)
    for what in acts:
        act(viewer, job, what)
    job.refresh_from_db()
    assert job.state == state
    assert button in main_of(page(viewer, job))


def test_what_is_not_possible_any_more_is_said(viewer: Client, here: Connection) -> None:
    job = started(here)
    act(viewer, job, "cancel")
    assert said(act(viewer, job, "continue"))[-1] == "The job is in another state by now; nothing was changed."


def test_a_job_that_rests_says_why(viewer: Client, here: Connection) -> None:
    job = started(here)
    Connection.objects.update(state="paused")
    runner.run_once()
    assert "the connection is paused" in main_of(page(viewer, job))


def test_errors_are_told_by_cause(viewer: Client, here: Connection) -> None:
    job = started(here)
    SyncJob.objects.update(state="failed", failed=7, causes={"KRAYIN_REJECTED": 7})
    text = main_of(page(viewer, job))
    assert "Errors by cause" in text
    assert "Krayin refused a field. 7" in text


def test_the_live_part_follows_and_asks_for_the_page_when_buttons_change(viewer: Client, here: Connection) -> None:
    job = started(here)
    address = reverse("admin:bridge_syncjob_live", args=[job.pk])
    assert "HX-Refresh" not in viewer.get(address, {"state": "waiting"})
    act(viewer, job, "pause")
    response = viewer.get(address, {"state": "waiting"})
    assert response["HX-Refresh"] == "true"
    assert "hx-trigger" not in response.content.decode()


def test_the_list_is_live_only_while_something_runs(viewer: Client, here: Connection) -> None:
    job = started(here)
    live = reverse("admin:bridge_syncjob_live_list")
    assert "hx-trigger" in viewer.get(live).content.decode()
    assert "0 % done" in main_of(viewer.get(LIST))
    act(viewer, job, "cancel")
    assert "hx-trigger" not in viewer.get(live).content.decode()


def test_the_result_is_a_file_of_counts(viewer: Client, here: Connection) -> None:
    job = started(here)
    for _ in range(5):
        SyncJob.objects.update(not_before="2001-01-01T00:00Z")
        Lane.objects.update(run_at=None)
        runner.run_once()
    response = viewer.get(reverse("admin:bridge_syncjob_result", args=[job.pk]))
    lines = response.content.decode().split("\r\n")
    assert {"done,3", "events,1", "steps,2"} <= set(lines)


def test_many_jobs_come_in_pages(viewer: Client, here: Connection) -> None:
    jobs = [planned(here) for _ in range(27)]
    first = viewer.get(LIST)
    assert len(first.context["jobs"]) == 25
    older = viewer.get(LIST, {"before": first.context["older"]})
    assert [line["job"].pk for line in older.context["jobs"]] == [jobs[1].pk, jobs[0].pk]


# Who may --------------------------------------------------------------------------------------------------------------


def test_supervisors_look_and_change_nothing(here: Connection) -> None:
    client = signed_in(Role.SUPERVISOR, here.clinic)
    job = started(here)
    assert "Your role looks only." in main_of(page(client, job))
    assert act(client, job, "pause").status_code == 404
    assert client.post(NEW, {"connection": here.pk, "what": "stopped"}).status_code == 403
    job.refresh_from_db()
    assert (job.state, SyncJob.objects.count()) == ("waiting", 1)


def test_another_clinics_job_does_not_exist(here: Connection) -> None:
    lua = connection(name="Lua")
    client, job = signed_in(Role.CLINIC_MANAGER, lua.clinic), started(here)
    for name in ("change", "live", "result"):
        assert client.get(reverse(f"admin:bridge_syncjob_{name}", args=[job.pk])).status_code == 404
    assert act(client, job, "cancel").status_code == 404
    assert client.post(NEW, {"connection": here.pk, "what": "stopped"}).status_code == 404
    assert client.get(LIST).context["jobs"] == []
    job.refresh_from_db()
    assert job.state == "waiting"


def test_looking_by_address_changes_nothing(viewer: Client, here: Connection) -> None:
    job = planned(here)
    assert viewer.get(reverse("admin:bridge_syncjob_act", args=[job.pk]), {"act": "start"}).status_code == 404
    assert viewer.get(reverse("admin:bridge_syncjob_new", args=["nothing"])).status_code == 404
    job.refresh_from_db()
    assert job.state == "planned"


def test_attendants_have_no_such_page(here: Connection) -> None:
    client = Client()
    client.force_login(user(Role.ATTENDANT, here.clinic))
    assert client.get(LIST).status_code == 302
