"""B2: what is stopped appears in groups with cause, size and way out; reprocessing asks first and tells numbers."""

from datetime import timedelta

import pytest
from django.db import connection as db
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import (
    NAME,
    PHONE,
    away,
    clinic,
    connection,
    contact,
    event,
    lane,
    parked_event,
    refused_step,
    signed_in,
    step,
)

from audit.models import AuditLog
from bridge.causes import ADVICE, Cause
from bridge.jobs import groups, runner
from bridge.models import (
    Connection,
    Effect,
    FailureGroup,
    IntakeCounter,
    Lane,
    Suggestion,
    SyncJob,
    WebhookEvent,
)
from bridge.models.connections import LONG_AGO
from consent.roles import Role
from screens.pages import main_of, said

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_failedwebhook_changelist")
REPROCESS = reverse("admin:bridge_failedwebhook_reprocess")
TRY_NOW = reverse("admin:bridge_failedwebhook_try_now")


def shown(client: Client, query: str = "") -> HttpResponse:
    response = client.get(LIST + query)
    assert response.status_code == 200
    return response


def group(client: Client, of: Connection, cause: str) -> HttpResponse:
    response = client.get(reverse("admin:bridge_failedwebhook_group", args=[of.pk, cause]))
    assert response.status_code == 200
    return response


# Seeing ---------------------------------------------------------------------------------------------------------------


def test_nothing_stopped_is_good_news(viewer: Client) -> None:
    text = main_of(shown(viewer))
    assert "Nothing is stopped." in text
    assert "Reprocess" not in text


def test_many_rows_with_one_cause_are_one_line_with_its_size(viewer: Client, here: Connection) -> None:
    people = [contact(here, phone=f"+551198765430{n}") for n in range(3)]
    for person in people:
        refused_step(person)
        refused_step(person, kind="set_person")
    parked_event(here, Cause.KRAYIN_REJECTED, lane_key=lane(people[0]))
    response = shown(viewer)
    [card] = response.context["cards"]
    assert (card.group.events, card.group.steps, card.group.people) == (1, 6, 3)
    text = main_of(response)
    assert "1 matter waits for you." in text
    assert "1 event · 6 steps · 3 people" in text
    assert str(Cause.KRAYIN_REJECTED.label) in text
    assert "lead_type_id" in text


def test_each_cause_and_each_connection_is_a_line_of_its_own(viewer: Client, here: Connection) -> None:
    second = connection(here.clinic, name="Odonto")
    refused_step(contact(here))
    refused_step(contact(here), Cause.KRAYIN_TARGET_GONE)
    refused_step(contact(second))
    cards = shown(viewer).context["cards"]
    assert {(card.group.connection, card.group.cause) for card in cards} == {
        (here, "KRAYIN_REJECTED"),
        (here, "KRAYIN_TARGET_GONE"),
        (second, "KRAYIN_REJECTED"),
    }
    narrowed = shown(viewer, f"?connection={second.pk}").context["cards"]
    assert [card.group.connection for card in narrowed] == [second]


@pytest.mark.parametrize("cause", [cause for cause in Cause if ADVICE[cause].is_failure])
def test_every_failure_says_its_cause_and_what_to_do(viewer: Client, here: Connection, cause: Cause) -> None:
    refused_step(contact(here), cause)
    [card] = shown(viewer).context["cards"]
    assert card.cause == str(cause.label)
    assert len(card.what_to_do) > 20
    assert str(cause.label) in main_of(group(viewer, here, cause))


def test_a_partner_away_is_one_line_however_much_waits(viewer: Client, here: Connection) -> None:
    away(here)
    for n in range(5):
        person = contact(here, phone=f"+551198765430{n}")
        step(person, "intended")
        event(here, status="received", lane_key=lane(person))
    response = shown(viewer)
    assert response.context["cards"] == []
    [line] = response.context["away"]
    assert line["sentence"] == "Krayin away for 2 h · 10 changes waiting · nothing is lost"
    assert "Nothing waits for you. 1 more heals by itself." in main_of(response)


