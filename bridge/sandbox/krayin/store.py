"""The simulated database: tables, links and attribute values in memory, optionally kept in a file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.sandbox.krayin.collation import Json
from bridge.sandbox.krayin.schema import COLUMNS, LINKS, WITH_VALUES

Row = dict[str, Any]

_FORMAT = 1
_JOURNAL_LENGTH = 2_000


class Links:
    """A many-to-many table, readable from both sides in the order the links were made."""

    def __init__(self) -> None:
        self._right: dict[int, list[int]] = {}
        self._left: dict[int, list[int]] = {}

    def add(self, left: int, right: int) -> None:
        if right not in self._right.get(left, ()):
            self._right.setdefault(left, []).append(right)
            self._left.setdefault(right, []).append(left)

    def remove(self, left: int, right: int) -> None:
        if right in self._right.get(left, ()):
            self._right[left].remove(right)
            self._left[right].remove(left)

    def of(self, left: int) -> list[int]:
        return list(self._right.get(left, ()))

    def back(self, right: int) -> list[int]:
        return list(self._left.get(right, ()))

    def drop_left(self, left: int) -> None:
        for right in self.of(left):
            self.remove(left, right)

    def drop_right(self, right: int) -> None:
        for left in self.back(right):
            self.remove(left, right)

    def pairs(self) -> list[tuple[int, int]]:
        return [(left, right) for left, rights in self._right.items() for right in rights]


class Store:
    """All rows. Whoever reads or writes holds `lock`; ids count up per table and are never reused."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {name: {} for name in COLUMNS}
        self.sequences: dict[str, int] = dict.fromkeys(COLUMNS, 0)
        self.links: dict[str, Links] = {name: Links() for name in LINKS}
        self.values: dict[str, dict[int, dict[int, Any]]] = {name: {} for name in WITH_VALUES}
        self.journals: dict[str, list[Row]] = {"stage_changes": [], "deliveries": [], "mails": []}
        self.counters: dict[str, dict[str, int]] = {"by_kind": {}, "refused": {}, "by_user": {}}
        self.dirty = True

    def table(self, name: str) -> dict[int, Row]:
        return self.tables[name]

    def rows(self, name: str) -> Iterator[Row]:
        return iter(self.tables[name].values())

    def get(self, name: str, row_id: object) -> Row | None:
        return self.tables[name].get(row_id) if isinstance(row_id, int) else None

    def insert(self, name: str, row: Row) -> Row:
        self.sequences[name] += 1
        row_id = self.sequences[name]
        stored = {**dict.fromkeys(COLUMNS[name]), **row, "id": row_id}
        self.tables[name][row_id] = stored
        self.dirty = True
        return stored

    def update(self, row: Row, changes: Row) -> None:
        row.update(changes)
        self.dirty = True

    def delete(self, name: str, row_id: int) -> None:
        self.tables[name].pop(row_id, None)
        self.dirty = True

    def attributes_of(self, entity_type: str) -> list[Row]:
        """Attributes of an entity in id order, which is the order their values are written in."""
        return [row for row in self.rows("attributes") if row["entity_type"] == entity_type]

    def attribute(self, entity_type: str, code: str) -> Row | None:
        return next((row for row in self.attributes_of(entity_type) if row["code"] == code), None)

    def value(self, entity_type: str, entity_id: int, code: str) -> Json:
        """The attribute-value copy of a field, None when there is none."""
        attribute = self.attribute(entity_type, code)
        return None if attribute is None else self.values[entity_type].get(entity_id, {}).get(attribute["id"])

    def set_value(self, entity_type: str, entity_id: int, attribute_id: int, value: Json) -> None:
        self.values[entity_type].setdefault(entity_id, {})[attribute_id] = value
        self.dirty = True

    def drop_values(self, entity_type: str, entity_id: int) -> None:
        self.values[entity_type].pop(entity_id, None)
        self.dirty = True

    def note(self, journal: str, entry: Row) -> None:
        """Appends to a journal that only the state page shows; the oldest entries fall off."""
        entries = self.journals[journal]
        entries.append(entry)
        if journal != "stage_changes":
            del entries[:-_JOURNAL_LENGTH]
        self.dirty = True

    def count(self, counter: str, key: str) -> None:
        kept = self.counters[counter]
        kept[key] = kept.get(key, 0) + 1
        self.dirty = True

    def dump(self) -> str:
        return json.dumps(
            {
                "format": _FORMAT,
                "tables": {name: list(rows.values()) for name, rows in self.tables.items()},
                "sequences": self.sequences,
                "links": {name: link.pairs() for name, link in self.links.items()},
                "values": self.values,
                "journals": self.journals,
                "counters": self.counters,
            },
            ensure_ascii=False,
        )

    def load(self, text: str) -> None:
        """Raises ValueError when the text is not a dump of this format."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError("not a state file of this simulator")
        try:
            self._fill(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("a state file of this simulator with parts missing") from error
        self.dirty = False

    def _fill(self, data: Row) -> None:
        self.clear()
        self.tables.update({name: {row["id"]: row for row in rows} for name, rows in data["tables"].items()})
        self.sequences.update(data["sequences"])
        for name, pairs in data["links"].items():
            for left, right in pairs:
                self.links[name].add(left, right)
        for entity_type, entities in data["values"].items():
            self.values[entity_type] = {
                int(entity): {int(key): value for key, value in held.items()} for entity, held in entities.items()
            }
        self.journals.update(data["journals"])
        self.counters.update(data["counters"])


def save(store: Store, path: Path) -> None:
    """Writes the store beside its file and moves it into place. The caller holds the lock."""
    text = store.dump()
    store.dirty = False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
