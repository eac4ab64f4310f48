"""What keeps a row of the draft from being published, or from doing what people expect."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.fields.convert import FITTING
from bridge.fields.lists import Known, known
from bridge.fields.mapping import WRITABLE, Entity, Row, resets_nothing
from bridge.models import Connection, FieldRow


class Trouble(StrEnum):
    CHATWOOT_GONE = "chatwoot_gone"
    KRAYIN_GONE = "krayin_gone"
    NO_CATEGORY = "no_category"
    UNFIT = "unfit"  # the conversion does not give what the field takes
    NOT_READABLE = "not_readable"
    NOT_WRITABLE = "not_writable"
    TWICE = "twice"
    BACK_IS_OFF = "back_is_off"
    ONLY_NEW = "only_new"


# These are told, and do not stand in the way.
HINTS = frozenset({Trouble.BACK_IS_OFF, Trouble.ONLY_NEW})


@dataclass(frozen=True)
class Line:
    """One row of the draft as people see it."""

    draft: FieldRow
    row: Row
    trouble: Trouble | None

    @property
    def is_bad(self) -> bool:
        return self.trouble is not None and self.trouble not in HINTS


def lines_of(connection: Connection, lists: Known | None = None) -> list[Line]:
    """The draft with its troubles: one query, two where the lists are not at hand."""
    lists = lists or known(connection)
    drafts = list(FieldRow.objects.filter(connection=connection))
    rows = [lists.row(draft) for draft in drafts]
    written = Counter(target for row in rows for target in _written(row))
    return [
        Line(draft, row, _trouble(connection, row, lists, written, rows))
        for draft, row in zip(drafts, rows, strict=True)
    ]


def _written(row: Row) -> list[str]:
    """The fields this row writes."""
    return [row.target] * row.to_krayin + [row.chatwoot] * row.to_chatwoot


def _trouble(
    connection: Connection, row: Row, lists: Known, written: Counter[str], rows: Sequence[Row]
) -> Trouble | None:
    found = {
        Trouble.CHATWOOT_GONE: lists.is_gone(row.chatwoot, lists.chatwoot),
        Trouble.KRAYIN_GONE: lists.is_gone(row.target, lists.krayin),
        Trouble.UNFIT: row.conversion not in FITTING.get(row.type, ()),
        Trouble.NOT_READABLE: row.to_chatwoot and not row.is_readable,
        Trouble.NOT_WRITABLE: row.to_chatwoot and not row.chatwoot.startswith(WRITABLE),
        Trouble.TWICE: any(written[name] > 1 for name in _written(row)),
        Trouble.NO_CATEGORY: not row.category,
        Trouble.BACK_IS_OFF: row.to_chatwoot and not connection.krayin_to_chatwoot,
        Trouble.ONLY_NEW: row.entity == Entity.LEAD and not resets_nothing(connection, rows),
    }
    return next((trouble for trouble, holds in found.items() if holds), None)
