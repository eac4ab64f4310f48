"""Canaries, and every place where one of them must never turn up."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import redis
from celery.signals import before_task_publish
from django.conf import settings
from django.db import connection

DIGITS = re.compile(r"\D+")


@dataclass
class Canaries:
    """Texts by name. A telephone is recognised in every spelling, everything else without case and in every escape."""

    texts: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, text: str) -> str:
        self.texts[name] = text
        return text

    def in_text(self, text: str) -> set[str]:
        lowered = text.casefold()
        return {name for name, canary in self.texts.items() if any(form in lowered for form in forms_of(canary))}


def forms_of(canary: str) -> set[str]:
    """How a text looks after what programs do to texts."""
    if canary.startswith("+55"):
        number = DIGITS.sub("", canary)[2:]
        return {number, f"{number[:2]}) {number[2:7]}-{number[7:]}", f"{number[2:7]}-{number[7:]}", number[2:]}
    plain = canary.casefold()
    escaped = {json.dumps(canary)[1:-1], quote(canary), quote_plus(canary), repr(canary.encode())[2:-1]}
    return {plain, canary.encode().hex(), *(one.casefold() for one in escaped)}


class Listening(logging.Handler):
    """Writes every record of every logger down as a process would, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.said = StringIO()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.write(self.format(record) + "\n")


@contextmanager
def everything_logged() -> Iterator[Listening]:
    """All that is logged inside, as loudly as PONTE_LOG_LEVEL=DEBUG makes it."""
    listening, root = Listening(), logging.getLogger()
    level = root.level
    root.addHandler(listening)
    root.setLevel(logging.DEBUG)
    try:
        yield listening
    finally:
        root.setLevel(level)
        root.removeHandler(listening)


@contextmanager
def tasks_written_down() -> Iterator[list[str]]:
    """Every message that is handed to the broker inside: headers, arguments, all."""
    found: list[str] = []

    def note(sender: Any = None, body: Any = None, headers: Any = None, **more: Any) -> None:
        found.append(f"{sender} {body!r} {headers!r} {more!r}")

    before_task_publish.connect(note, weak=False)
    try:
        yield found
    finally:
        before_task_publish.disconnect(note)


def tables() -> list[str]:
    """Every table of every schema of ours that holds rows of its own, partitions included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def in_the_database(canaries: Canaries) -> dict[str, set[str]]:
    """By table which canaries stand in any column of any row; bytes are looked through as hexadecimal digits."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT string_agg(held::text, E'\\n') FROM ONLY {table} AS held")
            seen = canaries.in_text(cursor.fetchone()[0] or "")
            if seen:
                found[table] = seen
    return found


def in_redis(canaries: Canaries) -> dict[str, set[str]]:
    """By key which canaries stand in its name or value."""
    store = redis.Redis.from_url(settings.REDIS_URL)
    readers: Mapping[str, Callable[[bytes], Any]] = {
        "string": store.get,
        "list": lambda key: store.lrange(key, 0, -1),
        "hash": store.hgetall,
        "set": store.smembers,
        "zset": lambda key: store.zrange(key, 0, -1),
        "stream": store.xrange,
    }
    found: dict[str, set[str]] = {}
    for key in store.scan_iter(count=1000):
        kind = store.type(key).decode()
        value = readers[kind](key) if kind in readers else b""
        seen = canaries.in_text(f"{key!r} {plain(value)}")
        if seen:
            found[repr(key)] = seen
    return found


def plain(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def in_files(canaries: Canaries, folders: Iterable[Path]) -> dict[str, set[str]]:
    found = {}
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        seen = canaries.in_text(path.read_bytes().decode("latin-1"))
        # Other encodings of the file's text would hide the accents only; canaries are plain letters.
        if seen:
            found[path.name] = seen
    return found
