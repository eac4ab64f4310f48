"""Rows over time: one current, touching, written only when something visible changed; the trend; closed by a will."""

import itertools
import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, ProgrammingError, transaction
from django.db import connection as db
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from history import Lead, at, go_on, joined, lead

from consent.models import ConsentRecord
from insights.models import Insight, InsightMark
from insights.updating import refresh_all, refresh_due, update_ai_insights

pytestmark = pytest.mark.django_db
NOW = at("10-20 12:00")


@pytest.fixture
def person() -> Lead:
    made = lead(joined())
    made.talk((at("10-19 09:00"), "patient"), (at("10-19 09:10"), "human"), (at("10-19 10:00"), "resolved"))
    return made


def before(person: Lead, score: str, days: float, **fields: int) -> None:
    """A row that was written some days ago, and closed by the one after it."""
    start = NOW - timedelta(days=days)
    Insight.objects.filter(krayin_lead_id=person.number, is_current=True).update(is_current=False, valid_to=start)
    Insight.objects.create(
        connection=person.connection, krayin_lead_id=person.number, performance_score=Decimal(score),
        valid_from=start, calculated_at=start, **fields,
    )  # fmt: skip


def test_the_same_facts_twice_are_one_row(person: Lead) -> None:
    assert person.update(NOW).pk == person.update(NOW).pk
    assert refresh_all(NOW) == 0
    assert Insight.objects.count() == 1


def test_a_new_fact_closes_the_row_at_the_moment_the_next_begins(person: Lead) -> None:
    old = person.update(NOW)
    person.talk((NOW, "patient"))
    new = person.update(NOW + timedelta(minutes=1))
    old.refresh_from_db()
    assert (old.is_current, old.valid_to, new.valid_from) == (False, new.valid_from, NOW + timedelta(minutes=1))


def test_a_clock_that_went_back_still_leaves_a_history_that_touches(person: Lead) -> None:
    old = person.update(NOW)
    person.talk((at("10-19 11:00"), "patient"))
    new = person.update(NOW - timedelta(minutes=5))
    old.refresh_from_db()
    assert old.valid_to == new.valid_from > old.valid_from


def test_a_lead_nobody_knows_has_no_row() -> None:
    made = joined()
    assert update_ai_insights(made.pk, 404) is None
    assert Insight.objects.count() == 0


def test_a_lead_without_conversation_has_no_data(person: Lead) -> None:
    row = lead(person.connection).update(NOW)
    assert (row.performance_score, row.trend, row.engagement_level, row.suggestions) == (None, None, "low", None)
    assert (row.confidence, row.resolution_rate, row.total_conversations) == (None, None, 0)


def test_the_first_row_has_no_trend(person: Lead) -> None:
    assert person.update(NOW).trend is None


def test_the_trend_compares_with_seven_days_ago(person: Lead) -> None:
    score = person.update(NOW).performance_score
    assert score is not None
    Insight.objects.all().delete()
    before(person, str(score - 1), 8)
    before(person, str(score + 1), 3)
    assert person.update(NOW).trend == "improving"


@pytest.mark.parametrize(("step", "trend"), [("-0.5", "stable"), ("-0.6", "improving"), ("0.5", "stable"),
                                             ("0.6", "declining")])  # fmt: skip
def test_half_a_point_is_stable(person: Lead, step: str, trend: str) -> None:
    score = person.update(NOW).performance_score
    assert score is not None
    Insight.objects.all().delete()
    before(person, str(score + Decimal(step)), 2)
    assert person.update(NOW).trend == trend


def test_another_formula_is_no_comparison(person: Lead) -> None:
    before(person, "1.0", 8, formula_version=0)
    assert person.update(NOW).trend is None


def will(person: Lead, status: str, when: datetime) -> None:
    times = {"granted": {"granted_at": when}, "withdrawn": {"withdrawn_at": when}, "denied": {}}[status]
    ConsentRecord.objects.create(
        subject=person.contact.subject, consent_type="data_processing", status=status, consent_text="t",
        consent_version="1", created_at=when, **times,
    )  # fmt: skip


@pytest.mark.parametrize("status", ["withdrawn", "denied"])
def test_after_a_withdrawal_the_row_is_closed_and_none_is_written(person: Lead, status: str) -> None:
    person.update(NOW)
    will(person, status, NOW + timedelta(hours=1))
    person.talk((NOW + timedelta(hours=2), "patient"))
    assert update_ai_insights(person.connection.pk, person.number, NOW + timedelta(hours=3)) is None
    assert list(Insight.objects.values_list("is_current", flat=True)) == [False]
    will(person, "granted", NOW + timedelta(hours=4))
    assert person.update(NOW + timedelta(hours=5)).total_conversations == 2


