"""Months of links leave as a whole once nothing in them is needed; a hold on a category keeps whole partitions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as db
from factories import contact, link

from bridge.models import ActivityKey, ActivityMapping, Connection
from config.db import catalogue, partitions
from config.db.partitions import Action, ActionKind, Partitioned, Step
from consent.holds import Part, place, release
from consent.models import LegalHold, User
from consent.retention import planning
from tests.holds.kept_people import order
from tests.retention.ended import NOW, approved, carried_out, left, sql

OLD = datetime(2021, 9, 1, tzinfo=UTC)
LOGS = Partitioned("access_logs", "created_at", Step.MONTH, keep=timedelta(days=184))


def names(table: str) -> set[str]:
    return {one.name for one in catalogue.partitions(db, table)}


@pytest.fixture
def old_months() -> Iterator[list[str]]:
    """Two months of links, more than five years old."""
    made = []
    for start in (OLD, Step.MONTH.following(OLD)):
        made.append(f"activity_mappings_old{start:%m}")
        partitions.create(
            db, Action(ActionKind.CREATE, "activity_mappings", made[-1], start, Step.MONTH.following(start))
        )
    yield made
    for name in made:
        sql(f"DROP TABLE IF EXISTS {name}")


def note(of: Connection, conversation: int, at: datetime) -> None:
    ActivityKey.objects.create(connection=of, chatwoot_message_id=conversation, created_at=at)
    ActivityMapping.objects.create(
        connection=of, chatwoot_message_id=conversation, krayin_activity_id=1, conversation_id=conversation,
        message_type="incoming", created_at=at,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_month_nobody_needs_is_dropped_and_one_that_is_needed_is_named(
    sol: Connection, dpo: User, old_months: list[str]
) -> None:
    note(sol, 801, OLD + timedelta(days=3))  # nobody knows the conversation any more
    note(sol, 802, OLD + timedelta(days=40))
    link(contact(sol), conversations=[802])
    run = approved(None, by=dpo)
    assert (sum(run.counts["partitions"].values()), run.conflicts) == (1, {"partitions": {"needed": 1}})
    done = carried_out()
    assert (done.is_exact, done.done) == (True, run.counts)
    assert names("activity_mappings") & set(old_months) == {old_months[1]}
    assert list(ActivityKey.objects.values_list("chatwoot_message_id", flat=True)) == [802]


@pytest.mark.django_db(databases=["default", "audit"])
def test_access_logs_stay_while_an_order_keeps_their_category(sol: Connection, dpo: User) -> None:
    old = Step.MONTH.start(NOW - timedelta(days=300))
    create = Action(ActionKind.CREATE, "access_logs", "access_logs_old", old, Step.MONTH.following(old))
    partitions.create(db, create)
    drop = ("drop", "access_logs_old")

    def planned() -> set[tuple[str, str]]:
        return {(one.kind.value, one.name) for one in partitions.plan(NOW, tables=[LOGS])}

    assert drop in planned()
    hold = place(sol.clinic, order(), scope="category", by=dpo, now=NOW, part=Part(category="R08"))
    assert drop not in planned()
    release(hold, by=dpo, reason=LegalHold.Release.ORDER_LIFTED, now=NOW)
    assert drop in planned()


@pytest.mark.django_db(databases=["default", "audit"])
def test_a_held_category_keeps_its_partitions_when_the_list_is_made(
    sol: Connection, dpo: User, old_months: list[str]
) -> None:
    place(sol.clinic, order(), scope="category", by=dpo, now=NOW, part=Part(category="R02"))
    run = planning.plan(None, now=NOW)
    assert (run.listed, set(left(run).values())) == (0, {"held"})