def test_a_partner_that_refuses_us_waits_for_a_person(viewer: Client, here: Connection) -> None:
    away(here, Cause.KRAYIN_CREDENTIALS)
    response = shown(viewer)
    assert "1 matter waits for you." in main_of(response)
    assert response.context["away"][0]["settings"] == reverse("admin:bridge_connection_change", args=[here.pk])


def test_connections_that_share_a_krayin_are_away_together(viewer: Client, here: Connection) -> None:
    away(here)
    away(connection(here.clinic, name="Odonto", krayin=here.krayin))
    away(connection(here.clinic, name="Exames"))
    lines = shown(viewer).context["away"]
    assert sorted(sorted(line["connections"]) for line in lines) == [["Exames"], ["Odonto", "Recepção"]]


def test_what_heals_by_itself_says_so(viewer: Client, here: Connection) -> None:
    step(contact(here), "unknown", cause=Cause.KRAYIN_UNCERTAIN)
    response = shown(viewer)
    assert "heals by itself" in main_of(response)
    assert not response.context["cards"][0].may_reprocess


def test_refused_calls_are_counted_by_reason(viewer: Client, here: Connection) -> None:
    counter = {"connection": here, "hour": event(here).received_at}
    IntakeCounter.objects.create(**counter, reason="signature wrong", count=12)
    IntakeCounter.objects.create(**counter, reason="duplicate", count=99)
    assert "12 calls refused in 24 hours" in main_of(shown(viewer))
    text = main_of(group(viewer, here, Cause.SIGNATURE))
    assert "wrong signature: 12" in text
    assert "99" not in text


def test_what_is_rightly_not_sent_has_its_own_view(viewer: Client, here: Connection) -> None:
    step(contact(here), "denied", cause=Cause.BLOCKED_PERSON)
    nobody = contact(here, phone=None, name="Zé Ninguém")
    assert "Nothing is stopped." in main_of(shown(viewer))
    response = shown(viewer, "?view=not_sent")
    assert {card.group.cause for card in response.context["cards"]} == {"BLOCKED_PERSON", "NO_IDENTIFIER"}
    assert nobody.mask in main_of(group(viewer, here, Cause.NO_IDENTIFIER))


def test_a_group_has_one_line_for_each_person_by_mask(viewer: Client, here: Connection) -> None:
    person = contact(here)
    for kind in ("create_person", "create_lead"):
        refused_step(person, kind=kind)
    parked_event(here, Cause.KRAYIN_REJECTED)
    response = group(viewer, here, Cause.KRAYIN_REJECTED)
    text = main_of(response)
    assert len(response.context["people"]) == 2
    assert text.count(person.mask) == 1
    assert "names no contact" in text
    for personal in (NAME, PHONE, PHONE[-9:]):
        assert personal not in response.content.decode()


def test_a_possible_double_names_the_person_in_krayin(viewer: Client, here: Connection) -> None:
    person = contact(here)
    refused_step(person, Cause.KRAYIN_DUPLICATE, detail="another_name")
    Suggestion.objects.create(connection=here, contact=person, krayin_person_id=909, evidence="phone:another_name")
    response = group(viewer, here, Cause.KRAYIN_DUPLICATE)
    assert f"{here.krayin.base_url}/admin/contacts/persons/view/909" in response.content.decode()
    assert "1 person may already exist in Krayin" in main_of(shown(viewer))


def test_a_field_that_could_not_be_converted_leads_to_the_fields(here: Connection) -> None:
    parked_event(here, Cause.MAPPING)
    manager = signed_in(Role.CLINIC_MANAGER, here.clinic)
    assert f"{reverse('admin:bridge_fieldrow_changelist')}?connection={here.pk}" in shown(manager).content.decode()


def test_a_group_that_is_done_says_so(viewer: Client, here: Connection) -> None:
    assert "Nothing is stopped for this reason any more." in main_of(group(viewer, here, Cause.MAPPING))
    unknown = viewer.get(reverse("admin:bridge_failedwebhook_group", args=[here.pk, "NO_SUCH_CAUSE"]))
    assert unknown.status_code == 404


