"""One mapped field as planning and converting see it, and the rows a connection has published."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bridge.models import Connection, FieldRow

Direction = FieldRow.Direction
Entity = FieldRow.Entity

# Kept with every contact already; all other fields only where a mapping names them.
STANDARD = {"contact.name": "name", "contact.email": "email", "contact.phone": "phone", "contact.company": "company"}
WRITABLE = "contact.custom."  # the only fields of Chatwoot that take a value from Krayin
# What Krayin's answers show; own attributes are in none of them (contract Krayin 12.3).
READABLE = frozenset({"person.job_title", "lead.lead_value", "lead.expected_close_date", "lead.description"})


@dataclass(frozen=True)
class Row:
    """`options` are Krayin's, by number; `type` is Krayin's and `chat_type` Chatwoot's word for the kind of field."""

    chatwoot: str
    entity: str
    code: str
    conversion: str
    direction: str
    winner: str
    category: str
    label: str = ""
    type: str = "text"
    chat_type: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same in every version that joins the same two fields in the same way."""
        return hashlib.sha256(f"{self.chatwoot}>{self.target}:{self.conversion}".encode()).hexdigest()[:8]

    @property
    def target(self) -> str:
        return f"{self.entity}.{self.code}"

    @property
    def to_krayin(self) -> bool:
        return self.direction != Direction.CHATWOOT

    @property
    def to_chatwoot(self) -> bool:
        return self.direction != Direction.KRAYIN

    @property
    def is_readable(self) -> bool:
        return self.target in READABLE

    @property
    def attribute(self) -> str:
        """Key of the contact's custom attribute."""
        return self.chatwoot.removeprefix(WRITABLE)

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def rows_of(connection: Connection) -> list[Row]:
    """The published rows whose two fields still exist; none, and no query, where nothing was published."""
    if connection.field_version_id is None or connection.field_version is None:
        return []
    gone = set(connection.field_gone)
    rows = [Row(**stored) for stored in connection.field_version.rows]
    return [row for row in rows if not {row.chatwoot, row.target} & gone]


def watched(rows: Iterable[Row]) -> set[str]:
    """The fields of Chatwoot whose values have to be kept for these rows."""
    return {row.chatwoot for row in rows} - STANDARD.keys()


def resets_nothing(connection: Connection, rows: Sequence[Row]) -> bool:
    """Whether opportunities can be edited: Krayin clears every yes/no field it does not get (contract Krayin 12.6)."""
    sent = {row.code for row in rows if row.entity == Entity.LEAD and row.to_krayin}
    return set(connection.lead_booleans) <= sent