def test_a_blocked_person_has_no_numbers(person: Lead) -> None:
    person.contact.subject.blocked_at = NOW
    person.contact.subject.save()
    assert update_ai_insights(person.connection.pk, person.number, NOW) is None


def test_a_change_marks_the_opportunity_and_a_burst_is_computed_once(person: Lead) -> None:
    refresh_due(timezone.now() + timedelta(minutes=1))
    InsightMark.objects.all().delete()
    talk = person.talk((timezone.now(), "patient"))
    go_on(talk, (timezone.now(), "human"), (timezone.now(), "patient"))
    assert InsightMark.objects.count() > 1
    assert refresh_due() == 0
    assert refresh_due(timezone.now() + timedelta(seconds=31)) == 1
    assert Insight.objects.get(is_current=True).total_messages == 5


def test_an_open_wait_is_looked_at_again_although_nothing_happens(person: Lead) -> None:
    InsightMark.objects.all().delete()
    person.talk((NOW - timedelta(minutes=20), "patient"))
    assert "reply_now" not in {s["id"] for s in person.update(NOW).suggestions or []}
    mark = InsightMark.objects.get()
    assert mark.due_at == NOW + timedelta(minutes=15)
    refresh_due(mark.due_at)
    offered = Insight.objects.get(is_current=True).suggestions or []
    assert [s["because"]["open_wait_min"] for s in offered if s["id"] == "reply_now"] == [35]


@pytest.mark.parametrize("change", ["stage", "mapping", "consent"])
def test_stages_links_and_wills_mark_too(person: Lead, change: str) -> None:
    InsightMark.objects.all().delete()
    if change == "stage":
        person.in_stage(3)
    elif change == "mapping":
        person.contact.connection.contact_mappings.update(krayin_lead_id=777)
    else:
        will(person, "withdrawn", NOW)
    assert person.number in set(InsightMark.objects.values_list("krayin_lead_id", flat=True))


def test_no_statement_reads_a_text() -> None:
    with db.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname LIKE '%%insight%%'")
        sources = " ".join(source for (source,) in cursor.fetchall())
    assert "observed_messages" in sources
    assert not {"content", "digest", ".mask", "name,", "m.*"} & set(sources.replace("(", " ").split())
    person = lead(joined())
    person.talk((at("10-19 09:00"), "patient"))
    with CaptureQueriesContext(db) as captured:
        person.update(NOW)
        refresh_all(NOW)
        refresh_due(NOW)
    assert captured.captured_queries
    assert not any("content" in query["sql"] for query in captured.captured_queries)


def test_without_the_right_to_read_texts_the_numbers_are_the_same(person: Lead) -> None:
    with db.cursor() as cursor:
        cursor.execute("REVOKE ALL ON observed_messages FROM CURRENT_USER")
        cursor.execute(
            "GRANT SELECT (id, conversation_id, connection_id, direction, author_kind, sent_at, chatwoot_message_id) "
            "ON observed_messages TO CURRENT_USER"
        )
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("SELECT content FROM observed_messages")
    assert person.update(NOW).total_messages == 2


@pytest.mark.django_db(transaction=True)
def test_many_at_once_leave_one_current_row() -> None:
    person = lead(joined())
    person.talk((timezone.now() - timedelta(hours=1), "patient"))
    everybody, failed = threading.Barrier(4), list[DatabaseError]()

    def work(turn: int) -> None:
        try:
            everybody.wait(30)
            for _ in range(5):
                update_ai_insights(person.connection.pk, person.number)
        except DatabaseError as error:
            failed.append(error)
        finally:
            db.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _n in range(5):
        person.talk((timezone.now(), "patient"))
    for thread in threads:
        thread.join(60)
    person.update()
    rows = list(Insight.objects.order_by("valid_from").values_list("valid_from", "valid_to", "is_current"))
    assert failed == []
    assert [is_current for *_, is_current in rows] == [False] * (len(rows) - 1) + [True]
    assert all(one[1] == two[0] for one, two in itertools.pairwise(rows))
    assert Insight.objects.get(is_current=True).total_conversations == 6
