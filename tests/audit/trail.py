"""A trail to tamper with, as the tables' owner can with all guards down."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from audit.checkpoints import tell_all
from audit.models import Segment
from audit.sealing import seal_all
from audit.services import Entry, record_many
from audit.verifying import check


def write(rows: int, *, action: str = "reveal") -> None:
    entries = [Entry(action=action, actor_type="system", actor_id=f"job{number}") for number in range(rows)]
    record_many(entries, own_connection=False)


def sealed_trail(*sizes: int) -> None:
    """One segment of each size, told to the places outside."""
    for size in sizes:
        write(size)
        seal_all()
    assert tell_all() == {}


def sql(statement: str, params: Sequence[Any] = ()) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchall() if cursor.description else []


def guards_down() -> None:
    """What only the tables' owner can do: every trigger off, every privilege taken back."""
    turn("DISABLE")


def guards_up() -> None:
    turn("ENABLE")


def turn(verb: str) -> None:
    sql(f"""
        DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relname LIKE 'audit%' AND c.relkind IN ('r', 'p')
        LOOP
            EXECUTE format('ALTER TABLE %s {verb} TRIGGER USER', name);
            EXECUTE format('GRANT ALL ON %s TO CURRENT_USER', name);
        END LOOP; END $$
    """)


def findings(*, full: bool = True) -> list[tuple[str, str]]:
    return [(str(finding.kind), finding.where) for finding in check(full=full).findings]


def kinds(*, full: bool = True) -> set[str]:
    return {kind for kind, _where in findings(full=full)}


def row_at(position: int) -> int:
    """Id of the audit row at a position of the chain."""
    return int(sql("SELECT entry_id FROM audit_seals WHERE position = %s", [position])[0][0])


def last_position() -> int:
    return Segment.objects.order_by("-number")[0].last_position