def test_a_single_row_leads_to_its_group(viewer: Client, here: Connection) -> None:
    made = refused_step(contact(here))
    response = viewer.get(reverse("admin:bridge_failedwebhook_change", args=[f"s{made.pk}"]))
    assert response["Location"].endswith(f"/group/{here.pk}/KRAYIN_REJECTED/")


# Acting ---------------------------------------------------------------------------------------------------------------


def test_reprocessing_makes_a_dry_run_first_with_count_and_effect(viewer: Client, here: Connection) -> None:
    made = refused_step(contact(here))
    response = viewer.post(REPROCESS, {"connection": here.pk, "cause": made.cause}, follow=True)
    text = main_of(response)
    assert "Begin with 1 item?" in text
    assert "Nothing is written twice" in text
    job = SyncJob.objects.get()
    assert (job.state, job.filter) == ("planned", {"what": "stopped", "cause": "KRAYIN_REJECTED"})
    made.refresh_from_db()
    assert made.state == "rejected"


def test_a_confirmed_job_wants_the_groups_steps_again_and_no_others(viewer: Client, here: Connection) -> None:
    people = [contact(here, phone=f"+551198765430{n}") for n in range(2)]
    steps = [refused_step(person) for person in people]
    other = refused_step(people[0], Cause.KRAYIN_TARGET_GONE)
    parked = parked_event(here, Cause.KRAYIN_REJECTED, lane_key=lane(people[0]))
    viewer.post(REPROCESS, {"connection": here.pk, "cause": "KRAYIN_REJECTED"})
    job = SyncJob.objects.get()
    viewer.post(reverse("admin:bridge_syncjob_act", args=[job.pk]), {"act": "start"})
    for _ in range(6):
        Lane.objects.update(run_at=None)
        SyncJob.objects.update(not_before=LONG_AGO)
        runner.run_once()
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 3)
    assert set(Effect.objects.filter(state="intended").values_list("pk", flat=True)) == {one.pk for one in steps}
    assert Effect.objects.get(pk=other.pk).state == "rejected"
    assert WebhookEvent.objects.get(pk=parked.pk).status == "received"
    text = main_of(group(viewer, here, Cause.KRAYIN_REJECTED))
    assert "Nothing is stopped for this reason any more." in text
    assert "reprocessed it" in text


def test_events_without_body_are_kept_back_and_said(viewer: Client, here: Connection) -> None:
    parked_event(here, has_body=False)
    text = main_of(viewer.post(REPROCESS, {"connection": here.pk, "cause": "UNREADABLE"}, follow=True))
    assert "There is nothing to do." in text
    assert "not possible (no longer kept) 1" in text


def test_looking_at_an_address_changes_nothing(viewer: Client, here: Connection) -> None:
    made = refused_step(contact(here))
    query = f"?connection={here.pk}&cause=KRAYIN_REJECTED&confirmed=1"
    assert viewer.get(REPROCESS + query).status_code == 404
    assert viewer.get(f"{TRY_NOW}?connection={here.pk}").status_code == 404
    made.refresh_from_db()
    assert made.state == "rejected"


def test_what_has_nothing_to_continue_cannot_be_reprocessed(viewer: Client, here: Connection) -> None:
    contact(here, phone=None)
    answer = viewer.post(REPROCESS, {"connection": here.pk, "cause": "NO_IDENTIFIER", "confirmed": "1"})
    assert answer.status_code == 404


def test_trying_now_ends_the_wait(viewer: Client, here: Connection) -> None:
    away(here)
    response = viewer.post(TRY_NOW, {"connection": [here.pk]})
    here.refresh_from_db()
    assert here.paused_until <= timezone.now()
    assert said(response) == ["Ponte asks again now, for 1 connection."]
    assert AuditLog.objects.filter(action="try_now", clinic_id=here.clinic_id).count() == 1


