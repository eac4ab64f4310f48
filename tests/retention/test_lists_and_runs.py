"""Nothing leaves that was not listed, approved and still due; what a hold keeps is named and blocked."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from factories import clinic, user
from factories import connection as connected

from audit.models import AuditLog
from bridge.models import ActivityKey, ActivityMapping, Connection, ConversationMapping, ObservedConversation
from consent.datamap import OutOfBounds, Period
from consent.holds import Part, place
from consent.models import DataSubject, RetentionItem, RetentionPeriod, RetentionRun, User
from consent.retention import approving, periods, planning, running
from consent.retention.notes import Refused
from consent.roles import Role
from insights.models import Insight, InsightMark
from tests.holds.kept_people import order
from tests.retention.ended import (
    LATER,
    NOW,
    ago,
    approved,
    carried_out,
    dpo_of,
    left,
    relation,
    sql,
    talk,
)

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
State = RetentionRun.State


def subject_of(row: ConversationMapping) -> DataSubject:
    found = ObservedConversation.objects.select_related("contact__subject").get(
        connection=row.connection, chatwoot_conversation_id=row.chatwoot_conversation_id
    )
    return found.contact.subject


# The list -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_by_category_and_month_and_removes_nothing(sol: Connection) -> None:
    relation(sol, ago(years=5))
    relation(sol, ago(years=5, months=2))
    relation(sol, ago(years=4, months=11))
    run = planning.plan(sol.clinic, now=NOW)
    assert run.counts == {"conversations": {"2026-11": 1, "2026-09": 1}}
    assert run.forecast["conversations"] == {"2026-12": 1}
    assert (run.state, run.table_version) == (State.PLANNED, "1")
    assert not ConversationMapping.objects.filter(anonymized_at__isnull=False).exists()


def test_the_same_list_has_the_same_hash_and_another_has_another(sol: Connection) -> None:
    row = relation(sol, ago(years=6))
    first = planning.plan(sol.clinic, now=NOW).plan_hash
    assert planning.plan(sol.clinic, now=LATER).plan_hash == first
    assert RetentionRun.objects.filter(clinic=sol.clinic).count() == 1
    relation(sol, ago(years=7))
    second = planning.plan(sol.clinic, now=LATER).plan_hash
    ConversationMapping.objects.filter(pk=row.pk).delete()
    assert len({first, second, planning.plan(sol.clinic, now=LATER).plan_hash}) == 3


def test_one_living_conversation_keeps_the_whole_relation(sol: Connection) -> None:
    old = relation(sol, ago(years=6))
    person = ObservedConversation.objects.get(chatwoot_conversation_id=old.chatwoot_conversation_id).contact
    talk(person, ago(days=3))
    assert planning.plan(sol.clinic, now=NOW).state == State.NOTHING


def test_lists_hold_only_their_own_clinics_rows(sol: Connection) -> None:
    lua = connected(clinic("Clínica Lua"))
    relation(lua, ago(years=6))
    assert planning.plan(sol.clinic, now=NOW).listed == 0
    assert planning.plan(lua.clinic, now=NOW).listed == 1


# Approving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.AUDITOR, Role.TECHNICAL_ADMIN])
def test_only_the_dpo_approves_and_the_attempt_is_on_record(sol: Connection, role: Role) -> None:
    relation(sol, ago(years=6))
    run, other = planning.plan(sol.clinic, now=NOW), user(role, sol.clinic)
    with pytest.raises(Refused, match="not_permitted"):
        approving.approve(sol.clinic, run.plan_hash, by=other, now=NOW)
    row = AuditLog.objects.using("audit").get(action="retention.approve")
    assert (row.actor_id, row.outcome) == (other.pk, "denied")


def test_another_hash_than_the_lists_approves_nothing(sol: Connection, dpo: User) -> None:
    relation(sol, ago(years=6))
    planning.plan(sol.clinic, now=NOW)
    with pytest.raises(Refused, match="changed_meanwhile"):
        approving.approve(sol.clinic, "0" * 64, by=dpo, now=NOW)
    assert RetentionRun.objects.get().state == State.PLANNED


def test_what_was_approved_is_not_rewritten_by_the_next_dry_run_nor_by_anybody(sol: Connection, dpo: User) -> None:
    relation(sol, ago(years=6))
    run = approved(sol.clinic, by=dpo)
    relation(sol, ago(years=7))
    assert planning.plan(sol.clinic, now=LATER).pk == run.pk
    with pytest.raises(IntegrityError, match="keeps what was approved"), transaction.atomic():
        RetentionRun.objects.filter(pk=run.pk).update(plan_hash="1" * 64)
    assert RetentionRun.objects.get(pk=run.pk).plan_hash == run.plan_hash


def test_an_approval_begins_with_the_monthly_run_and_can_be_taken_back_until_then(sol: Connection, dpo: User) -> None:
    relation(sol, ago(years=6))
    run = approved(sol.clinic, by=dpo, at_once=False)
    assert running.run_due(now=LATER) == []
    approving.take_back(run, by=dpo, now=LATER)
    assert running.run_due(now=NOW + timedelta(days=40)) == []
    approving.approve(sol.clinic, run.plan_hash, by=dpo, now=LATER)
    assert carried_out(NOW + timedelta(days=11)).is_exact


def test_a_list_nobody_approved_is_not_carried_out(sol: Connection) -> None:
    relation(sol, ago(years=6))
    planning.plan(sol.clinic, now=NOW)
    assert running.run_due(now=NOW + timedelta(days=400), at_once=True) == []
    assert not ConversationMapping.objects.filter(anonymized_at__isnull=False).exists()


# Carrying out ---------------------------------------------------------------------------------------------------------


def test_exactly_the_approved_list_is_carried_out(sol: Connection, dpo: User) -> None:
    old, young = relation(sol, ago(years=6)), relation(sol, ago(years=4))
    approved(sol.clinic, by=dpo)
    late = relation(sol, ago(years=8))
    run = carried_out()
    assert (run.is_exact, run.done_chain, run.done) == (True, run.plan_hash, run.counts)
    old.refresh_from_db()
    assert old.anonymized_at == LATER
    # What fell due after the approval waits for the next list, where it is named.
    following = RetentionRun.objects.get(state=State.PLANNED)
    assert list(left(following)) == [str(late.pk)]
    assert ConversationMapping.objects.filter(anonymized_at=None, pk__in=[young.pk, late.pk]).count() == 2
    row = AuditLog.objects.get(action="retention.run")
    assert (row.fields, row.reason_code, row.clinic_id) == (["R02.1", "conversation-month.1"], "exact", sol.clinic_id)


def test_nothing_of_an_anonymous_conversation_leads_back(sol: Connection, dpo: User) -> None:
    row = relation(sol, ago(years=6, days=10))
    number, lead = row.chatwoot_conversation_id, row.krayin_lead_id
    Insight.objects.create(connection=sol, krayin_lead_id=lead, engagement_level="low", trend="stable")
    approved(sol.clinic, by=dpo)
    carried_out()
    row.refresh_from_db()
    assert (row.chatwoot_conversation_id, row.krayin_lead_id, row.message_count) == (-row.pk, -row.pk, 10)
    assert row.last_message_at is not None
    assert (row.last_message_at.day, row.last_message_at.hour) == (1, 0)
    assert not ActivityMapping.objects.filter(conversation_id=number).exists()
    assert not ActivityKey.objects.exists()
    assert not Insight.objects.filter(krayin_lead_id=lead).exists()
    assert not InsightMark.objects.filter(krayin_lead_id__in=[lead, -row.pk]).exists()
    # The patient's record is another matter.
    assert ObservedConversation.objects.filter(chatwoot_conversation_id=number).exists()


def test_who_writes_again_after_the_approval_stays_and_is_named(sol: Connection, dpo: User) -> None:
    back, gone = relation(sol, ago(years=6)), relation(sol, ago(years=6))
    approved(sol.clinic, by=dpo)
    ObservedConversation.objects.filter(chatwoot_conversation_id=back.chatwoot_conversation_id).update(
        last_activity_at=NOW
    )
    run = carried_out()
    assert (run.is_exact, run.kept, left(run)) == (False, {"conversations": {"changed": 1}}, {str(back.pk): "changed"})
    back.refresh_from_db()
    gone.refresh_from_db()
    assert (back.anonymized_at, gone.anonymized_at) == (None, LATER)


@pytest.mark.parametrize(
    ("scope", "part"),
    [
        ("person", Part()),
        ("all", Part()),
        ("category", Part(category="R02")),
        ("category", Part(category="R13")),
        ("conversation", None),
    ],
)
def test_a_hold_placed_after_the_approval_keeps_the_row_and_blocks_the_person(
    sol: Connection, dpo: User, scope: str, part: Part | None
) -> None:
    row = relation(sol, ago(years=6))
    person = subject_of(row)
    approved(sol.clinic, by=dpo)
    chosen = part if part is not None else Part(conversation=str(row.chatwoot_conversation_id))
    whose = None if scope == "all" else person
    place(sol.clinic, order(), scope=scope, by=dpo, now=NOW, subject=whose, part=chosen)
    run = carried_out()
    row.refresh_from_db()
    person.refresh_from_db()
    assert (row.anonymized_at, left(run)) == (None, {str(row.pk): "held"})
    assert (run.is_exact, run.done, run.kept) == (False, {}, {"conversations": {"held": 1}})
    assert person.blocked_at is not None


def test_a_hold_on_something_else_keeps_nothing(sol: Connection, dpo: User) -> None:
    row = relation(sol, ago(years=6))
    approved(sol.clinic, by=dpo)
    where = {"by": dpo, "now": NOW, "subject": subject_of(row)}
    place(sol.clinic, order(), scope="conversation", part=Part(conversation="77"), **where)
    place(sol.clinic, order(), scope="category", part=Part(category="R05"), **where)
    assert carried_out().is_exact


def test_what_is_held_when_the_list_is_made_is_a_conflict_and_not_on_it(sol: Connection, dpo: User) -> None:
    row = relation(sol, ago(years=6))
    place(sol.clinic, order(), scope="person", by=dpo, now=NOW, subject=subject_of(row))
    run = planning.plan(sol.clinic, now=NOW)
    assert (run.listed, run.conflicts, left(run)) == (0, {"conversations": {"held": 1}}, {str(row.pk): "held"})


@pytest.mark.parametrize(("reason", "stays"), [("authority", True), ("dpo", True), ("legal_minimum", False)])
def test_a_blocking_that_somebody_ordered_keeps_the_data(sol: Connection, dpo: User, reason: str, stays: bool) -> None:
    row = relation(sol, ago(years=6))
    sql(
        "INSERT INTO restrictions (id, subject_id, kind, reason, purpose, began_at) "
        "VALUES (gen_random_uuid(), %s, 'block', %s, '', now())",
        subject_of(row).pk,
        reason,
    )
    run = planning.plan(sol.clinic, now=NOW)
    assert (run.listed, run.conflicts) == ((0, {"conversations": {"blocked": 1}}) if stays else (1, {}))


class Crash(Exception):
    pass


def test_a_run_that_dies_goes_on_behind_its_last_batch(sol: Connection, dpo: User) -> None:
    for _n in range(25):
        relation(sol, ago(years=6))
    run = approved(sol.clinic, by=dpo)

    def die(_run: RetentionRun) -> None:
        raise Crash

    with pytest.raises(Crash):
        running.run_due(now=LATER, tell=die)
    first = ConversationMapping.objects.filter(anonymized_at__isnull=False).count()
    assert 0 < first < 25
    assert running.run_due(now=LATER) == []  # somebody may still be at work
    RetentionRun.objects.filter(pk=run.pk).update(lease_until=None)
    done = carried_out(LATER + timedelta(minutes=5))
    assert (done.is_exact, done.done) == (True, {"conversations": {"2025-11": 25}})
    assert ConversationMapping.objects.filter(anonymized_at=LATER).count() == first


def test_a_worker_that_lost_its_run_removes_nothing_more(sol: Connection, dpo: User) -> None:
    for _n in range(25):
        relation(sol, ago(years=6))
    run = approved(sol.clinic, by=dpo)

    def somebody_else_claims(_run: RetentionRun) -> None:
        sql("UPDATE retention_runs SET token = token + 1 WHERE id = %s", run.pk)

    assert running.run_due(now=LATER, tell=somebody_else_claims) == []
    gone = ConversationMapping.objects.filter(anonymized_at__isnull=False).count()
    assert gone == 25 - RetentionItem.objects.filter(run=run).count()
    assert gone < 25


# Periods --------------------------------------------------------------------------------------------------------------


def test_a_clinic_chooses_within_the_bounds_and_every_choice_is_a_version(sol: Connection, dpo: User) -> None:
    relation(sol, ago(years=4))
    told = {"by": dpo, "now": NOW}
    periods.choose(sol.clinic, "R02", Period(years=3), reason="Decisão da direção", **told)
    assert planning.plan(sol.clinic, now=NOW).listed == 1
    periods.choose(sol.clinic, "R02", Period(years=10), reason="Ação em curso", **told)
    run = planning.plan(sol.clinic, now=NOW)
    assert (run.listed, run.periods["R02"]) == (0, [10, 0, 0, 0])
    assert [row.number for row in RetentionPeriod.objects.order_by("number")] == [1, 2]
    with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
        RetentionPeriod.objects.update(years=1)


@pytest.mark.parametrize(
    ("code", "period"), [("R01", Period(years=19)), ("R03", Period(months=25)), ("R07", Period(years=4))]
)
def test_no_clinic_leaves_the_bounds(sol: Connection, dpo: User, code: str, period: Period) -> None:
    with pytest.raises(OutOfBounds, match=code):
        periods.choose(sol.clinic, code, period, reason="x", by=dpo, now=NOW)
    assert not RetentionPeriod.objects.exists()


def test_a_period_nothing_goes_by_cannot_be_chosen(sol: Connection, dpo: User) -> None:
    with pytest.raises(Refused, match="fixed"):
        periods.choose(sol.clinic, "R10", Period(days=20), reason="x", by=dpo, now=NOW)


def test_tables_of_several_clinics_wait_for_the_longest_period(sol: Connection, dpo: User) -> None:
    lua = connected(clinic("Clínica Lua")).clinic
    periods.choose(lua, "R02", Period(years=8), reason="x", by=dpo_of(lua), now=NOW)
    assert periods.of_installation()["R02"] == Period(years=8)
    assert periods.of_clinic(sol.clinic)["R02"] == Period(years=5)
