"""What the table `ai_insights` refuses and what it is able to say, whoever writes to it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from bridge.models import Connection, Krayin
from consent.models import Clinic
from insights.models import Insight

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LEAD = 101


@pytest.fixture
def joined() -> Connection:
    return Connection.objects.create(
        clinic=Clinic.objects.create(legal_name="Clínica Sol Ltda.", trade_name="Clínica Sol"),
        name="Clínica Sol",
        chatwoot_url="https://chat.example",
        chatwoot_account_id=1,
        krayin=Krayin.objects.create(base_url="https://crm.example"),
    )


def assert_refused(constraint: str, **fields: Any) -> None:
    before = Insight.objects.count()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Insight.objects.create(**fields)
    assert Insight.objects.count() == before


def test_a_lead_without_data_has_empty_numbers_instead_of_zeros(joined: Connection) -> None:
    Insight.objects.create(connection=joined, krayin_lead_id=LEAD)
    row = Insight.objects.get()
    assert (row.total_conversations, row.resolved_conversations, row.pending_conversations, row.total_messages) == (
        0,
    ) * 4
    assert (row.resolution_rate, row.average_response_time_minutes, row.average_messages_per_conversation) == (
        None,
    ) * 3
    assert (row.performance_score, row.trend, row.last_interaction_at, row.suggestions) == (None,) * 4
    assert (row.engagement_level, row.is_current, row.valid_to) == (Insight.Engagement.LOW, True, None)
    assert row.valid_from == row.calculated_at == row.created_at


def test_the_numbers_of_a_busy_lead_fit(joined: Connection) -> None:
    row = Insight.objects.create(
        connection=joined,
        krayin_lead_id=LEAD,
        total_conversations=2,
        resolved_conversations=1,
        pending_conversations=1,
        resolution_rate=Decimal("100.00"),
        average_messages_per_conversation=Decimal("1234.50"),
        performance_score=Decimal("10.0"),
        engagement_level=Insight.Engagement.HIGH,
        trend=Insight.Trend.DECLINING,
        suggestions=[{"id": "reply_now", "because": {"open_wait_min": 45}}],
    )
    row.refresh_from_db()
    assert (row.average_messages_per_conversation, row.performance_score) == (Decimal("1234.50"), Decimal("10.0"))


def test_a_lead_has_one_current_row_per_connection(joined: Connection) -> None:
    Insight.objects.create(connection=joined, krayin_lead_id=LEAD)
    assert_refused("ai_insights_one_current", connection=joined, krayin_lead_id=LEAD)


def test_the_same_lead_number_of_another_connection_is_another_lead(joined: Connection) -> None:
    other = Connection.objects.get(pk=joined.pk)
    other.pk, other.public_id, other.ref_code = None, "another", "another2"
    other.save(force_insert=True)
    for each in (joined, other):
        Insight.objects.create(connection=each, krayin_lead_id=LEAD)
    assert Insight.objects.filter(krayin_lead_id=LEAD, is_current=True).count() == 2


def test_history_touches_without_overlap(joined: Connection) -> None:
    for hours in (2, 1):
        start = NOON - timedelta(hours=hours)
        Insight.objects.create(
            connection=joined,
            krayin_lead_id=LEAD,
            valid_from=start,
            valid_to=start + timedelta(hours=1),
            is_current=False,
        )
    Insight.objects.create(connection=joined, krayin_lead_id=LEAD, valid_from=NOON)
    assert Insight.objects.filter(krayin_lead_id=LEAD).count() == 3


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_an_empty_or_reversed_validity_is_refused(joined: Connection, length: timedelta) -> None:
    times = {"valid_from": NOON, "valid_to": NOON + length, "is_current": False}
    assert_refused("ai_insights_half_open", connection=joined, krayin_lead_id=LEAD, **times)


@pytest.mark.parametrize("fields", [{"is_current": False}, {"valid_from": NOON, "valid_to": NOON + timedelta(hours=1)}])
def test_the_current_row_is_the_one_without_end(joined: Connection, fields: dict[str, Any]) -> None:
    assert_refused("ai_insights_current_is_open", connection=joined, krayin_lead_id=LEAD, **fields)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("ai_insights_engagement_level", {"engagement_level": "enormous"}),
        ("ai_insights_trend", {"trend": "sideways"}),
        ("ai_insights_score", {"performance_score": Decimal("10.1")}),
        ("ai_insights_score", {"performance_score": Decimal("-0.1")}),
        ("ai_insights_resolution_rate", {"resolution_rate": Decimal("100.01")}),
        ("ai_insights_averages", {"average_response_time_minutes": -1}),
        ("ai_insights_averages", {"average_messages_per_conversation": Decimal("-0.01")}),
        ("ai_insights_counts", {"total_messages": -1}),
        ("ai_insights_counts", {"total_conversations": 3, "resolved_conversations": 1, "pending_conversations": 1}),
        ("ai_insights_counts", {"resolved_conversations": 1, "pending_conversations": -1}),
    ],
)
def test_impossible_numbers_are_refused(joined: Connection, constraint: str, fields: dict[str, Any]) -> None:
    assert_refused(constraint, connection=joined, krayin_lead_id=LEAD, **fields)


def test_every_column_and_the_table_are_explained() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'ai_insights'::regclass AND attnum > 0 "
            "AND attname <> 'id' AND coalesce(col_description(attrelid, attnum), '') = ''"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT obj_description('ai_insights'::regclass, 'pg_class')")
        assert "one current row" in cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_the_migration_runs_back_and_forth() -> None:
    call_command("migrate", "insights", "zero", verbosity=0)
    try:
        assert "ai_insights" not in connection.introspection.table_names()
    finally:
        call_command("migrate", "insights", verbosity=0)
    assert "ai_insights" in connection.introspection.table_names()
