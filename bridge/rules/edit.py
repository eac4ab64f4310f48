"""Change the ordered list of a connection. Each change leaves its audit rows in the same transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from bridge.models import Connection, StageRule

MOST = 50


class TooManyRules(Exception):
    """The list is full; take one away first."""


@dataclass(frozen=True)
class Draft:
    """A rule as chosen on the screen, with the names that were shown."""

    when: str
    value: str
    value_name: str
    pipeline_id: int
    stage_id: int
    stage_name: str
    is_enabled: bool


@contextmanager
def _locked(connection: Connection) -> Iterator[list[StageRule]]:
    """The list, to be changed by one person at a time."""
    with transaction.atomic():
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        yield list(StageRule.objects.filter(connection=connection).order_by("position"))


def add(connection: Connection, draft: Draft) -> StageRule:
    """Append a rule. Raises TooManyRules."""
    with _locked(connection) as rows:
        if len(rows) >= MOST:
            raise TooManyRules
        last = rows[-1].position if rows else 0
        return StageRule.objects.create(connection=connection, position=last + 1, **vars(draft))


def change(rule: StageRule, draft: Draft) -> None:
    """Put what was chosen in the place of what the rule said."""
    for name, value in vars(draft).items():
        setattr(rule, name, value)
    rule.save(update_fields=[*vars(draft)])


def enable(rule: StageRule, *, is_enabled: bool) -> None:
    rule.is_enabled = is_enabled
    rule.save(update_fields=["is_enabled"])


def move(rule: StageRule, *, up: bool) -> bool:
    """Exchange places with the neighbour; False at the end of the list."""
    with _locked(rule.connection) as rows:
        place = next((i for i, row in enumerate(rows) if row.pk == rule.pk), None)
        other = None if place is None else place - 1 if up else place + 1
        if place is None or other is None or not 0 <= other < len(rows):
            return False
        here, there = rows[place], rows[other]
        here.position, there.position = there.position, here.position
        here.save(update_fields=["position"])
        there.save(update_fields=["position"])
        return True


def remove(rule: StageRule) -> None:
    rule.delete()


def switch(connection: Connection, *, on: bool) -> None:
    """Let the rules move opportunities, or none of them."""
    connection.stage_progression_enabled = on
    connection.save(update_fields=["stage_progression_enabled", "updated_at"])
