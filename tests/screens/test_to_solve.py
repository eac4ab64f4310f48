"""B2: what is stopped appears in groups with cause, size and way out; reprocessing asks first and tells numbers."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import translation
from factories import NAME, PHONE, away, clinic, connection, contact, event, lane, parked_event, refused_step, step

from audit.models import AuditLog
from bridge.causes import ADVICE, Cause
from bridge.models import Connection, Effect, IntakeCounter, Lane, Suggestion, WebhookEvent
from bridge.models.connections import LONG_AGO
from consent.roles import Role
from screens.pages import main_of

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LIST = reverse("admin:bridge_failedwebhook_changelist")
REPROCESS = reverse("admin:bridge_failedwebhook_reprocess")
TRY_NOW = reverse("admin:bridge_failedwebhook_try_now")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """The sentences of the code; their Portuguese is the catalogue's."""
    with translation.override("en"):
        yield


@pytest.fixture
def quiet() -> Connection:
    """A connection in which nothing is stopped."""
    return connection(clinic("Clínica Mar"))


@pytest.fixture
def viewer(quiet: Connection, signed_in: Callable[..., Client]) -> Client:
    client = signed_in(Role.CLINIC_MANAGER, quiet.clinic)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def shown(client: Client, query: str = "") -> HttpResponse:
    response = client.get(LIST + query)
    assert response.status_code == 200
    return response


def group(client: Client, of: Connection, cause: str) -> HttpResponse:
    response = client.get(reverse("admin:bridge_failedwebhook_group", args=[of.pk, cause]))
    assert response.status_code == 200
    return response


