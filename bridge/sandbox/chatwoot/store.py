"""All rows of the simulated Chatwoot in memory, with one lock, one clock, and a file that survives a restart."""

from __future__ import annotations

import copy
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from . import rows
from .rows import MICROSECONDS, TIME_COLUMNS, Json, Row, Value, iso

RowT = TypeVar("RowT")

# Chatwoot's ids are sequences of the installation; these continue where the contract's examples stop.
FIRST_IDS = {
    "contacts": 4182,
    "contact_inboxes": 5906,
    "conversations": 52001,
    "messages": 90551,
    "attachments": 3314,
    "webhooks": 11,
}
FIRST_DISPLAY_ID = 1287

TABLES: dict[str, type[Any]] = {
    "accounts": rows.Account,
    "users": rows.User,
    "teams": rows.Team,
    "inboxes": rows.Inbox,
    "contacts": rows.Contact,
    "contact_inboxes": rows.ContactInbox,
    "conversations": rows.Conversation,
    "messages": rows.Message,
    "webhooks": rows.Webhook,
    "labels": rows.Label,
    "attribute_definitions": rows.AttributeDefinition,
    "dashboard_apps": rows.DashboardApp,
    "notes": rows.Note,
    "batches": rows.Batch,
}
_TABLE_OF_TYPE = {row_type: name for name, row_type in TABLES.items()}


class NotFound(Exception):
    """No such row, or it belongs to another account."""


