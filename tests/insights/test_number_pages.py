"""Screens E1 to E6: the answer first, whom to call first, few people hidden, nothing of other clinics, few queries."""

import json
from datetime import timedelta
from typing import Any

import factories
import pytest
from django.db import connection as db
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from history import Lead, joined, lead, open_unit

from audit.models import AuditLog
from bridge.models import Connection, DirectoryEntry, KrayinLead
from consent.access import sessions
from consent.models import ConsentRecord
from consent.roles import Role
from insights.models import Insight, InsightReview
from insights.rollups import rebuild_recent
from insights.updating import refresh_all

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]
NOW_PAGE = reverse("admin:insights_daycounts_now")
SERVICE = reverse("admin:insights_daycounts_changelist")
REPORT = reverse("admin:insights_daycounts_report")
OPPORTUNITIES = reverse("admin:insights_insight_changelist")
FUNNEL, CONSENT, PREDICTS = (reverse(f"admin:insights_insight_{name}") for name in ("funnel", "consent", "predicts"))
PAGES = [NOW_PAGE, SERVICE, REPORT, OPPORTUNITIES, FUNNEL, CONSENT, PREDICTS]


@pytest.fixture
def here() -> Connection:
    return joined(inbox_ids=[7, 8], inbox_names={"7": "WhatsApp Recepção", "8": "Site"})


@pytest.fixture
def manager(here: Connection) -> Client:
    return factories.signed_in(Role.CLINIC_MANAGER, here.clinic)


def people(of: Connection, many: int, *, waiting: bool = False, days: int = 2, **fields: Any) -> list[Lead]:
    """So many people, each with a conversation: answered after 10 minutes and resolved, or waiting since an hour."""
    made = []
    for n in range(many):
        start = timezone.now() - (timedelta(hours=1, minutes=n) if waiting else timedelta(days=days, minutes=n))
        moments = [(start, "patient")]
        if not waiting:
            moments += [(start + timedelta(minutes=10), "human"), (start + timedelta(minutes=40), "resolved")]
        person = lead(of)
        person.talk(*moments, **{"assignee_id": 4, "first_reply_at": None if waiting else moments[1][0]} | fields)
        made.append(person)
    return made


def counted() -> None:
    refresh_all()
    rebuild_recent(timezone.now())


def text(client: Client, address: str, **query: Any) -> str:
    response = opened(client, address, **query)
    return response.content.decode()


def opened(client: Client, address: str, **query: Any) -> HttpResponse:
    response = client.get(address, query)
    assert response.status_code == 200, address
    return response


# Everywhere -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_pages_take_few_queries_and_hold_nothing_of_another_clinic(
    here: Connection, manager: Client, address: str
) -> None:
    foreign = joined()
    people(foreign, 3, waiting=True)
    people(here, 12)
    people(here, 3, waiting=True)
    open_unit(here)
    counted()
    with CaptureQueriesContext(db) as captured:
        content = text(manager, address)
    assert len(captured.captured_queries) <= 30, "\n".join(one["sql"] for one in captured.captured_queries)
    assert not any("content" in one["sql"] for one in captured.captured_queries)
    assert f"/{foreign.pk}/" not in content
    assert manager.get(address, {"place": foreign.pk}).status_code == 404
    assert manager.get(address, {"place": "x"}).status_code == 404
    assert manager.get(address, {"inbox": "99"}).status_code == 404


@pytest.mark.parametrize("address", PAGES)
def test_without_connection_or_data_the_page_says_so(here: Connection, manager: Client, address: str) -> None:
    content = text(manager, address)
    assert "<canvas" not in content
    assert any(word in content for word in ("No data", "Nobody is waiting", "Not enough"))
    nobody = factories.signed_in(Role.CLINIC_MANAGER, factories.clinic("Clínica Nova"))
    assert "No connection yet" in text(nobody, address)


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.CLINIC_MANAGER, Role.SUPERVISOR}])
def test_other_roles_see_no_numbers(here: Connection, role: Role) -> None:
    client = factories.signed_in(role, here.clinic)
    assert {client.get(address).status_code for address in PAGES} <= {302, 403}