def test_supervisors_look_and_are_told_whom_to_ask(here: Connection) -> None:
    client = signed_in(Role.SUPERVISOR, here.clinic)
    refused_step(contact(here))
    away(here)
    text = main_of(shown(client))
    assert "Your role looks only." in text
    assert "Try now" not in text
    assert "Reprocess the group" not in text
    posted = {"connection": here.pk, "cause": "KRAYIN_REJECTED", "confirmed": "1"}
    assert client.post(REPROCESS, posted).status_code == 404
    assert client.post(TRY_NOW, {"connection": here.pk}).status_code == 404
    assert Effect.objects.get().state == "rejected"


def test_looking_opens_nothing_and_leaves_no_row(viewer: Client, here: Connection) -> None:
    refused_step(contact(here))
    before = AuditLog.objects.count()
    shown(viewer)
    shown(viewer, "?view=not_sent")
    group(viewer, here, Cause.KRAYIN_REJECTED)
    assert AuditLog.objects.count() == before


# Deciding -------------------------------------------------------------------------------------------------------------


def decide(client: Client, of: Connection, what: str, cause: str = "KRAYIN_REJECTED", **more: object) -> HttpResponse:
    return client.post(reverse("admin:bridge_failedwebhook_act", args=[of.pk, cause]), {"act": what, **more})


def decided(of: Connection) -> FailureGroup:
    return FailureGroup.objects.get(connection=of)


def test_a_group_is_taken_on_and_handed_back(viewer: Client, here: Connection) -> None:
    refused_step(contact(here))
    decide(viewer, here, "take")
    owner = decided(here).owner
    assert owner is not None
    assert f"who has it {owner}" in main_of(shown(viewer))
    assert len(shown(viewer, "?owner=me").context["cards"]) == 1
    assert "Nothing with these filters." in main_of(shown(viewer, "?owner=nobody"))
    decide(viewer, here, "hand_back")
    assert decided(here).owner is None
    assert [row.action for row in AuditLog.objects.filter(object_type="bridge.FailureGroup").order_by("pk")] == [
        "group_taken",
        "group_handed_back",
    ]
    assert "took it on" in main_of(group(viewer, here, Cause.KRAYIN_REJECTED))


def test_a_note_about_the_matter_is_kept_and_shown(viewer: Client, here: Connection) -> None:
    refused_step(contact(here))
    decide(viewer, here, "note", note="Funil trocado na segunda, ver com a Krayin")
    assert "Funil trocado na segunda" in main_of(shown(viewer))
    assert "never about a person" in main_of(group(viewer, here, Cause.KRAYIN_REJECTED))
    assert AuditLog.objects.get(action="group_noted").fields == ["KRAYIN_REJECTED"]


@pytest.mark.parametrize(
    "note", ["ligar 11 98765-4321", "é o 529.982.247-25", "maria@exemplo.com.br", "tel (11)98765 4321 hoje"]
)
def test_a_note_with_a_persons_number_or_address_is_refused(viewer: Client, here: Connection, note: str) -> None:
    refused_step(contact(here))
    response = decide(viewer, here, "note", note=note)
    assert "number or address of a person" in said(response)[0]
    assert not FailureGroup.objects.exclude(note="").exists()


def test_a_postponed_group_waits_for_nobody_until_then(viewer: Client, here: Connection) -> None:
    refused_step(contact(here))
    decide(viewer, here, "postpone", days="3")
    text = main_of(shown(viewer))
    assert "Nothing is stopped. 1 is postponed." in text
    assert [card.group.cause for card in shown(viewer, "?view=postponed").context["cards"]] == ["KRAYIN_REJECTED"]
    assert "matter waits" not in main_of(viewer.get(reverse("admin:index")))
    decide(viewer, here, "postpone", days="0")
    assert "1 matter waits for you." in main_of(shown(viewer))