def said(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# Seeing ---------------------------------------------------------------------------------------------------------------


def test_nothing_stopped_is_good_news(viewer: Client) -> None:
    text = main_of(shown(viewer))
    assert "Nothing is stopped." in text
    assert "Reprocess" not in text


def test_many_rows_with_one_cause_are_one_line_with_its_size(viewer: Client, quiet: Connection) -> None:
    people = [contact(quiet, phone=f"+551198765430{n}") for n in range(3)]
    for person in people:
        refused_step(person)
        refused_step(person, kind="set_person")
    parked_event(quiet, Cause.KRAYIN_REJECTED, lane_key=lane(people[0]))
    response = shown(viewer)
    [card] = response.context["cards"]
    assert (card.group.events, card.group.steps, card.group.people) == (1, 6, 3)
    text = main_of(response)
    assert "1 matter waits for you." in text
    assert "1 event · 6 steps · 3 people" in text
    assert str(Cause.KRAYIN_REJECTED.label) in text
    assert "lead_type_id" in text


def test_each_cause_and_each_connection_is_a_line_of_its_own(viewer: Client, quiet: Connection) -> None:
    second = connection(quiet.clinic, name="Odonto")
    refused_step(contact(quiet))
    refused_step(contact(quiet), Cause.KRAYIN_TARGET_GONE)
    refused_step(contact(second))
    cards = shown(viewer).context["cards"]
    assert {(card.group.connection, card.group.cause) for card in cards} == {
        (quiet, "KRAYIN_REJECTED"),
        (quiet, "KRAYIN_TARGET_GONE"),
        (second, "KRAYIN_REJECTED"),
    }
    narrowed = shown(viewer, f"?connection={second.pk}").context["cards"]
    assert [card.group.connection for card in narrowed] == [second]


@pytest.mark.parametrize("cause", [cause for cause in Cause if ADVICE[cause].is_failure])
def test_every_failure_says_its_cause_and_what_to_do(viewer: Client, quiet: Connection, cause: Cause) -> None:
    refused_step(contact(quiet), cause)
    [card] = shown(viewer).context["cards"]
    assert card.cause == str(cause.label)
    assert len(card.what_to_do) > 20
    assert str(cause.label) in main_of(group(viewer, quiet, cause))


def test_a_partner_away_is_one_line_however_much_waits(viewer: Client, quiet: Connection) -> None:
    away(quiet)
    for n in range(5):
        person = contact(quiet, phone=f"+551198765430{n}")
        step(person, "intended")
        event(quiet, status="received", lane_key=lane(person))
    response = shown(viewer)
    assert response.context["cards"] == []
    [line] = response.context["away"]
    assert line["sentence"] == "Krayin away for 2 h · 10 changes waiting · nothing is lost"
    assert "Nothing waits for you. 1 more heals by itself." in main_of(response)


def test_a_partner_that_refuses_us_waits_for_a_person(viewer: Client, quiet: Connection) -> None:
    away(quiet, Cause.KRAYIN_CREDENTIALS)
    response = shown(viewer)
    assert "1 matter waits for you." in main_of(response)
    assert response.context["away"][0]["settings"] == reverse("admin:bridge_connection_change", args=[quiet.pk])


def test_connections_that_share_a_krayin_are_away_together(viewer: Client, quiet: Connection) -> None:
    away(quiet)
    away(connection(quiet.clinic, name="Odonto", krayin=quiet.krayin))
    away(connection(quiet.clinic, name="Exames"))
    lines = shown(viewer).context["away"]
    assert sorted(sorted(line["connections"]) for line in lines) == [["Exames"], ["Odonto", "Recepção"]]


def test_what_heals_by_itself_says_so(viewer: Client, quiet: Connection) -> None:
    step(contact(quiet), "unknown", cause=Cause.KRAYIN_UNCERTAIN)
    response = shown(viewer)
    assert "heals by itself" in main_of(response)
    assert not response.context["cards"][0].may_reprocess


def test_refused_calls_are_counted_by_reason(viewer: Client, quiet: Connection) -> None:
    counter = {"connection": quiet, "hour": event(quiet).received_at}
    IntakeCounter.objects.create(**counter, reason="signature wrong", count=12)
    IntakeCounter.objects.create(**counter, reason="duplicate", count=99)
    assert "12 calls refused in 24 hours" in main_of(shown(viewer))
    text = main_of(group(viewer, quiet, Cause.SIGNATURE))
    assert "wrong signature: 12" in text
    assert "99" not in text


def test_what_is_rightly_not_sent_has_its_own_view(viewer: Client, quiet: Connection) -> None:
    step(contact(quiet), "denied", cause=Cause.BLOCKED_PERSON)
    nobody = contact(quiet, phone=None, name="Zé Ninguém")
    assert "Nothing is stopped." in main_of(shown(viewer))
    response = shown(viewer, "?view=not_sent")
    assert {card.group.cause for card in response.context["cards"]} == {"BLOCKED_PERSON", "NO_IDENTIFIER"}
    assert nobody.mask in main_of(group(viewer, quiet, Cause.NO_IDENTIFIER))


def test_a_group_has_one_line_for_each_person_by_mask(viewer: Client, quiet: Connection) -> None:
    person = contact(quiet)
    for kind in ("create_person", "create_lead"):
        refused_step(person, kind=kind)
    parked_event(quiet, Cause.KRAYIN_REJECTED)
    response = group(viewer, quiet, Cause.KRAYIN_REJECTED)
    text = main_of(response)
    assert len(response.context["people"]) == 2
    assert text.count(person.mask) == 1
    assert "names no contact" in text
    for personal in (NAME, PHONE, PHONE[-9:]):
        assert personal not in response.content.decode()


def test_a_possible_double_names_the_person_in_krayin(viewer: Client, quiet: Connection) -> None:
    person = contact(quiet)
    refused_step(person, Cause.KRAYIN_DUPLICATE, detail="another_name")
    Suggestion.objects.create(connection=quiet, contact=person, krayin_person_id=909, evidence="phone:another_name")
    response = group(viewer, quiet, Cause.KRAYIN_DUPLICATE)
    assert f"{quiet.krayin.base_url}/admin/contacts/persons/view/909" in response.content.decode()
    assert "1 person may already exist in Krayin" in main_of(shown(viewer))


def test_a_group_that_is_done_says_so(viewer: Client, quiet: Connection) -> None:
    assert "Nothing is stopped for this reason any more." in main_of(group(viewer, quiet, Cause.MAPPING))
    unknown = viewer.get(reverse("admin:bridge_failedwebhook_group", args=[quiet.pk, "NO_SUCH_CAUSE"]))
    assert unknown.status_code == 404


def test_a_single_row_leads_to_its_group(viewer: Client, quiet: Connection) -> None:
    made = refused_step(contact(quiet))
    response = viewer.get(reverse("admin:bridge_failedwebhook_change", args=[f"s{made.pk}"]))
    assert response["Location"].endswith(f"/group/{quiet.pk}/KRAYIN_REJECTED/")


# Acting ---------------------------------------------------------------------------------------------------------------


def test_reprocessing_asks_first_with_count_and_effect(viewer: Client, quiet: Connection) -> None:
    made = refused_step(contact(quiet))
    response = viewer.post(REPROCESS, {"connection": quiet.pk, "cause": made.cause})
    assert response.status_code == 200
    text = main_of(response)
    assert "Reprocess 1 step · 1 person?" in text
    assert "Nothing is written twice" in text
    made.refresh_from_db()
    assert made.state == "rejected"


def test_confirmed_steps_are_wanted_again_and_the_answer_has_numbers(viewer: Client, quiet: Connection) -> None:
    people = [contact(quiet, phone=f"+551198765430{n}") for n in range(2)]
    steps = [refused_step(person) for person in people]
    other = refused_step(people[0], Cause.KRAYIN_TARGET_GONE)
    parked = parked_event(quiet, Cause.KRAYIN_REJECTED, lane_key=lane(people[0]))
    response = viewer.post(REPROCESS, {"connection": quiet.pk, "cause": "KRAYIN_REJECTED", "confirmed": "1"})
    assert response["Location"] == LIST
    assert "Goes on now: 1 event · 2 steps · 2 people." in said(response)[0]
    assert set(Effect.objects.filter(state="intended").values_list("pk", flat=True)) == {one.pk for one in steps}
    assert Effect.objects.get(pk=other.pk).state == "rejected"
    assert WebhookEvent.objects.get(pk=parked.pk).status == "received"
    assert set(Lane.objects.filter(run_at__isnull=False).values_list("lane_key", flat=True)) == {
        lane(person) for person in people
    }
    [row] = AuditLog.objects.filter(action="replay")
    assert (row.clinic_id, row.object_id, row.reason_code) == (quiet.clinic_id, str(quiet.pk), "krayin_rejected")


def test_events_without_body_are_kept_back_and_said(viewer: Client, quiet: Connection) -> None:
    parked_event(quiet, has_body=False)
    text = main_of(viewer.post(REPROCESS, {"connection": quiet.pk, "cause": "UNREADABLE"}))
    assert "There is nothing to reprocess." in text
    assert "1 event cannot be read again" in text


def test_looking_at_an_address_changes_nothing(viewer: Client, quiet: Connection) -> None:
    made = refused_step(contact(quiet))
    query = f"?connection={quiet.pk}&cause=KRAYIN_REJECTED&confirmed=1"
    assert viewer.get(REPROCESS + query).status_code == 404
    assert viewer.get(f"{TRY_NOW}?connection={quiet.pk}").status_code == 404
    made.refresh_from_db()
    assert made.state == "rejected"


def test_what_has_nothing_to_continue_cannot_be_reprocessed(viewer: Client, quiet: Connection) -> None:
    contact(quiet, phone=None)
    answer = viewer.post(REPROCESS, {"connection": quiet.pk, "cause": "NO_IDENTIFIER", "confirmed": "1"})
    assert answer.status_code == 404


def test_trying_now_ends_the_wait(viewer: Client, quiet: Connection) -> None:
    away(quiet)
    response = viewer.post(TRY_NOW, {"connection": [quiet.pk]})
    quiet.refresh_from_db()
    assert quiet.paused_until == LONG_AGO
    assert said(response) == ["Ponte asks again now, for 1 connection."]
    assert AuditLog.objects.filter(action="try_now", clinic_id=quiet.clinic_id).count() == 1


def test_supervisors_look_and_are_told_whom_to_ask(quiet: Connection, signed_in: Callable[..., Client]) -> None:
    client = signed_in(Role.SUPERVISOR, quiet.clinic)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    refused_step(contact(quiet))
    away(quiet)
    text = main_of(shown(client))
    assert "Your role looks only." in text
    assert "Try now" not in text
    assert "Reprocess the group" not in text
    posted = {"connection": quiet.pk, "cause": "KRAYIN_REJECTED", "confirmed": "1"}
    assert client.post(REPROCESS, posted).status_code == 404
    assert client.post(TRY_NOW, {"connection": quiet.pk}).status_code == 404
    assert Effect.objects.get().state == "rejected"


def test_looking_opens_nothing_and_leaves_no_row(viewer: Client, quiet: Connection) -> None:
    refused_step(contact(quiet))
    before = AuditLog.objects.count()
    shown(viewer)
    shown(viewer, "?view=not_sent")
    group(viewer, quiet, Cause.KRAYIN_REJECTED)
    assert AuditLog.objects.count() == before