def test_supervisors_see_the_day_and_the_service_only(here: Connection) -> None:
    person = people(here, 1, waiting=True)[0]
    counted()
    client = factories.signed_in(Role.SUPERVISOR, here.clinic)
    one = reverse("admin:insights_insight_of", args=[here.pk, person.number])
    assert one not in text(client, NOW_PAGE)
    assert [client.get(address).status_code for address in (SERVICE, OPPORTUNITIES, FUNNEL)] == [200, 403, 403]
    assert client.get(one).status_code == 404


def test_each_chart_is_named_and_has_its_table(here: Connection, manager: Client) -> None:
    people(here, 12)
    counted()
    for address in (SERVICE, OPPORTUNITIES, FUNNEL):
        content = text(manager, address)
        assert content.count("<canvas") == content.count('role="img" aria-label="') >= 1, address
        assert content.count("The same numbers in a table") >= content.count("<canvas")
        assert content.count("displayYAxis") >= content.count("<canvas")


# E1 -------------------------------------------------------------------------------------------------------------------


def test_the_longest_wait_stands_first_and_the_page_asks_again(here: Connection, manager: Client) -> None:
    DirectoryEntry.objects.create(connection=here, kind="agent", key="4", name="Ana", seen_at=timezone.now())
    quick, slow = lead(here), lead(here)
    quick.talk((timezone.now() - timedelta(minutes=5), "patient"), inbox_id=8)
    talk = slow.talk((timezone.now() - timedelta(minutes=95), "patient"), channel="Channel::Whatsapp", assignee_id=4)
    people(here, 2)
    response = opened(manager, NOW_PAGE)
    lines = response.context["lines"]
    assert lines[0]["conversation"] == talk.chatwoot_conversation_id
    assert (lines[0]["attendant"], lines[0]["suggestion"], lines[0]["window"]) == ("Ana", "Answer now", "in 22 h")
    assert (lines[1]["attendant"], lines[1]["window"], lines[1]["inbox"]) == ("nobody", "", "Site")
    content = response.content.decode()
    assert "2 people are waiting for an answer, 1 for more than half an hour; the longest for 1 h 35 min" in content
    assert f"/conversations/{talk.chatwoot_conversation_id}" in content
    assert 'hx-trigger="every 30s"' in content
    live = text(manager, reverse("admin:insights_daycounts_live"), inbox="8")
    assert "1 person is waiting" in live
    assert "<html" not in live


def test_a_closed_window_asks_for_a_template(here: Connection, manager: Client) -> None:
    lead(here).talk((timezone.now() - timedelta(hours=30), "patient"), channel="Channel::Whatsapp")
    (line,) = opened(manager, NOW_PAGE).context["lines"]
    assert (line["window"], line["suggestion"]) == ("window closed", "Write by an approved template")


def test_blocked_people_and_answered_ones_do_not_wait(here: Connection, manager: Client) -> None:
    person = people(here, 1, waiting=True)[0]
    person.contact.subject.blocked_at = timezone.now()
    person.contact.subject.save()
    assert "Nobody is waiting for an answer." in text(manager, NOW_PAGE)


# E2 -------------------------------------------------------------------------------------------------------------------


def test_numbers_of_fewer_than_ten_people_are_not_told(here: Connection, manager: Client) -> None:
    people(here, 9)
    counted()
    response = opened(manager, SERVICE)
    assert "Fewer than ten people" in response.content.decode()
    assert "10 min" not in response.content.decode()
    assert "is_hidden" in response.context
    assert response.context["is_hidden"]


