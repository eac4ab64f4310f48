"""Telling places outside the database how far the chain has come (lgpd 14.3, anchors).

A place is a directory, which gets the file `audit-checkpoints.jsonl`, or an https address, which gets each line by POST.
Who cuts or rebuilds the trail in the database cannot reach both places.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.db.models.functions import Now

from audit.models import Checkpoint, Segment

log = logging.getLogger(__name__)

FILE = "audit-checkpoints.jsonl"
BATCH = 500
BLOCK = 1 << 16
TIMEOUT_S = 5


class PlaceUnusable(Exception):
    """The place took nothing; the next run tries again from where it stands. The message is a code, never a value."""


def places() -> list[str]:
    return list(settings.AUDIT_CHECKPOINTS)


def tell_all() -> dict[str, str]:
    """Bring every place up to date; return the problems by place. One that fails does not hold up the others."""
    problems = {}
    for place in places():
        try:
            tell(place)
        except PlaceUnusable as error:
            problems[place] = str(error)
            Checkpoint.objects.update_or_create(place=place, defaults={"problem": str(error)[:100]})
            log.warning("audit.checkpoint place=%s problem=%s", places().index(place), error)
    return problems


def tell(place: str) -> int:
    """Write the segments this place has not been told of; return how many. Raises PlaceUnusable.

    Told twice after a crash between writing and noting: a line says the same every time.
    """
    told, _created = Checkpoint.objects.get_or_create(place=place)
    count = 0
    while batch := list(Segment.objects.filter(number__gt=told.segment).order_by("number")[:BATCH]):
        append(place, [line(segment) for segment in batch])
        told.segment = batch[-1].number
        count += len(batch)
        Checkpoint.objects.filter(place=place).update(segment=told.segment, written_at=Now(), problem="")
    return count


def line(segment: Segment) -> dict[str, Any]:
    return {**segment.facts(), "digest": bytes(segment.digest).hex(), "mac": bytes(segment.mac).hex()}


def append(place: str, lines: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n" for facts in lines)
    if place.startswith("https://"):
        return post(place, text)
    try:
        folder = Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PlaceUnusable(f"os_error_{error.errno}") from error


def post(place: str, text: str) -> None:
    headers = {"Content-Type": "application/jsonl"}
    try:
        answer = requests.post(place, data=text.encode(), headers=headers, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        raise PlaceUnusable("unreachable") from error
    if answer.status_code >= 300:
        raise PlaceUnusable(f"status_{answer.status_code}")


def read(place: str) -> Iterator[dict[str, Any]]:
    """The checkpoints a directory holds, newest first; a torn line is left out. Addresses are not read back."""
    if place.startswith("https://"):
        return
    path = Path(place) / FILE
    if not path.exists():
        return
    for text in backwards(path):
        try:
            held = json.loads(text)
        except ValueError:
            continue
        if isinstance(held, dict):
            yield held


def backwards(path: Path) -> Iterator[bytes]:
    """The file's lines, last first: the hourly check needs the newest few of many."""
    with path.open("rb") as file:
        at, rest = file.seek(0, os.SEEK_END), b""
        while at:
            size = min(BLOCK, at)
            at -= size
            file.seek(at)
            first, *whole = (file.read(size) + rest).split(b"\n")
            yield from reversed(whole)
            rest = first
        yield rest