def test_what_is_given_up_is_not_sent_and_says_why(viewer: Client, here: Connection) -> None:
    step_of, parked = refused_step(contact(here)), parked_event(here, Cause.KRAYIN_REJECTED)
    response = decide(viewer, here, "discard", reason="already_there", sure="1")
    assert said(response) == ["Given up: 1 event · 1 step. Nothing of it is sent."]
    step_of.refresh_from_db()
    assert step_of.state == "discarded"
    assert WebhookEvent.objects.get(pk=parked.pk).status == "ignored"
    assert "Nothing is stopped." in main_of(shown(viewer))
    row = AuditLog.objects.get(action="group_discarded")
    assert (row.reason_code, row.clinic_id) == ("already_there", here.clinic_id)
    text = main_of(shown(viewer, "?view=done"))
    assert "it was put into the CRM by hand" in text
    assert "given up" in text


@pytest.mark.parametrize("more", [{}, {"reason": "test"}, {"sure": "1"}, {"reason": "no_such", "sure": "1"}])
def test_nothing_is_given_up_without_reason_and_tick(viewer: Client, here: Connection, more: dict[str, str]) -> None:
    made = refused_step(contact(here))
    assert "Nothing was given up" in said(decide(viewer, here, "discard", **more))[0]
    made.refresh_from_db()
    assert made.state == "rejected"


def test_what_a_worker_holds_is_not_given_up_under_its_hands(viewer: Client, here: Connection) -> None:
    made = refused_step(contact(here))
    Lane.objects.create(
        connection=here, lane_key=made.lane_key, leased=True, token=5, run_at=timezone.now() + timedelta(minutes=1)
    )
    messages = said(decide(viewer, here, "discard", reason="test", sure="1"))
    assert "1 step is being worked on or is left over" in messages[1]
    made.refresh_from_db()
    assert made.state == "rejected"
    assert Lane.objects.get().token == 5


def test_what_is_in_doubt_is_looked_at_now_and_cannot_be_given_up(viewer: Client, here: Connection) -> None:
    made = step(contact(here), "unknown", cause=Cause.KRAYIN_UNCERTAIN)
    assert said(decide(viewer, here, "check", Cause.KRAYIN_UNCERTAIN)) == ["Ponte looks now, for 1 person."]
    assert Lane.objects.get(lane_key=made.lane_key).run_at is not None
    decide(viewer, here, "discard", Cause.KRAYIN_UNCERTAIN, reason="test", sure="1")
    made.refresh_from_db()
    assert made.state == "unknown"


def test_the_list_is_filtered_by_cause_and_age(viewer: Client, here: Connection) -> None:
    old, new = refused_step(contact(here)), refused_step(contact(here), Cause.KRAYIN_TARGET_GONE)
    Effect.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(days=2))
    assert [c.group.cause for c in shown(viewer, "?age=24h").context["cards"]] == [old.cause]
    assert [c.group.cause for c in shown(viewer, f"?cause={new.cause}").context["cards"]] == [new.cause]
    assert len(shown(viewer, "?age=1000y").context["cards"]) == 2


def test_a_group_that_ended_stays_thirty_days_and_comes_back_as_a_new_matter(viewer: Client, here: Connection) -> None:
    made = refused_step(contact(here))
    groups.watch()
    decide(viewer, here, "take")
    Effect.objects.update(state="confirmed")
    groups.watch()
    assert "came up" in main_of(shown(viewer, "?view=done"))
    assert decided(here).done_at is not None
    Effect.objects.filter(pk=made.pk).update(state="rejected")
    groups.watch()
    back = decided(here)
    assert (back.done_at, back.owner, back.most) == (None, None, 1)
    FailureGroup.objects.update(done_at=timezone.now() - timedelta(days=31))
    Effect.objects.update(state="confirmed")
    assert groups.watch()["forgotten"] == 1
    assert not FailureGroup.objects.exists()