def test_the_sentence_tells_median_p90_and_n(here: Connection, manager: Client) -> None:
    people(here, 12)
    people(here, 8, inbox_id=8)
    counted()
    response = opened(manager, SERVICE)
    assert "half of the 20 first responses came within 10 min, nine in ten within 10 min" in response.content.decode()
    assert json.loads(response.context["bands_chart"])["datasets"][0]["data"] == [20, 0, 0, 0, 0]
    narrowed = opened(manager, SERVICE, inbox="7")
    assert "12 first responses" in narrowed.content.decode()
    assert opened(manager, SERVICE, inbox="8").context["is_hidden"]


def test_only_who_is_big_enough_is_compared(here: Connection, manager: Client) -> None:
    for number, name in ((4, "Zoé"), (5, "Ana")):
        DirectoryEntry.objects.create(connection=here, kind="agent", key=str(number), name=name, seen_at=timezone.now())
    people(here, 20)
    people(here, 21, assignee_id=5)
    people(here, 19, assignee_id=6)
    counted()
    attendants = opened(manager, SERVICE).context["groups"][3]
    assert [row[0][2] for row in attendants["rows"]] == ["Ana", "Zoé"]
    assert attendants["left_out"] == 1


def test_the_report_prints_on_its_own(here: Connection, manager: Client) -> None:
    people(here, 12)
    counted()
    content = text(manager, REPORT)
    assert "Service report" in content
    assert content.count("<rect") == 5
    assert "<canvas" not in content


def test_files_are_masked_and_recorded(here: Connection, manager: Client) -> None:
    people(here, 12)
    counted()
    for address, name in ((SERVICE, "service"), (OPPORTUNITIES, "opportunities"), (FUNNEL, "funnel")):
        response = opened(manager, address, format="csv")
        assert response["Content-Type"].startswith("text/csv")
        content = response.content.decode("utf-8-sig")
        assert "Marina" not in content
        assert len(content.splitlines()) >= 2
        row = AuditLog.objects.using("audit").filter(action="insights.export").latest("pk")
        assert (row.reason_code, row.clinic_id) == (name, here.clinic_id)


def test_a_file_is_given_to_who_has_just_proved_who_they_are(here: Connection, manager: Client) -> None:
    people(here, 12)
    counted()
    session = manager.session
    session[sessions.CHECKED] = 0
    session.save()
    for address in (SERVICE, OPPORTUNITIES, FUNNEL):
        response = manager.get(address, {"format": "csv"})
        assert response["Location"].startswith(reverse("account-recheck"))
    assert not AuditLog.objects.using("audit").filter(action="insights.export").exists()


# E3 -------------------------------------------------------------------------------------------------------------------


def test_whom_to_call_first(here: Connection, manager: Client) -> None:
    calm = people(here, 1)[0]
    waiting = people(here, 1, waiting=True)[0]
    forgotten = lead(here)
    forgotten.talk((timezone.now() - timedelta(days=20), "patient"))
    counted()
    Insight.objects.filter(krayin_lead_id=calm.number).update(trend="declining", performance_score="3.1")
    response = opened(manager, OPPORTUNITIES)
    order = [one["lead"] for one in response.context["lines"]]
    assert order == [waiting.number, forgotten.number, calm.number]
    content = response.content.decode()
    assert "1 opportunity needs somebody today; 1 waits since more than 7 days; 1 is cooling down." in content
    assert "It must not decide who is treated" in content
    first = response.context["lines"][0]
    assert (first["act"], first["because"]) == ("Answer now", "waiting for 1 h 00 min")


def test_filters_by_band_trend_engagement_and_contact(here: Connection, manager: Client) -> None:
    good, bad = people(here, 1)[0], people(here, 1, days=40, inbox_id=8)[0]
    empty = lead(here)
    counted()
    Insight.objects.filter(krayin_lead_id=good.number).update(performance_score="8.0", trend="improving")
    Insight.objects.filter(krayin_lead_id=bad.number).update(performance_score="2.0", trend="declining")

    def found(**query: str) -> set[int]:
        return {one["lead"] for one in opened(manager, OPPORTUNITIES, **query).context["lines"]}

    assert found() == {good.number, bad.number, empty.number}
    assert found(band="high") == found(trend="improving") == found(contact="7") == found(inbox="7") == {good.number}
    assert found(band="low") == found(trend="declining") == found(inbox="8") == {bad.number}
    assert found(band="none") == {empty.number}
    assert found(engagement="low") == {good.number, bad.number}
    assert found(engagement="high") == set()
    best = [one["lead"] for one in opened(manager, OPPORTUNITIES, order="best").context["lines"]]
    worst = [one["lead"] for one in opened(manager, OPPORTUNITIES, order="worst").context["lines"]]
    assert (best[0], worst[0], best[-1], worst[-1]) == (good.number, bad.number, empty.number, empty.number)