class Store:
    """Rows by table and id. Every access happens with `lock` held; nothing here blocks on a network."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[int, rows.Account] = {}
        self.users: dict[int, rows.User] = {}
        self.teams: dict[int, rows.Team] = {}
        self.inboxes: dict[int, rows.Inbox] = {}
        self.contacts: dict[int, rows.Contact] = {}
        self.contact_inboxes: dict[int, rows.ContactInbox] = {}
        self.conversations: dict[int, rows.Conversation] = {}
        self.messages: dict[int, rows.Message] = {}
        self.webhooks: dict[int, rows.Webhook] = {}
        self.labels: dict[int, rows.Label] = {}
        self.attribute_definitions: dict[int, rows.AttributeDefinition] = {}
        self.dashboard_apps: dict[int, rows.DashboardApp] = {}
        self.notes: dict[int, rows.Note] = {}
        self.batches: dict[int, rows.Batch] = {}
        self.counters: dict[str, int] = {}
        self.changes = 0
        self._clock = clock
        self._last_now = 0
        self._by_display: dict[tuple[int, int], int] = {}
        self._by_conversation: dict[int, list[rows.Message]] = defaultdict(list)

    def now(self) -> int:
        """Microseconds, strictly increasing."""
        self._last_now = max(self._last_now + 1, int(self._clock() * MICROSECONDS))
        return self._last_now

    def next_id(self, table: str) -> int:
        value = self.counters.get(table, FIRST_IDS.get(table, 1))
        self.counters[table] = value + 1
        return value

    def next_display_id(self, account_id: int) -> int:
        name = f"display_id:{account_id}"
        value = self.counters.get(name, FIRST_DISPLAY_ID)
        self.counters[name] = value + 1
        return value

    # -- writing

    def add(self, row: RowT) -> RowT:
        """Adds one row to the table of its class."""
        table = _table_of(row)
        key = row.id  # type: ignore[attr-defined]
        getattr(self, table)[key] = row
        # Examples bring their own ids; a counter never hands out one of them again.
        self.counters[table] = max(self.counters.get(table, FIRST_IDS.get(table, 1)), key + 1)
        self._index(row)
        self.changes += 1
        return row

    def update(self, row: Row, **values: Value) -> list[Json]:
        """Sets columns and returns `changed_attributes` (contract 5.9), empty when nothing differs.

        A row's `updated_at` grows by at least a millisecond each time: it is a version field for receivers.
        """
        different = {name: value for name, value in values.items() if getattr(row, name) != value}
        if not different:
            return []
        moment = max(self.now(), row.updated_at + 1000)
        changed = []
        for name, value in {**different, "updated_at": moment}.items():
            previous = getattr(row, name)
            setattr(row, name, value)
            changed.append(change(name, previous, value))
        self.changes += 1
        return changed

    def touch(self, row: Row, **columns: Value) -> None:
        """Sets columns without an event: what Rails calls `update_columns` and `touch`."""
        for name, value in columns.items():
            setattr(row, name, value)
        row.updated_at = max(self.now(), row.updated_at + 1000)
        self.changes += 1

    def remove(self, row: Row) -> None:
        getattr(self, _table_of(row)).pop(row.id, None)
        if isinstance(row, rows.Conversation):
            self._by_display.pop((row.account_id, row.display_id), None)
            self._by_conversation.pop(row.id, None)
        elif isinstance(row, rows.Message) and row.conversation_id in self._by_conversation:
            self._by_conversation[row.conversation_id].remove(row)
        self.changes += 1

    # -- reading

    def of_account(self, table: str, account_id: int) -> list[Any]:
        return [row for row in getattr(self, table).values() if row.account_id == account_id]

    def get(self, table: str, row_id: int, account_id: int) -> Row:
        """The row. Raises `NotFound` when it is unknown or belongs to another account."""
        row = getattr(self, table).get(row_id)
        if row is None or row.account_id != account_id:
            raise NotFound(f"{table} {row_id}")
        return row

    def conversation(self, display_id: int, account_id: int) -> rows.Conversation:
        """By the number Chatwoot shows. Raises `NotFound`, also while its contact is already deleted."""
        row_id = self._by_display.get((account_id, display_id))
        found = None if row_id is None else self.conversations.get(row_id)
        if found is None or found.contact_id not in self.contacts:
            raise NotFound(f"conversation {display_id}")
        return found

    def live_conversations(self, account_id: int) -> list[rows.Conversation]:
        return [row for row in self.of_account("conversations", account_id) if row.contact_id in self.contacts]

    def conversations_of(self, contact_id: int) -> list[rows.Conversation]:
        return [row for row in self.conversations.values() if row.contact_id == contact_id]

    def contact_inboxes_of(self, contact_id: int) -> list[rows.ContactInbox]:
        return [row for row in self.contact_inboxes.values() if row.contact_id == contact_id]

    def messages_of(self, conversation: rows.Conversation) -> list[rows.Message]:
        """In the order of creation."""
        return self._by_conversation.get(conversation.id, [])

    def last_message(
        self, conversation: rows.Conversation, keep: Callable[[rows.Message], bool] = lambda message: True
    ) -> rows.Message | None:
        return next((message for message in reversed(self.messages_of(conversation)) if keep(message)), None)

    def unread_count(self, conversation: rows.Conversation) -> int:
        """Incoming messages after the agent last looked, capped at 10 (contract 5.6)."""
        seen = conversation.agent_last_seen_at or 0
        count = 0
        for message in reversed(self.messages_of(conversation)):
            if message.created_at <= seen or count == 10:
                break
            count += message.message_type == "incoming"
        return count

    # -- keeping

    def snapshot(self) -> Json:
        tables = {name: [asdict(row) for row in getattr(self, name).values()] for name in TABLES}
        return {"counters": dict(self.counters), "last_now": self._last_now, "tables": tables}

    def restore(self, data: Json) -> None:
        self.clear()
        self._last_now = data["last_now"]
        for name, row_type in TABLES.items():
            for values in data["tables"].get(name, []):
                self.add(row_type(**values))
        self.counters.update(data["counters"])

    def clear(self) -> None:
        """Forgets every row; the clock never goes back."""
        for name in TABLES:
            getattr(self, name).clear()
        self.counters.clear()
        self._by_display.clear()
        self._by_conversation.clear()
        self.changes += 1

    def save(self, path: Path) -> None:
        """Writes the whole state beside `path` and renames it into place."""
        with self.lock:
            text = json.dumps(self.snapshot(), ensure_ascii=False, separators=(",", ":"))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Raises ValueError when the file is not one of ours."""
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"counters", "last_now", "tables"} <= data.keys():
            raise ValueError(f"{path} is not a saved state of the Chatwoot sandbox")
        with self.lock:
            self.restore(data)

    def _index(self, row: Row) -> None:
        if isinstance(row, rows.Conversation):
            self._by_display[(row.account_id, row.display_id)] = row.id
        elif isinstance(row, rows.Message):
            self._by_conversation[row.conversation_id].append(row)


def change(name: str, previous: Value, current: Value) -> Json:
    """One entry of `changed_attributes`: whole values before and after, times as ISO text."""
    if name in TIME_COLUMNS:
        previous, current = iso(previous), iso(current)
    return {name: {"previous_value": copy.deepcopy(previous), "current_value": copy.deepcopy(current)}}


def _table_of(row: Row) -> str:
    return _TABLE_OF_TYPE[type(row)]