def test_five_thousand_waiting_changes_are_one_line_and_few_queries(viewer: Client, here: Connection) -> None:
    away(here)
    person = contact(here)
    rows = [
        Effect(connection=here, krayin=here.krayin, lane_key=lane(person), kind="set_lead", object_ref=f"x-{n}",
               state="intended")
        for n in range(5000)
    ]  # fmt: skip
    Effect.objects.bulk_create(rows, batch_size=1000)
    for n in range(3):
        refused_step(contact(here, phone=f"+551198765430{n}"))
    with CaptureQueriesContext(db) as captured:
        response = shown(viewer)
    assert len(captured) <= 30
    assert [line["sentence"] for line in response.context["away"]] == [
        "Krayin away for 2 h · 5,000 changes waiting · nothing is lost"
    ]
    assert len(response.context["cards"]) == 1


# Forcing --------------------------------------------------------------------------------------------------------------


def force(client: Client, made: Effect, **posted: str) -> HttpResponse:
    return client.post(reverse("admin:bridge_failedwebhook_force", args=[made.pk]), posted)


def test_forcing_warns_of_doubles_and_wants_reason_and_tick(viewer: Client, here: Connection) -> None:
    made = step(contact(here), "unknown", kind="create_note", cause=Cause.KRAYIN_UNCERTAIN)
    address = reverse("admin:bridge_failedwebhook_force", args=[made.pk])
    assert address in group(viewer, here, Cause.KRAYIN_UNCERTAIN).content.decode()
    assert "This may make a second record in Krayin." in main_of(viewer.get(address))
    for posted in ({}, {"reason": "not_there"}, {"sure": "1"}, {"reason": "because", "sure": "1"}):
        assert "Nothing was sent" in main_of(force(viewer, made, **posted))
    made.refresh_from_db()
    assert made.state == "unknown"
    assert not AuditLog.objects.filter(action="force_again").exists()


def test_a_forced_create_is_wanted_again_and_the_trail_knows_who_and_why(viewer: Client, here: Connection) -> None:
    made = step(contact(here), "unknown", kind="create_note", cause=Cause.KRAYIN_UNCERTAIN)
    force(viewer, made, reason="not_there", sure="1")
    made.refresh_from_db()
    assert (made.state, made.cause) == ("intended", "")
    row = AuditLog.objects.get(action="force_again")
    assert (row.reason_code, row.object_id, row.clinic_id) == ("not_there", str(made.pk), here.clinic_id)
    assert row.actor_id is not None


def test_changes_and_what_is_under_way_cannot_be_forced(viewer: Client, here: Connection) -> None:
    change = step(contact(here), "unknown", kind="set_lead")
    assert force(viewer, change, reason="not_there", sure="1").status_code == 404
    sent = step(contact(here), "sent", kind="create_lead")
    assert "there is nothing to force" in said(force(viewer, sent, reason="not_there", sure="1"))[0]
    sent.refresh_from_db()
    assert sent.state == "sent"


def test_who_has_no_right_neither_decides_nor_forces(here: Connection) -> None:
    made = refused_step(contact(here))
    for client in (
        signed_in(Role.SUPERVISOR, here.clinic),
        signed_in(Role.DPO, here.clinic),
        signed_in(Role.CLINIC_MANAGER, clinic("Clínica Lua")),
    ):
        for what in ("take", "hand_back", "note", "postpone", "discard", "check"):
            assert decide(client, here, what, note="x", days="3", reason="test", sure="1").status_code == 404
        assert force(client, made, reason="not_there", sure="1").status_code == 404
    made.refresh_from_db()
    assert made.state == "rejected"
    assert not FailureGroup.objects.exists()


@pytest.mark.parametrize("cause", [cause for cause in Cause if ADVICE[cause].is_failure])
def test_the_way_out_of_each_failure_leads_to_a_page(viewer: Client, here: Connection, cause: Cause) -> None:
    refused_step(contact(here), cause)
    [card] = shown(viewer).context["cards"]
    if card.main:
        assert viewer.get(card.main.address).status_code == 200
    else:
        assert card.may_reprocess or card.may_check or "Who is affected" in main_of(shown(viewer))