def test_pages_of_the_list_follow_each_other(here: Connection, manager: Client) -> None:
    people(here, 27)
    counted()
    first = opened(manager, OPPORTUNITIES)
    second = opened(manager, OPPORTUNITIES + first.context["following"])
    seen = [one["lead"] for page in (first, second) for one in page.context["lines"]]
    assert (len(seen), len(set(seen))) == (27, 27)
    assert second.context["following"] == ""


def test_one_opportunity_explains_its_score(here: Connection, manager: Client) -> None:
    person = people(here, 1, waiting=True)[0]
    counted()
    response = opened(manager, reverse("admin:insights_insight_of", args=[here.pk, person.number]))
    rows = response.context["parts"]["rows"]
    points = [float(row[2][2].replace("−", "-")) for row in rows if row[2][2] != "—"]
    assert sum(points[:-1]) == pytest.approx(points[-1], abs=0.08)
    assert "Answer now" in response.content.decode()
    assert manager.get(reverse("admin:insights_insight_of", args=[here.pk, 1])).status_code == 404


def test_a_suggestion_is_put_aside_or_taken_up(here: Connection, manager: Client) -> None:
    person = people(here, 1, waiting=True)[0]
    counted()
    act = reverse("admin:insights_insight_act", args=[here.pk, person.number])
    assert "Noted" in manager.post(act, {"acted": "reply_now"}, follow=True).content.decode()
    assert "Put aside" in manager.post(act, {"dismiss": "reply_now"}, follow=True).content.decode()
    assert "no longer suggested" in manager.post(act, {"dismiss": "reply_now"}, follow=True).content.decode()
    actions = set(AuditLog.objects.filter(action__startswith="insights.").values_list("action", flat=True))
    assert actions == {"insights.suggestion_acted", "insights.suggestion_dismissed"}
    assert manager.get(act).status_code == 404


def test_a_human_review_is_recorded_with_its_due_date_and_answered(here: Connection, manager: Client) -> None:
    person = people(here, 1)[0]
    counted()
    act = reverse("admin:insights_insight_act", args=[here.pk, person.number])
    assert "Human review asked for" in manager.post(act, {"review": "ask"}, follow=True).content.decode()
    assert "Somebody was faster" in manager.post(act, {"review": "ask"}, follow=True).content.decode()
    review = InsightReview.objects.get()
    assert review.due_on == (timezone.localdate() + timedelta(days=15))
    assert "1 human review is open" in text(manager, OPPORTUNITIES)
    assert manager.post(act, {"outcome": "maybe"}).status_code == 404
    manager.post(act, {"outcome": "confirmed"})
    review.refresh_from_db()
    assert (review.outcome, review.done_by == review.asked_by, review.done_at is not None) == ("confirmed", True, True)
    done = AuditLog.objects.filter(action__startswith="insights.review").values_list("action", "reason_code")
    assert set(done) == {("insights.review_asked", ""), ("insights.review_done", "confirmed")}


def test_another_clinics_opportunity_does_not_exist(here: Connection) -> None:
    person = people(here, 1, waiting=True)[0]
    counted()
    stranger = factories.signed_in(Role.CLINIC_MANAGER, joined().clinic)
    assert stranger.get(reverse("admin:insights_insight_of", args=[here.pk, person.number])).status_code == 404
    act = reverse("admin:insights_insight_act", args=[here.pk, person.number])
    assert stranger.post(act, {"review": "ask"}).status_code == 404
    assert InsightReview.objects.count() == 0


