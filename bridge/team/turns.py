"""Whom a record is made with, decided just before the call: by what was planned, or by whose turn it is."""

from django.db import transaction
from django.db.models import F

from bridge.models import Connection, Effect, Owner, OwnerRule
from bridge.sync.plan import Step
from bridge.sync.work import Attempt
from bridge.team import directory
from bridge.team.choose import NOBODY, ROUND_ROBIN
from bridge.team.lists import owners_of, today_of


def owner_for(attempt: Attempt, step: Step) -> int | None:
    """The Krayin user a new record names; None: nobody. No call more, except after a doubtful one.

    An unknown user ends as a 500 like any other (contract Krayin 20.4): before a second try the list is read again.
    """
    work = attempt.work
    owners = work.loaded.state.settings.owners
    if owners == NOBODY:
        return None
    effect = attempt.effect(step)
    if effect.looked_up_at:
        directory.refresh(work.connection, work.client)
        work.connection = Connection.objects.select_related("clinic", "krayin", "owner_rule").get(pk=work.connection.pk)
        owners = owners_of(work.connection)
    if owners.rule == ROUND_ROBIN and step.kind == Effect.Kind.CREATE_LEAD:
        return take_turn(work.connection, effect) or owners.default
    return step.owner_id if step.owner_id in owners.may_get else owners.default


def take_turn(connection: Connection, effect: Effect) -> int | None:
    """Whose turn it is; the same person for the same step as long as that person may get it. None: nobody is there.

    Who waited longest is next. The row of the rule orders all who ask at once, so no turn is given twice or lost.
    """
    today = today_of(connection)
    with transaction.atomic():
        rule = OwnerRule.objects.select_for_update(of=("self",)).get(connection=connection)
        rows = Owner.objects.filter(connection=connection, takes_turns=True).order_by("last_turn", "pk")
        waiting = [row for row in rows if row.may_get(today)]
        held = Effect.objects.values_list("owner_id", flat=True).get(pk=effect.pk)
        if held in {row.number for row in waiting}:
            return held
        if not waiting:
            return None
        OwnerRule.objects.filter(pk=rule.pk).update(turn=F("turn") + 1)
        Owner.objects.filter(pk=waiting[0].pk).update(last_turn=rule.turn + 1)
        Effect.objects.filter(pk=effect.pk).update(owner_id=waiting[0].number)
        return waiting[0].number