# E4 to E6 -------------------------------------------------------------------------------------------------------------


def test_the_funnel_tells_each_step_and_the_share_of_the_one_before(here: Connection, manager: Client) -> None:
    made = people(here, 20) + people(here, 20, waiting=True)
    for person in made[:12]:
        person.in_stage(6)
    counted()
    rows = opened(manager, FUNNEL).context["steps"]["rows"]
    assert [(row[1][2], row[2][2]) for row in rows] == [
        ("40", "—"), ("20", "50 %"), ("no data", "no data"), ("no data", "no data"), ("no data", "no data"),
        ("12", "60 %"),
    ]  # fmt: skip
    content = text(manager, FUNNEL)
    assert "Of 40 opportunities created most are lost before the step “were answered”: 50 %" in content


def will(person: Lead, status: str, days: int, version: str = "v1") -> None:
    when = timezone.now() - timedelta(days=days)
    ConsentRecord.objects.create(
        subject=person.contact.subject, consent_type="marketing", status=status, consent_version=version,
        granted_at=when if status == "granted" else None, created_at=when, consent_text="t",
    )  # fmt: skip


def test_consent_counts_the_newest_act_its_end_and_the_answers_by_text(here: Connection, manager: Client) -> None:
    made = people(here, 50)
    for n, person in enumerate(made[:24]):
        will(person, "granted", 710 if n < 10 else 20)
    for person in made[24:36]:
        will(person, "denied", 10, "v2")
    response = opened(manager, CONSENT)
    marketing = next(row for row in response.context["coverage"]["rows"] if row[0][2] == "Marketing")
    assert [cell[2] for cell in marketing[1:]] == ["50", "24", "48 %", "10", "12"]
    assert "10 consents end within 30 days" in response.content.decode()
    answers = [[cell[2] for cell in row] for row in response.context["answers"]["rows"]]
    assert answers == [["Marketing", "v2", "0", "12", "0", "0 %"], ["Marketing", "v1", "14", "0", "0", "100 %"]]


def scored(of: Connection, score: str, *, won: bool, many: int) -> None:
    """Opportunities with a score that was valid 60 days ago, won since or not."""
    then = timezone.now() - timedelta(days=70)
    first = Insight.objects.count() + 1
    for number in range(first, first + many):
        Insight.objects.create(
            connection=of, krayin_lead_id=number, performance_score=score, valid_from=then, calculated_at=then
        )
        closed = timezone.now() - timedelta(days=30) if won else None
        KrayinLead.objects.create(
            krayin=of.krayin, lead_id=number, pipeline_id=1, stage_id=6 if won else 2, closed_at=closed
        )


def test_the_score_is_checked_against_what_was_won(here: Connection, manager: Client) -> None:
    scored(here, "8.0", won=True, many=60)
    scored(here, "8.0", won=False, many=60)
    scored(here, "3.0", won=True, many=20)
    scored(here, "3.0", won=False, many=60)
    response = opened(manager, PREDICTS)
    rows = [[cell[2] for cell in row] for row in response.context["bands"]["rows"]]
    assert rows == [["needs attention", "80", "25 %"], ["in the middle", "fewer than 10", "fewer than 10"],
                    ["going well", "120", "50 %"]]  # fmt: skip
    # Of 80 won and 120 not: 60·60 pairs right, 60·60 + 20·60 even, 20·60 wrong.
    assert response.context["auc"] == "0.63"
    assert "The score predicts winning here" in response.content.decode()


def test_a_score_that_predicts_nothing_is_called_so(here: Connection, manager: Client) -> None:
    for score in ("8.0", "3.0"):
        scored(here, score, won=True, many=50)
        scored(here, score, won=False, many=50)
    assert "does not predict winning here: area under the curve 0.50" in text(manager, PREDICTS)
